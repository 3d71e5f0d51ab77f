//! The mirror's own URLs, which no exchange has: `/__fault`, `/__requests`, `/__sessions`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use super::Mirror;
use crate::answer::Answer;
use crate::fault;
use crate::report::Query;

/// `GET` lists the rules, `POST` adds one or a list, `DELETE` clears them, or those of one `path` when it is given.
pub(crate) async fn faults(
    State(mirror): State<Arc<Mirror>>,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    match method {
        Method::GET => {}
        Method::DELETE => match Query::parse(&query.unwrap_or_default()).get("path") {
            Some(path) => mirror.faults.forget(path),
            None => mirror.faults.clear(),
        },
        Method::POST => match fault::parse(&body) {
            Ok(rules) => mirror.faults.add(rules),
            Err(error) => return refused(StatusCode::BAD_REQUEST, &format!("not a fault rule: {error}"), &method),
        },
        _ => return refused(StatusCode::METHOD_NOT_ALLOWED, "GET, POST or DELETE", &method),
    }
    Answer::json(StatusCode::OK, &json!({ "rules": mirror.faults.list() })).into_http(&method)
}

/// `GET` returns counts and log, of the URLs that contain `path` when it is given; `DELETE` forgets them.
pub(crate) async fn requests(State(mirror): State<Arc<Mirror>>, method: Method, RawQuery(query): RawQuery) -> Response {
    match method {
        Method::GET => {}
        Method::DELETE => mirror.log.clear(),
        _ => return refused(StatusCode::METHOD_NOT_ALLOWED, "GET or DELETE", &method),
    }
    let query = Query::parse(&query.unwrap_or_default());
    Answer::json(StatusCode::OK, &mirror.log.to_json(query.get("path").unwrap_or_default())).into_http(&method)
}

/// `DELETE` ends every session, as the site does after minutes or hours.
pub(crate) async fn sessions(State(mirror): State<Arc<Mirror>>, method: Method) -> Response {
    if method != Method::DELETE {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "DELETE", &method);
    }
    mirror.visitors.forget();
    Answer::json(StatusCode::OK, &json!({})).into_http(&method)
}

fn refused(status: StatusCode, reason: &str, method: &Method) -> Response {
    Answer::json(status, &json!({ "error": reason })).into_http(method)
}
