#!/bin/sh
# A graph of tasks in one file: another client is served while it is submitted, and it is seen whole; one whose command is
# killed half way leaves no trace. 1,000,000 tasks with DQ_ACCEPT=1, else a part of them.
. "$(dirname "$0")/../e2e/lib.sh"
N=200000
[ -z "${DQ_ACCEPT:-}" ] || N=1000000
[ "${DQ_SANITIZE:-no}" = no ] || N=20000
N=${DQ_ACCEPT_TASKS:-$N}
start_scheduler
start_worker w1 --slots 2 --isolation thread --module "$B/dq-bench-module.so"

count() {
	dq status --json | grep -o "\"$1\":[0-9]*" | head -n 1 | cut -d: -f2
}
all() {
	dq status --json | grep -o '"tasks":{[^}]*}' | grep -o ':[0-9]*' | cut -d: -f2 | awk '{ s += $1 } END { print s }'
}
# records TABLE: how many the store has
records() {
	"$B/dq-inspect" --state "$STATE" stat --json | grep -o "\"$1\":{\"records\":[0-9]*" | grep -o '[0-9]*$'
}
ms() { date +%s%3N; }

# A tree: each task after the one above it, the root after a gate that opens when the test says so.
awk -v n="$N" 'BEGIN {
	for (i = 0; i < n; i++)
		printf "{\"key\":\"t%d\",\"function\":\"noop\",\"after\":\"%s\"}\n", i, i ? "t" int((i - 1) / 2) : "gate"
}' >"$T/graph.json"
dq submit --key gate -- sh -c "while [ ! -e $T/open ]; do sleep 0.05; done" >/dev/null

step "another client, alone"
"$B/tests/accept/beside" "$ADDR" sleep 2

step "$N tasks, and the other client"
began=$(ms)
"$B/tests/accept/beside" "$ADDR" "$B/dq" --scheduler "$ADDR" graph "$T/graph.json" >"$T/out"
took=$(($(ms) - began))
tail -n 1 "$T/out" >"$T/beside"
echo "$N tasks submitted in $took ms, $((N * 1000 / (took + 1))) a second"
cat "$T/beside"
has "$(cat "$T/beside")" "round trips"
is "$(sed -n '1p' "$T/out") $(sed -n "${N}p" "$T/out")" "t0 t$((N - 1))"
is "$(count waiting)" "$N"

step "they get done"
began=$(ms)
touch "$T/open"
all_done() { [ "$(count done)" = "$((N + 1))" ]; }
until_true 110 all_done
took=$(($(ms) - began))
echo "all done in $took ms, $((N * 1000 / (took + 1))) a second"

step "the same again is the same, and what it was"
dq graph "$T/graph.json" >"$T/again"
is "$(wc -l <"$T/again")" "$N"
is "$(count done)" "$((N + 1))"
stop "$WORKER"
stop "$SCHEDULER"
rm -rf "$STATE"

step "killed half way"
start_scheduler
dq submit --key gate -- true >/dev/null
(while [ ! -e "$T/killed" ]; do all; done) >"$T/seen" &
WATCH=$!
PIDS="$PIDS $WATCH"
"$B/dq" --scheduler "$ADDR" graph --session-ttl 2 "$T/graph.json" >"$T/out" 2>&1 &
SUBMITTER=$!
PIDS="$PIDS $SUBMITTER"
polls=5000
until [ "$(records block)" -gt "$((N / 1024 / 4))" ]; do
	polls=$((polls - 1))
	[ "$polls" -gt 0 ] || fail "no parts come"
done
kill_hard "$SUBMITTER"
staged=$(records stage)
echo "killed when $(records block) parts were stored"
[ "$staged" -gt 1 ] || fail "no part was staged: $staged"
no_trace() { [ "$(records block) $(records stage)" = "1 0" ]; }
until_true 60 no_trace
touch "$T/killed"
wait "$WATCH" || :
is "$(sort -u "$T/seen")" 1
echo "dq status asked $(wc -l <"$T/seen") times meanwhile: never a task of it; its records are gone"
is "$(wc -c <"$T/out")" 0
stop "$SCHEDULER"
check_store
cat "$T/out"
