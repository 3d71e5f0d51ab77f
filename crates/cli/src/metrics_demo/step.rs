//! The steps: what is done to the stack, and how it has to end.

use anyhow::{Context, ensure};
use champion_market_data::{Dataset, TradeDate};
use serde_json::json;

use super::Demo;
use super::drive::{self, Day, Mode};

/// Sessions that `success` brings in, of every dataset.
const SESSIONS: u32 = 2;
/// Rows below the limit at which a whole file is refused, and above it.
const FEW_ROWS: u64 = 12;
const MANY_ROWS: u64 = 300;
/// Rows that a corrected file has lost.
const LOST_ROWS: u64 = 2;

/// A step of the demo, in the order they are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// Two sessions of every dataset come in
    Success,
    /// A session that is in is asked for again: nothing is done twice
    Rerun,
    /// Files with some bad rows: the rows are quarantined, the rest is published
    BadRows,
    /// A file with too many bad rows is refused as a whole; a recheck brings the good one
    RefusedFile,
    /// The exchange replaces a file: a recheck brings the correction in
    Correction,
    /// A file without its close column fails the run; the file is there later
    FailedRun,
    /// A page of HTML in place of a zip is set aside; the file is there later
    Html,
    /// The exchange answers 503 until the circuit breaker opens; then it recovers
    Breaker,
}

impl Step {
    /// Returns every step in order.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        <Self as clap::ValueEnum>::value_variants().iter().copied()
    }

    /// Returns the name on the command line.
    pub(super) fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns what happens, in one line.
    pub(super) fn words(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    /// Returns the alerts that may fire after it, as long as their windows reach back to it.
    pub(super) const fn alerts(self) -> &'static [&'static str] {
        match self {
            Self::Success | Self::Rerun => &[],
            Self::BadRows => &["HighValidationFailureRate"],
            Self::RefusedFile => &["CriticalValidationFailureRate", "QuarantineAboveThreshold", "PipelineFailureRate"],
            Self::Correction => &["FileCorrected"],
            Self::FailedRun | Self::Html => &["PipelineFailureRate"],
            Self::Breaker => &["CircuitBreakerOpened", "CircuitBreakerHighFailureRate", "PipelineFailureRate"],
        }
    }
}

impl Demo<'_> {
    /// Goes through one step.
    ///
    /// # Errors
    /// Fails when it does not end as it has to.
    pub(super) async fn take(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Success => self.success().await,
            Step::Rerun => self.rerun().await,
            Step::BadRows => self.bad_rows().await,
            Step::RefusedFile => self.refused_file().await,
            Step::Correction => self.correction().await,
            Step::FailedRun => self.spoilt("missing_column").await,
            Step::Html => self.spoilt("html_200").await,
            Step::Breaker => self.breaker().await,
        }
    }

    /// Runs a day and tells of it.
    pub(super) async fn run(&self, dataset: Dataset, date: TradeDate, mode: Mode) -> anyhow::Result<Day> {
        let day = drive::run(self.place, dataset, date, mode).await?;
        self.report.ran(&day);
        Ok(day)
    }

    /// Brings in what a session still lacks of the datasets: at the end of a step nothing is missing.
    pub(super) async fn complete(&self, date: TradeDate, done: &[Dataset]) -> anyhow::Result<()> {
        for dataset in Dataset::ALL.iter().filter(|dataset| !done.contains(dataset)) {
            self.run(*dataset, date, Mode::Plain).await?.expect("present")?;
        }
        Ok(())
    }

    async fn success(&mut self) -> anyhow::Result<()> {
        for _ in 0..SESSIONS {
            let date = self.sessions.next(self.place).await?;
            self.complete(date, &[]).await?;
        }
        Ok(())
    }

    async fn rerun(&mut self) -> anyhow::Result<()> {
        let date = self.sessions.next(self.place).await?;
        self.run(Dataset::Bhavcopy, date, Mode::Plain).await?.expect("present")?;
        let again = self.run(Dataset::Bhavcopy, date, Mode::Plain).await?;
        again.expect("present")?;
        ensure!(again.nothing_done(), "the second run of {date} did something: {:?}", again.totals);
        self.complete(date, &[Dataset::Bhavcopy]).await
    }

    async fn bad_rows(&mut self) -> anyhow::Result<()> {
        let date = self.sessions.next(self.place).await?;
        for (dataset, kind) in [(Dataset::Bhavcopy, "high_below_low"), (Dataset::FullBhavcopy, "poisoned_rows")] {
            self.mirror.spoil(dataset, date, kind, json!({"rows": FEW_ROWS})).await?;
            let day = self.run(dataset, date, Mode::Plain).await?;
            self.mirror.lift_all().await?;
            day.expect("present")?;
            ensure!(day.quarantined() >= FEW_ROWS, "{} rows of {dataset} {date} are in quarantine", day.quarantined());
        }
        self.complete(date, &[Dataset::Bhavcopy, Dataset::FullBhavcopy]).await
    }

    async fn refused_file(&mut self) -> anyhow::Result<()> {
        let date = self.sessions.next(self.place).await?;
        self.mirror.spoil(Dataset::Bhavcopy, date, "high_below_low", json!({"rows": MANY_ROWS})).await?;
        let day = self.run(Dataset::Bhavcopy, date, Mode::Plain).await?;
        self.mirror.lift_all().await?;
        day.expect("refused")?;
        self.run(Dataset::Bhavcopy, date, Mode::Recheck).await?.expect("present")?;
        self.complete(date, &[Dataset::Bhavcopy]).await
    }

    async fn correction(&mut self) -> anyhow::Result<()> {
        let (dataset, date) = (Dataset::FullBhavcopy, self.sessions.next(self.place).await?);
        self.run(dataset, date, Mode::Plain).await?.expect("present")?;
        self.mirror.spoil(dataset, date, "corrected", json!({"rows": LOST_ROWS})).await?;
        let corrected = self.run(dataset, date, Mode::Recheck).await?;
        self.mirror.lift_all().await?;
        corrected.expect("present")?;
        ensure!(corrected.totals.downloaded == 1, "the recheck of {date} brought no new file");
        self.complete(date, &[dataset]).await
    }

    /// A file that is no file of the day ends the run; the file is there later. The other datasets' files keep the share of
    /// failures below what opens the breaker.
    async fn spoilt(&mut self, kind: &str) -> anyhow::Result<()> {
        let date = self.sessions.next(self.place).await?;
        self.mirror.spoil(Dataset::Bhavcopy, date, kind, json!({})).await?;
        let day = self.run(Dataset::Bhavcopy, date, Mode::Plain).await?;
        self.mirror.lift_all().await?;
        day.expect("refused")?;
        self.complete(date, &[]).await.context("after the fault was lifted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_name_and_says_what_it_does() {
        let names: std::collections::BTreeSet<String> = Step::all().map(Step::name).collect();
        assert_eq!(names.len(), 8, "{names:?}");
        assert!(names.contains("bad-rows") && Step::all().all(|step| !step.words().is_empty()));
    }
}
