//! Files that were set aside whole are listed out of the lake, and a record that lies is told and not believed.

use std::fmt::Write as _;

use tonic::Code;

use crate::exchange::file;
use crate::harness::{Scraper, full_bhavcopy, start};

const FRIDAY: &str = "2025-02-21";
const MONDAY: &str = "2025-02-24";
const DATASET: &str = "full_bhavcopy";

/// A session of so many lines under a date (`24-Feb-2025`), from a volume on.
fn session(date: &str, lines: usize, volume: usize) -> String {
    let header = full_bhavcopy(date).lines().next().expect("a header").to_owned();
    let mut text = format!("{header}\n");
    for line in 0..lines {
        let volume = volume + line;
        writeln!(
            text,
            "SYM{line}, EQ, {date}, 100.00, 101.00, 103.00, 99.00, 102.00, 102.50, 101.50, {volume}, 1.02, 50, 400, 40.00"
        )
        .expect("a string takes every text");
    }
    text
}

/// A scraper that has Friday, and set aside what came for Monday: Friday again.
async fn with_a_copy() -> Scraper {
    let scraper = start().await;
    scraper.exchange.replies([file(session("21-Feb-2025", 100, 1_000))]);
    scraper.available(DATASET, FRIDAY).await;
    scraper.exchange.replies([file(session("24-Feb-2025", 100, 1_000))]);
    scraper.refused(DATASET, MONDAY).await;
    scraper
}

#[tokio::test]
async fn promise_36_a_file_that_was_set_aside_whole_is_listed_with_its_reason_out_of_the_lake() {
    let scraper = with_a_copy().await;
    let files = scraper.set_aside("", "", 20).await.expect("a list");
    let [found] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!((found.dataset.as_str(), found.exchange.as_str(), found.trade_date.as_str()), (DATASET, "nse", MONDAY));
    assert_eq!((found.class.as_str(), found.rows, found.superseded), ("copied_session", 100, false));
    assert!(found.reason.contains("100 % of the rows are those of 2025-02-21"), "{}", found.reason);
    assert!(found.url.contains("sec_bhavdata_full_24022025.csv") && found.problem.is_empty(), "{found:?}");
    assert!(scraper.path(&found.key).is_file(), "{}", found.key);

    // Another scraper on the lake says the same, and the filters are obeyed.
    let other = scraper.beside(crate::harness::clock_from(crate::harness::NOON), |_| {}).await;
    assert_eq!(other.set_aside("", &found.sha256[..10], 20).await.expect("a list"), files);
    assert_eq!(scraper.set_aside("bhavcopy", "", 20).await.expect("a list"), []);
    let unlike = if found.sha256.starts_with('0') { "1" } else { "0" };
    assert_eq!(scraper.set_aside(DATASET, unlike, 20).await.expect("a list"), []);

    // Once the exchange publishes the session itself, the file is superseded.
    scraper.exchange.replies([file(session("24-Feb-2025", 100, 5_000))]);
    scraper.available(DATASET, MONDAY).await;
    assert!(scraper.set_aside("", "", 20).await.expect("a list")[0].superseded);
}

#[tokio::test]
async fn promise_36_a_record_that_speaks_of_another_file_or_cannot_be_read_is_told_and_not_believed() {
    let scraper = with_a_copy().await;
    let found = scraper.set_aside("", "", 20).await.expect("a list").remove(0);
    let record = scraper.path(&format!("quarantine/raw/{DATASET}/nse/{MONDAY}/{}.reason.json", found.sha256));
    let good = std::fs::read_to_string(&record).expect("a record");
    let listed = || async { scraper.set_aside("", "", 20).await.expect("a list").remove(0) };

    std::fs::write(&record, good.replace(MONDAY, "2025-02-25")).expect("written");
    let lying = listed().await;
    assert!(lying.problem.contains("speaks of another file") && lying.reason.is_empty(), "{lying:?}");
    assert_eq!(lying.trade_date, MONDAY, "the place in the lake is what counts");

    std::fs::write(&record, "{").expect("written");
    assert!(listed().await.problem.contains("cannot be read"), "{:?}", listed().await);

    std::fs::write(&record, &good).expect("written");
    std::fs::write(scraper.path(&found.key), "other bytes").expect("written");
    assert!(listed().await.problem.contains("damaged"), "{:?}", listed().await);
    std::fs::remove_file(scraper.path(&found.key)).expect("removed");
    assert!(listed().await.problem.contains("gone"), "{:?}", listed().await);
}

#[tokio::test]
async fn promise_36_a_correction_that_lost_its_rows_is_set_aside_and_listed() {
    let scraper = start().await;
    scraper.exchange.replies([file(session("24-Feb-2025", 100, 5_000))]);
    scraper.available(DATASET, MONDAY).await;
    scraper.exchange.replies([file(session("24-Feb-2025", 80, 5_000))]);
    let answer = scraper.recheck(DATASET, MONDAY).await.expect("an answer");
    assert!(answer.warning.starts_with("too_few_rows"), "{}", answer.warning);
    let files = scraper.set_aside("", "", 20).await.expect("a list");
    assert_eq!((files.len(), files[0].class.as_str(), files[0].rows), (1, "too_few_rows", 80));
    assert!(files[0].superseded, "the version that was there stands");
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_by_field() {
    let scraper = start().await;
    for (dataset, prefix, field) in
        [("nothing", "", "dataset"), ("", "../../etc", "sha256_prefix"), ("", "AB", "sha256_prefix")]
    {
        let status = scraper.set_aside(dataset, prefix, 1).await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains(field), "{status}");
    }
}
