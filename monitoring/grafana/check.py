#!/usr/bin/env python3
"""Checks the committed dashboards and the provisioning beside them; names what is wrong and fails.

check.py [FOLDER]    FOLDER holds the dashboards, `dashboards` beside this file by default
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard

HERE = Path(__file__).resolve().parent
RUNBOOKS = HERE.parents[1] / "docs" / "runbooks"
#: Panels this Grafana draws by itself; what is not here is deprecated (graph, singlestat, table-old) or a plugin.
KINDS = {"stat", "gauge", "bargauge", "timeseries", "table", "state-timeline"}
#: Grafana's own variables; `__rate_interval` is the window of every rate.
BUILT_IN = {"__range", "__rate_interval", "__from", "__to", "__timeFilter", "__all", "__data"}
VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")
PAIRS = {")": "(", "]": "[", "}": "{"}
SCHEMA_VERSION = 39
#: What the dashboards, the links between them and the pages of alerts name.
DATASOURCES = {"champion-prometheus", "champion-loki", "champion-tempo", "champion-clickhouse"}
UID = re.compile(r"champion-(?:prometheus|loki|tempo|clickhouse)\b")
MOUNTED = "/var/lib/grafana/dashboards"

Json = dict[str, Any]


def problems(dashboard: Json, runbooks: Path = RUNBOOKS) -> Iterator[str]:
    """Yields a sentence for each thing wrong with one dashboard."""
    read = Dashboard.from_json(dashboard)
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    if (read.title, read.uid) != (dashboard.get("title"), dashboard.get("uid")) or not read.title or not read.uid:
        yield "the SDK reads another title or uid"
    if len(read.panels or []) != len(dashboard["panels"]):
        yield "the SDK reads another number of panels"
    if dashboard.get("id") is not None or "dashboard" in dashboard:
        yield "it is an export and not bare JSON"
    if dashboard.get("schemaVersion", 0) < SCHEMA_VERSION:
        yield f"schemaVersion is below {SCHEMA_VERSION}"
    if "champion" not in dashboard.get("tags", []):
        yield "the tag that links the dashboards is missing"
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        yield "two panels have one id"
    yield from _grid(dashboard["panels"])
    yield from _variables(dashboard)
    for panel in panels:
        for problem in _panel(panel, runbooks):
            yield f"{panel.get('title', 'a panel')!r}: {problem}"


def expressions(dashboard: Json) -> Iterator[str]:
    """Yields every PromQL expression: those of panels, then those of annotations."""
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []) if "expr" in target)
    yield from (mark["expr"] for mark in dashboard["annotations"]["list"] if "expr" in mark)


def _grid(panels: list[Json]) -> Iterator[str]:
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > 24 or min(place["w"], place["h"]) < 1:
            yield f"{panel['title']!r} is outside the grid"
    for one, other in itertools.combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        if (
            a["x"] < b["x"] + b["w"]
            and b["x"] < a["x"] + a["w"]
            and a["y"] < b["y"] + b["h"]
            and b["y"] < a["y"] + a["h"]
        ):
            yield f"{one['title']!r} and {other['title']!r} overlap"


def _variables(dashboard: Json) -> Iterator[str]:
    declared = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    source = declared.get("datasource", {})
    if source.get("type") != "datasource" or source.get("current", {}).get("value") != "champion-prometheus":
        yield "the variable of the datasource is missing or points elsewhere"
    text = json.dumps([dashboard["panels"], dashboard["annotations"], dashboard["templating"]])
    used = {name for pair in VARIABLE.findall(text) for name in pair if name}
    if unknown := used - declared.keys() - BUILT_IN:
        yield f"variables nobody declares: {', '.join(sorted(unknown))}"
    if idle := declared.keys() - used:
        yield f"variables that change nothing: {', '.join(sorted(idle))}"


def _panel(panel: Json, runbooks: Path) -> Iterator[str]:
    if panel["type"] not in KINDS:
        yield f"{panel['type']} is not one of the kinds in use"
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if not defaults.get("unit"):
        yield "no unit"
    if not defaults.get("thresholds", {}).get("steps"):
        yield "no thresholds"
    if len(panel.get("description", "")) < 20:
        yield "no description"
    if not panel.get("datasource", {}).get("uid", "").startswith("${"):
        yield "its datasource is not the variable"
    targets = panel.get("targets", [])
    if not targets:
        yield "it asks nothing"
    if len({target["refId"] for target in targets}) != len(targets):
        yield "two queries have one refId"
    for target in targets:
        if target["datasource"] != panel["datasource"]:
            yield f"query {target['refId']} asks another datasource"
        yield from _expression(target.get("expr") or target.get("rawSql") or "", "expr" in target)
    for link in panel.get("links", []):
        page = runbooks / link["url"].rpartition("/")[2]
        if not page.is_file():
            yield f"the runbook {page.name} does not exist"


def _expression(text: str, is_promql: bool) -> Iterator[str]:
    if not text.strip():
        yield "an empty query"
    open_ones: list[str] = []
    for sign in re.sub(r"\"[^\"]*\"|'[^']*'", "", text):
        if sign in PAIRS.values():
            open_ones.append(sign)
        elif sign in PAIRS and (not open_ones or open_ones.pop() != PAIRS[sign]):
            open_ones = ["?"]
            break
    if open_ones:
        yield f"brackets do not close: {text}"
    if is_promql and re.search(r"\bi?rate\(", text) and not re.search(r"\bi?rate\([^()]*\[\$__rate_interval\]\)", text):
        yield f"a rate over another window than $__rate_interval: {text}"


def check(folder: Path) -> list[str]:
    """Returns everything wrong with the dashboards of a folder."""
    files = sorted(folder.glob("*.json"))
    found = [] if files else [f"no dashboard in {folder}"]
    uids: set[str] = set()
    for file in files:
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        found += [f"{file.name}: {problem}" for problem in problems(dashboard)]
        if dashboard["uid"] in uids or dashboard["uid"] != file.stem:
            found.append(f"{file.name}: its uid is taken, or the file is not called after it")
        uids.add(dashboard["uid"])
    return found


def provisioning(folder: Path) -> Iterator[str]:
    """Yields a sentence for each thing wrong with the provisioned datasources and dashboards."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((folder / "datasources").glob("*.yml"))]
    given = [source for text in texts for source in yaml.safe_load(text)["datasources"]]
    uids = [source.get("uid") for source in given]
    if set(uids) != DATASOURCES or len(set(uids)) != len(uids):
        yield f"the datasources' uids are {uids}"
    if [source["uid"] for source in given if source.get("isDefault")] != ["champion-prometheus"]:
        yield "one datasource is the default, and it is Prometheus"
    named = {uid for source in given for uid in UID.findall(json.dumps(source.get("jsonData", {})))}
    if not {"champion-tempo", "champion-loki", "champion-prometheus"} <= named:
        yield "logs lead to traces, traces to logs and to metrics: one of these links is missing"
    for source in given:
        for field in source["jsonData"].get("derivedFields", []):
            pattern = field["matcherRegex"]
            if field["matcherType"] == "regex" and not re.search(pattern, '{"trace_id":"' + "0a" * 16 + '"}'):
                yield f"the derived field {field['name']!r} does not find a trace id in a log line"
        secrets = source.get("secureJsonData", {})
        if any(not str(secret).startswith("$__file{") for secret in secrets.values()):
            yield f"{source['name']}: a secret that is not read from a file"
    files = sorted((folder / "dashboards").glob("*.yml"))
    paths = [
        provider["options"]["path"]
        for file in files
        for provider in yaml.safe_load(file.read_text(encoding="utf-8"))["providers"]
    ]
    if paths != [MOUNTED]:
        yield f"the dashboards are looked for in {paths}"


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "dashboards"
    found = check(folder) + [f"provisioning: {problem}" for problem in provisioning(HERE / "provisioning")]
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        panels = sum(len(json.loads(file.read_text(encoding="utf-8"))["panels"]) for file in folder.glob("*.json"))
        print(f"{len(list(folder.glob('*.json')))} dashboards, {panels} panels and sections: sound")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
