#!/usr/bin/env python3
"""Draws every committed dashboard from a running Prometheus: one static page, and a picture a dashboard.

    preview.py --prometheus URL --warehouse URL [--password-file FILE] --out FOLDER [--pictures FOLDER]
               [--minutes N] [--scrape-seconds N]

It asks the expressions of `grafana/dashboards/*.json` as they are, with Grafana's variables filled in.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import page
import screenshot
from sources import Sources

DASHBOARDS = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"
#: The order of the page: the overview first, then from the whole to the detail.
ORDER = ("overview", "pipeline-health", "data-quality", "circuit-breaker", "performance", "error-trends")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--warehouse", required=True, metavar="URL", help="ClickHouse's HTTP interface")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="where the warehouse's password stands")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where index.html goes")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="where the pictures go; without it none is taken"
    )
    parser.add_argument("--minutes", type=float, default=15, help="how far back the dashboards look")
    parser.add_argument("--scrape-seconds", type=float, default=15, help="how often Prometheus scrapes")
    parser.add_argument("--may-be-empty", action="store_true", help="do not fail when a panel has no data")
    options = parser.parse_args()

    end = time.time()
    password = options.password_file.read_text(encoding="utf-8").strip() if options.password_file else ""
    start = end - options.minutes * 60
    sources = Sources(options.prometheus, options.warehouse, start, end, options.scrape_seconds, password)
    dashboards = [json.loads((DASHBOARDS / f"champion-{name}.json").read_text(encoding="utf-8")) for name in ORDER]
    sections, empty = [], []
    for dashboard in dashboards:
        section, missing = page.section(dashboard, sources)
        sections.append(section)
        empty += [f"{dashboard['uid']}: {title!r} has no data" for title in missing]
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / "index.html"
    target.write_text(page.page(dashboards, sections), encoding="utf-8")
    print(target)
    for dashboard in dashboards if options.pictures else []:
        picture = options.pictures / f"{dashboard['uid']}.png"
        size = screenshot.take(target, dashboard["uid"], (page.WIDTH, page.height(dashboard)), picture)
        print(f"{picture}: {size // 1000} kB")
    for problem in empty:
        print(problem, file=sys.stderr)
    return 1 if empty and not options.may_be_empty else 0


if __name__ == "__main__":
    sys.exit(main())
