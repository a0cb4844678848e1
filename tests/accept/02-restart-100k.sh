#!/bin/sh
# 100,000 tasks wait without a worker; the scheduler is killed and started: `dq status` is right
# within a second of the start. Then they all get done.
. "$(dirname "$0")/../e2e/lib.sh"
N=${DQ_ACCEPT_TASKS:-100000}
limit_ms=1000
# Sanitizers cost a factor, which is not dq's.
[ "${DQ_SANITIZE:-no}" = no ] || { N=$((N / 10)); limit_ms=20000; }
start_scheduler

step "$N tasks"
began=$(date +%s%3N)
exits 0 timeout 100 "$B/tests/accept/load" "$ADDR" "$N"
echo "submitted in $(($(date +%s%3N) - began)) ms"

count() {
	dq status --json | grep -o "\"$1\":[0-9]*" | head -n 1 | cut -d: -f2
}
waiting() { echo "$(($(count ready) + $(count stuck) + $(count waiting)))"; }
is "$(waiting)" "$N"

step "killed, started, asked"
kill_hard "$SCHEDULER"
began=$(date +%s%3N)
"$B/dq-scheduler" --state "$STATE" --listen "$ADDR" >"$T/scheduler.out" 2>>"$T/scheduler.err" &
SCHEDULER=$!
PIDS="$PIDS $SCHEDULER"
dq status --json --connect-timeout 30 >"$T/status"
took=$(($(date +%s%3N) - began))
sum=$(grep -o '"\(ready\|stuck\|waiting\)":[0-9]*' "$T/status" | cut -d: -f2 |
	awk '{ s += $1 } END { print s }')
is "$sum" "$N"
echo "$N tasks seen by dq status --json $took ms after the start"
[ "$took" -le "$limit_ms" ] || fail "more than $limit_ms ms"

step "a worker comes"
began=$(date +%s%3N)
start_worker w1 --slots 2 --isolation thread --module "$B/dq-bench-module.so"
all_done() { [ "$(count done)" = "$N" ]; }
until_true 100 all_done
took=$(($(date +%s%3N) - began))
echo "all done in $took ms, $((N * 1000 / (took + 1))) a second"
is "$(count failed)" 0
stop "$WORKER"
stop "$SCHEDULER"
check_store
cat "$T/out"
