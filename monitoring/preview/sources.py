"""Asks what the panels ask: a real Prometheus and the warehouse, with Grafana's variables filled in as Grafana does."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

#: The database of the provisioned datasource.
DATABASE = "champion"
#: Points a line may have: about one a pixel, as in Grafana.
POINTS = 600


@dataclass(frozen=True)
class Series:
    """A line, or one number when it was asked for an instant."""

    labels: dict[str, str]
    times: list[float]
    values: list[float]


@dataclass(frozen=True)
class Sources:
    """Where to ask, and for which time."""

    prometheus: str
    warehouse: str
    start: float
    end: float
    scrape_seconds: float
    #: The password of the warehouse; empty for none.
    password: str = ""

    def services(self) -> str:
        """The value of "All" of a variable without one of its own: every service there is."""
        answer = self._prometheus("series", {"match[]": "champion_build_info", "start": self.start, "end": self.end})
        return f"({'|'.join(sorted({labels['job'] for labels in answer}))})"

    def fill_in(self, text: str, interval: str = "") -> str:
        """Puts values in place of the variables of an expression."""
        step = self.step(interval)
        values = {
            "dataset": ".*",
            "instance": ".*",
            "service": self.services() if "service" in text else "",
            "__range": f"{int(self.end - self.start)}s",
            "__rate_interval": f"{int(max(step + self.scrape_seconds, 4 * self.scrape_seconds))}s",
        }
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: values[match[1] or match[2]], text)

    def step(self, interval: str = "") -> float:
        """Grafana's `$__interval`: the time of a point, and never less than the panel's minimum."""
        least = {"": self.scrape_seconds, "5m": 300.0}[interval]
        return max(least, (self.end - self.start) / POINTS)

    def instant(self, expr: str, interval: str = "") -> list[Series]:
        """The value of an expression at the end of the time."""
        answer = self._prometheus("query", {"query": self.fill_in(expr, interval), "time": self.end})
        if answer["resultType"] == "scalar":
            return [Series({}, [self.end], [float(answer["result"][1])])]
        return [Series(sample["metric"], [self.end], [float(sample["value"][1])]) for sample in answer["result"]]

    def lines(self, expr: str, interval: str = "") -> list[Series]:
        """The values of an expression over the time."""
        # A minimum step widens the window of a rate; the points stay close so that the picture is not ragged.
        step = self.step()
        answer = self._prometheus(
            "query_range",
            {"query": self.fill_in(expr, interval), "start": self.start, "end": self.end, "step": step},
        )
        return [
            Series(
                sample["metric"],
                [time for time, _ in sample["values"]],
                [float(value) for _, value in sample["values"]],
            )
            for sample in answer["result"]
        ]

    def rows(self, sql: str) -> tuple[list[str], list[list[Any]]]:
        """Names of columns and rows of the warehouse's answer."""
        within = f"(\\1 >= toDateTime({int(self.start)}) AND \\1 <= toDateTime({int(self.end) + 1}))"
        sql = re.sub(r"\$__timeFilter\((\w+)\)", within, sql)
        request = urllib.request.Request(f"{self.warehouse}/?database={DATABASE}", f"{sql} FORMAT JSONCompact".encode())
        if self.password:
            request.add_header("X-ClickHouse-Key", self.password)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = json.load(answer)
        return [column["name"] for column in body["meta"]], body["data"]

    def _prometheus(self, what: str, parameters: Json) -> Any:
        url = f"{self.prometheus}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{parameters.get('query')}: {error.read().decode()}") from error


def legend(template: str, labels: dict[str, str]) -> str:
    """The name of a series."""
    if template == "__auto":
        return ", ".join(value for name, value in sorted(labels.items()) if name != "__name__")
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), template)
