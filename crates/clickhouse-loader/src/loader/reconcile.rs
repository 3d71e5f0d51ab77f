//! Comparing what the lake publishes with what the warehouse holds, and loading again what differs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use champion_market_data::artifact::keys;
use champion_market_data::{CuratedArtifact, Exchange, Table, TradeDate};
use champion_retry::Deadline;
use champion_service::ErrorKind;
use tracing::{info, warn};

use super::{Loader, Run};
use crate::audit::DifferenceKind;
use crate::curated::{self, SessionVersion};
use crate::ledger::{Entry, Ledger};
use crate::manifest::{self, Published, Session};
use crate::reconciliation::{self, Fault, Finding, FindingKind, Judgement, Reconciliation, Remedy, Scope};
use crate::shelf::{Place, Shelf};
use crate::verification::{self, Content};
use crate::warehouse::WarehouseError;
use crate::{LoadError, history};

/// What one look at a table found.
pub(super) struct Look {
    pub(super) sessions: u64,
    pub(super) published: Published,
    pub(super) findings: Vec<Finding>,
}

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
    /// With `repair`, tables that are gone are created anew, and what is missing or different is loaded again. Then the
    /// comparison is made once more, and only what it no longer finds is repaired. What the lake does not publish is
    /// reported and stays; so is a session whose manifest or file cannot be read, and the others are compared all the same.
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
            let Look { sessions, published, mut findings } = self.look(table, scope, deadline).await?;
            outcome.sessions += sessions;
            if repair && !findings.is_empty() {
                let failures = self.repair(table, &published, &mut findings, run, deadline).await;
                let again = self.look(table, scope, deadline).await?;
                findings = reconciliation::after_repair(findings.into_iter().zip(failures).collect(), again.findings);
            }
            outcome.findings.append(&mut findings);
        }
        let remaining = outcome.findings.iter().filter(|finding| !finding.repaired).count();
        let (sessions, findings) = (outcome.sessions, outcome.findings.len());
        info!(sessions, findings, remaining, repair, "lake and warehouse compared");
        Ok(outcome)
    }

    /// Compares one table within a scope.
    pub(super) async fn look(&self, table: Table, scope: &Scope, deadline: Deadline) -> Result<Look, LoadError> {
        let published = manifest::published(&self.lake, table, scope, (self.clock)()).await?;
        let held = self.held(table, scope, &published, deadline).await?;
        let sessions: BTreeSet<Session> = published.all().chain(held.entries.keys().copied()).collect();
        let sessions: BTreeSet<Session> = sessions.into_iter().chain(held.sessions(scope)).collect();
        let mut findings = Vec::new();
        for (trade_date, exchange) in &sessions {
            let session = (*trade_date, *exchange);
            let fault = match self.compare(table, session, &published, &held).await {
                Ok(fault) => fault,
                Err(error) => Some(unreadable(error.to_string())),
            };
            if let Some(Fault { kind, difference, remedy, detail }) = fault {
                warn!(%table, %exchange, %trade_date, %kind, detail, "lake and warehouse differ");
                let (exchange, trade_date, repaired) = (*exchange, *trade_date, false);
                findings.push(Finding { table, exchange, trade_date, kind, detail, difference, remedy, repaired });
            }
        }
        Ok(Look { sessions: sessions.len() as u64, published, findings })
    }

    /// Returns the sessions of which the warehouse has rows or a ledger row.
    pub(super) async fn loaded_sessions(
        &self,
        table: Table,
        scope: &Scope,
        deadline: Deadline,
    ) -> Result<BTreeSet<Session>, LoadError> {
        let from = scope.from.map_or_else(|| FIRST_DATE.to_owned(), |date| date.to_string());
        let to = scope.to.map_or_else(|| LAST_DATE.to_owned(), |date| date.to_string());
        let entries = or_none(Ledger::Loads.read(&self.warehouse, &[table], (&from, &to), deadline).await)?;
        let places = or_none(verification::places(&self.warehouse, table, (&from, &to), deadline).await)?;
        let sessions = entries.iter().filter_map(Entry::session).chain(places.iter().filter_map(session_of));
        Ok(sessions.filter(|(date, exchange)| scope.holds(*exchange, *date)).collect())
    }

    /// Asks the warehouse: the ledgers in one query each, the rows a year at a time.
    async fn held(
        &self,
        table: Table,
        scope: &Scope,
        published: &Published,
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
        published: &Published,
        deadline: Deadline,
    ) -> Result<BTreeSet<i32>, LoadError> {
        let known = published.all().chain(held.entries.keys().copied()).map(|(date, _)| date.month().0);
        let stored = or_none(verification::years(&self.warehouse, table, (from, to), deadline).await)?;
        Ok(known.chain(stored).collect())
    }

    async fn compare(
        &self,
        table: Table,
        session: Session,
        published: &Published,
        held: &Held,
    ) -> Result<Option<Fault>, LoadError> {
        let (date, exchange) = session;
        let content = held.current.get(&(exchange.code().to_owned(), date.days_since_epoch(), 0));
        if let Some(reason) = published.unreadable.get(&session) {
            return Ok(Some(unreadable(reason.clone())));
        }
        let Some(curated) = published.sessions.get(&session) else {
            let rows = content.map_or(0, |content| content.fingerprint.rows());
            // A writer may have been faster than the listing.
            let now = manifest::of_session(&self.lake, table, session, (self.clock)()).await?;
            let remedy = if self.has_raw(table, session).await? { Remedy::Replay } else { Remedy::Person };
            let detail = format!("{rows} rows; the lake has no manifest of it");
            let fault = Fault::new(FindingKind::Extra, DifferenceKind::LoadedWithoutPublished, remedy, detail);
            return Ok(now.is_none().then_some(fault));
        };
        let entries: Vec<&Entry> = held.entries.get(&session).into_iter().flatten().collect();
        let found = match reconciliation::judge(curated, &entries, content) {
            Judgement::Equal => return self.compare_history(curated, held).await,
            Judgement::Found(fault) => fault,
            Judgement::AskFile => {
                let file = curated::read(&self.lake, curated.clone()).await?;
                let is_whole = content
                    .is_some_and(|held| held.fingerprint == file.fingerprint && held.keys == file.fingerprint.rows());
                let (kind, difference, detail) = if is_whole {
                    let detail = format!("{} rows", file.fingerprint.rows());
                    (FindingKind::RowsWithoutLedger, DifferenceKind::NotInLedger, detail)
                } else {
                    let detail = "rows of no ledger row, other than the file's".to_owned();
                    (FindingKind::Differs, DifferenceKind::RowsDiffer, detail)
                };
                Fault::new(kind, difference, Remedy::Load, detail)
            }
        };
        // A writer and a loader may be at work: what was published in the meantime is theirs to bring.
        let now = manifest::of_session(&self.lake, table, session, (self.clock)()).await?;
        Ok((now.as_ref() == Some(curated)).then_some(found))
    }

    /// Compares the earlier versions that the lake keeps with the history table.
    async fn compare_history(&self, curated: &CuratedArtifact, held: &Held) -> Result<Option<Fault>, LoadError> {
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
                let detail = format!("the history does not hold version {}", id.version);
                let (kind, difference) = (FindingKind::Differs, DifferenceKind::HistoryDiffers);
                return Ok(Some(Fault::new(kind, difference, Remedy::Load, detail)));
            }
        }
        Ok(None)
    }

    /// Tells whether the raw zone holds anything of a session.
    async fn has_raw(&self, table: Table, (date, exchange): Session) -> Result<bool, LoadError> {
        Ok(!self.lake.list(&keys::raw_folder(exchange, table.dataset(), date)).await?.is_empty())
    }

    /// Loads what differs again, a month at a time, and session by session where a month fails. Returns why it could not,
    /// finding by finding; whether it helped is for the next look to say.
    async fn repair(
        &self,
        table: Table,
        published: &Published,
        findings: &mut [Finding],
        run: &Run,
        deadline: Deadline,
    ) -> Vec<Option<String>> {
        let mut failures = vec![None; findings.len()];
        let mut months: BTreeMap<(i32, u32), Vec<(usize, CuratedArtifact)>> = BTreeMap::new();
        for (position, finding) in findings.iter().enumerate().filter(|(_, finding)| finding.remedy == Remedy::Load) {
            if let Some(curated) = published.sessions.get(&(finding.trade_date, finding.exchange)) {
                months.entry(finding.trade_date.month()).or_default().push((position, curated.clone()));
            }
        }
        for (month, sessions) in months {
            let all: Vec<CuratedArtifact> = sessions.iter().map(|(_, curated)| curated.clone()).collect();
            let whole = self.load_month((Shelf::Current, table, month), all, true, run, deadline).await;
            for (position, curated) in sessions {
                let result = match &whole {
                    Ok(()) => Ok(()),
                    Err(_) => self.load_month((Shelf::Current, table, month), vec![curated], true, run, deadline).await,
                };
                if let Err(error) = result {
                    findings[position].remedy = match error.kind() {
                        ErrorKind::NotFound => Remedy::Verify,
                        ErrorKind::Corrupt if !matches!(error, LoadError::Mismatch { .. }) => Remedy::Verify,
                        ErrorKind::Unavailable | ErrorKind::Deadline => Remedy::Load,
                        ErrorKind::Corrupt | ErrorKind::Invalid | ErrorKind::Precondition | ErrorKind::Internal => {
                            Remedy::Person
                        }
                    };
                    failures[position] = Some(error.to_string());
                }
            }
        }
        failures
    }
}

/// What cannot be read is for the sweep of the lake to put right.
fn unreadable(detail: String) -> Fault {
    Fault::new(FindingKind::Unreadable, DifferenceKind::Unreadable, Remedy::Verify, detail)
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
        let sessions = self.current.keys().filter_map(session_of);
        sessions.filter(|(date, exchange)| scope.holds(*exchange, *date)).collect()
    }
}

fn session_of((code, day, _): &Place) -> Option<Session> {
    let exchange = Exchange::ALL.iter().find(|exchange| exchange.code() == code)?;
    Some((TradeDate::from_days_since_epoch(*day)?, *exchange))
}
