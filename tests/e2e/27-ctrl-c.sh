#!/bin/sh
# An interrupted command ends although the scheduler does not answer.
. "$(dirname "$0")/lib.sh"
step "the commit after the one of its session takes a minute: its task is not acknowledged"
DQ_FAULT="store.commit.before:3+:delay:60000" start_scheduler
"$B/dq" --scheduler "$ADDR" run -- true >"$T/run.out" 2>"$T/run.err" &
run=$!
PIDS="$PIDS $run"
sleep 1
kill -TERM "$run"
code=0
gone() { ! kill -0 "$run" 2>/dev/null; }
until_true 40 gone
wait "$run" || code=$?
is "$code" 143
kill_hard "$SCHEDULER"
