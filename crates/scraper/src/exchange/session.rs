//! Cookies of the guarded API: fetched by visiting a page, renewed at most once a report.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

/// The cookies and how old they are. Their values leave this type towards the exchange only.
#[derive(Debug)]
pub(crate) struct Session {
    cookies: Arc<Cookies>,
    state: Mutex<State>,
    max_age: Duration,
}

/// When the cookies were fetched, and how often.
#[derive(Debug, Default)]
struct State {
    warmed_at: Option<Instant>,
    generation: u64,
}

/// The right to visit the page, held by one fetch at a time; the others wait for its cookies.
pub(crate) struct WarmUp<'a> {
    cookies: &'a Cookies,
    state: MutexGuard<'a, State>,
}

impl Session {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { cookies: Arc::default(), state: Mutex::default(), max_age }
    }

    /// Returns the store for the HTTP client.
    pub(crate) fn cookies(&self) -> Arc<Cookies> {
        Arc::clone(&self.cookies)
    }

    /// Returns the right to warm up when there are no cookies yet or they are too old, and the current generation.
    pub(crate) async fn ensure(&self, now: Instant) -> (Option<WarmUp<'_>>, u64) {
        let state = self.state.lock().await;
        let generation = state.generation;
        let fresh = state.warmed_at.is_some_and(|at| now.saturating_duration_since(at) < self.max_age);
        if fresh { (None, generation) } else { (Some(WarmUp { cookies: &self.cookies, state }), generation + 1) }
    }

    /// Returns the right to warm up after the exchange refused the cookies of a generation; none when another fetch has
    /// renewed them since.
    pub(crate) async fn renew(&self, refused: u64) -> (Option<WarmUp<'_>>, u64) {
        let state = self.state.lock().await;
        let generation = state.generation;
        if generation == refused {
            (Some(WarmUp { cookies: &self.cookies, state }), generation + 1)
        } else {
            (None, generation)
        }
    }
}

impl WarmUp<'_> {
    /// Forgets the old cookies; the page that is visited next sets new ones.
    pub(crate) fn begin(&self) {
        self.cookies.clear();
    }

    /// Notes that the page has been visited.
    pub(crate) fn end(mut self, now: Instant) {
        self.state.warmed_at = Some(now);
        self.state.generation += 1;
    }
}

/// A cookie store that can be emptied.
#[derive(Default)]
pub(crate) struct Cookies(RwLock<Arc<Jar>>);

impl Cookies {
    fn jar(&self) -> Arc<Jar> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }
}

/// Never shows a cookie.
impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookies(********)")
    }
}

impl CookieStore for Cookies {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        self.jar().set_cookies(headers, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.jar().cookies(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cookies_are_fetched_once_and_again_when_they_are_old() {
        let session = Session::new(Duration::from_secs(60));
        let now = Instant::now();
        let (warm_up, generation) = session.ensure(now).await;
        warm_up.expect("there are none yet").end(now);
        assert!(session.ensure(now).await.0.is_none());
        assert_eq!(session.ensure(now).await.1, generation);
        assert!(session.ensure(now + Duration::from_secs(60)).await.0.is_some());
    }

    #[tokio::test]
    async fn of_two_fetches_with_refused_cookies_one_renews_them() {
        let session = Session::new(Duration::from_secs(60));
        let now = Instant::now();
        let (warm_up, generation) = session.ensure(now).await;
        warm_up.expect("there are none yet").end(now);
        let (first, renewed) = session.renew(generation).await;
        first.expect("the first renews").end(now);
        let (second, current) = session.renew(generation).await;
        assert!(second.is_none());
        assert_eq!(current, renewed);
    }

    #[test]
    fn no_cookie_is_ever_shown() {
        let cookies = Cookies::default();
        let url = Url::parse("https://www.nseindia.com/").expect("a URL");
        cookies.set_cookies(&mut [HeaderValue::from_static("nsit=canary")].iter(), &url);
        assert!(cookies.cookies(&url).is_some());
        assert!(!format!("{cookies:?}").contains("canary"));
        cookies.clear();
        assert!(cookies.cookies(&url).is_none());
    }
}
