//! `champion sources`: the hosts that are asked, and whether one is silent.

use champion_proto::scraper::v1::{ListSourcesRequest, ResetSourceRequest, SourceState};
use comfy_table::{Cell, Color, Table};
use serde_json::{Value, json};

use crate::args::Place;
use crate::render::{harmless, say, say_json, table};

/// Shows every source.
///
/// # Errors
/// Fails when the scraper cannot be reached.
pub(crate) async fn list(place: &Place, scraper: Option<String>) -> anyhow::Result<()> {
    let sources = ask(place, scraper).await?;
    if place.json {
        say_json(json!({"sources": sources.iter().map(to_json).collect::<Vec<_>>()}));
        return Ok(());
    }
    say(drawn(&sources));
    for line in sources.iter().flat_map(explained) {
        say(&line);
    }
    Ok(())
}

/// Closes a source's circuit breaker and forgets its block and wait.
///
/// # Errors
/// Fails when the scraper cannot be reached or knows no such source.
pub(crate) async fn reset(place: &Place, scraper: Option<String>, source: String) -> anyhow::Result<()> {
    let request = ResetSourceRequest { source, operator: operator() };
    let state = place.sources(scraper)?.reset_source(request).await?.into_inner().source.unwrap_or_default();
    if place.json {
        say_json(to_json(&state));
    } else {
        say(format!(
            "{}: the circuit breaker is {}; the next request goes to {}",
            state.source, state.breaker, state.host
        ));
    }
    Ok(())
}

/// Returns every source.
///
/// # Errors
/// Fails when the scraper cannot be reached.
pub(crate) async fn ask(place: &Place, scraper: Option<String>) -> anyhow::Result<Vec<SourceState>> {
    Ok(place.sources(scraper)?.list_sources(ListSourcesRequest {}).await?.into_inner().sources)
}

/// Tells whether a person should look at a source.
pub(crate) fn is_troubled(state: &SourceState) -> bool {
    let silent = [&state.blocked_until, &state.not_before].into_iter().any(|text| !text.is_empty());
    silent || state.breaker != "closed" || !state.shared
}

/// Says what keeps a source silent, one line each.
pub(crate) fn explained(state: &SourceState) -> Vec<String> {
    let SourceState { source, host, blocked_until, blocked_reason, not_before, retry_at, .. } = state;
    let mut lines = Vec::new();
    if !blocked_until.is_empty() {
        let why = harmless(blocked_reason);
        lines.push(format!("{source}: {host} has blocked us until {blocked_until}: {why}"));
    } else if !retry_at.is_empty() {
        let of = format!("{} of {} requests failed", state.window_failures, state.window_calls);
        lines.push(format!("{source}: {of}; {host} is not asked until {retry_at}"));
    }
    if !not_before.is_empty() {
        lines.push(format!("{source}: {host} wants no request before {not_before}"));
    }
    if !state.shared {
        lines.push(format!("{source}: the register in the lake is out of reach; this scraper keeps its own pace"));
    }
    if is_troubled(state) {
        lines.push(format!("{source}: once the cause is gone: champion sources reset {source}"));
    }
    lines
}

fn drawn(sources: &[SourceState]) -> Table {
    let headers = [
        "source",
        "host",
        "breaker",
        "failures",
        "pace",
        "blocked until",
        "not before",
        "last success",
        "last failure",
    ];
    let mut drawn = table(&headers, &[], Vec::new());
    let colour = std::env::var_os("NO_COLOR").is_none();
    for state in sources {
        let text = |text: &str| Cell::new(if text.is_empty() { "–" } else { text });
        let breaker = Cell::new(&state.breaker);
        let shade = match state.breaker.as_str() {
            "closed" => Color::Green,
            "half_open" => Color::Yellow,
            _ => Color::Red,
        };
        let pace = match state.requests_per_second {
            0.0 => "unlimited".to_owned(),
            pace => format!("{pace}/s"),
        };
        drawn.add_row([
            Cell::new(&state.source),
            Cell::new(&state.host),
            if colour { breaker.fg(shade) } else { breaker },
            Cell::new(format!("{} of {}", state.window_failures, state.window_calls)),
            Cell::new(pace),
            text(&state.blocked_until),
            text(&state.not_before),
            text(&state.last_success_at),
            text(&state.last_failure_at),
        ]);
    }
    drawn
}

/// One source as JSON; instants are null where there is none.
pub(crate) fn to_json(state: &SourceState) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let rate = match state.window_calls {
        0 => 0.0,
        calls => f64::from(state.window_failures) / f64::from(calls),
    };
    json!({
        "source": state.source,
        "host": state.host,
        "breaker": state.breaker,
        "window_calls": state.window_calls,
        "window_failures": state.window_failures,
        "failure_rate": rate,
        "opened_at": text(&state.opened_at),
        "retry_at": text(&state.retry_at),
        "blocked_until": text(&state.blocked_until),
        "blocked_reason": text(&state.blocked_reason),
        "not_before": text(&state.not_before),
        "requests_per_second": state.requests_per_second,
        "last_success_at": text(&state.last_success_at),
        "last_failure_at": text(&state.last_failure_at),
        "shared": state.shared,
        "last_reset_at": text(&state.last_reset_at),
        "last_reset_by": text(&state.last_reset_by),
    })
}

/// Names who types, for the log.
fn operator() -> String {
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> SourceState {
        let text = str::to_owned;
        SourceState {
            source: text("nse_archive"),
            host: text("nsearchives.nseindia.com"),
            breaker: text("closed"),
            shared: true,
            ..SourceState::default()
        }
    }

    #[test]
    fn a_source_that_works_is_nothing_to_talk_about() {
        assert!(!is_troubled(&closed()) && explained(&closed()).is_empty());
    }

    #[test]
    fn promise_14_the_operator_reads_since_when_and_why_a_host_is_silent_and_what_to_do() {
        let blocked = SourceState {
            breaker: "open".to_owned(),
            blocked_until: "2025-03-20T12:10:00.000Z".to_owned(),
            blocked_reason: "403: access is restricted\u{1b}[2J".to_owned(),
            ..closed()
        };
        let lines = explained(&blocked);
        assert!(lines[0].contains("until 2025-03-20T12:10:00.000Z: 403: access is restricted"), "{lines:?}");
        assert!(!lines[0].contains('\u{1b}'), "a page does not reach the terminal");
        assert!(lines[1].ends_with("champion sources reset nse_archive"), "{lines:?}");
        let text = drawn(&[blocked]).to_string();
        assert!(text.contains("open") && text.contains("unlimited"), "{text}");
    }

    #[test]
    fn the_share_of_failures_stands_in_the_json() {
        let state = SourceState { window_calls: 8, window_failures: 4, ..closed() };
        let json = to_json(&state);
        assert_eq!((json["failure_rate"].as_f64(), json["opened_at"].is_null()), (Some(0.5), true));
    }
}
