//! The two tables that hold the rows of a data table: the current ones, and those that corrections took the place of.

use champion_market_data::{Exchange, Table, TradeDate};

use crate::curated::{Session, SessionVersion};

/// Where the rows of a version stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shelf {
    /// `<table>`: one version of each session, the newest.
    Current,
    /// `<table>_history`: every version before it, by natural key and version.
    History,
}

/// Exchange code and day as the rows say them; the version where a shelf holds several, otherwise 0.
pub(crate) type Place = (String, i32, u32);

impl Shelf {
    /// Returns the table's name on this shelf.
    pub(crate) fn collection(self, table: Table) -> String {
        match self {
            Self::Current => table.to_string(),
            Self::History => format!("{table}_history"),
        }
    }

    /// Returns the SQL of a row's place, as the columns `exchange_code`, `day` and `place_version`.
    pub(crate) fn sql_place(self, table: Table) -> String {
        let version = match self {
            Self::Current => "toUInt32(0)",
            Self::History => "version",
        };
        format!(
            "toString({}) AS exchange_code, toInt32({}) AS day, {version} AS place_version",
            table.spec().key[0],
            table.spec().date_column
        )
    }

    /// Returns the place of a version's rows.
    pub(crate) fn place(self, id: &SessionVersion) -> Place {
        let version = match self {
            Self::Current => 0,
            Self::History => id.version,
        };
        (id.exchange.code().to_owned(), id.trade_date.days_since_epoch(), version)
    }

    /// Returns the condition that holds for the rows of the sessions, with the range of dates for the choice of partitions.
    pub(crate) fn filter(self, table: Table, sessions: &[Session]) -> String {
        let places = sessions.iter().map(|Session { id, .. }| (id.exchange, id.trade_date, id.version));
        match self {
            Self::Current => filter(table, &places.map(|(exchange, date, _)| (exchange, date)).collect::<Vec<_>>()),
            Self::History => {
                let sessions: Vec<_> = places.clone().map(|(exchange, date, _)| (exchange, date)).collect();
                let versions: Vec<String> = places.map(|(_, _, version)| version.to_string()).collect();
                format!("{} AND version IN ({})", filter(table, &sessions), versions.join(", "))
            }
        }
    }
}

/// Returns the condition that holds for the rows of the sessions, whatever their version.
fn filter(table: Table, sessions: &[(Exchange, TradeDate)]) -> String {
    let (exchange, date) = (table.spec().key[0], table.spec().date_column);
    let pairs: Vec<String> =
        sessions.iter().map(|(exchange, date)| format!("('{}', '{date}')", exchange.code())).collect();
    let first = sessions.iter().map(|(_, date)| *date).min();
    let last = sessions.iter().map(|(_, date)| *date).max();
    match (first, last) {
        (Some(first), Some(last)) => {
            format!("{date} BETWEEN '{first}' AND '{last}' AND ({exchange}, {date}) IN ({})", pairs.join(", "))
        }
        _ => "false".to_owned(),
    }
}
