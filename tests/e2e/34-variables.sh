#!/bin/sh
# Variables: set, get that waits, compare-and-set, watch, list, delete, futures; eight clients that
# count in one while the scheduler is killed again and again.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "set, get, versions"
is "$(dq var set x 41)" 1
is "$(dq var get x)" 41
is "$(dq var set x '{"a": [1, null, "b"]}')" 2
is "$(dq var get x --json)" '{"version":2,"value":{"a":[1,null,"b"]}}'
is "$(dq --json var set x '{"$bytes":"AAE="}')" '{"version":3}'
is "$(dq var get x)" '{"$bytes":"AAE="}'
is "$(dq var get x --timeout 0)" '{"$bytes":"AAE="}'

step "compare-and-set"
is "$(dq var cas x 3 true)" 4
exits 6 dq var cas x 3 false
one_error_line
exits 6 dq var cas x 0 false
is "$(dq var cas y 0 false)" 1
is "$(dq var get x) $(dq var get y)" "true false"

step "a get that waits"
dq var get later >"$T/later.out" 2>"$T/later.err" &
LATER=$!
PIDS="$PIDS $LATER"
exits 3 dq var get later --timeout 0.2
one_error_line
exits 3 dq var get later --timeout 0
dq var set later '"now"' >/dev/null
wait "$LATER" || fail "get ended with $?"
is "$(cat "$T/later.out")" '"now"'

step "watch, over a restart"
dq var watch seen --json >"$T/watch.out" 2>"$T/watch.err" &
WATCH=$!
PIDS="$PIDS $WATCH"
dq var set seen 1 >/dev/null
until_true 10 grep -q '"value":1}' "$T/watch.out"
kill_hard "$SCHEDULER"
start_scheduler
dq var set seen 2 >/dev/null
until_true 10 grep -q '"value":2}' "$T/watch.out"
is "$(cat "$T/watch.out")" '{"version":1,"value":1}
{"version":2,"value":2}'
kill_hard "$WATCH"

step "list, delete, and versions that never come again"
is "$(dq var list --json | tr '{' '\n' | grep -c '"version"')" 4
has "$(dq var list)" "later"
dq var delete seen
exits 4 dq var delete seen
one_error_line
exits 3 dq var get seen --timeout 0
is "$(dq var set seen 3)" 3

step "wrong use"
for words in "var" "var put x 1" "var set x" "var set x hello" "var set x @" "var cas x one 1" \
	"var get" "var list x" "var set a[3] 1"; do
	# shellcheck disable=SC2086
	exits 2 dq $words
	one_error_line
done
exits 4 dq var set x @nobody
exits 7 dq var set somebody/x 1
exits 0 dq var --help
exits 0 dq var get --help

step "a future in a variable keeps its task"
dq run --key kept -- echo held >/dev/null &
wait $!
is "$(dq submit --key long -- sh -c 'sleep 1; echo held')" long
dq var set f @long >/dev/null
is "$(dq var get f)" '{"$key":"long"}'
"$B/tests/e2e/futures" "$ADDR" "$T" || fail "futures: exit $?"

step "inside a task"
dq run -- sh -c "'$B/dq' var set from-task '\"hello\"'" >/dev/null
is "$(dq var get from-task)" '"hello"'

step "eight clients count, and the scheduler is killed"
dq var set sum 0 >/dev/null
COUNTERS=
for i in 1 2 3 4 5 6 7 8; do
	"$B/tests/e2e/counter" "$ADDR" "${DQ_COUNT_SECONDS:-10}" >"$T/count.$i" 2>"$T/count.$i.err" &
	COUNTERS="$COUNTERS $!"
	PIDS="$PIDS $!"
done
kills=0
while kill -0 "${COUNTERS##* }" 2>/dev/null && [ "$kills" -lt 12 ]; do
	sleep 0.7
	kill_hard "$SCHEDULER"
	start_scheduler
	kills=$((kills + 1))
done
for pid in $COUNTERS; do
	wait "$pid" || fail "a client ended with $?"
done
added=$(cat "$T"/count.? | awk '{ n += $1; c += $2 } END { print n }')
echo "$added additions, $(cat "$T"/count.? | awk '{ c += $2 } END { print c }') conflicts, $kills kills"
is "$(dq var get sum)" "$added"
[ "$added" -gt 100 ] || fail "only $added additions"

stop "$WORKER"
stop "$SCHEDULER"
check_store
