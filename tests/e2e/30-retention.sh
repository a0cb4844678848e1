#!/bin/sh
# What is detached stays for its retention and goes after it, also where the scheduler is killed in
# between; of a session's tasks, what asks for it.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

gone() {
	rc=0
	dq result "$1" >/dev/null 2>&1 || rc=$?
	[ "$rc" = 4 ]
}
# without a hold, which would begin the time anew
unknown() {
	rc=0
	"$B/dq-inspect" --state "$STATE" task "$1" >/dev/null 2>&1 || rc=$?
	[ "$rc" = 4 ]
}

step "within its retention, across a kill"
is "$(dq submit --key kept --retention 5 -- echo kept)" kept
exits 0 dq wait kept --timeout 60
is "$(dq result kept)" kept
has "$("$B/dq-inspect" --state "$STATE" task kept)" "retention  5.000000 s"
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq result kept)" kept
is "$(dq state kept)" done
step "and not after it"
until_true 30 unknown kept
gone kept || fail "its result is there"
is "$(dq submit --key kept -- echo another)" kept
exits 0 dq wait kept --timeout 60
is "$(dq result kept)" another

step "over while the scheduler is down"
dq submit --key short --retention 1 -- echo short >"$T/out"
exits 0 dq wait short --timeout 60
kill_hard "$SCHEDULER"
sleep 2
start_scheduler
until_true 30 unknown short
is "$(dq result kept)" another

step "none"
dq submit --key none --retention 0 -- true >"$T/out"
until_true 30 unknown none
cat >"$T/graph" <<'G'
{"key": "a", "argv": ["echo", "a"], "retention": 0}
{"key": "b", "argv": ["echo", "b"], "after": ["a"], "retention": 3600.5}
G
exits 0 dq graph --wait "$T/graph"
until_true 30 unknown a
is "$(dq result b)" b

step "of a session's tasks"
is "$(dq run --key held -- echo held)" held
gone held || fail "a session's task outlived it"
is "$(dq run --key held --retention 3600 -- echo held)" held
is "$(dq result held)" held
printf '1\n2\n' | dq map --key both --retention 3600 -- echo {} >"$T/out"
is "$(dq result "both[1]")" 2
has "$("$B/dq-inspect" --state "$STATE" holds held)" retention
until_true 10 sh -c "'$B/dq' --scheduler '$ADDR' show held --json | grep -q '\"kept_until\":[1-9]'"
has "$(dq show kept)" kept_until

step "of a scheduler that keeps nothing"
stop "$SCHEDULER"
start_scheduler --retention 0
until_true 30 unknown kept
is "$(dq result held)" held
dq submit --key none -- true >"$T/out"
until_true 30 unknown none
exits 2 "$B/dq-scheduler" --state "$T/other" --retention soon
is "$(wc -l <"$T/errors")" 1
exits 0 "$B/dq-inspect" --state "$STATE" check
stop "$WORKER"
stop "$SCHEDULER"
check_store
