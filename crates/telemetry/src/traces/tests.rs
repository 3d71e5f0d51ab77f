//! The exporter against collectors that work, refuse and say nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{Registry, TextEncoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::exporter;
use super::queue::{self, SpanCounts};
use super::settings::{Batch, Export, Protocol};

const SPANS: usize = 5_000;
/// What the spans of a busy minute may cost the program, on a machine that does other things as well.
const COST: Duration = Duration::from_secs(1);
const BATCH: Batch = Batch { queue: 256, size: 64, delay: Duration::from_millis(10) };

struct Traced {
    provider: SdkTracerProvider,
    registry: Registry,
}

fn traced(protocol: Protocol, address: SocketAddr) -> Traced {
    let endpoint = match protocol {
        Protocol::Grpc => format!("http://{address}"),
        Protocol::HttpProtobuf => format!("http://{address}/v1/traces"),
    };
    let target = Export { protocol, endpoint, timeout: Duration::from_millis(300) };
    let (counts, registry) = (SpanCounts::new(), Registry::new());
    counts.register(&registry).unwrap();
    let processor = queue::processor(exporter::build(&target).unwrap(), BATCH, &counts);
    Traced { provider: SdkTracerProvider::builder().with_span_processor(processor).build(), registry }
}

impl Traced {
    fn trace(&self, spans: usize) -> Duration {
        let tracer = self.provider.tracer("test");
        let begun = Instant::now();
        for _ in 0..spans {
            drop(tracer.start("work"));
        }
        begun.elapsed()
    }

    async fn stop(&self, deadline: Duration) -> Duration {
        let (provider, begun) = (self.provider.clone(), Instant::now());
        let _ = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(deadline)).await.unwrap();
        begun.elapsed()
    }

    /// (exported, queue_full, export_failed)
    fn counts(&self) -> (u64, u64, u64) {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let value = |series: &str| {
            let line = text.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("{series}: {text}"));
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        (
            value("champion_telemetry_spans_exported_total"),
            value("champion_telemetry_spans_dropped_total{reason=\"queue_full\"}"),
            value("champion_telemetry_spans_dropped_total{reason=\"export_failed\"}"),
        )
    }
}

async fn refused() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Accepts every connection, reads, and never answers.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
        }
    });
    address
}

async fn a_useless_collector_costs_nothing(protocol: Protocol, address: SocketAddr) {
    let traced = traced(protocol, address);
    let cost = traced.trace(SPANS);
    assert!(cost < COST, "{SPANS} spans took {cost:?}");
    let deadline = Duration::from_secs(2);
    let stop = traced.stop(deadline).await;
    assert!(stop < deadline + Duration::from_secs(1), "the stop took {stop:?}");
    let (exported, queue_full, _) = traced.counts();
    assert_eq!(exported, 0);
    assert!(queue_full > 0, "a queue of {} cannot hold {SPANS} spans", BATCH.queue);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_grpc_collector_costs_nothing() {
    a_useless_collector_costs_nothing(Protocol::Grpc, refused().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_grpc_collector_costs_nothing() {
    a_useless_collector_costs_nothing(Protocol::Grpc, silent().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_http_collector_costs_nothing() {
    a_useless_collector_costs_nothing(Protocol::HttpProtobuf, refused().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_http_collector_costs_nothing() {
    a_useless_collector_costs_nothing(Protocol::HttpProtobuf, silent().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_cannot_be_exported_are_counted() {
    let traced = traced(Protocol::HttpProtobuf, refused().await);
    traced.trace(10);
    traced.stop(Duration::from_secs(5)).await;
    assert_eq!(traced.counts(), (0, 0, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_over_http_receives_what_was_traced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let traced = traced(Protocol::HttpProtobuf, listener.local_addr().unwrap());
    let collector = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"work") {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&request).into_owned()
    });
    traced.trace(3);
    let request = collector.await.unwrap();
    assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("application/x-protobuf"), "{request}");
    traced.stop(Duration::from_secs(5)).await;
    assert_eq!(traced.counts(), (3, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_over_grpc_receives_what_was_traced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let traced = traced(Protocol::Grpc, listener.local_addr().unwrap());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let collector = tonic::transport::Server::builder().add_service(collector::AcceptAll).serve_with_incoming(incoming);
    let collector = tokio::spawn(collector);
    traced.trace(3);
    traced.stop(Duration::from_secs(5)).await;
    assert_eq!(traced.counts(), (3, 0, 0));
    collector.abort();
}

mod collector {
    //! A collector that takes everything and keeps nothing.

    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http::{Request, Response};
    use tonic::body::Body;
    use tonic::server::{Grpc, NamedService};
    use tonic_prost::ProstCodec;
    use tower::Service;

    #[derive(Clone)]
    pub(super) struct AcceptAll;

    impl NamedService for AcceptAll {
        const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
    }

    impl Service<Request<Body>> for AcceptAll {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            // The empty message decodes from any bytes and is a valid answer: everything accepted.
            let accept = tower::service_fn(async |_: tonic::Request<()>| Ok(tonic::Response::new(())));
            Box::pin(async move { Ok(Grpc::new(ProstCodec::<(), ()>::default()).unary(accept, request).await) })
        }
    }
}
