//! Sending the versions of one table and month: history first, then rows and tombstones, verified, the ledger last.

use champion_market_data::{CuratedArtifact, Sha256, Table, TradeDate};
use champion_retry::Deadline;
use futures::stream::{self, StreamExt, TryStreamExt};
use tracing::{Span, debug, info, info_span, warn};

use super::{Loader, Run};
use crate::LoadError;
use crate::curated::{self, Session};
use crate::history;
use crate::insert_body::{self, Delivery};
use crate::ledger::{self, Ledger};
use crate::shelf::Shelf;
use crate::verification::{self, Difference};
use crate::warehouse::Statement;

impl Loader {
    /// Brings versions to their table, those they take the place of to its history, and writes them down; returns their
    /// rows. `anew` sends the history again, whatever its ledger says.
    pub(super) async fn deliver(
        &self,
        table: Table,
        artifacts: Vec<CuratedArtifact>,
        anew: bool,
        run: &Run,
        deadline: Deadline,
    ) -> Result<u64, LoadError> {
        let sessions = self.read(&artifacts).await?;
        let mut earlier = Vec::new();
        for session in sessions.iter().filter(|session| session.id.version > 1) {
            earlier.extend(history::earlier(&self.lake, &session.id).await?);
        }
        self.keep(table, &earlier, anew, run, deadline).await?;
        let mut late = Vec::new();
        for Difference { position, error } in self.place(Shelf::Current, table, &sessions, &earlier, deadline).await? {
            let session = &sessions[position];
            if !self.is_superseded(&session.id).await? {
                return Err(error);
            }
            info!(%table, trade_date = %session.id.trade_date, version = session.id.version, "a correction was faster");
            late.push(session.clone());
        }
        self.keep(table, &late, false, run, deadline).await?;
        self.write_down(&artifacts, &sessions, run, deadline).await
    }

    /// Brings versions to the history that a correction took the place of before they came, and writes them down.
    pub(super) async fn deliver_late(
        &self,
        table: Table,
        artifacts: Vec<CuratedArtifact>,
        run: &Run,
        deadline: Deadline,
    ) -> Result<u64, LoadError> {
        let sessions = self.read(&artifacts).await?;
        self.keep(table, &sessions, false, run, deadline).await?;
        self.write_down(&artifacts, &sessions, run, deadline).await
    }

    /// Reads the artifacts, in their order.
    async fn read(&self, artifacts: &[CuratedArtifact]) -> Result<Vec<Session>, LoadError> {
        let reads: Vec<_> = artifacts.iter().map(|artifact| curated::read(&self.lake, artifact.clone())).collect();
        stream::iter(reads).buffered(self.bounds.reads).try_collect().await
    }

    async fn write_down(
        &self,
        artifacts: &[CuratedArtifact],
        sessions: &[Session],
        run: &Run,
        deadline: Deadline,
    ) -> Result<u64, LoadError> {
        ledger::write(&self.warehouse, artifacts, sessions, run, (self.clock)(), deadline).await?;
        Ok(sessions.iter().map(|session| session.fingerprint.rows()).sum())
    }

    /// Brings versions to the history, except those it holds according to its ledger, unless it is done `anew`.
    async fn keep(
        &self,
        table: Table,
        sessions: &[Session],
        anew: bool,
        run: &Run,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let dates = || sessions.iter().map(|session| session.id.trade_date);
        let (Some(first), Some(last)) = (dates().min(), dates().max()) else { return Ok(()) };
        let known = Ledger::History.read(&self.warehouse, &[table], (first, last), deadline).await?;
        let is_kept = |Session { id, .. }: &Session| {
            known.iter().any(|entry| {
                entry.is_of(table, id.exchange, id.trade_date)
                    && entry.version == id.version
                    && entry.sha256 == id.sha256.to_string()
            })
        };
        let missing: Vec<Session> = sessions.iter().filter(|session| anew || !is_kept(session)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        if let Some(difference) = self.place(Shelf::History, table, &missing, &[], deadline).await?.into_iter().next() {
            return Err(difference.error);
        }
        ledger::write_history(&self.warehouse, &missing, run, (self.clock)(), deadline).await?;
        info!(%table, versions = missing.len(), "earlier versions kept");
        Ok(())
    }

    /// Sends sessions to a shelf and returns those that it does not hold then, after a second try.
    async fn place(
        &self,
        shelf: Shelf,
        table: Table,
        sessions: &[Session],
        earlier: &[Session],
        deadline: Deadline,
    ) -> Result<Vec<Difference>, LoadError> {
        let token = content_token(shelf, table, sessions);
        self.send(shelf, table, sessions, earlier, &token, deadline).await?;
        let differences = verification::differences(&self.warehouse, shelf, table, sessions, deadline).await?;
        let Some(Difference { error, .. }) = differences.first() else { return Ok(differences) };
        // The warehouse recognised the token but no longer has the rows (someone deleted them: the log of tokens
        // outlives them), or another loader was in between. Rows replace each other, so sending anew is harmless.
        warn!(%error, "sending anew under a fresh token");
        let again = format!("{token}-{:016x}", rand::random::<u64>());
        self.send(shelf, table, sessions, earlier, &again, deadline).await?;
        Ok(verification::differences(&self.warehouse, shelf, table, sessions, deadline).await?)
    }

    /// Inserts the sessions with tombstones for the keys they no longer hold.
    async fn send(
        &self,
        shelf: Shelf,
        table: Table,
        sessions: &[Session],
        earlier: &[Session],
        token: &str,
        deadline: Deadline,
    ) -> Result<(), LoadError> {
        let deliveries =
            verification::vanished_keys(&self.warehouse, shelf, table, sessions.to_vec(), earlier, deadline).await?;
        for Delivery { session, vanished } in deliveries.iter().filter(|delivery| !delivery.vanished.is_empty()) {
            let (trade_date, version): (TradeDate, u32) = (session.id.trade_date, session.id.version);
            info!(%table, %trade_date, version, rows = vanished.len(), "rows vanish with this version");
        }
        let span = Span::current();
        let encoding = tokio::task::spawn_blocking(move || {
            let _span = info_span!(parent: span, "encode arrow stream").entered();
            insert_body::encode(table, &deliveries)
        });
        let (body, rows) = encoding
            .await
            .map_err(|source| LoadError::CutOff { work: table.to_string(), source })?
            .map_err(|source| LoadError::Encode { table, source })?;
        if rows == 0 {
            debug!(%table, "sessions without a row");
            return Ok(());
        }
        let collection = shelf.collection(table);
        let sql = format!(
            "INSERT INTO {} ({}) FORMAT ArrowStream",
            self.warehouse.qualified(&collection),
            insert_body::column_names(table)
        );
        let statement = Statement { operation: "INSERT", collection, rows: Some(rows), sql };
        Ok(self.warehouse.insert(&statement, &body, token, deadline).await?)
    }
}

/// A function of what is inserted: other content under the same token would be dropped by the warehouse in silence.
fn content_token(shelf: Shelf, table: Table, sessions: &[Session]) -> String {
    let contents: Vec<String> = sessions
        .iter()
        .map(|Session { id, .. }| {
            format!("{} {} {} {} {}", shelf.collection(table), id.exchange, id.trade_date, id.version, id.sha256)
        })
        .collect();
    Sha256::of(contents.join("\n").as_bytes()).to_string()
}
