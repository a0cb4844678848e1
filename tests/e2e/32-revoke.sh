#!/bin/sh
# What a worker has fetched and not begun gives way to what comes before it: a higher priority runs
# next, not after the backlog, in a scheduler that is killed meanwhile too, and nothing runs twice.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w --slots 1 --isolation thread --module "$B/dq-bench-module.so"

cat >"$T/slow.sh" <<'EOF'
echo "$1" >>"$T/order"
sleep 0.2
EOF

# Tasks that take no time: the worker asks for thousands.
deepen() {
	exits 0 dq call noop --array 0-4999 --wait --timeout 60
}

# backlog KEY: thirty tasks of 0.2 s, all leased to the worker at once.
backlog() {
	: >"$T/order"
	dq submit --key "$1" --array 0-29 --env "T=$T" -- sh "$T/slow.sh" "{}" >"$T/out"
	until_true 10 test -s "$T/order"
}

urgent() {
	dq submit --key "$1" --priority 5 --env "T=$T" -- sh "$T/slow.sh" "$1" >"$T/out"
}

begun() {
	wc -l <"$T/order"
}

# One may have been under way, and one may have begun meanwhile.
ran_next() {
	at=$(grep -n "^$1\$" "$T/order" | cut -d: -f1)
	[ "$at" -le $(($2 + 3)) ] || fail "$1 ran as number $at, after $2 that had begun"
}

attempts_are_one() {
	dq list --json | tr -d ' \n' >"$T/list"
	for i in 0 7 15 22 29; do
		has "$(dq show "$1[$i]" --json)" '"attempts":1,'
	done
}

step "a task of a higher priority runs next"
deepen
backlog slow
urgent now
n=$(begun)
exits 0 dq wait now --timeout 60
ran_next now "$n"

step "so does one whose priority is raised"
exits 0 dq priority 7 'slow[27]'
n=$(begun)
exits 0 dq wait 'slow[27]' --timeout 60
ran_next 27 "$n"
exits 0 dq wait slow --timeout 60
is "$(sort -n "$T/order" | uniq | wc -l)" 31
is "$(begun)" 31
attempts_are_one slow
has "$(dq show now --json)" '"attempts":1,'

step "the order of the rest is what it was"
is "$(grep -v -e now -e 27 "$T/order" | tr '\n' ' ')" \
	"$(seq 0 29 | grep -v 27 | tr '\n' ' ')"

step "a scheduler killed while it asks"
deepen
backlog again
urgent later &
PIDS="$PIDS $!"
sleep 0.05
kill_hard "$SCHEDULER"
start_scheduler
exits 0 dq wait again --timeout 60
until_true 30 dq show later
exits 0 dq wait later --timeout 60
is "$(begun)" 31
is "$(sort "$T/order" | uniq | wc -l)" 31
attempts_are_one again
has "$(dq show later --json)" '"attempts":1,'

# A parent that waits for ten children, which the worker has fetched all at once.
family() {
	: >"$T/order"
	dq submit --key "$1" -- sh -c "'$B/dq' submit --key $1-kids --array 0-9 --env T=$T -- \
		sh $T/slow.sh {} && '$B/dq' wait $1-kids" >"$T/out"
	until_true 20 test -s "$T/order"
}

step "a drain gives back what has not begun: a parent's children run elsewhere"
deepen
first=$WORKER
family smiths
start_worker w2 --slots 1
kill -TERM "$first"
exits 0 dq wait smiths --timeout 60
until_true 30 not_there "$first"
is "$(begun)" 10
has "$(dq show smiths --json)" '"attempts":1,'
has "$(dq show 'smiths-kids[9]' --json)" '"attempts":1,'

step "a drain of the only worker runs what a parent waits for"
family kims
stop "$WORKER"
is "$(dq state kims)" done
is "$(begun)" 10
has "$(dq show kims --json)" '"attempts":1,'

stop "$SCHEDULER"
check_store
