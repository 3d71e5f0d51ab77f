"""Ways out of a dashboard: to the runbooks, to the other dashboards and to the trace store."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

RUNBOOKS = "https://github.com/champion-data/champion/blob/main/docs/runbooks"
TRACE_STORE = "champion-tempo"
FAILED_RUNS = '{resource.service.name="champion-orchestrator" && span.champion.run_id!="" && status=error}'


def runbook(alert: str) -> Json:
    """A panel's link to the page of an alert."""
    return {"title": f"Runbook: {alert}", "url": f"{RUNBOOKS}/{alert}.md", "targetBlank": True}


def explore(query: str, verbatim: str = "") -> str:
    """The address of a search in the trace store over the dashboard's time.

    Grafana fills in its own `${…}` before the address is opened, so these stay unquoted; `verbatim` is such a variable
    that stands for the whole query.
    """
    marks = {"FROM_MARK": "${__from}", "TO_MARK": "${__to}", "QUERY_MARK": verbatim or quote(json.dumps(query)[1:-1])}
    pane = {
        "datasource": TRACE_STORE,
        "queries": [
            {
                "refId": "A",
                "queryType": "traceql",
                "query": "QUERY_MARK",
                "datasource": {"type": "tempo", "uid": TRACE_STORE},
            }
        ],
        "range": {"from": "FROM_MARK", "to": "TO_MARK"},
    }
    panes = quote(json.dumps({"run": pane}, separators=(",", ":")))
    for mark, text in marks.items():
        panes = panes.replace(mark, text)
    return f"/explore?schemaVersion=1&orgId=1&panes={panes}"


def trace(field: str) -> Json:
    """A table cell's link to the trace whose id stands in the field."""
    return {"title": "Open the trace", "url": explore("", f"${{__data.fields.{field}}}"), "targetBlank": True}


def alert_page(field: str) -> Json:
    """A table cell's link to the runbook of the alert whose name stands in the field."""
    return {"title": "Open the runbook", "url": f"{RUNBOOKS}/${{__data.fields.{field}}}.md", "targetBlank": True}


def failed_runs() -> Json:
    """A series' link to the traces of failed runs."""
    return {"title": "Traces of failed runs", "url": explore(FAILED_RUNS), "targetBlank": True}


def every_dashboard() -> list[Json]:
    """The links in the head of each dashboard."""

    def head(title: str, icon: str, url: str, tooltip: str) -> Json:
        return {
            "type": "link",
            "title": title,
            "icon": icon,
            "url": url,
            "tooltip": tooltip,
            "tags": [],
            "asDropdown": False,
            "includeVars": False,
            "keepTime": False,
            "targetBlank": True,
        }

    others = {
        "type": "dashboards",
        "title": "Champion",
        "icon": "external link",
        "url": "",
        "tooltip": "",
        "tags": ["champion"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }
    return [
        others,
        head("Runbooks", "doc", RUNBOOKS, "What each alert means and what to do"),
        head("Failed runs", "bolt", explore(FAILED_RUNS), "Traces of the runs that failed in this time"),
    ]
