"""One panel of a committed dashboard: ask what it asks, draw what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import charts
import tiles
from charts import Mark
from sources import Series, Sources, legend

Json = dict[str, Any]

HEAD, PADDING, LEGEND_LINE = 30, 12, 17


@dataclass(frozen=True)
class Drawn:
    """The inside of a panel, and whether anything came."""

    html: str
    is_empty: bool


def draw(panel: Json, sources: Sources, size: tuple[int, int], marks: Sequence[Mark]) -> Drawn:
    """Draws a panel of the given size in pixels."""
    inside = (size[0] - 2 * PADDING, size[1] - HEAD - PADDING)
    kind = panel["type"]
    if kind == "table":
        titles, rows = _rows(panel, sources)
        return Drawn(tiles.table(titles, rows, panel, inside) if rows else NOTHING, not rows)
    named = _named(panel, sources, instant=kind not in ("timeseries", "state-timeline"))
    if not named:
        return Drawn(NOTHING, True)
    if kind in INSTANT:
        return Drawn(INSTANT[kind](named, panel, inside), False)
    field = panel["fieldConfig"]["defaults"]
    span = (sources.start, sources.end)
    if kind == "state-timeline":
        return Drawn(charts.bands(named, field, span, inside), False)
    looks = charts.series_looks([name for name, _ in named], panel["fieldConfig"]["overrides"])
    names, lines = _legend([name for name, _ in named], looks, inside[0])
    chart = (inside[0], inside[1] - lines * LEGEND_LINE - 2)
    return Drawn(charts.lines(named, field, looks, span, chart, marks) + names, False)


NOTHING = '<p class="nothing">No data</p>'
INSTANT = {"stat": tiles.stats, "bargauge": tiles.bars, "gauge": tiles.dials}


def _named(panel: Json, sources: Sources, *, instant: bool) -> list[tuple[str, Series]]:
    found: list[tuple[str, Series]] = []
    ask = sources.instant if instant else sources.lines
    for target in panel["targets"]:
        series = ask(target["expr"], panel.get("interval", ""))
        named = [(legend(target["legendFormat"], one.labels), one) for one in series]
        found += named if target["expr"].startswith("topk") else sorted(named, key=lambda pair: pair[0])
    return found


def _rows(panel: Json, sources: Sources) -> tuple[list[str], list[list[Any]]]:
    """The columns and rows of a table, as Grafana's `merge` and `organize` make them."""
    targets = panel["targets"]
    if "rawSql" in targets[0]:
        return sources.rows(targets[0]["rawSql"])
    merged: dict[tuple[tuple[str, str], ...], Json] = {}
    for target in targets:
        column = f"Value #{target['refId']}" if len(targets) > 1 else "Value"
        for one in sources.instant(target["expr"]):
            labels = {name: value for name, value in one.labels.items() if name != "__name__"}
            merged.setdefault(tuple(sorted(labels.items())), dict(labels))[column] = one.values[-1]
    organize = panel["transformations"][1]["options"]
    columns = sorted(organize["indexByName"], key=organize["indexByName"].get)
    columns = [column for column in columns if not organize["excludeByName"].get(column)]
    rows = [
        [row.get(column, "" if column[:5] != "Value" else math.nan) for column in columns] for row in merged.values()
    ]
    titles = [organize["renameByName"].get(column, column) for column in columns]
    rows.sort(key=lambda row: [str(cell) for cell in row])
    for order in panel["options"]["sortBy"]:
        rows.sort(key=lambda row: str(row[titles.index(order["displayName"])]), reverse=order["desc"])
    return titles, rows


def _legend(names: Sequence[str], looks: Sequence[charts.Look], width: int) -> tuple[str, int]:
    lines, used = 1, 0.0
    for name in names:
        wide = 26 + 6.3 * len(name)
        if used + wide > width:
            lines, used = lines + 1, 0.0
        used += wide
    lines = min(lines, 3)
    entries = "".join(f'<span><i style="background:{look.color}"></i>{name}</span>' for name, look in zip(names, looks))
    return f'<div class="legend" style="height:{lines * LEGEND_LINE}px">{entries}</div>', lines
