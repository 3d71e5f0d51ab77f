#!/usr/bin/env bash
# Pins the warehouse engine for every platform it is published for, without running any of it.
#
#   deploy/setup/pin-engine.sh            fetch each platform's package, compute the checksums, write engine.sha256
#   deploy/setup/pin-engine.sh --check    every platform of a release has its two lines; fetches nothing
#
# The packages come through the ordinary npm client, which checks each against the registry's own sha512. A platform that
# the registry does not have keeps the lines it has; those of the version in fetch-engine.sh alone count as pins. Look at the
# difference before committing it: these lines decide which code runs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pins=$here/engine.sha256
version=$(sed -n 's/^version=//p' "$here/fetch-engine.sh")
# The platforms of a release come first; a developer's machine may be any.
release=(lib-linux-x64-gnu lib-linux-arm64-gnu)
platforms=("${release[@]}" lib-darwin-arm64 lib-darwin-x64)

say() { printf 'pin-engine: %s\n' "$*" >&2; }
pinned() { awk -v name="$1" '$2 == name { print $1 }' "$pins"; }
checksum() {
    if command -v sha256sum >/dev/null; then sha256sum "$1" | cut -d' ' -f1; else shasum -a 256 "$1" | cut -d' ' -f1; fi
}

if [[ ${1:-} == --check ]]; then
    missing=()
    for package in "${release[@]}"; do
        for name in "chdb-$package-$version.tgz" "$package/libchdb.so"; do
            [[ -n $(pinned "$name") ]] || missing+=("$name")
        done
    done
    [[ ${#missing[@]} -eq 0 ]] || { say "no pin for ${missing[*]}; run deploy/setup/pin-engine.sh"; exit 1; }
    exit 0
elif [[ $# -gt 0 ]]; then
    say "unknown argument $1 (try --check, or none)"
    exit 2
fi

command -v npm >/dev/null || { say "npm is needed to fetch the packages"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
absent=()
for package in "${platforms[@]}"; do
    tarball=chdb-$package-$version.tgz
    say "fetching @chdb/$package $version (about 180 MB)"
    if ! (cd "$work" && npm pack --silent --foreground-scripts=false "@chdb/$package@$version" >/dev/null 2>"$work/why"); then
        absent+=("$package")
        say "the registry gives no @chdb/$package@$version: $(grep -m 1 -o 'E[0-9A-Z]*' "$work/why" || true)"
        for name in "$tarball" "$package/libchdb.so"; do
            known=$(pinned "$name")
            [[ -z $known ]] || printf '%s  %s\n' "$known" "$name" >>"$work/pins"
        done
        continue
    fi
    printf '%s  %s\n' "$(checksum "$work/$tarball")" "$tarball" >>"$work/pins"
    tar -xzf "$work/$tarball" -C "$work" package/libchdb.so
    printf '%s  %s\n' "$(checksum "$work/package/libchdb.so")" "$package/libchdb.so" >>"$work/pins"
    rm -rf "$work/package" "${work:?}/$tarball"
done
mv -f "$work/pins" "$pins"
say "pins written: $pins; git diff shows what changed"
[[ ${#absent[@]} -eq 0 ]] || { say "without a package in this registry: ${absent[*]}"; exit 3; }
