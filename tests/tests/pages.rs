//! What a web page can reach of a stack on the machine of the person who looks at it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use champion_e2e::Stack;
use serde_json::json;

/// Sends one request as it is and returns the whole answer.
fn raw(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    let length = body.len();
    let request =
        format!("{head}User-Agent: Mozilla/5.0\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[test]
fn promise_33_no_http_port_of_the_stack_answers_a_foreign_page_or_a_foreign_name() {
    let stack = Stack::builder().start();
    let rule = json!({"path": "*", "kind": "not_found", "count": "forever"}).to_string();
    let mut doors = vec![
        ("embedded-warehouse", "http", "GET", "/?query=DROP+DATABASE+champion+SYNC&readonly=0", String::new()),
        ("embedded-warehouse", "http", "POST", "/", "DROP DATABASE champion SYNC".to_owned()),
        ("embedded-warehouse", "http", "GET", "/ping", String::new()),
        ("exchange-mirror", "http", "POST", "/__fault", rule),
        ("exchange-mirror", "http", "DELETE", "/__fault", String::new()),
        ("exchange-mirror", "http", "DELETE", "/__requests", String::new()),
        ("exchange-mirror", "http", "GET", "/__requests", String::new()),
        ("exchange-mirror", "http", "DELETE", "/__sessions", String::new()),
        ("exchange-mirror", "http", "GET", "/www.nseindia.com/", String::new()),
        ("trace-collector", "http", "POST", "/v1/traces", String::new()),
    ];
    let services = stack.services();
    assert_eq!(services.len(), 8, "{services:?}");
    for service in &services {
        for path in ["/metrics", "/livez", "/readyz"] {
            doors.push((service, "admin", "GET", path, String::new()));
        }
    }
    let mut tried = 0;
    for (service, kind, method, path, body) in &doors {
        let address = stack.address(service, kind);
        let own = format!("Host: {address}\r\n");
        for (headers, expected) in [
            ("Host: evil.example\r\n".to_owned(), 421),
            (format!("Host: evil.example:{}\r\n", address.rsplit_once(':').expect("a port").1), 421),
            ("Host: 127.0.0.1.evil.example\r\nSec-Fetch-Site: same-origin\r\n".to_owned(), 421),
            (format!("{own}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n"), 403),
            (format!("{own}Sec-Fetch-Site: same-site\r\n"), 403),
            (format!("{own}Origin: https://evil.example\r\n"), 403),
            (format!("{own}Origin: null\r\n"), 403),
            (format!("{own}Host: evil.example\r\n"), 400),
            (String::new(), 400),
        ] {
            let answer = raw(&address, &format!("{method} {path} HTTP/1.1\r\n{headers}"), body);
            let refused = status(&answer);
            // The warehouse says it in the form of ClickHouse's errors, and HTTP's own rules come first.
            assert!(
                refused == expected || (expected == 400 && refused == 403),
                "{service} {method} {path} {headers}: {answer}"
            );
            assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
            tried += 1;
        }
    }
    // A preflight is no permission, and no admin port takes what could change something.
    for (service, kind) in
        [("embedded-warehouse", "http"), ("exchange-mirror", "http"), ("trace-collector", "http"), ("scraper", "admin")]
    {
        let address = stack.address(service, kind);
        let answer = raw(&address, &format!("OPTIONS / HTTP/1.1\r\nHost: {address}\r\n"), "");
        assert_eq!(status(&answer), 405, "{service}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
    }
    for service in &services {
        let address = stack.address(service, "admin");
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = raw(&address, &format!("{method} /readyz HTTP/1.1\r\nHost: {address}\r\n"), "x");
            assert_eq!(status(&answer), 405, "{service} {method}: {answer}");
        }
    }
    // A browser cannot speak to a gRPC port at all: it takes HTTP/2 only, which browsers speak behind TLS only.
    for service in ["scraper", "parser", "parquet-writer", "clickhouse-loader", "orchestrator", "trace-collector"] {
        let address = stack.address(service, "grpc");
        let answer =
            raw(&address, &format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/grpc\r\n"), "");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{service}: {answer}");
        tried += 1;
    }
    // Nothing has changed, and those who are meant still get their answers.
    assert_eq!(stack.get_from_mirror("/__fault")["rules"], json!([]));
    let _ = stack.champion(&["run", "bhavcopy", "--date", "2024-07-08"]).expect_code(0);
    assert_ne!(stack.value("SELECT count() FROM normalized_equity_ohlc_current"), "0");
    assert!(stack.metrics("scraper").contains("champion_build_info"));
    assert!(tried > 300, "{tried}");
}

/// Reads what every process of this machine was started with.
fn command_lines() -> String {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ") + "\n").collect()
}

fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files_with(&path, text));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.windows(text.len()).any(|window| window == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn promise_33_the_stack_makes_a_password_that_its_services_and_commands_find_and_nobody_else() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let stack = Stack::builder().data(data.path()).variable("RUST_LOG", "debug").start();
    let file = data.path().join("warehouse.password");
    assert_eq!(std::fs::metadata(&file).expect("made").permissions().mode() & 0o777, 0o600);
    let password = stack.warehouse_password().expect("made");
    assert_eq!(password.len(), 64);

    let address = stack.address("embedded-warehouse", "http");
    let ask = |more: &str| {
        let answer = raw(&address, &format!("POST / HTTP/1.1\r\nHost: {address}\r\n{more}"), "SELECT 42");
        (status(&answer), answer.ends_with("42\n"))
    };
    assert_eq!(ask(""), (401, false));
    assert_eq!(ask("X-ClickHouse-Key: wrong\r\n"), (403, false));
    assert_eq!(ask(&format!("X-ClickHouse-User: default\r\nX-ClickHouse-Key: {password}\r\n")), (200, true));

    // Every command that asks the warehouse finds it, also where the URL is given; a warehouse elsewhere never gets it.
    let run = stack.champion(&["run", "bhavcopy", "--date", "2024-07-08"]).expect_code(0);
    assert_eq!(stack.value("SELECT 42"), "42");
    let known = ["as-of", "2030-01-01T00:00Z", "SELECT count() AS n FROM normalized_equity_ohlc_current"];
    let _ = stack.champion(&known).expect_code(0);
    let runs = stack.champion(&["runs", "--json"]).expect_code(0).json();
    let _ = stack.champion(&["trace", runs["runs"][0]["run_id"].as_str().expect("an id")]).expect_code(0);
    let url = format!("http://{address}");
    let _ = stack.champion(&["--warehouse", &url, "query", "SELECT 1"]).expect_code(0);
    let other = format!("http://localhost:{}", address.rsplit_once(':').expect("a port").1);
    let refused = stack.champion(&["--warehouse", &other, "query", "SELECT 1"]);
    assert!(refused.code != 0 && refused.stderr.contains("REQUIRED_PASSWORD"), "{refused:?}");

    assert!(!command_lines().contains(&password), "a process was given the password as an argument");
    let printed = std::process::Command::new(champion_e2e::programs::binary("champion-embedded-warehouse"))
        .arg("--print-config")
        .env("CHAMPION_EMBEDDED_WAREHOUSE__AUTH__PASSWORD", &password)
        .output()
        .expect("it prints its configuration");
    assert!(!String::from_utf8_lossy(&printed.stdout).contains(&password));
    for service in stack.services() {
        assert!(!stack.metrics(&service).contains(&password), "{service}");
    }
    assert!(!run.stdout.contains(&password) && !run.stderr.contains(&password));
    drop(stack);
    assert_eq!(files_with(data.path(), &password), [file.display().to_string()], "the password stands elsewhere too");

    // It stays from start to start, for clients that were told it.
    let stack = Stack::builder().data(data.path()).start();
    assert_eq!(stack.warehouse_password().as_deref(), Some(password.as_str()));
}
