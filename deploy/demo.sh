#!/usr/bin/env bash
# One day of the market through the whole stack, on free ports and in a folder of its own; nothing is left running.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

champion=target/debug/champion
DATE=${DEMO_DATE:-2024-07-08}
data=$(mktemp -d "${TMPDIR:-/tmp}/champion-demo.XXXXXX")
export CHAMPION_DATA=$data

title() { printf '\n\033[1m── %s\033[0m\n' "$*"; }
stop() {
    if [ -n "${stack:-}" ] && kill -0 "$stack" 2>/dev/null; then
        kill -TERM "$stack"
        wait "$stack" || true
    fi
    rm -rf "$data"
}
trap stop EXIT

title "Starting the stack: exchange mirror (a generated market), warehouse, trace collector and five services"
"$champion" up --data "$data" --ports auto --quiet >"$data/up.log" 2>&1 &
stack=$!
until [ -e "$data/endpoints.json" ]; do
    kill -0 "$stack" 2>/dev/null || { cat "$data/up.log" >&2; echo "the stack did not start" >&2; exit 1; }
    sleep 0.2
done
cat "$data/up.log"

title "champion run bhavcopy --date $DATE"
"$champion" run bhavcopy --date "$DATE"
title "champion run full_bhavcopy --date $DATE"
"$champion" run full_bhavcopy --date "$DATE"
title "champion run bhavcopy --date $DATE, again: nothing is done twice"
"$champion" run bhavcopy --date "$DATE"

run=$("$champion" runs --json | python3 -c 'import json,sys; runs=json.load(sys.stdin)["runs"]; print(runs[-1]["run_id"], runs[-1]["trace_id"])')
title "champion trace ${run% *}: the run as one trace over every service"
"$champion" trace "${run% *}"

query="SELECT symbol, series, open, high, low, close, volume, turnover, delivery_pct FROM equity_daily_current WHERE trade_date = '$DATE' AND series = 'EQ' ORDER BY turnover DESC LIMIT 5"
title "champion query \"$query\""
"$champion" query "$query"

title "champion status"
"$champion" status

known=$(date -u +%FT%TZ)
day=${DATE//-/}
title "The exchange replaces its file of $DATE: a price differs and two lines are gone. champion run bhavcopy --date $DATE --recheck"
python3 - "$data/endpoints.json" "$day" <<'PYTHON'
import json, sys, urllib.request
mirror = json.load(open(sys.argv[1]))["exchange-mirror"]["http"]
rule = {"path": f"*{sys.argv[2]}*", "kind": "corrected", "rows": 2, "count": "forever"}
urllib.request.urlopen(urllib.request.Request(f"http://{mirror}/__fault", json.dumps(rule).encode()), timeout=5)
PYTHON
sleep 1
"$champion" run bhavcopy --date "$DATE" --recheck | tail -n 3
count="SELECT count() AS rows, max(version) AS version FROM normalized_equity_ohlc_current WHERE trade_date = '$DATE'"
title "champion query \"$count\""
"$champion" query "$count"
title "champion as-of $known, the same question: what was known before the correction"
"$champion" as-of "$known" "$count"

title "champion gaps: every expected session of that week with its state"
"$champion" gaps --dataset bhavcopy --from "$DATE" --to "$(date -u -d "$DATE + 4 days" +%F)" || [ $? -eq 3 ]

title "Metrics of each stage (its own /metrics)"
python3 - "$data/endpoints.json" <<'PYTHON'
import json, sys, urllib.request
wanted = ("nse_scraper_files_downloaded_total", "nse_scraper_rows_parsed_total", "nse_pipeline_parquet_write_success_total",
          "nse_pipeline_clickhouse_load_success_total", "nse_pipeline_flow_duration_seconds_count")
for service, address in json.load(open(sys.argv[1])).items():
    if not isinstance(address, dict) or not address.get("admin"):
        continue
    text = urllib.request.urlopen(f"http://{address['admin']}/metrics", timeout=5).read().decode()
    for line in text.splitlines():
        if line.startswith(wanted) and not line.endswith(" 0"):
            print(f"{service:20} {line}")
PYTHON

title "Logs with the run's trace id ${run#* }"
grep -h "${run#* }" "$data"/logs/*.log | head -n 5 | cut -c1-220

title "Done. 'make up' leaves the stack running; then try: champion run, backfill, status, gaps, quarantine list, verify,
sources, and champion metrics-demo for everything that monitoring shows (monitoring/README.md)"
