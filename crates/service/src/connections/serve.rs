//! Serving connections: each is watched for silence, idleness, age and the stop.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt, service_fn};
use tracing::debug;

use super::activity::{Activity, Answer, Counted};
use super::metrics::{Closed, ConnectionMetrics};
use super::port::{Accepted, Limits, Port};
use super::transport::Transport;

/// Bytes of the HTTP/2 preface and the head of the frame that has to follow it.
const PREFACE_BYTES: u64 = 24 + 9;
/// How long a connection that was asked to end has for it.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// Health and reflection: whoever watches a service's health for ever keeps no work out.
const PROBES: &str = "/grpc.";

/// What is spoken on a port.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) http: Builder<TokioExecutor>,
    /// HTTP/2: the connection has begun with its preface; else with its first request.
    pub(crate) has_preface: bool,
    /// Age at which a connection takes no new calls.
    pub(crate) max_age: Option<Duration>,
}

/// How a port's connections are told of the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// No new connection and no new request.
    pub(crate) drain: CancellationToken,
    /// What is still open breaks.
    pub(crate) cut: CancellationToken,
}

/// Serves a port until it is drained and its last connection has ended.
pub(crate) async fn serve<T, S, B>(mut port: Port, protocol: Protocol, transport: T, service: S, stop: Stop)
where
    T: Transport,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (tasks, limits, metrics) = (TaskTracker::new(), port.limits, port.metrics.clone());
    loop {
        let accepted = tokio::select! {
            () = stop.drain.cancelled() => break,
            accepted = port.accept() => accepted,
        };
        let (protocol, transport, service) = (protocol.clone(), transport.clone(), service.clone());
        let connection = Connection { protocol, limits, metrics: metrics.clone(), stop: stop.clone() };
        tasks.spawn(connection.run(accepted, transport, service));
    }
    // Nobody waits in the queue of a port that takes no more.
    drop(port);
    tasks.close();
    tasks.wait().await;
}

struct Connection {
    protocol: Protocol,
    limits: Limits,
    metrics: ConnectionMetrics,
    stop: Stop,
}

/// How a connection ended.
enum End {
    ByItself,
    Cut,
    Closed(Closed),
}

impl Connection {
    async fn run<T, S, B>(self, accepted: Accepted, transport: T, service: S)
    where
        T: Transport,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Accepted { stream, slot, spare } = accepted;
        self.metrics.open.inc();
        let handshake = tokio::time::timeout(self.limits.handshake, transport.open(stream));
        let end = tokio::select! {
            () = slot.displaced.cancelled() => End::Closed(Closed::Displaced),
            () = self.stop.drain.cancelled() => End::Cut,
            opened = handshake => match opened {
                Err(_) => End::Closed(Closed::Silent),
                Ok(None) => End::Closed(Closed::Handshake),
                Ok(Some((io, info))) => self.watch(&slot.activity, &slot.displaced, io, info, service).await,
            },
        };
        if let End::Closed(reason) = end {
            self.metrics.closed(reason);
        }
        self.metrics.open.dec();
        drop(slot);
        if let Some(spare) = spare {
            spare.refill();
        }
    }

    async fn watch<I, N, S, B>(
        &self,
        activity: &std::sync::Arc<Activity>,
        displaced: &CancellationToken,
        io: I,
        info: N,
        service: S,
    ) -> End
    where
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        N: Clone + Send + Sync + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let io = TokioIo::new(Counted::new(io, activity.clone()));
        let requests = activity.clone();
        let handler = service_fn(move |mut request: Request<Incoming>| {
            let in_progress = requests.begin(!request.uri().path().starts_with(PROBES));
            request.extensions_mut().insert(info.clone());
            let answer = service.clone().oneshot(request);
            async move { Ok::<_, Infallible>(answer.await?.map(|body| Answer::new(body, in_progress))) }
        });
        let mut connection = pin!(self.protocol.http.serve_connection(io, TowerToHyperService::new(handler)));
        let aged = async {
            match self.protocol.max_age {
                Some(age) => tokio::time::sleep(age).await,
                None => std::future::pending().await,
            }
        };
        let mut aged = pin!(aged);
        let (mut has_aged, mut drains) = (false, false);
        let mut closing: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let check = match closing {
                Some(at) if now >= at => return End::Closed(Closed::Idle),
                Some(at) => Some(at),
                None => match self.next_look(activity, now) {
                    Look::At(at) => at,
                    Look::Silent => return End::Closed(Closed::Silent),
                    Look::Idle => {
                        connection.as_mut().graceful_shutdown();
                        closing = Some(now + CLOSE_GRACE);
                        continue;
                    }
                },
            };
            let look = async {
                match check {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        debug!(error, "connection ended");
                    }
                    return if closing.is_some() { End::Closed(Closed::Idle) } else { End::ByItself };
                }
                () = displaced.cancelled() => return End::Closed(Closed::Displaced),
                () = self.stop.cut.cancelled() => return End::Cut,
                () = self.stop.drain.cancelled(), if !drains => {
                    drains = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = aged.as_mut(), if !has_aged => {
                    has_aged = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = look => {}
            }
        }
    }

    fn next_look(&self, activity: &Activity, now: Instant) -> Look {
        let has_begun = activity.begun() > 0 || self.protocol.has_preface && activity.bytes() >= PREFACE_BYTES;
        if !has_begun {
            let at = activity.opened() + self.limits.handshake;
            return if now >= at { Look::Silent } else { Look::At(Some(at)) };
        }
        match (self.limits.idle, activity.idle_since()) {
            (None, _) => Look::At(None),
            // A request in progress now may end at any time; the connection is then idle for as long at the least.
            (Some(idle), None) => Look::At(Some(now + idle)),
            (Some(idle), Some(since)) if now >= since + idle => Look::Idle,
            (Some(idle), Some(since)) => Look::At(Some(since + idle)),
        }
    }
}

/// What a look at a connection says.
enum Look {
    /// Look again then, or never.
    At(Option<Instant>),
    Silent,
    Idle,
}
