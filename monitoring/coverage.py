#!/usr/bin/env python3
"""Fails when an alert lacks a test or a runbook, or one of them names what does not exist.

A test group of promtool is named `<Alert> fires | is silent | at its boundary: what`. Each alert needs all three; a
group has to hold an assertion of its kind about its alert, so that a name alone proves nothing.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import yaml

MONITORING = Path(__file__).resolve().parent
RUNBOOKS = MONITORING.parent / "docs" / "runbooks"
RUNBOOK_URL = "https://github.com/champion-data/champion/blob/main/docs/runbooks/{}.md"
DASHBOARDS = ("overview", "pipeline-health", "data-quality", "circuit-breaker", "performance", "error-trends")
KINDS = ("fires", "is silent", "at its boundary")
NAME = re.compile(rf"(\w+) ({'|'.join(KINDS)}): \S.*")
NEVER_SILENT = {"DeadMansSwitch"}
"""Alerts that always fire."""
SEVERITIES = ("critical", "warning", "info")
SECTIONS = ("## Meaning", "## Impact", "## First look", "## Fix", "## Over when")

COMMANDS = ("champion ", "grep ", "tail ", "curl ", "docker ", "du ", "df ")
"""What an indented line of a runbook begins with when it is no expression of PromQL."""

Yaml = dict[str, Any]


def read(path: Path) -> Yaml:
    """Returns a YAML file."""
    loaded: Yaml = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def alerts() -> dict[str, Yaml]:
    """Returns every alert of the rendered rules by its name."""
    rules = [
        rule
        for file in sorted((MONITORING / "prometheus" / "rules").glob("*.yml"))
        for group in read(file)["groups"]
        for rule in group["rules"]
    ]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def assertions(group: Yaml, alert: str) -> tuple[int, int]:
    """Returns how often a group says that the alert fires, and that it does not."""
    fires = silent = 0
    for test in group.get("alert_rule_test", []):
        if test["alertname"] == alert:
            fires += bool(test.get("exp_alerts"))
            silent += not test.get("exp_alerts")
    for test in group.get("promql_expr_test", []):
        if f'ALERTS{{alertname="{alert}"' in test["expr"]:
            fires += bool(test.get("exp_samples")) and 'alertstate="firing"' in test["expr"]
            silent += not test.get("exp_samples") or 'alertstate="pending"' in test["expr"]
    return fires, silent


def problems_of_tests(known: dict[str, Yaml]) -> list[str]:
    """Names what the unit tests lack."""
    problems: list[str] = []
    proven: set[tuple[str, str]] = set()
    compared: set[str] = set()
    for file in sorted((MONITORING / "prometheus" / "tests").glob("*.test.yml")):
        for group in read(file)["tests"]:
            name = group.get("name", "")
            match = NAME.fullmatch(name)
            asked = {test["alertname"] for test in group.get("alert_rule_test", [])}
            for test in group.get("promql_expr_test", []):
                asked |= set(re.findall(r'ALERTS\{alertname="(\w+)"', test["expr"]))
            if unknown := asked - known.keys():
                problems.append(f"{file.name}: '{name}' asks for what is no alert: {', '.join(sorted(unknown))}")
            if match is None:
                problems.append(f"{file.name}: '{name}' is not '<Alert> {' | '.join(KINDS)}: …'")
                continue
            alert, kind = match.groups()
            fires, silent = assertions(group, alert)
            holds = {
                "fires": fires > 0,
                "is silent": silent > 0,
                "at its boundary": fires > 0 and (silent > 0 or alert in NEVER_SILENT),
            }
            if holds[kind]:
                proven.add((alert, kind))
            else:
                problems.append(f"{file.name}: '{name}' asserts nothing of the kind about {alert}")
            compared |= {test["alertname"] for test in group.get("alert_rule_test", []) if test.get("exp_alerts")}
    for alert in known:
        for kind in KINDS:
            if (alert, kind) not in proven and not (kind == "is silent" and alert in NEVER_SILENT):
                problems.append(f"{alert}: no test '{alert} {kind}: …'")
        if alert not in compared:
            problems.append(f"{alert}: no test compares its labels and its text")
    return problems


def problems_of_texts(known: dict[str, Yaml]) -> list[str]:
    """Names alerts without severity, text, runbook or dashboard, and runbooks without an alert."""
    problems: list[str] = []
    for alert, rule in known.items():
        labels, annotations = rule.get("labels", {}), rule.get("annotations", {})
        if labels.get("severity") not in SEVERITIES:
            problems.append(f"{alert}: severity is not one of {', '.join(SEVERITIES)}")
        if not labels.get("component"):
            problems.append(f"{alert}: no component")
        problems += [f"{alert}: no {text}" for text in ("summary", "description") if not annotations.get(text)]
        if annotations.get("runbook_url") != RUNBOOK_URL.format(alert):
            problems.append(f"{alert}: runbook_url is not {RUNBOOK_URL.format(alert)}")
        if annotations.get("dashboard") not in {f"/d/champion-{name}" for name in DASHBOARDS}:
            problems.append(f"{alert}: dashboard {annotations.get('dashboard')} is not known")
        page = RUNBOOKS / f"{alert}.md"
        if not page.exists():
            problems.append(f"{alert}: no page docs/runbooks/{alert}.md")
            continue
        text = page.read_text(encoding="utf-8")
        if not text.startswith(f"# {alert}\n"):
            problems.append(f"docs/runbooks/{alert}.md: the title is not '# {alert}'")
        if re.findall(r"^## .*", text, re.MULTILINE) != list(SECTIONS):
            problems.append(f"docs/runbooks/{alert}.md: the sections are not {', '.join(SECTIONS)}")
    for page in sorted(RUNBOOKS.glob("*.md")):
        if page.stem not in known:
            problems.append(f"docs/runbooks/{page.name}: no such alert")
    return problems


def problems_of_expressions() -> list[str]:
    """Names expressions of the runbooks that Prometheus cannot read."""
    rules: list[Yaml] = []
    for page in sorted(RUNBOOKS.glob("*.md")):
        expression = ""
        # A line that is indented further goes on with the expression before it.
        for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
            if expression and not line.startswith("      "):
                labels = {"line": str(len(rules))}
                rules.append({"record": f"runbook:{page.stem}", "expr": expression, "labels": labels})
                expression = ""
            if line.startswith("    ") and not line[4:].startswith(COMMANDS):
                expression += line.strip() + " "
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "runbooks", "rules": rules}]}, file)
        file.flush()
        checked = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
    if checked.returncode == 0:
        return []
    return [f"docs/runbooks: {line.removeprefix(file.name)}" for line in checked.stderr.splitlines() if line.strip()]


def problems_of_services(known: dict[str, Yaml]) -> list[str]:
    """Names services that are scraped and not watched, or the other way round."""
    with (MONITORING / "thresholds.toml").open("rb") as file:
        services = tomllib.load(file)["services"]
    scraped = {job["job_name"] for job in read(MONITORING / "prometheus" / "prometheus.yml")["scrape_configs"]}
    missed = set(re.findall(r'absent\(up\{job="([^"]+)"\}\)', known["ServiceDown"]["expr"]))
    watched = services["required"] + services["optional"]
    problems = [f"prometheus.yml: no job {service}" for service in watched if service not in scraped]
    for service in sorted(missed ^ set(services["required"])):
        problems.append(f"ServiceDown: absent() and [services] required disagree about {service}")
    return problems


def main() -> int:
    known = alerts()
    problems = problems_of_tests(known) + problems_of_texts(known)
    problems += problems_of_expressions() + problems_of_services(known)
    for problem in problems:
        print(f"monitoring: {problem}", file=sys.stderr)
    if not problems:
        print(f"{len(known)} alerts: each fires, is silent and has a boundary in the tests, and has its runbook")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
