//! Tests of the circuit breaker.

use proptest::prelude::*;

use super::*;

const OPEN_FOR: Duration = Duration::from_secs(60);

fn breaker() -> Breaker {
    Breaker::new(BreakerConfig::default())
}

fn call(breaker: &mut Breaker, outcome: Outcome, now: Instant) {
    let permit = breaker.try_acquire(now).expect("the breaker lets the call through");
    breaker.record(permit, outcome, now);
}

fn opened(now: Instant) -> Breaker {
    let mut breaker = breaker();
    for _ in 0..5 {
        call(&mut breaker, Outcome::Failure, now);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn five_failures_open_it_and_four_do_not() {
    let now = Instant::now();
    let mut breaker = breaker();
    for _ in 0..4 {
        call(&mut breaker, Outcome::Failure, now);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    call(&mut breaker, Outcome::Failure, now);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn promise_17_a_source_that_fails_every_second_time_opens_it_within_its_window() {
    let now = Instant::now();
    let mut breaker = breaker();
    let mut calls = 0;
    while breaker.state() == BreakerState::Closed {
        call(&mut breaker, if calls % 2 == 0 { Outcome::Failure } else { Outcome::Success }, now);
        calls += 1;
        assert!(calls <= 10, "still closed after {calls} calls");
    }
}

#[test]
fn a_source_that_fails_now_and_then_never_opens_it() {
    let now = Instant::now();
    let mut breaker = breaker();
    for call_number in 0..1000 {
        call(&mut breaker, if call_number % 3 == 2 { Outcome::Failure } else { Outcome::Success }, now);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn promise_17_an_open_breaker_rejects_in_less_than_a_millisecond() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let began = Instant::now();
    for _ in 0..10_000 {
        assert!(breaker.try_acquire(now).is_err());
    }
    assert!(began.elapsed() < Duration::from_secs(10), "10,000 rejections took {:?}", began.elapsed());
}

#[test]
fn an_open_breaker_rejects_and_says_for_how_long() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + Duration::from_secs(20);
    let rejected = breaker.try_acquire(later).expect_err("open");
    assert_eq!(rejected, Rejected { state: BreakerState::Open, retry_after: Duration::from_secs(40) });
}

#[test]
fn promise_17_half_open_lets_k_probes_through_and_closes_after_k_successes() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + OPEN_FOR;
    let first = breaker.try_acquire(later).expect("the first probe");
    let second = breaker.try_acquire(later).expect("the second probe");
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(breaker.try_acquire(later).is_err(), "a third probe");
    breaker.record(first, Outcome::Success, later);
    assert!(breaker.try_acquire(later).is_err(), "one success and one probe out are both permits");
    breaker.record(second, Outcome::Success, later);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn one_failed_probe_opens_it_again() {
    let now = Instant::now();
    let mut breaker = opened(now);
    call(&mut breaker, Outcome::Failure, now + OPEN_FOR);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn promise_17_a_hung_probe_cannot_hold_it_half_open() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let probing = now + OPEN_FOR;
    let hung = [breaker.try_acquire(probing).expect("a probe"), breaker.try_acquire(probing).expect("a probe")];
    let expired = probing + Duration::from_secs(60);
    assert!(breaker.try_acquire(expired).is_err(), "a probe that never answered is a failure");
    assert_eq!(breaker.state(), BreakerState::Open);
    let again = expired + OPEN_FOR;
    call(&mut breaker, Outcome::Success, again);
    for late in hung {
        breaker.record(late, Outcome::Failure, again);
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "the late results belong to an earlier time");
    call(&mut breaker, Outcome::Success, again);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_probe_given_up_by_its_caller_hands_its_permit_back() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + OPEN_FOR;
    for _ in 0..10 {
        call(&mut breaker, Outcome::Unknown, later);
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn a_block_silences_for_its_whole_time_and_a_shorter_one_does_not_cut_it() {
    let now = Instant::now();
    let mut breaker = breaker();
    breaker.force_open(now, Duration::from_secs(600));
    breaker.force_open(now, Duration::from_secs(10));
    assert!(breaker.try_acquire(now + Duration::from_secs(599)).is_err());
    assert!(breaker.try_acquire(now + Duration::from_secs(600)).is_ok());
}

#[test]
fn the_operator_can_close_it() {
    let now = Instant::now();
    let mut breaker = opened(now);
    breaker.reset();
    call(&mut breaker, Outcome::Failure, now);
    assert_eq!(breaker.state(), BreakerState::Closed, "what was seen before is forgotten");
}

#[test]
fn an_operator_sees_what_opened_it_and_when_it_asks_again() {
    let now = Instant::now();
    let mut breaker = breaker();
    call(&mut breaker, Outcome::Success, now);
    for _ in 0..4 {
        call(&mut breaker, Outcome::Failure, now);
    }
    let view = breaker.view(now + Duration::from_secs(20));
    assert_eq!((view.state, view.calls, view.failures), (BreakerState::Open, 5, 4));
    assert_eq!((view.opened_at, view.retry_at), (Some(now), Some(now + OPEN_FOR)));
    let probing = breaker.view(now + OPEN_FOR);
    assert_eq!((probing.state, probing.opened_at, probing.retry_at), (BreakerState::HalfOpen, Some(now), None));
    breaker.reset();
    let closed = breaker.view(now + OPEN_FOR);
    assert_eq!((closed.state, closed.calls, closed.opened_at), (BreakerState::Closed, 0, None));
}

proptest! {
    /// Whatever happens in whatever order: half-open never has more probes out than permits, an open breaker
    /// rejects until its time, and a breaker left alone long enough always lets a call through.
    #[test]
    fn no_history_wedges_it(steps in proptest::collection::vec((0_u8..5, 0_u64..40), 0..300)) {
        let config = BreakerConfig::default();
        let mut breaker = Breaker::new(config);
        let mut now = Instant::now();
        let mut held = Vec::new();
        for (step, pause) in steps {
            now += Duration::from_secs(pause);
            match step {
                0 | 1 => held.extend(breaker.try_acquire(now)),
                2 => held.pop().into_iter().for_each(|permit| breaker.record(permit, Outcome::Failure, now)),
                3 => held.pop().into_iter().for_each(|permit| breaker.record(permit, Outcome::Success, now)),
                _ => held.pop().into_iter().for_each(|permit| breaker.record(permit, Outcome::Unknown, now)),
            }
            if let Phase::HalfOpen { probes, successes } = &breaker.phase {
                prop_assert!(probes.len() + successes <= config.half_open_permits);
            }
        }
        now += config.permit_timeout;
        let _ = breaker.check(now);
        now += config.open_for;
        prop_assert!(breaker.try_acquire(now).is_ok());
    }
}
