"""Renders the rules of Prometheus: the sources in `rules/` with the values of `thresholds.toml` put in.

A source is a rule file in which `<<table.key>>` stands for a value and `<<table.key|form>>` for one written in another
form (see `FORMS`).
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator.thresholds import ThresholdError, Thresholds

SOURCES = Path(__file__).parent / "rules"
PLACEHOLDER = re.compile(r"<<\s*([a-z0-9_]+\.[a-z0-9_]+)\s*(?:\|\s*([a-z]+)\s*)?>>")
DURATION = re.compile(r"(\d+)(ms|[smhdw])")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def render(thresholds: Thresholds) -> dict[str, str]:
    """Returns the text of every rule file by its path below `monitoring/`."""
    used: set[str] = set()
    rendered: dict[str, str] = {}
    for source in sorted(SOURCES.glob("*.yml")):
        text = _fill(source, thresholds, used)
        head = f"# Rendered by monitoring/generate.py from generator/rules/{source.name} and thresholds.toml.\n"
        rendered[f"prometheus/rules/{source.name}"] = head + text
    known = {f"{table}.{key}" for table, entries in thresholds.items() for key in entries}
    if unused := sorted(known - used):
        raise ThresholdError(f"thresholds.toml: no rule reads {', '.join(unused)}")
    return rendered


def _fill(source: Path, thresholds: Thresholds, used: set[str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, form = match.group(1), match.group(2) or "plain"
        table, key = name.split(".")
        if key not in thresholds.get(table, {}):
            raise ThresholdError(f"{source.name}: <<{name}>> is not in thresholds.toml")
        if form not in FORMS:
            raise ThresholdError(f"{source.name}: <<{name}|{form}>>: the forms are {', '.join(FORMS)}")
        used.add(name)
        return FORMS[form](thresholds[table][key])

    text = PLACEHOLDER.sub(value, source.read_text(encoding="utf-8"))
    if stray := re.search(r".*(<<|>>).*", text):
        raise ThresholdError(f"{source.name}: not a placeholder: {stray.group(0).strip()}")
    return text


def seconds(duration: str) -> float:
    """Returns the seconds of a duration as Prometheus writes it: `90s`, `1h30m`."""
    parts = DURATION.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ThresholdError(f"'{duration}' is no duration")
    return sum(int(number) * SECONDS[unit] for number, unit in parts)


def _clock(time_of_day: str) -> str:
    hours, minutes = (int(part) for part in time_of_day.split(":"))
    return str(hours * 3600 + minutes * 60)


FORMS: dict[str, Callable[[Any], str]] = {
    "plain": str,
    "percent": lambda ratio: f"{round(ratio * 100, 6):g} %",
    "seconds": lambda duration: f"{seconds(duration):g}",
    "clock": _clock,
    "regex": "|".join,
    "gibibytes": lambda size: f"{size / 2**30:g} GiB",
}
"""How a value is written: a ratio as `percent`, a duration in `seconds`, a time of day (`clock`) in seconds after
midnight, a list as an alternation (`regex`), a size in `gibibytes`."""
