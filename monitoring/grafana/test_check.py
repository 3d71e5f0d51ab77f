#!/usr/bin/env python3
"""Shows that `check.py` finds what it is there to find: each test spoils a sound dashboard in one way."""

from __future__ import annotations

import copy
import json
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import check

Json = dict[str, Any]
SOUND = check.HERE / "dashboards" / "champion-overview.json"


class Spoilt(unittest.TestCase):
    """One fault a test."""

    def setUp(self) -> None:
        self.sound: Json = json.loads(SOUND.read_text(encoding="utf-8"))
        self.runbooks = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for panel in self.sound["panels"]:
            for link in panel.get("links", []):
                (self.runbooks / link["url"].rpartition("/")[2]).touch()

    def found(self, spoil: Callable[[Json, Json], None]) -> str:
        dashboard = copy.deepcopy(self.sound)
        spoil(dashboard, dashboard["panels"][0])
        return "\n".join(check.problems(dashboard, self.runbooks))

    def test_a_sound_dashboard_has_no_problem(self) -> None:
        self.assertEqual(self.found(lambda dashboard, panel: None), "")

    def test_each_fault_is_named(self) -> None:
        def bracket(_: Json, panel: Json) -> None:
            panel["targets"][0]["expr"] += ")"

        def rate(_: Json, panel: Json) -> None:
            panel["targets"][0]["expr"] = "rate(up[5m])"

        def overlap(dashboard: Json, panel: Json) -> None:
            panel["gridPos"]["w"] += 1

        faults: dict[str, Callable[[Json, Json], Any]] = {
            "brackets do not close": bracket,
            "another window than $__rate_interval": rate,
            "overlap": overlap,
            "outside the grid": lambda dashboard, panel: panel["gridPos"].update(x=23),
            "no unit": lambda dashboard, panel: panel["fieldConfig"]["defaults"].pop("unit"),
            "no thresholds": lambda dashboard, panel: panel["fieldConfig"]["defaults"].pop("thresholds"),
            "no description": lambda dashboard, panel: panel.pop("description"),
            "not one of the kinds": lambda dashboard, panel: panel.update(type="graph"),
            "its datasource is not the variable": lambda dashboard, panel: panel["datasource"].update(uid="prom"),
            "asks another datasource": lambda dashboard, panel: panel["targets"][0].update(datasource={"uid": "x"}),
            "it asks nothing": lambda dashboard, panel: panel.update(targets=[]),
            "one refId": lambda dashboard, panel: panel["targets"].append(panel["targets"][0]),
            "two panels have one id": lambda dashboard, panel: panel.update(id=dashboard["panels"][1]["id"]),
            "variables nobody declares: tenant": lambda dashboard, panel: panel["targets"][0].update(
                expr="a{b='$tenant'}"
            ),
            "variables that change nothing: idle": lambda dashboard, panel: dashboard["templating"]["list"].append(
                {"name": "idle", "type": "query", "query": "label_values(up, job)"}
            ),
            "schemaVersion is below": lambda dashboard, panel: dashboard.update(schemaVersion=38),
            "is an export": lambda dashboard, panel: dashboard.update(id=7),
            "the tag": lambda dashboard, panel: dashboard.update(tags=[]),
            "the SDK reads another title": lambda dashboard, panel: dashboard.update(uid=""),
        }
        for sentence, spoil in faults.items():
            with self.subTest(sentence):
                self.assertIn(sentence, self.found(spoil))

    def test_a_runbook_that_is_missing_is_named(self) -> None:
        (self.runbooks / "ServiceDown.md").unlink()
        self.assertIn("the runbook ServiceDown.md does not exist", self.found(lambda dashboard, panel: None))

    def test_two_files_with_one_uid_and_an_empty_folder_are_named(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.assertIn("no dashboard in", check.check(folder)[0])
        for name in ("champion-overview.json", "other.json"):
            (folder / name).write_text(json.dumps(self.sound), encoding="utf-8")
        self.assertTrue(any("its uid is taken" in problem for problem in check.check(folder)))


if __name__ == "__main__":
    unittest.main()
