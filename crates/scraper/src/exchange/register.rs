//! What all processes on a lake know about a host, as a value: when it may be asked next, and whether it may be at all.
//!
//! Pure: times come in, times go out. [`super::shared`] keeps the value in the lake.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The register of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostRegister {
    /// The first free slot of the pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_slot: Option<DateTime<Utc>>,
    /// The host asked for no request before this time (`Retry-After`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_before: Option<DateTime<Utc>>,
    /// The host has blocked us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<Block>,
    /// Counts what operators reset; a process that sees it grow forgets its own grudges too.
    #[serde(default)]
    pub(crate) resets: u64,
    /// The last reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_reset: Option<Reset>,
}

/// A block of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Block {
    /// When asking goes on.
    pub(crate) until: DateTime<Utc>,
    /// What the host said.
    pub(crate) reason: String,
}

/// A reset by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reset {
    pub(crate) at: DateTime<Utc>,
    pub(crate) by: String,
}

impl HostRegister {
    /// Brings back what lies absurdly far in the future: the clock of the process that wrote it was wrong, or ours is.
    pub(crate) fn capped(mut self, now: DateTime<Utc>, longest: TimeDelta) -> Self {
        let farthest = now + longest;
        self.next_slot = self.next_slot.filter(|slot| *slot <= farthest);
        self.not_before = self.not_before.map(|until| until.min(farthest));
        if let Some(block) = &mut self.block {
            block.until = block.until.min(farthest);
        }
        self
    }

    /// Returns the block in force.
    pub(crate) fn blocked(&self, now: DateTime<Utc>) -> Option<&Block> {
        self.block.as_ref().filter(|block| block.until > now)
    }

    /// Returns the silence the host asked for, if it is still in force.
    pub(crate) fn held(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.not_before.filter(|until| *until > now)
    }

    /// Returns the first slot a request may take.
    pub(crate) fn free_slot(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        [self.next_slot, self.not_before].into_iter().flatten().fold(now, DateTime::max)
    }

    /// Takes slots, one a space; the next free one follows the last.
    pub(crate) fn take(&mut self, now: DateTime<Utc>, spaces: &[TimeDelta]) -> Vec<DateTime<Utc>> {
        let mut slot = self.free_slot(now);
        let mut taken = Vec::with_capacity(spaces.len());
        for space in spaces {
            taken.push(slot);
            slot += *space;
        }
        self.next_slot = Some(slot);
        taken
    }

    /// Notes a block; a longer one that is in force stays.
    pub(crate) fn block(&mut self, until: DateTime<Utc>, reason: &str) {
        if self.block.as_ref().is_none_or(|block| block.until < until) {
            self.block = Some(Block { until, reason: reason.to_owned() });
        }
    }

    /// Notes that the host asked for silence.
    pub(crate) fn hold(&mut self, until: DateTime<Utc>) {
        self.not_before = self.not_before.max(Some(until));
    }

    /// Forgets block and silence; the pace stays.
    pub(crate) fn reset(&mut self, at: DateTime<Utc>, by: &str) {
        self.block = None;
        self.not_before = None;
        self.resets += 1;
        self.last_reset = Some(Reset { at, by: by.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_742_472_000 + second, 0).expect("an instant")
    }

    fn seconds(seconds: i64) -> TimeDelta {
        TimeDelta::seconds(seconds)
    }

    #[test]
    fn slots_follow_each_other_whoever_takes_them() {
        let mut register = HostRegister::default();
        assert_eq!(register.take(at(0), &[seconds(2); 2]), [at(0), at(2)]);
        assert_eq!(register.take(at(1), &[seconds(2)]), [at(4)], "another process, a second later");
        assert_eq!(register.take(at(60), &[seconds(2)]), [at(60)], "what was not used is lost");
    }

    #[test]
    fn promise_15_no_slot_lies_before_the_time_the_host_asked_for() {
        let mut register = HostRegister::default();
        register.hold(at(30));
        register.hold(at(10));
        assert_eq!(register.take(at(0), &[seconds(1); 2]), [at(30), at(31)]);
        assert_eq!((register.held(at(29)), register.held(at(30))), (Some(at(30)), None));
    }

    #[test]
    fn promise_14_a_block_lasts_its_time_and_a_shorter_one_does_not_cut_it() {
        let mut register = HostRegister::default();
        register.block(at(600), "403");
        register.block(at(10), "403 again");
        assert_eq!(register.blocked(at(599)).map(|block| block.reason.as_str()), Some("403"));
        assert_eq!(register.blocked(at(600)), None);
    }

    #[test]
    fn a_time_absurdly_far_away_is_brought_back_to_the_longest_silence() {
        let far = at(12 * 3600);
        let mut register = HostRegister { next_slot: Some(far), ..HostRegister::default() };
        register.hold(far);
        register.block(far, "403");
        let capped = register.capped(at(0), seconds(600));
        assert_eq!(capped.next_slot, None, "nobody takes slots so far ahead");
        assert_eq!(capped.held(at(0)), Some(at(600)));
        assert_eq!(capped.blocked(at(0)).map(|block| block.until), Some(at(600)));
    }

    #[test]
    fn an_operator_clears_block_and_silence_and_every_process_can_tell() {
        let mut register = HostRegister::default();
        register.take(at(0), &[seconds(2)]);
        register.block(at(600), "403");
        register.hold(at(600));
        register.reset(at(5), "meera");
        assert_eq!((register.blocked(at(5)), register.held(at(5)), register.resets), (None, None, 1));
        assert_eq!(register.free_slot(at(0)), at(2), "the pace stays");
    }

    #[test]
    fn a_register_reads_back_and_an_empty_one_is_the_beginning() {
        let mut register = HostRegister::default();
        register.block(at(600), "403");
        let json = serde_json::to_vec(&register).expect("plain data");
        assert_eq!(serde_json::from_slice::<HostRegister>(&json).expect("readable"), register);
        assert_eq!(serde_json::from_str::<HostRegister>("{}").expect("readable"), HostRegister::default());
    }
}
