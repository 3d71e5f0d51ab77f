"""A real rsyslogd takes the log of a real run of the whole stack.

Needs the built programs (CHAMPION_BIN, default target/debug) and rsyslogd on the PATH: `make logs-test`.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable, Iterable

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CHAMPION_BIN", ROOT / "target/debug"))
CONFIG = ROOT / "monitoring/rsyslog/champion.conf"
STAGES = {f"champion-{name}" for name in ("orchestrator", "scraper", "parser", "parquet-writer", "clickhouse-loader")}
TRACE = "0123456789abcdef0123456789abcdef"


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits until the condition holds; fails with the name of what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def lines(files: Iterable[pathlib.Path]) -> list[str]:
    """Every finished line of the files."""
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return text.split("\n")[:-1]


class Rsyslog:
    """A daemon of our own, with its folders, on a free port."""

    def __init__(self, folder: pathlib.Path, source: pathlib.Path) -> None:
        self.out = folder / "out"
        self.state = folder / "state"
        self.port = free_port()
        self.pid_file = folder / "rsyslogd.pid"
        for path in (self.out, self.state):
            path.mkdir()
        self.environment = {
            **os.environ,
            "CHAMPION_LOG_IN": str(source),
            "CHAMPION_LOG_OUT": str(self.out),
            "CHAMPION_LOG_STATE": str(self.state),
            "CHAMPION_LOG_PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["rsyslogd", "-n", "-f", str(CONFIG), "-i", str(self.pid_file)]
        self.process = subprocess.Popen(command, env=self.environment)
        wait_for("rsyslogd", self.pid_file.exists, 10)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None

    def send(self, text: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(text.encode())

    def timeline(self) -> list[dict[str, str]]:
        """The timeline; a line that is not JSON fails."""
        file = self.out / "timeline.json"
        return [json.loads(line) for line in lines([file])] if file.exists() else []


class RsyslogTest(unittest.TestCase):
    """One stack and one daemon; the daemon is restarted while the stack goes on."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="champion-rsyslog-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = self.folder / "data"
        self.logs = self.data / "logs"
        self.logs.mkdir(parents=True)
        command = [str(BIN / "champion"), "up", "--data", str(self.data), "--ports", "auto", "--quiet"]
        self.stack = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop_stack)
        wait_for("endpoints.json", (self.data / "endpoints.json").exists)
        self.daemon = Rsyslog(self.folder, self.logs)
        self.addCleanup(self.daemon.stop)

    def stop_stack(self) -> None:
        if self.stack.poll() is None:
            self.stack.terminate()
            self.stack.wait(60)

    def champion(self, *arguments: str) -> str:
        command = [str(BIN / "champion"), *arguments, "--data", str(self.data)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def refused(self) -> list[str]:
        """Writes what a service says that cannot start: text of a real process, without JSON."""
        command = [str(BIN / "champion-scraper"), "--config", "/nowhere.toml"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        text = (done.stdout + done.stderr).rstrip("\n") + "\n"
        (self.logs / "refused.log").write_text(text, encoding="utf-8")
        return text.split("\n")[:-1]

    def test_every_line_and_every_trace_id_of_a_run_survives(self) -> None:
        self.champion("run", "bhavcopy", "--date", "2024-07-08")
        self.daemon.start()
        self.champion("run", "bhavcopy", "--date", "2024-07-09")
        wait_for("the first lines", lambda: len(self.daemon.timeline()) > 20)
        self.daemon.stop()
        # What is written while the daemon is down is read when it is back, and nothing is read twice.
        self.champion("run", "full_bhavcopy", "--date", "2024-07-09")
        self.daemon.start()
        odd = self.refused()
        cut = '{"timestamp":"2024-07-09T10:00:00Z","service":"champion-scraper","trace_id":"' + TRACE[:9]
        odd += [cut, "123", "[1]"]
        long = {"service": "champion-long", "message": "x" * 200_000, "trace_id": TRACE, "rows": 2**64 - 1}
        hostile = {"service": "../../escaped", "message": "a \u0000 b \"c\" \\ é ☃", "trace_id": TRACE}
        self.daemon.send("".join(f"{line}\n" for line in [*odd[-3:], json.dumps(long), json.dumps(hostile)]))
        runs = json.loads(self.champion("runs", "--json"))["runs"]
        self.stop_stack()
        written = lines(sorted(self.logs.glob("*.log"))) + odd[-3:] + [json.dumps(long), json.dumps(hostile)]
        wait_for("all lines", lambda: len(self.daemon.timeline()) >= len(written), 30)
        self.daemon.stop()

        timeline = self.daemon.timeline()
        came = [json.loads(line) for line in written if line not in odd]
        unparsed = [line for line in timeline if line.get("unparsed") == "true"]
        parsed = [line for line in timeline if "unparsed" not in line]

        def ids(line: dict[str, str]) -> tuple[str | None, ...]:
            return tuple(line.get(name) for name in ("timestamp", "service", "level", "trace_id", "span_id", "run_id"))

        def of_run(trace_id: str) -> set[str]:
            return {line["service"] for line in parsed if line.get("trace_id") == trace_id}

        strip = [{**line, "timestamp": line.get("timestamp", ""), "level": line.get("level", "")} for line in came]
        self.assertEqual(collections.Counter(map(ids, parsed)), collections.Counter(map(ids, strip)))
        self.assertEqual(len(runs), 3)
        for run in runs:
            self.assertEqual(of_run(run["trace_id"]), STAGES, f"services with the trace id of run {run['run_id']}")
        self.assertEqual(sorted(line["message"] for line in unparsed), sorted(odd))
        self.assertEqual({line["service"] for line in unparsed}, {"champion-refused", "champion-unknown"})
        self.assertTrue(all(line["level"] == "UNKNOWN" and line["timestamp"] for line in unparsed))

        # One file a service, to the byte; no name of a service leads out of the folder.
        self.assertEqual([path.name for path in self.folder.iterdir() if "escaped" in path.name], [])
        for service in {line["service"] for line in came}:
            file = self.daemon.out / f"{service.replace('/', '_')}.json"
            expected = [line for line in written if line not in odd and json.loads(line)["service"] == service]
            self.assertEqual(collections.Counter(lines([file])), collections.Counter(expected), service)


if __name__ == "__main__":
    unittest.main()
