#!/bin/sh
# TCP: who proves the secret is served, nobody else.
. "$(dirname "$0")/lib.sh"
start_scheduler --listen tcp://127.0.0.1:0 --contact "$T/contact" --pid-file "$T/pid"
tcp=$(tr ' ' '\n' <"$T/scheduler.out" | grep '^tcp://')
SECRET=$STATE/secret

step "port 0 was replaced; the secret is for its owner alone"
case $tcp in *:0) fail "$tcp" ;; esac
is "$(stat -c %a "$SECRET")" 600
is "$(stat -c %a "$T/contact")" 600
is "$(cat "$T/pid")" "$SCHEDULER"

step "the right secret, by option, environment and contact file"
exits 0 "$B/dq" --scheduler "$tcp" --secret "$SECRET" status
exits 0 env DQ_SECRET_FILE="$SECRET" "$B/dq" --scheduler "$tcp" status
exits 0 "$B/dq" --contact "$T/contact" status
exits 0 env DQ_CONTACT="$T/contact" "$B/dq" status
"$B/dq-worker" --scheduler "$tcp" --secret "$SECRET" --name far --dir "$T/far" \
	>"$T/far.out" 2>"$T/far.err" &
WORKER=$!
PIDS="$PIDS $WORKER"
await_ready "$WORKER" "$T/far.out"
is "$("$B/dq" --contact "$T/contact" run -- echo over tcp)" "over tcp"

step "a wrong one, and none"
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$T/wrong"
chmod 600 "$T/wrong"
exits 7 "$B/dq" --scheduler "$tcp" --secret "$T/wrong" --connect-timeout 3 status
one_error_line
exits 7 "$B/dq" --scheduler "$tcp" --connect-timeout 3 status
one_error_line
rc=0
timeout 20 "$B/dq" --scheduler "$tcp" --secret "$T/nowhere" --connect-timeout 1 status \
	>/dev/null 2>&1 || rc=$?
[ "$rc" != 0 ] && [ "$rc" != 124 ]

step "the others are served as before"
is "$(dq run -- echo still)" still
stop "$WORKER"
stop "$SCHEDULER"
[ ! -e "$T/contact" ] && [ ! -e "$T/pid" ]
check_store
