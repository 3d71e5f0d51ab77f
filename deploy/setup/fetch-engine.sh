#!/usr/bin/env bash
# Fetches the ClickHouse engine of the embedded warehouse (libchdb.so) into a cache outside the build folder.
#
#   deploy/setup/fetch-engine.sh            fetch, verify and unpack; does nothing when the engine is there
#   deploy/setup/fetch-engine.sh --path     print where the library is or would be, fetch nothing
#
# CHAMPION_ENGINE_CACHE         the cache folder (default: $HOME/.cache/champion/engine)
# CHAMPION_ENGINE_TARBALL       a tarball that is already on this machine; it must have the pinned checksum too
#
# The package comes through the ordinary npm client, so a mirror or proxy configured for npm is used. The checksums are
# pinned in engine.sha256 beside this script. The library appears under its name only when it is whole and verified, so
# any number of runs at the same time are safe.
set -euo pipefail

version=26.7.3-stable.1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pins=$here/engine.sha256
cache=${CHAMPION_ENGINE_CACHE:-${HOME:?HOME is not set; set CHAMPION_ENGINE_CACHE}/.cache/champion/engine}
folder=$cache/$version
library=$folder/libchdb.so

say() { printf 'fetch-engine: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

checksum() {
    if command -v sha256sum >/dev/null; then sha256sum "$1" | cut -d' ' -f1; else shasum -a 256 "$1" | cut -d' ' -f1; fi
}

if [[ ${1:-} == --path ]]; then
    printf '%s\n' "$library"
    exit 0
elif [[ $# -gt 0 ]]; then
    fail "unknown argument $1 (try --path, or none)"
fi

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) package=lib-linux-x64-gnu ;;
    Linux-aarch64 | Linux-arm64) package=lib-linux-arm64-gnu ;;
    Darwin-arm64) package=lib-darwin-arm64 ;;
    Darwin-x86_64) package=lib-darwin-x64 ;;
    *) fail "no engine is published for $(uname -s) on $(uname -m); set CHAMPION_WAREHOUSE_URL to a ClickHouse server" ;;
esac
tarball=chdb-$package-$version.tgz

pinned() { awk -v name="$1" '$2 == name { print $1 }' "$pins"; }
want_tarball=$(pinned "$tarball")
want_library=$(pinned "$package/libchdb.so")
if [[ -z $want_tarball || -z $want_library ]]; then
    fail "no pinned checksum for $tarball in $pins: refusing to run an engine nobody has checked." \
        "deploy/setup/pin-engine.sh adds its lines where the registry has the package; or set CHAMPION_WAREHOUSE_URL to a server"
fi

# A file that was whole when it got its name can only be damaged afterwards; its size says so at no cost, and the
# checksum of half a gigabyte is not worth the second it takes at every start of every test.
if [[ -s $library && -s $folder/libchdb.so.ok && $(cat "$folder/libchdb.so.ok") == "$want_library $(wc -c <"$library" | tr -d ' ')" ]]; then
    say "the engine $version is there: $library"
    exit 0
fi

mkdir -p "$folder"
work=$(mktemp -d "$folder/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT

if [[ -f $library && $(checksum "$library") == "$want_library" ]]; then
    say "the engine $version is there and its checksum is right: $library"
else
    if [[ -n ${CHAMPION_ENGINE_TARBALL:-} ]]; then
        [[ -f $CHAMPION_ENGINE_TARBALL ]] || fail "CHAMPION_ENGINE_TARBALL=$CHAMPION_ENGINE_TARBALL is not a file"
        archive=$CHAMPION_ENGINE_TARBALL
    else
        command -v npm >/dev/null || fail "npm is needed to fetch the engine; install it, or set CHAMPION_ENGINE_TARBALL"
        say "fetching @chdb/$package $version (about 180 MB)"
        (cd "$work" && npm pack --silent --foreground-scripts=false "@chdb/$package@$version" >/dev/null) ||
            fail "npm could not fetch @chdb/$package@$version; see its message above"
        archive=$work/$tarball
        [[ -f $archive ]] || fail "npm finished without leaving $tarball"
    fi
    got=$(checksum "$archive")
    [[ $got == "$want_tarball" ]] || fail "$archive has sha256 $got, expected $want_tarball: not using it"
    say "checksum is right; unpacking"
    tar -xzf "$archive" -C "$work" package/libchdb.so || fail "cannot unpack $archive"
    got=$(checksum "$work/package/libchdb.so")
    [[ $got == "$want_library" ]] || fail "libchdb.so has sha256 $got, expected $want_library: not using it"
    mv -f "$work/package/libchdb.so" "$library"
fi
printf '%s %s\n' "$want_library" "$(wc -c <"$library" | tr -d ' ')" >"$work/ok"
mv -f "$work/ok" "$folder/libchdb.so.ok"
say "the engine $version is ready: $library"
