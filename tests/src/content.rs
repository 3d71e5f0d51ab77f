//! One value over everything a run leaves behind, so that two stacks can be compared exactly.
//!
//! What belongs to the content: received bytes, quarantined rows, Parquet files, every fact and manifest without what
//! names a run or a time, every row of the warehouse's tables read with `FINAL`, and the ledger. What a killed process
//! leaves in the lake under a temporary name is no content: no reader looks at it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use champion_market_data::Sha256;
use serde_json::Value;

use crate::Client;

/// Zones of the lake that are kept for ever. Staged tables may be collected and are a function of the raw bytes.
const ZONES: [&str; 4] = ["raw", "quarantine", "curated", "history"];
/// Members of facts and manifests that belong to one run and not to the content.
const OF_A_RUN: [&str; 6] = ["run_id", "trace_id", "observed_at", "published_at", "attempts", "date"];
/// Columns of the warehouse that belong to one run and not to the content.
const COLUMNS_OF_A_RUN: [&str; 6] =
    ["run_id", "trace_id", "loaded_at", "observed_at", "published_at", "quarantined_at"];
/// Differences that are told one by one.
const MOST_TOLD: usize = 8;

/// One thing of the content: a key of the lake, or one session of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    hash: String,
    /// Hash of each row, sorted; empty for a file.
    rows: Vec<String>,
}

/// The content of a lake and a warehouse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    entries: BTreeMap<String, Entry>,
}

impl Content {
    /// Reads the content of a lake's folder and of the warehouse beside it.
    ///
    /// # Panics
    /// When either cannot be read, or when the warehouse holds a key twice.
    #[must_use]
    pub fn of(lake: &Path, client: &Client) -> Self {
        let mut content = Self::of_lake(lake);
        for table in tables(client) {
            content.read_table(&table, client);
        }
        content
    }

    /// Reads the content of a lake's folder.
    ///
    /// # Panics
    /// When a file cannot be read.
    #[must_use]
    pub fn of_lake(lake: &Path) -> Self {
        let mut content = Self::default();
        for zone in ZONES {
            for key in files_below(lake, zone) {
                let bytes = std::fs::read(lake.join(&key)).unwrap_or_else(|error| panic!("{key}: {error}"));
                let hash = if key.ends_with(".json") && zone != "raw" || key.ends_with(".facts.json") {
                    Sha256::of(stable(&key, &bytes).as_bytes())
                } else {
                    Sha256::of(&bytes)
                };
                content.entries.insert(key, Entry { hash: hash.to_string(), rows: Vec::new() });
            }
        }
        content
    }

    /// Returns the part whose names contain a text.
    #[must_use]
    pub fn part(&self, text: &str) -> Self {
        let matching = self.entries.iter().filter(|(name, _)| name.contains(text));
        Self { entries: matching.map(|(name, entry)| (name.clone(), entry.clone())).collect() }
    }

    /// Returns the names that contain a text.
    #[must_use]
    pub fn names(&self, text: &str) -> Vec<&str> {
        self.entries.keys().map(String::as_str).filter(|name| name.contains(text)).collect()
    }

    /// Returns the one value.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut text = String::new();
        for (name, entry) in &self.entries {
            writeln!(text, "{name} {}", entry.hash).expect("a string takes every text");
        }
        Sha256::of(text.as_bytes()).to_string()
    }

    /// Says what is missing, too much or different here against another content; `None` when nothing is.
    ///
    /// Rows that only this side holds are asked from its warehouse.
    #[must_use]
    pub fn difference(&self, wanted: &Self, client: &Client) -> Option<String> {
        let mut told = Vec::new();
        for (name, entry) in &wanted.entries {
            match self.entries.get(name) {
                None => told.push(format!("{name} is missing")),
                Some(found) if found != entry => told.push(describe(name, found, entry, client)),
                Some(_) => {}
            }
        }
        let more = self.entries.keys().filter(|name| !wanted.entries.contains_key(*name));
        told.extend(more.map(|name| format!("{name} is too much")));
        let count = told.len();
        told.truncate(MOST_TOLD);
        (count > 0).then(|| format!("{count} differences:\n  {}", told.join("\n  ")))
    }

    /// Checks that nothing differs.
    ///
    /// # Panics
    /// When something does; the message names the key, table or row.
    pub fn expect_equal(&self, wanted: &Self, client: &Client, what: &str) {
        if let Some(difference) = self.difference(wanted, client) {
            panic!("{what}: the content is not that of the undisturbed run; {difference}");
        }
        assert_eq!(self.hash(), wanted.hash(), "{what}");
    }

    fn read_table(&mut self, table: &Table, client: &Client) {
        let Table { name, date, .. } = table;
        let answer = client.ask_warehouse(&format!(
            "SELECT {date}, {} FROM champion.{name} FINAL ORDER BY 1, 2 FORMAT TSVRaw",
            table.row_hash()
        ));
        let mut sessions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for line in answer.lines() {
            let (date, row) = line.split_once('\t').expect("two columns");
            sessions.entry(date).or_default().push(row.to_owned());
        }
        let twice = client.ask_warehouse(&format!(
            "SELECT count() - uniqExact({}) FROM champion.{name} FINAL FORMAT TSVRaw",
            table.key
        ));
        assert_eq!(twice.trim(), "0", "{name} holds keys twice");
        for (date, rows) in sessions {
            let hash = Sha256::of(rows.join("\n").as_bytes()).to_string();
            self.entries.insert(format!("warehouse/{name}/{date}"), Entry { hash, rows });
        }
    }
}

/// A table of the warehouse that holds content.
struct Table {
    name: String,
    /// Its sorting key.
    key: String,
    /// Expression of the session.
    date: String,
    /// Columns of the content, in order.
    columns: Vec<String>,
}

impl Table {
    fn row_hash(&self) -> String {
        format!("lower(hex(substring(SHA256(formatRow('TSV', {})), 1, 16)))", self.columns.join(", "))
    }
}

/// Lists the tables that hold content: each replaces the rows of its key.
fn tables(client: &Client) -> Vec<Table> {
    let found = client.ask_warehouse(
        "SELECT name, sorting_key FROM system.tables WHERE database = 'champion' AND engine LIKE '%ReplacingMergeTree' \
         AND name != 'schema_migrations' AND name NOT LIKE 'otel%' ORDER BY name FORMAT TSVRaw",
    );
    let of = |line: &str| {
        let (name, key) = line.split_once('\t').expect("two columns");
        let columns = client.ask_warehouse(&format!(
            "SELECT name FROM system.columns WHERE database = 'champion' AND table = '{name}' ORDER BY position FORMAT TSVRaw"
        ));
        let columns = columns.lines().filter(|column| !COLUMNS_OF_A_RUN.contains(column)).map(str::to_owned).collect();
        let parts: Vec<&str> = key.split(", ").collect();
        let date = ["trade_date", "TradDt"].into_iter().find(|column| parts.contains(column)).unwrap_or("'all'");
        Table { name: name.to_owned(), key: key.to_owned(), date: date.to_owned(), columns }
    };
    found.lines().map(of).collect()
}

fn describe(name: &str, found: &Entry, wanted: &Entry, client: &Client) -> String {
    if found.rows.is_empty() && wanted.rows.is_empty() {
        return format!("{name} differs: sha256 {} instead of {}", found.hash, wanted.hash);
    }
    let mut parts = name.split('/').skip(1);
    let (table, date) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let extra: Vec<&String> = found.rows.iter().filter(|row| wanted.rows.binary_search(row).is_err()).collect();
    let mut text =
        format!("{name} differs: {} rows instead of {}, {} unknown", found.rows.len(), wanted.rows.len(), extra.len());
    if let (Some(row), Some(table)) = (extra.first(), tables(client).iter().find(|one| one.name == table)) {
        let sql = format!(
            "SELECT * FROM champion.{} FINAL WHERE toString({}) = '{date}' AND {} = '{row}' FORMAT JSONEachRow",
            table.name,
            table.date,
            table.row_hash()
        );
        write!(text, ", such as {}", client.ask_warehouse(&sql).trim()).expect("a string takes every text");
    }
    text
}

/// Lists the keys below a zone, without what a writer left under a temporary name.
#[must_use]
pub fn files_below(lake: &Path, zone: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut folders = vec![lake.join(zone)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Ok(key) = path.strip_prefix(lake) {
                keys.push(key.to_string_lossy().into_owned());
            }
        }
    }
    keys.retain(|key| !is_temporary(key));
    keys.sort();
    keys
}

/// The lake writes `<key>#<number>` and renames it.
fn is_temporary(key: &str) -> bool {
    key.rsplit_once('#').is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Facts or a manifest without what belongs to one run: its ids, its times, and the port of the mirror.
fn stable(key: &str, bytes: &[u8]) -> String {
    let mut value: Value = serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{key}: {error}"));
    strip(&mut value);
    value.to_string()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !OF_A_RUN.contains(&name.as_str()));
            if let Some(Value::String(url)) = members.get_mut("url") {
                *url = url.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(members) => members.iter_mut().for_each(strip),
        _ => {}
    }
}
