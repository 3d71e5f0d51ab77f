//! Times the decoding of one file: `cargo run --release -p champion-decode --example decode_speed -- FILE DATASET`.
//!
//! Prints median and best of many rounds, of the whole way (hash, inflate, tables) and of the same file already inflated.
#![expect(clippy::print_stdout, reason = "the output is what the program is for")]

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use champion_decode::{Request, decode};
use champion_market_data::{Dataset, Exchange};

/// Rounds of each measurement: on a busy machine the best of so many is one that nothing interrupted.
const ROUNDS: usize = 101;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(dataset)) = (arguments.next(), arguments.next()) else {
        bail!("usage: decode_speed FILE DATASET");
    };
    let request = Request::new(dataset.parse::<Dataset>()?, Exchange::Nse, None);
    let file = std::fs::read(&path).with_context(|| format!("reading {path}"))?;
    let text = inflated(&file)?;
    let decoded = decode(&file, &request)?;
    println!("file          {path}");
    println!("format        {} of {:?}", decoded.era, decoded.trade_date.map(|date| date.to_string()));
    println!("bytes         {} as received, {} of CSV", file.len(), text.len());
    println!("rows          {} published of {}", decoded.counts.published, decoded.counts.rows_in);
    for (name, bytes) in [("as received", &file), ("CSV alone", &text)] {
        let times = times(bytes, &request)?;
        for (statistic, time) in [("median", times[ROUNDS / 2]), ("best", times[0])] {
            let megabytes = text.len() as f64 / 1e6 / time.as_secs_f64();
            let rows = decoded.counts.rows_in as f64 / time.as_secs_f64();
            println!("{name:<12} {statistic:<7} {time:>9.2?}  {megabytes:>7.1} MB/s of CSV  {rows:>10.0} rows/s");
        }
    }
    Ok(())
}

fn inflated(file: &[u8]) -> Result<Vec<u8>> {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(file)) else { return Ok(file.to_vec()) };
    let mut text = Vec::new();
    archive.by_index(0)?.read_to_end(&mut text)?;
    Ok(text)
}

/// Returns the times of all rounds, the shortest first.
fn times(bytes: &[u8], request: &Request) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        black_box(decode(black_box(bytes), request)?);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}
