#!/bin/sh
# The scheduler is killed in the middle of 200 commands: each runs once, and none is lost.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "200 commands that append a line each"
seq 1 200 >"$T/lines"
dq submit --key all --each-line "$T/lines" -- sh -c "echo {} >>$T/done; sleep 0.02" >/dev/null
dq submit --key last --after all -- echo finished >/dev/null

half() { [ "$(wc -l <"$T/done")" -ge 60 ]; }
until_true 60 half

step "a client that waits rides it through"
timeout 120 "$B/dq" --scheduler "$ADDR" result last >"$T/last.out" 2>"$T/last.err" &
waiter=$!
PIDS="$PIDS $waiter"
sleep 0.2
kill_hard "$SCHEDULER"
sleep 0.5
start_scheduler

step "all are done"
exits 0 dq wait all last --timeout 100
wait "$waiter"
is "$(cat "$T/last.out")" finished

step "each line exactly once"
sort -n "$T/done" >"$T/sorted"
cmp "$T/lines" "$T/sorted"
is "$(dq state all)" done

step "once more, while nothing runs"
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq state all last | sort -u)" done
is "$(dq result last)" finished
until_true 20 sh -c "'$B/dq' --scheduler '$ADDR' workers | grep -q w1"
is "$(dq submit --key again -- echo again)" again
is "$(dq result again --timeout 30)" again
stop "$WORKER"
stop "$SCHEDULER"
check_store
