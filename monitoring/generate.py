#!/usr/bin/env python3
"""Renders the rules of Prometheus and the dashboards of Grafana from their sources and `thresholds.toml`.

    generate.py                               writes the committed files
    generate.py --check                       fails when a committed file differs
    generate.py --overrides FILE --out DIR    writes into DIR, with other values
"""

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

from generator import rules
from generator.thresholds import ThresholdError, load

HERE = Path(__file__).resolve().parent
FOLDERS = {"prometheus/rules": "*.yml", "grafana/dashboards": "*.json"}
"""Folders that hold rendered files and nothing else of the pattern."""


def render(overrides: Path | None) -> dict[str, str]:
    """Returns every rendered file by its path below `monitoring/`."""
    thresholds = load(HERE / "thresholds.toml", overrides)
    rendered = rules.render(thresholds)
    if importlib.util.find_spec("generator.dashboards") is not None:
        rendered |= importlib.import_module("generator.dashboards").render(thresholds)
    return rendered


def stale(rendered: dict[str, str], root: Path) -> list[str]:
    """Returns the files below `root` that have no source any more."""
    return [
        path
        for folder, pattern in FOLDERS.items()
        for path in (str(file.relative_to(root)) for file in sorted((root / folder).glob(pattern)))
        if path not in rendered
    ]


def check(rendered: dict[str, str]) -> int:
    """Names every committed file that is not what its sources make; returns the exit code."""
    wrong = [f"{path} has no source" for path in stale(rendered, HERE)]
    for path, text in rendered.items():
        file = HERE / path
        if not file.exists():
            wrong.append(f"{path} is missing")
        elif file.read_text(encoding="utf-8") != text:
            wrong.append(f"{path} differs from its sources")
    for problem in wrong:
        print(f"monitoring: {problem}", file=sys.stderr)
    if wrong:
        print("monitoring: run `make monitoring` and commit what it writes", file=sys.stderr)
    return 1 if wrong else 0


def write(rendered: dict[str, str], root: Path) -> None:
    """Writes every file below `root` and removes those without a source."""
    for path in stale(rendered, root):
        (root / path).unlink()
    for path, text in rendered.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    parser.add_argument("--overrides", type=Path, help="a TOML file with some of the keys of thresholds.toml")
    parser.add_argument("--out", type=Path, help="the folder to write into, in place of monitoring/")
    options = parser.parse_args()
    if options.overrides and not options.out:
        parser.error("--overrides needs --out: the committed files hold the values of thresholds.toml")
    if options.check and options.out:
        parser.error("--check compares the committed files; it takes no --out")
    try:
        rendered = render(options.overrides)
    except (ThresholdError, OSError, ValueError) as error:
        print(f"monitoring: {error}", file=sys.stderr)
        return 1
    if options.check:
        return check(rendered)
    write(rendered, options.out or HERE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
