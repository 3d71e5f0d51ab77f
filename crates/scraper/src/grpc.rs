//! The gRPC face of both services: decode, call, encode, map errors to a status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use champion_proto::scraper::v1 as wire;
use champion_proto::scraper::v1::fetch_response::Outcome;
use champion_proto::{WireError, parse_date, parse_name};
use champion_retry::Deadline;
use champion_telemetry::grpc::timeout_of;
use chrono::{DateTime, SecondsFormat, Utc};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};
use tracing::error;

use crate::facts::Refusal;
use crate::fetch::{Fetch, FetchRequest, Fetcher, Recheck};
use crate::set_aside::{SetAside, Wanted};
use crate::{ErrorKind, FetchError, Source, SourceState};

/// What is behind `champion.scraper.v1.ScraperService`, `SourceService` and `SetAsideService`.
#[derive(Debug, Clone)]
pub(crate) struct Scraper {
    fetcher: Arc<Fetcher>,
    longest_fetch: Duration,
}

impl Scraper {
    pub(crate) fn new(fetcher: Fetcher, longest_fetch: Duration) -> Self {
        Self { fetcher: Arc::new(fetcher), longest_fetch }
    }
}

#[async_trait]
impl wire::scraper_service_server::ScraperService for Scraper {
    async fn fetch(&self, request: Request<wire::FetchRequest>) -> Result<Response<wire::FetchResponse>, Status> {
        let deadline = Deadline::after(Instant::now(), time_allowed(request.metadata(), self.longest_fetch));
        let message = request.into_inner();
        let fencing_token = message.fencing_token;
        let request = FetchRequest::try_from(message)?;
        self.fetcher.check_fencing_token(fencing_token).await.map_err(|error| status(&request, &error))?;
        let fetch = self.fetcher.fetch(&request, deadline).await.map_err(|error| status(&request, &error))?;
        Ok(Response::new(fetch.into()))
    }
}

#[async_trait]
impl wire::set_aside_service_server::SetAsideService for Scraper {
    async fn list_set_aside(
        &self,
        request: Request<wire::ListSetAsideRequest>,
    ) -> Result<Response<wire::ListSetAsideResponse>, Status> {
        let wanted = Wanted::try_from(request.into_inner())?;
        let files = self.fetcher.set_aside(&wanted).await.map_err(|error| error.kind().status(error.to_string()))?;
        Ok(Response::new(wire::ListSetAsideResponse { files: files.into_iter().map(Into::into).collect() }))
    }
}

#[async_trait]
impl wire::source_service_server::SourceService for Scraper {
    async fn list_sources(
        &self,
        _: Request<wire::ListSourcesRequest>,
    ) -> Result<Response<wire::ListSourcesResponse>, Status> {
        let sources = self.fetcher.sources().await.into_iter().map(Into::into).collect();
        Ok(Response::new(wire::ListSourcesResponse { sources }))
    }

    async fn reset_source(
        &self,
        request: Request<wire::ResetSourceRequest>,
    ) -> Result<Response<wire::ResetSourceResponse>, Status> {
        let wire::ResetSourceRequest { source, operator } = request.into_inner();
        let known = Source::ALL.into_iter().find(|known| known.as_str() == source);
        let source = known.ok_or_else(|| Status::invalid_argument(format!("source {source:?} is none we ask")))?;
        let operator: String = operator.chars().filter(|character| !character.is_control()).take(100).collect();
        let state = self.fetcher.reset(source, &operator).await;
        let state = state.map_err(|error| error.kind().status(error.to_string()))?;
        Ok(Response::new(wire::ResetSourceResponse { source: Some(state.into()) }))
    }
}

impl From<SourceState> for wire::SourceState {
    fn from(state: SourceState) -> Self {
        let text = |at: Option<DateTime<Utc>>| {
            at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)).unwrap_or_default()
        };
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (last_reset_at, last_reset_by) = state.last_reset.unzip();
        Self {
            source: state.source.as_str().to_owned(),
            host: state.source.host().to_owned(),
            breaker: state.breaker.as_str().to_owned(),
            window_calls: count(state.window_calls),
            window_failures: count(state.window_failures),
            opened_at: text(state.opened_at),
            retry_at: text(state.retry_at),
            blocked_until: text(state.blocked_until),
            blocked_reason: state.blocked_reason,
            not_before: text(state.not_before),
            requests_per_second: state.requests_per_second,
            last_success_at: text(state.last_success_at),
            last_failure_at: text(state.last_failure_at),
            shared: state.shared,
            last_reset_at: text(last_reset_at),
            last_reset_by: last_reset_by.unwrap_or_default(),
        }
    }
}

fn status(request: &FetchRequest, error: &FetchError) -> Status {
    let kind = error.kind();
    if kind == ErrorKind::Internal || kind == ErrorKind::Corrupt {
        error!(dataset = %request.dataset, trade_date = %request.trade_date, %error, "fetch failed");
    }
    kind.status(error.to_string())
}

/// Time kept back from the caller's deadline, so that our answer arrives before the caller gives up.
const REPLY_MARGIN: Duration = Duration::from_millis(200);

/// Returns how long the fetch may take: as long as the caller allows, and never longer than configured.
fn time_allowed(metadata: &MetadataMap, longest: Duration) -> Duration {
    match timeout_of(metadata.as_ref()) {
        Some(allowed) => (allowed - REPLY_MARGIN.min(allowed / 10)).min(longest),
        None => longest,
    }
}

impl TryFrom<wire::FetchRequest> for FetchRequest {
    type Error = WireError;

    fn try_from(message: wire::FetchRequest) -> Result<Self, WireError> {
        Ok(Self {
            dataset: parse_name("dataset", &message.dataset)?,
            exchange: parse_name("exchange", &message.exchange)?,
            trade_date: parse_date("trade_date", &message.trade_date)?,
            run_id: message.run_id,
            recheck: message.recheck,
        })
    }
}

/// Most files that one call lists.
const MOST_LISTED: u32 = 10_000;

impl TryFrom<wire::ListSetAsideRequest> for Wanted {
    type Error = WireError;

    fn try_from(message: wire::ListSetAsideRequest) -> Result<Self, WireError> {
        let wire::ListSetAsideRequest { dataset, sha256_prefix, limit } = message;
        if sha256_prefix.len() > 64 || !sha256_prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let reason = "at most 64 lower-case hex digits are expected".to_owned();
            return Err(WireError::Invalid { field: "sha256_prefix", reason });
        }
        Ok(Self {
            dataset: if dataset.is_empty() { None } else { Some(parse_name("dataset", &dataset)?) },
            sha256_prefix,
            limit: limit.clamp(1, MOST_LISTED) as usize,
        })
    }
}

impl From<SetAside> for wire::SetAsideFile {
    fn from(file: SetAside) -> Self {
        let mut message = Self {
            dataset: file.dataset.to_string(),
            exchange: file.exchange.to_string(),
            trade_date: file.trade_date.to_string(),
            sha256: file.sha256.to_string(),
            key: file.key,
            superseded: file.superseded,
            problem: file.problem,
            ..Self::default()
        };
        if let Some(Refusal { class, reason, facts }) = file.refusal {
            message.class = class;
            message.reason = reason;
            message.url = facts.url;
            message.observed_at = facts.observed_at.to_rfc3339_opts(SecondsFormat::Millis, true);
            message.bytes = facts.artifact.bytes;
            message.rows = facts.rows;
        }
        message
    }
}

impl From<Fetch> for wire::FetchResponse {
    fn from(fetch: Fetch) -> Self {
        let outcome = match fetch {
            Fetch::Available { raw, downloaded, recheck } => {
                let rechecked = recheck == Recheck::Answered;
                let warning = match recheck {
                    Recheck::NotAsked | Recheck::Answered => String::new(),
                    Recheck::Warning(warning) => warning,
                };
                Outcome::Available(wire::Available { raw: Some(raw.into()), downloaded, rechecked, warning })
            }
            Fetch::NotPublished { absence, reason } => {
                Outcome::NotPublished(wire::NotPublished { state: absence.as_str().to_owned(), reason })
            }
            Fetch::Closed { kind } => Outcome::Closed(wire::Closed {
                kind: kind.as_str().to_owned(),
                reason: format!("the calendar says {kind}"),
            }),
            Fetch::Refused { class, reason, retryable } => {
                Outcome::Refused(wire::Refused { class: class.as_str().to_owned(), reason, retryable })
            }
        };
        Self { outcome: Some(outcome) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_deadline_is_answered_before_it_ends() {
        let allowed = |timeout: &'static str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", timeout.parse().expect("a header value"));
            time_allowed(&metadata, Duration::from_secs(60))
        };
        assert_eq!(allowed("10S"), Duration::from_millis(9_800));
        assert_eq!(allowed("1000m"), Duration::from_millis(900));
        assert_eq!(allowed("1H"), Duration::from_secs(60));
        assert_eq!(allowed("nonsense"), Duration::from_secs(60));
    }
}
