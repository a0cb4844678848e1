#!/bin/sh
# What is done to tasks that are there: retry, forget, priority; also over a killed scheduler.
. "$(dirname "$0")/lib.sh"

gone() {
	! dq state "$1"
}

step "wrong uses are one line"
start_scheduler
for words in "retry" "forget" "priority" "priority x k" "priority 3" "priority 9999999999 k" "retry k --label l" \
	"forget --state nonsense"; do
	# shellcheck disable=SC2086
	exits 2 dq $words
	one_error_line
done
for verb in retry forget "priority 3"; do
	# shellcheck disable=SC2086
	exits 4 dq $verb nothing
	one_error_line
	# shellcheck disable=SC2086
	exits 0 dq $verb --label nobody
done

step "a retry begins anew what failed, and what it needs"
start_worker w1 --slots 1
dq submit --key a -- sh -c "echo a >>$T/runs; test -e $T/mended"
dq submit --key b --after a -- sh -c "echo b >>$T/runs; echo b"
dq submit --key c --after b -- sh -c "echo c >>$T/runs; echo c"
dq submit --key other --after a -- true
exits 1 dq wait a b c other
is "$(dq state a b c other | tr '\n' ' ')" "failed failed failed failed "
is "$(cat "$T/runs")" a
: >"$T/mended"
dq retry c
is "$(dq result c)" c
is "$(tr '\n' ' ' <"$T/runs")" "a a b c "
is "$(dq state a b c other | tr '\n' ' ')" "done done done failed "
exits 7 dq retry c
one_error_line
has "$(cat "$T/errors")" "c: it is done"

step "a deadline holds for the first round alone"
rm "$T/mended"
dq submit --key late --deadline 0.5 -- sh -c "test -e $T/mended || sleep 4432; echo late"
exits 1 dq wait late
: >"$T/mended"
dq retry late
is "$(dq result late)" late

step "one that does not suit: nothing is done"
exits 7 dq retry other c
is "$(dq state other)" failed
exits 4 dq retry other nothing
is "$(dq state other)" failed

step "by state, and by label"
rm "$T/mended"
for i in 1 2 3; do
	dq submit --key "l$i" --label some -- sh -c "test -e $T/mended"
done
exits 1 dq wait l1 l2 l3 other
: >"$T/mended"
dq retry --state failed --label some
exits 0 dq wait l1 l2 l3
is "$(dq state other)" failed
dq retry --state failed
exits 0 dq wait other

step "an array: what failed of it"
rm "$T/mended"
dq submit --key arr --array 0-5 -- sh -c "echo \$DQ_INDEX >>$T/elements; test \$DQ_INDEX -lt 3 || test -e $T/mended"
exits 1 dq wait arr
: >"$T/mended"
dq retry arr
exits 0 dq wait arr
is "$(sort "$T/elements" | tr '\n' ' ')" "0 1 2 3 3 4 4 5 5 "
exits 7 dq retry "arr[1]"

step "a retry that waits rides over a killed scheduler"
dq submit --key big --array 0-2999 --label many -- sh -c "test -e $T/never"
exits 1 dq wait big
stop "$WORKER"
dq retry big
kill_hard "$SCHEDULER"
start_scheduler
has "$(dq list --label many)" "3000 stuck"
dq cancel big

step "priorities change the order of what waits"
for i in 1 2 3 4; do
	dq submit --key "p$i" -- sh -c "echo p$i >>$T/order"
done
dq submit --key q --array 0-1 -- sh -c "echo q >>$T/order"
dq priority 5 p3
dq priority -5 p1
dq priority 9 q
kill_hard "$SCHEDULER"
start_scheduler
has "$(dq show p3)" "priority    5"
has "$("$B/dq-inspect" --state "$STATE" task p3)" "priority   5"
has "$("$B/dq-inspect" --state "$STATE" task 'q[1]')" "priority   9"
start_worker w1 --slots 1
exits 0 dq wait p1 p2 p3 p4 q
is "$(tr '\n' ' ' <"$T/order")" "q q p3 p2 p4 p1 "
exits 7 dq priority 1 p1
has "$(cat "$T/errors")" "p1: it has ended"

step "forget"
exits 6 dq submit --key a -- true
dq forget a
exits 4 dq state a
dq submit --key a -- true
exits 0 dq wait a
dq submit --key slow -- sleep 4431
exits 7 dq forget slow
has "$(cat "$T/errors")" "slow: it has not ended"
dq submit --key needs --after a --after slow -- true
exits 0 dq forget a
has "$(cat "$T/errors")" "a stays until what depends on it has ended"
is "$(dq state a)" done
dq cancel slow
exits 1 dq wait needs
until_true 10 gone a
dq forget big
exits 4 dq state big
dq forget --state failed
dq forget --state cancelled
dq forget --state done
is "$(dq list --json)" "[]"

stop "$WORKER"
stop "$SCHEDULER"
check_store
