//! Comparing what the lake publishes with what the warehouse holds, and loading again what differs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use champion_market_data::{CuratedArtifact, Exchange, Table, TradeDate};
use champion_retry::Deadline;
use tracing::{info, warn};

use super::{Loader, Run};
use crate::curated::{self, SessionVersion};
use crate::ledger::{Entry, Ledger};
use crate::manifest;
use crate::reconciliation::{self, Finding, FindingKind, Judgement, Reconciliation, Scope};
use crate::shelf::{Place, Shelf};
use crate::verification::{self, Content};
use crate::warehouse::WarehouseError;
use crate::{LoadError, history};

/// A session of one table.
type Session = (TradeDate, Exchange);

/// What the warehouse holds of one table within a scope.
#[derive(Default)]
struct Held {
    entries: BTreeMap<Session, Vec<Entry>>,
    kept: Vec<Entry>,
    current: HashMap<Place, Content>,
    history: HashMap<Place, Content>,
}

impl Loader {
    /// Compares the manifests of the lake with the ledger and the rows of the warehouse, by distinct keys and checksum.
    ///
    /// With `repair`, tables that are gone are created anew, and what is missing or different is loaded again and
    /// verified. What the lake does not publish is reported and stays.
    ///
    /// # Errors
    /// [`LoadError`] when the comparison cannot be made. A repair that fails is no error: its finding stays unrepaired.
    pub async fn reconcile(
        &self,
        scope: &Scope,
        repair: bool,
        run: &Run,
        deadline: Deadline,
    ) -> Result<Reconciliation, LoadError> {
        if repair {
            self.migrator.restore(deadline).await?;
        } else {
            self.migrator.ensure(deadline).await?;
        }
        let mut outcome = Reconciliation::default();
        for &table in Table::ALL.iter().filter(|table| scope.table.is_none_or(|only| only == **table)) {
            let published = manifest::published(&self.lake, table, scope, (self.clock)()).await?;
            let held = self.held(table, scope, &published, deadline).await?;
            let sessions: BTreeSet<Session> = published.keys().chain(held.entries.keys()).copied().collect();
            let sessions: BTreeSet<Session> = sessions.into_iter().chain(held.sessions(scope)).collect();
            outcome.sessions += sessions.len() as u64;
            let mut findings = Vec::new();
            for (trade_date, exchange) in sessions {
                let found = self.compare(table, (trade_date, exchange), &published, &held).await?;
                if let Some((kind, detail)) = found {
                    warn!(%table, %exchange, %trade_date, %kind, detail, "lake and warehouse differ");
                    findings.push(Finding { table, exchange, trade_date, kind, detail, repaired: false });
                }
            }
            if repair {
                self.repair(table, &published, &mut findings, run, deadline).await?;
            }
            outcome.findings.append(&mut findings);
        }
        info!(sessions = outcome.sessions, findings = outcome.findings.len(), repair, "lake and warehouse compared");
        Ok(outcome)
    }

    /// Asks the warehouse: the ledgers in one query each, the rows a year at a time.
    async fn held(
        &self,
        table: Table,
        scope: &Scope,
        published: &BTreeMap<Session, CuratedArtifact>,
        deadline: Deadline,
    ) -> Result<Held, LoadError> {
        let from = scope.from.map_or_else(|| FIRST_DATE.to_owned(), |date| date.to_string());
        let to = scope.to.map_or_else(|| LAST_DATE.to_owned(), |date| date.to_string());
        let mut held = Held::default();
        for entry in or_none(Ledger::Loads.read(&self.warehouse, &[table], (&from, &to), deadline).await)? {
            let Some((date, exchange)) = entry.session().filter(|(date, exchange)| scope.holds(*exchange, *date))
            else {
                continue;
            };
            held.entries.entry((date, exchange)).or_default().push(entry);
        }
        held.kept = or_none(Ledger::History.read(&self.warehouse, &[table], (&from, &to), deadline).await)?;
        let exchange = scope
            .exchange
            .map_or_else(String::new, |exchange| format!(" AND {} = '{}'", table.spec().key[0], exchange.code()));
        let column = table.spec().date_column;
        for year in self.years(table, (&from, &to), &held, published, deadline).await? {
            let filter = format!(
                "{column} BETWEEN '{year}-01-01' AND '{year}-12-31' AND {column} BETWEEN '{from}' AND '{to}'{exchange}"
            );
            for shelf in [Shelf::Current, Shelf::History] {
                let contents = verification::contents(&self.warehouse, shelf, table, &filter, deadline).await;
                let found: HashMap<Place, Content> = or_none(contents)?;
                match shelf {
                    Shelf::Current => held.current.extend(found),
                    Shelf::History => held.history.extend(found),
                }
            }
        }
        Ok(held)
    }

    /// Returns the years in which lake or warehouse have something.
    async fn years(
        &self,
        table: Table,
        (from, to): (&str, &str),
        held: &Held,
        published: &BTreeMap<Session, CuratedArtifact>,
        deadline: Deadline,
    ) -> Result<BTreeSet<i32>, LoadError> {
        let known = published.keys().chain(held.entries.keys()).map(|(date, _)| date.month().0);
        let stored = or_none(verification::years(&self.warehouse, table, (from, to), deadline).await)?;
        Ok(known.chain(stored).collect())
    }

    async fn compare(
        &self,
        table: Table,
        session: Session,
        published: &BTreeMap<Session, CuratedArtifact>,
        held: &Held,
    ) -> Result<Option<(FindingKind, String)>, LoadError> {
        let (date, exchange) = session;
        let content = held.current.get(&(exchange.code().to_owned(), date.days_since_epoch(), 0));
        let Some(curated) = published.get(&session) else {
            let rows = content.map_or(0, |content| content.fingerprint.rows());
            return Ok(Some((FindingKind::Extra, format!("{rows} rows; the lake has no manifest of it"))));
        };
        let entries: Vec<&Entry> = held.entries.get(&session).into_iter().flatten().collect();
        let found = match reconciliation::judge(curated, &entries, content) {
            Judgement::Equal => return self.compare_history(curated, held).await,
            Judgement::Found(kind, detail) => (kind, detail),
            Judgement::AskFile => {
                let file = curated::read(&self.lake, curated.clone()).await?;
                let is_whole = content
                    .is_some_and(|held| held.fingerprint == file.fingerprint && held.keys == file.fingerprint.rows());
                if is_whole {
                    (FindingKind::RowsWithoutLedger, format!("{} rows", file.fingerprint.rows()))
                } else {
                    (FindingKind::Differs, "rows of no ledger row, other than the file's".to_owned())
                }
            }
        };
        // A writer and a loader may be at work: what was published in the meantime is theirs to bring.
        let now = manifest::of_session(&self.lake, table, session, (self.clock)()).await?;
        Ok((now.as_ref() == Some(curated)).then_some(found))
    }

    /// Compares the earlier versions that the lake keeps with the history table.
    async fn compare_history(
        &self,
        curated: &CuratedArtifact,
        held: &Held,
    ) -> Result<Option<(FindingKind, String)>, LoadError> {
        if curated.version < 2 {
            return Ok(None);
        }
        for id in history::versions(&self.lake, &SessionVersion::from(curated)).await? {
            let entry = held.kept.iter().find(|entry| {
                entry.is_of(id.table, id.exchange, id.trade_date)
                    && entry.version == id.version
                    && entry.sha256 == id.sha256.to_string()
            });
            let content = held.history.get(&Shelf::History.place(&id));
            let is_whole = match (entry, content) {
                (Some(entry), Some(content)) => reconciliation::is_whole(content, entry),
                (Some(entry), None) => entry.rows == 0,
                (None, _) => false,
            };
            if !is_whole {
                return Ok(Some((FindingKind::Differs, format!("the history does not hold version {}", id.version))));
            }
        }
        Ok(None)
    }

    /// Loads what differs again, a month at a time, and session by session where a month fails.
    async fn repair(
        &self,
        table: Table,
        published: &BTreeMap<Session, CuratedArtifact>,
        findings: &mut [Finding],
        run: &Run,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let mut months: BTreeMap<(i32, u32), Vec<(&mut Finding, CuratedArtifact)>> = BTreeMap::new();
        for finding in findings.iter_mut().filter(|finding| finding.kind != FindingKind::Extra) {
            if let Some(curated) = published.get(&(finding.trade_date, finding.exchange)) {
                months.entry(finding.trade_date.month()).or_default().push((finding, curated.clone()));
            }
        }
        for (month, sessions) in months {
            let all: Vec<CuratedArtifact> = sessions.iter().map(|(_, curated)| curated.clone()).collect();
            let whole = self.load_month((Shelf::Current, table, month), all, true, run, deadline).await;
            for (finding, curated) in sessions {
                let result = match &whole {
                    Ok(()) => Ok(()),
                    Err(_) => self.load_month((Shelf::Current, table, month), vec![curated], true, run, deadline).await,
                };
                match result {
                    Ok(()) => finding.repaired = true,
                    Err(error) => finding.detail = format!("{}; not repaired: {error}", finding.detail),
                }
            }
        }
        Ok(())
    }
}

/// The ends of the warehouse's `Date`.
const FIRST_DATE: &str = "1970-01-01";
const LAST_DATE: &str = "2149-06-06";

/// A table that is gone holds nothing.
fn or_none<T: Default>(answer: Result<T, WarehouseError>) -> Result<T, LoadError> {
    match answer {
        Err(error) if error.is_schema_missing() => Ok(T::default()),
        answer => Ok(answer?),
    }
}

impl Held {
    /// Returns the sessions of which the table holds rows.
    fn sessions(&self, scope: &Scope) -> Vec<Session> {
        let sessions = self.current.keys().filter_map(|(code, day, _)| {
            let exchange = Exchange::ALL.iter().find(|exchange| exchange.code() == code)?;
            Some((TradeDate::from_days_since_epoch(*day)?, *exchange))
        });
        sessions.filter(|(date, exchange)| scope.holds(*exchange, *date)).collect()
    }
}
