"""The release scripts, each against what it is there to catch."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent

#: A database's address that nobody answers at; git is told where it really is, as for a mirror.
AWAY = "https://advisories.invalid/db"

ADVISORY = """```toml
[advisory]
id = "RUSTSEC-2099-0001"
package = "serde_json"
date = "2099-01-01"
url = "https://example.invalid"
categories = ["denial-of-service"]

[versions]
patched = []
```

# A hole of this test

Every version has it.
"""


def git(folder: pathlib.Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


class Advisories(unittest.TestCase):
    """`advisories.sh` never passes in silence."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="champion-advisories-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.origin = self.folder / "origin"
        self.advise("nobody-depends-on-this", "RUSTSEC-2099-0002")
        git(self.origin, "init", "--quiet", "--initial-branch=main")
        git(self.origin, "add", ".")
        git(self.origin, "commit", "--quiet", "--message=begin")
        self.config = self.folder / "deny.toml"
        text = (ROOT / "deny.toml").read_text(encoding="utf-8").replace('yanked = "deny"', 'yanked = "allow"')
        place = f'[advisories]\ndb-path = "{self.folder / "databases"}"\ndb-urls = ["{AWAY}"]\n'
        self.config.write_text(text.replace("[advisories]\n", place), encoding="utf-8")

    def advise(self, package: str, number: str) -> None:
        folder = self.origin / "crates" / package
        folder.mkdir(parents=True)
        text = ADVISORY.replace("serde_json", package).replace("RUSTSEC-2099-0001", number)
        (folder / f"{number}.md").write_text(text, encoding="utf-8")

    def run_script(self, *, network: bool, release: bool = False) -> tuple[int, str]:
        environment = {**os.environ, "CHAMPION_DENY_CONFIG": str(self.config), "RELEASE": "1" if release else ""}
        if network:
            environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"url.file://{self.origin}.insteadOf",
                "GIT_CONFIG_VALUE_0": AWAY,
            }
        done = subprocess.run([HERE / "advisories.sh"], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_without_a_network_it_says_so_loudly_and_a_release_fails(self) -> None:
        code, text = self.run_script(network=False)
        self.assertEqual(code, 0, text)
        self.assertIn("ADVISORIES NOT CHECKED", text)
        code, text = self.run_script(network=False, release=True)
        self.assertEqual(code, 1, text)
        self.assertIn("ADVISORIES NOT CHECKED", text)

    def test_with_a_network_a_clean_graph_passes_and_a_copy_serves_while_the_host_is_away(self) -> None:
        code, text = self.run_script(network=True, release=True)
        self.assertEqual(code, 0, text)
        self.assertIn("no finding, by the database of", text)
        code, text = self.run_script(network=False, release=True)
        self.assertEqual(code, 0, text)
        self.assertIn("ADVISORIES CHECKED AGAINST A COPY of", text)

    def test_a_release_takes_no_old_database(self) -> None:
        os.environ["GIT_COMMITTER_DATE"] = "2020-01-01T00:00:00Z"
        self.addCleanup(os.environ.pop, "GIT_COMMITTER_DATE")
        git(self.origin, "commit", "--quiet", "--amend", "--no-edit", "--date=2020-01-01T00:00:00Z")
        code, text = self.run_script(network=True, release=True)
        self.assertEqual(code, 1, text)
        self.assertIn("a release takes no database older than 14 days", text)

    def test_a_known_hole_fails_with_and_without_a_network(self) -> None:
        self.advise("serde_json", "RUSTSEC-2099-0001")
        git(self.origin, "add", ".")
        git(self.origin, "commit", "--quiet", "--message=a hole")
        for network in (True, False):
            code, text = self.run_script(network=network)
            self.assertNotEqual(code, 0, text)
            self.assertIn("RUSTSEC-2099-0001", text)


DIGEST = "sha256:" + "ab" * 32


class Images(unittest.TestCase):
    """`images.py` lets no image without its digest into a release."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="champion-images-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "deploy").mkdir()
        for file in ("deploy/Dockerfile", "deploy/compose.yaml", "deploy/images.lock"):
            (self.root / file).write_bytes((ROOT / file).read_bytes())

    def run_script(self, *arguments: str, path: str | None = None) -> tuple[int, str]:
        environment = {**os.environ, "PATH": path or os.environ["PATH"]}
        command = [sys.executable, str(HERE / "images.py"), "--root", str(self.root), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text(encoding="utf-8")
        self.assertIn(old, text)
        (self.root / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    def test_an_image_without_a_line_and_a_digest_that_is_not_the_locks_are_named(self) -> None:
        self.edit("deploy/compose.yaml", "prom/prometheus:v2.55.1", "prom/prometheus:v2.55.2")
        code, text = self.run_script("check")
        self.assertEqual(code, 1)
        self.assertIn("prom/prometheus:v2.55.2 is not in deploy/images.lock", text)
        self.assertIn("nobody uses prom/prometheus:v2.55.1", text)
        self.edit("deploy/compose.yaml", "prom/prometheus:v2.55.2", f"prom/prometheus:v2.55.1@{DIGEST}")
        code, text = self.run_script("check")
        self.assertEqual(code, 1)
        self.assertIn("is pinned to", text)

    def test_pinning_fills_every_placeholder_and_only_then_a_release_passes(self) -> None:
        # A registry that answers with a manifest of its own for each image.
        programs = self.root / "bin"
        programs.mkdir()
        skopeo = programs / "skopeo"
        skopeo.write_text('#!/bin/sh\nprintf \'{"manifest": "%s"}\' "$3"\n', encoding="utf-8")
        skopeo.chmod(0o755)
        path = f"{programs}:{os.environ['PATH']}"
        self.assertEqual(self.run_script("pin", path=path), (0, ""))
        self.assertEqual(self.run_script("check", "--release"), (0, ""))
        lock = (self.root / "deploy/images.lock").read_text(encoding="utf-8")
        self.assertNotIn("unresolved\n", lock.split("lets none through.\n")[1])
        self.assertRegex((self.root / "deploy/Dockerfile").read_text(encoding="utf-8"), r"FROM rust:\S+@sha256:[0-9a-f]{64} AS")
        # A second call changes nothing; a digest taken away is seen.
        before = (self.root / "deploy/compose.yaml").read_bytes()
        self.assertEqual(self.run_script("pin", path=path), (0, ""))
        self.assertEqual((self.root / "deploy/compose.yaml").read_bytes(), before)
        self.edit("deploy/Dockerfile", "@sha256:", "@sha256:0")
        self.assertEqual(self.run_script("check")[0], 1)

    def test_a_registry_that_cannot_be_asked_leaves_everything_as_it_is(self) -> None:
        programs = self.root / "bin"
        programs.mkdir()
        skopeo = programs / "skopeo"
        skopeo.write_text("#!/bin/sh\necho 'no route to host' >&2\nexit 1\n", encoding="utf-8")
        skopeo.chmod(0o755)
        before = (self.root / "deploy/images.lock").read_bytes()
        code, text = self.run_script("pin", path=f"{programs}:{os.environ['PATH']}")
        self.assertEqual(code, 1)
        self.assertIn("no route to host", text)
        self.assertEqual((self.root / "deploy/images.lock").read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
