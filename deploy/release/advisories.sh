#!/usr/bin/env bash
# Checks every dependency against the RustSec advisories, and never passes in silence: it says against which state of the
# database it checked, or, where there is no network, that it did not.
#
#   deploy/release/advisories.sh              a finding fails; without a database it warns, loudly, and passes
#   RELEASE=1 deploy/release/advisories.sh    a finding fails, and so does a database that is missing or old
#
# The database is a git repository that cargo-deny fetches with git: a mirror is told to git, not to this script, with
# `git config --global url.<mirror>.insteadOf https://github.com/RustSec/advisory-db`. A database fetched before serves while
# the host is away; a release takes none whose last change is older than CHAMPION_ADVISORY_DAYS days (14).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

config=${CHAMPION_DENY_CONFIG:-deny.toml}
days=${CHAMPION_ADVISORY_DAYS:-14}
release=${RELEASE:-}

say() { printf 'advisories: %s\n' "$*" >&2; }

shout() {
    local bar='########################################################################################'
    {
        printf '%s\n' "$bar"
        printf '##  %s\n' "$@"
        printf '%s\n' "$bar"
    } >&2
    # A note beside the run where a continuous integration shows one.
    if [[ -n ${GITHUB_ACTIONS:-} ]]; then printf '::warning title=advisories::%s\n' "$1"; fi
}

# Where cargo-deny keeps its copy: the configuration's db-path, else cargo's home.
databases() {
    local configured
    configured=$(sed -n 's/^db-path *= *"\(.*\)".*/\1/p' "$config")
    printf '%s\n' "${configured:-${CARGO_HOME:-$HOME/.cargo}/advisory-dbs}"
}

newest() { # the copy that was fetched last, if there is one
    local copy newest=
    for copy in "$(databases)"/*; do
        if git -C "$copy" rev-parse --quiet --verify HEAD >/dev/null 2>&1 && [[ -d $copy/.git ]]; then
            if [[ -z $newest || $copy -nt $newest ]]; then newest=$copy; fi
        fi
    done
    printf '%s\n' "$newest"
}

check() { cargo deny --log-level error --color never --config "$config" "$@" check advisories; }

fetched=yes
if ! why=$(check 2>&1); then
    if [[ $why != *"failed to fetch"* ]]; then
        printf '%s\n' "$why" >&2
        say "FAILED"
        exit 1
    fi
    fetched=
fi
database=$(newest)

if [[ -z $database ]]; then
    shout "ADVISORIES NOT CHECKED: there is no copy of the RustSec database on this machine, and none can be fetched." \
        "Nobody has looked whether a dependency has a known hole." \
        "Where there is a network: make deny. A mirror: see deploy/release/advisories.sh."
    say "why: $(head -c 400 <<<"$why" | tr '\n' ' ')"
    [[ -z $release ]] || { say "a release needs the advisories: FAILED"; exit 1; }
    exit 0
fi

[[ -n $fetched ]] || check --offline

as_of=$(git -C "$database" log -1 --format=%cs)
age=$((($(date +%s) - $(git -C "$database" log -1 --format=%ct)) / 86400))
if [[ -n $fetched ]]; then
    say "no finding, by the database of $as_of, fetched now"
else
    shout "ADVISORIES CHECKED AGAINST A COPY of $as_of, $age days old: a newer one cannot be fetched now."
fi
if [[ -n $release && $age -gt $days ]]; then
    say "a release takes no database older than $days days: FAILED"
    exit 1
fi
