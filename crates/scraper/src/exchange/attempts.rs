//! Asks an exchange for one report: pace, breaker, session, request, judgement, retry.

use std::borrow::Cow;
use std::time::Instant;

use champion_decode::{Inspection, Refusal, holiday_master, inspect};
use champion_lake::Lake;
use champion_market_data::{Calendar, Dataset, Era, Report, TradeDate};
use champion_retry::{Deadline, Decision, GiveUp, Policy};
use tracing::{debug, warn};
use url::Url;

use super::Source;
use super::address::{Address, Addresses};
use super::guard::Silence;
use super::host::Host;
use super::http::Get;
use super::session::WarmUp;
use super::timetable::Stop;
use crate::classify::{Action, Asked, Class, Judgement, classify, is_worth_inspecting};
use crate::config::{Config, MinRows};
use crate::metrics::Metrics;
use crate::received::{Answer, HeaderFacts, Received};
use crate::{Clock, Error, FetchError};

/// The exchanges, as far as the scraper sees them.
#[derive(Debug)]
pub(crate) struct Exchange {
    addresses: Addresses,
    archive: Host,
    api: Host,
    policy: Policy,
    min_rows: MinRows,
    clock: Clock,
}

/// Which report is wanted, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    pub(crate) dataset: Dataset,
    pub(crate) date: TradeDate,
    pub(crate) report: Cow<'a, Report>,
    pub(crate) calendar: &'a Calendar,
    /// What is there already; then only a change is of interest.
    pub(crate) known: Option<Known<'a>>,
    pub(crate) deadline: Deadline,
}

impl<'a> Question<'a> {
    /// Asks for the holidays of a year, at the API that publishes corporate actions.
    pub(crate) fn holiday_master(year: i32, calendar: &'a Calendar, deadline: Deadline) -> Self {
        let date = TradeDate::from_ymd(year, 1, 1).expect("the years of trade dates have a first of January");
        let report = Cow::Owned(Report {
            era: Era::ApiJson,
            host: Source::NseApi.host(),
            path: format!("{HOLIDAY_MASTER}?type=trading&year={year}"),
            file_name: format!("holiday_master_{year}.json"),
            referer: "https://www.nseindia.com/resources/exchange-communication-holidays",
            needs_session: true,
        });
        Self { dataset: Dataset::CorporateActions, date, report, calendar, known: None, deadline }
    }

    /// Looks inside what came, as the decoder of what was asked for does.
    fn inspector(&self) -> impl FnOnce(&[u8]) -> Result<Inspection, Refusal> + Send + use<> {
        let (dataset, year) = (self.dataset, self.date.month().0);
        let holidays = self.report.path.starts_with(HOLIDAY_MASTER);
        move |body| {
            if !holidays {
                return inspect(body, dataset);
            }
            let rows = holiday_master(body, year)?.map_or(0, |list| list.days.len() as u64);
            Ok(Inspection { era: Era::ApiJson, content_date: None, rows })
        }
    }
}

/// Path of the holiday master.
const HOLIDAY_MASTER: &str = "/api/holiday-master";

/// An earlier answer to the same question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    /// What was really asked: the tags of one server mean nothing to another.
    pub(crate) url: &'a str,
    pub(crate) headers: &'a HeaderFacts,
}

/// What the exchange holds.
#[derive(Debug)]
pub(crate) enum Finding {
    /// The report.
    Fetched(Box<Fetched>),
    /// Something else, or nothing.
    Judged(Judgement),
}

/// A report as received.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) url: Url,
    pub(crate) answer: Answer,
    pub(crate) inspection: Inspection,
    pub(crate) attempts: u32,
}

/// What one attempt brought.
struct Attempt {
    received: Received,
    inspection: Option<Result<Inspection, Refusal>>,
    judgement: Judgement,
}

impl Exchange {
    pub(crate) fn new(config: &Config, lake: &Lake, clock: Clock, metrics: &Metrics) -> Result<Self, Error> {
        let host = |source: Source| Host::new(source, config, lake, &clock, metrics);
        Ok(Self {
            addresses: Addresses::new(&config.source),
            archive: host(Source::NseArchive)?,
            api: host(Source::NseApi)?,
            policy: config.retry.policy(),
            min_rows: config.min_rows,
            clock,
        })
    }

    /// Asks for a report until there is an answer, the deadline ends or asking on makes no sense.
    ///
    /// # Errors
    /// [`FetchError`] when there is no answer.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Finding, FetchError> {
        let host = self.host(Source::of(&question.report));
        match self.ask_host(host, question).await {
            Ok(finding) => Ok(finding),
            Err(Stop::Silent(silence)) => silent(host.source, silence),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Returns what belongs to a source alone.
    pub(crate) const fn host(&self, source: Source) -> &Host {
        match source {
            Source::NseArchive => &self.archive,
            Source::NseApi => &self.api,
        }
    }

    async fn ask_host(&self, host: &Host, question: Question<'_>) -> Result<Finding, Stop> {
        let address = self.addresses.resolve(question.report.host, &question.report.path)?;
        // Before anybody waits for a place, for the pace or visits a page: an open breaker rejects at once.
        host.check().await?;
        let _place = host.place(question.deadline).await?;
        let mut attempts = 0;
        let mut renewed = false;
        loop {
            host.check().await?;
            let generation = self.warm(host, &question).await?;
            host.timetable.turn(question.deadline).await?;
            let leave = host.guard.admit(Instant::now()).map_err(Stop::Silent)?;
            if attempts == 0 {
                host.guard.first_attempt(Instant::now());
            }
            attempts += 1;
            let mut attempt = self.attempt(host, &address, &question, attempts).await?;
            if attempt.judgement.class == Class::SessionInvalid && renewed {
                attempt.judgement.class = Class::Blocked;
                attempt.judgement.reason.push_str(", with new cookies too");
            }
            let judgement = attempt.judgement.clone();
            leave.report(judgement.class.source_works(), Instant::now());
            debug!(source = %host.source, attempts, class = judgement.class.as_str(), "answer judged");
            match judgement.class.action() {
                Action::Keep => return Ok(kept(address.url, attempt, attempts, judgement)),
                Action::Stay | Action::Absent | Action::Refuse => return Ok(Finding::Judged(judgement)),
                Action::Silence => {
                    host.timetable.silence(&judgement.reason).await;
                    return Ok(Finding::Judged(judgement));
                }
                Action::RenewSession => {
                    renewed = true;
                    self.renew(host, &question, generation).await?;
                }
                Action::Retry => {
                    if let Some(end) = self.wait(host, attempts, judgement, question.deadline).await {
                        return Ok(end?);
                    }
                }
            }
        }
    }

    async fn attempt(
        &self,
        host: &Host,
        address: &Address,
        question: &Question<'_>,
        attempts: u32,
    ) -> Result<Attempt, FetchError> {
        let report = &question.report;
        let known = question.known.filter(|known| known.url == address.url.as_str()).map(|known| known.headers);
        let resend_count = attempts - 1;
        let get = Get { address, referer: report.referer, known, resend_count, deadline: question.deadline };
        let received = host.client.get(get).await;
        let inspection = look_inside(&received, question.inspector()).await?;
        let asked = Asked {
            dataset: question.dataset,
            date: question.date,
            era: report.era,
            needs_session: report.needs_session,
            min_rows: self.min_rows.of(report.era),
            conditional: known.is_some(),
            calendar: question.calendar,
            now: self.clock.now(),
        };
        let judgement = classify(&received, inspection.as_ref(), &asked);
        Ok(Attempt { received, inspection, judgement })
    }

    /// Waits before the next attempt, or returns how the question ends.
    async fn wait(
        &self,
        host: &Host,
        attempts: u32,
        judgement: Judgement,
        deadline: Deadline,
    ) -> Option<Result<Finding, FetchError>> {
        let now = Instant::now();
        if let Some(asked) = judgement.retry_after {
            // Everybody waits, not only this fetch.
            host.timetable.hold(asked).await;
        }
        match host.guard.after_failure(&self.policy, attempts, judgement.retry_after, deadline, now) {
            Decision::RetryAfter(wait) => {
                warn!(
                    source = %host.source,
                    attempts,
                    class = judgement.class.as_str(),
                    reason = judgement.reason,
                    wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    "asking again"
                );
                tokio::time::sleep(wait).await;
                None
            }
            Decision::GiveUp(gave_up) => Some(given_up(host.source, attempts, gave_up, judgement)),
        }
    }

    /// Fetches cookies where the source wants some and there are none; returns their generation.
    async fn warm(&self, host: &Host, question: &Question<'_>) -> Result<u64, Stop> {
        if !question.report.needs_session {
            return Ok(0);
        }
        let (warm_up, generation) = host.session.ensure(Instant::now()).await;
        self.visit(host, question, warm_up).await?;
        Ok(generation)
    }

    async fn renew(&self, host: &Host, question: &Question<'_>, refused: u64) -> Result<(), Stop> {
        let (warm_up, _) = host.session.renew(refused).await;
        self.visit(host, question, warm_up).await
    }

    /// Visits the report's page for its cookies. What the page says does not matter: the report's answer will show
    /// whether the cookies are good.
    async fn visit(&self, host: &Host, question: &Question<'_>, warm_up: Option<WarmUp<'_>>) -> Result<(), Stop> {
        let Some(warm_up) = warm_up else { return Ok(()) };
        let page = question.report.referer;
        let path = page.strip_prefix("https://").and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or("/");
        let address = self.addresses.resolve(question.report.host, path)?;
        host.timetable.turn(question.deadline).await?;
        warm_up.begin();
        let get = Get { address: &address, referer: page, known: None, resend_count: 0, deadline: question.deadline };
        let received = host.client.get(get).await;
        warm_up.end(Instant::now());
        let status = match &received {
            Received::Answer(answer) => Some(answer.status),
            Received::Failure(_) => None,
        };
        debug!(source = %host.source, status, "visited the report's page for cookies");
        Ok(())
    }
}

/// Looks inside an answer, away from the threads that serve requests.
async fn look_inside(
    received: &Received,
    inspector: impl FnOnce(&[u8]) -> Result<Inspection, Refusal> + Send + 'static,
) -> Result<Option<Result<Inspection, Refusal>>, FetchError> {
    match received {
        Received::Answer(answer) if is_worth_inspecting(answer) => {
            let body = answer.body.clone();
            Ok(Some(tokio::task::spawn_blocking(move || inspector(&body)).await?))
        }
        Received::Answer(_) | Received::Failure(_) => Ok(None),
    }
}

fn kept(url: Url, attempt: Attempt, attempts: u32, judgement: Judgement) -> Finding {
    match (attempt.received, attempt.inspection) {
        (Received::Answer(answer), Some(Ok(inspection))) => {
            Finding::Fetched(Box::new(Fetched { url, answer, inspection, attempts }))
        }
        _ => Finding::Judged(Judgement { class: Class::Malformed, ..judgement }),
    }
}

fn silent(source: Source, silence: Silence) -> Result<Finding, FetchError> {
    match silence {
        Silence::Blocked(left, why) => Ok(Finding::Judged(Judgement {
            class: Class::Blocked,
            reason: format!("{source} has blocked us and is not asked for another {} s: {why}", left.as_secs()),
            retry_after: Some(left),
        })),
        Silence::Breaker(rejected) => Err(FetchError::BreakerOpen { source_name: source, rejected }),
    }
}

fn given_up(source: Source, attempts: u32, gave_up: GiveUp, judgement: Judgement) -> Result<Finding, FetchError> {
    if judgement.class.is_unreachable() {
        return Err(FetchError::Unreachable { source_name: source, attempts, gave_up, reason: judgement.reason });
    }
    Ok(Finding::Judged(judgement))
}
