"""Data quality: what was checked, what failed, and what came of it."""

from __future__ import annotations

from .dashboard import Band, Dashboard
from .limits import Limits
from .palette import BLUE, EITHER_STATE, ENOUGH, GREEN, NONE_IS_BETTER, NONE_WANTED, ORANGE, PLAIN, RED, YELLOW, steps
from .panel import Query, bargauge, gauge, stat, timeseries
from .promql import DATASET, HOUR, RANGE, SCRAPER, count, newest, series, share
from .tables import Column, table

CHECKS, FAILURES = "champion_validation_total", "champion_validation_failures_total"
STOCKS = "champion_stocks_ingested_total"
PARSED = "nse_scraper_rows_parsed_total"


def failure_share(by: str, window: str) -> str:
    """Rows that failed out of all that were validated."""
    return share(count(FAILURES, by, window), count(CHECKS, by, window))


def build(limits: Limits) -> Dashboard:
    """Returns the dashboard."""
    colours = steps(GREEN, (limits.validation_warning, YELLOW), (limits.validation_critical, RED))
    validation = ["HighValidationFailureRate", "CriticalValidationFailureRate"]
    return Dashboard(
        uid="champion-data-quality",
        title="Champion · Data quality",
        description="Rows validated and refused, stocks and corporate actions, files set aside and files corrected.",
        tags=["quality"],
        bands=[
            Band(
                6,
                [
                    (
                        24,
                        gauge(
                            "Validation failure rate by table",
                            "Rows that failed out of all validated in the time chosen. Yellow and "
                            "red begin where the warning and the critical alert do.",
                            [Query(failure_share("table", RANGE), "{{table}}")],
                            unit="percentunit",
                            thresholds=colours,
                            maximum=max(0.25, limits.validation_critical * 1.25),
                            decimals=1,
                            alerts=validation,
                        ),
                    )
                ],
            ),
            Band(4, _totals(limits)),
            Band(
                8,
                [
                    (
                        12,
                        timeseries(
                            "Validation trend",
                            "The share of rows that failed in the hour before each point, with the "
                            "limits of the two alerts.",
                            [Query(failure_share("table", HOUR), "{{table}}")],
                            unit="percentunit",
                            thresholds=colours,
                            decimals=1,
                            alerts=validation,
                        ),
                    ),
                    (
                        12,
                        bargauge(
                            "Failures by type",
                            "Rows that failed in the time chosen, by the rule they broke, or files "
                            "refused whole, by the reason; the eight most frequent.",
                            [Query(f"topk(8, {count(FAILURES, 'failure_type', RANGE)}) > 0", "{{failure_type}}")],
                            decimals=0,
                            thresholds=steps(BLUE, (1, ORANGE)),
                            alerts=["QuarantineAboveThreshold"],
                        ),
                    ),
                ],
                "Validation",
            ),
            Band(7, _by_source(colours)),
            Band(8, _ingested(limits), "What came in"),
        ],
    )


def _totals(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    return [
        (
            4,
            stat(
                "Checks",
                "Rows validated in the time chosen.",
                [Query(count(CHECKS, "", RANGE), "rows")],
                unit="locale",
                decimals=0,
            ),
        ),
        (
            4,
            stat(
                "Rows that failed",
                "Rows that failed validation in the time chosen.",
                [Query(count(FAILURES, "", RANGE), "rows")],
                unit="locale",
                decimals=0,
                thresholds=NONE_IS_BETTER,
            ),
        ),
        (
            8,
            stat(
                "Files set aside",
                "Bodies kept in quarantine because they are not the file that was asked for.",
                [Query(count("champion_files_set_aside_total", "scraper", RANGE, SCRAPER), "{{scraper}}")],
                decimals=0,
                thresholds=NONE_IS_BETTER,
                alerts=["QuarantineAboveThreshold"],
            ),
        ),
        (
            8,
            stat(
                "Corrections",
                "Sessions published again because the exchange changed its file.",
                [Query(count("champion_corrections_total", "dataset", RANGE, DATASET), "{{dataset}}")],
                decimals=0,
                alerts=["FileCorrected"],
            ),
        ),
    ]


def _by_source(colours: dict[str, object]) -> list[tuple[int, dict[str, object]]]:
    return [
        (
            8,
            table(
                "Checks by table",
                "Rows in the time chosen, and the share that failed in the last file.",
                {"table": "table"},
                [
                    Column("checked", count(CHECKS, "table", RANGE), "locale", 0),
                    Column(
                        "failed", count(FAILURES, "table", RANGE), "locale", 0, thresholds=NONE_WANTED, paint="text"
                    ),
                    Column(
                        "last file",
                        newest("champion_validation_failure_rate", "table"),
                        "percentunit",
                        1,
                        thresholds=colours,
                        paint="text",
                    ),
                ],
            ),
        ),
        (
            8,
            bargauge(
                "Failed rows by scraper",
                "Rows set aside in the time chosen, by the scraper whose file they are from.",
                [Query(count(PARSED, "scraper", RANGE, SCRAPER, 'status="failed"'), "{{scraper}}")],
                decimals=0,
                thresholds=steps(BLUE, (1, ORANGE)),
            ),
        ),
        (
            8,
            timeseries(
                "Failed rows by table, an hour",
                "Rows that failed validation in the hour before each point.",
                [Query(count(FAILURES, "table", HOUR), "{{table}}")],
                decimals=0,
                step=True,
            ),
        ),
    ]


def stocks(*labels: str) -> str:
    """Distinct symbols by trade date and scraper: a series is born with its value, so no increase shows it."""
    return f"sum by (date, scraper) ({series(STOCKS, *labels)})"


def _ingested(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    return [
        (
            9,
            table(
                "Stocks ingested",
                "Distinct symbols of the newest five dates, counted again when a file is read again; where a "
                "trading day has a least number, whether it is reached.",
                {"date": "trade date", "scraper": "scraper"},
                [
                    Column("stocks", f"{stocks(SCRAPER)} > 0", "locale", 0, thresholds=PLAIN, paint="bar"),
                    Column(
                        "expected",
                        f"({stocks(SCRAPER, limits.stock_scrapers)} > 0) >= bool {limits.stocks}",
                        mappings=ENOUGH,
                        thresholds=EITHER_STATE,
                        paint="text",
                    ),
                ],
                sort=("trade date", True),
                alerts=["LowDataVolume"],
            ),
        ),
        (
            7,
            timeseries(
                "Rows ingested by scraper, an hour",
                "Rows published in the hour before each point.",
                [
                    Query(count(PARSED, "scraper", HOUR, SCRAPER, 'status="success"'), "{{scraper}}"),
                ],
                decimals=0,
                step=True,
                stack=True,
            ),
        ),
        (
            8,
            bargauge(
                "Corporate actions by type",
                "Legs of corporate-action filings in the time chosen.",
                [Query(count("champion_corporate_actions_processed_total", "action_type", RANGE), "{{action_type}}")],
                decimals=0,
            ),
        ),
    ]
