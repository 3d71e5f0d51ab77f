//! Waiting for something to become true, with a deadline and without fixed sleeps.

use std::time::{Duration, Instant};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks again and again until there is something to see.
///
/// # Panics
/// When the deadline passes first; the message names what was waited for.
pub fn wait_until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
