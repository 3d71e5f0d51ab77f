"""What compose.yaml tells the services, asked of the services: their settings, their secrets and their health check.

Needs the built programs (CHAMPION_BIN, default target/debug): `make logs-test`. No container is started.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CHAMPION_BIN", ROOT / "target/debug"))
Service = dict[str, Any]


def composed(secrets: str) -> dict[str, Service]:
    """Champion's own services, as Compose understands the file."""
    program = pathlib.Path(sys.executable).parent / "docker-compose"
    command = [str(program), "--file", str(ROOT / "deploy/compose.yaml"), "config", "--format", "json"]
    environment = {**os.environ, "CHAMPION_SECRETS": secrets}
    services: dict[str, Service] = json.loads(subprocess.check_output(command, env=environment))["services"]
    return services


def image_environment(service: str) -> dict[str, str]:
    """The variables that the image of a service sets, from the Dockerfile."""
    stage = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").split(f" AS {service}\n")[1].split("\nFROM ")[0]
    text = stage.split("\nENV ")[1].split("\nENTRYPOINT")[0].replace("\\\n", " ")
    return dict(pair.split("=", 1) for pair in text.split())


class ComposeTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="champion-compose-")
        self.addCleanup(folder.cleanup)
        self.secrets = pathlib.Path(folder.name) / "secrets"
        script = ROOT / "deploy/compose/make-secrets.sh"
        environment = {**os.environ, "CHAMPION_SECRETS": str(self.secrets)}
        subprocess.run([script], check=True, env=environment, stdout=subprocess.DEVNULL)
        self.services = composed(str(self.secrets))

    def command(self, name: str) -> list[str]:
        arguments = self.services[name].get("command") or []
        return [str(BIN / f"champion-{name}"), *(text.replace("/run/secrets", str(self.secrets)) for text in arguments)]

    def settings(self, name: str) -> dict[str, Any]:
        """The configuration that a service ends up with; a key that it does not know is refused."""
        environment = {**image_environment(name), **self.services[name]["environment"]}
        done = subprocess.run([*self.command(name), "--print-config"], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")
        return tomllib.loads(done.stdout)

    def test_services_take_their_environment(self) -> None:
        self.assertEqual(len(self.services), 6)
        for name in self.services:
            server = self.settings(name)["server"]
            # Plain beyond loopback: without the word no service of these would start.
            self.assertTrue(server["insecure"], name)
            self.assertEqual(server["admin"]["listen"], "0.0.0.0:9090", name)
            if name != "exchange-mirror":
                self.assertEqual(server["grpc_listen"], "0.0.0.0:50051", name)
                self.assertTrue(server["admin"]["required"], name)
        orchestrator = self.settings("orchestrator")
        self.assertTrue(orchestrator["tls"]["insecure"])
        stages = orchestrator["stages"]
        for stage in ("scraper", "parser", "parquet_writer", "clickhouse_loader"):
            self.assertEqual(stages[stage]["url"], f"http://{stage.replace('_', '-')}:50051")
        for name in ("scraper", "parser", "parquet-writer", "clickhouse-loader", "orchestrator"):
            self.assertEqual(self.settings(name)["lake"]["folder"], "/var/lib/champion/lake", name)

    def test_an_image_alone_starts_no_plain_port_that_other_machines_reach(self) -> None:
        for name in self.services:
            environment = image_environment(name)
            program = BIN / f"champion-{name}"
            done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=30, cwd=self.secrets)
            self.assertEqual(done.returncode, 1, f"{name}: {done.stdout}")
            self.assertIn("insecure = true", done.stdout, name)

    def test_the_password_of_the_warehouse_is_read_from_its_file_and_not_shown(self) -> None:
        warehouse = self.settings("clickhouse-loader")["warehouse"]
        password = (self.secrets / "clickhouse_password").read_text(encoding="utf-8")
        self.assertEqual(warehouse["user"], "champion")
        self.assertNotIn(warehouse["password"], ("", password))
        shown = json.dumps(self.services)
        self.assertNotIn(password, shown)

    def test_the_health_check_tells_ready_from_not_ready(self) -> None:
        name, addresses = "parser", self.secrets / "addresses.json"
        self.secrets.chmod(0o755)
        environment = {
            "CHAMPION_PARSER__SERVER__GRPC_LISTEN": "127.0.0.1:0",
            "CHAMPION_PARSER__SERVER__ADMIN__LISTEN": "127.0.0.1:0",
            "CHAMPION_PARSER__SERVER__ADDRESS_FILE": str(addresses),
            "CHAMPION_PARSER__LAKE__FOLDER": str(self.secrets / "lake"),
        }
        service = subprocess.Popen(self.command(name), env=environment, stdout=subprocess.DEVNULL)
        self.addCleanup(service.wait, 30)
        self.addCleanup(service.terminate)
        end = time.monotonic() + 30
        while not addresses.exists():
            self.assertLess(time.monotonic(), end, "the parser does not start")
            time.sleep(0.05)
        port = json.loads(addresses.read_text(encoding="utf-8"))["admin"].rpartition(":")[2]
        kind, *check = self.services[name]["healthcheck"]["test"]
        self.assertEqual(kind, "CMD")

        def asked(old: str, new: str) -> int:
            command = [part.replace("127.0.0.1/9090", f"127.0.0.1/{port}").replace(old, new) for part in check]
            return subprocess.run(command, capture_output=True, timeout=10).returncode

        self.assertEqual(asked("/readyz", "/readyz"), 0)
        self.assertNotEqual(asked("/readyz", "/nothing"), 0, "a 404 is not healthy")
        service.terminate()
        service.wait(30)
        self.assertNotEqual(asked("/readyz", "/readyz"), 0, "a service that has ended is not healthy")


if __name__ == "__main__":
    unittest.main()
