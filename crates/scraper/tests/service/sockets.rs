//! What only a bare socket does: bytes that no HTTP library sends, connections that nobody may open.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use champion_market_data::{Calendar, TradeDate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tonic::Code;

use crate::exchange::with_header;
use crate::harness::{DATE, NOON, full_bhavcopy, request, start, start_with};

/// Listens on a free port and returns its URL.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    (listener, url)
}

/// Reads the head of a request.
async fn read_head(socket: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    Ok(())
}

#[tokio::test]
async fn promise_12_a_chunk_that_is_none_and_a_body_that_is_short_are_asked_again_and_never_kept() {
    let body = full_bhavcopy("24-Feb-2025");
    let half = &body[..body.len() / 2];
    let bad_chunk = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{half}\r\nnot a chunk size\r\n",
        half.len()
    );
    let short = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{half}", body.len());
    for answer in [bad_chunk, short] {
        let (listener, url) = listen().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                if read_head(&mut socket).await.is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                    let _ = socket.write_all(answer.as_bytes()).await;
                }
            }
        });
        let scraper = start_with(NOON, |config| config.source.mirror = url).await;
        let refused = scraper.refused("full_bhavcopy", DATE).await;
        assert_eq!((refused.class.as_str(), refused.retryable), ("truncated", true));
        assert_eq!(asked.load(Ordering::Relaxed), 4, "asked again as often as configured");
        assert!(scraper.raw_keys().await.is_empty());
    }
}

#[tokio::test]
async fn promise_16_a_call_given_up_by_its_caller_closes_the_socket() {
    let (listener, url) = listen().await;
    let scraper = start_with(NOON, |config| {
        config.source.mirror = url;
        config.limits.progress_window_seconds = 60.0;
        config.limits.fetch_seconds = 60.0;
    })
    .await;
    let (began, asked) = oneshot::channel();
    let exchange = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await?;
        read_head(&mut socket).await?;
        let _ = began.send(());
        // Never answers; the read ends when the other side lets go of the connection.
        tokio::time::timeout(Duration::from_secs(5), socket.read_u8())
            .await
            .map_err(|_| io::Error::other("the connection stayed open"))?
            .map_or_else(|_| Ok(()), |byte| Err(io::Error::other(format!("another byte: {byte}"))))
    });
    let mut client = scraper.client.clone();
    let call = tokio::spawn(async move { client.fetch(request("full_bhavcopy", DATE)).await });
    asked.await.expect("the exchange is asked");
    call.abort();
    exchange.await.expect("no panic").expect("the socket is closed");
}

#[tokio::test]
async fn promise_18_a_hundred_jobs_against_a_dead_host_stay_within_the_retry_budget() {
    let (listener, url) = listen().await;
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            drop(socket);
        }
    });
    let scraper = start_with(NOON, |config| {
        config.source.mirror = url;
        config.limits.fetch_seconds = 30.0;
        // The breaker alone would end it after five.
        config.breaker.window = 1_000;
        config.breaker.min_calls = 1_000;
    })
    .await;
    let calendar = Calendar::nse();
    let first: TradeDate = "2024-08-01".parse().expect("a date");
    let last: TradeDate = "2025-03-01".parse().expect("a date");
    let sessions = first.through(last).filter(|date| calendar.kind(*date).has_session() == Some(true)).take(100);
    let jobs = sessions.map(|date| {
        let mut client = scraper.client.clone();
        async move { client.fetch(request("bhavcopy", &date.to_string())).await }
    });
    let outcomes = futures::future::join_all(jobs).await;
    assert_eq!(outcomes.len(), 100);
    for outcome in outcomes {
        assert_eq!(outcome.expect_err("nobody is there").code(), Code::Unavailable);
    }
    let attempts = attempts.load(Ordering::Relaxed);
    assert!((100..=120).contains(&attempts), "{attempts} attempts with a budget of 0.2");
}

#[tokio::test]
async fn promise_28_a_redirect_elsewhere_is_refused_before_connecting() {
    let (listener, url) = listen().await;
    let port = listener.local_addr().expect("bound").port();
    for to in [
        format!("{url}/report.csv"),
        format!("http://localhost:{port}/report.csv"),
        format!("//127.0.0.1:{port}/report.csv"),
        format!("https://127.0.0.1:{port}/report.csv"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let scraper = start().await;
        scraper.exchange.replies([with_header(302, "location", &to)]);
        let began = Instant::now();
        let refused = scraper.refused("full_bhavcopy", DATE).await;
        assert_eq!((refused.class.as_str(), refused.retryable), ("redirected", false), "{to}: {}", refused.reason);
        assert!(began.elapsed() < Duration::from_secs(2), "{to}");
        assert_eq!(scraper.exchange.seen().len(), 1, "{to}");
        assert!(scraper.raw_keys().await.is_empty());
    }
    let connection = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(connection.is_err(), "nobody may connect");
}
