#!/bin/sh
# Datasets: publish, get, list, remove; what is published outlives its client and a killed
# scheduler, what is removed is let go of.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "publish and get"
dq submit --key a --wait -- echo one >/dev/null
dq submit --key b -- sh -c 'sleep 2; echo two' >/dev/null
dq submit --key arr --array 3-5 -- sh -c 'echo $DQ_INDEX' >/dev/null
dq dataset publish data b a arr 'arr[4]'
is "$(dq dataset get data)" 'b
a
arr
arr[4]'
is "$(dq dataset get data --json)" '{"name":"data","keys":["b","a","arr","arr[4]"]}'
has "$(dq dataset list)" "data"
has "$(dq dataset list --json)" '"tasks":6'

step "what is refused"
exits 6 dq dataset publish data a
one_error_line
exits 4 dq dataset publish other a nobody
one_error_line
exits 4 dq dataset get other
one_error_line
exits 4 dq dataset remove other
one_error_line
exits 7 dq dataset publish somebody/data a
for words in "dataset" "dataset publish" "dataset publish x" "dataset get" "dataset list x" \
	"dataset put x a" "dataset publish x[1] a"; do
	# shellcheck disable=SC2086
	exits 2 dq $words
	one_error_line
done
exits 0 dq dataset publish --help

step "a dataset alone keeps what its client is done with"
"$B/tests/e2e/shared" "$ADDR" publish mine 20 >"$T/keys" || fail "publish: exit $?"
is "$(dq dataset get mine | wc -l | tr -d ' ')" 20
"$B/tests/e2e/shared" "$ADDR" gather mine >"$T/sum" || fail "gather: exit $?"
is "$(cat "$T/sum")" 20

step "over a killed scheduler"
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq dataset get data | tr '\n' ' ')" 'b a arr arr[4] '
is "$(dq dataset get mine)" "$(cat "$T/keys")"
"$B/tests/e2e/shared" "$ADDR" gather mine >"$T/sum" || fail "gather: exit $?"
is "$(cat "$T/sum")" 20
is "$(dq result b)" two
exits 6 dq dataset publish data a

step "remove lets go"
key=$(head -n 1 "$T/keys")
is "$(dq state "$key")" done
dq dataset remove mine
exits 4 dq state "$key"
exits 4 dq dataset get mine
dq dataset remove data
is "$(dq result a)" one
dq dataset publish data a
is "$(dq dataset get data)" a
"$B/dq-inspect" --state "$STATE" datasets | grep -q '/data ' || fail "dq-inspect datasets"
"$B/dq-inspect" --state "$STATE" holds a | grep -q 'dataset data' || fail "dq-inspect holds"

stop "$WORKER"
stop "$SCHEDULER"
check_store
