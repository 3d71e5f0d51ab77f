#!/usr/bin/env bash
# Checks Alertmanager's configuration without sending anything: amtool reads it, each route leads where it should, each
# template gives the text in tests/*.expected, and each alert that is named is one of the rules. UPDATE=1 writes the texts anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v amtool >/dev/null || { echo "alertmanager: amtool is missing: run make tools" >&2; exit 1; }
failed=0
wrong() { printf 'alertmanager: %s\n' "$*" >&2; failed=1; }

amtool check-config alertmanager.yml >/dev/null || wrong "amtool does not take alertmanager.yml"

route() { # receiver label=value...
    local receiver=$1 said
    shift
    said=$(amtool config routes test --config.file=alertmanager.yml --verify.receivers="$receiver" "$@" 2>&1) ||
        wrong "{$*} does not go to $receiver alone: $said"
}
route on-call alertname=WarehouseLoadFailure component=warehouse severity=critical
route slack-warnings alertname=WarehouseLoadHighLatency component=warehouse severity=warning
route digest alertname=FileCorrected component=ingestion severity=info
route heartbeat alertname=DeadMansSwitch component=monitoring severity=info
route heartbeat alertname=DeadMansSwitch component=monitoring severity=critical
route slack-unknown alertname=WarehouseLoadFailure component=warehouse severity=page
route slack-unknown alertname=WarehouseLoadFailure

rendered() { # type template
    amtool template render --template.type="$1" --template.glob='templates/*.tmpl' --template.data="$data" \
        --template.text="{{ template \"$2\" . }}"
}
for data in tests/*.json; do
    for template in text:champion.title text:champion.slack.color text:champion.slack.text text:champion.pagerduty.description \
        text:champion.pagerduty.alerts text:champion.email.text html:champion.email.html; do
        printf '=== %s\n%s\n' "${template#*:}" "$(rendered "${template%%:*}" "${template#*:}")"
    done >"${data%.json}.actual"
    [ -z "${UPDATE:-}" ] || cp "${data%.json}.actual" "${data%.json}.expected"
    diff -u "${data%.json}.expected" "${data%.json}.actual" >&2 || wrong "the templates give another text for $data"
    rm -f "${data%.json}.actual"
done

for alert in $(grep -o 'alertname !\?=~\? "[A-Za-z|]*"' alertmanager.yml | cut -d'"' -f2 | tr '|' '\n' | sort -u); do
    grep -qr --include='*.yml' "alert: $alert\$" ../prometheus/rules || wrong "no rule defines the alert $alert"
done

exit "$failed"
