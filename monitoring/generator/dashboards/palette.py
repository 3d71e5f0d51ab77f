"""Colours and value mappings that mean the same on every dashboard."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

GREEN = "#56a64b"
YELLOW = "#e0b400"
RED = "#e02f44"
BLUE = "#5794f2"
ORANGE = "#ff780a"
PURPLE = "#8f6bd1"
GREY = "#7b8087"

#: Colours of series by their names, by the label that names them: a thing looks the same on every dashboard, and green
#: and red are kept for what is good and bad.
DATASETS = {"^bhavcopy": BLUE, "^full_bhavcopy": PURPLE, "^corporate_actions": ORANGE}
TABLES = {
    "^raw_equity_ohlc": "#1f60c4",
    "^normalized_equity_ohlc": "#8ab8ff",
    "^equity_delivery": PURPLE,
    "^corporate_actions": ORANGE,
}
SERVICES = {
    "^scraper": BLUE,
    "^parser": "#33a2a5",
    "^parquet-writer": PURPLE,
    "^clickhouse-loader": ORANGE,
    "^orchestrator": "#f2cc0c",
    "^embedded-warehouse": "#e377c2",
    "^trace-collector": "#a6a18a",
    "^exchange-mirror": GREY,
}
OUTCOMES = {"success": GREEN, "failed|failure": RED}
BY_LABEL = {
    "dataset": DATASETS,
    "scraper": DATASETS,
    "flow_name": DATASETS,
    "table": TABLES,
    "job": SERVICES,
    "stage": SERVICES,
    "status": OUTCOMES,
}


def states(texts: dict[int, tuple[str, str]]) -> list[Json]:
    """Maps whole numbers to a text and a colour."""
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(sorted(texts.items()))
    }
    return [{"type": "value", "options": options}]


IN_OR_LATE = states({0: ("late", RED), 1: ("in", GREEN)})
UP_OR_DOWN = states({0: ("down", RED), 1: ("up", GREEN)})
REACHED = states({0: ("away", RED), 1: ("answers", GREEN)})
ENOUGH = states({0: ("too few", RED), 1: ("enough", GREEN)})
YES_OR_NO = states({0: ("no", GREY), 1: ("yes", BLUE)})
BREAKER = states({0: ("closed", GREEN), 1: ("half-open", YELLOW), 2: ("open", RED)})
#: An age of -1 says that it has not happened yet.
NEVER = states({-1: ("never", GREY)})
#: A date of 0 says that there is none.
NO_DATE = states({0: ("none", GREY)})


def steps(base: str, *limits: tuple[float, str]) -> Json:
    """Thresholds: the base colour, then a colour from each limit on."""
    colours: list[Json] = [{"color": base, "value": None}]
    colours += [{"color": color, "value": value} for value, color in limits]
    return {"mode": "absolute", "steps": colours}


PLAIN = steps(BLUE)
GOOD = steps(GREEN)
#: Anything above nothing is wrong.
NONE_IS_GOOD = steps(GREEN, (1, RED))
NONE_IS_BETTER = steps(GREEN, (1, YELLOW))
#: The same in a table, where a column of green noughts would only distract.
NONE_WANTED = steps("text", (1, RED))
EITHER_STATE = steps(RED, (1, GREEN))
BREAKER_STATES = steps(GREEN, (1, YELLOW), (2, RED))
YES_IS_BLUE = steps(GREY, (1, BLUE))
