"""The numbers of `thresholds.toml` that panels draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.rules import seconds


@dataclass(frozen=True)
class Limits:
    """Where the alerts begin."""

    validation_warning: float
    validation_critical: float
    stocks: float
    stock_scrapers: str
    quarantine_rows: float
    breaker_failures: float
    breaker_window: str
    pipeline_failures: float
    duration_factor: float
    oldest_run_seconds: float
    load_seconds: float
    warehouse_parts: float
    memory_bytes: float
    memory_warning: float
    memory_critical: float
    cpu_cores: float
    disk_warning: float
    disk_critical: float

    @classmethod
    def read(cls, thresholds: Mapping[str, Mapping[str, Any]]) -> Limits:
        """Takes them from the file's tables; a missing one is an error."""
        try:
            return cls(
                validation_warning=thresholds["validation"]["warning_ratio"],
                validation_critical=thresholds["validation"]["critical_ratio"],
                stocks=thresholds["volume"]["stocks"],
                stock_scrapers=f'scraper=~"{"|".join(thresholds["volume"]["scrapers"])}"',
                quarantine_rows=thresholds["quarantine"]["rows"],
                breaker_failures=thresholds["breaker"]["failures"],
                breaker_window=thresholds["breaker"]["failures_window"],
                pipeline_failures=thresholds["failures"]["ratio"],
                duration_factor=thresholds["duration"]["factor"],
                oldest_run_seconds=seconds(thresholds["stuck"]["age"]),
                load_seconds=thresholds["load"]["latency_seconds"],
                warehouse_parts=thresholds["warehouse"]["parts"],
                memory_bytes=thresholds["memory"]["limit_bytes"],
                memory_warning=thresholds["memory"]["warning_ratio"],
                memory_critical=thresholds["memory"]["critical_ratio"],
                cpu_cores=thresholds["cpu"]["cores"],
                disk_warning=thresholds["disk"]["warning_free_ratio"],
                disk_critical=thresholds["disk"]["critical_free_ratio"],
            )
        except KeyError as error:
            raise ValueError(f"thresholds.toml: a dashboard draws {error}, which is not there") from error
