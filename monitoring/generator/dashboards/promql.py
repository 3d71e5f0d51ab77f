"""Expressions that repeat: how a counter, an age or a quantile is read on these dashboards.

Gauges of several replicas take their maximum, counters are summed, histograms are summed by bucket. What a batch does
once a day is counted over a window; a rate over `$__rate_interval` is for what goes on all the time.
"""

from __future__ import annotations

#: What the variables `service` and `instance` choose.
CHOSEN = 'job=~"$service",instance=~"$instance"'
DATASET = 'dataset=~"$dataset"'
SCRAPER = 'scraper=~"$dataset"'
FLOW = 'flow_name=~"${dataset}_etl"'

#: The time of the whole dashboard, and the hour before each point of a line.
RANGE = "$__range"
HOUR = "1h"


def series(metric: str, *labels: str) -> str:
    """The metric, narrowed to the chosen services and instances and by the given labels."""
    return f"{metric}{{{','.join((CHOSEN, *labels))}}}"


def newest(metric: str, by: str, *labels: str) -> str:
    """A gauge of several replicas as one: the largest."""
    return f"max by ({by}) ({series(metric, *labels)})"


def count(metric: str, by: str, window: str, *labels: str) -> str:
    """How often it happened within the window."""
    total = f"(increase({series(metric, *labels)}[{window}]))"
    return f"sum by ({by}) {total}" if by else f"sum {total}"


def share(part: str, whole: str) -> str:
    """Part of the whole, and 0 where there was nothing."""
    return f"({part}) / clamp_min({whole}, 1)"


def age(metric: str, by: str, *labels: str) -> str:
    """Seconds since a moment; -1 when it has not come yet."""
    moment = newest(metric, by, *labels)
    return f"(time() - {moment}) * ({moment} > bool 0) - ({moment} == bool 0)"


def quantile(q: str, metric: str, by: str, window: str, *labels: str) -> str:
    """A quantile of what was measured within the window."""
    buckets = count(f"{metric}_bucket", f"le, {by}", window, *labels)
    return f"histogram_quantile({q}, {buckets})"


def mean(metric: str, by: str, window: str, *labels: str) -> str:
    """The mean of what was measured within the window."""
    return f"{count(f'{metric}_sum', by, window, *labels)} / {count(f'{metric}_count', by, window, *labels)}"


def per_second(metric: str, by: str, *labels: str) -> str:
    """A rate, for what goes on all the time."""
    return f"sum by ({by}) (rate({series(metric, *labels)}[$__rate_interval]))"
