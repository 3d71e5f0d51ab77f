//! ClickHouse's HTTP interface: `/ping`, and statements at `/`.

mod auth;
mod parameters;
mod respond;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request as HttpRequest, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use champion_service::{HttpGuard, HttpRefusal};
use http::{HeaderMap, Method, StatusCode, header};
use rand::RngExt;
use tokio::sync::oneshot;
use tracing::{Instrument, Span, field, info_span};

use crate::body::{BodyLimits, BodyReader, open};
use crate::config::{AuthSection, LimitsSection};
use crate::engine::lock;
use crate::exception::{Code, Exception};
use crate::execute::{Job, Shared};
use crate::pool::Pool;
use crate::request::Request;
use parameters::Fields;
use respond::Responder;

/// The methods of the interface; all but the last two only read.
pub(crate) const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::PUT];

/// What every request of the interface uses.
pub(crate) struct Interface {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Pool,
    pub(crate) auth: AuthSection,
    pub(crate) limits: LimitsSection,
    pub(crate) guard: HttpGuard,
    pub(crate) running: Arc<Mutex<HashSet<String>>>,
}

/// Returns the routes.
pub(crate) fn router(interface: Arc<Interface>) -> Router {
    let statements = get(statement).post(statement).put(statement);
    Router::new()
        .route("/ping", get(|| async { "Ok.\n" }))
        .route("/replicas_status", get(|| async { "Ok.\n" }))
        .route("/", statements)
        .fallback(unknown)
        // Bodies have bounds of their own (`limits.*`).
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&interface), admit))
        .with_state(interface)
}

/// Refuses what is for another server or was sent by a page of another site, before anything of it is read, in the form of
/// ClickHouse's errors.
async fn admit(State(interface): State<Arc<Interface>>, request: HttpRequest, next: Next) -> Response {
    match interface.guard.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal @ HttpRefusal::Method(..)) => refusal.into_response(),
        Err(refusal) => {
            let error = Exception::new(Code::ACCESS_DENIED, &refusal);
            interface.shared.metrics.refused(error.code());
            let mut response = Responder::new(&interface.shared, new_tag()).exception(&error);
            *response.status_mut() = refusal.status();
            response
        }
    }
}

async fn unknown(request: HttpRequest) -> (StatusCode, String) {
    let text = format!(
        "There is no handle {}\n\nUse / or /ping for health checks.\nSend queries with POST /.\n",
        request.uri().path()
    );
    (StatusCode::NOT_FOUND, text)
}

/// Frees a query id when its request ends.
struct RunningId {
    running: Arc<Mutex<HashSet<String>>>,
    id: String,
}

impl Drop for RunningId {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.id);
    }
}

async fn statement(State(interface): State<Arc<Interface>>, request: HttpRequest) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && request.uri().query().is_none_or(str::is_empty)
        && !has_body(request.headers())
    {
        return Response::new(Body::from("Ok.\n"));
    }
    let span = span_of(request.headers());
    let in_progress = interface.shared.metrics.in_progress.clone();
    in_progress.inc();
    let _in_progress = OnDrop(move || in_progress.dec());
    let response = run(&interface, request).instrument(span.clone()).await;
    span.record("db.response.status_code", response.status().as_u16());
    response
}

/// Opens the server span of a request that belongs to a trace.
///
/// A request without a caller's trace gets none: the collector writes spans into this warehouse, and a span for each of
/// its writes would be written in turn, without end.
fn span_of(headers: &HeaderMap) -> Span {
    let Some(parent) = headers.get("traceparent").and_then(|value| value.to_str().ok()) else { return Span::none() };
    let span = info_span!(
        "warehouse query",
        otel.kind = "server",
        otel.status_code = field::Empty,
        db.system.name = "clickhouse",
        db.namespace = field::Empty,
        db.collection.name = field::Empty,
        db.operation.name = field::Empty,
        db.operation.batch.size = field::Empty,
        db.response.status_code = field::Empty,
        error.type = field::Empty,
        clickhouse.query_id = field::Empty,
    );
    champion_telemetry::context::set_parent(&span, parent);
    span
}

/// Calls a function when it is dropped, on every way out of a future.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

async fn run(interface: &Interface, http: HttpRequest) -> Response {
    let mut responder = Responder::new(&interface.shared, new_tag());
    let fields = match Fields::of(&http, interface.limits.parameters) {
        Ok(fields) => fields,
        Err(error) => return responder.exception(&error),
    };
    if let Err(error) = auth::check(&interface.auth, http.headers(), &fields) {
        interface.shared.metrics.refused(error.code());
        return responder.exception(&error);
    }
    match answer(interface, http, fields, &mut responder).await {
        Ok(response) => response,
        Err(error) => responder.exception(&error),
    }
}

async fn answer(
    interface: &Interface,
    http: HttpRequest,
    fields: Fields,
    responder: &mut Responder<'_>,
) -> Result<Response, Exception> {
    let refused = |error: Exception| {
        interface.shared.metrics.refused(error.code());
        error
    };
    let (request, body) = read(interface, http, fields).await.map_err(refused)?;
    responder.about(&request.query_id, request.answer_coding);
    let span = Span::current();
    span.record("clickhouse.query_id", &request.query_id);
    span.record("db.namespace", request.database.as_deref().unwrap_or("default"));
    let running = RunningId { running: Arc::clone(&interface.running), id: request.query_id.clone() };
    if !lock(&interface.running).insert(request.query_id.clone()) {
        std::mem::forget(running);
        let text = format!("Query with id = {} is already running", request.query_id);
        return Err(refused(Exception::new(Code::QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING, text)));
    }
    let (ticket, cancel) = interface.pool.ticket();
    let (reply, answer) = oneshot::channel();
    let job = Job { request, body, ticket, tag: responder.tag().to_owned(), reply, span };
    let shared = Arc::clone(&interface.shared);
    let task = move || {
        job.run(&shared);
        drop(running);
    };
    interface.pool.submit(Box::new(task)).map_err(refused)?;
    let answer = answer.await.map_err(|_| Exception::from_engine("the statement's thread failed"))??;
    Ok(responder.answer(answer, cancel))
}

/// Reads what a request says; a form is read whole, another body as far as it is short.
async fn read(
    interface: &Interface,
    http: HttpRequest,
    mut fields: Fields,
) -> Result<(Request, BodyReader), Exception> {
    let limits =
        BodyLimits { bytes: interface.limits.body_bytes, idle: Duration::from_secs(interface.limits.idle_seconds) };
    let method = http.method().clone();
    let headers = http.headers().clone();
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"multipart/form-data"));
    let body = if is_form {
        let form = Multipart::from_request(http, &()).await;
        let form =
            form.map_err(|error| Exception::new(Code::INCORRECT_DATA, format!("Cannot read the form: {error}")))?;
        fields.add_form(form, interface.limits.query_bytes, limits.idle).await?;
        BodyReader::whole(bytes::Bytes::new())
    } else {
        open(http.into_body(), limits).await?
    };
    Ok((fields.into_request(&method, &headers)?, body))
}

/// Reads what a request without a form says in its URL and its headers.
///
/// # Errors
///
/// As [`Fields::of`] and [`Fields::into_request`].
pub(crate) fn request_of(http: &HttpRequest, most: usize) -> Result<Request, Exception> {
    Fields::of(http, most)?.into_request(http.method(), http.headers())
}

/// Sixteen random lower-case letters, as ClickHouse marks an error inside an answer.
fn new_tag() -> String {
    let mut random = rand::rng();
    (0..16).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}
