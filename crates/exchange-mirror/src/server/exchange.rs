//! One request for an exchange's URL, from its address to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use champion_service::Shutdown;
use chrono::Utc;
use http::{HeaderMap, Method, StatusCode, header};
use tracing::{debug, error};

use super::log::Entry;
use super::metrics::Outcome;
use super::{Mirror, Wire};
use crate::address::{HostKind, Refused, Target};
use crate::answer::Answer;
use crate::config::{AgentRefusal, WithoutSession};
use crate::fault::{self, Kind, PageFault, Rule, WireFault};
use crate::pages;
use crate::report::Query;

/// What a request gets.
enum Reply {
    /// An answer, with how it came about.
    Answer(Answer, Outcome),
    /// An answer as a broken connection sends it.
    Broken(Answer, WireFault, Rule),
    /// The end of the connection.
    HangUp(Outcome),
    /// Nothing, ever.
    Silence(Outcome),
}

/// Serves a request for an exchange's URL.
pub(crate) async fn serve(
    State(mirror): State<Arc<Mirror>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response {
    let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let target = match Target::of(host, uri.path(), uri.query()) {
        Ok(target) => target,
        Err(refused) => {
            mirror.metrics.count(Outcome::BadRequest, None);
            return no_target(refused).into_http(&method);
        }
    };
    let url = target.full();
    mirror.log.arrived(&url);
    let agent = text(&headers, header::USER_AGENT).unwrap_or_default().to_owned();
    let refused_agent = mirror.refuses(&agent);
    let hit = if refused_agent { None } else { mirror.faults.take(&url) };
    if let Some(rule) = &hit {
        tokio::time::sleep(Duration::from_millis(rule.delay_ms)).await;
    }
    let kind = hit.as_ref().map(|rule| rule.kind);
    let reply = if refused_agent {
        refusal(mirror.behaviour.agent_refusal, &target)
    } else {
        reply(&mirror, target, &method, &headers, hit).await
    };
    let outcome = match &reply {
        Reply::Answer(_, outcome) | Reply::HangUp(outcome) | Reply::Silence(outcome) => *outcome,
        Reply::Broken(..) => Outcome::Fault,
    };
    debug!(%url, outcome = outcome.as_str(), "request");
    mirror.metrics.count(outcome, kind);
    mirror.log.add(Entry { at: Utc::now(), method: method.to_string(), url, user_agent: agent, outcome, fault: kind });
    match reply {
        Reply::Answer(answer, _) => answer.into_http(&method),
        Reply::Broken(answer, fault, rule) => {
            let play = async {
                if let Err(error) = fault::play(fault, &rule, &wire, &answer).await {
                    debug!(%error, "the client left before the fault was over");
                }
            };
            gone(&wire, &mirror.shutdown, play).await
        }
        Reply::HangUp(_) => {
            let _ = wire.reset_on_close();
            gone(&wire, &mirror.shutdown, async {}).await
        }
        Reply::Silence(_) => gone(&wire, &mirror.shutdown, std::future::pending()).await,
    }
}

/// Ends the connection after some last work, or at once when the process stops; there is nothing to return any more.
async fn gone(wire: &Wire, shutdown: &Shutdown, last: impl Future<Output = ()>) -> Response {
    tokio::select! {
        () = last => {}
        () = shutdown.cancelled() => {}
    }
    wire.hang_up();
    std::future::pending().await
}

async fn reply(mirror: &Arc<Mirror>, target: Target, method: &Method, headers: &HeaderMap, hit: Option<Rule>) -> Reply {
    if method != Method::GET && method != Method::HEAD {
        let page = "<html><body><h1>Method Not Allowed</h1></body></html>\n";
        return Reply::Answer(Answer::html(StatusCode::METHOD_NOT_ALLOWED, page), Outcome::BadRequest);
    }
    if let Some(rule) = &hit {
        match rule.kind {
            Kind::Page(fault) => {
                if fault == PageFault::Unauthorized401 {
                    mirror.visitors.forget();
                }
                return Reply::Answer(fault::answer(fault, rule, &target), Outcome::Fault);
            }
            Kind::Wire(fault) if !fault::needs_answer(fault) => {
                return Reply::Broken(Answer::html(StatusCode::OK, ""), fault, rule.clone());
            }
            Kind::Slow | Kind::Wire(_) | Kind::Day(_) | Kind::Container(_) | Kind::Table(_) => {}
        }
    }
    if let Some(refused) = without_session(mirror, &target, headers) {
        return Reply::Answer(refused, Outcome::NoSession);
    }
    let (answer, outcome) = found(mirror, target, headers, hit.clone()).await;
    match hit {
        Some(rule) => match rule.kind {
            Kind::Wire(fault) => Reply::Broken(answer, fault, rule),
            Kind::Slow | Kind::Page(_) | Kind::Day(_) | Kind::Container(_) | Kind::Table(_) => {
                Reply::Answer(answer, outcome)
            }
        },
        None => Reply::Answer(answer, outcome),
    }
}

/// Looks the target up and spoils it when a rule says so, off the async threads.
async fn found(mirror: &Arc<Mirror>, target: Target, headers: &HeaderMap, hit: Option<Rule>) -> (Answer, Outcome) {
    if target.host.kind == HostKind::Site && !target.path.starts_with("/api/") && !is_file(&target.path) {
        let page = Answer::html(StatusCode::OK, pages::SITE_PAGE);
        return (page.with(header::SET_COOKIE, &mirror.visitors.welcome()), Outcome::Served);
    }
    let (mirror, headers) = (Arc::clone(mirror), headers.clone());
    let work = move || look_up(&mirror, &target, &headers, hit.as_ref());
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| failed(&format!("the look-up ended: {error}")))
}

fn look_up(mirror: &Mirror, target: &Target, headers: &HeaderMap, hit: Option<&Rule>) -> (Answer, Outcome) {
    let is_api = target.host.kind == HostKind::Site && target.path.starts_with("/api/");
    let found = if is_api {
        Ok(mirror.source.api(&target.path, &Query::parse(&target.query)))
    } else {
        mirror.source.file(target.host.name, &target.path)
    };
    let served = match found {
        Ok(Some(served)) => served,
        Ok(None) => return (fault::missing(target.host.kind), Outcome::Missing),
        Err(error) => return failed(&format!("cannot read {}: {error}", target.full())),
    };
    let Some(rule) = hit else {
        let answer = Answer::file(served, headers);
        let outcome = if answer.status == StatusCode::OK { Outcome::Served } else { Outcome::NotModified };
        return (answer, outcome);
    };
    match fault::spoil(served, rule, target, &mirror.source) {
        Ok(served) => (Answer::file(served, headers), Outcome::Fault),
        Err(reason) => failed(&format!("fault {} does not apply to {}: {reason}", rule.kind, target.full())),
    }
}

/// A failure of the mirror itself, told apart from every failure an exchange has.
fn failed(reason: &str) -> (Answer, Outcome) {
    error!(reason, "request failed");
    (Answer::new(StatusCode::NOT_IMPLEMENTED, "text/plain; charset=utf-8", format!("{reason}\n")), Outcome::Failed)
}

/// Pages have no extension; what has one is a file.
fn is_file(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.contains('.'))
}

fn without_session(mirror: &Mirror, target: &Target, headers: &HeaderMap) -> Option<Answer> {
    if target.host.kind == HostKind::BseApi && text(headers, header::REFERER).is_none() {
        return Some(Answer::html(StatusCode::FORBIDDEN, pages::access_denied(&target.full())));
    }
    if target.host.kind != HostKind::Site || !target.path.starts_with("/api/") {
        return None;
    }
    if text(headers, header::COOKIE).is_some_and(|cookies| mirror.visitors.knows(cookies)) {
        return None;
    }
    match mirror.behaviour.without_session {
        WithoutSession::Off => None,
        WithoutSession::Unauthorized => Some(Answer::html(StatusCode::UNAUTHORIZED, pages::UNAUTHORIZED)),
        WithoutSession::Error => Some(Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "Error")),
    }
}

fn refusal(how: AgentRefusal, target: &Target) -> Reply {
    match how {
        AgentRefusal::Reset => Reply::HangUp(Outcome::AgentRefused),
        AgentRefusal::Stall => Reply::Silence(Outcome::AgentRefused),
        AgentRefusal::Forbidden | AgentRefusal::Off => {
            let page = pages::access_denied(&target.full());
            Reply::Answer(Answer::html(StatusCode::FORBIDDEN, page), Outcome::AgentRefused)
        }
    }
}

fn no_target(refused: Refused) -> Answer {
    let (status, reason) = match refused {
        Refused::UnknownHost => (
            StatusCode::MISDIRECTED_REQUEST,
            "no mirrored host: ask for /<host>/<path>, such as /nsearchives.nseindia.com/content/…, or set Host\n",
        ),
        Refused::BadPath => (StatusCode::BAD_REQUEST, "a path that no exchange has\n"),
    };
    Answer::new(status, "text/plain; charset=utf-8", reason)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}
