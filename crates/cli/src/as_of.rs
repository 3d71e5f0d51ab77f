//! `champion as-of`: asks the warehouse what was known at an instant.
//!
//! The person's SQL names tables or their `…_current` views as always. Each one it names becomes a `WITH` clause over the
//! view `…_as_of` of the same table, so everything the SQL reads of it is as of the instant.

use std::collections::BTreeSet;
use std::str::FromStr;

use champion_market_data::Table;
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone, Utc};

use crate::args::Place;
use crate::exit::Exit;
use crate::query::{self, Form};
use crate::render::complain;

/// The instant asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    at: DateTime<Utc>,
    /// Whether the text had no offset and was taken as IST.
    assumed_ist: bool,
}

/// Forms of an instant without its offset; seconds may be left out.
const FORMS: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];

const IST_SECONDS: i32 = 5 * 3_600 + 1_800;

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let normal = text.trim().replacen(' ', "T", 1).to_ascii_uppercase();
        let with_offset =
            if let Some(zulu) = normal.strip_suffix('Z') { format!("{zulu}+00:00") } else { normal.clone() };
        for form in FORMS {
            if let Ok(at) = DateTime::parse_from_str(&with_offset, &format!("{form}%:z")) {
                return Ok(Self { at: at.to_utc(), assumed_ist: false });
            }
            if let Ok(at) = NaiveDateTime::parse_from_str(&normal, form) {
                let ist = FixedOffset::east_opt(IST_SECONDS).expect("a real offset");
                let at = ist.from_local_datetime(&at).single().expect("a fixed offset has no gaps");
                return Ok(Self { at: at.to_utc(), assumed_ist: true });
            }
        }
        Err("expected an instant such as 2025-02-24T20:00+05:30; without an offset it is IST".to_owned())
    }
}

impl Instant {
    /// Returns the text that the warehouse takes, in UTC with microseconds.
    fn sql(self) -> String {
        self.at.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
    }
}

/// Runs a statement as of an instant and writes its answer to standard output.
///
/// # Errors
/// Fails when the warehouse cannot be reached or refuses the statement.
pub(crate) async fn run(place: &Place, instant: Instant, sql: &str, form: Form) -> anyhow::Result<Exit> {
    let sql = match as_of(sql, instant) {
        Ok(sql) => sql,
        Err(reason) => {
            complain(format!("champion: {reason}"));
            return Ok(Exit::Usage);
        }
    };
    if instant.assumed_ist {
        complain(format!(
            "champion: no offset given, so the instant is IST: {} UTC",
            instant.at.format("%Y-%m-%dT%H:%M:%S")
        ));
    }
    query::run(&place.warehouse()?, &sql, form).await.map(|()| Exit::Done)
}

/// Puts a `WITH` clause before a statement for each table that it names.
fn as_of(sql: &str, instant: Instant) -> Result<String, String> {
    let words = words(sql);
    let first = words.first().map(|word| word.text.to_ascii_uppercase()).unwrap_or_default();
    if first != "SELECT" && first != "WITH" {
        return Err("as-of answers questions: the statement has to begin with SELECT or WITH".to_owned());
    }
    let mut named = BTreeSet::new();
    for word in &words {
        let Some(base) = base(word.text) else { continue };
        if word.qualified {
            return Err(format!("write {} without its database to see it as of an instant", word.text));
        }
        named.insert((word.text, base));
    }
    if named.is_empty() {
        let tables: Vec<&str> = bases().collect();
        return Err(format!("the statement names no table that is known as of an instant: {}", tables.join(", ")));
    }
    let at = instant.sql();
    let clauses: Vec<String> =
        named.iter().map(|(name, base)| format!("{name} AS (SELECT * FROM {base}_as_of(at = '{at}'))")).collect();
    let clauses = clauses.join(", ");
    if first == "SELECT" {
        return Ok(format!("WITH {clauses} {sql}"));
    }
    // The clauses go first into the statement's own WITH, and behind RECURSIVE where it stands.
    let recursive = words.get(1).filter(|word| word.text.eq_ignore_ascii_case("RECURSIVE"));
    let end = recursive.unwrap_or(&words[0]).end;
    Ok(format!("{} {clauses}, {}", &sql[..end], sql[end..].trim_start()))
}

/// Names of what can be seen as of an instant, without `_current`.
fn bases() -> impl Iterator<Item = &'static str> {
    Table::ALL.iter().map(|table| table.as_str()).chain(["equity_daily"])
}

/// Returns the table that a word names; `equity_daily` exists as a view only, but is understood.
fn base(word: &str) -> Option<&'static str> {
    let name = word.strip_suffix("_current").unwrap_or(word);
    bases().find(|base| *base == name)
}

/// A name or keyword of a statement.
#[derive(Debug, PartialEq, Eq)]
struct Word<'a> {
    text: &'a str,
    /// Whether `database.` stands before it.
    qualified: bool,
    /// Position behind it.
    end: usize,
}

/// Finds the names and keywords, also quoted ones, outside of texts and comments.
fn words(sql: &str) -> Vec<Word<'_>> {
    let bytes = sql.as_bytes();
    let mut words = Vec::new();
    let (mut at, mut after_dot) = (0, false);
    while at < bytes.len() {
        let rest = &sql[at..];
        let begin = at;
        match bytes[at] {
            b'-' if rest.starts_with("--") => at += rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => at += rest.find("*/").map_or(rest.len(), |end| end + 2),
            b'\'' => {
                at += quoted(rest, b'\'');
                after_dot = false;
            }
            quote @ (b'`' | b'"') => {
                at += quoted(rest, quote);
                let text = sql.get(begin + 1..at - 1).unwrap_or_default();
                words.push(Word { text, qualified: after_dot, end: at });
                after_dot = false;
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                at += rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
                words.push(Word { text: &sql[begin..at], qualified: after_dot, end: at });
                after_dot = false;
            }
            byte => {
                at += 1;
                // A letter beyond ASCII is longer than a byte; it stands in texts and comments only.
                while !sql.is_char_boundary(at) {
                    at += 1;
                }
                after_dot = byte == b'.' || (after_dot && byte.is_ascii_whitespace());
            }
        }
    }
    words
}

/// Returns the length of a quoted text with its quotes; a backslash takes the next byte along.
fn quoted(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    let mut end = (at + 1).min(bytes.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    #[test]
    fn an_instant_has_an_offset_or_is_ist_and_its_seconds_may_be_left_out() {
        let evening = "2025-02-24 14:30:00.000000";
        for text in ["2025-02-24T20:00+05:30", "2025-02-24T20:00:00+05:30", "2025-02-24T14:30Z", "2025-02-24 14:30:00Z"]
        {
            assert_eq!((instant(text).sql().as_str(), instant(text).assumed_ist), (evening, false), "{text}");
        }
        for text in ["2025-02-24T20:00", "2025-02-24 20:00:00"] {
            assert_eq!((instant(text).sql().as_str(), instant(text).assumed_ist), (evening, true), "{text}");
        }
        assert_eq!(instant("2025-02-24T14:30:00.1234567Z").sql(), "2025-02-24 14:30:00.123456");
        for text in ["", "2025-02-24", "20:00", "2025-02-30T20:00Z", "yesterday", "2025-02-24T20:00+05:30x"] {
            assert!(text.parse::<Instant>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_table_named_is_seen_as_of_the_instant() {
        let at = instant("2025-02-24T14:30Z");
        let sql = "SELECT close FROM equity_delivery_current JOIN `equity_daily_current` USING (symbol) -- corporate_actions\n\
                   WHERE note != 'raw_equity_ohlc' /* raw_equity_ohlc */ AND 'é\\' corporate_actions' != ''";
        let seen = as_of(sql, at).expect("a question");
        let expected = "WITH equity_daily_current AS (SELECT * FROM equity_daily_as_of(at = '2025-02-24 14:30:00.000000')), \
             equity_delivery_current AS (SELECT * FROM equity_delivery_as_of(at = '2025-02-24 14:30:00.000000')) ";
        assert_eq!(seen, format!("{expected}{sql}"));
    }

    #[test]
    fn the_clauses_join_a_statements_own() {
        let at = instant("2025-02-24T14:30Z");
        let clause = "equity_delivery AS (SELECT * FROM equity_delivery_as_of(at = '2025-02-24 14:30:00.000000'))";
        assert_eq!(
            as_of("-- mine\nwith x AS (SELECT 1 FROM equity_delivery) SELECT * FROM x", at).expect("a question"),
            format!("-- mine\nwith {clause}, x AS (SELECT 1 FROM equity_delivery) SELECT * FROM x")
        );
        assert_eq!(
            as_of("WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x, equity_delivery", at).expect("a question"),
            format!("WITH RECURSIVE {clause}, x AS (SELECT 1) SELECT * FROM x, equity_delivery")
        );
    }

    #[test]
    fn what_would_show_todays_rows_in_silence_is_refused() {
        let at = instant("2025-02-24T14:30Z");
        let refused = |sql: &str| as_of(sql, at).expect_err("refused");
        assert!(
            refused("SELECT * FROM champion.equity_delivery_current")
                .starts_with("write equity_delivery_current without")
        );
        assert!(refused("SELECT * FROM champion . `equity_delivery`").starts_with("write equity_delivery without"));
        assert!(refused("SELECT 1").starts_with("the statement names no table"));
        assert!(refused("INSERT INTO equity_delivery SELECT 1").starts_with("as-of answers questions"));
        assert!(refused("").starts_with("as-of answers questions"));
        assert!(
            refused("SELECT 'equity_delivery").starts_with("the statement names no table"),
            "a text without its end"
        );
    }
}
