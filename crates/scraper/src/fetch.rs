//! The use case: one report of one session, from the raw store or from the exchange.

mod neighbours;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use champion_lake::Lake;
use champion_market_data::{
    Absence, Dataset, DayKind, Exchange as Market, RawArtifact, Report, Sha256, TradeDate, absence,
};
use champion_retry::Deadline;
use champion_telemetry::context::current_trace_id;
use tracing::{info, warn};

use crate::almanac::{Almanac, Look};
use crate::classify::{Class, Judgement};
use crate::config::Config;
use crate::copied::Lately;
use crate::exchange::{Exchange, Fetched, Finding, Known, Question};
use crate::facts::Facts;
use crate::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::raw_store::{RawStore, reference};
use crate::set_aside::{SetAside, Wanted};
use crate::{Clock, Error, FetchError, Source, SourceState};

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
    /// Whether the exchange is asked for changes although the bytes are there.
    pub recheck: bool,
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
        /// What the exchange said about bytes that were there.
        recheck: Recheck,
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

/// What came of asking for changes of bytes that were there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recheck {
    /// Nobody asked.
    NotAsked,
    /// The exchange was asked and answered with the report, the same or a corrected one.
    Answered,
    /// The exchange was asked and answered with something else; the bytes that were there stand. For people.
    Warning(String),
}

/// Fetches reports.
#[derive(Debug)]
pub struct Fetcher {
    store: RawStore,
    exchange: Exchange,
    almanac: Almanac,
    clock: Clock,
    metrics: Metrics,
    in_flight: InFlight,
    lately: Arc<Lately>,
}

impl Fetcher {
    /// Makes a fetcher over a lake.
    ///
    /// # Errors
    /// Fails when the configuration makes no HTTP client.
    pub fn new(config: &Config, lake: Lake, clock: Clock, metrics: Metrics) -> Result<Self, Error> {
        let exchange = Exchange::new(config, &lake, clock.clone(), &metrics)?;
        let almanac = Almanac::new(lake.clone());
        let (in_flight, lately) = (InFlight::default(), Arc::default());
        Ok(Self { store: RawStore::new(lake, clock.clone()), exchange, almanac, clock, metrics, in_flight, lately })
    }

    /// Checks that a call is made for the orchestrator that leads.
    ///
    /// # Errors
    /// [`FetchError::Lake`] when it is not, or when the lake does not say.
    pub async fn check_fencing_token(&self, token: u64) -> Result<(), FetchError> {
        Ok(self.store.check_fencing_token(token).await?)
    }

    /// Fetches one report, or tells why there is none.
    ///
    /// # Errors
    /// [`FetchError`] when the request makes no sense, the exchange cannot be reached or the store fails.
    pub async fn fetch(&self, request: &FetchRequest, deadline: Deadline) -> Result<Fetch, FetchError> {
        let FetchRequest { dataset, exchange, trade_date, .. } = *request;
        check(dataset, exchange, trade_date)?;
        let today = TradeDate::at(self.clock.now());
        let calendar = self.almanac.consult(self.look(trade_date, deadline)).await?;
        let kind = calendar.kind(trade_date);
        let closed = kind.has_session() == Some(false);
        // Two calls for the same report make one download; the second finds the bytes.
        let _only_one = self.in_flight.enter(dataset, trade_date).await;
        if let Some(present) = self.store.latest(exchange, dataset, trade_date).await? {
            if !request.recheck {
                return Ok(Fetch::Available { raw: present.raw(), downloaded: false, recheck: Recheck::NotAsked });
            }
            let began = Instant::now();
            let answer = self.recheck(request, &present, deadline).await;
            self.metrics.scraped(dataset, began.elapsed());
            return answer;
        }
        // A file that is there outweighs the calendar, and a look for corrections asks for a session nobody announced.
        if closed && !request.recheck {
            return Ok(Fetch::Closed { kind });
        }
        if trade_date > today {
            let reason = format!("{trade_date} is still to come");
            return Ok(Fetch::NotPublished { absence: Absence::Pending, reason });
        }
        // Of several scrapers on the lake one downloads, and the others find the bytes.
        let _turn = self.store.turn(exchange, dataset, trade_date, deadline).await?;
        if let Some(present) = self.store.latest(exchange, dataset, trade_date).await? {
            return Ok(Fetch::Available { raw: present.raw(), downloaded: false, recheck: Recheck::NotAsked });
        }
        let began = Instant::now();
        let answer = self.download(request, deadline).await;
        self.metrics.scraped(dataset, began.elapsed());
        answer
    }

    /// Returns every source as an operator sees it.
    pub async fn sources(&self) -> Vec<SourceState> {
        let mut states = Vec::with_capacity(Source::ALL.len());
        for source in Source::ALL {
            states.push(self.exchange.host(source).state().await);
        }
        states
    }

    /// Lists the files that were set aside whole, newest session first.
    ///
    /// # Errors
    /// [`FetchError::Lake`] when the lake cannot be read.
    pub async fn set_aside(&self, wanted: &Wanted) -> Result<Vec<SetAside>, FetchError> {
        Ok(self.store.listed_aside(wanted).await?)
    }

    /// Closes a source's breaker and forgets its block and wait, for every process on the lake; `by` is who asks for it.
    ///
    /// # Errors
    /// [`FetchError::Lake`] when the register cannot be written; then only this process has forgotten.
    pub async fn reset(&self, source: Source, by: &str) -> Result<SourceState, FetchError> {
        let host = self.exchange.host(source);
        host.timetable.reset(by).await?;
        Ok(host.state().await)
    }

    fn look(&self, date: TradeDate, deadline: Deadline) -> Look<'_> {
        Look { exchange: &self.exchange, date, today: TradeDate::at(self.clock.now()), deadline }
    }

    /// Asks for the preferred form of the report, then for the others.
    async fn download(&self, request: &FetchRequest, deadline: Deadline) -> Result<Fetch, FetchError> {
        let FetchRequest { dataset, trade_date: date, .. } = *request;
        let calendar = self.almanac.calendar();
        let closed = calendar.kind(date).has_session() == Some(false);
        let mut absent = Vec::new();
        for report in dataset.reports(date) {
            let found = self
                .exchange
                .ask(Question {
                    dataset,
                    date,
                    report: Cow::Borrowed(&report),
                    calendar: &calendar,
                    known: None,
                    deadline,
                })
                .await?;
            let judgement = match found {
                Finding::Fetched(fetched) => match self.copied(request, &report, &fetched).await? {
                    None => return self.keep(request, &report, *fetched, Recheck::NotAsked).await,
                    Some(judgement) => judgement,
                },
                Finding::Judged(judgement) => judgement,
            };
            let evidence = evidence(&report, &judgement);
            match judgement.class {
                Class::NotFound(_) => absent.push(evidence),
                // On a closed day the exchange serves the session before.
                Class::StaleContent if closed => absent.push(evidence),
                _ => return Ok(self.refuse(request, &judgement, evidence)),
            }
        }
        let mut absent_because = absence(&calendar, dataset, date, self.clock.now());
        if absent_because == Absence::Gap {
            let calendar = self.almanac.explain(self.look(date, deadline)).await?;
            absent_because = absence(&calendar, dataset, date, self.clock.now());
        }
        if absent_because == Absence::Expected {
            // Disputed days count as holidays: the master lists them and there is no file.
            let kind = if closed { calendar.kind(date) } else { DayKind::Holiday };
            return Ok(Fetch::Closed { kind });
        }
        let reason = absent.join("; ");
        info!(%dataset, trade_date = %date, state = absent_because.as_str(), reason, "report is not there");
        Ok(Fetch::NotPublished { absence: absent_because, reason })
    }

    /// Asks whether the report that is there has changed. What is there is never lost: a correction is kept beside it,
    /// and an answer that is no report leaves everything as it is.
    async fn recheck(&self, request: &FetchRequest, present: &Facts, deadline: Deadline) -> Result<Fetch, FetchError> {
        let FetchRequest { dataset, trade_date: date, .. } = *request;
        let calendar = self.almanac.calendar();
        let reports = dataset.reports(date);
        let same = reports.iter().find(|report| present.url.ends_with(&report.path));
        let report = same.or(reports.first()).expect("every dataset has a report");
        let known = Known { url: &present.url, headers: &present.headers };
        let found = self
            .exchange
            .ask(Question {
                dataset,
                date,
                report: Cow::Borrowed(report),
                calendar: &calendar,
                known: Some(known),
                deadline,
            })
            .await?;
        let stays = |recheck| Ok(Fetch::Available { raw: present.raw(), downloaded: false, recheck });
        let judgement = match found {
            Finding::Fetched(fetched) if Sha256::of(&fetched.answer.body) == present.artifact.sha256 => {
                return stays(Recheck::Answered);
            }
            Finding::Fetched(fetched) => {
                let mut refused = self.shrunk(request, report, &fetched, present.rows).await?;
                if refused.is_none() {
                    refused = self.copied(request, report, &fetched).await?;
                }
                match refused {
                    None => return self.keep(request, report, *fetched, Recheck::Answered).await,
                    Some(judgement) => judgement,
                }
            }
            Finding::Judged(judgement) => judgement,
        };
        if judgement.class == Class::Unchanged {
            return stays(Recheck::Answered);
        }
        let evidence = evidence(report, &judgement);
        let class = judgement.class.as_str();
        self.metrics.answer_set_aside(dataset);
        warn!(%dataset, trade_date = %date, run_id = request.run_id, class, evidence, "recheck brought no report");
        stays(Recheck::Warning(format!("{class}: {evidence}")))
    }

    async fn keep(
        &self,
        request: &FetchRequest,
        report: &Report,
        fetched: Fetched,
        recheck: Recheck,
    ) -> Result<Fetch, FetchError> {
        let FetchRequest { dataset, trade_date, .. } = *request;
        let facts = self.facts(request, report, &fetched);
        let Fetched { answer, inspection, attempts, .. } = fetched;
        let raw = self.store.keep(answer.body, facts).await?;
        self.metrics.file_downloaded(dataset, self.clock.now());
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
        Ok(Fetch::Available { raw, downloaded: true, recheck })
    }

    fn facts(&self, request: &FetchRequest, report: &Report, fetched: &Fetched) -> Facts {
        let FetchRequest { dataset, exchange, trade_date, .. } = *request;
        let Fetched { url, answer, inspection, attempts } = fetched;
        Facts {
            version: Facts::VERSION,
            dataset,
            exchange,
            trade_date,
            artifact: reference(exchange, dataset, trade_date, &answer.body, &report.file_name),
            era: inspection.era,
            rows: inspection.rows,
            url: url.to_string(),
            status: answer.status,
            headers: answer.headers.clone(),
            observed_at: self.clock.now(),
            attempts: *attempts,
            run_id: request.run_id.clone(),
            trace_id: current_trace_id(),
        }
    }

    fn refuse(&self, request: &FetchRequest, judgement: &Judgement, reason: String) -> Fetch {
        let FetchRequest { dataset, trade_date, .. } = *request;
        let waiting = match absence(&self.almanac.calendar(), dataset, trade_date, self.clock.now()) {
            Absence::Pending => true,
            Absence::Gap | Absence::Unknown | Absence::Expected => false,
        };
        let class = judgement.class;
        let retryable = class.helps_to_ask_later(waiting);
        self.metrics.answer_set_aside(dataset);
        warn!(%dataset, %trade_date, run_id = request.run_id, class = class.as_str(), reason, retryable, "answer refused");
        Fetch::Refused { class, reason, retryable }
    }
}

fn evidence(report: &Report, judgement: &Judgement) -> String {
    format!("https://{}{}: {}", report.host, report.path, judgement.reason)
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
