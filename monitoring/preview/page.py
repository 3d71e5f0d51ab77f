"""All dashboards as one static page: the grid, the titles and the words as Grafana shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from charts import Mark
from fields import IST
from panels import draw
from sources import Sources

Json = dict[str, Any]

WIDTH, ROW, GAP, EDGE, HEADER = 1560, 30, 8, 16, 100
STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def marks_of(dashboard: Json, sources: Sources) -> list[Mark]:
    """The annotations that are switched on: a mark where an expression begins to hold."""
    marks = []
    for annotation in dashboard["annotations"]["list"]:
        if not annotation["enable"] or "expr" not in annotation:
            continue
        for one in sources.lines(annotation["expr"]):
            before = None
            for time in one.times:
                if before is None or time - before > 1.5 * sources.step():
                    marks.append(Mark(time, annotation["iconColor"]))
                before = time
    return marks


def section(dashboard: Json, sources: Sources) -> tuple[str, list[str]]:
    """One dashboard, and the titles of its panels that got no data."""
    marks = marks_of(dashboard, sources)
    cells, empty = [], []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        where = f"grid-column:{place['x'] + 1}/span {place['w']};grid-row:{place['y'] + 1}/span {place['h']}"
        if panel["type"] == "row":
            cells.append(f'<h3 style="{where}">{escape(panel["title"])}</h3>')
            continue
        column = (WIDTH - 2 * EDGE + GAP) / 24
        size = (int(place["w"] * column) - GAP - 2, place["h"] * (ROW + GAP) - GAP - 2)
        drawn = draw(panel, sources, size, marks)
        if drawn.is_empty:
            empty.append(panel["title"])
        description = escape(panel["description"], quote=True)
        cells.append(
            f'<article style="{where}"><h2>{escape(panel["title"])}<i title="{description}">i</i></h2>'
            f'<div class="in">{drawn.html}</div></article>'
        )
    chips = "".join(
        f'<span class="chip">{escape(variable["label"])}<b>All</b></span>'
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    )
    begin, end = (datetime.fromtimestamp(time, IST).strftime("%H:%M") for time in (sources.start, sources.end))
    head = (
        f"<header><h1>{escape(dashboard['title'])}<small>{escape(dashboard['description'])}</small></h1>{chips}"
        f'<span class="chip">{begin} – {end}<b>IST</b></span></header>'
    )
    return f'<section id="{dashboard["uid"]}">{head}<div class="grid">{"".join(cells)}</div></section>', empty


def height(dashboard: Json) -> int:
    """Pixels one dashboard needs."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    return HEADER + rows * (ROW + GAP)


def page(dashboards: Sequence[Json], sections: Sequence[str]) -> str:
    """The whole page; `#uid` shows one dashboard alone."""
    tabs = "".join(f'<a href="#{one["uid"]}">{escape(one["title"])}</a>' for one in dashboards)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Champion dashboards</title>'
        f"<style>{STYLE}</style><nav>{tabs}</nav><main>{''.join(sections)}</main></html>\n"
    )
