#!/bin/sh
# When tasks run: retries, delays, timeouts and deadlines, also over a restart of the scheduler; and what a failed
# dependency does.
. "$(dirname "$0")/lib.sh"

# ms FROM TO: from one `date +%s.%N` to another
ms() {
	echo "$1 $2" | awk '{ printf "%d", ($2 - $1) * 1000 }'
}

# between LEAST VALUE MOST
between() {
	[ "$1" -le "$2" ] && [ "$2" -le "$3" ] || fail "$2 is not from $1 to $3"
}

# error_of KEY NAME
error_of() {
	dq show "$1" --json | sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

nobody_runs() {
	! pgrep -f "$1" >/dev/null
}

step "wrong uses are one line"
for words in "--priority x" "--retries -1" "--backoff no" "--delay -1" "--at 25:00" "--at 2026-02-30" "--at now" \
	"--deadline x" "--timeout x" "--on-dep-failure maybe" "--once --retries 1" "--allow-other" "--resource cpus"; do
	# shellcheck disable=SC2086
	rc=0
	# shellcheck disable=SC2086
	"$B/dq" --local submit $words -- true >"$T/out" 2>"$T/errors" || rc=$?
	is "$words: $rc" "$words: 2"
	one_error_line
done

step "four attempts at growing distances"
start_scheduler
start_worker w1 --slots 2
exits 1 dq submit --wait --key r --retries 3 --backoff 0.2 -- sh -c "date +%s.%N >>$T/times; exit 3"
is "$(wc -l <"$T/times")" 4
set -- $(cat "$T/times")
between 200 "$(ms "$1" "$2")" 450
between 400 "$(ms "$2" "$3")" 750
between 800 "$(ms "$3" "$4")" 1300
is "$(dq state r)" failed
has "$(dq show r)" "attempts    4"
is "$(error_of r cause)" exit

step "what is tried again may succeed"
is "$(dq run --retries 5 --backoff 0.05 -- sh -c "echo x >>$T/tries; [ \$(wc -l <$T/tries) = 3 ] && echo third")" third

step "a timeout leaves no process"
exits 1 dq submit --wait --key slow --timeout 0.5 -- sh -c 'echo begun; sleep 4321 & sleep 4321'
is "$(error_of slow cause)" timeout
nobody_runs "sleep 4321"
exits 143 dq run --timeout 0.3 -- sleep 4321
nobody_runs "sleep 4321"

step "a delay"
began=$(date +%s.%N)
dq submit --key later --delay 1 -- date +%s.%N
is "$(dq state later)" scheduled
has "$(dq show later)" "scheduled: at"
has "$(dq status)" "1 scheduled"
has "$(dq list --state scheduled)" later
between 1000 "$(ms "$began" "$(dq result later)")" 1900

step "a time, and the next attempt, over a killed scheduler; the deadline of what runs, and of what waits"
at=$(($(date +%s) + 3))
dq submit --key at --at "@$at" -- date +%s.%N
dq submit --key again --retries 1 --backoff 2.4 -- sh -c "date +%s.%N >>$T/again; exit 1"
began=$(date +%s.%N)
dq submit --key late --deadline 2 -- sleep 4322
dq submit --key never --deadline 2 --delay 60 -- true
dq submit --key child --after late -- true
until_true 10 test -s "$T/again"
until_true 10 sh -c "'$B/dq' --scheduler '$ADDR' show again | grep -q 'the 1st attempt failed'"
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq state at)" scheduled
is "$(dq state again)" scheduled
is "$(dq state late)" running
exits 1 dq wait late never child --timeout 20
between 1900 "$(ms "$began" "$(date +%s.%N)")" 3000
is "$(error_of late cause) $(error_of never cause) $(error_of child cause)" "deadline deadline dependency"
is "$(error_of child task)" late
until_true 5 nobody_runs "sleep 4322"
between 0 "$(ms "$at" "$(dq result at)")" 700
exits 1 dq wait again --timeout 20
set -- $(cat "$T/again")
between 2400 "$(ms "$1" "$2")" 3700

step "a deadline that passes while the scheduler is down"
dq submit --key down --deadline 1 -- sleep 4323
until_true 10 pgrep -f "sleep 4323"
kill_hard "$SCHEDULER"
sleep 1.2
start_scheduler
exits 1 dq wait down --timeout 20
is "$(error_of down cause)" deadline
until_true 5 nobody_runs "sleep 4323"

step "what a failed dependency does; the first is to blame"
exits 1 dq submit --wait --key bad -- sh -c 'echo printed; exit 1'
is "$(dq run --on-dep-failure run --after bad -- sh -c 'cat "$1"; echo ran' x '{in:bad}')" ran
exits 1 dq submit --wait --key skipped --on-dep-failure skip --after bad -- true
is "$(dq state skipped) $(error_of skipped cause)" "cancelled dependency"
exits 1 dq submit --wait --key second --after bad -- true
exits 1 dq submit --wait --key third --after second -- true
is "$(dq state third) $(error_of third task)" "failed bad"
stop "$SCHEDULER"
start_scheduler
exits 1 dq submit --wait --key fourth --after third -- true
is "$(error_of fourth task)" bad

stop "$WORKER"
stop "$SCHEDULER"
check_store
