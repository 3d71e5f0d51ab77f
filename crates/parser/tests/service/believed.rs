//! What the parser believes: the key, the facts beside the bytes and nothing its caller says.

use champion_market_data::Sha256;
use tonic::Code;

use crate::files::{bhavcopy_with, udiff_bhavcopy};
use crate::harness::{DATE, OBSERVED, start};

fn facts_of(raw: &str) -> String {
    format!("{}.facts.json", raw.strip_suffix(".csv").expect("a CSV"))
}

#[tokio::test]
async fn promise_40_the_parser_takes_no_key_but_one_of_raw_bytes() {
    let parser = start().await;
    let raw = parser.raw("bhavcopy", DATE, "csv", &udiff_bhavcopy(DATE)).await;
    let sha = Sha256::of(b"x");
    for key in [
        String::new(),
        "nonsense".to_owned(),
        facts_of(&raw),
        raw.replace("raw/", "quarantine/raw/"),
        raw.replace("bhavcopy", "bhavcopies"),
        raw.replace("2025-02-24", "2025-2-24"),
        raw.replace("raw/nse", "raw/nse/../nse"),
        format!("staged/raw_equity_ohlc/nse/{DATE}/{sha}-d1.arrow"),
        format!("quarantine/bhavcopy/nse/{DATE}/{sha}-d1.jsonl"),
        format!("curated/raw_equity_ohlc/exchange=nse/year=2025/month=02/{DATE}.parquet"),
    ] {
        let status = parser.failed(&key).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{key}: {status}");
        assert!(status.message().contains("raw_key"), "{status}");
    }
    // Bytes of another report, session or exchange are not those of the key.
    for (part, other) in [("bhavcopy", "full_bhavcopy"), (DATE, "2025-02-25"), ("nse", "bse")] {
        assert_eq!(parser.failed(&raw.replace(part, other)).await.code(), Code::NotFound, "{other}");
    }
    assert!(parser.everything_staged().await.is_empty());
    parser.parsed(&raw).await;
}

#[tokio::test]
async fn promise_41_facts_that_cannot_be_true_are_refused_by_name_and_those_of_a_later_observation_heal() {
    let parser = start().await;
    let raw = parser.raw("bhavcopy", DATE, "csv", &udiff_bhavcopy(DATE)).await;
    let other = parser.raw("bhavcopy", DATE, "csv", &bhavcopy_with(DATE, "OTHER", "11", "9")).await;
    let facts = facts_of(&raw);
    let good = String::from_utf8(parser.read(&facts)).expect("text");
    let (sha, other_sha) = (raw.rsplit_once('/').expect("a folder").1, other.rsplit_once('/').expect("a folder").1);
    let (sha, other_sha) = (sha.trim_end_matches(".csv"), other_sha.trim_end_matches(".csv"));
    for (spoilt, says) in [
        (good.replace(OBSERVED, "9999-12-31T23:59:59Z"), "observed at 9999"),
        (good.replace(OBSERVED, "1990-01-01T00:00:00Z"), "observed at 1990"),
        (good.replace("observed_at", "observed"), "observed at 1970"),
        (good.replace(sha, other_sha), "it is of "),
        (good.replace("\"nse\"", "\"bse\""), "it is of "),
        (good.replace("\"bhavcopy\"", "\"full_bhavcopy\""), "it is of "),
        ("{}".to_owned(), "it cannot be read"),
    ] {
        parser.put(&facts, &spoilt).await;
        let status = parser.failed(&raw).await;
        assert_eq!(status.code(), Code::DataLoss, "{status}");
        assert!(status.message().contains(&facts) && status.message().contains(says), "{status}");
    }
    assert!(parser.everything_staged().await.is_empty());

    let again = "2025-02-24T15:00:00.000001Z";
    let micros = again.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant").timestamp_micros();
    let later = facts.replace(".facts.json", &format!(".{micros}.facts.json"));
    parser.put(&later, &good.replace(OBSERVED, again)).await;
    assert_eq!(parser.parsed(&raw).await.staged[0].observed_at, again);

    std::fs::remove_file(parser.path(&facts)).expect("ours");
    std::fs::remove_file(parser.path(&later)).expect("ours");
    let status = parser.failed(&raw).await;
    assert_eq!(status.code(), Code::NotFound, "bytes without facts do not count as there: {status}");
}

#[tokio::test]
async fn promise_40_a_report_of_other_bytes_under_the_key_is_not_believed_and_made_anew() {
    let parser = start().await;
    let raw = parser.raw("bhavcopy", DATE, "csv", &udiff_bhavcopy(DATE)).await;
    let other = parser.raw("bhavcopy", DATE, "csv", &bhavcopy_with(DATE, "OTHER", "11", "9")).await;
    let good = parser.parsed(&raw).await;
    let foreign = parser.parsed(&other).await;
    let staged = |of: &champion_proto::parser::v1::Parsed| of.staged[0].artifact.clone().expect("a reference");
    let reports = parser.everything_staged().await;
    let report = |of: &str| {
        let sha = of.rsplit_once('/').expect("a folder").1.trim_end_matches(".csv");
        reports.keys().find(|key| key.ends_with(".json") && key.contains(sha)).expect("a report").clone()
    };
    let text = String::from_utf8(reports[&report(&raw)].clone()).expect("text");
    // The report on these bytes, that names what was made of others.
    let (key, foreign_key) = (staged(&good).key, staged(&foreign).key);
    let spoilt = text.replace(&key, &foreign_key).replace(&staged(&good).sha256, &staged(&foreign).sha256);
    for spoilt in [spoilt, text.replace("\"nse\"", "\"bse\""), text.replace("\"rows_in\": 3", "\"rows_in\": 4")] {
        assert_ne!(spoilt, text);
        parser.put(&report(&raw), &spoilt).await;
        let anew = parser.parsed(&raw).await;
        assert!(!anew.reused);
        assert_eq!(anew.staged, good.staged);
    }
}
