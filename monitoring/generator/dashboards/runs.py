"""Tables of runs with their traces: read from the spans in the warehouse, for a metric carries no trace id."""

from __future__ import annotations

from typing import Any

from . import links
from .palette import GREEN, RED
from .tables import warehouse_table

Json = dict[str, Any]

COMMON = """SELECT Timestamp AS started,
       SpanAttributes['champion.dataset'] AS dataset,
       concat(SpanAttributes['champion.from_date'],
              if(SpanAttributes['champion.from_date'] = SpanAttributes['champion.to_date'], '',
                 concat(' … ', SpanAttributes['champion.to_date']))) AS sessions,
       {columns}
FROM otel_traces
WHERE $__timeFilter(Timestamp) AND ServiceName = 'champion-orchestrator' AND SpanName LIKE 'run %'
      AND SpanAttributes['champion.run_id'] != ''{where}
ORDER BY started DESC
LIMIT 10"""
LATEST = """if(StatusCode = 'Error', 'failed', 'success') AS outcome,
       Duration / 1e9 AS took,
       toUInt64OrZero(SpanAttributes['champion.rows']) AS rows,
       SpanAttributes['champion.run_id'] AS run,
       TraceId AS trace"""
FAILED = """TraceId AS trace,
       StatusMessage AS reason"""
UNITS = {"started": "dateTimeAsIso", "dataset": "string", "took": "s", "rows": "locale"}


def latest() -> Json:
    """The latest runs, however they ended."""
    return warehouse_table(
        "Latest runs",
        "The newest runs of the time chosen; the trace id opens the run in the trace store. All datasets, whatever is "
        "chosen above.",
        COMMON.format(columns=LATEST, where=""),
        units=UNITS,
        cell_links={"trace": links.trace("trace")},
        paint={"outcome": {"success": GREEN, "failed": RED}},
    )


def failed() -> Json:
    """The latest runs that failed, with the reason."""
    return warehouse_table(
        "Latest failed runs",
        "The newest runs of the time chosen that failed, and why; the trace id opens the run in the trace store. All "
        "datasets, whatever is chosen above.",
        COMMON.format(columns=FAILED, where=" AND StatusCode = 'Error'"),
        units=UNITS,
        cell_links={"trace": links.trace("trace")},
    )
