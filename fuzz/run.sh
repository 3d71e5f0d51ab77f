#!/usr/bin/env bash
# Builds the fuzzer once, in a folder of its own, and runs the targets one after the other; a table at the end.
#
#   FUZZ_SECONDS   seconds a target (600)
#   FUZZ_TARGET    one target, by name (all of them)
#
# What is found lies in target/fuzzing/artifacts/<target>. Repeat it with
#   CHAMPION_FUZZ_TARGET=<target> target/fuzzing/<triple>/fuzz/champion-fuzz <file>
# then fix it and keep the file in fuzz/crashes/<target>: the tests replay it for ever.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-600}
out=target/fuzzing
# The triple keeps build scripts free of the instrumentation.
triple=$(rustc -vV | sed -n 's/^host: //p')
targets=(legacy_bhavcopy udiff_bhavcopy full_bhavcopy corporate_actions container csv messages http_request http_body sql)
[ -z "${FUZZ_TARGET:-}" ] || targets=("$FUZZ_TARGET")

# What cargo-fuzz gives to rustc, but no sanitizer: these need a nightly toolchain, and the code has next to no `unsafe`.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing" \
    cargo build --quiet -p champion-fuzz --features fuzzing --profile fuzz --target "$triple" --target-dir "$out"

run() {
    local target=$1 seeds=fuzz/corpus/$1 work=$out/corpus/$1 artifacts=$out/artifacts/$1 log=$out/logs/$1.log
    local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
    case $target in
        *_bhavcopy | corporate_actions | csv) options+=(-max_len=4096 -dict=fuzz/dictionaries/files.dict) ;;
        http_request | sql) options+=(-max_len=2048 -dict=fuzz/dictionaries/statements.dict) ;;
        *) options+=(-max_len=16384) ;;
    esac
    [ ! -d "fuzz/crashes/$target" ] || seeds+=" fuzz/crashes/$target"
    mkdir -p "$work" "$artifacts" "$out/logs"
    # shellcheck disable=SC2086 # the seeds are several folders
    CHAMPION_FUZZ_TARGET=$target "$out/$triple/fuzz/champion-fuzz" "${options[@]}" -artifact_prefix="$artifacts/" \
        "$work" $seeds >"$log" 2>&1 || true
    awk -v target="$target" -v corpus="$(find "$work" -type f | wc -l)" '
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "ft:") ft = $(i + 1) } }
        /stat::number_of_executed_units/ { runs = $2 }
        /stat::average_exec_per_sec/ { rate = $2 }
        /stat::peak_rss_mb/ { memory = $2 }
        /Test unit written to/ { found++ }
        END { printf "%-18s %12d %8d %7d %7d %7d %6d MB %8d\n", target, runs, rate, cov, ft, corpus, memory, found }
    ' "$log" | tee -a "$out/table"
}

: >"$out/table"
for target in "${targets[@]}"; do
    run "$target" >/dev/null
done
printf '%-18s %12s %8s %7s %7s %7s %9s %8s\n' target executions per_s cov ft corpus memory crashes
cat "$out/table"
# A crash fails the run.
awk '$NF > 0 { bad = 1 } END { exit bad }' "$out/table"
