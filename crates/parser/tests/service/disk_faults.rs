//! What is left when the disk fails at any write of a parse.

use std::collections::BTreeMap;

use champion_lake::testing::{Fault, Leaves};
use champion_market_data::Sha256;
use champion_parser::Report;
use tonic::Code;

use crate::bhavcopy_with_one_bad_row;
use crate::files::full_bhavcopy;
use crate::harness::{DATE, Parser, parse, start};

/// Two tables, the quarantine and the report.
const WRITES: u64 = 4;

/// A parser with something staged before; returns that too.
async fn with_earlier_work() -> (Parser, BTreeMap<String, Vec<u8>>) {
    let parser = start().await;
    let earlier = parser.raw("full_bhavcopy", DATE, "csv", &full_bhavcopy("24-Feb-2025")).await;
    parser.parsed(&earlier).await;
    let staged = parser.everything_staged().await;
    (parser, staged)
}

/// Asserts that every report names bytes that are there and whole.
fn assert_reports_hold(staged: &BTreeMap<String, Vec<u8>>) {
    for (_, json) in staged.iter().filter(|(key, _)| key.ends_with(".json")) {
        let report: Report = serde_json::from_slice(json).expect("a whole report");
        for artifact in report.staged.iter().map(|staged| &staged.artifact).chain(&report.quarantine) {
            assert_eq!(Sha256::of(&staged[&artifact.key]), artifact.sha256, "{}", artifact.key);
        }
    }
}

#[tokio::test]
async fn promise_07_a_failing_disk_fails_the_parse_closed_at_every_write_and_it_resumes() {
    let (undisturbed, _) = with_earlier_work().await;
    let raw = undisturbed.raw("bhavcopy", DATE, "csv", &bhavcopy_with_one_bad_row()).await;
    undisturbed.parsed(&raw).await;
    let expected = undisturbed.everything_staged().await;
    for (fault, leaves) in Fault::ALL.into_iter().flat_map(|fault| Leaves::ALL.map(|leaves| (fault, leaves))) {
        for nth in 1.. {
            let (parser, earlier) = with_earlier_work().await;
            let raw = parser.raw("bhavcopy", DATE, "csv", &bhavcopy_with_one_bad_row()).await;
            parser.faults.fail_write(nth, fault, leaves);
            let outcome = parse(parser.client.clone(), raw.clone()).await;
            if !parser.faults.fired() {
                outcome.expect("nothing failed");
                assert_eq!(nth, WRITES + 1, "every write failed once");
                break;
            }
            let status = outcome.expect_err("a write failed");
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            let text = status.message();
            assert!(text.contains(DATE) && text.contains(fault.says()), "{text}");
            let left = parser.everything_staged().await;
            assert_reports_hold(&left);
            assert!(earlier.iter().all(|(key, bytes)| left.get(key) == Some(bytes)), "earlier work stays as it was");
            parser.parsed(&raw).await;
            assert_eq!(parser.everything_staged().await, expected, "write {nth}, {fault:?}, {leaves:?}");
        }
    }
}
