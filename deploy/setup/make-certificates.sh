#!/usr/bin/env bash
# Makes a certificate authority and one certificate a service and a role, in PEM files: for a trial, or as a pattern for the
# authority you have. Usage: deploy/setup/make-certificates.sh FOLDER [DNS NAME ...]
#
# FOLDER/<name>.crt and .key for each name below, FOLDER/ca.crt for all. Services bear the given DNS names (default: their own
# name and localhost) and spiffe://champion/<name>; roles bear spiffe://champion/<name> alone. What stands there already stays.
set -euo pipefail

folder=${1:?usage: make-certificates.sh FOLDER [DNS NAME ...]}
shift
days=${CHAMPION_CERTIFICATE_DAYS:-90}
umask 077
mkdir -p "$folder"

if [ ! -e "$folder/ca.key" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=Champion authority" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
fi

issue() { # name, subject alternative names, extended key usage
    local name=$1 names=$2 usage=$3
    if [ -e "$folder/$name.crt" ]; then return; fi
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
        -keyout "$folder/$name.key" -out "$folder/$name.csr" 2>/dev/null
    openssl x509 -req -in "$folder/$name.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days "$days" \
        -out "$folder/$name.crt" -extfile <(printf '%s\n' \
            "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
            "extendedKeyUsage=$usage" "subjectAltName=$names") 2>/dev/null
    rm "$folder/$name.csr"
    echo "$folder/$name.crt: $names"
}

for service in scraper parser parquet-writer clickhouse-loader orchestrator; do
    names="URI:spiffe://champion/$service"
    for dns in "${@:-$service}"; do names+=",DNS:$dns"; done
    if [ $# -eq 0 ]; then names+=",DNS:localhost,IP:127.0.0.1"; fi
    # The orchestrator calls the stages with the same certificate.
    issue "$service" "$names" "serverAuth,clientAuth"
done
for role in operator monitor; do
    issue "$role" "URI:spiffe://champion/$role" "clientAuth"
done
echo "Keep $folder/ca.key apart: whoever has it is everybody."
