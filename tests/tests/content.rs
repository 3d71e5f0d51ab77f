//! The harness's own measure: two undisturbed stacks are equal, and a changed row, file or byte is named.

use champion_e2e::Fleet;

const DATES: [&str; 4] = ["--from", "2024-07-08", "--to", "2024-07-09"];

fn filled() -> Fleet {
    let fleet = Fleet::builder().start();
    for dataset in ["bhavcopy", "full_bhavcopy"] {
        let _ = fleet.champion(&[&["backfill", dataset][..], &DATES].concat()).expect_code(0);
    }
    fleet
}

#[test]
fn two_undisturbed_stacks_have_one_content_and_every_difference_is_named() {
    let (one, other) = (filled(), filled());
    let wanted = other.content();
    one.content().expect_equal(&wanted, &one, "undisturbed");
    for zone in ["raw/", "curated/", "warehouse/load_ledger/", "warehouse/normalized_equity_ohlc/"] {
        assert!(!wanted.names(zone).is_empty(), "{zone} is not in the content");
    }

    // One paisa in one row of the warehouse.
    let insert = "INSERT INTO champion.normalized_equity_ohlc SELECT * REPLACE (close + 0.01 AS close, version + 1 AS version) \
                  FROM champion.normalized_equity_ohlc FINAL WHERE trade_date = '2024-07-09' ORDER BY symbol, series LIMIT 1";
    assert_eq!(one.ask_warehouse(insert), "");
    let difference = one.content().difference(&wanted, &one).expect("a difference");
    assert!(difference.starts_with("1 differences"), "{difference}");
    assert!(difference.contains("warehouse/normalized_equity_ohlc/2024-07-09 differs"), "{difference}");
    assert!(difference.contains(r#""close""#), "the row is not shown: {difference}");

    // One byte of one received file, and one file that is gone.
    let content = one.content();
    let raw = content.names("raw/").into_iter().find(|name| name.ends_with(".csv.zip")).expect("a zip");
    let path = one.lake().join(raw);
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).expect("ours");
    let parquet = content.names("curated/equity_delivery").into_iter().find(|name| name.ends_with(".parquet"));
    let parquet = parquet.expect("a file");
    std::fs::remove_file(one.lake().join(parquet)).expect("ours");
    let difference = one.content().difference(&wanted, &one).expect("a difference");
    assert!(difference.contains(&format!("{raw} differs")), "{difference}");
    assert!(difference.contains(&format!("{parquet} is missing")), "{difference}");
}
