//! The descriptors a process may have, and what a port may take of them.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Resource, getrlimit};

/// Descriptors that no work port takes: sixteen connections of the admin port, and what the process itself holds open, such
/// as its log, its event loops, the lake's files, the journal and the connections to others.
const RESERVED: usize = 64;
/// Work ports of one process: the collector has two, every other process one.
const WORK_PORTS: usize = 2;
/// A port below this many would be of no use.
const LEAST: usize = 8;

/// Returns how many connections a work port may have by the limit on descriptors; none where there is no limit.
pub(super) fn share() -> Option<usize> {
    getrlimit(Resource::Nofile).current.map(|limit| share_of(usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn share_of(limit: usize) -> usize {
    (limit.saturating_sub(RESERVED) / WORK_PORTS).max(LEAST)
}

/// Descriptors held back, to be given up when a connection comes and the process has none left.
#[derive(Debug)]
pub(super) struct Spare {
    held: Mutex<Vec<File>>,
    most: usize,
}

impl Spare {
    /// Takes as many as there are, up to `most`.
    pub(super) fn new(most: usize) -> Self {
        let spare = Self { held: Mutex::default(), most };
        spare.refill();
        spare
    }

    /// Gives all of them up; false when there was none.
    pub(super) fn release(&self) -> bool {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        !held.is_empty()
    }

    /// Takes back what was given up, as far as there are descriptors.
    pub(super) fn refill(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while held.len() < self.most {
            match File::open("/dev/null") {
                Ok(file) => held.push(file),
                Err(_) => return,
            }
        }
    }
}

/// Tells whether a connection could not be accepted because its caller was gone: the next one may be well.
pub(super) fn is_callers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_leaves_descriptors_for_everything_else() {
        assert_eq!([96, 1_024, 0].map(share_of), [16, 480, 8]);
        assert!(share().is_none_or(|share| share >= LEAST));
    }

    #[test]
    fn what_was_given_up_is_taken_back() {
        let spare = Spare::new(2);
        assert!(spare.release());
        assert!(!spare.release());
        spare.refill();
        assert!(spare.release());
    }
}
