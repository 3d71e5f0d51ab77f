"""Error trends: what fails, where, and whether it gets worse."""

from __future__ import annotations

from . import runs
from .dashboard import Band, Dashboard
from .data_quality import failure_share
from .limits import Limits
from .palette import GREEN, NONE_IS_GOOD, NONE_WANTED, RED, YELLOW, steps
from .panel import Query, stat, timeseries
from .pipeline_health import RUN_COUNT
from .promql import FLOW, HOUR, SCRAPER, count, share
from .tables import Column, table

STAGES = "champion_run_failures_total"
NOT_OK = 'grpc_code!="OK"'


def kinds(window: str) -> list[tuple[str, str]]:
    """Every kind of error with how often it happened."""
    return [
        ("runs failed", count(STAGES, "", window, FLOW)),
        ("requests failed", count("champion_source_requests_total", "", window, 'outcome="failure"')),
        ("files set aside", count("champion_files_set_aside_total", "", window, SCRAPER)),
        ("rows failed", count("nse_scraper_rows_parsed_total", "", window, SCRAPER, 'status="failed"')),
        ("writes failed", count("nse_pipeline_parquet_write_failed_total", "", window)),
        ("loads failed", count("nse_pipeline_clickhouse_load_failed_total", "", window)),
        ("calls failed", count("grpc_server_handled_total", "", window, NOT_OK)),
        ("spans dropped", count("champion_telemetry_spans_dropped_total", "", window)),
    ]


def named(window: str) -> str:
    """Every kind of error as one vector with the label `kind`."""
    return " or ".join(f'label_replace({expr}, "kind", "{name}", "", "")' for name, expr in kinds(window))


def build(limits: Limits) -> Dashboard:
    """Returns the dashboard."""
    return Dashboard(
        uid="champion-error-trends",
        title="Champion · Error trends",
        description="What fails, in which component, and whether it gets worse.",
        tags=["errors"],
        bands=[
            Band(
                4,
                [
                    (
                        24,
                        stat(
                            "Errors in the last hour by type",
                            "How often each kind of error happened in the hour before now.",
                            [Query(expr, name) for name, expr in kinds(HOUR)],
                            decimals=0,
                            thresholds=NONE_IS_GOOD,
                        ),
                    )
                ],
            ),
            Band(8, _where(limits), "Runs"),
            Band(8, _rows(limits), "Rows and calls"),
            Band(9, _tables(), "The last day"),
        ],
    )


def _where(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    failed = count(RUN_COUNT, "flow_name", HOUR, FLOW, 'status="failed"')
    return [
        (
            12,
            timeseries(
                "Failed runs by component",
                "Runs that failed in the hour before, by the stage that failed them.",
                [Query(count(STAGES, "stage", HOUR, FLOW), "{{stage}}")],
                decimals=0,
                step=True,
                stack=True,
                traces=True,
            ),
        ),
        (
            12,
            timeseries(
                "Pipeline failure rate",
                "Failed runs out of all that ended in the hour before, by flow; the line "
                "is where PipelineFailureRate begins.",
                [Query(share(failed, count(RUN_COUNT, "flow_name", HOUR, FLOW)), "{{flow_name}}")],
                unit="percentunit",
                decimals=0,
                maximum=1,
                step=True,
                traces=True,
                thresholds=steps(GREEN, (limits.pipeline_failures, RED)),
                alerts=["PipelineFailureRate"],
            ),
        ),
    ]


def _rows(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    lines = steps(GREEN, (limits.validation_warning, YELLOW), (limits.validation_critical, RED))
    return [
        (
            8,
            timeseries(
                "Failed rows",
                "Rows set aside in the hour before, by scraper.",
                [
                    Query(
                        count("nse_scraper_rows_parsed_total", "scraper", HOUR, SCRAPER, 'status="failed"'),
                        "{{scraper}}",
                    )
                ],
                decimals=0,
                step=True,
                stack=True,
                alerts=["QuarantineAboveThreshold"],
            ),
        ),
        (
            8,
            timeseries(
                "Validation failure trend",
                "The share of rows that failed in the hour before, with the limits of the two alerts.",
                [Query(failure_share("table", HOUR), "{{table}}")],
                unit="percentunit",
                decimals=1,
                thresholds=lines,
                alerts=["HighValidationFailureRate", "CriticalValidationFailureRate"],
            ),
        ),
        (
            8,
            timeseries(
                "Failed calls by service",
                "gRPC calls that ended otherwise than OK in the hour before.",
                [Query(count("grpc_server_handled_total", "job", HOUR, NOT_OK), "{{job}}")],
                decimals=0,
                step=True,
                stack=True,
                traces=True,
            ),
        ),
    ]


def _tables() -> list[tuple[int, dict[str, object]]]:
    return [
        (
            9,
            table(
                "Errors of 24 hours",
                "How often each kind of error happened in the last hour, six hours and day.",
                {"kind": "error"},
                [
                    Column("1 h", named(HOUR), "locale", 0, thresholds=NONE_WANTED, paint="text"),
                    Column("6 h", named("6h"), "locale", 0, thresholds=NONE_WANTED, paint="text"),
                    Column("24 h", named("24h"), "locale", 0, thresholds=NONE_WANTED, paint="text"),
                ],
            ),
        ),
        (
            15,
            runs.failed(),
        ),
    ]
