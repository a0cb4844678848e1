#!/bin/sh
# dq-scheduler --config: options from a file, which the command line beats.
. "$(dirname "$0")/lib.sh"

step "options from a file"
cat >"$T/dq.conf" <<EOT
; what this scheduler is
[scheduler]
state = $STATE
listen = $ADDR
durability = volatile
force-network-fs = false
pid-file = $T/pid
EOT
"$B/dq-scheduler" --config "$T/dq.conf" >"$T/scheduler.out" 2>"$T/scheduler.err" &
SCHEDULER=$!
PIDS="$PIDS $SCHEDULER"
await_ready "$SCHEDULER" "$T/scheduler.out"
is "$(cat "$T/pid")" "$SCHEDULER"
has "$(dq status --json)" '"durability":"volatile"'
stop "$SCHEDULER"

step "the command line beats it"
: >"$T/scheduler.out"
"$B/dq-scheduler" --config "$T/dq.conf" --durability strict --listen "unix:$T/other.sock" \
	>"$T/scheduler.out" 2>"$T/scheduler.err" &
SCHEDULER=$!
PIDS="$PIDS $SCHEDULER"
await_ready "$SCHEDULER" "$T/scheduler.out"
is "$(cat "$T/scheduler.out")" "ready unix:$T/other.sock"
has "$("$B/dq" --scheduler "unix:$T/other.sock" status --json)" '"durability":"strict"'
stop "$SCHEDULER"

step "what is wrong in it is said"
echo 'durabilty = strict' >"$T/wrong.conf"
exits 2 "$B/dq-scheduler" --config "$T/wrong.conf"
one_error_line
has "$(cat "$T/errors")" durabilty
echo 'no such line' >"$T/wrong.conf"
exits 2 "$B/dq-scheduler" --config "$T/wrong.conf"
has "$(cat "$T/errors")" "line 1"
exits 2 "$B/dq-scheduler" --config "$T/not-there.conf"
one_error_line
