"""Pipeline health: runs, how long they take, and what each stage brought in."""

from __future__ import annotations

from . import runs
from .dashboard import Band, Dashboard
from .limits import Limits
from .palette import BLUE, GREEN, NEVER, NONE_IS_GOOD, NONE_WANTED, RED, YELLOW, steps
from .panel import Query, bargauge, stat, timeseries
from .promql import DATASET, FLOW, HOUR, RANGE, SCRAPER, age, count, mean, newest, quantile, share
from .tables import Column, table

RUNS = "nse_pipeline_flow_duration_seconds"
RUN_COUNT = f"{RUNS}_count"


def build(limits: Limits) -> Dashboard:
    """Returns the dashboard."""
    return Dashboard(
        uid="champion-pipeline-health",
        title="Champion · Pipeline health",
        description="Runs of every flow, how long they take, and what each stage read and wrote.",
        tags=["pipeline"],
        bands=[
            Band(4, _summary(limits)),
            Band(7, _runs(limits), "Runs"),
            Band(8, _durations(limits), "Duration"),
            Band(7, _stages(), "Stages"),
            Band(7, _counts(), ""),
            Band(9, [(24, runs.latest())], "Traces"),
        ],
    )


def _summary(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    ended = count(RUN_COUNT, "", RANGE, FLOW)
    failed = count(RUN_COUNT, "", RANGE, FLOW, 'status="failed"')
    return [
        (
            3,
            stat(
                "Runs that succeeded",
                "Runs that ended well in the time chosen.",
                [Query(count(RUN_COUNT, "", RANGE, FLOW, 'status="success"'), "runs")],
                decimals=0,
                thresholds=steps(BLUE, (1, GREEN)),
            ),
        ),
        (
            3,
            stat(
                "Runs that failed",
                "Runs that failed in the time chosen.",
                [Query(failed, "runs")],
                decimals=0,
                thresholds=NONE_IS_GOOD,
                alerts=["PipelineFailureRate"],
            ),
        ),
        (
            3,
            stat(
                "Share that failed",
                "Failed runs out of all that ended in the time chosen.",
                [Query(share(failed, ended), "of runs")],
                unit="percentunit",
                decimals=1,
                thresholds=steps(GREEN, (limits.pipeline_failures, RED)),
                alerts=["PipelineFailureRate"],
            ),
        ),
        (
            8,
            stat(
                "Last session came in",
                "How long ago a session of the dataset was last found in the warehouse.",
                [Query(age("champion_last_success_timestamp_seconds", "dataset", DATASET), "{{dataset}}")],
                unit="s",
                decimals=0,
                mappings=NEVER,
                alerts=["NoDataIngested"],
            ),
        ),
        (
            7,
            stat(
                "Sessions missing",
                "Expected sessions of the watched window that are not in and no longer waited for.",
                [Query(newest("champion_gap_sessions", "dataset", DATASET), "{{dataset}}")],
                decimals=0,
                thresholds=NONE_IS_GOOD,
                alerts=["SessionGap"],
            ),
        ),
    ]


def _runs(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    started = "champion_oldest_run_started_timestamp_seconds"
    return [
        (
            10,
            timeseries(
                "Flow runs by status",
                "Runs that ended in the hour before each point, by flow and how they ended.",
                [Query(count(RUN_COUNT, "status", HOUR, FLOW), "{{status}}")],
                decimals=0,
                step=True,
                stack=True,
                traces=True,
                alerts=["PipelineFailureRate"],
            ),
        ),
        (
            7,
            table(
                "Runs by flow",
                "Runs that ended in the time chosen.",
                {"flow_name": "flow"},
                [
                    Column("success", count(RUN_COUNT, "flow_name", RANGE, FLOW, 'status="success"'), decimals=0),
                    Column(
                        "failed",
                        count(RUN_COUNT, "flow_name", RANGE, FLOW, 'status="failed"'),
                        decimals=0,
                        thresholds=NONE_WANTED,
                        paint="text",
                    ),
                    Column("going on", newest("champion_runs_in_progress", "flow_name", FLOW), decimals=0),
                ],
            ),
        ),
        (
            7,
            bargauge(
                "Oldest run going on",
                "How long the oldest unfinished run of a flow has been going on; 0 when there is none.",
                [
                    Query(
                        f"(time() - {newest(started, 'flow_name', FLOW)}) * "
                        f"({newest(started, 'flow_name', FLOW)} > bool 0)",
                        "{{flow_name}}",
                    )
                ],
                unit="s",
                decimals=0,
                maximum=limits.oldest_run_seconds,
                thresholds=steps(GREEN, (limits.oldest_run_seconds / 2, YELLOW), (limits.oldest_run_seconds, RED)),
                alerts=["OrchestratorStuck"],
            ),
        ),
    ]


def _durations(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    recent = mean(RUNS, "flow_name", HOUR, FLOW)
    usual = mean(RUNS, "flow_name", "7d", FLOW)
    return [
        (
            7,
            table(
                "Duration by flow",
                "How long the runs that ended in the time chosen took: half, 95 and 99 of 100 took "
                "at most this long, and the average.",
                {"flow_name": "flow"},
                [
                    Column("p50", quantile("0.50", RUNS, "flow_name", RANGE, FLOW), "s", 2),
                    Column("p95", quantile("0.95", RUNS, "flow_name", RANGE, FLOW), "s", 2),
                    Column("p99", quantile("0.99", RUNS, "flow_name", RANGE, FLOW), "s", 2),
                    Column("average", mean(RUNS, "flow_name", RANGE, FLOW), "s", 2),
                ],
                alerts=["PipelineDurationAnomaly"],
            ),
        ),
        (
            6,
            timeseries(
                "Duration, p50, p95, p99",
                "Quantiles over the runs of the hour before, all flows chosen taken together.",
                [
                    Query(f"histogram_quantile({q}, {count(f'{RUNS}_bucket', 'le', HOUR, FLOW)})", name)
                    for q, name in (("0.50", "p50"), ("0.95", "p95"), ("0.99", "p99"))
                ],
                unit="s",
                traces=True,
            ),
        ),
        (
            6,
            timeseries(
                "Average duration by flow",
                "The mean over the runs of the hour before.",
                [Query(recent, "{{flow_name}}")],
                unit="s",
                traces=True,
            ),
        ),
        (
            5,
            timeseries(
                "Average against the week",
                "The mean of the hour before out of the same flow's mean of the past "
                "seven days: 1 is as usual. The line is where PipelineDurationAnomaly begins.",
                [Query(f"({recent}) / ({usual})", "{{flow_name}}")],
                unit="none",
                decimals=1,
                thresholds=steps(GREEN, (limits.duration_factor, RED)),
                traces=True,
                alerts=["PipelineDurationAnomaly"],
            ),
        ),
    ]


def _stages() -> list[tuple[int, dict[str, object]]]:
    def outcomes(stem: str) -> list[Query]:
        return [
            Query(count(f"nse_pipeline_{stem}_{outcome}_total", "", HOUR), outcome) for outcome in ("failed", "success")
        ]

    return [
        (
            8,
            timeseries(
                "Files downloaded by scraper",
                "Files fetched from the exchange and kept, in the hour before.",
                [Query(count("nse_scraper_files_downloaded_total", "scraper", HOUR, SCRAPER), "{{scraper}}")],
                decimals=0,
                step=True,
                stack=True,
            ),
        ),
        (
            8,
            timeseries(
                "Parquet writes by outcome",
                "Files published, or not, in the hour before.",
                outcomes("parquet_write"),
                decimals=0,
                step=True,
                stack=True,
                traces=True,
                alerts=["ParquetWriteFailures"],
            ),
        ),
        (
            8,
            timeseries(
                "ClickHouse loads by outcome",
                "Curated files loaded, or not, in the hour before.",
                outcomes("clickhouse_load"),
                decimals=0,
                step=True,
                stack=True,
                traces=True,
                alerts=["WarehouseLoadFailure"],
            ),
        ),
    ]


def _counts() -> list[tuple[int, dict[str, object]]]:
    parquet, loads = "nse_pipeline_parquet_write", "nse_pipeline_clickhouse_load"
    return [
        (
            8,
            timeseries(
                "Rows parsed by outcome",
                "Rows published, or set aside, in the hour before.",
                [Query(count("nse_scraper_rows_parsed_total", "status", HOUR, SCRAPER), "{{status}}")],
                decimals=0,
                step=True,
                stack=True,
                unit="short",
                alerts=["QuarantineAboveThreshold"],
            ),
        ),
        (
            7,
            table(
                "Rows and files by scraper",
                "What came in the time chosen.",
                {"scraper": "scraper"},
                [
                    Column("files", count("nse_scraper_files_downloaded_total", "scraper", RANGE, SCRAPER), decimals=0),
                    Column(
                        "rows",
                        count("nse_scraper_rows_parsed_total", "scraper", RANGE, SCRAPER, 'status="success"'),
                        "locale",
                        0,
                    ),
                    Column(
                        "failed rows",
                        count("nse_scraper_rows_parsed_total", "scraper", RANGE, SCRAPER, 'status="failed"'),
                        "locale",
                        0,
                        thresholds=NONE_WANTED,
                        paint="text",
                    ),
                ],
            ),
        ),
        (
            9,
            table(
                "Writes and loads by table",
                "What was written and loaded in the time chosen.",
                {"table": "table"},
                [
                    Column("written", count(f"{parquet}_success_total", "table", RANGE), decimals=0),
                    Column(
                        "not written",
                        count(f"{parquet}_failed_total", "table", RANGE),
                        decimals=0,
                        thresholds=NONE_WANTED,
                        paint="text",
                    ),
                    Column("loaded", count(f"{loads}_success_total", "table", RANGE), decimals=0),
                    Column(
                        "not loaded",
                        count(f"{loads}_failed_total", "table", RANGE),
                        decimals=0,
                        thresholds=NONE_WANTED,
                        paint="text",
                    ),
                ],
                alerts=["ParquetWriteFailures", "WarehouseLoadFailure"],
            ),
        ),
    ]
