#!/bin/sh
# The same key twice: the same spec is the same task, another is a conflict.
. "$(dirname "$0")/lib.sh"
start_scheduler

step "the same spec, before and after it ran"
is "$(dq submit --key k -- sh -c "echo ran >>$T/ran; echo v")" k
is "$(dq submit --key k -- sh -c "echo ran >>$T/ran; echo v")" k
start_worker w1 --slots 2
is "$(dq result k --timeout 30)" v
is "$(dq submit --key k -- sh -c "echo ran >>$T/ran; echo v")" k
is "$(dq result k --timeout 30)" v
is "$(wc -l <"$T/ran" | tr -d ' ')" 1

step "another spec"
exits 6 dq submit --key k -- echo other
one_error_line
has "$(cat "$T/errors")" k
exits 6 dq submit --key k --env A=b -- sh -c "echo ran >>$T/ran; echo v"
exits 6 dq submit --key k --array 0-1 -- sh -c "echo ran >>$T/ran; echo v"

step "what is no part of the spec may differ"
is "$(dq submit --key k --label later -- sh -c "echo ran >>$T/ran; echo v")" k

step "across a restart"
kill_hard "$SCHEDULER"
start_scheduler
exits 6 dq submit --key k -- echo other
is "$(dq submit --key k -- sh -c "echo ran >>$T/ran; echo v")" k
is "$(wc -l <"$T/ran" | tr -d ' ')" 1
stop "$WORKER"
stop "$SCHEDULER"
check_store
