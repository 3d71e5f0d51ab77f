//! One day from the exchange to staged tables.

use champion_market_data::{CuratedArtifact, QuarantineArtifact, RawArtifact, RowCounts, StagedArtifact, TradeDate};
use champion_telemetry::semconv;
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info_span};

use super::known::KnownDay;
use super::{DriveError, RunContext, elapsed_ms};
use crate::journal::{DayRecord, Product, StepRecord};
use crate::stages::{Fetched, ParseAnswer, StageError};
use crate::vocabulary::{DayState, RunMode, Stage};

/// A day that is parsed and waits for the rest of its month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParsedDay {
    pub(super) date: TradeDate,
    pub(super) raw: RawArtifact,
    pub(super) staged: Vec<StagedArtifact>,
    /// One a staged table once it is written, else empty.
    pub(super) curated: Vec<CuratedArtifact>,
    /// Rows set aside, for the warehouse's quarantine.
    pub(super) quarantine: Option<QuarantineArtifact>,
    pub(super) counts: RowCounts,
    /// Whether a step did real work.
    pub(super) worked: bool,
    /// The end of a day whose file is refused: nothing of it is published, and its rows still go to the quarantine.
    pub(super) refused: Option<DayRecord>,
}

/// Where a day is after fetch and parse.
#[derive(Debug)]
pub(super) enum Outcome {
    Parsed(Box<ParsedDay>),
    /// It has its final state, and that is noted.
    Ended,
}

/// What the parser made of the bytes.
pub(super) enum Parsed {
    Staged { staged: Vec<StagedArtifact>, counts: RowCounts, quarantine: Option<QuarantineArtifact>, reused: bool },
    Refused { day: DayRecord, quarantine: Option<QuarantineArtifact> },
}

/// Takes a day to its staged tables, from where it stands.
pub(super) async fn prepare(context: &RunContext, date: TradeDate, known: KnownDay) -> Result<Outcome, DriveError> {
    let span = info_span!(
        "day",
        champion.trade_date = %date,
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
        error.type = field::Empty,
    );
    async {
        match prepare_in_span(context, date, known).await? {
            Ok(day) => {
                day.refused.iter().for_each(mark_span);
                Ok(Outcome::Parsed(Box::new(day)))
            }
            Err(ended) => {
                mark_span(&ended);
                context.days_done(vec![ended]).await?;
                Ok(Outcome::Ended)
            }
        }
    }
    .instrument(span)
    .await
}

/// Says in the current span that its day fails the run.
fn mark_span(ended: &DayRecord) {
    if ended.state.fails_the_run() {
        let span = Span::current();
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", ended.reason.as_str());
        span.record(semconv::ERROR_TYPE, ended.state.as_str());
    }
}

/// Does the work of [`prepare`]; the inner error is a day that ends here.
async fn prepare_in_span(
    context: &RunContext,
    date: TradeDate,
    known: KnownDay,
) -> Result<Result<ParsedDay, DayRecord>, DriveError> {
    let KnownDay { raw, staged, curated, quarantine, mut worked } = known;
    if let (Some(raw), Some(first)) = (&raw, staged.first()) {
        // Every table of a file carries the books of the file.
        let counts = first.counts;
        let raw = raw.clone();
        return Ok(Ok(ParsedDay { date, raw, staged, curated, quarantine, counts, worked, refused: None }));
    }
    let (mut raw, mut from_journal) = match raw {
        Some(raw) => (raw, true),
        None => match fetch(context, date).await? {
            Ok((raw, downloaded)) => {
                worked |= downloaded;
                (raw, false)
            }
            Err(ended) => return Ok(Err(ended)),
        },
    };
    loop {
        match parse(context, &raw).await? {
            Ok(Parsed::Staged { staged, counts, quarantine, reused }) => {
                worked |= !reused;
                let curated = Vec::new();
                return Ok(Ok(ParsedDay { date, raw, staged, curated, quarantine, counts, worked, refused: None }));
            }
            Ok(Parsed::Refused { day, quarantine: None }) => return Ok(Err(day)),
            Ok(Parsed::Refused { day, quarantine }) => {
                let (staged, curated, counts) = (Vec::new(), Vec::new(), day.counts);
                let refused = Some(day);
                return Ok(Ok(ParsedDay { date, raw, staged, curated, quarantine, counts, worked, refused }));
            }
            // The journal names bytes that are gone from the lake since: fetch them again, once.
            Err(error) if error.misses_its_input() && from_journal => {
                from_journal = false;
                match fetch(context, date).await? {
                    Ok((fetched, downloaded)) => {
                        worked |= downloaded;
                        raw = fetched;
                    }
                    Err(ended) => return Ok(Err(ended)),
                }
            }
            Err(error) => return Ok(Err(context.failed_day(date, &error)?)),
        }
    }
}

/// Fetches a day; the inner error is a day that ends here.
async fn fetch(context: &RunContext, date: TradeDate) -> Result<Result<(RawArtifact, bool), DayRecord>, DriveError> {
    let began = Instant::now();
    let spec = &context.spec;
    match context.stages.fetch(context.caller(), spec.dataset, spec.exchange, date, spec.mode == RunMode::Recheck).await
    {
        Ok(Fetched::Available { raw, downloaded }) => {
            let product = Product::Fetched(raw.clone());
            let step = StepRecord { product, reused: !downloaded, duration_ms: elapsed_ms(began) };
            context.steps_done(vec![step]).await?;
            Ok(Ok((raw, downloaded)))
        }
        Ok(Fetched::Nothing { state, reason }) => {
            if state.fails_the_run() {
                context.metrics.session_failed(spec.dataset, Stage::Fetch);
            }
            Ok(Err(DayRecord::without_rows(date, state, reason)))
        }
        Err(error) => Ok(Err(context.failed_day(date, &error)?)),
    }
}

/// Parses raw bytes; the inner error is left to the caller, who may know a way out.
pub(super) async fn parse(context: &RunContext, raw: &RawArtifact) -> Result<Result<Parsed, StageError>, DriveError> {
    let began = Instant::now();
    let again = context.spec.mode == RunMode::Replay;
    match context.stages.parse(context.caller(), raw, again).await {
        Ok(ParseAnswer::Parsed { staged, counts, quarantine, reused }) => {
            let duration_ms = elapsed_ms(began);
            let products = quarantine.iter().cloned().map(Product::Quarantined);
            let products = products.chain(staged.iter().cloned().map(Product::Parsed));
            let steps = products.map(|product| StepRecord { product, reused, duration_ms });
            context.steps_done(steps.collect()).await?;
            Ok(Ok(Parsed::Staged { staged, counts, quarantine, reused }))
        }
        Ok(ParseAnswer::Refused { reason, counts, quarantine }) => {
            context.metrics.session_failed(context.spec.dataset, Stage::Parse);
            let (trade_date, state) = (raw.trade_date, DayState::Refused);
            let day = DayRecord { trade_date, state, reason, counts, unchanged: false };
            Ok(Ok(Parsed::Refused { day, quarantine }))
        }
        Err(error) => Ok(Err(error)),
    }
}
