#!/bin/sh
# Transactions of clients: all or nothing, and once, also while the scheduler is killed.
. "$(dirname "$0")/lib.sh"
TXN=$B/tests/e2e/txn
start_scheduler

step "what is refused says which operation, and changes nothing"
"$TXN" "$ADDR" refuse >"$T/refuse.out" || fail "refuse"
has "$(cat "$T/refuse.out")" "1: operation 1 (expect nobody): it is not there: nobody"
has "$(cat "$T/refuse.out")" "no id of an item"
exits 4 dq queue len refused
exits 3 dq var get fine --timeout 0

step "two variables whose sum stays, items that change their queue once, and a scheduler that dies"
dq var set a 1000 >/dev/null
dq var set b 1000 >/dev/null
seq 300 | dq queue put in
for i in 1 2; do
	"$TXN" "$ADDR" transfer a b 60 2>"$T/transfer.$i.err" &
	PIDS="$PIDS $!"
	ALL="${ALL:-} $!"
	"$TXN" "$ADDR" move in out 150 2>"$T/move.$i.err" &
	PIDS="$PIDS $!"
	ALL="$ALL $!"
done
for i in 1 2 3; do
	sleep 0.2
	kill_hard "$SCHEDULER"
	start_scheduler
done
for pid in $ALL; do
	wait "$pid" || fail "a client ended with $?"
done
is "$(dq var get a) $(dq var get b)" "880 1120"
is "$(dq queue len in) $(dq queue len out)" "0 300"
is "$(dq queue get out --count 300 | sort -u | wc -l)" 300

step "submits"
start_worker w1 --slots 1
"$TXN" "$ADDR" submit >"$T/submit.out" || fail "submit"
is "$(cat "$T/submit.out")" "first
operation 1 (expect nobody): it is not there: nobody"
exits 4 dq show taken
has "$(dq var get second)" '"$key":"txn-'
stop "$WORKER"

stop "$SCHEDULER"
check_store
