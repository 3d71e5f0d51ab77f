//! The judgement over an answer, in one pure function.
//!
//! The status code alone says little: exchanges answer 200 with an HTML page, with yesterday's file or with half of
//! today's. [`classify`] takes everything that is known and gives one [`Class`]; what follows from a class is written
//! down beside it and nowhere else.

use std::time::Duration;

use champion_decode::{Inspection, Refusal, RefusalCode};
use champion_market_data::{Absence, Calendar, Dataset, Era, TradeDate, absence};
use chrono::{DateTime, Utc};

use crate::received::{Answer, Failure, FailureKind, Received};

/// What was asked, and when.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The report.
    pub dataset: Dataset,
    /// The session.
    pub date: TradeDate,
    /// The format that is expected.
    pub era: Era,
    /// Whether the source wants cookies.
    pub needs_session: bool,
    /// Rows below which a file is no session.
    pub min_rows: u64,
    /// Whether the file was asked for only in case it changed.
    pub conditional: bool,
    /// The exchange's calendar.
    pub calendar: &'a Calendar,
    /// When the answer came.
    pub now: DateTime<Utc>,
}

/// A judged answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What the answer is.
    pub class: Class,
    /// Why, with the evidence, for people.
    pub reason: String,
    /// How long the source asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The report of the session.
    Ok,
    /// What was received before is still the report.
    Unchanged,
    /// An honest "not here".
    NotFound(Absence),
    /// A page in place of the file: a block in disguise.
    SoftBlock,
    /// A good file of another day.
    StaleContent,
    /// A good file of the right day with the rows of the session before.
    CopiedSession,
    /// A good file with too few rows to be a session.
    TooFewRows,
    /// A file of another form than the report has.
    Malformed,
    /// The beginning of a file, often of one that is being written.
    Truncated,
    /// The source refuses us.
    Blocked,
    /// The cookies are missing or no longer good.
    SessionInvalid,
    /// Too many requests.
    Throttled,
    /// A failure that may pass.
    Transient,
    /// An answer that did not go on.
    Stalled,
    /// A certificate that is not to be trusted.
    Untrusted,
    /// More bytes than any report has.
    TooLarge,
    /// A redirect that is not followed.
    Redirected,
    /// A status that no rule speaks of.
    Unexpected,
}

/// What the scraper does next within the same fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Store the bytes.
    Keep,
    /// Stay with the bytes that are there.
    Stay,
    /// Try the next report that holds the dataset, or say that there is none.
    Absent,
    /// Say what came; do not ask again in this fetch.
    Refuse,
    /// Keep silent towards the source, then say what came.
    Silence,
    /// Fetch new cookies once, then ask again.
    RenewSession,
    /// Ask again after a while.
    Retry,
}

impl Class {
    /// Returns the spelling on the wire, in spans and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unchanged => "unchanged",
            Self::NotFound(_) => "not_found",
            Self::SoftBlock => "soft_block",
            Self::StaleContent => "stale_content",
            Self::CopiedSession => "copied_session",
            Self::TooFewRows => "too_few_rows",
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::Blocked => "blocked",
            Self::SessionInvalid => "session_invalid",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Stalled => "stalled",
            Self::Untrusted => "untrusted",
            Self::TooLarge => "too_large",
            Self::Redirected => "redirected",
            Self::Unexpected => "unexpected",
        }
    }

    /// Returns what the scraper does next.
    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::Ok => Action::Keep,
            Self::Unchanged => Action::Stay,
            Self::NotFound(_) => Action::Absent,
            Self::SessionInvalid => Action::RenewSession,
            Self::Truncated | Self::Throttled | Self::Transient | Self::Stalled => Action::Retry,
            Self::Blocked => Action::Silence,
            Self::SoftBlock
            | Self::StaleContent
            | Self::CopiedSession
            | Self::TooFewRows
            | Self::Malformed
            | Self::Untrusted
            | Self::TooLarge
            | Self::Redirected
            | Self::Unexpected => Action::Refuse,
        }
    }

    /// Tells whether the answer shows that the source works; what does not counts to its circuit breaker.
    #[must_use]
    pub const fn source_works(self) -> bool {
        match self {
            Self::Ok
            | Self::Unchanged
            | Self::NotFound(_)
            | Self::StaleContent
            | Self::CopiedSession
            | Self::TooFewRows
            | Self::Malformed
            | Self::TooLarge
            | Self::Unexpected => true,
            Self::SoftBlock
            | Self::Truncated
            | Self::Blocked
            | Self::SessionInvalid
            | Self::Throttled
            | Self::Transient
            | Self::Stalled
            | Self::Untrusted
            | Self::Redirected => false,
        }
    }

    /// Tells whether there was no answer at all, which is an error of the call and not an answer of the exchange.
    #[must_use]
    pub const fn is_unreachable(self) -> bool {
        match self {
            Self::Transient | Self::Stalled => true,
            Self::Ok
            | Self::Unchanged
            | Self::NotFound(_)
            | Self::SoftBlock
            | Self::StaleContent
            | Self::CopiedSession
            | Self::TooFewRows
            | Self::Malformed
            | Self::Truncated
            | Self::Blocked
            | Self::SessionInvalid
            | Self::Throttled
            | Self::Untrusted
            | Self::TooLarge
            | Self::Redirected
            | Self::Unexpected => false,
        }
    }

    /// Tells whether another fetch, later, can end better. `waiting` is whether the report may still be published.
    #[must_use]
    pub const fn helps_to_ask_later(self, waiting: bool) -> bool {
        match self {
            Self::SoftBlock
            | Self::Truncated
            | Self::Blocked
            | Self::SessionInvalid
            | Self::Throttled
            | Self::Transient
            | Self::Stalled => true,
            // Until the evening the exchange may serve the previous session under today's name, or a file half filled.
            Self::NotFound(_) | Self::StaleContent | Self::CopiedSession | Self::TooFewRows | Self::Malformed => {
                waiting
            }
            Self::Ok | Self::Unchanged | Self::Untrusted | Self::TooLarge | Self::Redirected | Self::Unexpected => {
                false
            }
        }
    }
}

/// Texts of the CDN's refusal and of the rate block, in the 403 page.
const BLOCKING_TEXTS: [&str; 3] = ["errors.edgesuite", "exceeded the permissible threshold", "access is restricted"];

/// Bytes of a page that are searched for a blocking text and kept for diagnosis.
const PAGE_HEAD: usize = 1024;

/// Tells whether the bytes of an answer are worth a look inside, which takes time.
#[must_use]
pub fn is_worth_inspecting(answer: &Answer) -> bool {
    answer.status == 200 && !answer.body.is_empty() && first_visible(&answer.body) != Some(b'<')
}

/// Judges what came. `inspection` is the look inside, where [`is_worth_inspecting`] asked for one.
#[must_use]
pub fn classify(received: &Received, inspection: Option<&Result<Inspection, Refusal>>, asked: &Asked<'_>) -> Judgement {
    match received {
        Received::Failure(failure) => judge_failure(failure),
        Received::Answer(answer) => judge_answer(answer, inspection, asked),
    }
}

fn judge_failure(failure: &Failure) -> Judgement {
    let class = match failure.kind {
        FailureKind::NoAnswer => Class::Transient,
        FailureKind::Certificate => Class::Untrusted,
        FailureKind::Stalled => Class::Stalled,
        FailureKind::BrokenBody => Class::Truncated,
        FailureKind::TooLong => Class::TooLarge,
        FailureKind::Redirect => Class::Redirected,
    };
    judged(class, failure.detail.clone())
}

fn judge_answer(answer: &Answer, inspection: Option<&Result<Inspection, Refusal>>, asked: &Asked<'_>) -> Judgement {
    let mut judgement = match answer.status {
        200 => judge_content(answer, inspection, asked),
        304 if asked.conditional => judged(Class::Unchanged, "304: not modified".to_owned()),
        404 | 410 => judge_absence(answer.status, asked),
        401 | 403 => judge_refusal(answer, asked),
        429 => judged(Class::Throttled, "429: too many requests".to_owned()),
        500 if asked.needs_session && answer.body.trim_ascii() == b"Error" => {
            judged(Class::SessionInvalid, "500 with the body \"Error\": cookies are missing".to_owned())
        }
        408 | 500..=599 => judged(Class::Transient, format!("{}: {}", answer.status, head(&answer.body))),
        status => judged(Class::Unexpected, format!("{status}: {}", head(&answer.body))),
    };
    if matches!(judgement.class, Class::Throttled | Class::Transient) {
        judgement.retry_after = answer.headers.retry_after.as_deref().and_then(|text| retry_after(text, asked.now));
    }
    judgement
}

fn judge_absence(status: u16, asked: &Asked<'_>) -> Judgement {
    let absence = absence(asked.calendar, asked.dataset, asked.date, asked.now);
    let what = match absence {
        Absence::Pending => "not published yet",
        Absence::Gap => "should long have been published",
        Absence::Unknown => "the calendar does not know whether there was a session",
        Absence::Expected => "there was no session",
    };
    judged(Class::NotFound(absence), format!("{status}: {what}"))
}

fn judge_refusal(answer: &Answer, asked: &Asked<'_>) -> Judgement {
    let page = String::from_utf8_lossy(&answer.body);
    let blocking = BLOCKING_TEXTS.iter().any(|text| page.contains(text));
    let reason = format!("{}: {}", answer.status, head(&answer.body));
    if asked.needs_session && !blocking {
        judged(Class::SessionInvalid, reason)
    } else {
        judged(Class::Blocked, reason)
    }
}

fn judge_content(answer: &Answer, inspection: Option<&Result<Inspection, Refusal>>, asked: &Asked<'_>) -> Judgement {
    let length = answer.body.len() as u64;
    match answer.headers.content_length {
        Some(declared) if declared != length => {
            return judged(Class::Truncated, format!("{length} bytes came of {declared}"));
        }
        Some(_) | None => {}
    }
    let expects_json = asked.era == Era::ApiJson;
    match first_visible(&answer.body) {
        None => return judged(Class::Truncated, "200 without content".to_owned()),
        Some(b'<') => return judged(Class::SoftBlock, format!("200 with a page: {}", head(&answer.body))),
        Some(b'{') if asked.needs_session && answer.body.trim_ascii() == b"{}" => {
            return judged(Class::SessionInvalid, "200 with {}: cookies are missing".to_owned());
        }
        Some(b'{' | b'[') if !expects_json => {
            return judged(Class::SoftBlock, format!("200 with JSON in place of a file: {}", head(&answer.body)));
        }
        Some(_) => {}
    }
    match inspection {
        // Every table of the exchange ends its last line; one that does not was read while it was written.
        Some(Ok(_)) if asked.era == Era::Full && answer.body.last() != Some(&b'\n') => {
            judged(Class::Truncated, "the last line has no end".to_owned())
        }
        Some(Ok(found)) => judge_inspection(found, asked),
        Some(Err(refusal)) => judge_decoder_refusal(refusal),
        None => judged(Class::Malformed, "nobody has looked inside".to_owned()),
    }
}

fn judge_inspection(found: &Inspection, asked: &Asked<'_>) -> Judgement {
    match found.content_date {
        Some(date) if date != asked.date => {
            return judged(Class::StaleContent, format!("asked for {}, the file is of {date}", asked.date));
        }
        None if found.rows > 0 && asked.era != Era::ApiJson => {
            return judged(Class::Malformed, "the rows carry no date".to_owned());
        }
        Some(_) | None => {}
    }
    if found.rows < asked.min_rows {
        let reason = format!("{} rows, a session of this format has at least {}", found.rows, asked.min_rows);
        return judged(Class::TooFewRows, reason);
    }
    judged(Class::Ok, format!("{} rows", found.rows))
}

fn judge_decoder_refusal(refusal: &Refusal) -> Judgement {
    let class = match refusal.code {
        RefusalCode::Empty | RefusalCode::Truncated => Class::Truncated,
        RefusalCode::Html => Class::SoftBlock,
        RefusalCode::StaleContent => Class::StaleContent,
        RefusalCode::TooLarge => Class::TooLarge,
        RefusalCode::NoRows => Class::TooFewRows,
        RefusalCode::NotAZip
        | RefusalCode::BadArchive
        | RefusalCode::ArchiveLimits
        | RefusalCode::NotUtf8
        | RefusalCode::MissingColumn
        | RefusalCode::WrongFormat
        | RefusalCode::TooManyBadRows => Class::Malformed,
    };
    judged(class, format!("{}: {}", refusal.code.as_str(), refusal.reason))
}

fn judged(class: Class, reason: String) -> Judgement {
    Judgement { class, reason, retry_after: None }
}

/// Returns the first byte that is neither a byte-order mark nor white space.
fn first_visible(body: &[u8]) -> Option<u8> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    text.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// Returns the first of a body as one line, for diagnosis.
fn head(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(PAGE_HEAD)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|character| !character.is_control()).collect()
}

/// Reads `Retry-After`: seconds, or an HTTP date.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
