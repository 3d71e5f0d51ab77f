#!/usr/bin/env bash
# Installs what the tests, the lints and the benchmark need beside Rust, outside the build folder and without root where
# that is possible: a Python environment, Prometheus, Alertmanager, rsyslog, libfaketime, buf, grammars of
# Grafana's query languages, cargo-nextest and cargo-deny. A second call does nothing. Prints the folder with the programs;
# `CHAMPION_TOOLS` moves it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${CHAMPION_TOOLS:-$HOME/.cache/champion/tools}
NEXTEST_VERSION=0.9.143
DENY_VERSION=0.20.2
BUF_VERSION=1.75.0
LOGQL_VERSION=0.4.2
TRACEQL_VERSION=1.0.0
mkdir -p "$tools/bin"

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || fail "the program '$1' is missing: $2"; }

python_environment() {
    local wanted="$tools/python/.requirements-$(sha256sum "$here/requirements.txt" | cut -c1-16)"
    [ -e "$wanted" ] && return
    need python3 "install Python 3.11 or later with its venv module"
    say "Python environment with the packages of requirements.txt"
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    touch "$wanted"
}

# Unpacks Debian packages into a folder of the tools, without root.
unpack() { # folder package...
    local folder=$1 work
    shift
    need apt-get "install $* so that its programs are on the PATH"
    say "$*, unpacked from Debian"
    if [ "$(id -u)" = 0 ] && [ -z "${lists_are_fresh:-}" ]; then
        apt-get update -qq
        lists_are_fresh=yes
    fi
    work=$(mktemp -d)
    [ "$(id -u)" != 0 ] || chown _apt "$work" # apt downloads as a user of its own
    (
        cd "$work"
        apt-get download -qq "$@" >/dev/null
        for package in *.deb; do dpkg-deb -x "$package" "$tools/$folder"; done
    )
    rm -rf "$work"
}

# Links programs of the PATH into the tools, and fetches the package only when one of them is absent there. A program whose
# file in the package has another name is given as name=file.
from_debian() { # package program...
    local package=$1 program missing=""
    shift
    for program in "${@%%=*}"; do
        [ -x "$tools/bin/$program" ] && continue
        [ -z "$(type -P "$program")" ] && missing=yes && continue
        ln -sf "$(type -P "$program")" "$tools/bin/$program"
    done
    [ -n "$missing" ] || return 0
    unpack "$package" "$package"
    for program in "$@"; do
        ln -sf "$tools/$package/usr/bin/${program#*=}" "$tools/bin/${program%%=*}"
    done
}

# Prometheus 2.42, Alertmanager 0.25 and rsyslog 8.2302 or later.
prometheus() { from_debian prometheus prometheus promtool; }
alertmanager() {
    from_debian prometheus-alertmanager alertmanager=prometheus-alertmanager amtool
    # Debian's build reads its own templates from /usr/share, where only root can put them. The unpacked one reads them from
    # the folder it runs in (a path of the same length), and a small script starts it where they are.
    local unpacked=$tools/prometheus-alertmanager system=/usr/share/prometheus/alertmanager
    [ "$(readlink "$tools/bin/alertmanager")" = "$unpacked/usr/bin/prometheus-alertmanager" ] || return 0
    LC_ALL=C sed -i "s#$system#./././././././././././././././././#g" "$unpacked/usr/bin/prometheus-alertmanager"
    rm "$tools/bin/alertmanager"
    printf '#!/bin/sh\ncd "%s" && exec "%s" "$@"\n' "$unpacked$system" "$unpacked/usr/bin/prometheus-alertmanager" \
        >"$tools/bin/alertmanager"
    chmod +x "$tools/bin/alertmanager"
}

rsyslog() {
    [ -x "$tools/bin/rsyslogd" ] && return
    local found
    found=$(PATH="$PATH:/usr/sbin" type -P rsyslogd || true)
    if [ -n "$found" ]; then
        ln -sf "$found" "$tools/bin/rsyslogd"
        return
    fi
    unpack rsyslog rsyslog libestr0 libfastjson4 liblognorm5
    found=$(dirname "$(dirname "$(find "$tools/rsyslog" -name mmjsonparse.so)")")
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s RSYSLOG_MODDIR=%s/rsyslog/ exec %s/rsyslog/usr/sbin/rsyslogd "$@"\n' \
        "$found" "$found" "$tools" >"$tools/bin/rsyslogd"
    chmod +x "$tools/bin/rsyslogd"
}

faketime() {
    [ -e "$tools/lib/libfaketimeMT.so.1" ] && return
    local found
    found=$(find /usr/lib /usr/local/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
    mkdir -p "$tools/lib"
    if [ -z "$found" ]; then
        unpack faketime libfaketime
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

query_grammars() {
    [ -e "$tools/node_modules/@grafana/lezer-traceql" ] && return
    say "grammars of LogQL $LOGQL_VERSION and TraceQL $TRACEQL_VERSION"
    npm install --silent --no-save --no-package-lock --prefix "$tools" "@bufbuild/buf@$BUF_VERSION" \
        "@grafana/lezer-logql@$LOGQL_VERSION" "@grafana/lezer-traceql@$TRACEQL_VERSION"
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
rsyslog
faketime
buf
query_grammars
cargo_tool cargo-nextest "$NEXTEST_VERSION"
cargo_tool cargo-deny "$DENY_VERSION"
printf '%s\n' "$tools"
