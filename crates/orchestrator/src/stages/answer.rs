//! The stages' answers as domain types, checked against the question.

use champion_market_data::{
    CuratedArtifact, Dataset, Exchange, QuarantineArtifact, RawArtifact, RowCounts, StagedArtifact, TradeDate,
};
use champion_proto::artifact::v1::ArtifactRef as WireRef;
use champion_proto::parser::v1::parse_response::Outcome as ParseOutcome;
use champion_proto::scraper::v1::fetch_response::Outcome as FetchOutcome;
use champion_proto::{WireError, loader, parser, required, scraper, writer};

use crate::vocabulary::DayState;

/// What the scraper found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The bytes are in the raw store.
    Available { raw: RawArtifact, downloaded: bool },
    /// There is nothing to parse, for this reason.
    Nothing { state: DayState, reason: String },
}

/// What the parser made of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParseAnswer {
    Parsed { staged: Vec<StagedArtifact>, counts: RowCounts, quarantine: Option<QuarantineArtifact>, reused: bool },
    Refused { reason: String, counts: RowCounts, quarantine: Option<QuarantineArtifact> },
}

/// One published artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) curated: CuratedArtifact,
    pub(crate) unchanged: bool,
}

/// One loaded artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) already_loaded: bool,
}

pub(super) fn fetched(
    response: scraper::v1::FetchResponse,
    dataset: Dataset,
    exchange: Exchange,
    trade_date: TradeDate,
) -> Result<Fetched, WireError> {
    match required("outcome", response.outcome)? {
        FetchOutcome::Available(available) => {
            let raw: RawArtifact = required("raw", available.raw)?.try_into()?;
            if (raw.dataset, raw.exchange, raw.trade_date) != (dataset, exchange, trade_date) {
                let reason = format!("{} of {} {} was not asked for", raw.dataset, raw.exchange, raw.trade_date);
                return Err(WireError::Invalid { field: "raw", reason });
            }
            Ok(Fetched::Available { raw, downloaded: available.downloaded })
        }
        FetchOutcome::NotPublished(missing) => {
            let state = match missing.state.as_str() {
                "pending" => DayState::Pending,
                "gap" => DayState::Gap,
                "unknown" => DayState::Unknown,
                other => {
                    return Err(WireError::Invalid { field: "state", reason: format!("unknown state {other:?}") });
                }
            };
            Ok(Fetched::Nothing { state, reason: missing.reason })
        }
        FetchOutcome::Closed(closed) => {
            let reason = if closed.reason.is_empty() { closed.kind } else { closed.reason };
            Ok(Fetched::Nothing { state: DayState::Closed, reason })
        }
        FetchOutcome::Refused(refused) => {
            let reason = format!("{}: {}", refused.class, refused.reason);
            Ok(Fetched::Nothing { state: DayState::Refused, reason })
        }
    }
}

pub(super) fn parsed(response: parser::v1::ParseResponse, raw: &RawArtifact) -> Result<ParseAnswer, WireError> {
    match required("outcome", response.outcome)? {
        ParseOutcome::Parsed(parsed) => {
            let report = required("report", parsed.report)?;
            let counts = required("report.counts", report.counts)?.try_into()?;
            let quarantine = quarantine(raw, report.quarantine)?;
            let mut staged = Vec::with_capacity(parsed.staged.len());
            for message in parsed.staged {
                let artifact = StagedArtifact::try_from(message)?;
                if (artifact.exchange, artifact.trade_date) != (raw.exchange, raw.trade_date) {
                    let reason = format!("{} {} was not asked for", artifact.exchange, artifact.trade_date);
                    return Err(WireError::Invalid { field: "staged", reason });
                }
                staged.push(artifact);
            }
            Ok(ParseAnswer::Parsed { staged, counts, quarantine, reused: parsed.reused })
        }
        ParseOutcome::Refused(refused) => {
            let counts = refused.counts.map(RowCounts::try_from).transpose()?.unwrap_or_default();
            let quarantine = quarantine(raw, refused.quarantine)?;
            Ok(ParseAnswer::Refused { reason: format!("{}: {}", refused.code, refused.reason), counts, quarantine })
        }
    }
}

/// Says of which raw file the rows are that the parser set aside.
fn quarantine(raw: &RawArtifact, rows: Option<WireRef>) -> Result<Option<QuarantineArtifact>, WireError> {
    let Some(rows) = rows else { return Ok(None) };
    let RawArtifact { artifact: source, dataset, exchange, trade_date, .. } = raw;
    Ok(Some(QuarantineArtifact {
        artifact: rows.try_into()?,
        dataset: *dataset,
        exchange: *exchange,
        trade_date: *trade_date,
        source_sha256: source.sha256,
    }))
}

pub(super) fn written(
    response: writer::v1::WriteResponse,
    staged: &[StagedArtifact],
) -> Result<Vec<Written>, WireError> {
    same_length("written", response.written.len(), staged.len())?;
    let mut results = Vec::with_capacity(staged.len());
    for (message, asked) in response.written.into_iter().zip(staged) {
        let curated: CuratedArtifact = required("curated", message.curated)?.try_into()?;
        if (curated.table, curated.exchange, curated.trade_date) != (asked.table, asked.exchange, asked.trade_date) {
            let reason = format!(
                "{} {} stands where {} {} was asked",
                curated.table, curated.trade_date, asked.table, asked.trade_date
            );
            return Err(WireError::Invalid { field: "written", reason });
        }
        results.push(Written { curated, unchanged: message.unchanged });
    }
    Ok(results)
}

pub(super) fn loaded(
    response: loader::v1::LoadResponse,
    curated: &[CuratedArtifact],
) -> Result<Vec<Loaded>, WireError> {
    same_length("receipts", response.receipts.len(), curated.len())?;
    let mut results = Vec::with_capacity(curated.len());
    for (receipt, asked) in response.receipts.into_iter().zip(curated) {
        if receipt.table != asked.table.as_str() || receipt.trade_date != asked.trade_date.to_string() {
            let reason = format!(
                "{} {} stands where {} {} was asked",
                receipt.table, receipt.trade_date, asked.table, asked.trade_date
            );
            return Err(WireError::Invalid { field: "receipts", reason });
        }
        results.push(Loaded { already_loaded: receipt.already_loaded });
    }
    Ok(results)
}

fn same_length(field: &'static str, found: usize, asked: usize) -> Result<(), WireError> {
    if found == asked {
        Ok(())
    } else {
        Err(WireError::Invalid { field, reason: format!("{found} results for {asked} references") })
    }
}
