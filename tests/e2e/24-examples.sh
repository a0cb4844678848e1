#!/bin/sh
# The examples, each by itself and with a scheduler and two workers.
. "$(dirname "$0")/lib.sh"
E=$B/examples

# each NAME PATTERN: one line that matches, in local mode and against the scheduler
each() {
	example=$1
	step "$example, by itself"
	timeout 100 "$E/$example/$example" >"$T/out" 2>"$T/errors" || fail "$(cat "$T/errors")"
	is "$(grep -c . "$T/out")" 1
	grep -Eq "^$2\$" "$T/out" || fail "$(cat "$T/out")"
	step "$example, with two workers"
	start_worker "a-$example" --slots 2 --module "$E/$example/$example.so"
	one=$WORKER
	start_worker "b-$example" --slots 2 --module "$E/$example/$example.so" --isolation thread
	timeout 100 "$E/$example/$example" "$ADDR" >"$T/out" 2>"$T/errors" || fail "$(cat "$T/errors")"
	grep -Eq "^$2\$" "$T/out" || fail "$(cat "$T/out")"
	cat "$T/out"
	stop "$one"
	stop "$WORKER"
}

start_scheduler
each rosenbrock 'minimum near \((1\.000|0\.999), (1\.000|0\.999)\) after [0-9]+ points'
each sum-transpose 'sum 269910000000, as expected: yes'
each first-good 'found [0-9]+, cancelled [0-9]+ of 100'
step "a scheduler that is not there"
exits 1 "$E/first-good/first-good" "unix:$T/nowhere"
is "$(wc -l <"$T/errors")" 1
stop "$SCHEDULER"
check_store
