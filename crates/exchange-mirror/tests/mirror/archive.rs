//! A folder of recorded files is served as it lies.

use std::fs;
use std::path::Path;

use crate::harness::{ARCHIVE, Running, SITE, UDIFF, start};
use champion_exchange_mirror::config::WithoutSession;
use serde_json::Value;

fn store(root: &Path, path: &str, content: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("created");
    fs::write(file, content).expect("written");
}

fn filing(symbol: &str, ex_date: &str) -> String {
    format!(
        r#"{{"symbol":"{symbol}","series":"EQ","ind":"-","faceVal":"10","subject":"Bonus 1:1","exDate":"{ex_date}",
        "recDate":"-","bcStartDate":"-","bcEndDate":"-","ndStartDate":"-","comp":"{symbol} Limited","isin":"INE000A01011",
        "ndEndDate":"-","caBroadcastDate":null}}"#
    )
}

async fn served(folder: &Path) -> Running {
    let root = folder.to_owned();
    start(move |config| {
        config.source.archive = Some(root);
        config.behaviour.without_session = WithoutSession::Off;
    })
    .await
}

#[tokio::test]
async fn files_come_as_they_lie_and_missing_ones_as_each_host_does() {
    let folder = tempfile::tempdir().expect("a folder");
    store(
        folder.path(),
        "nsearchives.nseindia.com/products/content/sec_bhavdata_full_24022025.csv",
        "SYMBOL, SERIES\n",
    );
    let mirror = served(folder.path()).await;
    let path = format!("{ARCHIVE}/products/content/sec_bhavdata_full_24022025.csv");
    assert_eq!(mirror.fetch(&path).await, (200, b"SYMBOL, SERIES\n".to_vec()));
    let alias = path.replace("nsearchives", "archives");
    assert_eq!(mirror.fetch(&alias).await.0, 200, "the older alias serves the same");
    assert_eq!(mirror.fetch(UDIFF).await.0, 404);
    assert_eq!(mirror.fetch("/www.bseindia.com/none.zip").await.0, 200);
    assert_eq!(mirror.fetch(&format!("{ARCHIVE}/products")).await.0, 404, "a folder is no file");
}

#[tokio::test]
async fn a_link_out_of_the_folder_is_no_file() {
    let (folder, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    store(outside.path(), "secret.csv", "secret");
    store(folder.path(), "nsearchives.nseindia.com/a.csv", "a");
    let link = folder.path().join("nsearchives.nseindia.com/link.csv");
    std::os::unix::fs::symlink(outside.path().join("secret.csv"), link).expect("a link");
    let mirror = served(folder.path()).await;
    assert_eq!(mirror.fetch(&format!("{ARCHIVE}/a.csv")).await.0, 200);
    assert_eq!(mirror.fetch(&format!("{ARCHIVE}/link.csv")).await.0, 404);
}

#[tokio::test]
async fn the_api_is_answered_from_the_samples_each_filing_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let samples = "www.nseindia.com/samples";
    let list = format!("[{},{}]", filing("ONE", "03-Jan-2025"), filing("TWO", "06-Jan-2025"));
    store(folder.path(), &format!("{samples}/nse_actions_a.json"), &list);
    store(folder.path(), &format!("{samples}/nse_actions_b.json"), &format!("[{}]", filing("TWO", "06-Jan-2025")));
    let csv = "\u{feff}\"SYMBOL\",\"COMPANY NAME\",\"SERIES\",\"PURPOSE\",\"FACE VALUE\",\"EX-DATE\",\"RECORD DATE\",\
        \"BOOK CLOSURE START DATE\",\"BOOK CLOSURE END DATE\"\n\
        \"ONE\",\"ONE Limited\",\"EQ\",\"Bonus 1:1\",\"10\",\"03-Jan-2025\",\"-\",\"-\",\"-\"\n\
        \"THREE\",\"THREE Limited\",\"EQ\",\"Bonus 1:2\",\"10\",\"03-Jan-2025\",\"-\",\"-\",\"-\"";
    store(folder.path(), &format!("{samples}/CF-CA-equities.csv"), csv);
    store(folder.path(), &format!("{samples}/X_2026_holiday-master.json"), r#"{"CM":[{"tradingDate":"26-Jan-2026"}]}"#);
    let mirror = served(folder.path()).await;
    let window = |from: &str, to: &str| {
        format!("{SITE}/api/corporates-corporateActions?index=equities&from_date={from}&to_date={to}")
    };
    let symbols = |body: Vec<u8>| -> Vec<(String, String)> {
        let list: Vec<Value> = serde_json::from_slice(&body).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        list.iter().map(|filing| (text(&filing["symbol"]), text(&filing["isin"]))).collect()
    };
    let one = ("ONE".to_owned(), "INE000A01011".to_owned());
    let three = ("THREE".to_owned(), "-".to_owned());
    let day = symbols(mirror.fetch(&window("03-01-2025", "03-01-2025")).await.1);
    assert_eq!(day, [one, three]);
    assert_eq!(symbols(mirror.fetch(&window("01-01-2025", "31-01-2025")).await.1).len(), 3);
    let (_, download) = mirror.fetch(&format!("{}&csv=true", window("03-01-2025", "03-01-2025"))).await;
    assert_eq!(String::from_utf8(download).expect("UTF-8"), csv);
    let (_, holidays) = mirror.fetch(&format!("{SITE}/api/holiday-master?type=trading")).await;
    assert!(String::from_utf8_lossy(&holidays).contains("26-Jan-2026"));
    let (_, other_year) = mirror.fetch(&format!("{SITE}/api/holiday-master?type=trading&year=2035")).await;
    assert!(String::from_utf8_lossy(&other_year).contains("\"CM\":[]"));
}

#[tokio::test]
async fn a_written_market_is_an_archive_with_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let market = champion_exchange_mirror::GeneratedMarket::new(9, 0);
    let day = |text: &str| text.parse::<champion_market_data::TradeDate>().expect("a date");
    let range = (day("2025-02-21"), day("2025-02-24"));
    let datasets = champion_market_data::Dataset::ALL;
    let written = champion_exchange_mirror::write_market(&market, folder.path(), range, datasets).expect("written");
    assert_eq!((written.sessions, written.files), (2, 6));
    let archive = served(folder.path()).await;
    let generated = start(|config| {
        config.source.seed = 9;
        config.behaviour.without_session = WithoutSession::Off;
    })
    .await;
    let filings =
        format!("{SITE}/api/corporates-corporateActions?index=equities&from_date=24-02-2025&to_date=24-02-2025");
    for path in [UDIFF, crate::harness::FULL, &filings] {
        let (one, other) = (archive.get(path).await.expect("an answer"), generated.get(path).await.expect("an answer"));
        assert_eq!(one.headers().get("last-modified"), other.headers().get("last-modified"), "{path}");
        assert_eq!(one.bytes().await.expect("a body"), other.bytes().await.expect("a body"), "{path}");
    }
}
