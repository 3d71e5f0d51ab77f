"""Circuit breakers: which source is asked, which is left alone, and what that costs."""

from __future__ import annotations

from .dashboard import Band, Dashboard
from .limits import Limits
from .palette import BLUE, BREAKER, BREAKER_STATES, GREEN, NEVER, NONE_WANTED, ORANGE, RED, YELLOW, steps
from .panel import Query, bargauge, stat, state_timeline, timeseries
from .promql import HOUR, RANGE, SCRAPER, age, count, newest, share
from .tables import Column, table

STATE = newest("circuit_breaker_state", "source")
REQUESTS, FAILURES = "champion_source_requests_total", "circuit_breaker_failures_total"
TRANSITIONS = "circuit_breaker_state_transitions_total"
FAILED = 'outcome="failure"'


def build(limits: Limits) -> Dashboard:
    """Returns the dashboard."""
    return Dashboard(
        uid="champion-circuit-breaker",
        title="Champion · Circuit breaker",
        description="The state of each source's breaker, why it changed, and how long no file came because of it.",
        tags=["circuit-breaker"],
        bands=[
            Band(
                5,
                [
                    (
                        10,
                        stat(
                            "State now",
                            "Closed: asked as usual. Half-open: a few requests try whether it is well again. "
                            "Open: not asked.",
                            [Query(STATE, "{{source}}")],
                            mappings=BREAKER,
                            thresholds=BREAKER_STATES,
                            fill=True,
                            alerts=["CircuitBreakerOpened"],
                        ),
                    ),
                    (
                        14,
                        state_timeline(
                            "State over time",
                            "The state of each breaker; red is time in which its source was not asked.",
                            [Query(STATE, "{{source}}")],
                            mappings=BREAKER,
                            thresholds=BREAKER_STATES,
                            alerts=["CircuitBreakerOpened"],
                        ),
                    ),
                ],
            ),
            Band(8, _failures(limits), "Failures"),
            Band(8, _transitions(), "Transitions"),
        ],
    )


def _failures(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    window = limits.breaker_window
    return [
        (
            8,
            timeseries(
                "Failures within the alert's window",
                f"Failures that counted against the source in the {window} "
                "before each point; the line is where CircuitBreakerHighFailureRate begins, below the breaker's own "
                "limit.",
                [Query(count(FAILURES, "source", window), "{{source}}")],
                decimals=0,
                step=True,
                thresholds=steps(GREEN, (limits.breaker_failures, RED)),
                alerts=["CircuitBreakerHighFailureRate"],
            ),
        ),
        (
            8,
            timeseries(
                "Failure rate by source",
                "Failed requests out of all attempts at the exchange in the hour before.",
                [Query(share(count(REQUESTS, "source", HOUR, FAILED), count(REQUESTS, "source", HOUR)), "{{source}}")],
                unit="percentunit",
                decimals=1,
                maximum=1,
            ),
        ),
        (
            8,
            bargauge(
                "Requests by source",
                "Attempts at the exchange in the time chosen, by how they ended.",
                [Query(count(REQUESTS, "source, outcome", RANGE), "{{source}} {{outcome}}")],
                decimals=0,
            ),
        ),
    ]


def _transitions() -> list[tuple[int, dict[str, object]]]:
    opened = count(TRANSITIONS, "source", RANGE, 'to_state="open"')
    return [
        (
            9,
            timeseries(
                "Transitions an hour",
                "Changes of state in the hour before, over all sources chosen.",
                [Query(count(TRANSITIONS, "from_state, to_state", HOUR), "{{from_state}} → {{to_state}}")],
                decimals=0,
                step=True,
                colours={
                    "^closed → open": RED,
                    "half_open → open": ORANGE,
                    "→ half_open": YELLOW,
                    "half_open → closed": GREEN,
                    "^open → closed": BLUE,
                },
            ),
        ),
        (
            9,
            table(
                "Sources",
                "Each source in the time chosen: its state, how often it was asked and how often that failed.",
                {"source": "source"},
                [
                    Column("state", STATE, mappings=BREAKER, thresholds=BREAKER_STATES, paint="text"),
                    Column("requests", count(REQUESTS, "source", RANGE), decimals=0),
                    Column(
                        "failed",
                        count(REQUESTS, "source", RANGE, FAILED),
                        decimals=0,
                        thresholds=NONE_WANTED,
                        paint="text",
                    ),
                    Column(
                        "share",
                        share(count(REQUESTS, "source", RANGE, FAILED), count(REQUESTS, "source", RANGE)),
                        "percentunit",
                        1,
                    ),
                    Column("counted", count(FAILURES, "source", RANGE), decimals=0),
                    Column("opened", opened, decimals=0, thresholds=NONE_WANTED, paint="text"),
                ],
            ),
        ),
        (
            6,
            stat(
                "Last file",
                "How long ago a file was last downloaded: what an open breaker costs.",
                [Query(age("nse_scraper_last_successful_scrape_timestamp", "scraper", SCRAPER), "{{scraper}}")],
                unit="s",
                decimals=0,
                mappings=NEVER,
                alerts=["NoDataIngested"],
            ),
        ),
    ]
