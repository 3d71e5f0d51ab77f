"""Reads `thresholds.toml` and its overrides."""

import tomllib
from pathlib import Path
from typing import Any

Thresholds = dict[str, dict[str, Any]]


class ThresholdError(Exception):
    """A value that is missing, unknown, unused or of the wrong kind; the text names it."""


def load(path: Path, overrides: Path | None = None) -> Thresholds:
    """Returns the tables of `path`, with the values of `overrides` in place of its own."""
    values = _read(path)
    if overrides is not None:
        for table, entries in _read(overrides).items():
            for key, value in entries.items():
                name = f"{table}.{key}"
                if key not in values.get(table, {}):
                    raise ThresholdError(f"{overrides}: {name} is not in {path.name}")
                if type(value) is not type(values[table][key]):
                    raise ThresholdError(f"{overrides}: {name} is of another kind than in {path.name}")
                values[table][key] = value
    return values


def _read(path: Path) -> Thresholds:
    with path.open("rb") as file:
        values = tomllib.load(file)
    for name, entries in values.items():
        if not isinstance(entries, dict):
            raise ThresholdError(f"{path}: {name} stands in no table")
    return values
