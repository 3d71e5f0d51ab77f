#!/usr/bin/env python3
"""Prints alertmanager.yml with short waits and with receivers on this machine, for tests that see what is sent.

    override.py monitoring/overrides/alertmanager-fast.toml --http http://127.0.0.1:8080 --smtp 127.0.0.1:2525 --secrets DIR

Slack's messages then go to HTTP/slack, PagerDuty's events to HTTP/pagerduty, the heartbeat to HTTP/heartbeat and mails to SMTP. Each
receiver also sends Alertmanager's own JSON to HTTP/copy/<receiver>. DIR receives the secrets, none of which is one.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import Any, Iterator

import yaml

HERE = Path(__file__).resolve().parent
SECRETS = "/run/secrets"
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(duration: str) -> float:
    """Reads a duration such as `1h30m`."""
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", duration))


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walks a route and all below it."""
    yield route
    for child in route.get("routes", []):
        yield from routes(child)


def shorten(config: dict[str, Any], override: dict[str, Any]) -> None:
    """Shortens the waits of every route."""
    for route in routes(config["route"]):
        for key, limit in override["at_most"].items():
            if key in route and seconds(route[key]) > seconds(limit):
                route[key] = limit
        route.update(override["receivers"].get(route["receiver"], {}))


def redirect(config: dict[str, Any], http: str, smtp: str) -> None:
    """Leads every receiver to this machine; fails on an integration that is not known here, which would reach out."""
    known = {"slack_configs", "pagerduty_configs", "email_configs", "webhook_configs"}
    config["global"] |= {"pagerduty_url": f"{http}/pagerduty", "smtp_smarthost": smtp, "smtp_require_tls": False}
    for receiver in config["receivers"]:
        if unknown := receiver.keys() - known - {"name"}:
            raise SystemExit(f"{receiver['name']}: {unknown} would reach out")
        webhooks = receiver.setdefault("webhook_configs", [])
        for webhook in webhooks:
            webhook["url"] = f"{http}/{receiver['name']}"
        webhooks.append({"url": f"{http}/copy/{receiver['name']}", "send_resolved": True})


def main() -> None:
    """Reads the product's configuration and the override, and prints the result as JSON, which is YAML too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("override", type=Path)
    parser.add_argument("--http", required=True)
    parser.add_argument("--smtp", required=True)
    parser.add_argument("--secrets", required=True, type=Path)
    arguments = parser.parse_args()
    config = yaml.safe_load((HERE / "alertmanager.yml").read_text())
    shorten(config, tomllib.loads(arguments.override.read_text()))
    redirect(config, arguments.http, arguments.smtp)
    config["templates"] = [str(HERE / pattern) for pattern in config["templates"]]
    text = json.dumps(config, indent=2)
    for name in sorted(set(re.findall(rf"{SECRETS}/(\w+)", text))):
        content = f"{arguments.http}/slack" if name == "slack_api_url" else f"{name} of the tests"
        (arguments.secrets / name).write_text(content)
    print(text.replace(SECRETS, str(arguments.secrets)))


if __name__ == "__main__":
    main()
