//! An exchange on loopback that answers as scripted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use futures::stream;

/// What the exchange does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A whole answer.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: Bytes },
    /// 200 with a tag and a date, or 304 to who has that tag.
    Tagged { etag: &'static str, body: Bytes },
    /// 200 and the given part of the announced bytes, then the connection is closed.
    CutOff { announced: usize, body: Bytes },
    /// 200, the given bytes, and then nothing more, for ever.
    Hang { body: Bytes },
    /// 200 and one byte every few milliseconds, for ever.
    Drip,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) at: Instant,
}

#[derive(Debug, Default)]
struct Script {
    replies: VecDeque<Reply>,
    seen: Vec<Seen>,
}

/// A running exchange.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

impl Exchange {
    pub(crate) async fn start() -> Self {
        let script = Arc::<Mutex<Script>>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    /// Sets the replies to come, in order; the last one is repeated.
    pub(crate) fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().expect("no panic while held").replies = replies.into_iter().collect();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.lock().expect("no panic while held").seen.clone()
    }

    /// The requests that went to the host of the files.
    pub(crate) fn seen_by_the_archive(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path.contains("nsearchives")).collect()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let reply = {
        let mut script = script.lock().expect("no panic while held");
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        script.seen.push(Seen { path, headers: request.headers().clone(), at: Instant::now() });
        if script.replies.len() > 1 { script.replies.pop_front() } else { script.replies.front().cloned() }
    };
    let has = request.headers().get(http::header::IF_NONE_MATCH).cloned();
    match reply.unwrap_or_else(|| status(404, "<html>not found</html>")) {
        Reply::Whole { status, headers, body } => {
            let response = headers
                .iter()
                .fold(Response::builder().status(status), |response, (name, value)| response.header(*name, value));
            response.body(Body::from(body)).expect("a valid response")
        }
        Reply::Tagged { etag, body } => {
            let unchanged = has.is_some_and(|tag| tag == etag);
            let response = Response::builder().status(if unchanged { 304 } else { 200 }).header("etag", etag);
            let response = response.header("last-modified", "Mon, 24 Feb 2025 12:05:00 GMT");
            response.body(if unchanged { Body::empty() } else { Body::from(body) }).expect("a valid response")
        }
        Reply::CutOff { announced, body } => {
            let broken = stream::iter([Ok(body), Err(std::io::Error::other("cut off"))]);
            let response = Response::builder().header("content-length", announced);
            response.body(Body::from_stream(broken)).expect("a valid response")
        }
        Reply::Hang { body } => {
            let hanging = stream::iter([Ok::<_, Infallible>(body)]).chain(stream::pending());
            Response::new(Body::from_stream(hanging))
        }
        Reply::Drip => {
            let dripping = stream::unfold((), |()| async {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
            });
            Response::new(Body::from_stream(dripping))
        }
    }
}

pub(crate) fn file(body: impl Into<Bytes>) -> Reply {
    Reply::Whole { status: 200, headers: vec![("etag", "\"v1\"".to_owned())], body: body.into() }
}

pub(crate) fn tagged(etag: &'static str, body: impl Into<Bytes>) -> Reply {
    Reply::Tagged { etag, body: body.into() }
}

pub(crate) fn status(status: u16, body: &'static str) -> Reply {
    Reply::Whole { status, headers: vec![("content-type", "text/html".to_owned())], body: Bytes::from(body) }
}

pub(crate) fn with_header(status: u16, name: &'static str, value: &str) -> Reply {
    Reply::Whole { status, headers: vec![(name, value.to_owned())], body: Bytes::new() }
}
