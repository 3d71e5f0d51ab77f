#!/usr/bin/env bash
# Lays down the lifecycle and the index template of the logs. May be run again: both are replaced.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
url=${ELASTICSEARCH_URL:-http://localhost:9200}
password=$(<"${ELASTIC_PASSWORD_FILE:-/run/secrets/elastic_password}")

put() { # path, file
    echo "PUT $1"
    # The password goes in on standard input, so that no list of processes shows it.
    curl --fail-with-body --silent --show-error --retry 5 --retry-connrefused --output /dev/null --config - \
        --request PUT --header 'Content-Type: application/json' --data-binary "@$2" "$url/$1" <<<"user = \"elastic:$password\""
}

put _ilm/policy/champion-logs "$here/lifecycle.json"
put _index_template/logs-champion "$here/index-template.json"
