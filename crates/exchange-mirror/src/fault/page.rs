//! Faults that put another answer in place of the file.

use http::{StatusCode, header};

use super::rule::{Kind, RetryAfter, Rule};
use crate::address::{HostKind, Target};
use crate::answer::Answer;
use crate::pages;

/// Seconds a throttled client is asked to wait when the rule does not say.
const RETRY_AFTER: i64 = 1;

/// Returns the answer of a fault of the stage `Page`.
pub(crate) fn answer(rule: &Rule, target: &Target) -> Answer {
    match rule.kind {
        Kind::Html200 => match target.host.kind {
            HostKind::Shell | HostKind::BseApi => Answer::html(StatusCode::OK, pages::shell()),
            HostKind::Archive | HostKind::Site => Answer::html(StatusCode::OK, pages::SOFT_BLOCK),
        },
        Kind::NotFound => missing(target.host.kind),
        Kind::ForbiddenEdgesuite => Answer::html(StatusCode::FORBIDDEN, pages::access_denied(&target.full())),
        Kind::RateBlock403 => Answer::html(StatusCode::FORBIDDEN, pages::RATE_BLOCK),
        Kind::Unauthorized401 => Answer::html(StatusCode::UNAUTHORIZED, pages::UNAUTHORIZED),
        Kind::Error500Body => Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "Error"),
        Kind::Throttled429 => {
            let wait = match &rule.retry_after {
                Some(RetryAfter::Seconds(seconds)) => seconds.to_string(),
                Some(RetryAfter::Text(text)) => text.clone(),
                None => RETRY_AFTER.to_string(),
            };
            let page = "<html><body><h1>Too Many Requests</h1></body></html>\n";
            Answer::html(StatusCode::TOO_MANY_REQUESTS, page).with(header::RETRY_AFTER, &wait)
        }
        Kind::Redirect => {
            let page = "<html><body>Moved</body></html>\n";
            Answer::html(StatusCode::FOUND, page).with(header::LOCATION, rule.to.as_deref().unwrap_or("/"))
        }
        Kind::EmptyJson => Answer::new(StatusCode::OK, "application/json; charset=utf-8", "{}"),
        Kind::EmptyBody => Answer::new(StatusCode::OK, "application/octet-stream", ""),
        // The others are not of this stage; a status is what they would fall back to.
        _ => {
            let status = rule.status.and_then(|code| StatusCode::from_u16(code).ok());
            let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            Answer::html(status, format!("<html><body><h1>{status}</h1></body></html>\n"))
        }
    }
}

/// Returns what a host sends for a file it does not have.
pub(crate) fn missing(host: HostKind) -> Answer {
    match host {
        HostKind::Archive | HostKind::Site => Answer::html(StatusCode::NOT_FOUND, pages::missing()),
        HostKind::Shell | HostKind::BseApi => Answer::html(StatusCode::OK, pages::shell()),
    }
}
