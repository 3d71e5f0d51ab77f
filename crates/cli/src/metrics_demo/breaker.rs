//! The circuit breaker of the archive: how it is opened, and how it comes back.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use champion_market_data::Dataset;
use champion_proto::scraper::v1::{ResetSourceRequest, SourceState};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::Demo;
use super::drive::Mode;
use crate::sources;

/// The source that is troubled: bhavcopy and full_bhavcopy come from it.
const SOURCE: &str = "nse_archive";
/// Runs after which a breaker that stays closed under failures, or open under successes, is a fault of the demo.
const MOST_RUNS: u32 = 12;
/// Longest wait for the breaker to let probes through. A longer silence is ended as an operator would.
const LONGEST_WAIT: Duration = Duration::from_secs(75);
/// Pause between two looks at the breaker.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Who resets it, for the scraper's log.
const OPERATOR: &str = "metrics-demo";

impl Demo<'_> {
    /// Fails the archive until its breaker opens, lifts the fault, waits for the probes, and lets them succeed.
    ///
    /// # Errors
    /// Fails when the breaker does not open, or not close again.
    pub(super) async fn breaker(&mut self) -> anyhow::Result<()> {
        let date = self.sessions.next(self.place).await?;
        self.mirror.spoil(Dataset::Bhavcopy, date, "status_5xx", json!({"status": 503})).await?;
        let mut runs = 0;
        while self.source().await?.breaker == "closed" {
            runs += 1;
            ensure!(runs <= MOST_RUNS, "the circuit breaker is still closed after {MOST_RUNS} runs that failed");
            self.run(Dataset::Bhavcopy, date, Mode::Plain).await?.expect("failed")?;
        }
        self.mirror.lift_all().await?;
        self.report.note("the circuit breaker is open; the exchange works again");
        self.wait_for_probes().await?;
        self.report.note("the circuit breaker lets probes through");
        self.run(Dataset::Bhavcopy, date, Mode::Plain).await?.expect("present")?;
        self.run(Dataset::FullBhavcopy, date, Mode::Plain).await?.expect("present")?;
        let mut runs = 0;
        while self.source().await?.breaker != "closed" {
            runs += 1;
            ensure!(runs <= MOST_RUNS, "the circuit breaker does not close although {MOST_RUNS} more runs succeeded");
            let date = self.sessions.next(self.place).await?;
            self.complete(date, &[]).await?;
        }
        self.report.note("the circuit breaker is closed");
        self.complete(date, &[Dataset::Bhavcopy, Dataset::FullBhavcopy]).await
    }

    /// Closes the breaker as `champion sources reset` does, when it is not closed.
    ///
    /// # Errors
    /// Fails when the scraper cannot be reached.
    pub(super) async fn close_breaker(&mut self) -> anyhow::Result<()> {
        if self.source().await?.breaker == "closed" {
            return Ok(());
        }
        let request = ResetSourceRequest { source: SOURCE.to_owned(), operator: OPERATOR.to_owned() };
        let state = self.place.sources(None)?.reset_source(request).await?.into_inner().source.unwrap_or_default();
        ensure!(state.breaker == "closed", "the circuit breaker of {SOURCE} is {} after a reset", state.breaker);
        self.report.note(&format!("the circuit breaker of {SOURCE} was reset"));
        Ok(())
    }

    async fn wait_for_probes(&mut self) -> anyhow::Result<()> {
        let mut told = false;
        loop {
            let state = self.source().await?;
            if state.breaker != "open" {
                return Ok(());
            }
            let left = left(&state)?;
            if left > LONGEST_WAIT {
                return self.close_breaker().await;
            }
            if !told {
                told = true;
                self.report.note(&format!("waiting up to {} s for its probes", left.as_secs() + 1));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn source(&self) -> anyhow::Result<SourceState> {
        let found = sources::ask(self.place, None).await?;
        found.into_iter().find(|state| state.source == SOURCE).with_context(|| format!("no source {SOURCE}"))
    }
}

/// Returns how long an open breaker still rejects.
fn left(state: &SourceState) -> anyhow::Result<Duration> {
    let Ok(retry_at) = DateTime::parse_from_rfc3339(&state.retry_at) else {
        bail!("the scraper says no instant at which {SOURCE} is asked again: {:?}", state.retry_at)
    };
    Ok((retry_at.with_timezone(&Utc) - Utc::now()).to_std().unwrap_or_default())
}
