//! An HTTP receiver that keeps what is posted to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use serde_json::Value;

/// A request's path and its JSON.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The path, such as `/slack`.
    pub path: String,
    /// The body.
    pub body: Value,
}

type Store = Arc<Mutex<Vec<Posted>>>;

/// A running receiver on a free port; it lives as long as the test's process.
#[derive(Debug, Clone)]
pub struct Webhook {
    address: SocketAddr,
    store: Store,
}

impl Webhook {
    /// Starts the receiver on a thread of its own.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket of ours");
        let address = listener.local_addr().expect("a bound socket has an address");
        let store = Store::default();
        let app = Router::new().fallback(keep).with_state(Arc::clone(&store));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket of ours");
                axum::serve(listener, app).await.expect("the receiver serves");
            });
        });
        Self { address, store }
    }

    /// Returns the receiver's URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns what was posted to paths that begin so, in the order it came.
    ///
    /// # Panics
    /// When the receiver panicked.
    #[must_use]
    pub fn received(&self, path: &str) -> Vec<Posted> {
        let store = self.store.lock().expect("no holder panics");
        store.iter().filter(|posted| posted.path.starts_with(path)).cloned().collect()
    }
}

/// Answers as PagerDuty does; Slack and the heartbeat look at the status only.
async fn keep(State(store): State<Store>, uri: Uri, body: String) -> &'static str {
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    store.lock().expect("no holder panics").push(Posted { path: uri.path().to_owned(), body });
    r#"{"status": "success"}"#
}
