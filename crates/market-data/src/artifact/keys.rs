//! Keys of the lake as functions of what lies under them. Zones are the first path part; `read_key` reads them back.

use super::Sha256;
use crate::{Dataset, Exchange, Table, TradeDate};

/// Returns the folder of everything received for a dataset and session.
#[must_use]
pub fn raw_folder(exchange: Exchange, dataset: Dataset, date: TradeDate) -> String {
    format!("raw/{exchange}/{dataset}/{date}")
}

/// Returns the key of received bytes; `extension` is `csv`, `csv.zip` or `json`.
#[must_use]
pub fn raw(exchange: Exchange, dataset: Dataset, date: TradeDate, sha256: &Sha256, extension: &str) -> String {
    format!("{}/{sha256}.{extension}", raw_folder(exchange, dataset, date))
}

/// Returns the key of the response's facts beside received bytes.
#[must_use]
pub fn raw_facts(exchange: Exchange, dataset: Dataset, date: TradeDate, sha256: &Sha256) -> String {
    format!("{}/{sha256}.facts.json", raw_folder(exchange, dataset, date))
}

/// Returns the key of the facts of a later observation of the same bytes, `observed` in microseconds since 1970.
#[must_use]
pub fn raw_facts_again(
    exchange: Exchange,
    dataset: Dataset,
    date: TradeDate,
    sha256: &Sha256,
    observed: i64,
) -> String {
    format!("{}/{sha256}.{observed}.facts.json", raw_folder(exchange, dataset, date))
}

/// Returns the key of a staged table: a function of the raw bytes and of the decoder's version.
#[must_use]
pub fn staged(table: Table, exchange: Exchange, date: TradeDate, source: &Sha256, decoder: u32) -> String {
    format!("staged/{table}/{exchange}/{date}/{source}-d{decoder}.arrow")
}

/// Returns the key of the parser's report on raw bytes.
#[must_use]
pub fn parse_report(dataset: Dataset, exchange: Exchange, date: TradeDate, source: &Sha256, decoder: u32) -> String {
    format!("staged/{dataset}.report/{exchange}/{date}/{source}-d{decoder}.json")
}

/// Returns the key of the rows set aside from raw bytes.
#[must_use]
pub fn quarantine(dataset: Dataset, exchange: Exchange, date: TradeDate, source: &Sha256, decoder: u32) -> String {
    format!("quarantine/{dataset}/{exchange}/{date}/{source}-d{decoder}.jsonl")
}

/// Returns the key of the one curated file of a table and session, below a Hive-style folder.
#[must_use]
pub fn curated(table: Table, exchange: Exchange, date: TradeDate) -> String {
    let (year, month) = date.month();
    format!("curated/{table}/exchange={exchange}/year={year}/month={month:02}/{date}.parquet")
}

/// Returns the key of the manifest beside a curated file; the session is done when it stands there.
#[must_use]
pub fn manifest(table: Table, exchange: Exchange, date: TradeDate) -> String {
    let (year, month) = date.month();
    format!("curated/{table}/exchange={exchange}/year={year}/month={month:02}/{date}.manifest.json")
}

/// Returns the folder of the earlier versions of a session.
#[must_use]
pub fn history_folder(table: Table, exchange: Exchange, date: TradeDate) -> String {
    format!("history/{table}/exchange={exchange}/{date}")
}

/// Returns the key under which an earlier version of a curated file stays readable.
#[must_use]
pub fn history(table: Table, exchange: Exchange, date: TradeDate, version: u32, sha256: &Sha256) -> String {
    format!("{}/v{version}-{sha256}.parquet", history_folder(table, exchange, date))
}

/// Returns the key of an earlier version's manifest, beside its file.
#[must_use]
pub fn history_manifest(table: Table, exchange: Exchange, date: TradeDate, version: u32, sha256: &Sha256) -> String {
    format!("{}/v{version}-{sha256}.manifest.json", history_folder(table, exchange, date))
}
