#!/bin/sh
# Dependencies: --after, {in:KEY}, what a failure does to them.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "the path of a file with a result, and the order"
dq submit --key numbers -- seq 1000 >/dev/null
dq submit --key sum -- awk '{ s += $1 } END { print s }' '{in:numbers}' >/dev/null
is "$(dq result sum --timeout 30)" 500500

step "inside a word, twice, and of a large result"
dq submit --key big -- seq 100000 >/dev/null
dq submit --key both -- sh -c 'cat {in:numbers} {in:big} | wc -l' >/dev/null
is "$(dq result both --timeout 30 | tr -d ' ')" 101000

step "--no-subst"
dq submit --key plain --no-subst -- echo '{in:numbers}' >/dev/null
is "$(dq result plain --timeout 30)" '{in:numbers}'

step "named twice, it is one dependency"
dq submit --key named --after numbers --after numbers -- cat '{in:numbers}' '{in:numbers}' >/dev/null
is "$(dq result named --timeout 30 | wc -l | tr -d ' ')" 2000
has "$(dq show named --json)" '"deps":["numbers"]'

step "--after waits"
dq submit --key first -- sh -c "sleep 0.5; echo done >$T/first" >/dev/null
dq submit --key second --after first --after numbers -- cat "$T/first" >/dev/null
is "$(dq result second --timeout 30)" done

step "a chain of 30"
dq submit --key c0 -- echo 0 >/dev/null
i=0
while [ "$i" -lt 30 ]; do
	dq submit --key "c$((i + 1))" -- sh -c 'echo $(($(cat {in:c'"$i"'}) + 1))' >/dev/null
	i=$((i + 1))
done
is "$(dq result c30 --timeout 60)" 30

step "a failure takes its dependents along, and is blamed"
dq submit --key broken -- sh -c 'sleep 0.3; exit 4' >/dev/null
dq submit --key child --after broken -- true >/dev/null
dq submit --key grandchild -- cat '{in:child}' >/dev/null
exits 1 dq wait grandchild --timeout 30
has "$(cat "$T/errors")" child
exits 1 dq wait child --timeout 30
has "$(cat "$T/errors")" broken
is "$(dq state child)" failed
exits 4 dq submit --key orphan --after nowhere -- true

stop "$WORKER"
stop "$SCHEDULER"
check_store
