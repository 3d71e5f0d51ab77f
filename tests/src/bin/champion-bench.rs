//! `make bench`: what Champion does in a second, beside a plain Polars and a plain DuckDB script on the same files, in the
//! same run. Figures are reported as they are; ratios are against this machine's own other engines.
//!
//! `BENCH_SESSIONS` (250) and `BENCH_RUNS` (30) make it shorter.

#![expect(clippy::print_stdout, reason = "the figures are the program's answer")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use champion_decode::{Request, decode};
use champion_e2e::{Stack, programs};
use champion_market_data::{Calendar, Dataset, Exchange, TradeDate};
use serde_json::Value;

/// The first session of the generated files: the first official day of UDiFF.
const FIRST: &str = "2024-07-08";
/// How long a decoder is measured.
const DECODE_FOR: Duration = Duration::from_secs(2);

fn main() -> anyhow::Result<()> {
    let sessions: usize = number("BENCH_SESSIONS", 250)?;
    let runs: usize = number("BENCH_RUNS", 30)?;
    let work = tempfile::tempdir()?;
    let market = work.path().join("market");
    let dates = sessions_from(FIRST.parse()?, sessions + runs);
    let (last, backfill_last) = (dates[sessions + runs - 1], dates[sessions - 1]);
    say(&format!("generating {} sessions of bhavcopy and full_bhavcopy", dates.len()));
    generate(&market, dates[0], last)?;

    println!("\nDecoding, one core, in memory");
    for dataset in [Dataset::Bhavcopy, Dataset::FullBhavcopy] {
        decoding(&market, dataset, dates[0])?;
    }

    say(&format!("backfill of {sessions} sessions through all services, traces on"));
    let backfill = through_the_fleet(&market, dates[0], backfill_last, &dates[sessions..])?;
    println!("\nBackfill of {sessions} generated sessions, bhavcopy, five services, traces on");
    let rows = backfill.rows;
    line("to curated Parquet", backfill.curated, sessions, rows);
    line("to the warehouse, verified", backfill.loaded, sessions, rows);
    println!("\nPeak memory (MiB): {}", backfill.peaks.join(", "));
    println!("\nA warm `champion run` of one day ({runs} days): p50 {}, p95 {}", backfill.p50, backfill.p95);

    let zips = work.path().join("zips");
    collect_zips(&market, &zips, &dates[..sessions])?;
    println!("\nThe same {sessions} zips to one Parquet file each, in one process");
    for engine in ["polars", "duckdb"] {
        say(&format!("{engine} on the same zips"));
        let other = script(engine, &zips, &work.path().join(engine))?;
        let seconds = other["seconds"].as_f64().context("seconds")?;
        let ratio = seconds / backfill.curated.as_secs_f64();
        line(other["engine"].as_str().unwrap_or(engine), Duration::from_secs_f64(seconds), sessions, rows);
        println!("  Champion's way to curated Parquet is {ratio:.2}x as fast as {engine} (above 1 is faster)");
    }
    println!("\nrepeat with: make bench");
    Ok(())
}

fn number(name: &str, default: usize) -> anyhow::Result<usize> {
    std::env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name}={text}")))
}

fn say(what: &str) {
    eprintln!("bench: {what} …");
}

fn line(what: &str, time: Duration, sessions: usize, rows: u64) {
    let seconds = time.as_secs_f64();
    let (per_second, rows) = (sessions as f64 / seconds, rows as f64 / seconds);
    println!("  {what:28} {seconds:7.2} s  {per_second:7.1} sessions/s  {rows:10.0} rows/s");
}

fn sessions_from(first: TradeDate, count: usize) -> Vec<TradeDate> {
    let calendar = Calendar::nse();
    let far = TradeDate::from_ymd(2026, 12, 31).expect("a fixed date");
    first.through(far).filter(|date| calendar.kind(*date).has_session() == Some(true)).take(count).collect()
}

fn generate(folder: &Path, from: TradeDate, to: TradeDate) -> anyhow::Result<()> {
    let status = Command::new(programs::binary("champion-exchange-mirror"))
        .args(["--generate", "42", "--from", &from.to_string(), "--to", &to.to_string(), "--write"])
        .arg(folder)
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "the mirror did not write the market: {status}");
    Ok(())
}

fn file_of(market: &Path, dataset: Dataset, date: TradeDate) -> PathBuf {
    let report = dataset.report(date);
    market.join(report.host).join(report.path.trim_start_matches('/'))
}

fn decoding(market: &Path, dataset: Dataset, date: TradeDate) -> anyhow::Result<()> {
    let bytes = std::fs::read(file_of(market, dataset, date))?;
    let request = Request::new(dataset, Exchange::Nse, Some(date));
    let text_bytes = match dataset {
        Dataset::Bhavcopy => unpacked_size(&file_of(market, dataset, date))?,
        Dataset::FullBhavcopy | Dataset::CorporateActions => bytes.len() as u64,
    };
    let began = Instant::now();
    let (mut times, mut rows) = (0_u32, 0);
    while began.elapsed() < DECODE_FOR {
        rows += decode(&bytes, &request).map_err(|refusal| anyhow::anyhow!("{refusal}"))?.counts.published;
        times += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    let megabytes = text_bytes as f64 * f64::from(times) / seconds / 1e6;
    let each = seconds * 1e3 / f64::from(times);
    println!("  {dataset:14} {megabytes:6.0} MB/s of CSV  {:10.0} rows/s  {each:5.2} ms a file", rows as f64 / seconds);
    Ok(())
}

/// The size of the archive's member, by Python: the bench measures our decoder and must not ask it.
fn unpacked_size(zip: &Path) -> anyhow::Result<u64> {
    let code = "import sys, zipfile; print(sum(i.file_size for i in zipfile.ZipFile(sys.argv[1]).infolist()))";
    let output = Command::new(programs::python()).args(["-c", code]).arg(zip).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

struct Fleet {
    curated: Duration,
    loaded: Duration,
    rows: u64,
    peaks: Vec<String>,
    p50: String,
    p95: String,
}

fn through_the_fleet(market: &Path, from: TradeDate, to: TradeDate, later: &[TradeDate]) -> anyhow::Result<Fleet> {
    let stack = Stack::builder().archive(market).start();
    // A day outside the range warms connections and caches, as a fleet that runs every evening is warm.
    let warm = stack.champion(&["run", "full_bhavcopy", "--date", &from.to_string()]);
    ensure!(warm.code == 0, "{}", warm.stdout);
    let (from, to) = (from.to_string(), to.to_string());
    let began = Instant::now();
    let mut child = stack
        .command(&["backfill", "bhavcopy", "--from", &from, "--to", &to, "--json"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut curated = Duration::ZERO;
    let mut rows = 0;
    for text in BufReader::new(child.stdout.take().context("piped")?).lines() {
        let event: Value = serde_json::from_str(&text?)?;
        if event["stage"] == "write" {
            curated = began.elapsed();
        }
        if event["event"] == "finished" {
            rows = event["totals"]["counts"]["published"].as_u64().context("rows")?;
            ensure!(event["status"] == "succeeded", "{event}");
        }
    }
    let loaded = began.elapsed();
    ensure!(child.wait()?.success(), "the backfill failed");
    let peaks = stack.services().iter().map(|service| peak(&stack, service)).collect();
    let mut times = Vec::new();
    for date in later {
        let began = Instant::now();
        let answer = stack.champion(&["run", "bhavcopy", "--date", &date.to_string()]);
        ensure!(answer.code == 0, "{}", answer.stdout);
        times.push(began.elapsed());
    }
    times.sort();
    let at = |share: usize| format!("{} ms", times[(times.len() - 1) * share / 100].as_millis());
    Ok(Fleet { curated, loaded, rows, peaks, p50: at(50), p95: at(95) })
}

fn peak(stack: &Stack, service: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stack.pid(service))).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    format!("{service} {}", kib.unwrap_or(0) / 1024)
}

fn collect_zips(market: &Path, target: &Path, dates: &[TradeDate]) -> anyhow::Result<()> {
    std::fs::create_dir_all(target)?;
    for date in dates {
        let file = file_of(market, Dataset::Bhavcopy, *date);
        std::fs::copy(&file, target.join(file.file_name().context("a file name")?))?;
    }
    Ok(())
}

fn script(engine: &str, zips: &Path, out: &Path) -> anyhow::Result<Value> {
    let output = Command::new(programs::python())
        .arg(programs::script(&format!("bench_{engine}.py")))
        .args([zips, out])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{engine} failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}
