//! A small gRPC service with every behaviour the tests need, and a client for it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use champion_service::channel::{self, ChannelOptions, ServiceChannel};
use champion_service::{Listeners, ServeError, Server, ServerConfig, Shutdown};
use champion_telemetry::Registry;
use http::uri::PathAndQuery;
use http::{Request, Response};
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::Service;
use tracing::info;

/// `test.v1.Echo`: `Say` answers with its text, `Relay` asks the next server, `Fail` fails, `Hang` never answers, `Drip`
/// sends its text and then nothing, `List` sends its words and ends.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    pub(crate) next: Option<ServiceChannel>,
}

impl NamedService for Echo {
    const NAME: &'static str = "test.v1.Echo";
}

pub(crate) const METHODS: [&str; 6] = ["Say", "Relay", "Fail", "Hang", "Drip", "List"];

/// What protobuf's compiler would have written for `Echo`.
pub(crate) fn descriptors() -> &'static [u8] {
    let method = |name: &str| MethodDescriptorProto { name: Some(name.to_owned()), ..Default::default() };
    let service = ServiceDescriptorProto {
        name: Some("Echo".to_owned()),
        method: METHODS.iter().map(|name| method(name)).collect(),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("test/v1/echo.proto".to_owned()),
        package: Some("test.v1".to_owned()),
        service: vec![service],
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec().leak()
}

type Words = Pin<Box<dyn futures::Stream<Item = Result<String, Status>> + Send>>;

impl Echo {
    async fn unary(self, method: String, text: String) -> Result<tonic::Response<String>, Status> {
        info!(text, "echo called");
        match (method.as_str(), self.next) {
            ("Relay", Some(next)) => Ok(tonic::Response::new(call(&next, "Say", &text).await?)),
            ("Fail", _) => Err(Status::data_loss(text)),
            ("Hang", _) => std::future::pending().await,
            _ => Ok(tonic::Response::new(text)),
        }
    }
}

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let echo = self.clone();
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
        Box::pin(async move {
            Ok(match method.as_str() {
                "Say" | "Relay" | "Fail" | "Hang" => {
                    let answer =
                        move |request: tonic::Request<String>| echo.clone().unary(method.clone(), request.into_inner());
                    grpc.unary(tower::service_fn(answer), request).await
                }
                "Drip" | "List" => {
                    let endless = method == "Drip";
                    let answer = move |request: tonic::Request<String>| async move {
                        let words: Vec<_> = request.into_inner().split(' ').map(|word| Ok(word.to_owned())).collect();
                        let words = futures::stream::iter(words);
                        let words: Words = if endless {
                            Box::pin(futures::StreamExt::chain(words, futures::stream::pending()))
                        } else {
                            Box::pin(words)
                        };
                        Ok(tonic::Response::new(words))
                    };
                    grpc.server_streaming(tower::service_fn(answer), request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// A server that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) shutdown: Shutdown,
    task: JoinHandle<Result<(), ServeError>>,
}

pub(crate) async fn start(config: &ServerConfig, echo: Echo) -> Running {
    let listeners = Listeners::bind(config).await.unwrap();
    let (grpc, admin) = (listeners.grpc_addr(), listeners.admin_addr());
    let shutdown = Shutdown::manual();
    let server = Server::new(listeners, Registry::new(), config).add_service(echo).reflection(descriptors());
    let task = tokio::spawn(server.serve(shutdown.clone()));
    Running { grpc, admin, shutdown, task }
}

impl Running {
    pub(crate) fn channel(&self) -> ServiceChannel {
        channel::connect_lazy(&format!("http://{}", self.grpc), &ChannelOptions::default()).unwrap()
    }

    /// Waits for the end and returns how long it took.
    pub(crate) async fn ended(self) -> Duration {
        let begun = Instant::now();
        self.task.await.unwrap().unwrap();
        begun.elapsed()
    }

    pub(crate) async fn metrics(&self) -> String {
        get(self.admin.unwrap(), "/metrics").await.1
    }
}

fn path(method: &str) -> PathAndQuery {
    format!("/test.v1.Echo/{method}").parse().unwrap()
}

pub(crate) async fn call(channel: &ServiceChannel, method: &str, text: &str) -> Result<String, Status> {
    call_within(channel, method, text, None).await
}

pub(crate) async fn call_within(
    channel: &ServiceChannel,
    method: &str,
    text: &str,
    timeout: Option<Duration>,
) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
    let mut request = tonic::Request::new(text.to_owned());
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let response = client.unary(request, path(method), ProstCodec::<String, String>::default()).await?;
    Ok(response.into_inner())
}

pub(crate) async fn stream(channel: &ServiceChannel, method: &str, text: &str) -> Streaming<String> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let request = tonic::Request::new(text.to_owned());
    let codec = ProstCodec::<String, String>::default();
    client.server_streaming(request, path(method), codec).await.unwrap().into_inner()
}

/// Asks over plain HTTP; returns the head and the body.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Waits until the check gives something, at most ten seconds.
pub(crate) async fn wait_for<T, F>(what: &str, check: impl Fn() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let search = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), search).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
