//! The days of one month: fetched side by side, then written in one call and loaded in one call.

use champion_market_data::{CuratedArtifact, QuarantineArtifact, StagedArtifact};
use champion_telemetry::semconv;
use futures::StreamExt;
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info_span, warn};

use super::day::{Outcome, Parsed, ParsedDay, parse, prepare};
use super::known::Known;
use super::{DriveError, RunContext, elapsed_ms};
use crate::journal::{DayRecord, Product, StepRecord};
use crate::plan::PlannedMonth;
use crate::stages::{Loaded, StageError, Trouble, Written};
use crate::vocabulary::{DayState, RunMode};

/// Takes every day of a month to its staged tables; days that end before are noted and left out.
pub(super) async fn fetch(
    context: &RunContext,
    month: &PlannedMonth,
    known: &mut Known,
) -> Result<Vec<ParsedDay>, DriveError> {
    let mut closed = Vec::new();
    let mut open = Vec::new();
    for day in &month.days {
        if known.is_finished(day.date) {
            continue;
        }
        // A look for corrections is also a look for a session that nobody announced.
        if day.kind.has_session() == Some(false) && context.spec.mode != RunMode::Recheck {
            closed.push(DayRecord::without_rows(day.date, DayState::Closed, day.kind.as_str()));
        } else {
            open.push((day.date, known.take(day.date)));
        }
    }
    if !closed.is_empty() {
        context.days_done(closed).await?;
    }
    // Every day comes to the end of its step before an error ends the run, so that a stop leaves no call half done.
    let outcomes = futures::stream::iter(open)
        .map(|(date, known)| prepare(context, date, known))
        .buffer_unordered(context.concurrent_days)
        .collect::<Vec<Result<Outcome, DriveError>>>()
        .await;
    let mut parsed = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        match outcome? {
            Outcome::Parsed(day) => parsed.push(*day),
            Outcome::Ended => {}
        }
    }
    parsed.sort_by_key(|day| day.date);
    Ok(parsed)
}

/// Writes and loads the parsed days of a month.
pub(super) async fn publish(context: &RunContext, days: Vec<ParsedDay>) -> Result<(), DriveError> {
    let written = write(context, days).await?;
    load(context, written).await
}

/// Writes the days that are not written yet and returns all that are.
async fn write(context: &RunContext, days: Vec<ParsedDay>) -> Result<Vec<ParsedDay>, DriveError> {
    let (mut done, todo): (Vec<_>, Vec<_>) = days.into_iter().partition(|day| day.curated.len() == day.staged.len());
    if todo.is_empty() {
        return Ok(done);
    }
    let span = info_span!(
        "write",
        champion.sessions = todo.len(),
        champion.first_trade_date = todo.first().map(|day| day.date.to_string()),
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
        error.type = field::Empty,
    );
    done.extend(write_together(context, todo).instrument(span).await?);
    done.sort_by_key(|day| day.date);
    Ok(done)
}

async fn write_together(context: &RunContext, days: Vec<ParsedDay>) -> Result<Vec<ParsedDay>, DriveError> {
    let mut days = days;
    let mut error = match write_batch(context, days.clone()).await? {
        Ok(days) => return Ok(days),
        Err(error) => error,
    };
    if error.misses_its_input() {
        // Staged tables are collected once they are loaded, so a reused reference may name bytes that are gone.
        days = parse_again(context, days).await?;
        error = match write_batch(context, days.clone()).await? {
            Ok(days) => return Ok(days),
            Err(error) => error,
        };
    }
    if days.len() == 1 || !error.is_about_an_artifact() {
        end_failed(context, &days, &error).await?;
        return Ok(Vec::new());
    }
    warn!(run_id = context.run_id, %error, sessions = days.len(), "month not written as one; session by session");
    let mut done = Vec::new();
    for day in days {
        match write_batch(context, vec![day.clone()]).await? {
            Ok(written) => done.extend(written),
            Err(error) => end_failed(context, &[day], &error).await?,
        }
    }
    Ok(done)
}

/// Writes days in one call.
async fn write_batch(
    context: &RunContext,
    mut days: Vec<ParsedDay>,
) -> Result<Result<Vec<ParsedDay>, StageError>, DriveError> {
    let staged: Vec<StagedArtifact> = days.iter().flat_map(|day| day.staged.iter().cloned()).collect();
    let began = Instant::now();
    let written = match context.stages.write(context.caller(), &staged).await {
        Ok(written) => written,
        Err(error) if error.trouble == Trouble::Stopped => return Err(DriveError::Stopped),
        Err(StageError { trouble: Trouble::Superseded(epoch), .. }) => return Err(DriveError::Superseded(epoch)),
        Err(error) => return Ok(Err(error)),
    };
    let duration_ms = elapsed_ms(began);
    let mut steps = Vec::with_capacity(written.len());
    let mut results = written.into_iter();
    for day in &mut days {
        day.curated.clear();
        let mut corrected = false;
        for Written { curated, unchanged } in results.by_ref().take(day.staged.len()) {
            day.worked |= !unchanged;
            corrected |= !unchanged && curated.version > 1 && context.spec.mode != RunMode::Replay;
            steps.push(StepRecord { product: Product::Written(curated.clone()), reused: unchanged, duration_ms });
            day.curated.push(curated);
        }
        if corrected {
            context.metrics.corrected(context.spec.dataset);
        }
    }
    context.steps_done(steps).await?;
    Ok(Ok(days))
}

/// Parses days once more, because what the parser had made is not in the lake; days that end now are left out.
async fn parse_again(context: &RunContext, days: Vec<ParsedDay>) -> Result<Vec<ParsedDay>, DriveError> {
    let mut again = Vec::with_capacity(days.len());
    for mut day in days {
        match parse(context, &day.raw).await? {
            Ok(Parsed::Staged { staged, counts, quarantine, reused }) => {
                day.worked |= !reused;
                day.staged = staged;
                day.quarantine = quarantine;
                day.counts = counts;
                again.push(day);
            }
            Ok(Parsed::Refused { day: ended, .. }) => context.days_done(vec![ended]).await?,
            Err(error) => end_failed(context, &[day], &error).await?,
        }
    }
    Ok(again)
}

/// Loads written days and ends them.
async fn load(context: &RunContext, days: Vec<ParsedDay>) -> Result<(), DriveError> {
    if days.is_empty() {
        return Ok(());
    }
    let span = info_span!(
        "load",
        champion.sessions = days.len(),
        champion.first_trade_date = days.first().map(|day| day.date.to_string()),
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
        error.type = field::Empty,
    );
    load_together(context, days).instrument(span).await
}

async fn load_together(context: &RunContext, days: Vec<ParsedDay>) -> Result<(), DriveError> {
    let Err(error) = load_batch(context, &days).await? else { return Ok(()) };
    if days.len() == 1 || !error.is_about_an_artifact() {
        return end_failed(context, &days, &error).await;
    }
    warn!(run_id = context.run_id, %error, sessions = days.len(), "month not loaded as one; session by session");
    for day in days {
        let day = [day];
        if let Err(error) = load_batch(context, &day).await? {
            end_failed(context, &day, &error).await?;
        }
    }
    Ok(())
}

/// Loads days in one call and ends them as present.
async fn load_batch(context: &RunContext, days: &[ParsedDay]) -> Result<Result<(), StageError>, DriveError> {
    let curated: Vec<CuratedArtifact> = days.iter().flat_map(|day| day.curated.iter().cloned()).collect();
    let quarantine: Vec<QuarantineArtifact> = days.iter().filter_map(|day| day.quarantine.clone()).collect();
    let began = Instant::now();
    let receipts = if curated.is_empty() && quarantine.is_empty() {
        Vec::new()
    } else {
        match context.stages.load(context.caller(), &curated, &quarantine).await {
            Ok(receipts) => receipts,
            Err(error) if error.trouble == Trouble::Stopped => return Err(DriveError::Stopped),
            Err(StageError { trouble: Trouble::Superseded(epoch), .. }) => return Err(DriveError::Superseded(epoch)),
            Err(error) => return Ok(Err(error)),
        }
    };
    let duration_ms = elapsed_ms(began);
    let mut steps = Vec::with_capacity(receipts.len());
    let mut ended = Vec::with_capacity(days.len());
    let mut results = receipts.into_iter();
    for day in days {
        let mut worked = day.worked;
        for (curated, Loaded { already_loaded }) in day.curated.iter().zip(results.by_ref().take(day.curated.len())) {
            worked |= !already_loaded;
            steps.push(StepRecord { product: Product::Loaded(curated.clone()), reused: already_loaded, duration_ms });
        }
        if let Some(refused) = &day.refused {
            ended.push(refused.clone());
            continue;
        }
        ended.push(DayRecord {
            trade_date: day.date,
            state: DayState::Present,
            reason: String::new(),
            counts: day.counts,
            unchanged: !worked,
        });
    }
    context.steps_done(steps).await?;
    context.days_done(ended).await?;
    Ok(Ok(()))
}

/// Ends days that a stage failed.
async fn end_failed(context: &RunContext, days: &[ParsedDay], error: &StageError) -> Result<(), DriveError> {
    let span = Span::current();
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", error.message.as_str());
    span.record(semconv::ERROR_TYPE, error.stage.as_str());
    let mut ended = Vec::with_capacity(days.len());
    for day in days {
        let failed = context.failed_day(day.date, error)?;
        ended.push(day.refused.clone().unwrap_or(failed));
    }
    context.days_done(ended).await
}
