//! `champion metrics-demo`: drives a running stack of one machine through success and every kind of trouble, so that each
//! panel and each alert can be seen alive.
//!
//! Trouble is made at the exchange mirror only. Every rule the demo sets is bounded in number and lifted again, however the
//! demo ends.

mod breaker;
mod drive;
mod figures;
mod mirror;
mod report;
mod sessions;
mod step;

use std::time::{Duration, Instant};

use anyhow::Context;
use champion_market_data::Dataset;
use champion_service::Shutdown;

use crate::args::Place;
use crate::exit::Exit;
use mirror::Mirror;
use report::Report;
use sessions::Sessions;
pub use step::Step;

/// Options of `champion metrics-demo`.
#[derive(Debug, clap::Args)]
pub struct MetricsDemoArguments {
    /// How many times the steps are gone through
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Begin new rounds until this time has passed, such as 90s, 15m or 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "rounds")]
    pub lasting: Option<Duration>,
    /// Only this step; may be given several times
    #[arg(long, value_enum, value_name = "STEP")]
    pub only: Vec<Step>,
}

/// The help behind the options.
pub const HELP: &str = "Needs `champion up` with its generated market. Trouble is made at the exchange mirror of that stack, \
never at an exchange: without a mirror, or when the scraper asks somebody else, the command ends with exit code 2. All fault \
rules it sets are removed at the end, also after Ctrl-C. A round takes as long as the circuit breaker stays open \
(CHAMPION_SCRAPER__BREAKER__OPEN_SECONDS, 60 by default) and some seconds.

Exit codes: 0 every step ended as expected, 1 a step did not, 2 there is no mirror, 4 the stack does not answer, 130 interrupted";

/// What the steps work with.
struct Demo<'a> {
    place: &'a Place,
    mirror: Mirror,
    sessions: Sessions,
    report: Report,
}

/// Goes through the steps and says what they left in the metrics.
///
/// # Errors
/// Fails when the stack cannot be reached or a step does not end as it has to.
pub(crate) async fn run(place: &Place, options: MetricsDemoArguments) -> anyhow::Result<Exit> {
    let shutdown = Shutdown::on_signals();
    let report = Report::new(place.json);
    let endpoints = match place.stack()? {
        Some(endpoints) => endpoints,
        None => {
            eprintln!("champion: no stack runs on {}; start one with `champion up`", place.data.display());
            return Ok(Exit::Unreachable);
        }
    };
    let foreign =
        place.orchestrator.as_deref().filter(|url| endpoints.grpc_url("orchestrator").as_deref() != Some(*url));
    let Some(mirror) = endpoints.http_url("exchange-mirror").filter(|_| foreign.is_none()) else {
        eprintln!("champion: {}", refusal(foreign));
        return Ok(Exit::Usage);
    };
    let before = figures::read(&endpoints).await?;
    let mut demo = Demo { place, mirror: Mirror::new(&mirror)?, sessions: Sessions::default(), report };
    let ended = tokio::select! {
        ended = demo.rounds(&options) => ended,
        () = shutdown.cancelled() => Ok(Exit::Interrupted),
    };
    let tidy = demo.tidy_up().await;
    let exit = ended?;
    tidy?;
    let after = figures::read(&endpoints).await?;
    demo.report.end(exit, &figures::changes(&before, &after));
    Ok(exit)
}

fn refusal(foreign: Option<&str>) -> String {
    match foreign {
        Some(url) => format!("metrics-demo drives the stack of --data only, and {url} is not its orchestrator"),
        None => {
            "this stack has no exchange mirror, and metrics-demo makes trouble at a mirror only, never at an exchange; \
                 start a stack with `champion up`"
                .to_owned()
        }
    }
}

impl Demo<'_> {
    async fn rounds(&mut self, options: &MetricsDemoArguments) -> anyhow::Result<Exit> {
        if !self.asks_the_mirror().await? {
            eprintln!(
                "champion: the scraper of this stack does not ask the stack's exchange mirror (see its [source] settings); \
                 nothing was done to it"
            );
            return Ok(Exit::Usage);
        }
        let began = Instant::now();
        let mut round = 0;
        loop {
            round += 1;
            self.report.round(round, (options.lasting.is_none()).then_some(options.rounds));
            for step in Step::all().filter(|step| options.only.is_empty() || options.only.contains(step)) {
                self.report.begin(step);
                let began = Instant::now();
                self.take(step).await.with_context(|| format!("step {}", step.name()))?;
                self.report.done(step, began.elapsed());
            }
            let over = options.lasting.map_or(round >= options.rounds, |lasting| began.elapsed() >= lasting);
            if over {
                return Ok(Exit::Done);
            }
        }
    }

    /// Brings one session in as always and looks whether the mirror was asked for it: only then are faults set.
    async fn asks_the_mirror(&mut self) -> anyhow::Result<bool> {
        let date = self.sessions.next(self.place).await?;
        let dataset = Dataset::Bhavcopy;
        self.close_breaker().await?;
        let day = drive::run(self.place, dataset, date, drive::Mode::Plain).await?;
        if !self.mirror.was_asked(&dataset.report(date).path).await? {
            return Ok(false);
        }
        self.report.ran(&day);
        day.expect("present").context("is it the generated market? the demo needs `champion up` without --archive")?;
        self.complete(date, &[dataset]).await?;
        Ok(true)
    }

    /// Lifts every rule of the demo and closes the breaker if it is not closed.
    async fn tidy_up(&mut self) -> anyhow::Result<()> {
        self.mirror.lift_all().await.context("the demo's fault rules may still be in force at the exchange mirror")?;
        self.close_breaker().await
    }
}

/// Reads `90s`, `15m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text:?} is no duration: expected a number and s, m or h, such as 15m");
    let unit = text.chars().last().ok_or_else(expected)?;
    let number: u64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(expected)?;
    let seconds = match unit {
        's' => number.checked_mul(1),
        'm' => number.checked_mul(60),
        'h' => number.checked_mul(3600),
        _ => None,
    };
    seconds.map(Duration::from_secs).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        for wrong in ["", "s", "15", "1d", "-1m", "1.5m", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_stack_without_a_mirror_is_refused_in_words() {
        assert!(refusal(None).contains("never at an exchange"));
        assert!(refusal(Some("http://10.0.0.1:50055")).contains("10.0.0.1"));
    }
}
