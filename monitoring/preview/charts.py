"""Lines and bands over time, drawn with matplotlib as SVG; legends are HTML below them."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.dates
import matplotlib.pyplot as plt
from fields import IST, colour, number, written
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sources import Series

Json = dict[str, Any]

INK, FAINT, LINE = "#ccccdc", "#8e8e9b", "#2c2f37"
#: Colours of series in their order, as Grafana gives them.
PALETTE = (
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff780a",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#705da0",
    "#37872d",
    "#fade2a",
    "#3274d9",
    "#e0b400",
    "#c4162a",
    "#a352cc",
    "#56a64b",
    "#8f3bb8",
)

matplotlib.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "champion",
        "font.size": 8.5,
        "font.family": "DejaVu Sans",
        "text.color": INK,
        "axes.edgecolor": LINE,
    }
)


@dataclass(frozen=True)
class Mark:
    """A vertical line: a run that ended."""

    time: float
    color: str


@dataclass(frozen=True)
class Look:
    """How a series is drawn."""

    color: str
    dashed: bool


def series_looks(names: Sequence[str], overrides: Sequence[Json]) -> list[Look]:
    """The look of each series: fixed by its name, or the next colour of the palette."""
    chosen: list[Look] = []
    for index, name in enumerate(names):
        color, dashed = PALETTE[index % len(PALETTE)], False
        for override in overrides:
            if override["matcher"]["id"] != "byRegexp" or not re.search(
                override["matcher"]["options"].strip("/"), name
            ):
                continue
            for prop in override["properties"]:
                if prop["id"] == "color":
                    color = prop["value"]["fixedColor"]
                dashed = dashed or prop["id"] == "custom.lineStyle"
        chosen.append(Look(color, dashed))
    return chosen


def lines(
    lines_: Sequence[tuple[str, Series]],
    field: Json,
    looks: Sequence[Look],
    span: tuple[float, float],
    size: tuple[int, int],
    marks: Iterable[Mark],
) -> str:
    """Series over time, with threshold lines and marks."""
    figure, axes = _figure(size, span)
    custom = field["custom"]
    step = custom["lineInterpolation"] == "stepAfter"
    stacked = custom["stacking"]["mode"] == "normal"
    floor: dict[float, float] = {}
    for (_, one), look in zip(lines_, looks, strict=True):
        times = [datetime.fromtimestamp(time, IST) for time in one.times]
        base = [floor.get(time, 0.0) for time in one.times] if stacked else [0.0] * len(times)
        tops = [low + (value if math.isfinite(value) or not stacked else 0.0) for low, value in zip(base, one.values)]
        if stacked:
            floor.update(zip(one.times, tops))
        style: Any = (0, (3, 2)) if look.dashed else "-"
        axes.plot(
            times,
            tops,
            color=look.color,
            linewidth=custom["lineWidth"] * 0.8,
            drawstyle="steps-post" if step else "default",
            solid_capstyle="round",
            linestyle=style,
        )
        axes.fill_between(
            times,
            base,
            tops,
            color=look.color,
            alpha=custom["fillOpacity"] / 100,
            linewidth=0,
            step="post" if step else None,
        )
    _scale(axes, field, [value for _, one in lines_ for value in one.values], list(floor.values()))
    for mark in marks:
        axes.axvline(datetime.fromtimestamp(mark.time, IST), color=mark.color, linewidth=0.9, alpha=0.55, dashes=(3, 3))
    return _svg(figure)


def bands(lines_: Sequence[tuple[str, Series]], field: Json, span: tuple[float, float], size: tuple[int, int]) -> str:
    """States over time: a row a series, a band a state."""
    figure, axes = _figure(size, span)
    for row, (_, one) in enumerate(lines_):
        begin = 0
        for index in range(1, len(one.values) + 1):
            if index < len(one.values) and one.values[index] == one.values[begin]:
                continue
            first, last = one.times[begin], one.times[min(index, len(one.times) - 1)]
            left, right = (matplotlib.dates.date2num(datetime.fromtimestamp(time, IST)) for time in (first, last))
            axes.broken_barh([(left, right - left)], (row - 0.38, 0.76), color=colour(one.values[begin], field, LINE))
            if last - first > (span[1] - span[0]) * 0.08:
                axes.text(
                    left + (right - left) * 0.5,
                    row,
                    written(one.values[begin], field),
                    va="center",
                    ha="center",
                    color="white",
                    fontsize=9,
                )
            begin = index
    axes.set_yticks(range(len(lines_)), [name for name, _ in lines_])
    axes.set_ylim(len(lines_) - 0.5, -0.5)
    axes.grid(visible=False)
    return _svg(figure)


def _scale(axes: Axes, field: Json, values: list[float], tops: list[float]) -> None:
    highest = max((value for value in values + tops if math.isfinite(value)), default=0.0)
    limits = [step for step in field["thresholds"]["steps"] if step["value"] is not None]
    drawn = limits if field["custom"]["thresholdsStyle"]["mode"] != "off" else []
    highest = max(highest, field["custom"].get("axisSoftMax", 0.0))
    top = field.get("max", highest * 1.08 or 1.0)
    axes.set_ylim(field.get("min", 0), top)
    for step in drawn:
        if step["value"] <= top:
            axes.axhline(step["value"], color=step["color"], linewidth=1.2, dashes=(5, 3), alpha=0.9)
    axes.set_yticks(_ticks(axes.get_ylim()[1], field))
    axes.set_yticklabels(_tick_texts(list(axes.get_yticks()), field))


def _ticks(top: float, field: Json) -> list[float]:
    unit = 1.0
    if field.get("unit") == "bytes":
        unit = 1024.0 ** int(math.log(top, 1024))
    whole = field.get("decimals") == 0 and field.get("unit") in ("short", "locale")
    locator = MaxNLocator(4, integer=whole, steps=[1, 2, 2.5, 5, 10])
    return [tick * unit for tick in locator.tick_values(0, top / unit) if tick * unit <= top * 1.001]


def _tick_texts(ticks: list[float], field: Json) -> list[str]:
    """All ticks with the decimals that the distance between them needs."""
    step = (ticks[1] - ticks[0]) * (100 if field.get("unit") == "percentunit" else 1) if len(ticks) > 1 else 1.0
    decimals = next(digits for digits in range(9) if abs(step * 10**digits - round(step * 10**digits)) < 1e-6)
    scaled = field.get("unit") in ("bytes", "s", "short") and step >= 1
    return [number(tick, field | {"decimals": None if scaled and tick else decimals}) for tick in ticks]


def _figure(size: tuple[int, int], span: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = plt.figure(figsize=(size[0] / 96, size[1] / 96), dpi=96, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03)
    axes = figure.add_subplot()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    axes.set_xlim(*(datetime.fromtimestamp(time, IST) for time in span))
    axes.xaxis.set_major_locator(matplotlib.dates.AutoDateLocator(minticks=3, maxticks=max(3, size[0] // 90)))
    axes.xaxis.set_major_formatter(
        matplotlib.dates.DateFormatter("%H:%M" if span[1] - span[0] > 240 else "%H:%M:%S", tz=IST)
    )
    axes.tick_params(colors=FAINT, length=0, labelsize=8.5)
    axes.grid(color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
