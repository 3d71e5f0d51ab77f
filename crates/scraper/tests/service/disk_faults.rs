//! What is left when the disk fails at any write of a fetch.

use champion_lake::testing::{Fault, Faults, Leaves};
use champion_market_data::Sha256;
use champion_scraper::Facts;
use tonic::Code;

use crate::exchange::file;
use crate::harness::{DATE, Scraper, full_bhavcopy, start_with};

const NOON: &str = "2025-03-20T12:00:00Z";
const EARLIER: &str = "2025-02-21";

/// The bytes and their facts.
const LEAST_WRITES: u64 = 2;

/// A scraper whose disk can fail, with a session kept before.
async fn with_earlier_work() -> (Scraper, Faults, Vec<String>) {
    let mut faults = None;
    let scraper = start_with(NOON, |config| faults = Some(Faults::on_folder(&config.lake.folder))).await;
    scraper.exchange.replies([file(full_bhavcopy("21-Feb-2025")), file(full_bhavcopy("24-Feb-2025"))]);
    scraper.available("full_bhavcopy", EARLIER).await;
    let keys = scraper.raw_keys().await;
    (scraper, faults.expect("the configuration was changed"), keys)
}

/// Asserts that all bytes are those their names say, and that facts name bytes that are there.
async fn assert_raw_holds(scraper: &Scraper) {
    for key in scraper.raw_keys().await {
        let bytes = std::fs::read(scraper.path(&key)).expect("listed");
        if key.ends_with(".facts.json") {
            let facts: Facts = serde_json::from_slice(&bytes).expect("whole facts");
            scraper.lake.get_verified(&facts.artifact).await.expect("facts name whole bytes");
        } else {
            assert!(key.contains(&Sha256::of(&bytes).to_string()), "{key}");
        }
    }
}

#[tokio::test]
async fn promise_07_a_failing_disk_fails_the_fetch_closed_at_every_write_and_it_resumes() {
    let (undisturbed, _, _) = with_earlier_work().await;
    undisturbed.available("full_bhavcopy", DATE).await;
    let expected = undisturbed.raw_keys().await;
    for (fault, leaves) in Fault::ALL.into_iter().flat_map(|fault| Leaves::ALL.map(|leaves| (fault, leaves))) {
        for nth in 1.. {
            let (scraper, faults, earlier) = with_earlier_work().await;
            faults.fail_write(nth, fault, leaves);
            let outcome = scraper.fetch("full_bhavcopy", DATE).await;
            if !faults.fired() {
                outcome.expect("nothing failed");
                assert!(nth > LEAST_WRITES, "only {} writes were seen", nth - 1);
                break;
            }
            let status = outcome.expect_err("a write failed");
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            let text = status.message();
            assert!(text.contains(fault.says()) && text.starts_with("cannot "), "{text}");
            assert_raw_holds(&scraper).await;
            let left = scraper.raw_keys().await;
            assert!(earlier.iter().all(|key| left.contains(key)), "earlier bytes stay");
            scraper.available("full_bhavcopy", DATE).await;
            assert_eq!(scraper.raw_keys().await, expected, "write {nth}, {fault:?}, {leaves:?}");
            assert_raw_holds(&scraper).await;
        }
    }
}
