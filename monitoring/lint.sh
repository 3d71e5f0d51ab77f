#!/usr/bin/env bash
# Checks every configuration file of deploy/ and monitoring/ with the program or the grammar it is made for, and that the
# files agree with each other. Prints one line a check; a failing one names the file. `make config-lint` runs it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

python=${CHAMPION_PYTHON:?run make config-lint, or set CHAMPION_PYTHON to the Python of make tools}
bin=$(dirname "$python")
failed=0

check() { # what, command...
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$what"
    else
        printf 'FAILED  %s\n%s\n' "$what" "$output"
        failed=1
    fi
}

yaml_files() { git ls-files --cached --others --exclude-standard '*.yml' '*.yaml' .yamllint; }

rsyslog() {
    local output
    output=$(CHAMPION_LOG_IN=/nowhere CHAMPION_LOG_OUT=/nowhere CHAMPION_LOG_STATE=/ CHAMPION_LOG_PORT=10514 \
        rsyslogd -N1 -f monitoring/rsyslog/champion.conf 2>&1) && return
    printf '%s\n' "$output"
    return 1
}

for profile in '' warehouse monitoring logs elastic traces cli '*'; do
    check "deploy/compose.yaml, profile '${profile:-none}' (docker compose)" \
        "$bin/docker-compose" --file deploy/compose.yaml --profile "$profile" config --quiet
done
check "deploy/compose.yaml (compose specification)" \
    "$bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml
check "deploy/Dockerfile (hadolint)" "$bin/hadolint" --no-color deploy/Dockerfile
mapfile -t files < <(yaml_files)
check "${#files[@]} YAML files (yamllint)" "$bin/yamllint" --strict --format parsable "${files[@]}"
# Schemas of our own: the keys we use and no others, so that a mistyped one fails.
for file in elasticsearch/index-template.json elasticsearch/lifecycle.json loki/loki.yaml otel-collector/config.yaml tempo/tempo.yaml; do
    name=$(basename "${file%.*}")
    [ "$name" != config ] || name=$(dirname "$file")
    check "monitoring/$file (JSON schema)" "$bin/check-jsonschema" \
        --schemafile "monitoring/lint/schemas/$name.schema.json" "monitoring/$file"
done
check "deploy/images.lock names every image (images.py)" "$python" deploy/release/images.py check
check "deploy/release (unittest)" "$python" -W error -m unittest discover --start-directory deploy/release
check "monitoring/rsyslog/champion.conf (rsyslogd -N1)" rsyslog
check "queries of docs/log-aggregation.md (grammars of LogQL and TraceQL)" \
    node monitoring/lint/queries.cjs docs/log-aggregation.md
check "agreement of the files with each other" "$python" monitoring/lint/agreements.py
exit $failed
