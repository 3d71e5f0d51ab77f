#!/usr/bin/env python3
"""Numbers, variables and colours of the preview are those Grafana would show."""

from __future__ import annotations

import unittest

import charts
import fields
from sources import Sources, legend

STEPS = {"thresholds": {"steps": [{"value": None, "color": "green"}, {"value": 0.05, "color": "red"}]}}


class Fields(unittest.TestCase):
    """What stands in a cell, a tile and beside an axis."""

    def test_units(self) -> None:
        for value, field, text in [
            (0.1234, {"unit": "percentunit", "decimals": 1}, "12.3 %"),
            (0.25, {"unit": "s"}, "250 ms"),
            (49, {"unit": "s", "decimals": 0}, "49 s"),
            (5400, {"unit": "s", "decimals": 0}, "1.5 hours"),
            (4 * 2**30, {"unit": "bytes"}, "4 GiB"),
            (13551, {"unit": "short", "decimals": 0}, "13.6 K"),
            (13551.2, {"unit": "locale", "decimals": 0}, "13,551"),
            # Midnight in India is the evening before in UTC.
            (1720377000 * 1000, {"unit": "time:YYYY-MM-DD"}, "2024-07-08"),
            (float("nan"), {"unit": "s", "noValue": "none"}, "none"),
        ]:
            with self.subTest(text):
                self.assertEqual(fields.number(value, field), text)
        self.assertEqual(fields.moment("2026-11-21 20:00:00.123"), "2026-11-22 01:30:00")

    def test_a_mapping_goes_before_the_number_and_the_threshold(self) -> None:
        field = STEPS | {"mappings": [{"type": "value", "options": {"-1": {"text": "never", "color": "grey"}}}]}
        self.assertEqual((fields.written(-1, field), fields.colour(-1, field, "ink")), ("never", "grey"))
        self.assertEqual(fields.colour(0.049, field, "ink"), "green")
        self.assertEqual(fields.colour(0.05, field, "ink"), "red")

    def test_a_series_has_the_look_its_name_asks_for(self) -> None:
        overrides = [
            {
                "matcher": {"id": "byRegexp", "options": "/^bhavcopy/"},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "blue"}}],
            },
            {
                "matcher": {"id": "byRegexp", "options": "/ p50$/"},
                "properties": [{"id": "custom.lineStyle", "value": {}}],
            },
        ]
        looks = charts.series_looks(["bhavcopy p50", "full_bhavcopy p95"], overrides)
        self.assertEqual([(look.color, look.dashed) for look in looks], [("blue", True), (charts.PALETTE[1], False)])


class Variables(unittest.TestCase):
    """What Grafana puts in place of a variable."""

    def test_windows_follow_the_time_the_scrape_interval_and_the_panels_minimum(self) -> None:
        day = Sources("", "", 0, 86400, 15)
        self.assertEqual(day.fill_in("x[$__range]"), "x[86400s]")
        self.assertEqual(day.fill_in("rate(x[$__rate_interval])"), "rate(x[159s])")
        self.assertEqual(day.fill_in("rate(x[$__rate_interval])", "5m"), "rate(x[315s])")
        minutes = Sources("", "", 0, 600, 15)
        self.assertEqual(minutes.fill_in("rate(x[$__rate_interval])"), "rate(x[60s])")
        self.assertEqual(minutes.fill_in('x{flow_name=~"${dataset}_etl"}'), 'x{flow_name=~".*_etl"}')

    def test_a_variable_that_is_not_known_is_an_error(self) -> None:
        with self.assertRaises(KeyError):
            Sources("", "", 0, 600, 15).fill_in("x{a='$tenant'}")

    def test_names_of_series(self) -> None:
        self.assertEqual(legend("{{from_state}} → {{ to_state }}", {"from_state": "a", "to_state": "b"}), "a → b")
        self.assertEqual(legend("__auto", {"__name__": "x", "b": "2", "a": "1"}), "1, 2")


if __name__ == "__main__":
    unittest.main()
