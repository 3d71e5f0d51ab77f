"""Tables: of several expressions that share labels, or of a query of the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .palette import GOOD
from .panel import Query, panel_of, targets_of

Json = dict[str, Any]

#: What a cell shows its colour with.
CELLS: dict[str, Json] = {
    "text": {"type": "color-text"},
    "bar": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
}
WAREHOUSE: Json = {"type": "grafana-clickhouse-datasource", "uid": "${warehouse}"}


@dataclass(frozen=True)
class Column:
    """A column of numbers in a table."""

    title: str
    expr: str
    unit: str = "short"
    decimals: int | None = None
    mappings: list[Json] = field(default_factory=list)
    thresholds: Json | None = None
    #: A key of `CELLS`: what the thresholds and mappings colour.
    paint: str = ""


def _table_body(targets: list[Json], overrides: list[Json], unit: str = "short") -> Json:
    return {
        "targets": targets,
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "color": {"mode": "thresholds"},
                "thresholds": GOOD,
                "mappings": [],
                "noValue": "–",
                "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": False},
            },
            "overrides": overrides,
        },
        "options": {
            "showHeader": True,
            "cellHeight": "sm",
            "sortBy": [],
            "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
        },
    }


def _link_override(titles: dict[str, Json]) -> list[Json]:
    return [
        {"matcher": {"id": "byName", "options": title}, "properties": [{"id": "links", "value": [link]}]}
        for title, link in titles.items()
    ]


def table(
    title: str,
    description: str,
    keys: dict[str, str],
    columns: Sequence[Column],
    *,
    cell_links: dict[str, Json] | None = None,
    paint: dict[str, dict[str, str]] | None = None,
    sort: tuple[str, bool] | None = None,
    alerts: Sequence[str] = (),
) -> Json:
    """One row a set of labels: `keys` names the labels and their titles, each column is an expression.

    `paint` gives texts of a label their colours; `sort` names a column and whether it falls.
    """
    targets = targets_of([Query(column.expr) for column in columns], instant=True, table=True)
    values = {
        f"Value #{target['refId']}" if len(columns) > 1 else "Value": column for target, column in zip(targets, columns)
    }
    order = [*keys, *values]
    overrides = [_column_override(column) for column in columns] + _link_override(cell_links or {})
    overrides += _painted(paint or {})
    body = _table_body(targets, overrides)
    if sort:
        body["options"]["sortBy"] = [{"displayName": sort[0], "desc": sort[1]}]
    return panel_of(
        "table",
        title,
        description,
        alerts,
        body
        | {
            "transformations": [
                {"id": "merge", "options": {}},
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": {"Time": True},
                        "indexByName": {name: index for index, name in enumerate(order)},
                        "renameByName": keys | {name: column.title for name, column in values.items()},
                    },
                },
            ],
        },
    )


def _painted(columns: dict[str, dict[str, str]]) -> list[Json]:
    overrides: list[Json] = []
    for name, texts in columns.items():
        options = {
            text: {"text": text, "color": color, "index": index} for index, (text, color) in enumerate(texts.items())
        }
        properties = [
            {"id": "mappings", "value": [{"type": "value", "options": options}]},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
        overrides.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
    return overrides


def _column_override(column: Column) -> Json:
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.mappings:
        properties.append({"id": "mappings", "value": column.mappings})
    if column.thresholds:
        properties.append({"id": "thresholds", "value": column.thresholds})
    if column.paint:
        properties.append({"id": "custom.cellOptions", "value": CELLS[column.paint]})
    if column.paint == "bar":
        properties += [{"id": "min", "value": 0}]
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def warehouse_table(
    title: str,
    description: str,
    sql: str,
    *,
    units: dict[str, str],
    cell_links: dict[str, Json] | None = None,
    paint: dict[str, dict[str, str]] | None = None,
) -> Json:
    """The answer of the warehouse to a query; `paint` gives texts of a column their colours."""
    target = {
        "refId": "A",
        "datasource": WAREHOUSE,
        "editorType": "sql",
        "queryType": "table",
        "format": 1,
        "rawSql": sql,
        "pluginVersion": "4.0.0",
    }
    overrides: list[Json] = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, unit in units.items()
    ]
    overrides += _painted(paint or {})
    body = _table_body([target], overrides + _link_override(cell_links or {}))
    return panel_of("table", title, description, (), body) | {"datasource": WAREHOUSE}
