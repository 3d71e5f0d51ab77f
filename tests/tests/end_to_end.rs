//! A day of a generated market, from the exchange's zip to the warehouse, through the real binaries.

use champion_e2e::{Stack, programs};
use serde_json::{Value, json};

const DATE: &str = "2024-07-08";

fn last(events: &[Value]) -> &Value {
    events.last().expect("a run has events")
}

/// Reads the manifests of a table, as they lie in the lake.
fn manifests(stack: &Stack, table: &str) -> Vec<Value> {
    let folder = stack.folder().join("lake/curated").join(table);
    let output =
        std::process::Command::new("find").arg(&folder).args(["-name", "*.manifest.json"]).output().expect("find runs");
    let paths = String::from_utf8(output.stdout).expect("UTF-8 names");
    let read = |path: &str| serde_json::from_slice(&std::fs::read(path).expect("a manifest")).expect("JSON");
    paths.lines().map(read).collect()
}

fn published(manifests: &[Value]) -> u64 {
    manifests.iter().map(|manifest| manifest["rows"].as_u64().expect("a count")).sum()
}

#[test]
fn one_day_reaches_the_warehouse_its_books_balance_and_a_second_run_does_nothing() {
    let stack = Stack::builder().start();

    for dataset in ["bhavcopy", "full_bhavcopy", "corporate_actions"] {
        let events = stack.champion(&["run", dataset, "--date", DATE, "--json"]).expect_code(0).json_lines();
        let finished = last(&events);
        assert_eq!(finished["status"], "succeeded", "{dataset}: {finished}");
        assert_eq!(finished["totals"]["present"], 1, "{dataset}");
        let counts = &finished["totals"]["counts"];
        let part = |name: &str| counts[name].as_u64().expect("a count");
        assert_eq!(part("rows_in"), part("published") + part("quarantined") + part("filtered"), "{dataset}");
    }

    // Manifest, warehouse, counters and status tell the same number.
    let prices = published(&manifests(&stack, "normalized_equity_ohlc"));
    assert!(prices > 2_000, "a market of {prices} lines is no market");
    let in_warehouse = |table: &str| stack.value(&format!("SELECT count() FROM {table}_current"));
    for table in ["raw_equity_ohlc", "normalized_equity_ohlc", "equity_delivery"] {
        assert_eq!(in_warehouse(table), published(&manifests(&stack, table)).to_string(), "{table}");
    }
    let parsed = stack.metric("parser", r#"nse_scraper_rows_parsed_total{scraper="bhavcopy",status="success"}"#);
    assert!((parsed - prices as f64).abs() < 0.5, "{parsed} rows counted, {prices} published");
    let status = stack.champion(&["status", "--json"]).expect_code(0).json();
    let of_bhavcopy = status["datasets"].as_array().and_then(|all| all.iter().find(|one| one["dataset"] == "bhavcopy"));
    assert_eq!(of_bhavcopy.expect("bhavcopy is there")["counts"]["published"].as_u64(), Some(prices));

    // The joined view shows prices with delivery.
    let joined = stack.value(&format!(
        "SELECT countIf(delivery_qty > 0) FROM equity_daily_current WHERE trade_date = '{DATE}' AND series = 'EQ'"
    ));
    assert!(joined.parse::<u64>().expect("a count") > 1_000, "{joined} lines with delivery");

    // Ledger and manifest name the run and its trace.
    let ledger =
        stack.query("SELECT run_id, trace_id, sha256 FROM load_ledger_current WHERE table = 'normalized_equity_ohlc'");
    let manifest = &manifests(&stack, "normalized_equity_ohlc")[0];
    assert_eq!(ledger[0]["run_id"], manifest["run_id"]);
    assert_eq!(ledger[0]["trace_id"], manifest["trace_id"]);
    assert_eq!(ledger[0]["sha256"], manifest["sha256"]);

    // Again: nothing is downloaded, written or loaded, and the command says so.
    let asked_before = stack.get_from_mirror("/__requests");
    let again = stack.champion(&["run", "bhavcopy", "--date", DATE]).expect_code(0);
    assert!(again.stdout.contains("nothing downloaded, written or loaded"), "{}", again.stdout);
    assert_eq!(stack.get_from_mirror("/__requests")["total"], asked_before["total"], "the exchange was asked again");
}

#[test]
fn all_three_eras_of_the_bhavcopy_land_in_the_same_tables() {
    let stack = Stack::builder().start();
    for date in ["2010-06-15", "2016-06-15", "2024-07-05", "2024-07-08"] {
        stack.champion(&["run", "bhavcopy", "--date", date]).expect_code(0);
    }
    let rows = stack.query(
        "SELECT toString(trade_date) AS date, any(source) AS source, countIf(trades IS NULL) = count() AS no_trades, \
         countIf(isin IS NULL) = count() AS no_isin, sum(volume) > 0 AS traded \
         FROM normalized_equity_ohlc_current GROUP BY trade_date ORDER BY trade_date",
    );
    let sources: Vec<_> = rows.iter().map(|row| row["source"].as_str().unwrap_or_default()).collect();
    assert_eq!(sources, ["nse_legacy_l1", "nse_legacy_l2", "nse_legacy_l2", "nse_udiff"]);
    assert_eq!((&rows[0]["no_trades"], &rows[0]["no_isin"]), (&json!(1), &json!(1)), "L1 prints neither");
    assert_eq!((&rows[1]["no_trades"], &rows[1]["no_isin"]), (&json!(0), &json!(0)));
    assert!(rows.iter().all(|row| row["traded"] == 1));
}

#[test]
fn a_backfill_reports_closed_days_and_curated_parquet_equals_the_warehouse_row_for_row() {
    let stack = Stack::builder().start();
    let range = ["--from", "2025-02-24", "--to", "2025-03-04"];
    for dataset in ["bhavcopy", "full_bhavcopy", "corporate_actions"] {
        let arguments = [&["backfill", dataset, "--json"][..], &range[..]].concat();
        let events = stack.champion(&arguments).expect_code(0).json_lines();
        let totals = &last(&events)["totals"];
        // 2025-02-26 is a holiday, 1 and 2 March are a weekend.
        assert_eq!((&totals["present"], &totals["closed"]), (&json!(6), &json!(3)), "{dataset}: {totals}");
    }
    let keys = |more: &'static str| format!("exchange,symbol,series,trade_date{more}");
    let tables = [
        ("raw_equity_ohlc", "Src,TckrSymb,SctySrs,TradDt".to_owned()),
        ("normalized_equity_ohlc", keys("")),
        ("equity_delivery", keys("")),
        ("corporate_actions", keys(",filing_id,leg_no")),
    ];
    let password = stack.warehouse_password().expect("the stack has made one");
    let warehouse = format!("http://{}", stack.address("embedded-warehouse", "http"));
    for (table, keys) in tables {
        let glob = format!("{}/lake/curated/{table}/**/*.parquet", stack.folder().display());
        let output = std::process::Command::new(programs::python())
            .arg(programs::script("parquet_equals_warehouse.py"))
            .env("CHAMPION_WAREHOUSE_PASSWORD", &password)
            .args([&warehouse, "champion", &format!("{table}_current"), &glob, &keys])
            .output()
            .expect("the comparison runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{table}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.starts_with("equal: "), "{table}: {said}");
    }
}
