#!/usr/bin/env python3
"""Tests of the generator: what it refuses, and that its check sees a difference."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import generate
from generator import rules
from generator.thresholds import ThresholdError, load


class Generator(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def render(self, source: str, thresholds: str) -> str:
        self.file("rules/group.yml", source)
        values = load(self.file("thresholds.toml", thresholds))
        with mock.patch.object(rules, "SOURCES", self.folder / "rules"):
            return rules.render(values)["prometheus/rules/group.yml"]

    def refusal(self, source: str, thresholds: str) -> str:
        with self.assertRaises(ThresholdError) as caught:
            self.render(source, thresholds)
        return str(caught.exception)

    def test_a_value_is_put_in_in_each_form(self) -> None:
        values = '[a]\nratio = 0.05\nwindow = "1h30m"\nopens = "09:15"\njobs = ["x", "y"]\nlimit = 4294967296\n'
        source = "<<a.ratio>> <<a.ratio|percent>> <<a.window|seconds>> <<a.opens|clock>> <<a.jobs|regex>>"
        source += " <<a.limit|gibibytes>>"
        self.assertEqual(self.render(source, values).splitlines()[1], "0.05 5 % 5400 33300 x|y 4 GiB")

    def test_a_placeholder_without_a_value_is_named(self) -> None:
        self.assertIn("<<a.missing>> is not in thresholds.toml", self.refusal("<<a.missing>>", "[a]\n"))

    def test_a_value_without_a_placeholder_is_named(self) -> None:
        self.assertIn("no rule reads a.spare", self.refusal("expr: 1", "[a]\nspare = 1\n"))

    def test_what_only_looks_like_a_placeholder_is_refused(self) -> None:
        self.assertIn("not a placeholder", self.refusal("for: <<a.b", "[a]\n"))
        self.assertIn("the forms are", self.refusal("<<a.b|nonsense>>", "[a]\nb = 1\n"))
        self.assertIn("is no duration", self.refusal("<<a.b|seconds>>", '[a]\nb = "5 minutes"\n'))

    def test_an_override_has_to_name_a_value_of_the_same_kind(self) -> None:
        base = self.file("thresholds.toml", '[a]\nwindow = "1h"\nlimit = 3\n')
        self.assertEqual(load(base, self.file("o.toml", '[a]\nwindow = "5s"\n'))["a"], {"window": "5s", "limit": 3})
        for text, refused in [
            ("[a]\nother = 1\n", "a.other is not in"),
            ('[a]\nlimit = "3"\n', "a.limit is of another kind"),
        ]:
            with self.assertRaises(ThresholdError) as caught:
                load(base, self.file("o.toml", text))
            self.assertIn(refused, str(caught.exception))

    def test_the_check_sees_a_file_that_differs_is_missing_or_has_no_source(self) -> None:
        rendered = {"prometheus/rules/a.yml": "groups: []\n"}
        with mock.patch.object(generate, "HERE", self.folder), contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(generate.check(rendered), 1)
            self.assertIn("prometheus/rules/a.yml is missing", said.getvalue())
            generate.write(rendered, self.folder)
            self.assertEqual(generate.check(rendered), 0)
            self.file("prometheus/rules/a.yml", "groups: [by hand]\n")
            self.assertEqual(generate.check(rendered), 1)
            self.assertIn("prometheus/rules/a.yml differs", said.getvalue())
            generate.write(rendered, self.folder)
            self.file("prometheus/rules/old.yml", "")
            self.assertEqual(generate.check(rendered), 1)
            self.assertIn("prometheus/rules/old.yml has no source", said.getvalue())

    def test_overrides_change_windows_and_leave_thresholds(self) -> None:
        usual = generate.render(None)["prometheus/rules/circuit_breaker.yml"]
        fast = generate.render(generate.HERE / "overrides" / "fast.toml")["prometheus/rules/circuit_breaker.yml"]
        self.assertIn("[15m]))", usual)
        self.assertIn("[30s]))", fast)
        self.assertIn(">= 3", usual)
        self.assertIn(">= 3", fast)


if __name__ == "__main__":
    unittest.main()
