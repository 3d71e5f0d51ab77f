//! Real exchange files, read from a folder beside the checkout; none of them is in the repository.

use std::path::Path;

use champion_e2e::{Stack, programs};
use serde_json::json;

/// Sums a column of every file by hand, in units of a hundredth, and counts the data lines.
fn summed_by_hand(folder: &Path, column: usize) -> (u64, i128) {
    let mut lines = 0;
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a text file");
        for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
            let field = line.split(',').nth(column).expect("the column is there").trim();
            let (whole, part) = field.split_once('.').unwrap_or((field, ""));
            sum += format!("{whole}{part:0<2}").parse::<i128>().expect("a plain number");
            lines += 1;
        }
    }
    (lines, sum)
}

#[test]
fn all_101_real_sessions_are_in_to_the_last_line_and_paisa_and_a_second_backfill_does_nothing() {
    let Some(archive) = programs::archive() else { return };
    let stack = Stack::builder().archive(&archive).start();
    let arguments = ["backfill", "full_bhavcopy", "--from", "2025-01-01", "--to", "2025-05-30", "--json"];
    let events = stack.champion(&arguments).expect_code(0).json_lines();
    let totals = &events.last().expect("events")["totals"];
    // 150 days: 101 files, one session whose file the archive has not got (Saturday 2025-02-01), the rest closed.
    assert_eq!((&totals["present"], &totals["missing"], &totals["closed"]), (&json!(101), &json!(1), &json!(48)));

    let (lines, lakh) = summed_by_hand(&archive.join("nsearchives.nseindia.com/products/content"), 11);
    assert_eq!(stack.value("SELECT count() FROM equity_delivery_current"), lines.to_string());
    let in_warehouse = stack.value("SELECT toString(toInt128(sum(turnover_lacs) * 100)) FROM equity_delivery_current");
    assert_eq!(in_warehouse, lakh.to_string(), "turnover in hundredths of a lakh");
    let rupees = stack.value("SELECT toString(toInt128(sum(turnover))) FROM equity_delivery_current");
    assert_eq!(rupees, (lakh * 1_000).to_string(), "turnover in rupees");

    let asked_before = stack.get_from_mirror("/__requests");
    let arguments = ["backfill", "full_bhavcopy", "--from", "2025-01-01", "--to", "2025-05-30"];
    let again = stack.champion(&arguments).expect_code(0).stdout;
    assert!(again.contains("nothing downloaded, written or loaded"), "{again}");
    assert!(again.contains("closed"), "{again}");
    // The one session that is missing is asked for again; nothing else is.
    let asked = stack.get_from_mirror("/__requests");
    let total = |answer: &serde_json::Value| answer["total"].as_u64().expect("a count");
    assert!(total(&asked) <= total(&asked_before) + 1, "{asked_before} then {asked}");
}

#[test]
fn bhavcopy_and_full_bhavcopy_of_2025_02_24_agree_on_2832_keys() {
    let Some(archive) = programs::archive() else { return };
    let stack = Stack::builder().archive(&archive).start();
    for dataset in ["bhavcopy", "full_bhavcopy"] {
        stack.champion(&["run", dataset, "--date", "2025-02-24"]).expect_code(0);
    }
    let agreement = stack.query(
        "SELECT count() AS keys, countIf(p.close != d.close) AS close, countIf(p.last != d.last) AS last, \
         countIf(p.volume != d.volume) AS volume, countIf(p.trades != d.trades) AS trades \
         FROM normalized_equity_ohlc_current AS p \
         INNER JOIN equity_delivery_current AS d USING (exchange, symbol, series, trade_date)",
    );
    assert_eq!(agreement[0], json!({"keys": 2832, "close": 0, "last": 0, "volume": 0, "trades": 0}));
}

#[test]
fn the_turnover_of_a_real_bhavcopy_is_exact_to_the_paisa() {
    let Some(archive) = programs::archive() else { return };
    let stack = Stack::builder().archive(&archive).start();
    let name = "BhavCopy_NSE_CM_0_0_0_20250224_F_0000.csv";
    let zip = archive.join(format!("nsearchives.nseindia.com/content/cm/{name}.zip"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unpack = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let unpacked =
        std::process::Command::new(programs::python()).args(["-c", unpack]).arg(&zip).arg(folder.path()).status();
    assert!(unpacked.expect("Python runs").success());
    let (lines, paise) = summed_by_hand(folder.path(), 25);

    stack.champion(&["run", "bhavcopy", "--date", "2025-02-24"]).expect_code(0);
    let sums = stack.query(
        "SELECT count() AS rows, toString(toInt128(sum(turnover) * 100)) AS paise FROM normalized_equity_ohlc_current",
    );
    assert_eq!(sums[0], json!({"rows": lines, "paise": paise.to_string()}));
}
