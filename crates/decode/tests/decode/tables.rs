//! What stands in the tables: golden rows, types, order, identity.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::util::display::array_value_to_string;
use champion_decode::Decoded;
use champion_market_data::{Sha256, Table};

use crate::sheet::Sheet;

fn table(decoded: &Decoded, table: Table) -> &RecordBatch {
    &decoded.tables.iter().find(|(name, _)| *name == table).expect("the table").1
}

/// Returns a row as `name=value` pairs; nulls are left out.
fn row(batch: &RecordBatch, row: usize) -> Vec<String> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).filter(|(_, column)| column.is_valid(row));
    columns
        .map(|(field, column)| format!("{}={}", field.name(), array_value_to_string(column, row).expect("a value")))
        .collect()
}

fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Vec<&'b str> {
    batch.column_by_name(name).expect("the column").as_string::<i32>().iter().flatten().collect()
}

#[test]
fn every_table_has_the_schema_of_the_contract() {
    for sheet in Sheet::of_each_era(3) {
        let decoded = sheet.decode().expect("a good file");
        assert_eq!(decoded.tables.iter().map(|(table, _)| *table).collect::<Vec<_>>(), sheet.dataset.tables());
        for (table, batch) in &decoded.tables {
            assert_eq!(batch.schema(), table.schema());
        }
    }
}

#[test]
fn a_udiff_row_in_both_tables() {
    let sheet = Sheet::udiff(1);
    let decoded = sheet.decode().expect("a good file");
    assert_eq!(
        row(table(&decoded, Table::RawEquityOhlc), 0).join(" "),
        "TradDt=2024-07-08 BizDt=2024-07-08 Sgmt=CM Src=NSE FinInstrmTp=STK FinInstrmId=1 ISIN=INE900A01013 \
         TckrSymb=SHARE00001 SctySrs=EQ FinInstrmNm=SHARE NUMBER 1 OpnPric=100.0000 HghPric=102.5000 LwPric=99.5000 \
         ClsPric=101.0000 LastPric=101.2500 PrvsClsgPric=98.7500 SttlmPric=101.0000 TtlTradgVol=1000 \
         TtlTrfVal=100750.00 TtlNbOfTxsExctd=75 SsnId=F1 NewBrdLotQty=1"
    );
    let normalized = row(table(&decoded, Table::NormalizedEquityOhlc), 0);
    assert_eq!(
        normalized[1..].join(" "),
        format!(
            "source=nse_udiff schema_version=1 source_sha256={} exchange=NSE trade_date=2024-07-08 symbol=SHARE00001 \
             series=EQ isin=INE900A01013 instrument_id=1 instrument_name=SHARE NUMBER 1 open=100.0000 high=102.5000 \
             low=99.5000 close=101.0000 last=101.2500 prev_close=98.7500 settlement=101.0000 volume=1000 \
             turnover=100750.00 trades=75 session_id=F1 board_lot=1 warnings=",
            Sha256::of(&sheet.bytes())
        )
    );
}

#[test]
fn legacy_rows_fill_the_udiff_columns_by_meaning() {
    let decoded = Sheet::legacy_l2(1).decode().expect("a good file");
    assert_eq!(
        row(table(&decoded, Table::RawEquityOhlc), 0).join(" "),
        "TradDt=2016-06-01 Sgmt=CM Src=NSE ISIN=INE900A01013 TckrSymb=SHARE00001 SctySrs=EQ OpnPric=100.0000 \
         HghPric=102.5000 LwPric=99.5000 ClsPric=101.0000 LastPric=101.2500 PrvsClsgPric=98.7500 TtlTradgVol=1000 \
         TtlTrfVal=100750.00 TtlNbOfTxsExctd=75"
    );
    let decoded = Sheet::legacy_l1(1).decode().expect("a good file");
    let normalized = row(table(&decoded, Table::NormalizedEquityOhlc), 0).join(" ");
    assert!(normalized.contains("source=nse_legacy_l1 ") && normalized.contains("trade_date=1999-05-03 "));
    assert!(!normalized.contains("isin=") && !normalized.contains("trades="), "{normalized}");
}

#[test]
fn a_full_row_with_and_without_delivery() {
    let mut sheet = Sheet::full(2);
    sheet.set(1, "SERIES", "BE").set(1, "DELIV_QTY", "-").set(1, "DELIV_PER", "-");
    let decoded = sheet.decode().expect("a good file");
    let batch = table(&decoded, Table::EquityDelivery);
    assert_eq!(
        row(batch, 0)[5..].join(" "),
        "trade_date=2024-07-08 symbol=SHARE00001 series=EQ prev_close=98.7500 open=100.0000 high=102.5000 low=99.5000 \
         last=101.2500 close=101.0000 vwap=100.7500 volume=1000 turnover_lacs=1.01 turnover=101000.00 trades=75 \
         delivery_qty=400 delivery_pct=40.00 warnings="
    );
    assert!(!row(batch, 1).join(" ").contains("delivery_"), "a dash is null and not zero");
    assert_eq!(texts(batch, "source"), ["nse_full", "nse_full"]);
}

#[test]
fn turnover_of_72781_69_lakh_is_7_278_169_000_rupees() {
    let mut sheet = Sheet::full(1);
    for (column, value) in [("AVG_PRICE", "1312.27"), ("TTL_TRD_QNTY", "5546227"), ("TURNOVER_LACS", "72781.69")] {
        sheet.set(0, column, value);
    }
    let prices = ["OPEN_PRICE", "HIGH_PRICE", "LOW_PRICE", "CLOSE_PRICE", "LAST_PRICE"];
    for (column, value) in prices.into_iter().zip(["1315.50", "1316.50", "1307.00", "1313.20", "1313.20"]) {
        sheet.set(0, column, value);
    }
    let decoded = sheet.decode().expect("a good file");
    assert!(decoded.warnings.is_empty());
    let turnover = table(&decoded, Table::EquityDelivery).column_by_name("turnover").expect("the column");
    assert_eq!(array_value_to_string(turnover, 0).expect("a number"), "7278169000.00");
}

#[test]
fn the_raw_table_keeps_the_files_order_and_the_normalised_one_has_the_keys() {
    for mut sheet in [Sheet::udiff(3), Sheet::full(3)] {
        let names = ["ZEBRA", "ANT", "ANT"];
        let (symbol, series) = match sheet.header[0].as_str() {
            "SYMBOL" => ("SYMBOL", "SERIES"),
            _ => ("TckrSymb", "SctySrs"),
        };
        for (index, name) in names.iter().enumerate() {
            sheet.set(index, symbol, name);
        }
        sheet.set(1, series, "T0");
        let decoded = sheet.decode().expect("a good file");
        let (_, normalized) = decoded.tables.last().expect("a table");
        assert_eq!(texts(normalized, "symbol"), ["ANT", "ANT", "ZEBRA"]);
        assert_eq!(texts(normalized, "series"), ["EQ", "T0", "EQ"]);
        if let [(Table::RawEquityOhlc, raw), _] = &decoded.tables[..] {
            assert_eq!(texts(raw, "TckrSymb"), names);
        }
    }
}

#[test]
fn the_event_id_follows_the_rows_values_and_not_the_file() {
    for sheet in Sheet::of_each_era(5) {
        let ids = |sheet: &Sheet| {
            let decoded = sheet.decode().expect("a good file");
            let (_, batch) = decoded.tables.last().expect("a table").clone();
            texts(&batch, "event_id").into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let before = ids(&sheet);
        assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 5);
        assert!(before.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
        let mut shuffled = sheet.clone();
        shuffled.rows.reverse();
        assert_eq!(ids(&shuffled), before);
        let volume = ["TtlTradgVol", "TOTTRDQTY", "TTL_TRD_QNTY"]
            .into_iter()
            .find(|name| sheet.header.iter().any(|column| column == name));
        let mut corrected = sheet.clone();
        corrected.set(2, volume.expect("a volume"), "1001");
        let after = ids(&corrected);
        assert_ne!(after[2], before[2]);
        assert_eq!((&after[..2], &after[3..]), (&before[..2], &before[3..]));
    }
}

#[test]
fn the_same_bytes_give_the_same_tables() {
    for sheet in Sheet::of_each_era(50) {
        let (first, second) = (sheet.decode().expect("a good file"), sheet.decode().expect("a good file"));
        assert_eq!(first.tables, second.tables);
    }
}
