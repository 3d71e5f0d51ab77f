//! The calendar as the exchange extends it: holiday master and evidence of files.

use champion_proto::scraper::v1::fetch_response::Outcome;

use crate::exchange::{Reply, file, status, with_header};
use crate::harness::{DATE, Scraper, clock_from, full_bhavcopy, start, start_with};

/// An evening in January 2027, a year that no shipped calendar speaks of.
const NEXT_YEAR: &str = "2027-01-28T15:00:00Z";
const MASTER: &str = r#"{"CBM": [], "CM": [{"tradingDate": "26-Jan-2027", "weekDay": "Tuesday",
    "description": "Republic Day", "morning_session": null, "evening_session": null, "Sr_no": 1}]}"#;

fn page() -> Reply {
    with_header(200, "set-cookie", "session=1; Path=/")
}

async fn closed(scraper: &Scraper, date: &str) -> String {
    closed_for(scraper, "full_bhavcopy", date).await
}

async fn closed_for(scraper: &Scraper, dataset: &str, date: &str) -> String {
    match scraper.fetch(dataset, date).await.expect("an answer") {
        Outcome::Closed(closed) => closed.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn promise_23_the_holiday_master_extends_the_calendar_for_every_scraper_on_the_lake() {
    let scraper = start_with(NEXT_YEAR, |_| {}).await;
    scraper.exchange.replies([page(), file(MASTER)]);
    assert_eq!(closed(&scraper, "2027-01-26").await, "holiday");
    assert_eq!(closed(&scraper, "2027-01-23").await, "weekend");
    let asked = scraper.exchange.paths();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(asked[1], "/www.nseindia.com/api/holiday-master?type=trading&year=2027");

    // Another process on the lake knows it without asking.
    scraper.exchange.replies([status(404, "<html>")]);
    let other = scraper.beside(clock_from(NEXT_YEAR), |_| {}).await;
    assert_eq!(closed(&other, "2027-01-26").await, "holiday");
    assert_eq!(other.exchange.paths().len(), 2, "nobody was asked again");
    let kept = scraper.lake.list("calendar/nse/2027").await.expect("a readable lake");
    assert_eq!(kept.len(), 1, "the bytes as received");
}

#[tokio::test]
async fn a_holiday_master_that_says_nothing_leaves_the_year_unknown_and_is_asked_once_a_day() {
    let scraper = start_with(NEXT_YEAR, |_| {}).await;
    scraper.exchange.replies([page(), file(r#"{"CM": []}"#), status(404, "<html>")]);
    assert_eq!(scraper.not_published("full_bhavcopy", "2027-01-26").await.state, "unknown");
    assert_eq!(scraper.not_published("full_bhavcopy", "2027-01-27").await.state, "unknown");
    let masters = scraper.exchange.paths().iter().filter(|path| path.contains("holiday-master")).count();
    assert_eq!(masters, 1);
}

#[tokio::test]
async fn no_holiday_master_is_asked_for_the_shipped_years() {
    let scraper = start().await;
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    scraper.available("full_bhavcopy", DATE).await;
    assert_eq!(scraper.exchange.paths().len(), 1);
}

#[tokio::test]
async fn promise_23_a_look_for_corrections_finds_a_session_that_nobody_announced() {
    let scraper = start().await;
    // A Saturday; the shipped calendar calls it a weekend.
    scraper.exchange.replies([file(full_bhavcopy("15-Mar-2025"))]);
    let found = scraper.recheck("full_bhavcopy", "2025-03-15").await.expect("an answer");
    assert!(found.downloaded);
    // From now on it is there for everybody.
    assert_eq!(closed_or_there(&scraper, "2025-03-15").await, "there");
}

#[tokio::test]
async fn promise_10_a_closed_day_that_serves_the_session_before_stays_closed() {
    let scraper = start().await;
    scraper.exchange.replies([file(full_bhavcopy("13-Mar-2025"))]);
    // Holi.
    assert_eq!(closed_or_there(&scraper, "2025-03-14").await, "closed");
    match scraper.ask("full_bhavcopy", "2025-03-14", true).await.expect("an answer") {
        Outcome::Closed(closed) => assert_eq!(closed.kind, "holiday"),
        other => panic!("{other:?}"),
    }
    assert!(scraper.raw_keys().await.is_empty());
}

#[tokio::test]
async fn promise_23_a_day_closed_at_short_notice_is_explained_by_the_holiday_master_and_no_gap() {
    let scraper = start_with("2025-01-14T17:00:00Z", |_| {}).await;
    // Half past ten in the evening: no file, and the master of this year lists the day since yesterday.
    let master = r#"{"CM": [{"tradingDate": "14-Jan-2025", "description": "Election"}]}"#;
    let missing = || status(404, "<html>");
    let replies = [missing(), page(), file(master), missing()];
    scraper.exchange.replies(replies);
    assert_eq!(closed_for(&scraper, "bhavcopy", "2025-01-14").await, "holiday");
    // A day that it does not list stays a gap.
    let gap = start_with("2025-01-14T17:00:00Z", |_| {}).await;
    gap.exchange.replies([missing(), page(), file(r#"{"CM": [{"tradingDate": "26-Jan-2025"}]}"#), missing()]);
    assert_eq!(gap.not_published("bhavcopy", "2025-01-14").await.state, "gap");
}

async fn closed_or_there(scraper: &Scraper, date: &str) -> &'static str {
    match scraper.fetch("full_bhavcopy", date).await.expect("an answer") {
        Outcome::Closed(_) => "closed",
        Outcome::Available(_) => "there",
        other => panic!("{other:?}"),
    }
}
