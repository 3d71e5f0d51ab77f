//! Services die and the warehouse goes away; the result is as if nothing had happened.

use std::time::Duration;

use champion_e2e::Fleet;
use champion_e2e::chaos::{self, Undisturbeds};
use champion_e2e::cut_off::cut_off;
use champion_e2e::gate::Gate;

/// `make chaos` does ten times as many.
const RUNS: u64 = 4;
const KILLS: usize = 5;
const SEED: u64 = 20_240_708;

#[test]
fn promise_01_whatever_is_killed_whenever_the_result_is_that_of_an_undisturbed_run() {
    let mut undisturbed = Undisturbeds::default();
    let mut reports = Vec::new();
    for number in 0..RUNS {
        let plan = chaos::plan(SEED, number, KILLS);
        reports.push(chaos::run(&plan, undisturbed.of(plan.range)));
    }
    chaos::print(&reports);
}

#[test]
fn promise_06_a_backfill_outlives_a_warehouse_that_is_cut_off_without_help_and_in_bounded_memory() {
    let found = cut_off(30, Duration::from_secs(6));
    eprintln!("{found:?}");
}

#[test]
fn promise_05_replies_that_are_lost_after_the_commit_add_no_row() {
    let arguments = ["backfill", "bhavcopy", "--from", "2024-07-30", "--to", "2024-08-02"];
    let wanted = {
        let fleet = Fleet::builder().start();
        let _ = fleet.champion(&arguments).expect_code(0);
        fleet.content()
    };
    let gate = Gate::open();
    let fleet = Fleet::builder().gate(&gate).start();
    // The warehouse takes rows and ledger entries, and the loader never hears of it.
    gate.swallow_replies("INSERT INTO", 4);
    let _ = fleet.champion(&arguments).expect_code(0);
    assert_eq!(gate.swallowed(), 4, "the fault did not happen");
    fleet.content().expect_equal(&wanted, &fleet, "lost replies");
}
