//! Writes the committed corpus anew: small inputs of every target, made from the generated market.
//!
//! `cargo run -p champion-fuzz --example seeds`

use std::fs;
use std::io;
use std::path::Path;

use champion_decode::{Limits, fuzzing};
use champion_embedded_warehouse::fuzzing::{Coding, pack};
use champion_exchange_mirror::GeneratedMarket;
use champion_market_data::{
    ArtifactRef, CuratedArtifact, Dataset, Exchange, QuarantineArtifact, RawArtifact, RowCounts, Sha256,
    StagedArtifact, Table,
};
use champion_proto::artifact::v1 as wire;
use prost::Message;

/// Lines of a file that a seed keeps: the header and a few rows.
const LINES: usize = 7;

fn write(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

/// The first lines of the generated file of a date.
fn head(market: &GeneratedMarket, dataset: Dataset, date: &str) -> io::Result<Vec<u8>> {
    let report = dataset.report(date.parse().expect("a date"));
    let file = market.file(report.host, &report.path)?.expect("a session");
    let text = fuzzing::open(&file.bytes, &Limits::default()).expect("a good file");
    Ok(text.split_inclusive(|byte| *byte == b'\n').take(LINES).flatten().copied().collect())
}

/// A file as it is, and its rows under the header that the target knows.
fn file(target: &str, name: &str, text: &[u8], choice: u8) -> io::Result<()> {
    write(target, name, text)?;
    let rows = text.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    write(target, &format!("{name}_rows"), &[&[choice], &text[rows..]].concat())
}

fn files(market: &GeneratedMarket) -> io::Result<()> {
    file("legacy_bhavcopy", "l1", &head(market, Dataset::Bhavcopy, "2001-06-01")?, 1)?;
    file("legacy_bhavcopy", "l2", &head(market, Dataset::Bhavcopy, "2016-06-01")?, 2)?;
    let udiff = head(market, Dataset::Bhavcopy, "2024-07-08")?;
    file("udiff_bhavcopy", "udiff", &udiff, 2)?;
    file("full_bhavcopy", "full", &head(market, Dataset::FullBhavcopy, "2024-07-08")?, 2)?;
    let day = |text: &str| text.parse().expect("a date");
    let filings = market.filings_json(day("2024-07-08"), day("2024-07-09"));
    let text = String::from_utf8(filings).expect("text");
    let end = text.match_indices("},").nth(3).map_or(text.len() - 1, |(at, _)| at + 1);
    write("corporate_actions", "api", format!("{}]", &text[..end]).as_bytes())?;
    let download = "\"EXAMPLE\",\"A Company, Limited\",\"EQ\",\"Dividend - Rs 25 Per Share/Bonus 1:1\",\"10\",\
                    \"03-Jan-2025\",\"03-Jan-2025\",\"-\",\"-\"\n\"OTHER\",\"Another\",\"EQ\",\
                    \"Face Value Split From Rs 10/- To Re 1/-\",\"10\",\"-\",\"-\",\"01-Jan-2025\",\"04-Jan-2025\"\n";
    for choice in [0, 2] {
        write("corporate_actions", &format!("download_{choice}"), &[&[choice], download.as_bytes()].concat())?;
    }
    write("csv", "udiff", &udiff)?;
    write("csv", "quoted", download.as_bytes())?;
    write("csv", "doubled", b"\"a \"\"b\"\", c\" , d,\"\"\r\n\r\n \ne\"f,\"g\"h\n")
}

fn containers(market: &GeneratedMarket) -> io::Result<()> {
    // A zip of a whole generated day is beyond a seed: these describe small ones (`container::described`).
    let text = head(market, Dataset::Bhavcopy, "2001-06-01")?;
    let member = |choice: u8, headers: &[u8]| {
        let length = (text.len() as u16).to_le_bytes();
        [&[0, choice][..], headers, &length, &text, &[0]].concat()
    };
    write("container", "stored", &member(0, &[]))?;
    write("container", "deflated", &member(16, &[]))?;
    write("container", "encrypted", &member(2, &[1, 0]))?;
    write("container", "link", &[&member(32, &[])[..], &[0xff, 0xa1]].concat())?;
    write("container", "named", &member(0x41, b"../a.csv"))?;
    write("container", "zip64", &[&member(0, &[])[..text.len() + 4], &[0x3e, 0xff, 0xff]].concat())?;
    write("container", "plain", &text)
}

fn messages() -> io::Result<()> {
    let date = "2024-07-08".parse().expect("a date");
    let (dataset, exchange) = (Dataset::Bhavcopy, Exchange::Nse);
    let sha256 = Sha256::of(b"x");
    let observed_at = champion_proto::parse_instant("at", "2024-07-08T18:00:00.000001Z").expect("an instant");
    let artifact = ArtifactRef { key: "staged/x.arrow".to_owned(), sha256, bytes: 1, rows: 2 };
    let counts = RowCounts { rows_in: 3, published: 2, quarantined: 1, filtered: 0 };
    let raw = RawArtifact { artifact: artifact.clone(), dataset, exchange, trade_date: date, observed_at };
    let quarantine =
        QuarantineArtifact { artifact: artifact.clone(), dataset, exchange, trade_date: date, source_sha256: sha256 };
    let table = Table::NormalizedEquityOhlc;
    let staged = StagedArtifact {
        artifact: artifact.clone(),
        table,
        exchange,
        trade_date: date,
        source_sha256: sha256,
        counts,
        observed_at,
    };
    let curated = CuratedArtifact {
        artifact: artifact.clone(),
        table,
        exchange,
        trade_date: date,
        source_sha256: sha256,
        version: 1,
        observed_at,
    };
    let all = [
        wire::ArtifactRef::from(artifact).encode_to_vec(),
        wire::RawArtifact::from(raw).encode_to_vec(),
        wire::QuarantineArtifact::from(quarantine).encode_to_vec(),
        wire::RowCounts::from(counts).encode_to_vec(),
        wire::StagedArtifact::from(staged).encode_to_vec(),
        wire::CuratedArtifact::from(curated).encode_to_vec(),
    ];
    for (choice, bytes) in (0_u8..).zip(all) {
        write("messages", &format!("message_{choice}"), &[&[choice], bytes.as_slice()].concat())?;
    }
    let reference = wire::Reference {
        key: "curated/normalized_equity_ohlc/exchange=nse/year=2024/month=07/2024-07-08.parquet".to_owned(),
        sha256: sha256.to_string(),
    };
    write("messages", "message_18", &[&[18], reference.encode_to_vec().as_slice()].concat())?;
    let staged_key = format!("staged/normalized_equity_ohlc/nse/2024-07-08/{sha256}-d1.arrow");
    write("messages", "name_key", &[&[0xff], staged_key.as_bytes()].concat())?;
    write("messages", "name_instant", b"\xff2024-07-08T18:00:00.000001+05:30")?;
    write("messages", "name_date", b"\xff2024-07-08")
}

fn requests() -> io::Result<()> {
    write(
        "http_request",
        "load",
        b"database=champion&query=INSERT%20INTO%20t%20FORMAT%20Native&decompress=1&query_id=a&async_insert=0\n\
          x-clickhouse-user:default\ncontent-encoding:zstd\naccept-encoding:lz4, gzip;q=0.5",
    )?;
    write(
        "http_request",
        "session",
        b"session_id=s&session_timeout=60&session_check=1&close_session=1&param_a=1&wait_end_of_query=1&extremes=1\n\
          authorization:Basic ZGVmYXVsdDpzZWNyZXQ=\norigin:http://localhost:1\nx-clickhouse-format:JSON",
    )?;
    for choice in 0..Coding::COUNT {
        let body = pack(b"SELECT symbol, close FROM prices FORMAT JSON\n", Coding::of(choice));
        write("http_body", &format!("coding_{choice}"), &[&[choice], body.as_slice()].concat())?;
    }
    for (name, text) in [
        ("select", "SELECT a, `b``c`, \"d\" FROM t WHERE e = 'x''y\\'' -- c\nFORMAT JSON SETTINGS f = 1"),
        ("insert", "INSERT INTO db.t (a, b) SETTINGS s = 'FORMAT CSV' FORMAT RowBinary \r\n\u{1}\u{2}"),
        ("values", "INSERT INTO t VALUES (1, 'file(', now()), (2, $x$ ' $x$)"),
        ("file", "(1, $a$ ' $a$, file('/etc/passwd'), ' $a$)"),
        ("create", "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a /* b /* c */ d */"),
    ] {
        write("sql", name, &[&[20], text.as_bytes()].concat())?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let market = GeneratedMarket::new(7, 0);
    files(&market)?;
    containers(&market)?;
    messages()?;
    requests()
}
