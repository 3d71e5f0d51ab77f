//! Auditing: for every session the newest observation, what is published and what is loaded, held against each other.
//!
//! It reads only, and asks lake and warehouse a year at a time, so that its memory is bounded by a year of a dataset.

use std::collections::{BTreeMap, BTreeSet};

use champion_market_data::{Dataset, Exchange, Table, TradeDate};
use champion_retry::Deadline;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::Loader;
use crate::LoadError;
use crate::audit::{self, AuditEvent, AuditSummary, Difference, DifferenceKind, Manifest, Parsed};
use crate::manifest::{self, Published};
use crate::raw::{self, Observed, Session};
use crate::reconciliation::Scope;

/// What is audited. Dates are included; nothing given is everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditScope {
    /// Only this dataset.
    pub dataset: Option<Dataset>,
    /// From this trade date.
    pub from: Option<TradeDate>,
    /// To this trade date.
    pub to: Option<TradeDate>,
}

/// One audit in progress.
struct Auditing<'a> {
    events: &'a mpsc::Sender<AuditEvent>,
    summary: AuditSummary,
}

impl Loader {
    /// Compares the newest observation of every session with what is published and what is loaded of it, and sends each
    /// difference. A receiver that has gone ends the audit.
    ///
    /// # Errors
    /// [`LoadError`] when the lake cannot be listed or the warehouse does not answer. What cannot be read of one session is
    /// a difference, and the others are audited all the same.
    pub async fn audit(
        &self,
        scope: &AuditScope,
        events: &mpsc::Sender<AuditEvent>,
        deadline: Deadline,
    ) -> Result<AuditSummary, LoadError> {
        let mut auditing = Auditing { events, summary: AuditSummary::default() };
        for &dataset in Dataset::ALL.iter().filter(|dataset| scope.dataset.is_none_or(|only| only == **dataset)) {
            self.audit_dataset(dataset, scope, &mut auditing, deadline).await?;
        }
        let AuditSummary { sessions, differences, explained } = auditing.summary;
        info!(sessions, differences, explained, "observations, publications and loads compared");
        Ok(auditing.summary)
    }

    async fn audit_dataset(
        &self,
        dataset: Dataset,
        scope: &AuditScope,
        auditing: &mut Auditing<'_>,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let all = Scope { table: None, exchange: None, from: scope.from, to: scope.to };
        let listed = raw::listed(&self.lake, dataset).await?;
        let in_scope = |(date, exchange): &Session| all.holds(*exchange, *date);
        let mut known: BTreeSet<Session> = listed.keys().copied().filter(in_scope).collect();
        for &table in dataset.tables() {
            known.extend(manifest::sessions(&self.lake, table, &all).await?);
            known.extend(self.loaded_sessions(table, &all, deadline).await?);
        }
        let total = known.len() as u64;
        let years: BTreeSet<i32> = known.iter().map(|(date, _)| date.month().0).collect();
        let mut done = 0;
        auditing.send(AuditEvent::Progress(dataset, done, total)).await?;
        for year in years {
            let (from, to) = (TradeDate::from_ymd(year, 1, 1), TradeDate::from_ymd(year, 12, 31));
            let scope = Scope { from: all.from.max(from), to: earliest(all.to, to), ..all };
            let of_year = |(date, exchange): &Session| scope.holds(*exchange, *date);
            let observed = raw::observed(&self.lake, &listed, of_year, (self.clock)()).await;
            for (session, observed) in &observed {
                auditing.observed(dataset, *session, observed).await?;
            }
            for &table in dataset.tables() {
                self.audit_table(table, &scope, &observed, auditing, deadline).await?;
            }
            done += known.iter().filter(|session| of_year(session)).count() as u64;
            auditing.send(AuditEvent::Progress(dataset, done, total)).await?;
        }
        auditing.summary.sessions += total;
        Ok(())
    }

    async fn audit_table(
        &self,
        table: Table,
        scope: &Scope,
        observed: &BTreeMap<Session, Observed>,
        auditing: &mut Auditing<'_>,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let dataset = table.dataset();
        let look = self.look(table, scope, deadline).await?;
        let nothing = Observed::default();
        let sessions: BTreeSet<Session> = observed.keys().copied().chain(look.published.all()).collect();
        for session in sessions {
            let seen = observed.get(&session).unwrap_or(&nothing);
            // Its manifest cannot be read: the comparison with the warehouse has named it.
            if look.published.unreadable.contains_key(&session) {
                continue;
            }
            let found = match self.held_against_raw(table, session, seen, &look.published).await {
                Ok(found) => found,
                Err(reason) => Some((DifferenceKind::Unreadable, reason)),
            };
            if let Some((kind, detail)) = found {
                let (trade_date, exchange) = session;
                auditing.found(Difference { dataset, table: Some(table), exchange, trade_date, kind, detail }).await?;
            }
        }
        for finding in look.findings {
            let (exchange, trade_date, kind, detail) =
                (finding.exchange, finding.trade_date, finding.difference, finding.detail);
            auditing.found(Difference { dataset, table: Some(table), exchange, trade_date, kind, detail }).await?;
        }
        Ok(())
    }

    async fn held_against_raw(
        &self,
        table: Table,
        session: Session,
        observed: &Observed,
        published: &Published,
    ) -> Result<Option<(DifferenceKind, String)>, String> {
        let manifest = published
            .sessions
            .get(&session)
            .map(|curated| Manifest { curated, staged_sha256: published.staged.get(&session).copied() });
        let parsed = match observed.newest() {
            Some(newest) if audit::needs_the_parse(observed, manifest) => {
                raw::parsed(&self.lake, table.dataset(), session, &newest.sha256).await?
            }
            Some(_) | None => Parsed::default(),
        };
        Ok(audit::judge(table, observed, manifest, &parsed))
    }
}

impl Auditing<'_> {
    /// Names what is wrong with a session's observations themselves.
    async fn observed(&mut self, dataset: Dataset, session: Session, observed: &Observed) -> Result<(), LoadError> {
        let (trade_date, exchange): (TradeDate, Exchange) = session;
        let difference = |kind, detail| Difference { dataset, table: None, exchange, trade_date, kind, detail };
        for (key, reason) in &observed.unreadable {
            self.found(difference(DifferenceKind::Unreadable, format!("facts {key}: {reason}"))).await?;
        }
        if let Some(key) = observed.lost() {
            let detail = format!("the newest observation names {key}, which is not there or has another length");
            self.found(difference(DifferenceKind::RawMissing, detail)).await?;
        }
        Ok(())
    }

    async fn found(&mut self, difference: Difference) -> Result<(), LoadError> {
        let Difference { dataset, exchange, trade_date, kind, detail, .. } = &difference;
        let table = difference.table.map_or("", Table::as_str);
        if kind.is_explained() {
            self.summary.explained += 1;
        } else {
            self.summary.differences += 1;
            warn!(%dataset, table, %exchange, %trade_date, %kind, detail, "audit found a difference");
        }
        self.send(AuditEvent::Difference(difference)).await
    }

    async fn send(&self, event: AuditEvent) -> Result<(), LoadError> {
        self.events.send(event).await.map_err(|_| LoadError::CallerGone)
    }
}

fn earliest(one: Option<TradeDate>, other: Option<TradeDate>) -> Option<TradeDate> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
