#!/bin/sh
# The history of tasks: attempts at growing distances, also over a killed scheduler; poison and its three workers;
# rounds and priorities; live and at rest.
. "$(dirname "$0")/lib.sh"

# events KEY: the words of its events
events() {
	dq history "$1" | awk '{ printf "%s ", $2 }'
}

# member NAME: of the JSON on stdin, a line each
member() {
	sed 's/},{/}\n{/g' | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# distances KEY: ms between its failed attempts
distances() {
	dq history "$1" --json | sed 's/},{/}\n{/g' | grep '"event":"failed"' | member time |
		awk 'NR > 1 { printf "%d ", ($1 - last) * 1000 } { last = $1 }'
}

grows() {
	[ "$1" -ge 200 ] && [ "$1" -le 450 ] && [ "$2" -ge 400 ] && [ "$3" -ge 800 ] && [ "$3" -le "$4" ] ||
		fail "not from 0.2 s, doubled each time: $*"
}

step "wrong uses"
start_scheduler --lease-ttl 2
exits 2 dq history
one_error_line
exits 2 dq history a b
exits 4 dq history nothing
one_error_line

step "four attempts at growing distances"
start_worker w1 --slots 2
exits 1 dq submit --wait --key r --retries 3 --backoff 0.2 -- sh -c 'echo bad >&2; exit 3'
is "$(events r)" "submitted failed failed failed failed "
grows $(distances r) 1300
has "$(dq history r)" "exit status 3; on w1, after 0."
has "$(dq history r --json)" '"cause":"exit"'

step "likewise over a killed scheduler"
dq submit --key k --retries 3 --backoff 0.2 -- sh -c 'exit 4'
until_true 20 sh -c "'$B/dq' --scheduler '$ADDR' history k | grep -c failed | grep -q 2"
kill_hard "$SCHEDULER"
start_scheduler --lease-ttl 2
exits 1 dq wait k --timeout 30
is "$(events k)" "submitted failed failed failed failed "
grows $(distances k) 6000

step "rounds, and what users did"
exits 0 dq retry r
exits 1 dq wait r
is "$(events r)" "submitted failed failed failed failed retried failed failed failed failed "
has "$(dq history r --json | sed 's/},{/}\n{/g' | grep retried)" '"round":1'
dq submit --key later --delay 100 -- true
dq priority 7 later
is "$(events later)" "submitted priority "
has "$(dq history later | tail -n 1)" " 7"
dq submit --key child --after r -- true
exits 1 dq wait child
has "$(dq history child | tail -n 1)" "a dependency failed: r"
dq submit --key arr --array 3-5 -- true
exits 0 dq wait arr
is "$(dq history arr | awk '{ printf "%s %s ", $1, $3 }')" \
	"arr[3] submitted arr[3] done arr[4] submitted arr[4] done arr[5] submitted arr[5] done "
is "$(dq history 'arr[4]' | wc -l)" 2

step "an attempt that has not ended"
dq submit --key now -- sh -c "echo >$T/began; exec sleep 300"
until_true 20 test -e "$T/began"
until_true 20 sh -c "'$B/dq' --scheduler '$ADDR' history now | grep -q ' running '"
is "$(events now)" "submitted running "
has "$(dq history now | tail -n 1)" " on w1"
exits 0 dq cancel now
exits 1 dq wait now
is "$(events now)" "submitted cancelled "

step "a task that its workers die of is given up, and names them"
dq submit --key poison -- sh -c "echo \$DQ_WORKER >>$T/poison; sleep 300"
for i in 1 2 3; do
	until_true 60 sh -c "test \$(wc -l <$T/poison) = $i"
	kill_hard "$WORKER"
	[ "$i" = 3 ] || start_worker "w$((i + 1))" --slots 2
done
exits 1 dq wait poison --timeout 30
dq history poison --json >"$T/history"
is "$(member worker <"$T/history" | grep -v null | sort -u | tr '\n' ' ')" "w1 w2 w3 "
has "$(cat "$T/history")" '"cause":"poison"'
is "$(events poison)" "submitted lost lost lost failed "

step "the same live, and at rest"
dq history r >"$T/live"
"$B/dq-inspect" --state "$STATE" history r >"$T/inspected"
is "$(cat "$T/inspected")" "$(cat "$T/live")"
stop "$SCHEDULER"
"$B/dq-inspect" --state "$STATE" history r >"$T/inspected"
is "$(cat "$T/inspected")" "$(cat "$T/live")"
is "$("$B/dq-inspect" --state "$STATE" history poison --json)" "$(cat "$T/history")"
exits 4 "$B/dq-inspect" --state "$STATE" history nothing
check_store
