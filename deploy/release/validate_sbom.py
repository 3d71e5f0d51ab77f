"""Validates bills of materials: the schema of CycloneDX, strictly, and that each names what Cargo.lock pins.

    validate_sbom.py FOLDER Cargo.lock
"""

from __future__ import annotations

import json
import pathlib
import sys
import tomllib

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def faults(bill: pathlib.Path, pinned: set[tuple[str, str]]) -> list[str]:
    """What is wrong with one bill."""
    text = bill.read_text(encoding="utf-8")
    content = json.loads(text)
    version = SchemaVersion.from_version(content["specVersion"])
    found = []
    error = JsonStrictValidator(version).validate_str(text)
    if error:
        found.append(f"{bill.name}: not CycloneDX {content['specVersion']}: {error}")
    components = content.get("components", [])
    if not components:
        found.append(f"{bill.name}: it lists no component")
    for component in components:
        if (component["name"], component.get("version")) not in pinned:
            found.append(f"{bill.name}: {component['name']} {component.get('version')} is not in Cargo.lock")
        if not component.get("licenses"):
            found.append(f"{bill.name}: {component['name']} has no licence")
    return found


def main() -> int:
    folder, lock = map(pathlib.Path, sys.argv[1:])
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    pinned = {(package["name"], package["version"]) for package in packages}
    bills = sorted(folder.glob("*.cdx.json"))
    found = [fault for bill in bills for fault in faults(bill, pinned)]
    if not bills:
        found.append(f"{folder}: no bill of materials")
    print("\n".join(found) or f"sbom: {len(bills)} bills of materials in {folder}, all valid")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
