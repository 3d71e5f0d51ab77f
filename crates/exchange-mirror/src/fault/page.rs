//! Faults that put another answer in place of the file.

use http::{StatusCode, header};

use super::kind::PageFault;
use super::rule::{RetryAfter, Rule};
use crate::address::{HostKind, Target};
use crate::answer::Answer;
use crate::pages;

/// Seconds a throttled client is asked to wait when the rule does not say.
const RETRY_AFTER: i64 = 1;

/// Returns the answer that comes in place of the file.
pub(crate) fn answer(fault: PageFault, rule: &Rule, target: &Target) -> Answer {
    match fault {
        PageFault::Html200 => match target.host.kind {
            HostKind::Shell | HostKind::BseApi => Answer::html(StatusCode::OK, pages::shell()),
            HostKind::Archive | HostKind::Site => Answer::html(StatusCode::OK, pages::SOFT_BLOCK),
        },
        PageFault::NotFound => missing(target.host.kind),
        PageFault::ForbiddenEdgesuite => Answer::html(StatusCode::FORBIDDEN, pages::access_denied(&target.full())),
        PageFault::RateBlock403 => Answer::html(StatusCode::FORBIDDEN, pages::RATE_BLOCK),
        PageFault::Unauthorized401 => Answer::html(StatusCode::UNAUTHORIZED, pages::UNAUTHORIZED),
        PageFault::Error500Body => Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "Error"),
        PageFault::Throttled429 => {
            let wait = match &rule.retry_after {
                Some(RetryAfter::Seconds(seconds)) => seconds.to_string(),
                Some(RetryAfter::Text(text)) => text.clone(),
                None => RETRY_AFTER.to_string(),
            };
            let page = "<html><body><h1>Too Many Requests</h1></body></html>\n";
            Answer::html(StatusCode::TOO_MANY_REQUESTS, page).with(header::RETRY_AFTER, &wait)
        }
        PageFault::Redirect => {
            let page = "<html><body>Moved</body></html>\n";
            Answer::html(StatusCode::FOUND, page).with(header::LOCATION, rule.to.as_deref().unwrap_or("/"))
        }
        PageFault::EmptyJson => Answer::new(StatusCode::OK, "application/json; charset=utf-8", "{}"),
        PageFault::EmptyBody => Answer::new(StatusCode::OK, "application/octet-stream", ""),
        PageFault::Status5xx => {
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
