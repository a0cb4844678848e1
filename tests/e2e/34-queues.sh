#!/bin/sh
# Queues: order, waiting, leases and fences, delays, limits, dead letters, futures, restarts; clients
# that put and take while the scheduler is killed, and neither lose an item nor get one twice.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "first in, first out, within a priority"
dq queue put q 1
dq queue put q '{"a":2}'
dq queue put q 3 --priority 5
printf 'line one\nline two' | dq queue put q
is "$(dq queue len q)" 5
is "$(dq queue get q)" 3
is "$(dq queue get q --count 4)" '1
{"a":2}
"line one"
"line two"'
is "$(dq queue len q)" 0
exits 3 dq queue get q --timeout 0
one_error_line
exits 3 dq queue get q --timeout 0.2
printf '\000\377' | dq queue put q --raw
is "$(dq queue get q)" '{"$bytes":"AP8="}'
exits 4 dq queue len nobody

step "a get that waits, over a restart"
dq queue get later >"$T/later.out" 2>"$T/later.err" &
LATER=$!
PIDS="$PIDS $LATER"
until_true 10 dq queue len later
kill_hard "$SCHEDULER"
start_scheduler
dq queue put later '"now"'
wait "$LATER" || fail "get ended with $?"
is "$(cat "$T/later.out")" '"now"'

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

step "take, ack, and a fence that is over"
dq queue put t 1
taken=$(dq queue take t --lease 30)
has "$taken" '"deliveries":1,"value":1}'
id=$(echo "$taken" | field id)
fence=$(echo "$taken" | field fence)
exits 3 dq queue get t --timeout 0
is "$(dq queue len t)" 1
exits 6 dq queue ack t "$id" 1.1
one_error_line
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq queue len t)" 1
exits 3 dq queue get t --timeout 0
dq queue extend t "$id" "$fence" --lease 60
dq queue ack t "$id" "$fence"
exits 6 dq queue ack t "$id" "$fence"
is "$(dq queue len t)" 0

step "nack, with a delay, and a lease that ends"
dq queue put t 2
taken=$(dq queue take t)
dq queue nack t "$(echo "$taken" | field id)" "$(echo "$taken" | field fence)" --delay 0.5
exits 3 dq queue get t --timeout 0
taken=$(dq queue take t --lease 0.3)
has "$taken" '"deliveries":2'
has "$(dq queue take t)" '"deliveries":3'
exits 6 dq queue ack t "$(echo "$taken" | field id)" "$(echo "$taken" | field fence)"

step "delay"
dq queue put d '"late"' --delay 1
dq queue put d '"early"'
is "$(dq queue get d --count 2)" '"early"
"late"'

step "peek"
dq queue put p '"low"'
dq queue put p '"first"' --priority 2
dq queue put p '"second"' --priority 2
is "$(dq queue peek p)" '{"id":"2.1","deliveries":0,"value":"first"}'
taken=$(dq queue take p)
is "$(dq queue peek p --count 5 | wc -l)" 2
dq queue nack p "$(echo "$taken" | field id)" "$(echo "$taken" | field fence)"
is "$(dq queue peek p --count 5)" '{"id":"2.1","deliveries":1,"value":"first"}
{"id":"2.2","deliveries":0,"value":"second"}
{"id":"0.1","deliveries":0,"value":"low"}'
is "$(dq queue get p --count 3 | head -n 1)" '"first"'
is "$(dq queue peek p)" ""
exits 4 dq queue peek nobody
exits 2 dq queue peek p --count 0

step "dead letters, and back"
dq queue create m --max-deliveries 2
dq queue create m --max-deliveries 2
exits 6 dq queue create m --max-deliveries 3
dq queue put m '"bad"'
for i in 1 2; do
	taken=$(dq queue take m)
	dq queue nack m "$(echo "$taken" | field id)" "$(echo "$taken" | field fence)"
done
is "$(dq queue len m) $(dq queue len m.dead)" "0 1"
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq queue kick m)" 1
is "$(dq queue get m)" '"bad"'

step "maxsize"
dq queue create s --maxsize 2
printf 'a\nb\nc\n' | dq queue put s >"$T/full.out" 2>"$T/full.err" &
FULL=$!
PIDS="$PIDS $FULL"
until_true 10 sh -c "[ \"\$('$B/dq' --scheduler '$ADDR' queue len s)\" = 2 ]"
exits 3 dq queue put s 1 --timeout 0.2
is "$(dq queue get s)" '"a"'
wait "$FULL" || fail "put ended with $?"
is "$(dq queue get s --count 2)" '"b"
"c"'

step "a future in an item"
dq submit --key long -- sh -c 'sleep 0.5; echo held' >/dev/null
dq queue put f @long
is "$(dq queue get f)" '{"$key":"long"}'
exits 4 dq queue put f @nobody

step "many, purge, delete, list"
seq 20000 | dq queue put many
is "$(dq queue len many)" 20000
is "$(dq queue get many --count 3000 | tail -n 1)" '"3000"'
dq queue purge many
is "$(dq queue len many)" 0
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq queue len many)" 0
dq queue put many '"after"'
is "$(dq queue get many)" '"after"'
seq 100 | dq queue put many
dq queue delete many
exits 4 dq queue len many
has "$(dq queue list --json)" '"name":"later"'
has "$(dq queue list)" WAITING
has "$(dq status --json)" '"queues":'

step "wrong use"
for words in "queue" "queue put" "queue get" "queue take q --lease 0" "queue ack q 1" \
	"queue ack q x y" "queue put q hello" "queue nothing q"; do
	# shellcheck disable=SC2086
	exits 2 dq $words
	one_error_line
done
exits 0 dq queue --help
exits 0 dq queue take --help

step "four put, four get, and the scheduler is killed"
for i in 1 2 3 4; do
	seq -f "$i-%g" 3000 | dq queue put load 2>"$T/put.$i.err" &
	PIDS="$PIDS $!"
	PUTS="${PUTS:-} $!"
	dq queue get load --count 3000 >"$T/got.$i" 2>"$T/got.$i.err" &
	PIDS="$PIDS $!"
	PUTS="$PUTS $!"
done
for i in 1 2 3 4 5 6; do
	sleep 0.3
	kill_hard "$SCHEDULER"
	start_scheduler
done
for pid in $PUTS; do
	wait "$pid" || fail "a client ended with $?"
done
is "$(cat "$T"/got.[1-4] | wc -l)" 12000
is "$(cat "$T"/got.[1-4] | sort -u | wc -l)" 12000
is "$(dq queue len load)" 0

stop "$WORKER"
stop "$SCHEDULER"
check_store
