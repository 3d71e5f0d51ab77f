#!/usr/bin/env bash
# Installs Chromium, which takes the pictures of the dashboards, where no browser is. Needs root and apt-get for that.
set -euo pipefail

for program in chromium chromium-browser google-chrome; do
    command -v "$program" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "set-up: no browser takes the pictures: install chromium, or run monitoring/preview/demo.py --no-pictures" >&2
    exit 1
fi
echo "set-up: Chromium, from Debian" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
