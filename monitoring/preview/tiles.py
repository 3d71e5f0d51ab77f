"""Panels without a time axis as HTML: stats, bars, dials and tables."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import fields
from sources import Series

Json = dict[str, Any]

INK = "#d8d9e0"
#: A text of more characters takes the room that is left.
LONG = 40


def stats(values: list[tuple[str, Series]], panel: Json, size: tuple[int, int]) -> str:
    """Large values, side by side in a wide panel and below each other in a high one."""
    field, fill = panel["fieldConfig"]["defaults"], panel["options"]["colorMode"] == "background_solid"
    aside = size[0] > size[1]
    room = size[0] / max(1, len(values)) if aside else size[0]
    texts = [fields.written(one.values[-1], field) for _, one in values]
    high = size[1] if aside else size[1] / len(values)
    longest = max(3.2, max(len(text) for text in texts) * 0.68)
    large = int(max(13, min(42, room / longest, high * (0.42 if len(values) > 1 else 0.5))))
    tiles = []
    for (name, one), text in zip(values, texts, strict=True):
        tint = fields.colour(one.values[-1], overrides_of(panel, name), INK)
        style = f"background:{tint};color:#fff" if fill else f"color:{tint}"
        label = f'<span class="name{"" if fill else " plain"}">{escape(name)}</span>' if len(values) > 1 else ""
        tiles.append(
            f'<div class="tile" style="{style}">{label}<b style="font-size:{large}px">{escape(text)}</b></div>'
        )
    return f'<div class="tiles {"aside" if aside else "below"}">{"".join(tiles)}</div>'


def bars(values: list[tuple[str, Series]], panel: Json, size: tuple[int, int]) -> str:
    """A bar a series, on one scale."""
    field = panel["fieldConfig"]["defaults"]
    finite = [one.values[-1] for _, one in values if math.isfinite(one.values[-1])]
    top = field.get("max") or max(finite, default=0.0) or 1.0
    high = int(min(26, max(10, size[1] / max(1, len(values)) - 7)))
    rows = []
    for name, one in values:
        value = one.values[-1]
        share = min(1.0, max(0.0, value / top)) if math.isfinite(value) else 0.0
        tint = fields.colour(value, field, INK)
        rows.append(
            f'<span class="name">{escape(name)}</span><span class="bar" style="height:{high}px">'
            f'<i style="width:{share * 100:.1f}%;background:{tint}"></i></span>'
            f'<span class="value" style="color:{tint}">{escape(fields.written(value, field))}</span>'
        )
    return f'<div class="bars">{"".join(rows)}</div>'


def dials(values: list[tuple[str, Series]], panel: Json, size: tuple[int, int]) -> str:
    """A dial a series, with the thresholds on the rim."""
    field = panel["fieldConfig"]["defaults"]
    return f'<div class="dials">{"".join(_dial(name, one.values[-1], field, size) for name, one in values)}</div>'


def _dial(name: str, value: float, field: Json, size: tuple[int, int]) -> str:
    top = field["max"]
    share = min(1.0, max(0.0, value / top)) if math.isfinite(value) else 0.0
    steps = field["thresholds"]["steps"]
    starts = [0.0, *(min(1.0, step["value"] / top) for step in steps[1:]), 1.0]
    rim = "".join(
        _arc(98, 5, begin, end, step["color"]) for step, begin, end in zip(steps, starts, starts[1:], strict=False)
    )
    tint = fields.colour(value, field, INK)
    high = size[1] - 26
    return (
        f'<div class="dial"><svg viewBox="-105 -105 210 150" height="{high}">{_arc(84, 20, 0, 1, "#24272e")}'
        f"{_arc(84, 20, 0, share, tint) if share else ''}{rim}"
        f'<text y="8" text-anchor="middle" font-size="36" font-weight="600" fill="{tint}">'
        f'{escape(fields.written(value, field))}</text></svg><span class="name">{escape(name)}</span></div>'
    )


def _arc(radius: float, width: float, begin: float, end: float, color: str) -> str:
    sweep = math.pi * 1.2

    def point(share: float) -> str:
        angle = math.pi * 0.9 + sweep * share
        return f"{radius * math.cos(angle):.2f} {radius * math.sin(angle):.2f}"

    far = 1 if (end - begin) * sweep > math.pi else 0
    return (
        f'<path d="M {point(begin)} A {radius} {radius} 0 {far} 1 {point(end)}" fill="none" '
        f'stroke="{color}" stroke-width="{width}"/>'
    )


def overrides_of(panel: Json, title: str) -> Json:
    """The defaults of a panel with what it says of one column."""
    field = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byName", "options": title}:
            for prop in override["properties"]:
                field[prop["id"]] = prop["value"]
    return field


def table(titles: list[str], rows: list[list[Any]], panel: Json, size: tuple[int, int]) -> str:
    """A table whose cells are written and coloured as its overrides say."""
    looks = [overrides_of(panel, title) for title in titles]
    numeric = [all(not isinstance(row[index], str) for row in rows) for index in range(len(titles))]
    head = "".join(f'<th class="{"n" if right else ""}">{escape(t)}</th>' for t, right in zip(titles, numeric))
    largest = [
        max((row[index] for row in rows if math.isfinite(row[index])), default=0.0) if right else 0.0
        for index, right in enumerate(numeric)
    ]
    lines = []
    for row in rows[: max(1, (size[1] - 26) // 25)]:
        cells = [_cell(*parts) for parts in zip(row, looks, numeric, largest)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(value: Any, field: Json, right: bool, largest: float) -> str:
    if field.get("unit") == "dateTimeAsIso" and isinstance(value, str):
        text = fields.moment(value)
    elif isinstance(value, str) and field.get("unit") in ("locale", "s") and value:
        text = fields.number(float(value), field)
    else:
        text = fields.written(value, field)
    text = f"<u>{escape(text)}</u>" if "links" in field else escape(text)
    look = field.get("custom.cellOptions", {}).get("type", "")
    tint = fields.colour(value, field, INK)
    if look == "gauge" and not isinstance(value, str) and math.isfinite(value):
        width = max(0.0, value / (largest or 1.0)) * 100
        bar = f'<span class="bar"><i style="width:{width:.1f}%;background:{tint}"></i></span>'
        return f'<td class="in-bar">{bar}<span style="color:{tint}">{text}</span></td>'
    style = f' style="color:{tint}"' if look == "color-text" else ""
    kind = "n" if right else "long" if len(str(value)) > LONG else ""
    return f'<td class="{kind}"{style}>{text}</td>'
