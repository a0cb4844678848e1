#!/bin/sh
# A client with a named session is killed, and started again: it sees its futures, finished meanwhile,
# and their results, also after a restart of the scheduler.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

begin() {
	rm -f "$T/nightly.out"
	"$B/tests/e2e/nightly" "$ADDR" submit >"$T/nightly.out" 2>"$T/nightly.err" &
	CLIENT=$!
	PIDS="$PIDS $CLIENT"
	until_true 20 grep -q submitted "$T/nightly.out"
	kill_hard "$CLIENT"
}

all_done() { [ "$(dq status --json | sed 's/.*"done": *\([0-9]*\).*/\1/')" = 5 ]; }
expected=$(for i in 0 1 2 3 4; do echo "night $i"; done)

step "the client is killed, its tasks end, and it comes back"
begin
until_true 30 all_done
is "$("$B/tests/e2e/nightly" "$ADDR" resume)" "$expected"

step "what it closed is gone"
is "$("$B/tests/e2e/nightly" "$ADDR" resume)" ""

step "client and scheduler are killed"
begin
kill_hard "$SCHEDULER"
start_scheduler
until_true 30 all_done
is "$("$B/tests/e2e/nightly" "$ADDR" resume)" "$expected"
stop "$WORKER"
stop "$SCHEDULER"
check_store
