//! The exchange mirror's own URLs: fault rules and the log of requests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use champion_market_data::{Dataset, TradeDate};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

/// Answers a rule spoils at most: a demo that is killed leaves nothing that lasts.
const MOST_ANSWERS: u64 = 40;
/// The mirror is a process of this machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The mirror of the stack, and what the demo has set there.
#[derive(Debug)]
pub(super) struct Mirror {
    control: Control,
    /// Paths of the rules that were sent, noted before they are.
    set: Mutex<Vec<String>>,
    /// Rules on their way: an interrupted demo lifts them when they have arrived.
    sending: TaskTracker,
}

/// The mirror's control URLs.
#[derive(Debug, Clone)]
struct Control {
    client: Client,
    url: String,
}

impl Mirror {
    /// Makes a client of the mirror at a URL.
    ///
    /// # Errors
    /// Fails when no HTTP client can be made.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let agent = concat!("champion/", env!("CARGO_PKG_VERSION"));
        let client = Client::builder().timeout(TIMEOUT).user_agent(agent).no_proxy().build()?;
        let control = Control { client, url: url.to_owned() };
        Ok(Self { control, set: Mutex::default(), sending: TaskTracker::new() })
    }

    /// Spoils a day's file of a dataset; `more` are further fields of the rule.
    ///
    /// # Errors
    /// Fails when the mirror does not take the rule.
    pub(super) async fn spoil(&self, dataset: Dataset, date: TradeDate, kind: &str, more: Value) -> anyhow::Result<()> {
        for report in dataset.reports(date) {
            self.noted().push(report.path.clone());
            let mut rule = json!({"path": report.path, "kind": kind, "count": MOST_ANSWERS});
            if let (Some(rule), Value::Object(more)) = (rule.as_object_mut(), &more) {
                rule.extend(more.clone());
            }
            let control = self.control.clone();
            let sent = async move { control.ask(Method::POST, "/__fault", &[], Some(rule.to_string())).await };
            self.sending.spawn(sent).await??;
        }
        Ok(())
    }

    /// Lifts every rule the demo has set, and no other.
    ///
    /// # Errors
    /// Fails when the mirror cannot be reached or keeps one.
    pub(super) async fn lift_all(&self) -> anyhow::Result<()> {
        self.sending.close();
        self.sending.wait().await;
        self.sending.reopen();
        // A rule is forgotten when it is gone, so that a lift that is interrupted can be repeated.
        loop {
            let next = self.noted().last().cloned();
            let Some(path) = next else { return Ok(()) };
            let answer = self.control.ask(Method::DELETE, "/__fault", &[("path", &path)], None).await?;
            let left = answer["rules"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule["path"] == *path));
            ensure!(!left, "the mirror keeps its rule for {path}: remove it with DELETE {}/__fault", self.control.url);
            self.noted().retain(|noted| *noted != path);
        }
    }

    fn noted(&self) -> MutexGuard<'_, Vec<String>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether the mirror has been asked for a path.
    ///
    /// # Errors
    /// Fails when the mirror cannot be reached.
    pub(super) async fn was_asked(&self, path: &str) -> anyhow::Result<bool> {
        let answer = self.control.ask(Method::GET, "/__requests", &[("path", path)], None).await?;
        Ok(answer["total"].as_u64().is_some_and(|total| total > 0))
    }
}

impl Control {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> anyhow::Result<Value> {
        let request = self.client.request(method, format!("{}{path}", self.url)).query(query);
        let request = body.into_iter().fold(request, reqwest::RequestBuilder::body);
        let answer =
            request.send().await.with_context(|| format!("the exchange mirror at {} does not answer", self.url))?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "the exchange mirror answers {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("what answers at {} is no exchange mirror", self.url))
    }
}
