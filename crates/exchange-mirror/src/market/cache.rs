//! Generated bodies kept in memory, the least recently used leaving first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::served::Served;

/// A cache bounded by the bytes of its bodies.
#[derive(Debug)]
pub(crate) struct Cache {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bodies: HashMap<String, (u64, Served)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Returns a body and marks it used.
    pub(crate) fn get(&self, path: &str) -> Option<Served> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let (used, served) = state.bodies.get_mut(path)?;
        *used = now;
        Some(served.clone())
    }

    /// Keeps a body, and lets others go until all fit.
    pub(crate) fn put(&self, path: &str, served: Served) {
        let size = served.bytes.len();
        if size > self.capacity {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        if let Some((_, former)) = state.bodies.insert(path.to_owned(), (now, served)) {
            state.bytes -= former.bytes.len();
        }
        state.bytes += size;
        while state.bytes > self.capacity {
            // A scan over some hundreds of entries costs less than generating one of them.
            let Some(oldest) = state.bodies.iter().min_by_key(|(_, (used, _))| *used).map(|(path, _)| path.clone())
            else {
                break;
            };
            if let Some((_, gone)) = state.bodies.remove(&oldest) {
                state.bytes -= gone.bytes.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_least_recently_used_body_leaves_first() {
        let body = || Served::new(Bytes::from(vec![0; 40]), "text/csv", None);
        let cache = Cache::new(100);
        cache.put("a", body());
        cache.put("b", body());
        assert!(cache.get("a").is_some());
        cache.put("c", body());
        assert!(cache.get("a").is_some() && cache.get("b").is_none() && cache.get("c").is_some());
    }
}
