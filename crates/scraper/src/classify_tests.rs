//! The table of answers and their classes.

use bytes::Bytes;
use champion_market_data::RowCounts;
use proptest::prelude::*;

use super::*;
use crate::received::HeaderFacts;

const EDGESUITE: &str = "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY>You don't have permission to access \
                         this server. Reference #18.2f3a1402 https://errors.edgesuite.net/18.2f3a1402</BODY></HTML>";
const RATE_BLOCK: &str = "<html>Your number of requests per second has exceeded the permissible threshold and hence \
                          your access is restricted. Please try after 10 minutes</html>";

fn date(text: &str) -> TradeDate {
    text.parse().expect("a date")
}

fn answer(status: u16, body: &'static str) -> Received {
    Received::Answer(Answer { status, headers: HeaderFacts::default(), body: Bytes::from(body) })
}

fn failure(kind: FailureKind) -> Received {
    Received::Failure(Failure { kind, detail: "as it broke off".to_owned() })
}

fn found(content_date: &str, rows: u64) -> Result<Inspection, Refusal> {
    Ok(Inspection { era: Era::Full, content_date: Some(date(content_date)), rows })
}

fn refused(code: RefusalCode) -> Result<Inspection, Refusal> {
    let reason = "as the decoder says".to_owned();
    Err(Refusal { code, reason, era: None, trade_date: None, counts: RowCounts::default(), rows: Vec::new() })
}

struct Case {
    received: Received,
    inspection: Option<Result<Inspection, Refusal>>,
    class: Class,
}

fn case(received: Received, inspection: Option<Result<Inspection, Refusal>>, class: Class) -> Case {
    Case { received, inspection, class }
}

/// Judges a case as asked for the full bhavcopy (or the API) of Monday 2025-02-24, five days after it.
fn judge(case: &Case, era: Era) -> Judgement {
    let (dataset, needs_session) = match era {
        Era::ApiJson => (Dataset::CorporateActions, true),
        _ => (Dataset::FullBhavcopy, false),
    };
    let asked = Asked {
        dataset,
        date: date("2025-02-24"),
        era,
        needs_session,
        min_rows: if needs_session { 0 } else { 1000 },
        conditional: false,
        calendar: &Calendar::nse(),
        now: "2025-03-01T12:00:00Z".parse().expect("an instant"),
    };
    classify(&case.received, case.inspection.as_ref(), &asked)
}

#[test]
fn every_answer_of_the_archive_has_its_class() {
    let good = || found("2025-02-24", 2832);
    let short = Received::Answer(Answer {
        status: 200,
        headers: HeaderFacts { content_length: Some(350_000), ..HeaderFacts::default() },
        body: Bytes::from("SYMBOL, SERIES"),
    });
    let cases = [
        case(answer(200, "SYMBOL, SERIES\n"), Some(good()), Class::Ok),
        case(answer(200, "\u{feff}SYMBOL, SERIES\n"), Some(good()), Class::Ok),
        case(answer(200, "SYMBOL, SERIES\n"), Some(found("2025-02-21", 2800)), Class::StaleContent),
        case(answer(200, "SYMBOL, SERIES\n"), Some(found("2025-02-24", 999)), Class::TooFewRows),
        case(answer(200, "SYMBOL, SERIES\n"), Some(refused(RefusalCode::NoRows)), Class::TooFewRows),
        case(answer(200, "SYMBOL, SERIES\n"), Some(refused(RefusalCode::StaleContent)), Class::StaleContent),
        case(answer(200, "<!DOCTYPE html><html>"), None, Class::SoftBlock),
        case(answer(200, "\n  <html>"), None, Class::SoftBlock),
        case(answer(200, "{\"data\":[]}"), Some(refused(RefusalCode::WrongFormat)), Class::SoftBlock),
        case(answer(200, "PK.."), Some(refused(RefusalCode::Html)), Class::SoftBlock),
        case(answer(200, ""), None, Class::Truncated),
        case(short, Some(good()), Class::Truncated),
        case(answer(200, "PK.."), Some(refused(RefusalCode::Truncated)), Class::Truncated),
        case(answer(200, "PK.."), Some(refused(RefusalCode::BadArchive)), Class::Malformed),
        case(answer(200, "PK.."), Some(refused(RefusalCode::ArchiveLimits)), Class::Malformed),
        case(answer(200, "A,B\n"), Some(refused(RefusalCode::MissingColumn)), Class::Malformed),
        case(answer(404, "<html>not found"), None, Class::NotFound(Absence::Pending)),
        case(answer(403, EDGESUITE), None, Class::Blocked),
        case(answer(403, RATE_BLOCK), None, Class::Blocked),
        case(answer(403, "<html>"), None, Class::Blocked),
        case(answer(401, ""), None, Class::Blocked),
        case(answer(429, ""), None, Class::Throttled),
        case(answer(408, ""), None, Class::Transient),
        case(answer(500, "Error"), None, Class::Transient),
        case(answer(503, ""), None, Class::Transient),
        case(answer(302, ""), None, Class::Unexpected),
        case(answer(206, "SYMBOL"), None, Class::Unexpected),
        case(failure(FailureKind::NoAnswer), None, Class::Transient),
        case(failure(FailureKind::Stalled), None, Class::Stalled),
        case(failure(FailureKind::BrokenBody), None, Class::Truncated),
        case(failure(FailureKind::Certificate), None, Class::Untrusted),
        case(failure(FailureKind::TooLong), None, Class::TooLarge),
        case(failure(FailureKind::Redirect), None, Class::Redirected),
    ];
    for case in &cases {
        assert_eq!(judge(case, Era::Full).class, case.class, "{:?}", case.received);
    }
}

#[test]
fn every_answer_of_the_api_has_its_class() {
    let nothing = || Ok(Inspection { era: Era::ApiJson, content_date: None, rows: 0 });
    let cases = [
        case(answer(200, "[]"), Some(nothing()), Class::Ok),
        case(answer(200, "[{}]"), Some(found("2025-02-24", 3)), Class::Ok),
        case(answer(200, "[{}]"), Some(found("2025-02-25", 3)), Class::StaleContent),
        case(answer(200, " {} "), Some(refused(RefusalCode::WrongFormat)), Class::SessionInvalid),
        case(answer(200, "<html>"), None, Class::SoftBlock),
        case(answer(401, ""), None, Class::SessionInvalid),
        case(answer(403, "<html>"), None, Class::SessionInvalid),
        case(answer(403, EDGESUITE), None, Class::Blocked),
        case(answer(403, RATE_BLOCK), None, Class::Blocked),
        case(answer(500, "Error"), None, Class::SessionInvalid),
        case(answer(500, "Internal Server Error"), None, Class::Transient),
        case(answer(404, "<html>"), None, Class::NotFound(Absence::Gap)),
    ];
    for case in &cases {
        assert_eq!(judge(case, Era::ApiJson).class, case.class, "{:?}", case.received);
    }
}

#[test]
fn a_wait_is_read_in_seconds_and_as_a_date_and_nonsense_is_none() {
    let now = "2015-10-21T07:27:30Z".parse().expect("an instant");
    assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
    assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(30)));
    assert_eq!(retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now), Some(Duration::ZERO));
    for text in ["", "soon", "-5", "1e9"] {
        assert_eq!(retry_after(text, now), None, "{text}");
    }
}

#[test]
fn a_refused_page_is_kept_as_one_line_of_at_most_a_kilobyte() {
    let long: &'static str = Box::leak(format!("<html>\n<body>{}\u{7}</body>", "x".repeat(5000)).into_boxed_str());
    let judgement = judge(&case(answer(200, long), None, Class::SoftBlock), Era::Full);
    assert!(judgement.reason.len() < 1100);
    assert!(!judgement.reason.contains('\n'));
}

#[test]
fn whatever_is_not_the_file_is_neither_kept_nor_called_a_success() {
    let kept: Vec<Class> = ALL.iter().copied().filter(|class| class.action() == Action::Keep).collect();
    assert_eq!(kept, [Class::Ok]);
    let silent: Vec<Class> = ALL.iter().copied().filter(|class| class.action() == Action::Silence).collect();
    assert_eq!(silent, [Class::Blocked]);
    assert!(ALL.iter().all(|class| class.action() != Action::Retry || !class.source_works()));
}

#[test]
fn not_modified_is_an_answer_to_a_condition_only() {
    let calendar = Calendar::nse();
    let asked = |conditional| Asked {
        dataset: Dataset::FullBhavcopy,
        date: date("2025-02-24"),
        era: Era::Full,
        needs_session: false,
        min_rows: 1000,
        conditional,
        calendar: &calendar,
        now: "2025-03-01T12:00:00Z".parse().expect("an instant"),
    };
    assert_eq!(classify(&answer(304, ""), None, &asked(true)).class, Class::Unchanged);
    assert_eq!(classify(&answer(304, ""), None, &asked(false)).class, Class::Unexpected);
}

const ALL: [Class; 18] = [
    Class::Ok,
    Class::Unchanged,
    Class::NotFound(Absence::Gap),
    Class::SoftBlock,
    Class::StaleContent,
    Class::CopiedSession,
    Class::TooFewRows,
    Class::Malformed,
    Class::Truncated,
    Class::Blocked,
    Class::SessionInvalid,
    Class::Throttled,
    Class::Transient,
    Class::Stalled,
    Class::Untrusted,
    Class::TooLarge,
    Class::Redirected,
    Class::Unexpected,
];

proptest! {
    /// Whatever an exchange sends: nothing panics, the reason stays short, and only the right day's file is kept.
    #[test]
    fn no_answer_gets_past_the_look_inside(
        status in prop_oneof![Just(200_u16), 100_u16..600],
        body in proptest::collection::vec(any::<u8>(), 0..2000),
        wait in proptest::option::of(".{0,40}"),
        rows in 0_u64..3000,
        day in 20_u32..28,
    ) {
        let headers = HeaderFacts { retry_after: wait, ..HeaderFacts::default() };
        let received = Received::Answer(Answer { status, headers, body: Bytes::from(body) });
        let right = day == 24 && rows >= 1000 && status == 200;
        let judgement = judge(&case(received, Some(found(&format!("2025-02-{day}"), rows)), Class::Ok), Era::Full);
        prop_assert!(judgement.class != Class::Ok || right);
        prop_assert!(judgement.reason.len() < 4200);
    }
}
