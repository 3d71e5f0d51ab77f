//! The use case: one report of one session, from the raw store or from the exchange.

use std::time::Instant;

use champion_lake::Lake;
use champion_market_data::{Calendar, Dataset, DayKind, Exchange as Market, RawArtifact, Report, TradeDate};
use champion_retry::Deadline;
use champion_telemetry::context::current_trace_id;
use tracing::{info, warn};

use crate::classify::{Class, Judgement};
use crate::config::Config;
use crate::exchange::{Exchange, Fetched, Finding, Question};
use crate::facts::Facts;
use crate::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::raw_store::{RawStore, reference};
use crate::{Clock, Error, FetchError};
use champion_market_data::{Absence, absence};

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// The run it belongs to, for logs and facts.
    pub run_id: String,
    /// The report.
    pub dataset: Dataset,
    /// Who publishes it.
    pub exchange: Market,
    /// The session.
    pub trade_date: TradeDate,
}

/// The answer to a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// The bytes are in the raw store.
    Available {
        /// Where.
        raw: RawArtifact,
        /// Whether this fetch brought them.
        downloaded: bool,
    },
    /// The report is not there.
    NotPublished {
        /// Whether it may still come.
        absence: Absence,
        /// For people.
        reason: String,
    },
    /// There was no session.
    Closed {
        /// Weekend or holiday.
        kind: DayKind,
    },
    /// Something came that is not the report.
    Refused {
        /// What it is.
        class: Class,
        /// For people, with URL and evidence.
        reason: String,
        /// Whether asking again later can help.
        retryable: bool,
    },
}

/// Fetches reports.
#[derive(Debug)]
pub struct Fetcher {
    store: RawStore,
    exchange: Exchange,
    calendar: Calendar,
    clock: Clock,
    metrics: Metrics,
    in_flight: InFlight,
}

impl Fetcher {
    /// Makes a fetcher over a lake.
    ///
    /// # Errors
    /// Fails when the configuration makes no HTTP client.
    pub fn new(config: &Config, lake: Lake, clock: Clock, metrics: Metrics) -> Result<Self, Error> {
        let calendar = Calendar::nse();
        let exchange = Exchange::new(config, calendar.clone(), clock.clone(), &metrics)?;
        let in_flight = InFlight::default();
        Ok(Self { store: RawStore::new(lake), exchange, calendar, clock, metrics, in_flight })
    }

    /// Fetches one report, or tells why there is none.
    ///
    /// # Errors
    /// [`FetchError`] when the request makes no sense, the exchange cannot be reached or the store fails.
    pub async fn fetch(&self, request: &FetchRequest, deadline: Deadline) -> Result<Fetch, FetchError> {
        let FetchRequest { dataset, exchange, trade_date, .. } = *request;
        check(dataset, exchange, trade_date)?;
        let kind = self.calendar.kind(trade_date);
        if kind.has_session() == Some(false) {
            return Ok(Fetch::Closed { kind });
        }
        // Two calls for the same report make one download; the second finds the bytes.
        let _only_one = self.in_flight.enter(dataset, trade_date).await;
        if let Some(raw) = self.store.latest(exchange, dataset, trade_date).await? {
            return Ok(Fetch::Available { raw, downloaded: false });
        }
        if trade_date > TradeDate::at(self.clock.now()) {
            let reason = format!("{trade_date} is still to come");
            return Ok(Fetch::NotPublished { absence: Absence::Pending, reason });
        }
        let began = Instant::now();
        let answer = self.download(request, deadline).await;
        self.metrics.scraped(dataset, began.elapsed());
        answer
    }

    /// Asks for the preferred form of the report, then for the others.
    async fn download(&self, request: &FetchRequest, deadline: Deadline) -> Result<Fetch, FetchError> {
        let FetchRequest { dataset, trade_date: date, .. } = *request;
        let mut absent = Vec::new();
        for report in dataset.reports(date) {
            let found = self.exchange.ask(Question { dataset, date, report: &report, deadline }).await?;
            let judgement = match found {
                Finding::Fetched(fetched) => return self.keep(request, &report, *fetched).await,
                Finding::Judged(judgement) => judgement,
            };
            let evidence = format!("https://{}{}: {}", report.host, report.path, judgement.reason);
            match judgement.class {
                Class::NotFound(_) => absent.push(evidence),
                _ => return Ok(self.refuse(request, &judgement, evidence)),
            }
        }
        let absence = absence(&self.calendar, dataset, date, self.clock.now());
        let reason = absent.join("; ");
        info!(%dataset, trade_date = %date, state = absence.as_str(), reason, "report is not there");
        Ok(Fetch::NotPublished { absence, reason })
    }

    async fn keep(&self, request: &FetchRequest, report: &Report, fetched: Fetched) -> Result<Fetch, FetchError> {
        let FetchRequest { dataset, exchange, trade_date, .. } = *request;
        let Fetched { url, answer, inspection, attempts } = fetched;
        let observed_at = self.clock.now();
        let facts = Facts {
            version: Facts::VERSION,
            dataset,
            exchange,
            trade_date,
            artifact: reference(exchange, dataset, trade_date, &answer.body, &report.file_name),
            era: inspection.era,
            rows: inspection.rows,
            url: url.to_string(),
            status: answer.status,
            headers: answer.headers,
            observed_at,
            attempts,
            run_id: request.run_id.clone(),
            trace_id: current_trace_id(),
        };
        let raw = self.store.keep(answer.body, facts).await?;
        self.metrics.file_downloaded(dataset, observed_at);
        info!(
            %dataset,
            %trade_date,
            run_id = request.run_id,
            key = raw.artifact.key,
            bytes = raw.artifact.bytes,
            rows = inspection.rows,
            attempts,
            "raw artifact stored"
        );
        Ok(Fetch::Available { raw, downloaded: true })
    }

    fn refuse(&self, request: &FetchRequest, judgement: &Judgement, reason: String) -> Fetch {
        let FetchRequest { dataset, trade_date, .. } = *request;
        let waiting = match absence(&self.calendar, dataset, trade_date, self.clock.now()) {
            Absence::Pending => true,
            Absence::Gap | Absence::Unknown | Absence::Expected => false,
        };
        let class = judgement.class;
        let retryable = class.helps_to_ask_later(waiting);
        warn!(%dataset, %trade_date, run_id = request.run_id, class = class.as_str(), reason, retryable, "answer refused");
        Fetch::Refused { class, reason, retryable }
    }
}

fn check(dataset: Dataset, exchange: Market, date: TradeDate) -> Result<(), FetchError> {
    match exchange {
        Market::Nse => {}
        Market::Bse => return Err(FetchError::Invalid(format!("{dataset} of {exchange} is not collected"))),
    }
    let first = dataset.first_date();
    if date < first {
        return Err(FetchError::Invalid(format!("{dataset} is published from {first}, not on {date}")));
    }
    Ok(())
}
