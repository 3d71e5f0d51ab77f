//! What several scrapers on one lake do together: one pace, one silence after a block, one wait.

use std::time::{Duration, Instant};

use champion_scraper::Config;
use tonic::Code;

use crate::exchange::{Seen, file, status, with_header};
use crate::harness::{DATE, Hands, NOON, Scraper, clock_from, full_bhavcopy, request, start_at, start_with};

const RESTRICTED: &str = "<html>your access is restricted. Please try after 10 minutes</html>";
const EDGESUITE: &str = "<HTML>Access Denied. Reference #18.2f https://errors.edgesuite.net/18.2f</HTML>";
const REGISTER: &str = "state/hosts/nsearchives.nseindia.com.json";
/// Sessions of one fortnight.
const SESSIONS: [&str; 8] =
    ["2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07", "2025-03-10", "2025-03-11", "2025-03-12"];

async fn is_blocked(scraper: &Scraper) {
    let refused = scraper.refused("full_bhavcopy", DATE).await;
    assert_eq!((refused.class.as_str(), refused.retryable), ("blocked", true));
    assert!(refused.reason.contains("403"), "the operator reads why: {}", refused.reason);
}

#[tokio::test]
async fn promise_14_a_block_silences_the_host_for_every_process() {
    for page in [RESTRICTED, EDGESUITE] {
        let hands = Hands::default();
        let first = start_at(hands.clock(), |_| {}).await;
        let second = first.beside(hands.clock(), |_| {}).await;
        first.exchange.replies([status(403, page), file(full_bhavcopy("24-Feb-2025"))]);
        is_blocked(&first).await;
        is_blocked(&second).await;
        second.assert_metric("circuit_breaker_state{source=\"nse_archive\"} 2");
        hands.advance(599);
        for scraper in [&first, &second] {
            is_blocked(scraper).await;
        }
        let restarted = first.beside(hands.clock(), |_| {}).await;
        is_blocked(&restarted).await;
        assert_eq!(first.exchange.seen().len(), 1, "nobody has asked again for 599 s");
        hands.advance(1);
        let later = first.beside(hands.clock(), |_| {}).await;
        assert!(later.available("full_bhavcopy", DATE).await.downloaded);
    }
}

#[tokio::test]
async fn promise_14_a_block_of_one_host_silences_no_other() {
    let scraper = start_with(NOON, |_| {}).await;
    scraper.exchange.replies([status(403, RESTRICTED), with_header(200, "set-cookie", "nsit=1"), file("[]")]);
    is_blocked(&scraper).await;
    assert!(scraper.available("corporate_actions", DATE).await.downloaded);
}

#[tokio::test]
async fn promise_15_a_wait_in_seconds_or_until_a_date_is_kept_by_every_process() {
    for wait in ["1", "Thu, 20 Mar 2025 12:00:01 GMT"] {
        let began = Instant::now();
        let clock = clock_from(NOON);
        let first = start_at(clock.clone(), |config| config.retry.max_attempts = 1).await;
        let second = first.beside(clock, |_| {}).await;
        first.exchange.replies([with_header(429, "retry-after", wait), file(full_bhavcopy("24-Feb-2025"))]);
        assert_eq!(first.refused("full_bhavcopy", DATE).await.class, "throttled");
        assert!(second.available("full_bhavcopy", DATE).await.downloaded);
        let asked = first.exchange.seen()[1].at;
        assert!(asked - began >= Duration::from_millis(990), "{wait}: {:?}", asked - began);
    }
}

#[tokio::test]
async fn promise_15_an_absurd_wait_is_capped_by_the_configuration_and_by_the_deadline() {
    let hands = Hands::default();
    let first = start_at(hands.clock(), |_| {}).await;
    first.exchange.replies([with_header(429, "retry-after", "31536000"), file(full_bhavcopy("24-Feb-2025"))]);
    let began = Instant::now();
    assert_eq!(first.refused("full_bhavcopy", DATE).await.class, "throttled");
    let second = first.beside(hands.clock(), |_| {}).await;
    let error = second.fetch("full_bhavcopy", DATE).await.expect_err("the host asked for silence");
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
    assert!(error.message().contains("the silence the host asked for"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for what comes too late");
    assert_eq!(first.exchange.seen().len(), 1);
    hands.advance(600);
    assert!(second.available("full_bhavcopy", DATE).await.downloaded, "a year is cut to ten minutes");
}

#[tokio::test]
async fn promise_31_requests_of_two_processes_together_keep_the_pace() {
    for requests_per_second in [25.0, 200.0] {
        let paced = |config: &mut Config| {
            config.pace.requests_per_second = requests_per_second;
            config.pace.jitter = 0.0;
        };
        let clock = clock_from(NOON);
        let first = start_at(clock.clone(), paced).await;
        let second = first.beside(clock, paced).await;
        let ask = |scraper: &Scraper| {
            let client = scraper.client.clone();
            SESSIONS.map(|date| {
                let mut client = client.clone();
                async move {
                    client.fetch(request("full_bhavcopy", date)).await.expect("an answer");
                }
            })
        };
        let (one, two) = (ask(&first), ask(&second));
        futures::future::join_all(one.into_iter().chain(two)).await;
        let seen = first.exchange.seen_by_the_archive();
        assert_eq!(seen.len(), 16);
        let least = Duration::from_secs_f64(15.0 / requests_per_second);
        assert!(span(&seen) >= least.mul_f64(0.95), "{:?} for {least:?}", span(&seen));
    }
}

fn span(seen: &[Seen]) -> Duration {
    let first = seen.iter().map(|seen| seen.at).min().expect("requests");
    seen.iter().map(|seen| seen.at).max().expect("requests") - first
}

#[tokio::test]
async fn without_the_register_a_process_keeps_its_own_pace() {
    let scraper = start_with(NOON, |config| config.pace.requests_per_second = 25.0).await;
    std::fs::write(scraper.path("state"), "in the way of the folder").expect("written");
    for date in &SESSIONS[..4] {
        scraper.not_published("full_bhavcopy", date).await;
    }
    let seen = scraper.exchange.seen_by_the_archive();
    assert_eq!(seen.len(), 4);
    assert!(span(&seen) >= Duration::from_millis(114), "{:?}", span(&seen));
}

#[tokio::test]
async fn a_block_written_by_a_clock_far_ahead_ends_after_the_longest_silence() {
    let hands = Hands::default();
    let scraper = start_at(hands.clock(), |_| {}).await;
    let register = scraper.path(REGISTER);
    std::fs::create_dir_all(register.parent().expect("a folder")).expect("a folder");
    let far = r#"{"next_slot":"2035-01-01T00:00:00Z","block":{"until":"2035-01-01T00:00:00Z","reason":"403: far"}}"#;
    std::fs::write(&register, far).expect("written");
    scraper.exchange.replies([file(full_bhavcopy("24-Feb-2025"))]);
    is_blocked(&scraper).await;
    hands.advance(600);
    let later = scraper.beside(hands.clock(), |config| config.pace.requests_per_second = 100.0).await;
    assert!(later.available("full_bhavcopy", DATE).await.downloaded);
}

/// `cargo nextest run -p champion-scraper --run-ignored only --no-capture the_register_costs_little`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "the figures of a measurement")]
async fn the_register_costs_little() {
    const TIMES: u32 = 2_000;
    let folder = tempfile::tempdir().expect("a folder");
    let lake = champion_lake::Lake::open_folder(folder.path()).expect("a lake");
    let value = bytes::Bytes::from_static(br#"{"next_slot":"2025-03-20T12:00:00.123456Z","resets":0}"#);
    let began = Instant::now();
    for _ in 0..TIMES {
        lake.update(REGISTER, |_| champion_lake::Change::Write(value.clone(), ())).await.expect("changed");
    }
    let change = began.elapsed() / TIMES;
    let began = Instant::now();
    for _ in 0..TIMES {
        lake.get(REGISTER).await.expect("read");
    }
    let look = began.elapsed() / TIMES;
    eprintln!("one change {change:?}, one look {look:?}");
    assert!(change < Duration::from_millis(10) && look < Duration::from_millis(5));
}
