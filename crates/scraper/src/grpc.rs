//! The gRPC face: decode, call, encode, map errors to a status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use champion_proto::scraper::v1 as wire;
use champion_proto::scraper::v1::fetch_response::Outcome;
use champion_proto::{WireError, parse_date, parse_name};
use champion_retry::Deadline;
use champion_telemetry::grpc::timeout_of;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};
use tracing::error;

use crate::fetch::{Fetch, FetchRequest, Fetcher, Recheck};
use crate::{ErrorKind, FetchError};

/// The service behind `champion.scraper.v1.ScraperService`.
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
        let request = FetchRequest::try_from(request.into_inner())?;
        let fetch = self.fetcher.fetch(&request, deadline).await.map_err(|error| status(&request, &error))?;
        Ok(Response::new(fetch.into()))
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
