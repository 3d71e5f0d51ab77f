#!/usr/bin/env bash
# Installs what the tests, the lints and the benchmark need beside Rust, outside the build folder and without root where
# that is possible: a Python environment, Prometheus, libfaketime, buf, cargo-nextest and cargo-deny. A second call does
# nothing. Prints the folder with the programs; `CHAMPION_TOOLS` moves it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${CHAMPION_TOOLS:-$HOME/.cache/champion/tools}
NEXTEST_VERSION=0.9.143
DENY_VERSION=0.20.2
BUF_VERSION=1.75.0
mkdir -p "$tools/bin"

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || fail "the program '$1' is missing: $2"; }

python_environment() {
    local wanted="$tools/python/.requirements-$(sha256sum "$here/requirements.txt" | cut -c1-16)"
    [ -e "$wanted" ] && return
    need python3 "install Python 3.11 or later with its venv module"
    say "Python environment with duckdb, polars, oteltap and moto"
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    touch "$wanted"
}

prometheus() {
    [ -x "$tools/bin/prometheus" ] && return
    if [ -n "$(type -P prometheus)" ]; then
        ln -sf "$(type -P prometheus)" "$tools/bin/prometheus"
        return
    fi
    need apt-get "install Prometheus 2.42 or later so that 'prometheus' is on the PATH"
    say "Prometheus, unpacked from Debian's package"
    local work
    work=$(mktemp -d)
    chmod 755 "$work" # apt downloads as a user of its own
    [ "$(id -u)" != 0 ] || apt-get update -qq
    (cd "$work" && apt-get download -qq prometheus >/dev/null && dpkg-deb -x prometheus_*.deb "$tools/prometheus")
    rm -rf "$work"
    ln -sf "$tools/prometheus/usr/bin/prometheus" "$tools/bin/prometheus"
    ln -sf "$tools/prometheus/usr/bin/promtool" "$tools/bin/promtool"
}

faketime() {
    [ -e "$tools/lib/libfaketimeMT.so.1" ] && return
    local found
    found=$(find /usr/lib /usr/local/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
    mkdir -p "$tools/lib"
    if [ -z "$found" ]; then
        need apt-get "install libfaketime 0.9.10 or later"
        say "libfaketime, unpacked from Debian's package"
        local work
        work=$(mktemp -d)
        chmod 755 "$work"
        [ "$(id -u)" != 0 ] || apt-get update -qq
        (cd "$work" && apt-get download -qq libfaketime >/dev/null && dpkg-deb -x libfaketime_*.deb "$tools/faketime")
        rm -rf "$work"
        found=$(find "$tools/faketime" -name libfaketimeMT.so.1 | head -n 1)
    fi
    ln -sf "$found" "$tools/lib/libfaketimeMT.so.1"
}

buf() {
    [ -x "$tools/node_modules/.bin/buf" ] && return
    need npm "install Node.js 20 or later"
    say "buf $BUF_VERSION"
    npm install --silent --no-save --no-package-lock --prefix "$tools" "@bufbuild/buf@$BUF_VERSION"
    ln -sf "$tools/node_modules/.bin/buf" "$tools/bin/buf"
}

cargo_tool() { # name version
    [ -x "$tools/bin/$1" ] && return
    if [ -n "$(type -P "$1")" ]; then
        ln -sf "$(type -P "$1")" "$tools/bin/$1"
        return
    fi
    say "$1 $2, built from source: some minutes"
    cargo install --quiet --locked --debug --root "$tools" --version "$2" "$1"
}

need cargo "install Rust 1.95 or later"
python_environment
prometheus
faketime
buf
cargo_tool cargo-nextest "$NEXTEST_VERSION"
cargo_tool cargo-deny "$DENY_VERSION"
printf '%s\n' "$tools"
