#!/bin/sh
# Waves of tasks of one session that are submitted, run and released, and of detached ones that stay
# a second: memory of scheduler and worker and the store's file do not grow with what has been.
. "$(dirname "$0")/../e2e/lib.sh"
WAVES=${DQ_ACCEPT_WAVES:-10}
N=${DQ_ACCEPT_TASKS:-200000}
# The first waves warm up. 1.4 million tasks come after them: 12 bytes lost with each are as much.
WARM=5
MORE=$((16 << 20))
# Sanitizers keep what is freed for a while.
[ "${DQ_SANITIZE:-no}" = no ] || { N=$((N / 20)); MORE=$((256 << 20)); }
start_scheduler
start_worker w1 --slots 2 --isolation thread --module "$B/dq-bench-module.so" \
	--module "$B/tests/e2e/.libs/echo.so"

mkfifo "$T/go"
"$B/tests/accept/flat" "$ADDR" "$N" <"$T/go" >"$T/waves" 2>"$T/flat.err" &
FLAT=$!
PIDS="$PIDS $FLAT"
exec 3>"$T/go"

waves() { wc -l <"$T/waves"; }
# The wave is over: all ran, was released or forgotten, and nothing is left.
is_over() {
	kill -0 "$FLAT" || fail "flat ended: $(cat "$T/flat.err")"
	[ "$(waves)" = "$wave" ] && dq status --json | grep -q '"done":0,'
}
# What it asked for itself: pages of the mapped store are the system's to keep or to drop.
rss() { awk '/^RssAnon/ { print $2 * 1024 }' "/proc/$1/status"; }
size() { stat -c %s "$STATE/data.mdb"; }

most() { [ "$1" -gt "$2" ] && echo "$1" || echo "$2"; }
# flat WHAT LAST BEFORE MORE
flat() {
	[ "$2" -le $(($3 + $4)) ] || fail "$1 grew from $3 to $2 bytes"
}

step "$WAVES waves of $N tasks"
wave=0 scheduler1=0 worker1=0 client1=0 file1=0
while [ "$wave" -lt "$WAVES" ]; do
	wave=$((wave + 1))
	echo >&3
	until_true 120 is_over
	scheduler=$(rss "$SCHEDULER") worker=$(rss "$WORKER") client=$(rss "$FLAT") file=$(size)
	echo "wave $wave: scheduler $scheduler, worker $worker, client $client, data.mdb $file bytes"
	[ "$wave" -le "$WARM" ] || continue
	scheduler1=$(most "$scheduler" "$scheduler1") worker1=$(most "$worker" "$worker1")
	client1=$(most "$client" "$client1") file1=$(most "$file" "$file1")
done
flat scheduler "$scheduler" "$scheduler1" "$MORE"
flat data.mdb "$file" "$file1" "$MORE"
# these have holes in their heaps, which take longer to settle
flat worker "$worker" "$worker1" $((MORE * 2))
flat client "$client" "$client1" $((MORE * 2))
exits 0 "$B/dq-inspect" --state "$STATE" check
"$B/dq-inspect" --state "$STATE" stat
exec 3>&-
wait "$FLAT"
stop "$WORKER"
stop "$SCHEDULER"
check_store
