#!/bin/sh
# Each declared limit passed by one: refused by name; the same scheduler serves the others afterwards.
. "$(dirname "$0")/../e2e/lib.sh"
start_scheduler
start_worker w1 --slots 1

step "on the wire, past the checks of libdq"
timeout 120 "$B/tests/accept/limits" "$ADDR" || fail "see above"
is "$(dq run -- echo served)" served
kill -0 "$SCHEDULER"

# refused TEXT COMMAND...: one line that has the text, exit 7 (or 2, for what is plainly usage).
refused() {
	text=$1 rc=0
	shift
	"$@" >"$T/out" 2>"$T/errors" </dev/null || rc=$?
	[ "$rc" = 7 ] || [ "$rc" = 2 ] || fail "exit $rc: $(cat "$T/errors")"
	one_error_line
	has "$(cat "$T/errors")" "$text"
	echo "exit $rc: $(cut -c1-100 "$T/errors")"
}
xs() { head -c "$1" /dev/zero | tr '\0' x; }

step "by the commands"
refused "key: at most 255 bytes" dq submit --key "$(xs 256)" -- true
refused "label: at most 64 bytes" dq submit --label "$(xs 65)" -- true
set --
for i in $(seq 17); do set -- "$@" --label "l$i"; done
refused "labels: at most 16" dq submit "$@" -- true
refused "function name: at most 255 bytes" dq call "$(xs 256)"
refused "134217728 elements" dq submit --array 0-134217728 -- true
# shellcheck disable=SC2046
refused "argv: at most 4096 words" dq submit -- true $(seq 4096)
set --
for i in $(seq 1025); do set -- "$@" --env "N$i="; done
refused "env: at most 1024 entries" dq submit "$@" -- true
head -c 1048577 /dev/zero >"$T/mib"
refused "spec: at most 1 MiB a task" dq submit --stdin "$T/mib" -- cat
refused "slots: at most 4096 a worker" \
	timeout 20 "$B/dq-worker" --scheduler "$ADDR" --name big --dir "$T/big" --slots 4097
refused "name: at most 255 bytes" \
	timeout 20 "$B/dq-worker" --scheduler "$ADDR" --name "$(xs 256)" --dir "$T/big"

step "the others are served as before"
is "$(dq run -- echo served)" served
is "$(dq status --json | grep -o '"failed":[0-9]*')" '"failed":0'
kill -0 "$SCHEDULER"
stop "$WORKER"

step "more rows than an answer's part has come in parts, whole"
timeout 60 "$B/tests/accept/load" "$ADDR" 5000
is "$(dq list --limit 100000 --json | grep -o '"key":"load-' | wc -l)" 5000
stop "$SCHEDULER"
check_store
