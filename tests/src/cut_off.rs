//! The warehouse is cut off in the midst of a backfill.

use std::sync::Arc;
use std::time::{Duration, Instant};

use champion_market_data::{Calendar, TradeDate};

use crate::content::files_below;
use crate::fleet::Fleet;
use crate::gate::Gate;
use crate::wait::wait_until;

/// The first session: the first official day of the newest form.
const FIRST: &str = "2024-07-08";
/// Most memory of each service between lake and warehouse, in MiB; a month of sessions is some 30 MiB.
const MOST_MIB: u64 = 512;

/// What happened.
#[derive(Debug)]
pub struct CutOff {
    /// The whole backfill, the time without a warehouse included.
    pub took: Duration,
    /// Highest memory of the services, in MiB.
    pub peaks: Vec<(&'static str, u64)>,
}

/// Runs a backfill, takes the warehouse away for a time, and checks that nothing is lost and nobody had to help.
///
/// # Panics
/// When the run fails, the content is not that of the undisturbed run, or a service takes too much memory.
#[must_use]
pub fn cut_off(sessions: usize, away: Duration) -> CutOff {
    let to = session_number(sessions);
    let arguments = ["backfill", "bhavcopy", "--from", FIRST, "--to", &to, "--json"];
    let wanted = {
        let fleet = Fleet::builder().start();
        let _ = fleet.champion(&arguments).expect_code(0);
        fleet.content()
    };
    let gate = Gate::open();
    // The number of attempts alone would give up at once: what holds the run is the patience with the warehouse.
    let attempts = "CHAMPION_ORCHESTRATOR__STAGES__CLICKHOUSE_LOADER__ATTEMPTS";
    let fleet = Fleet::builder().gate(&gate).variable_of("orchestrator", attempts, "1").start();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| fleet.champion(&arguments));
        wait_until("the first month to be written", Duration::from_secs(120), || {
            let written = files_below(fleet.lake(), "curated").len();
            (written > 0).then_some(())
        });
        cut(&gate, away);
        assert!(!run.is_finished(), "the run did not wait for the warehouse");
        gate.reopen();
        let _ = run.join().expect("the command runs").expect_code(0);
    });
    let took = began.elapsed();
    fleet.content().expect_equal(&wanted, &fleet, "the warehouse was cut off");
    let peaks = ["clickhouse-loader", "orchestrator", "parquet-writer"].map(|name| (name, fleet.peak_mib(name)));
    for (name, mib) in peaks {
        assert!(mib <= MOST_MIB, "{name} took {mib} MiB");
    }
    CutOff { took, peaks: peaks.to_vec() }
}

/// Closes the gate and keeps it closed.
fn cut(gate: &Arc<Gate>, away: Duration) {
    gate.close();
    std::thread::sleep(away);
}

/// Returns the date of the n-th session, from 1.
fn session_number(number: usize) -> String {
    let (first, calendar) = (FIRST.parse::<TradeDate>().expect("a fixed date"), Calendar::nse());
    let far = TradeDate::from_ymd(2026, 12, 31).expect("a fixed date");
    let mut sessions = first.through(far).filter(|date| calendar.kind(*date).has_session() == Some(true));
    sessions.nth(number - 1).expect("so many sessions").to_string()
}
