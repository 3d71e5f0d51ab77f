"""A dashboard: bands of panels, their places on the grid, variables, annotations and links."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import links
from .palette import BLUE, GREEN, RED
from .panel import PROMETHEUS

Json = dict[str, Any]

COLUMNS = 24
SCHEMA_VERSION = 41


@dataclass(frozen=True)
class Band:
    """Panels side by side: a height and, a panel, its width in columns; a title makes the band a section."""

    height: int
    panels: Sequence[tuple[int, Json]]
    title: str = ""


@dataclass(frozen=True)
class Dashboard:
    """What one dashboard is made of."""

    uid: str
    title: str
    description: str
    bands: Sequence[Band]
    tags: Sequence[str] = ()
    since: str = "now-24h"

    def render(self) -> str:
        """Returns the committed text: bare JSON, the same for the same input."""
        body = {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["champion", *self.tags],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "timepicker": {},
            # The exchanges' business day: every date on the dashboards is one in India.
            "timezone": "Asia/Kolkata",
            "weekStart": "monday",
            "links": links.every_dashboard(),
            "annotations": {"list": _annotations()},
            "templating": {"list": _variables(self.bands)},
            "panels": _placed(self.bands),
        }
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _placed(bands: Sequence[Band]) -> list[Json]:
    panels: list[Json] = []
    top = 0
    for band in bands:
        if band.title:
            panels.append(
                {
                    "type": "row",
                    "title": band.title,
                    "collapsed": False,
                    "panels": [],
                    "id": _id(f"section {band.title}"),
                    "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
                }
            )
            top += 1
        left = 0
        for width, panel in band.panels:
            place = {"h": band.height, "w": width, "x": left, "y": top}
            panels.append({"id": _id(panel["title"]), "gridPos": place} | panel)
            left += width
        if left != COLUMNS:
            raise ValueError(f"a band is {left} columns wide, not {COLUMNS}: {[p['title'] for _, p in band.panels]}")
        top += band.height
    ids = [panel["id"] for panel in panels]
    if len(ids) != len(set(ids)):
        raise ValueError("two panels of a dashboard have one title, or their ids fall together: rename one")
    return panels


def _id(title: str) -> int:
    # From the title, so that a link to a panel holds when panels are added before it.
    return zlib.crc32(title.encode()) % 1_000_000 + 1


def _variables(bands: Sequence[Band]) -> list[Json]:
    variables = [
        _datasource("datasource", "Metrics", "prometheus", "champion-prometheus"),
        _choice("dataset", "Dataset", "champion_last_success_timestamp_seconds", "dataset"),
        # Without a value of its own "All" stands for the services there are, and not for every job.
        _choice("service", "Service", "champion_build_info", "job", everything=None),
        _choice("instance", "Instance", 'champion_build_info{job=~"$service"}', "instance"),
    ]
    if any(panel["datasource"]["uid"] == "${warehouse}" for band in bands for _, panel in band.panels):
        variables.insert(
            1, _datasource("warehouse", "Warehouse", "grafana-clickhouse-datasource", "champion-clickhouse")
        )
    return variables


def _datasource(name: str, label: str, kind: str, uid: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "datasource",
        "query": kind,
        "regex": "",
        "hide": 0,
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "options": [],
        "skipUrlSync": False,
        "current": {"selected": True, "text": uid, "value": uid},
    }


def _choice(name: str, label: str, series: str, of: str, everything: str | None = ".*") -> Json:
    query = f"label_values({series}, {of})"
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": PROMETHEUS,
        "hide": 0,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "definition": query,
        "regex": "",
        "sort": 1,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": everything,
        "options": [],
        "skipUrlSync": False,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _annotations() -> list[Json]:
    def mark(name: str, color: str, expr: str, title: str, text: str, enable: bool = True) -> Json:
        return {
            "name": name,
            "enable": enable,
            "hide": False,
            "iconColor": color,
            "datasource": PROMETHEUS,
            "expr": expr,
            "step": "60s",
            "titleFormat": title,
            "textFormat": text,
            "tagKeys": "",
            "useValueForTime": False,
        }

    def runs(status: str) -> str:
        return (
            f'sum by (flow_name) (changes(nse_pipeline_flow_duration_seconds_count{{status="{status}",'
            'flow_name=~"${dataset}_etl"}[1m])) > 0'
        )

    builtin = {
        "builtIn": 1,
        "name": "Annotations & Alerts",
        "enable": True,
        "hide": True,
        "type": "dashboard",
        "iconColor": BLUE,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    }
    return [
        builtin,
        mark("Runs that succeeded", GREEN, runs("success"), "{{flow_name}} succeeded", "a run ended in this minute"),
        mark("Runs that failed", RED, runs("failed"), "{{flow_name}} failed", "a run failed in this minute"),
        mark(
            "Alerts",
            RED,
            'max by (alertname, severity) (ALERTS{alertstate="firing",alertname!="DeadMansSwitch"})',
            "{{alertname}}",
            "{{severity}}",
            enable=False,
        ),
    ]
