#!/bin/sh
# 200 commands that append a line each, two workers, the scheduler killed in the middle: all done,
# every line exactly once, the store sound while it serves and after.
. "$(dirname "$0")/../e2e/lib.sh"
N=200
start_scheduler
start_worker w1 --slots 2
start_worker w2 --slots 2

step "$N commands"
# Their own tasks, not an array: each has its line in the store.
for i in $(seq "$N"); do
	dq submit --key "line-$i" -- sh -c "echo $i >>$T/lines; sleep 0.02"
done >"$T/keys" 2>"$T/submit.err" &
submitter=$!
PIDS="$PIDS $submitter"

some() { [ -e "$T/lines" ] && [ "$(wc -l <"$T/lines")" -ge 80 ]; }
until_true 60 some
exits 0 "$B/dq-inspect" --state "$STATE" check
echo "while it serves: $(cat "$T/out")"
kill_hard "$SCHEDULER"
lines=$(wc -l <"$T/lines")
[ "$lines" -lt "$N" ] || fail "nothing was left to interrupt"
began=$(date +%s%3N)
start_scheduler
echo "killed after $lines lines, ready again in $(($(date +%s%3N) - began)) ms"

step "all done, each line once"
rc=0
wait "$submitter" || rc=$?
[ "$rc" = 0 ] || fail "a submit failed: $(cat "$T/submit.err")"
seq "$N" | sed 's/^/line-/' | cmp - "$T/keys"
exits 0 dq wait --all --timeout 100
exits 0 "$B/dq-inspect" --state "$STATE" check
sort -n "$T/lines" >"$T/sorted"
seq "$N" | cmp - "$T/sorted"
"$B/dq-inspect" --state "$STATE" tasks --json >"$T/tasks"
is "$(grep -o '"state":"done","attempts":1[,}]' "$T/tasks" | wc -l)" "$N"
echo "$N lines, each once; $N tasks done, each in one attempt"

step "the store, served and at rest"
exits 0 "$B/dq-inspect" --state "$STATE" check
stop "$SCHEDULER"
check_store
cat "$T/out"
