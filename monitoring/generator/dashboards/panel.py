"""Panels: small functions, one a kind, that return Grafana's JSON without place and id; `dashboard.py` adds those."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import links
from .palette import BY_LABEL, GOOD, OUTCOMES, PLAIN

Json = dict[str, Any]

#: The datasource every Prometheus query names: the dashboard's variable.
PROMETHEUS: Json = {"type": "prometheus", "uid": "${datasource}"}
PLUGIN_VERSION = "11.6.0"
LAST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}


@dataclass(frozen=True)
class Query:
    """One PromQL expression and how its series are called."""

    expr: str
    legend: str = "__auto"


def targets_of(queries: Sequence[Query], *, instant: bool, table: bool = False) -> list[Json]:
    """The queries as Grafana keeps them, named A, B, C …"""
    return [
        {
            "refId": chr(ord("A") + index),
            "datasource": PROMETHEUS,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend,
            "instant": instant,
            "range": not instant,
            "format": "table" if table else "time_series",
        }
        for index, query in enumerate(queries)
    ]


def _fixed(pattern: str, color: str) -> Json:
    return {
        "matcher": {"id": "byRegexp", "options": f"/{pattern}/"},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}],
    }


def _looks(queries: Sequence[Query], colours: dict[str, str] | None) -> list[Json]:
    """The colours of the series of a panel; of two quantiles of one thing the median is dashed."""
    labels = {label for query in queries for label in re.findall(r"\{\{(\w+)\}\}", query.legend)}
    known = [found for label, found in BY_LABEL.items() if label in labels] or ([] if labels else [OUTCOMES])
    looks = [_fixed(pattern, color) for pattern, color in (colours or (known[0] if known else {})).items()]
    if any(query.legend.endswith(" p50") for query in queries):
        dash = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [4, 4]}}
        looks.append({"matcher": {"id": "byRegexp", "options": "/ p50$/"}, "properties": [dash]})
    return looks


def panel_of(kind: str, title: str, description: str, alerts: Sequence[str], body: Json) -> Json:
    """A panel of a kind: what every panel has, and its own body."""
    panel: Json = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": PROMETHEUS,
        "pluginVersion": PLUGIN_VERSION,
        "links": [links.runbook(alert) for alert in alerts],
    }
    return panel | body


def _single(unit: str, thresholds: Json, mappings: list[Json] | None, decimals: int | None, bounds: Json) -> Json:
    defaults: Json = {
        "unit": unit,
        "color": {"mode": "thresholds"},
        "thresholds": thresholds,
        "mappings": mappings or [],
        "noValue": "–",
    } | bounds
    if decimals is not None:
        defaults["decimals"] = decimals
    return {"defaults": defaults, "overrides": []}


def stat(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    thresholds: Json = PLAIN,
    mappings: list[Json] | None = None,
    decimals: int | None = None,
    fill: bool = False,
    alerts: Sequence[str] = (),
) -> Json:
    """Large numbers or words; `fill` colours the whole tile."""
    return panel_of(
        "stat",
        title,
        description,
        alerts,
        {
            "targets": targets_of(queries, instant=True),
            "fieldConfig": _single(unit, thresholds, mappings, decimals, {}),
            "options": {
                "reduceOptions": LAST,
                "orientation": "auto",
                "textMode": "auto",
                "colorMode": "background_solid" if fill else "value",
                "graphMode": "none",
                "justifyMode": "center",
                "wideLayout": False,
                "showPercentChange": False,
                "percentChangeColorMode": "standard",
            },
        },
    )


def gauge(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    thresholds: Json,
    maximum: float,
    decimals: int | None = None,
    alerts: Sequence[str] = (),
) -> Json:
    """Dials with the thresholds on the rim."""
    return panel_of(
        "gauge",
        title,
        description,
        alerts,
        {
            "targets": targets_of(queries, instant=True),
            "fieldConfig": _single(unit, thresholds, None, decimals, {"min": 0, "max": maximum}),
            "options": {
                "reduceOptions": LAST,
                "orientation": "auto",
                "showThresholdLabels": False,
                "showThresholdMarkers": True,
                "sizing": "auto",
                "minVizWidth": 75,
                "minVizHeight": 75,
            },
        },
    )


def bargauge(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    thresholds: Json = PLAIN,
    mappings: list[Json] | None = None,
    maximum: float | None = None,
    decimals: int | None = None,
    interval: str = "",
    alerts: Sequence[str] = (),
) -> Json:
    """One bar a series, with its number."""
    bounds: Json = {"min": 0} if maximum is None else {"min": 0, "max": maximum}
    body: Json = {"interval": interval} if interval else {}
    return panel_of(
        "bargauge",
        title,
        description,
        alerts,
        body
        | {
            "targets": targets_of(queries, instant=True),
            "fieldConfig": _single(unit, thresholds, mappings, decimals, bounds),
            "options": {
                "reduceOptions": LAST,
                "orientation": "horizontal",
                "displayMode": "basic",
                "valueMode": "color",
                "namePlacement": "auto",
                "showUnfilled": True,
                "sizing": "auto",
                "minVizWidth": 8,
                "minVizHeight": 16,
                "maxVizHeight": 300,
            },
        },
    )


def timeseries(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    thresholds: Json | None = None,
    decimals: int | None = None,
    step: bool = False,
    stack: bool = False,
    minimum: float | None = 0,
    maximum: float | None = None,
    interval: str = "",
    alerts: Sequence[str] = (),
    traces: bool = False,
    colours: dict[str, str] | None = None,
) -> Json:
    """Lines over time; thresholds are drawn as dashed lines, `step` draws counts as stairs."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if step else "linear",
        "lineWidth": 0 if stack else 2,
        "fillOpacity": 65 if stack else 10,
        "gradientMode": "none",
        "showPoints": "never",
        "pointSize": 5,
        "spanNulls": False,
        "axisPlacement": "auto",
        "axisLabel": "",
        "scaleDistribution": {"type": "linear"},
        "axisBorderShow": False,
        "axisCenteredZero": False,
        "axisColorMode": "text",
        "barAlignment": 0,
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "insertNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
    }
    if thresholds and maximum is None:
        # The lines are in sight also when the values stay far below them.
        custom["axisSoftMax"] = max(step["value"] or 0 for step in thresholds["steps"]) * 1.1
    defaults: Json = {
        "unit": unit,
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "mappings": [],
        "thresholds": thresholds or GOOD,
    }
    if minimum is not None:
        defaults["min"] = minimum
    if maximum is not None:
        defaults["max"] = maximum
    if decimals is not None:
        defaults["decimals"] = decimals
    if traces:
        defaults["links"] = [links.failed_runs()]
    body: Json = {
        "targets": targets_of(queries, instant=False),
        "fieldConfig": {
            "defaults": defaults,
            "overrides": _looks(queries, colours),
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }
    if interval:
        body["interval"] = interval
    return panel_of("timeseries", title, description, alerts, body)


def state_timeline(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    mappings: list[Json],
    thresholds: Json,
    alerts: Sequence[str] = (),
) -> Json:
    """Coloured bands: which state, and how long."""
    defaults = {
        "unit": "short",
        "color": {"mode": "thresholds"},
        "thresholds": thresholds,
        "mappings": mappings,
        "custom": {
            "fillOpacity": 85,
            "lineWidth": 0,
            "spanNulls": False,
            "insertNulls": False,
            "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        },
    }
    return panel_of(
        "state-timeline",
        title,
        description,
        alerts,
        {
            "targets": targets_of(queries, instant=False),
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": {
                "mergeValues": True,
                "showValue": "auto",
                "alignValue": "left",
                "rowHeight": 0.8,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
                "tooltip": {"mode": "single", "sort": "none"},
            },
        },
    )
