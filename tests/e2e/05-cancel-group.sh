#!/bin/sh
# Cancelling: code that runs is stopped with its whole process group, dependents with it.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

state_is() { [ "$(dq state "$1")" = "$2" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }

step "a running command and its children"
dq submit --key tree -- sh -c "sleep 300 & echo \$! >$T/child; echo \$\$ >$T/parent; wait" >/dev/null
dq submit --key leaf --after tree -- true >/dev/null
until_true 30 test -s "$T/parent"
until_true 10 state_is tree running
exits 0 dq cancel tree
exits 1 dq wait tree leaf --timeout 30
is "$(dq state tree leaf | tr '\n' ' ')" "cancelled cancelled "
until_true 10 gone "$(cat "$T/child")"
until_true 10 gone "$(cat "$T/parent")"

step "one that ignores SIGTERM is killed"
dq submit --key deaf -- sh -c "trap '' TERM; echo \$\$ >$T/deaf; while :; do sleep 1; done" >/dev/null
until_true 30 test -s "$T/deaf"
exits 0 dq cancel deaf
exits 1 dq wait deaf --timeout 60
until_true 10 gone "$(cat "$T/deaf")"

step "the slots are free again"
is "$(dq submit --key next -- echo next)" next
is "$(dq result next --timeout 30)" next

step "by label, by state"
for i in 1 2 3 4 5; do
	dq submit --key "l$i" --label batch -- sleep 300 >/dev/null
done
dq submit --key other -- sleep 300 >/dev/null
exits 0 dq cancel --label batch
exits 1 dq wait l1 l2 l3 l4 l5 --timeout 30
is "$(dq state l1 l2 l3 l4 l5 | sort -u)" cancelled
until_true 30 state_is other running
exits 0 dq cancel --state running
exits 1 dq wait other --timeout 30

step "an array"
dq submit --key many --array 0-49 -- sleep 300 >/dev/null
exits 0 dq cancel many
exits 1 dq wait many --timeout 60
is "$(dq state 'many[49]')" cancelled

step "cancelling again, or what has ended, changes nothing"
exits 0 dq cancel many
exits 0 dq cancel next
is "$(dq state next)" done

step "what is cancelled stays so"
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq state tree leaf other many | sort -u)" cancelled
stop "$WORKER"
stop "$SCHEDULER"
check_store
