#!/bin/sh
# dq wait in all its ways, results of arrays, and the progress line on a terminal.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 4

step "all of them, or any"
dq submit --key good --label L -- true >/dev/null
dq submit --key bad --label L -- sh -c 'sleep 0.3; exit 3' >/dev/null
dq submit --key slow --label M -- sleep 1.5 >/dev/null
dq submit --key arr --array 0-9 --label M -- sh -c 'sleep 0.2; test {index} != 7' >/dev/null
exits 0 dq wait --any good slow
exits 1 dq wait bad good
is "$(cat "$T/errors")" "dq: wait: bad: failed: exit status 3"
exits 1 dq wait --any bad slow
exits 0 dq wait --any slow 'arr[3]' --timeout 20
exits 3 dq wait slow --timeout 0.01
one_error_line
exits 4 dq wait good nope
one_error_line

step "several keys, arrays and elements; the element that failed is named"
exits 1 dq wait good arr
is "$(cat "$T/errors")" "dq: wait: arr[7]: failed: exit status 1"
exits 0 dq wait 'arr[1]' 'arr[2]' good good slow
is "$(dq wait --json good 'arr[7]' 2>/dev/null | sed 's/"error":{[^}]*}/E/')" \
	'[{"key":"good","state":"done","error":null},{"key":"arr[7]","state":"failed",E}]'

step "by label, and all; nothing left is no failure"
dq submit --key b1 --label N -- sh -c 'sleep 0.5; exit 4' >/dev/null
dq submit --key b2 --label N -- sleep 0.6 >/dev/null
exits 1 dq wait --label N
is "$(cat "$T/errors")" "dq: wait: b1: failed: exit status 4"
exits 0 dq wait --label N
exits 0 dq wait --all
exits 2 dq wait
exits 2 dq wait good --all
exits 2 dq wait --label N --all

step "a large array that has long ended is seen in no time"
dq submit --key big --array 0-49999 -- sleep 100 >/dev/null
exits 3 dq wait big --timeout 0
dq cancel big
exits 1 dq wait big --timeout 0
exits 1 dq wait 'big[49999]' --timeout 0

step "list: by label, state, user, limited"
is "$(dq list --label L --state failed --json | grep -o '"key":"[a-z]*"')" '"key":"bad"'
is "$(dq list --label L | awk 'NR > 1 {print $1}' | sort | tr '\n' ' ')" "bad good "
is "$(dq list --limit 2 | wc -l)" 3
is "$(dq list --user nobody-here | wc -l)" 1
is "$(dq list --user "$(id -un)" --label M | wc -l)" 3
is "$(dq list --state cancelled --limit 3 | wc -l)" 4
exits 2 dq list --state nonsense

step "long results of an array, in order, with one that failed"
dq submit --key long --array 0-39 -- sh -c 'test {index} != 5 && seq 1 2000 && echo {index}' >/dev/null
exits 1 dq result long
is "$(grep -c . "$T/out")" $((39 * 2001))
is "$(awk 'NR % 2001 == 0' "$T/out" | tr '\n' ' ')" "$(seq 0 39 | grep -vx 5 | tr '\n' ' ')"
has "$(cat "$T/errors")" "long[5]: failed: exit status 1"

if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1; then
	# on_terminal COLUMNS COMMAND...: what it writes to a terminal of that width
	on_terminal() {
		printf 'stty cols %s; ' "$1" >"$T/cmd.sh"
		shift
		printf "%s '%s' " "exec '$B/dq' --scheduler" "$ADDR" >>"$T/cmd.sh"
		printf "'%s' " "$@" >>"$T/cmd.sh"
		rc=0
		TERM=xterm timeout 60 script -qec "sh $T/cmd.sh" "$T/typescript" >"$T/out" </dev/null || rc=$?
		tr '\r' '\n' <"$T/out" >"$T/drawn"
	}
	clear=$(printf '\033[K')

	step "on a terminal: how many, how fast, and nothing is left"
	dq submit --key p1 --array 0-39 -- sh -c 'sleep 0.2; test {index} != 7' >/dev/null
	on_terminal 80 wait p1
	is "$rc" 1
	grep -q '^\[#*\.*\] [0-9]*% [0-9]*/40, 1 failed, [0-9]* at work, [0-9.]*/s, [0-9]*s left' "$T/drawn" ||
		fail "no progress: $(cat -v "$T/drawn")"
	is "$(sed -n '/./p' "$T/drawn" | tail -n 1)" "${clear}dq: wait: p1[7]: failed: exit status 1"

	step "on a narrow one it fits, and results stand between"
	seq 12 >"$T/lines"
	printf 'stty cols 30; %s/dq --scheduler %s map -- sh -c "sleep 0.4; echo {}" <%s' \
		"$B" "$ADDR" "$T/lines" >"$T/cmd.sh"
	TERM=xterm timeout 60 script -qec "sh $T/cmd.sh" "$T/typescript" >"$T/out" </dev/null
	tr '\r' '\n' <"$T/out" | sed "s/$(printf '\033')\[K//g" >"$T/drawn"
	grep -q '% [0-9]*/12' "$T/drawn" || fail "no progress: $(cat -v "$T/drawn")"
	is "$(awk 'length($0) > 29' "$T/drawn")" ""
	is "$(grep -x '[0-9][0-9]*' "$T/drawn" | tr '\n' ' ')" "$(seq 12 | tr '\n' ' ')"

	step "of one command, its state; then what it prints"
	on_terminal 80 run -- sh -c 'sleep 1.5; echo out'
	is "$rc" 0
	grep -q 's dq-[0-9-]*: running' "$T/drawn" || fail "no state: $(cat -v "$T/drawn")"
	is "$(sed -n '/./p' "$T/drawn" | tail -n 1)" "${clear}out"

	step "none on a terminal that cannot, and for what is soon done"
	printf 'TERM=dumb %s/dq --scheduler %s run -- sleep 1' "$B" "$ADDR" >"$T/cmd.sh"
	is "$(script -qec "sh $T/cmd.sh" "$T/typescript" </dev/null | cat -v)" ""
	on_terminal 80 run -- true
	is "$(cat -v "$T/out")" ""
fi

step "not a terminal: nothing"
dq submit --key p2 --array 0-9 -- sleep 0.4 >/dev/null
exits 0 dq wait p2
is "$(cat "$T/out" "$T/errors")" ""

stop "$WORKER"
stop "$SCHEDULER"
check_store
