"""How Grafana writes a number: units, value mappings and threshold colours, for the units the dashboards use."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Json = dict[str, Any]

#: The dashboards' time zone.
IST = timezone(timedelta(hours=5, minutes=30))
EMPTY = "–"


def written(value: float | str | None, field: Json) -> str:
    """The text of a value in a field: its mapping, or the number with its unit."""
    if mapped := _mapped(value, field):
        return mapped.get("text") or number(value, field)
    return number(value, field)


def colour(value: float | str | None, field: Json, neutral: str) -> str:
    """The colour of a value: that of its mapping, or of the highest threshold it reaches."""
    mapped = _mapped(value, field)
    if mapped and mapped.get("color"):
        return str(mapped["color"])
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return neutral
    reached = neutral
    for step in field.get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            reached = step["color"]
    return neutral if reached == "text" else reached


def number(value: float | str | None, field: Json) -> str:
    """A number with its unit."""
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return str(field.get("noValue", EMPTY))
    unit, decimals = field.get("unit", "short"), field.get("decimals")
    if unit == "percentunit":
        return f"{_plain(value * 100, 1 if decimals is None else decimals)} %"
    if unit == "s":
        return _seconds(value, decimals)
    if unit == "bytes":
        return _scaled(value, decimals, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))
    if unit == "reqps":
        return f"{_plain(value, 2 if decimals is None else decimals)} req/s"
    if unit == "locale":
        return f"{value:,.{decimals or 0}f}"
    if unit == "time:YYYY-MM-DD":
        return datetime.fromtimestamp(value / 1000, IST).strftime("%Y-%m-%d")
    if unit == "short":
        return _scaled(value, decimals, 1000, ("", "K", "Mil", "Bil"))
    return _plain(value, decimals)


def moment(text: str) -> str:
    """A time the warehouse wrote (UTC), in the dashboards' zone."""
    at = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    return at.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")


def _mapped(value: float | str | None, field: Json) -> Json | None:
    for mapping in field.get("mappings", []):
        key = value if isinstance(value, str) else f"{value:g}" if value is not None else ""
        if key in mapping["options"]:
            return mapping["options"][key]
    return None


def _plain(value: float, decimals: int | None) -> str:
    if decimals is None:
        decimals = 0 if value == round(value) else 2 if abs(value) < 10 else 1
    return f"{value:.{decimals}f}"


def _scaled(value: float, decimals: int | None, base: int, names: tuple[str, ...]) -> str:
    size = 0
    while abs(value) >= base and size < len(names) - 1:
        value /= base
        size += 1
    if size:
        decimals = max(decimals or 0, 0 if value == round(value) else 1)
    return f"{_plain(value, decimals)} {names[size]}".rstrip()


def _seconds(value: float, decimals: int | None) -> str:
    if value == 0:
        return "0 s"
    if abs(value) < 1 and decimals != 0:
        return f"{value * 1000:.0f} ms"
    for size, name in ((86400 * 7, "weeks"), (86400, "days"), (3600, "hours"), (60, "mins")):
        if abs(value) >= size:
            return f"{value / size:.1f} {name}"
    return f"{_plain(value, decimals)} s"
