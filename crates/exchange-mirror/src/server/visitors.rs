//! Sessions of the site: who has fetched a page lately.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Name of the cookie.
const COOKIE: &str = "session";
/// Sessions remembered at most; the oldest leave.
const MOST: usize = 10_000;

/// The sessions in force.
#[derive(Debug)]
pub(crate) struct Visitors {
    lifetime: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    issued: u64,
    since: HashMap<String, Instant>,
}

impl Visitors {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, state: Mutex::default() }
    }

    /// Begins a session and returns its `Set-Cookie` value. The path is `/`, since a base URL may hold the host's name.
    pub(crate) fn welcome(&self) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.issued += 1;
        let token = format!("{:016x}", state.issued.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if state.since.len() >= MOST
            && let Some(oldest) = state.since.iter().min_by_key(|(_, since)| **since).map(|(token, _)| token.clone())
        {
            state.since.remove(&oldest);
        }
        state.since.insert(token.clone(), Instant::now());
        format!("{COOKIE}={token}; Path=/; Max-Age={}; HttpOnly", self.lifetime.as_secs())
    }

    /// Tells whether a `Cookie` header holds a session in force.
    pub(crate) fn knows(&self, cookies: &str) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let token = cookies.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE);
        let since = token.and_then(|(_, token)| state.since.get(token));
        since.is_some_and(|since| since.elapsed() < self.lifetime)
    }

    /// Ends every session.
    pub(crate) fn forget(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).since.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_holds_until_it_ends_or_is_forgotten() {
        let visitors = Visitors::new(Duration::from_secs(60));
        let cookie = visitors.welcome();
        let cookie = format!("other=1; {}", cookie.split(';').next().expect("a pair"));
        assert!(visitors.knows(&cookie) && !visitors.knows("session=1"));
        visitors.forget();
        assert!(!visitors.knows(&cookie));
        let short = Visitors::new(Duration::ZERO);
        assert!(!short.knows(&short.welcome()));
    }
}
