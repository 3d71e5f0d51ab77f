//! Recorded files: a folder laid out as `<host>/<path of the URL>`.
//!
//! The site's API was recorded as samples under `www.nseindia.com/samples/`; its answers are assembled from them: the
//! filings of every `nse_actions_*.json` and `CF-CA-*.csv`, each once, filtered by ex-date. The CSV has no ISIN, so a
//! filing known from both keeps the JSON's form.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use champion_market_data::TradeDate;
use champion_service::{read_named_file, read_named_text};
use chrono::{DateTime, SubsecRound, Utc};
use tracing::warn;

use crate::error::Error;
use crate::filing::{self, Filing};
use crate::market::Sessions;
use crate::report::{Query, SITE_HOST};
use crate::served::{self, Served};

/// Most bytes of a recorded file; the exchanges' largest have some 7 MB.
const MOST_BYTES: u64 = 256 << 20;

/// What the holiday API answers when no year was recorded.
const NO_HOLIDAYS: &[u8] = br#"{"CBM":[],"CD":[],"CM":[],"FO":[]}"#;

/// A folder of recorded files.
#[derive(Debug)]
pub(crate) struct Archive {
    root: PathBuf,
    filings: Vec<Filing>,
    /// Recorded holiday masters by the year in their file name.
    holidays: Vec<(String, PathBuf)>,
    sessions: Sessions,
}

impl Archive {
    /// Opens a folder and reads the API's samples.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Archive { folder: folder.to_owned(), source };
        let root = folder.canonicalize().map_err(unreadable)?;
        let mut filings = Vec::new();
        let mut holidays = Vec::new();
        for path in listed(&root.join(SITE_HOST).join("samples")).map_err(unreadable)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("nse_actions_") && name.ends_with(".json") {
                let text = read_named_file(&path, MOST_BYTES).map_err(unreadable)?;
                match serde_json::from_slice::<Vec<Filing>>(&text) {
                    Ok(list) => filings.extend(list),
                    Err(error) => warn!(file = %path.display(), %error, "sample of corporate actions skipped"),
                }
            } else if let Some(year) =
                name.strip_suffix("_holiday-master.json").and_then(|rest| rest.rsplit('_').next())
            {
                holidays.push((year.to_owned(), path.clone()));
            }
        }
        for path in listed(&root.join(SITE_HOST).join("samples")).map_err(unreadable)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("CF-CA-") && name.ends_with(".csv") {
                filings.extend(filing::from_csv(&read_named_text(&path, MOST_BYTES).map_err(unreadable)?));
            }
        }
        Ok(Self { root, filings: without_duplicates(filings), holidays, sessions: Sessions::new() })
    }

    /// Returns the file of a host and path; a link that leads out of the folder is no file.
    pub(crate) fn file(&self, host: &str, path: &str) -> io::Result<Option<Served>> {
        let wanted = self.root.join(host).join(path.trim_start_matches('/'));
        let real = match wanted.canonicalize() {
            Ok(real) if real.starts_with(&self.root) && real.is_file() => real,
            Ok(_) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let modified =
            std::fs::metadata(&real)?.modified().ok().map(|time| DateTime::<Utc>::from(time).trunc_subsecs(0));
        let bytes = read_named_file(&real, MOST_BYTES)?;
        Ok(Some(Served::new(bytes.into(), served::content_type(path), modified)))
    }

    /// Returns the recorded filings whose ex-date lies in the window.
    pub(crate) fn filings(&self, from: TradeDate, to: TradeDate) -> Vec<Filing> {
        let within = |filing: &&Filing| filing.ex_day().is_some_and(|day| (from..=to).contains(&day));
        let mut found: Vec<Filing> = self.filings.iter().filter(within).cloned().collect();
        found.sort_by_key(Filing::ex_day);
        found
    }

    /// Returns the recorded holiday master of a year, or of the only year there is.
    pub(crate) fn holidays(&self, query: &Query) -> Vec<u8> {
        let wanted = |(year, _): &&(String, PathBuf)| query.get("year").is_none_or(|other| other == year);
        let file = self.holidays.iter().rfind(wanted);
        file.and_then(|(_, path)| read_named_file(path, MOST_BYTES).ok()).unwrap_or_else(|| NO_HOLIDAYS.to_vec())
    }

    pub(crate) const fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

/// Lists a folder by name; one that does not exist is empty.
fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

fn without_duplicates(filings: Vec<Filing>) -> Vec<Filing> {
    let mut seen = HashSet::new();
    let key = |filing: &Filing| {
        (filing.symbol.clone(), filing.series.clone(), filing.subject.clone(), filing.ex_date.clone())
    };
    filings.into_iter().filter(|filing| seen.insert(key(filing))).collect()
}
