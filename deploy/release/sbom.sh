#!/usr/bin/env bash
# Writes a CycloneDX bill of materials for each program of a release into target/sbom, and validates every one of them.
#
# Tool: cargo-cyclonedx, from the CycloneDX project; built once into the tools folder (`make tools` says which), about a
# minute. Validator: cyclonedx-python-lib, the same project's, in a Python environment of its own beside it. With
# SOURCE_DATE_EPOCH the same sources give the same bytes; by default it is the date of the last commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tools=${CHAMPION_TOOLS:-$HOME/.cache/champion/tools}
CYCLONEDX_VERSION=0.5.9
VALIDATOR_VERSION=11.12.0
FORMAT=1.5

say() { printf 'sbom: %s\n' "$*" >&2; }

cyclonedx=$tools/bin/cargo-cyclonedx
if ! [ "$("$cyclonedx" cyclonedx --version 2>/dev/null)" = "cargo-cyclonedx-cyclonedx $CYCLONEDX_VERSION" ]; then
    say "cargo-cyclonedx $CYCLONEDX_VERSION, built from source: about a minute"
    cargo install --quiet --locked --debug --force --root "$tools" --version "$CYCLONEDX_VERSION" cargo-cyclonedx
fi
python=$tools/sbom-$VALIDATOR_VERSION/bin/python
if ! [ -e "$tools/sbom-$VALIDATOR_VERSION/.whole" ]; then
    say "cyclonedx-python-lib $VALIDATOR_VERSION"
    rm -rf "$tools/sbom-$VALIDATOR_VERSION"
    python3 -m venv "$tools/sbom-$VALIDATOR_VERSION"
    "$tools/sbom-$VALIDATOR_VERSION/bin/pip" install --quiet --disable-pip-version-check \
        "cyclonedx-python-lib[json-validation]==$VALIDATOR_VERSION"
    touch "$tools/sbom-$VALIDATOR_VERSION/.whole"
fi

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
out=target/sbom
rm -rf "$out"
mkdir -p "$out"
# The tool writes beside each Cargo.toml; a bill that was left there by a run that broke off must not be taken for a new one.
trap 'find crates fuzz tests -name "*.cdx.json" -delete' EXIT
find crates fuzz tests -name '*.cdx.json' -delete
# All targets: a dependency of any platform is in the bill.
"$cyclonedx" cyclonedx --quiet --format json --spec-version "$FORMAT" --describe binaries --no-build-deps --target all
# What a release ships: programs of crates/, not the harness in tests/ nor the fuzz targets.
find crates -name '*.cdx.json' -exec mv -t "$out" {} +
"$python" deploy/release/validate_sbom.py "$out" Cargo.lock
