//! A real process that may open few files, and strangers who take all of them.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic_health::pb::HealthCheckRequest;

use crate::connections::{PREFACE, open};
use crate::process::{Process, minimal_within};
use crate::support::get;

/// Longest time of an answer of the admin port on a busy machine.
const QUICK: Duration = Duration::from_secs(2);
/// Part of a processor that a process without work may take; a loop without a pause takes more than half.
const RESTING: f64 = 0.15;

async fn answer(admin: SocketAddr, path: &str) -> String {
    let (head, body) = timeout(QUICK, get(admin, path)).await.unwrap_or_else(|_| panic!("no answer to {path}"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body
}

fn processor_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// Waits until a process rests: on a busy machine it may still be seeing to those who came, a loop without a pause never ends.
async fn rests(id: u32) {
    let mut share = f64::MAX;
    for _ in 0..10 {
        let (before, begun) = (processor_seconds(id), Instant::now());
        tokio::time::sleep(Duration::from_secs(2)).await;
        share = (processor_seconds(id) - before) / begun.elapsed().as_secs_f64();
        if share < RESTING {
            return;
        }
    }
    panic!("{share} of a processor without work");
}

/// The descriptors a process has open.
fn descriptors(id: u32) -> Vec<u64> {
    let entries = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn promise_38_with_96_descriptors_and_hundreds_of_idle_connections_the_admin_port_answers_and_the_processor_rests()
 {
    let process = Process::start_by(minimal_within(96), &[]);
    let mut client = process.serving().await;
    let (grpc, admin) = (process.address("grpc").await.unwrap(), process.address("admin").await.unwrap());
    let mut crowd = Vec::new();
    for number in 0..300 {
        let words = if number % 2 == 0 { PREFACE } else { b"" };
        // One that is not taken is no fault.
        if let Ok(connection) = timeout(Duration::from_secs(1), open(grpc, words)).await {
            crowd.push(connection);
        }
    }
    rests(process.id()).await;
    for _ in 0..5 {
        assert_eq!(answer(admin, "/livez").await, "ok\n");
        let metrics = answer(admin, "/metrics").await;
        let open = metrics.lines().find_map(|line| line.strip_prefix(r#"champion_connections_open{port="grpc"} "#));
        assert!(open.unwrap().parse::<u64>().unwrap() <= 17, "{metrics}");
        assert!(metrics.contains("process_open_fds"), "{metrics}");
    }
    assert!(descriptors(process.id()).len() < 60, "descriptors are left for work");
    client.check(HealthCheckRequest::default()).await.unwrap();
    process.signal("TERM");
    let (output, _) = process.end().await;
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn promise_38_with_no_descriptor_left_the_admin_port_answers_and_one_line_says_why_others_wait() {
    let process = Process::start(&[]);
    let mut client = process.serving().await;
    let (grpc, admin) = (process.address("grpc").await.unwrap(), process.address("admin").await.unwrap());
    answer(admin, "/livez").await;
    // From now on no descriptor beyond those that are open; what is closed below the limit can be had again.
    let limit = descriptors(process.id()).len();
    let arguments = ["--pid".to_owned(), process.id().to_string(), format!("--nofile={limit}:{limit}")];
    assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
    let mut crowd = Vec::new();
    for _ in 0..100 {
        if let Ok(Ok(connection)) = timeout(Duration::from_secs(1), TcpStream::connect(grpc)).await {
            crowd.push(connection);
        }
    }
    rests(process.id()).await;
    for _ in 0..5 {
        assert_eq!(answer(admin, "/livez").await, "ok\n");
    }
    let metrics = answer(admin, "/metrics").await;
    let failed =
        metrics.lines().find_map(|line| line.strip_prefix(r#"champion_connection_accept_errors_total{port="grpc"} "#));
    let failed: u64 = failed.unwrap().parse().unwrap();
    assert!((1..200).contains(&failed), "{failed} attempts");
    drop(crowd);
    timeout(Duration::from_secs(20), client.check(HealthCheckRequest::default())).await.expect("an answer").unwrap();
    process.signal("TERM");
    let (output, lines) = process.end().await;
    assert_eq!(output.status.code(), Some(0));
    let told = lines.iter().filter(|line| line["message"] == "cannot accept a connection; trying again");
    let told: Vec<_> = told.filter(|line| line["port"] == "grpc").collect();
    assert!((1..4).contains(&told.len()), "{told:#?}");
    assert!(told[0]["error"].as_str().unwrap().contains("open files"), "{told:#?}");
}
