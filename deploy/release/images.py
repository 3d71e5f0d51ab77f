#!/usr/bin/env python3
"""Base images pinned by digest: what the Dockerfile and compose.yaml build on is named in images.lock with its digest.

    images.py check              every image has a line in the lock, and a digest where it is used is the lock's
    images.py check --release    besides: no line is unresolved, and each image is used with its digest
    images.py pin                ask the registries (skopeo, or docker buildx), write the lock and the files

A tag can be moved by whoever owns it; a digest is the content. `unresolved` is the placeholder of a digest that nobody has
asked for yet: it builds everywhere and is let into no release.
"""

from __future__ import annotations

import argparse
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCK = "deploy/images.lock"
#: File and the pattern of a reference in it: `name:tag`, or `name:tag@digest`.
USERS = {
    "deploy/Dockerfile": re.compile(r"^FROM (?P<image>[^\s@]+:[^\s@]+)(?P<digest>@\S+)?(?= AS )", re.MULTILINE),
    "deploy/compose.yaml": re.compile(r"^ +image: (?P<image>(?!champion/)[^\s@]+:[^\s@]+)(?P<digest>@\S+)?$", re.MULTILINE),
}
UNRESOLVED = "unresolved"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

HEADER = """\
# Digests of the images that deploy/Dockerfile and deploy/compose.yaml build on: `deploy/release/images.py pin` fills them.
# `unresolved` is the placeholder of one that nobody has asked a registry for; `make release-check` lets none through.
"""


class Unpinned(Exception):
    """What keeps the images from being pinned; a line each."""


def used(root: pathlib.Path) -> list[tuple[str, str, str]]:
    """File, image and digest (empty for none) of every reference."""
    found = []
    for file, pattern in USERS.items():
        for match in pattern.finditer((root / file).read_text(encoding="utf-8")):
            found.append((file, match["image"], (match["digest"] or "").removeprefix("@")))
    return found


def locked(root: pathlib.Path) -> dict[str, str]:
    """The lock: digest, or the placeholder, by image."""
    lock: dict[str, str] = {}
    for number, line in enumerate((root / LOCK).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 2 or not (parts[1] == UNRESOLVED or DIGEST.fullmatch(parts[1])):
            raise Unpinned(f"{LOCK}: line {number}: expected an image and its digest or {UNRESOLVED}: {line!r}")
        if parts[0] in lock:
            raise Unpinned(f"{LOCK}: line {number}: {parts[0]} stands twice")
        lock[parts[0]] = parts[1]
    return lock


def check(root: pathlib.Path, release: bool) -> None:
    """Raises what is not as it should be."""
    lock, references = locked(root), used(root)
    faults = []
    if not references:
        faults.append("no image is used: the patterns of images.py do not fit the files any more")
    for file, image, digest in references:
        if image not in lock:
            faults.append(f"{file}: {image} is not in {LOCK}: run deploy/release/images.py pin")
        elif digest and digest != lock[image]:
            faults.append(f"{file}: {image} is pinned to {digest}, {LOCK} says {lock[image]}")
        elif release and not digest:
            faults.append(f"{file}: {image} is used without its digest: run deploy/release/images.py pin")
    images = {image for _, image, _ in references}
    faults += [f"{LOCK}: nobody uses {image}" for image in lock if image not in images]
    if release:
        faults += [f"{LOCK}: {image} is {UNRESOLVED}" for image, digest in lock.items() if digest == UNRESOLVED]
    if faults:
        raise Unpinned("\n".join(faults))


def resolve(image: str) -> str:
    """Asks the registry: the digest of an image is the hash of its manifest, the list over all platforms."""
    if shutil.which("skopeo"):
        command = ["skopeo", "inspect", "--raw", f"docker://{image}"]
    elif shutil.which("docker"):
        command = ["docker", "buildx", "imagetools", "inspect", "--raw", image]
    else:
        raise Unpinned("skopeo or docker is needed to ask a registry; install one of them")
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout:
        raise Unpinned(f"{image}: {command[0]} cannot ask its registry: {done.stderr.decode(errors='replace').strip()}")
    return f"sha256:{hashlib.sha256(done.stdout).hexdigest()}"


def pin(root: pathlib.Path) -> None:
    """Writes the lock, and each reference with its digest. Nothing is written unless every image was resolved."""
    digests = {image: resolve(image) for image in sorted({image for _, image, _ in used(root)})}
    lines = "".join(f"{image} {digest}\n" for image, digest in digests.items())
    (root / LOCK).write_text(HEADER + lines, encoding="utf-8")
    for file, pattern in USERS.items():
        text = (root / file).read_text(encoding="utf-8")

        def pinned(match: re.Match[str]) -> str:
            bare = match[0].removesuffix(match["digest"]) if match["digest"] else match[0]
            return f"{bare}@{digests[match['image']]}"

        (root / file).write_text(pattern.sub(pinned, text), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check").add_argument("--release", action="store_true")
    commands.add_parser("pin")
    arguments = parser.parse_args()
    try:
        if arguments.command == "pin":
            pin(arguments.root)
        check(arguments.root, arguments.command == "check" and arguments.release)
    except Unpinned as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
