#!/bin/sh
# dq-bench: each workload ends with its JSON line, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
mkdir "$T/tmp"
TMPDIR=$T/tmp
export TMPDIR

# bench FIGURE WORKLOAD [OPTION...]
bench() {
	figure=$1
	shift
	timeout 100 "$B/dq-bench" "$@" >"$T/out" 2>"$T/bench.err"
	tail -n 1 "$T/out" | python3 -c "
import json, sys
d = json.load(sys.stdin)
assert d['workload'] == sys.argv[1] and d['n'] > 0 and d['seconds'] > 0 and d[sys.argv[2]] > 0, d
assert set('durability cpu_us_per_task rss_bytes commits sync_p50_ms'.split()) <= set(d), d
" "$1" "$figure"
	is "$(ls "$T/tmp")" ""
}

step "each workload"
bench tasks_per_s noop --n 2000 --json
bench tasks_per_s array --n 2000
bench step_ms chain --n 30
bench p99_ms roundtrip --n 20
bench ratio exec --n 20
bench p50_ms startup --n 2
bench tasks_per_s noop --n 500 --local --json
bench tasks_per_s noop --n 500 --isolation process --durability relaxed --workers 2 --slots 1
bench take_ack_per_s queue --n 2000 --clients 2 --window 100 --json
bench ops_per_s queue --n 50 --clients 1 --window 1 --local
bench ops_per_s variable --n 100 --clients 2
bench p99_ms lock --n 100 --clients 3

step "interrupted, it takes its servers and its directory along"
"$B/dq-bench" chain --n 1000000 >"$T/out" 2>"$T/bench.err" &
pid=$!
PIDS="$PIDS $pid"
until_true 30 sh -c "ls '$T'/tmp/*/w0/* >/dev/null"
sleep 0.5
kill -TERM "$pid"
rc=0
wait "$pid" || rc=$?
is "$rc" 143
is "$(ls "$T/tmp")" ""

step "wrong use"
exits 2 "$B/dq-bench"
exits 2 "$B/dq-bench" nothing
exits 2 "$B/dq-bench" noop --n many
exits 2 "$B/dq-bench" queue --window 0
exits 2 "$B/dq-bench" queue --local --clients 2
