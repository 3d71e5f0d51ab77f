#!/usr/bin/env python3
"""Pictures of the dashboards with life in them, from nothing: the whole stack on free ports, a Prometheus with the
product's rules that scrapes it every second, `champion metrics-demo`, then `preview.py`. Nothing is left running.

    demo.py [--out FOLDER] [--pictures FOLDER | --no-pictures] [--for DURATION]
    demo.py --stay                                   stays until Ctrl-C and draws nothing: to fire alerts by hand

The alerts have the time constants of `overrides/fast.toml`, so that some fire within the minutes this takes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import browser
from fields import IST

HERE = Path(__file__).resolve().parent
MONITORING = HERE.parent
ROOT = MONITORING.parent
#: What otherwise takes a minute, and the demonstration would have to wait for.
SETTINGS = {"CHAMPION_SCRAPER__BREAKER__OPEN_SECONDS": "20", "CHAMPION_ORCHESTRATOR__WATCH__POLL_SECONDS": "5"}
#: Brought in at the end: the demonstration leaves sessions out, which would be gaps.
KEPT = ("bhavcopy", "full_bhavcopy", "corporate_actions")
#: Two looks at what is missing, and some scrapes.
SETTLE_SECONDS = 12


@contextlib.contextmanager
def running(command: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is stopped at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=file, stderr=subprocess.STDOUT, env=os.environ | SETTINGS
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(what: str, process: subprocess.Popen[bytes], log: Path, ready: Any) -> None:
    """Waits a minute for something; an ended process is an error that shows its log."""
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
        if ready():
            return
        time.sleep(0.2)
    raise TimeoutError(f"{what} is not ready after a minute")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def prometheus_config(endpoints: dict[str, Any], rules: Path) -> dict[str, Any]:
    """One job a service, as in production, with the rules; JSON is YAML too."""
    jobs = [
        {"job_name": name, "static_configs": [{"targets": [place["admin"]]}]}
        for name, place in sorted(endpoints.items())
        if isinstance(place, dict) and place.get("admin")
    ]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{rules}/*.yml"],
        "scrape_configs": jobs,
    }


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "dashboards")
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--for", dest="duration", default="4m", help="how long the stack is driven, such as 90s or 5m")
    parser.add_argument("--no-pictures", action="store_true", help="draw the page only: no browser is needed")
    parser.add_argument("--stay", action="store_true", help="leave it running until Ctrl-C, without a demonstration")
    parser.add_argument("--overrides", type=Path, default=MONITORING / "overrides" / "fast.toml", metavar="FILE")
    parser.add_argument("--champion", type=Path, default=ROOT / "target" / "debug" / "champion")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not (prometheus := shutil.which("prometheus")):
        parser.error("no program 'prometheus' on the PATH: run `make tools`")
    if not (options.stay or options.no_pictures):
        browser.find()
    work = Path(tempfile.mkdtemp(prefix="champion-preview."))
    try:
        draw(options, prometheus, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


def keep_up(champion: Path, data: Path, prometheus: str) -> None:
    """Brings in every session of the past month of the datasets that are kept, as the schedule would have."""
    query = urllib.parse.quote("max(champion_due_trade_date_seconds)")
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?query={query}", timeout=10) as answer:
        due = float(json.load(answer)["data"]["result"][0]["value"][1])
    newest = datetime.fromtimestamp(due, IST).date()
    for dataset in KEPT:
        span = ["--from", str(newest - timedelta(days=31)), "--to", str(newest)]
        command = [champion, "--data", data, "backfill", dataset, *span]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    time.sleep(SETTLE_SECONDS)


def stay(data: Path, endpoints: dict[str, Any], prometheus: str) -> None:
    """Says where everything is, and waits for Ctrl-C."""
    print(f"export CHAMPION_DATA={data}")
    print(f"export MIRROR=http://{endpoints['exchange-mirror']['http']}")
    print(f"export PROMETHEUS=http://{prometheus}")
    print("alerts: $PROMETHEUS/alerts; Ctrl-C stops everything", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)
    # A second Ctrl-C does not interrupt the stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def draw(options: argparse.Namespace, prometheus: str, work: Path) -> None:
    """Starts everything, drives it, draws it."""
    rules = ["--overrides", options.overrides, "--out", work]
    subprocess.run([sys.executable, MONITORING / "generate.py", *rules], check=True)
    data, log = work / "data", work / "up.log"
    up = [options.champion, "up", "--ports", "auto", "--data", data, "--quiet"]
    print("the stack starts", flush=True)
    with running(up, log) as stack:
        wait_for("champion up", stack, log, (data / "endpoints.json").exists)
        endpoints = json.loads((data / "endpoints.json").read_text(encoding="utf-8"))
        config = work / "prometheus.yml"
        config.write_text(json.dumps(prometheus_config(endpoints, work / "prometheus" / "rules")), encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        command = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={work / 'tsdb'}",
                   f"--web.listen-address={address}"]  # fmt: skip
        with running(command, work / "prometheus.log") as scraping:
            wait_for("Prometheus", scraping, work / "prometheus.log", lambda: answers(f"http://{address}/-/ready"))
            if options.stay:
                stay(data, endpoints, address)
                return
            begin = time.time()
            print(f"it is driven for {options.duration}; Prometheus: http://{address}", flush=True)
            demo = [options.champion, "--data", data, "metrics-demo", "--for", options.duration]
            subprocess.run(demo, check=True)
            keep_up(options.champion, data, f"http://{address}")
            warehouse = f"http://{endpoints['embedded-warehouse']['http']}"
            pictures = [] if options.no_pictures else ["--pictures", options.pictures]
            minutes = (time.time() - begin + 5) / 60
            subprocess.run(
                [sys.executable, HERE / "preview.py", "--prometheus", f"http://{address}", "--warehouse", warehouse,
                 "--password-file", data / "warehouse.password", "--out", options.out, *pictures, "--minutes", f"{minutes:.2f}",
                 "--scrape-seconds", "1"],
                check=True,
            )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
