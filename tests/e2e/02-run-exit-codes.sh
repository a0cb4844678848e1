#!/bin/sh
# Exit codes: of run, of failed tasks, of wrong command lines, of what is not there.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "run prints both streams and exits as its command does"
exits 0 dq run -- echo fine
is "$(cat "$T/out")" fine
exits 3 dq run -- sh -c 'echo out; echo err >&2; exit 3'
is "$(cat "$T/out")" out
is "$(cat "$T/errors")" err
exits 0 dq run -- sh -c 'echo out; echo err >&2'
is "$(cat "$T/out")" out
is "$(cat "$T/errors")" err
exits 137 dq run -- sh -c 'kill -KILL $$'
exits 143 dq run -- sh -c 'kill -TERM $$'
exits 125 dq run -- /no/such/program
exits 125 "$B/dq" --scheduler "unix:$T/nobody" --connect-timeout 0.1 run -- true

step "Ctrl-C cancels a run"
"$B/dq" --scheduler "$ADDR" run --key long -- sleep 300 >/dev/null 2>&1 &
pid=$!
PIDS="$PIDS $pid"
state_is() { [ "$("$B/dq" --scheduler "$ADDR" state "$1" 2>/dev/null)" = "$2" ]; }
until_true 30 state_is long running
kill -TERM "$pid"
rc=0
wait "$pid" || rc=$?
is "$rc" 143

step "a failed task"
dq submit --key bad -- sh -c 'exit 9' >/dev/null
exits 1 dq wait bad --timeout 30
one_error_line
has "$(cat "$T/errors")" 9
exits 1 dq result bad --timeout 30
one_error_line
is "$(dq state bad)" failed

step "usage"
for words in "" "nope" "submit" "submit --nope -- true" "submit --priority high -- true" "submit --retention soon -- true" "submit --retention -1 -- true" \
	"submit --array 3-1 -- true" "submit --array 1-4%0 -- true" "submit --env X -- true" \
	"call" "call f notjson" "wait" "wait --all x" "result" "result a b" "cancel" "state" "list x" \
	"status --limit 3" "--nope status" "wait x --timeout soon"; do
	# shellcheck disable=SC2086
	exits 2 dq $words
	one_error_line
done

step "not found"
exits 4 dq result nothing
one_error_line
exits 4 dq show nothing
exits 4 dq wait nothing
exits 4 dq cancel nothing
exits 4 dq state nothing
exits 4 dq submit --after nothing -- true

step "help and version"
exits 0 dq --help
has "$(cat "$T/out")" submit
exits 0 dq submit --help
has "$(cat "$T/out")" --each-line
exits 0 dq --version
exits 0 "$B/dq-scheduler" --help
exits 2 "$B/dq-scheduler" --nope
