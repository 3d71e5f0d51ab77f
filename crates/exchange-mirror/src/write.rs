//! The generated market as files: a folder that `--archive` serves and any tool reads.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use champion_market_data::{Dataset, TradeDate};
use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::market::GeneratedMarket;
use crate::report::SITE_HOST;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Sessions in the range.
    pub sessions: usize,
    /// Files.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Writes every report of the datasets for each session of a range, laid out as `<host>/<path of the URL>`.
///
/// Days of 2024-01-01 to 2024-07-05 get the bhavcopy in both forms. Filings are written as the samples an archive holds,
/// `www.nseindia.com/samples/nse_actions_<date>.json`. Modification times are those the exchange would show, so the folder
/// is the same every time. All processors work on it.
///
/// # Errors
///
/// Fails when a file cannot be written; the error names it.
pub fn write_market(
    market: &GeneratedMarket,
    folder: &Path,
    (from, to): (TradeDate, TradeDate),
    datasets: &[Dataset],
) -> Result<Written, Error> {
    let sessions: Vec<TradeDate> = from.through(to).filter(|date| market.sessions().is_session(*date)).collect();
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Ok(Written { sessions: sessions.len(), ..Written::default() }));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(date) = sessions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let written = write_day(market, folder, *date, datasets);
                    let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match (&mut *total, written) {
                        (Ok(sum), Ok((files, bytes))) => {
                            sum.files += files;
                            sum.bytes += bytes;
                        }
                        (Ok(_), Err(error)) => *total = Err(error),
                        (Err(_), _) => return,
                    }
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write_day(
    market: &GeneratedMarket,
    folder: &Path,
    date: TradeDate,
    datasets: &[Dataset],
) -> Result<(usize, u64), Error> {
    let (mut files, mut bytes) = (0, 0);
    for dataset in datasets {
        for (host, path, content, modified) in reports(market, *dataset, date)? {
            let file = folder.join(host).join(path.trim_start_matches('/'));
            store(&file, &content, modified).map_err(|source| Error::Write { file, source })?;
            files += 1;
            bytes += content.len() as u64;
        }
    }
    Ok((files, bytes))
}

type Report = (&'static str, String, Vec<u8>, Option<DateTime<Utc>>);

fn reports(market: &GeneratedMarket, dataset: Dataset, date: TradeDate) -> Result<Vec<Report>, Error> {
    if dataset == Dataset::CorporateActions {
        let path = format!("/samples/nse_actions_{date}.json");
        return Ok(vec![(SITE_HOST, path, market.filings_json(date, date), None)]);
    }
    let mut found = Vec::new();
    for report in dataset.reports(date) {
        let served = market
            .file(report.host, &report.path)
            .map_err(|source| Error::Write { file: PathBuf::from(&report.path), source })?;
        if let Some(served) = served {
            found.push((report.host, report.path, served.bytes.to_vec(), served.modified));
        }
    }
    Ok(found)
}

fn store(path: &Path, content: &[u8], modified: Option<DateTime<Utc>>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create(path)?;
    file.write_all(content)?;
    if let Some(modified) = modified {
        file.set_modified(modified.into())?;
    }
    Ok(())
}
