#!/usr/bin/env bash
# Makes the files that deploy/compose.yaml hands to the containers as secrets: random passwords, and empty files for the
# addresses and keys that only you know. What is there already is kept. CHAMPION_SECRETS moves the folder.
set -euo pipefail

folder=${CHAMPION_SECRETS:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/secrets}
mkdir -p "$folder"
# Nobody else may enter the folder. The files in it can be read by the users of the containers, which are not yours.
chmod 700 "$folder"

write() { # name, contents on standard input
    [ -e "$folder/$1" ] && return
    cat >"$folder/$1"
    chmod 444 "$folder/$1"
    echo "made $folder/$1"
}
# The letter in front keeps readers of YAML from taking it for a number.
password() { printf 'p%s' "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"; }

for name in clickhouse_password grafana_admin_password elastic_password; do
    password | write "$name"
done

warehouse=$(<"$folder/clickhouse_password")
hash=$(printf '%s' "$warehouse" | sha256sum | cut -d' ' -f1)
write clickhouse_users.xml <<XML
<clickhouse>
    <users>
        <default remove="remove"/>
        <champion>
            <password_sha256_hex>$hash</password_sha256_hex>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
        </champion>
    </users>
</clickhouse>
XML
write clickhouse_loader.toml <<TOML
[warehouse]
user = "champion"
password = "$warehouse"
TOML

for name in slack_api_url pagerduty_routing_key smtp_password heartbeat_token; do
    if [ ! -e "$folder/$name" ]; then
        : >"$folder/$name"
        chmod 444 "$folder/$name"
    fi
    [ -s "$folder/$name" ] || echo "empty: $folder/$name; what it is for stands in monitoring/alertmanager/alertmanager.yml"
done
