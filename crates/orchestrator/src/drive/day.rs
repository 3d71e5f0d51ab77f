//! One day from the exchange to staged tables.

use champion_market_data::{CuratedArtifact, RawArtifact, RowCounts, StagedArtifact, TradeDate};
use champion_telemetry::semconv;
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info_span};

use super::known::KnownDay;
use super::{DriveError, RunContext, elapsed_ms, failed_day};
use crate::journal::{DayRecord, Product, StepRecord};
use crate::stages::{Fetched, ParseAnswer, StageError};
use crate::vocabulary::DayState;

/// A day that is parsed and waits for the rest of its month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParsedDay {
    pub(super) date: TradeDate,
    pub(super) raw: RawArtifact,
    pub(super) staged: Vec<StagedArtifact>,
    /// One a staged table once it is written, else empty.
    pub(super) curated: Vec<CuratedArtifact>,
    pub(super) counts: RowCounts,
    /// Whether a step did real work.
    pub(super) worked: bool,
}

/// Where a day is after fetch and parse.
#[derive(Debug)]
pub(super) enum Outcome {
    Parsed(ParsedDay),
    /// It has its final state, and that is noted.
    Ended,
}

/// What the parser made of the bytes.
pub(super) enum Parsed {
    Staged { staged: Vec<StagedArtifact>, counts: RowCounts, reused: bool },
    Ended(DayRecord),
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
            Ok(day) => Ok(Outcome::Parsed(day)),
            Err(ended) => {
                if ended.state.fails_the_run() {
                    let span = Span::current();
                    span.record("otel.status_code", "ERROR");
                    span.record("otel.status_description", ended.reason.as_str());
                    span.record(semconv::ERROR_TYPE, ended.state.as_str());
                }
                context.days_done(vec![ended]).await?;
                Ok(Outcome::Ended)
            }
        }
    }
    .instrument(span)
    .await
}

/// Does the work of [`prepare`]; the inner error is a day that ends here.
async fn prepare_in_span(
    context: &RunContext,
    date: TradeDate,
    known: KnownDay,
) -> Result<Result<ParsedDay, DayRecord>, DriveError> {
    let KnownDay { raw, staged, curated, mut worked } = known;
    if let (Some(raw), Some(first)) = (&raw, staged.first()) {
        // Every table of a file carries the books of the file.
        let counts = first.counts;
        return Ok(Ok(ParsedDay { date, raw: raw.clone(), staged, curated, counts, worked }));
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
            Ok(Parsed::Staged { staged, counts, reused }) => {
                worked |= !reused;
                return Ok(Ok(ParsedDay { date, raw, staged, curated: Vec::new(), counts, worked }));
            }
            Ok(Parsed::Ended(day)) => return Ok(Err(day)),
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
            Err(error) => return Ok(Err(failed_day(date, &error)?)),
        }
    }
}

/// Fetches a day; the inner error is a day that ends here.
async fn fetch(context: &RunContext, date: TradeDate) -> Result<Result<(RawArtifact, bool), DayRecord>, DriveError> {
    let began = Instant::now();
    let spec = &context.spec;
    match context.stages.fetch(context.caller(), spec.dataset, spec.exchange, date).await {
        Ok(Fetched::Available { raw, downloaded }) => {
            let product = Product::Fetched(raw.clone());
            let step = StepRecord { product, reused: !downloaded, duration_ms: elapsed_ms(began) };
            context.steps_done(vec![step]).await?;
            Ok(Ok((raw, downloaded)))
        }
        Ok(Fetched::Nothing { state, reason }) => Ok(Err(DayRecord::without_rows(date, state, reason))),
        Err(error) => Ok(Err(failed_day(date, &error)?)),
    }
}

/// Parses raw bytes; the inner error is left to the caller, who may know a way out.
pub(super) async fn parse(context: &RunContext, raw: &RawArtifact) -> Result<Result<Parsed, StageError>, DriveError> {
    let began = Instant::now();
    match context.stages.parse(context.caller(), raw).await {
        Ok(ParseAnswer::Parsed { staged, counts, reused }) => {
            let duration_ms = elapsed_ms(began);
            let step = |artifact: &StagedArtifact| {
                let product = Product::Parsed(artifact.clone());
                StepRecord { product, reused, duration_ms }
            };
            context.steps_done(staged.iter().map(step).collect()).await?;
            Ok(Ok(Parsed::Staged { staged, counts, reused }))
        }
        Ok(ParseAnswer::Refused { reason, counts }) => {
            let (trade_date, state) = (raw.trade_date, DayState::Refused);
            Ok(Ok(Parsed::Ended(DayRecord { trade_date, state, reason, counts, unchanged: false })))
        }
        Err(error) => Ok(Err(error)),
    }
}
