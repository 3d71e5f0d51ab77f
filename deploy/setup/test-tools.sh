#!/usr/bin/env bash
# Installs what the tests, the lints and the benchmark need beside Rust, outside the build folder and without root where
# that is possible: a Python environment, Prometheus, Alertmanager, the node exporter, libfaketime, buf, cargo-nextest and
# cargo-deny. A second call does nothing. Prints the folder with the programs; `CHAMPION_TOOLS` moves it.
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

# Links programs of the PATH into the tools, and fetches the package only when one of them is absent there. A program whose
# file in the package has another name is given as name=file.
from_debian() { # package version program...
    local package=$1 version=$2 work program missing=""
    shift 2
    for program in "${@%%=*}"; do
        [ -x "$tools/bin/$program" ] && continue
        [ -z "$(type -P "$program")" ] && missing=yes && continue
        ln -sf "$(type -P "$program")" "$tools/bin/$program"
    done
    [ -n "$missing" ] || return 0
    need apt-get "install $package $version or later so that '${*%%=*}' are on the PATH"
    say "$package, unpacked from Debian's package"
    work=$(mktemp -d)
    chmod 755 "$work" # apt downloads as a user of its own
    [ "$(id -u)" != 0 ] || apt-get update -qq
    (cd "$work" && apt-get download -qq "$package" >/dev/null && dpkg-deb -x "$package"_*.deb "$tools/$package")
    rm -rf "$work"
    for program in "$@"; do
        ln -sf "$tools/$package/usr/bin/${program#*=}" "$tools/bin/${program%%=*}"
    done
}

prometheus() { from_debian prometheus 2.42 prometheus promtool; }
alertmanager() { from_debian prometheus-alertmanager 0.25 alertmanager=prometheus-alertmanager amtool; }
node_exporter() { from_debian prometheus-node-exporter 1.5 node_exporter=prometheus-node-exporter; }

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
alertmanager
node_exporter
faketime
buf
cargo_tool cargo-nextest "$NEXTEST_VERSION"
cargo_tool cargo-deny "$DENY_VERSION"
printf '%s\n' "$tools"
