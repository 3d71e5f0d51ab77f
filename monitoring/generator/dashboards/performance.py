"""Performance: processor and memory against their limits, latencies, throughput, and what fills up."""

from __future__ import annotations

from .dashboard import Band, Dashboard
from .limits import Limits
from .palette import GREEN, NONE_IS_GOOD, RED, YELLOW, steps
from .panel import Query, bargauge, stat, timeseries
from .promql import HOUR, RANGE, SCRAPER, count, newest, per_second, quantile, series

MEMORY = newest("process_resident_memory_bytes", "job, instance")
CPU = per_second("process_cpu_seconds_total", "job, instance")
LOADS = "champion_warehouse_load_latency_seconds"
SCRAPES = "nse_scraper_scrape_duration_seconds"
FREE, SIZE = newest("champion_disk_free_bytes", "volume"), newest("champion_disk_size_bytes", "volume")


def build(limits: Limits) -> Dashboard:
    """Returns the dashboard."""
    return Dashboard(
        uid="champion-performance",
        title="Champion · Performance",
        description="Every service against its limits, how long loads and fetches take, how much goes through.",
        tags=["performance"],
        bands=[
            Band(8, _resources(limits), "Processor and memory"),
            Band(7, _latency(limits), "Latency"),
            Band(7, _throughput(), "Throughput"),
            Band(7, _room(limits), "Room"),
        ],
    )


def _resources(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    cores = steps(GREEN, (limits.cpu_cores * 0.7, YELLOW), (limits.cpu_cores, RED))
    memory = steps(GREEN, (limits.memory_warning, YELLOW), (limits.memory_critical, RED))
    of_bytes = steps(
        GREEN,
        (limits.memory_warning * limits.memory_bytes, YELLOW),
        (limits.memory_critical * limits.memory_bytes, RED),
    )
    both = ["HighMemoryUsage", "CriticalMemoryUsage"]
    return [
        (
            7,
            timeseries(
                "CPU by service",
                "Cores in use, a process a line; the dashed line is where HighCPUUsage begins.",
                [Query(CPU, "{{job}}")],
                unit="none",
                decimals=2,
                interval="5m",
                thresholds=steps(GREEN, (limits.cpu_cores, RED)),
                alerts=["HighCPUUsage"],
            ),
        ),
        (
            5,
            bargauge(
                "CPU now",
                "Cores in use by the busiest process of a service; the bar ends at the limit.",
                [Query(f"max by (job) ({CPU})", "{{job}}")],
                unit="none",
                decimals=2,
                interval="5m",
                maximum=limits.cpu_cores,
                thresholds=cores,
                alerts=["HighCPUUsage"],
            ),
        ),
        (
            7,
            timeseries(
                "Memory by service",
                "Resident memory, a process a line; the dashed lines are the limits of the two alerts.",
                [Query(MEMORY, "{{job}}")],
                unit="bytes",
                thresholds=of_bytes,
                alerts=both,
            ),
        ),
        (
            5,
            bargauge(
                "Memory now",
                "Resident memory of the largest process of a service out of the limit.",
                [Query(f"max by (job) ({MEMORY}) / {limits.memory_bytes}", "{{job}}")],
                unit="percentunit",
                decimals=1,
                maximum=1,
                thresholds=memory,
                alerts=both,
            ),
        ),
    ]


def _latency(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    def both(metric: str, by: str, *labels: str) -> list[Query]:
        return [
            Query(quantile(q, metric, by, HOUR, *labels), f"{{{{{by}}}}} {name}")
            for q, name in (("0.50", "p50"), ("0.95", "p95"))
        ]

    return [
        (
            8,
            timeseries(
                "Load latency, p50 and p95",
                "From reading the curated files of a table to their ledger rows, over "
                f"the hour before. WarehouseLoadHighLatency begins at {limits.load_seconds:g} s.",
                both(LOADS, "table"),
                unit="s",
                alerts=["WarehouseLoadHighLatency"],
                traces=True,
            ),
        ),
        (
            8,
            timeseries(
                "Scrape duration, p50 and p95",
                "A fetch from the exchange with all its attempts and waits, over the hour before.",
                both(SCRAPES, "scraper", SCRAPER),
                unit="s",
                traces=True,
            ),
        ),
        (
            8,
            bargauge(
                "Load latency, p95, against its limit",
                "Over the time chosen; the bar ends where the alert begins.",
                [Query(quantile("0.95", LOADS, "table", RANGE), "{{table}}")],
                unit="s",
                decimals=2,
                maximum=limits.load_seconds,
                thresholds=steps(GREEN, (limits.load_seconds / 2, YELLOW), (limits.load_seconds, RED)),
                alerts=["WarehouseLoadHighLatency"],
            ),
        ),
    ]


def _throughput() -> list[tuple[int, dict[str, object]]]:
    return [
        (
            6,
            timeseries(
                "Rows an hour",
                "Rows parsed and published in the hour before each point.",
                [
                    Query(
                        count("nse_scraper_rows_parsed_total", "scraper", HOUR, SCRAPER, 'status="success"'),
                        "{{scraper}}",
                    )
                ],
                unit="short",
                decimals=0,
                step=True,
                stack=True,
            ),
        ),
        (
            6,
            timeseries(
                "Files an hour",
                "Files downloaded in the hour before each point.",
                [Query(count("nse_scraper_files_downloaded_total", "scraper", HOUR, SCRAPER), "{{scraper}}")],
                decimals=0,
                step=True,
                stack=True,
            ),
        ),
        (
            6,
            timeseries(
                "Writes an hour",
                "Parquet files published in the hour before each point.",
                [Query(count("nse_pipeline_parquet_write_success_total", "table", HOUR), "{{table}}")],
                decimals=0,
                step=True,
                stack=True,
            ),
        ),
        (
            6,
            timeseries(
                "Loads an hour",
                "Curated files loaded in the hour before each point.",
                [Query(count("nse_pipeline_clickhouse_load_success_total", "table", HOUR), "{{table}}")],
                decimals=0,
                step=True,
                stack=True,
            ),
        ),
    ]


def _room(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    files = f"{series('process_open_fds')} / {series('process_max_fds')}"
    return [
        (
            6,
            bargauge(
                "Disk free",
                "Room left on each volume, out of its size.",
                [Query(f"{FREE} / {SIZE}", "{{volume}}")],
                unit="percentunit",
                decimals=1,
                maximum=1,
                thresholds=steps(RED, (limits.disk_critical, YELLOW), (limits.disk_warning, GREEN)),
                alerts=["DiskNearlyFull", "DiskCritical"],
            ),
        ),
        (
            6,
            bargauge(
                "Warehouse parts",
                "Most active parts in one partition, of the eight fullest tables; the bar ends where the alert begins.",
                [Query(f"topk(8, {newest('champion_warehouse_parts', 'table')})", "{{table}}")],
                decimals=0,
                maximum=limits.warehouse_parts,
                thresholds=steps(GREEN, (limits.warehouse_parts / 2, YELLOW), (limits.warehouse_parts, RED)),
                alerts=["WarehouseTooManyParts"],
            ),
        ),
        (
            6,
            bargauge(
                "Open files",
                "File descriptors in use out of what the process may open.",
                [Query(f"max by (job) ({files})", "{{job}}")],
                unit="percentunit",
                decimals=1,
                maximum=1,
                thresholds=steps(GREEN, (0.7, YELLOW), (0.9, RED)),
            ),
        ),
        (
            6,
            stat(
                "Spans dropped",
                "Spans lost in the time chosen, by reason: traces with holes.",
                [Query(count("champion_telemetry_spans_dropped_total", "reason", RANGE), "{{reason}}")],
                decimals=0,
                thresholds=NONE_IS_GOOD,
                alerts=["TelemetryDropped"],
            ),
        ),
    ]
