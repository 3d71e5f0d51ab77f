"""The dashboards of Grafana, one module each, rendered to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import circuit_breaker, data_quality, error_trends, overview, performance, pipeline_health
from .limits import Limits

FOLDER = "grafana/dashboards"
MODULES = (overview, pipeline_health, data_quality, circuit_breaker, performance, error_trends)


def render(thresholds: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Returns the text of every dashboard by its path below `monitoring/`."""
    limits = Limits.read(thresholds)
    dashboards = [module.build(limits) for module in MODULES]
    return {f"{FOLDER}/{dashboard.uid}.json": dashboard.render() for dashboard in dashboards}
