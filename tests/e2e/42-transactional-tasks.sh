#!/bin/sh
# Transactional tasks: what a task does in its transaction takes effect with its end, once, whatever is killed
# meanwhile.
. "$(dirname "$0")/lib.sh"
PIPE=$B/tests/e2e/.libs/pipe.so
[ -e "$PIPE" ] || exit 77
start_scheduler --lease-ttl 2

for isolation in process thread; do
	start_worker "$isolation" --slots 2 --isolation "$isolation" --module "$PIPE"
	step "done: all of it; failed, or asked to be run later: nothing; slots of kind $isolation"
	dq call --wait --key "good-$isolation" mark >/dev/null
	has "$(dq queue get marks)" '"$bytes"'
	exits 1 dq call --wait --key "fail-$isolation" mark
	exits 1 dq call --wait --key "wrong-$isolation" mark
	has "$(dq show "wrong-$isolation")" "its transaction: no id of an item"
	is "$(dq queue len marks)" 0
	dq call --wait --key "later-$isolation" mark >/dev/null
	dq queue get marks >/dev/null
	is "$(dq queue len marks)" 0
	stop "$WORKER"
done

start_worker w1 --slots 4 --module "$PIPE"
step "a crash has no effects, the next attempt has"
dq call --wait --key crash --retries 1 mark >/dev/null
dq queue get marks >/dev/null
is "$(dq queue len marks)" 0

step "a precondition that fails: again, until it holds; at once where there is one attempt"
exits 1 dq call --wait --once --key once gate
has "$(dq show once)" "its transaction was refused: operation 1: it is not there: gate"
has "$(dq show once --json)" '"cause":"conflict"'
dq call --key gated gate >/dev/null
sleep 0.3
exits 4 dq queue len passed
dq var set gate 1 >/dev/null
dq wait gated --timeout 30
is "$(dq queue len passed)" 1
has "$(dq history gated)" conflict

step "a task that is submitted with the end of another"
exits 1 dq call --wait --key fail-spawn spawn
exits 4 dq show spawned
dq call --wait --key spawn spawn >/dev/null
dq wait spawned --timeout 30
dq queue get marks >/dev/null
is "$(dq queue len marks)" 0

step "a task that takes and puts by itself: what it does not acknowledge goes back with its end"
dq queue put hand '"a"'
dq call --wait --key forgets plain >/dev/null
is "$(dq queue get over)" '"a"'
dq call --wait --key keeps plain >/dev/null
is "$(dq queue get over)" '"a"'
is "$(dq queue len hand)" 0

step "two queues, sixty items, each once; the scheduler and a worker are killed"
seq 60 | dq queue put in
for i in $(seq 60); do
	dq call first >/dev/null
	dq call second >/dev/null
done &
PIDS="$PIDS $!"
CALLS=$!
sleep 0.5
kill_hard "$SCHEDULER"
start_scheduler --lease-ttl 2
kill_hard "$WORKER"
start_worker w1 --slots 4 --module "$PIPE"
sleep 0.3
kill_hard "$SCHEDULER"
start_scheduler --lease-ttl 2
wait "$CALLS" || fail "the calls ended with $?"
dq wait --all --timeout 60
is "$(dq queue len in) $(dq queue len mid) $(dq queue len out)" "0 0 60"
is "$(dq queue get out --count 60 | sort -u | wc -l)" 60

stop "$WORKER"
stop "$SCHEDULER"
check_store
