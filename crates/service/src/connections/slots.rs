//! The places of a port.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::activity::Activity;

/// The connections of a port, at most so many.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    connections: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    activity: Arc<Activity>,
    displaced: CancellationToken,
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    pub(super) activity: Arc<Activity>,
    /// Set off when another connection has taken the place.
    pub(super) displaced: CancellationToken,
}

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// Takes a place: a free one, else that of the connection that has been without work for the longest time. None when every
    /// connection has some in progress.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.connections.len() >= self.most && !held.displace() {
            return None;
        }
        let (number, activity, displaced) = (held.next, Activity::new(), CancellationToken::new());
        held.next += 1;
        held.connections.insert(number, Place { activity: activity.clone(), displaced: displaced.clone() });
        Some(Slot { slots: self.clone(), number, activity, displaced })
    }

    /// Ends the connection that has been without work for the longest time; false when there is none.
    pub(super) fn displace(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).displace()
    }
}

impl Held {
    fn displace(&mut self) -> bool {
        // One that has never asked for anything goes before one that has.
        let rank = |place: &Place| -> Option<(bool, Instant)> {
            place.activity.without_work_since().map(|since| (place.activity.begun() > 0, since))
        };
        let idle = self.connections.iter().filter_map(|(number, place)| Some((rank(place)?, *number)));
        let Some(number) = idle.min().map(|(_, number)| number) else { return false };
        if let Some(place) = self.connections.remove(&number) {
            place.displaced.cancel();
        }
        true
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.held.lock().unwrap_or_else(PoisonError::into_inner).connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_port_lets_the_idlest_go_and_none_that_works() {
        let slots = Slots::new(3);
        let (worked, silent, busy) = (slots.take().unwrap(), slots.take().unwrap(), slots.take().unwrap());
        drop(worked.activity.begin(true));
        let call = busy.activity.begin(true);
        let fourth = slots.take().unwrap();
        assert!(silent.displaced.is_cancelled() && !worked.displaced.is_cancelled());
        let of_fourth = fourth.activity.begin(true);
        let fifth = slots.take().unwrap();
        assert!(worked.displaced.is_cancelled() && !busy.displaced.is_cancelled());
        let of_fifth = fifth.activity.begin(true);
        assert!(slots.take().is_none());
        drop((call, of_fourth, of_fifth));
        assert!(slots.take().is_some());
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_has_ended() {
        let slots = Slots::new(1);
        let first = slots.take().unwrap();
        let call = first.activity.begin(true);
        assert!(slots.take().is_none());
        drop((call, first));
        assert!(slots.take().is_some_and(|slot| !slot.displaced.is_cancelled()));
    }
}
