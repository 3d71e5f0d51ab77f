"""The overview: is today in, what is late, what is broken, on one screen."""

from __future__ import annotations

from . import links
from .dashboard import Band, Dashboard
from .limits import Limits
from .palette import (
    BLUE,
    EITHER_STATE,
    IN_OR_LATE,
    NEVER,
    NO_DATE,
    NONE_IS_BETTER,
    NONE_IS_GOOD,
    NONE_WANTED,
    PLAIN,
    REACHED,
    RED,
    UP_OR_DOWN,
    YELLOW,
    YES_IS_BLUE,
    YES_OR_NO,
)
from .panel import Query, bargauge, stat, timeseries
from .promql import CHOSEN, DATASET, age, newest, per_second, quantile, series
from .tables import Column, table

LAST_DATE = newest("champion_last_trade_date_seconds", "dataset", DATASET)
DUE_DATE = newest("champion_due_trade_date_seconds", "dataset", DATASET)
IS_IN = f"{LAST_DATE} >= bool {DUE_DATE}"
GAPS = newest("champion_gap_sessions", "dataset", DATASET)
DIFFERENCES = newest("champion_audit_differences", "dataset", DATASET)
FIRING = 'alertstate="firing"'
IN_FLIGHT = newest("champion_runs_in_progress", "flow_name", 'flow_name=~"${dataset}_etl"')


def build(limits: Limits) -> Dashboard:
    """Returns the dashboard."""
    today = [
        (
            8,
            stat(
                "Is the newest session in?",
                "Green: the newest session whose hour has passed is in the warehouse. Red: it is due and not in.",
                [Query(IS_IN, "{{dataset}}")],
                mappings=IN_OR_LATE,
                thresholds=EITHER_STATE,
                fill=True,
                alerts=["DataNotInByItsHour"],
            ),
        ),
        (
            7,
            stat(
                "Newest session that is in",
                "The trade date, in India, of the newest session in the warehouse.",
                [Query(f"{LAST_DATE} * 1000", "{{dataset}}")],
                unit="time:YYYY-MM-DD",
                mappings=NO_DATE,
            ),
        ),
        (6, _firing()),
        (
            3,
            stat(
                "Trading day",
                "Whether today, in India, is a session by the calendar.",
                [Query(newest("champion_trading_day", "exchange"), "{{exchange}}")],
                mappings=YES_OR_NO,
                thresholds=YES_IS_BLUE,
            ),
        ),
    ]
    return Dashboard(
        uid="champion-overview",
        title="Champion · Overview",
        description="Is today's data in and good, what is late, what is broken: one screen for the start of the day.",
        tags=["overview"],
        bands=[
            Band(4, today),
            Band(6, [(12, _late()), (12, _broken())]),
            Band(
                4,
                [
                    (
                        20,
                        stat(
                            "Services",
                            "Whether Prometheus reaches every process of a service; down when one is not reached.",
                            [Query(f"min by (job) (up{{{CHOSEN}}})", "{{job}}")],
                            mappings=UP_OR_DOWN,
                            thresholds=EITHER_STATE,
                            fill=True,
                            alerts=["ServiceDown"],
                        ),
                    ),
                    (
                        4,
                        stat(
                            "Warehouse",
                            "Whether every loader's last probe of the warehouse was answered.",
                            [Query(f"min({series('champion_warehouse_up')})", "warehouse")],
                            mappings=REACHED,
                            thresholds=EITHER_STATE,
                            fill=True,
                            alerts=["WarehouseUnreachable"],
                        ),
                    ),
                ],
            ),
            Band(8, _services(limits)),
        ],
    )


def _firing() -> dict[str, object]:
    levels = {"critical": NONE_IS_GOOD, "warning": NONE_IS_BETTER, "info": PLAIN}
    none = " or ".join(f'label_replace(vector(0), "severity", "{level}", "", "")' for level in levels)
    panel = stat(
        "Alerts that fire",
        "Critical: a person is needed now. Warning: look at it today. Info: to be known; the dead man's switch is one.",
        [Query(f"count by (severity) (ALERTS{{{FIRING}}}) or {none}", "{{severity}}")],
        decimals=0,
        fill=True,
    )
    panel["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": level}, "properties": [{"id": "thresholds", "value": colours}]}
        for level, colours in levels.items()
    ]
    return panel


def _late() -> dict[str, object]:
    return table(
        "What is late",
        "A row a dataset: its newest session, the newest that is due, sessions missing for good, "
        "and how long ago a session came in.",
        {"dataset": "dataset"},
        [
            Column("state", IS_IN, mappings=IN_OR_LATE, thresholds=EITHER_STATE, paint="text"),
            Column("newest session", f"{LAST_DATE} * 1000", "time:YYYY-MM-DD", mappings=NO_DATE),
            Column("due by now", f"{DUE_DATE} * 1000", "time:YYYY-MM-DD", mappings=NO_DATE),
            Column("gaps", GAPS, decimals=0, thresholds=NONE_WANTED, paint="text"),
            Column("differences", DIFFERENCES, decimals=0, thresholds=NONE_WANTED, paint="text"),
            Column(
                "last came in",
                age("champion_last_success_timestamp_seconds", "dataset", DATASET),
                "s",
                decimals=0,
                mappings=NEVER,
            ),
        ],
        alerts=["DataNotInByItsHour", "SessionGap", "AuditFoundDifferences", "AuditNotRun"],
    )


def _broken() -> dict[str, object]:
    by = "alertname, severity, component"
    return table(
        "What is broken",
        "Alerts that fire, each with its runbook. DeadMansSwitch always fires: it shows that alerting works.",
        {"alertname": "alert", "severity": "severity", "component": "component"},
        [
            Column("firing", f"count by ({by}) (ALERTS{{{FIRING}}})", decimals=0),
            Column(
                "for",
                f"time() - (min by ({by}) (ALERTS_FOR_STATE) and on ({by}) ALERTS{{{FIRING}}})",
                "s",
                decimals=0,
            ),
        ],
        cell_links={"alert": links.alert_page("alert")},
        paint={"severity": {"critical": RED, "warning": YELLOW, "info": BLUE}},
        sort=("severity", False),
    )


def _services(limits: Limits) -> list[tuple[int, dict[str, object]]]:
    errors = 'grpc_code!="OK"'
    return [
        (
            6,
            bargauge(
                "Runs going on",
                "Runs that are under way, by flow.",
                [Query(IN_FLIGHT, "{{flow_name}}")],
                decimals=0,
                alerts=["OrchestratorStuck"],
            ),
        ),
        (
            6,
            timeseries(
                "gRPC calls",
                "Calls a second that each service has answered.",
                [Query(per_second("grpc_server_handled_total", "job"), "{{job}}")],
                unit="reqps",
            ),
        ),
        (
            6,
            timeseries(
                "gRPC errors by code",
                "Calls that ended otherwise than OK in the hour before, over all services; "
                "the total is there also when there is none.",
                [
                    Query(f"sum (increase(grpc_server_handled_total{{{CHOSEN},{errors}}}[1h]))", "all"),
                    Query(
                        f"sum by (grpc_code) (increase(grpc_server_handled_total{{{CHOSEN},{errors}}}[1h])) > 0",
                        "{{grpc_code}}",
                    ),
                ],
                decimals=0,
                step=True,
                traces=True,
            ),
        ),
        (
            6,
            timeseries(
                "gRPC latency, p95",
                "The time in which 95 of 100 calls are answered, over the hour before; the orchestrator's last "
                "as long as their run.",
                [Query(quantile("0.95", "grpc_server_handling_seconds", "job", "1h"), "{{job}}")],
                unit="s",
                traces=True,
            ),
        ),
    ]
