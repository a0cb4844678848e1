#!/bin/sh
# Four put, four take and acknowledge, while the scheduler is killed five times and a consumer ten
# times: every item comes, none from nowhere, those of a producer in order, and none again but where
# its lease had ended. A consumer that is stopped past its lease is refused. Items by the argument;
# 20,000 with DQ_ACCEPT=1.
. "$(dirname "$0")/../e2e/lib.sh"
ITEMS=4000
[ -z "${DQ_ACCEPT:-}" ] || ITEMS=20000
[ "${DQ_SANITIZE:-no}" = no ] || ITEMS=2000
ITEMS=${1:-$ITEMS}
EACH=$((ITEMS / 4))
FEW=16
KILLS=0
# What a killed consumer was granted and never acknowledged waits for the end of its session.
start_scheduler --session-ttl 2
queue() { exec "$B/tests/accept/queue" "$ADDR" "$@"; }

# consumer SLOT: a new one, with a log of its own
consumer() {
	logs=$((${logs:-0} + 1))
	(queue consume q "$T/log.$logs") 2>>"$T/consume.err" &
	eval "C$1=$!"
	PIDS="$PIDS $!"
}

step "$ITEMS items, kills"
PRODUCERS=
for p in 1 2 3 4; do
	(queue produce q "$p" "$EACH") 2>>"$T/produce.err" &
	PRODUCERS="$PRODUCERS $!"
	PIDS="$PIDS $!"
	consumer "$p"
done
for round in 1 2 3 4 5; do
	sleep 0.3
	for i in 1 2; do
		slot=$((KILLS % 4 + 1))
		eval "kill_hard \$C$slot"
		consumer "$slot"
		KILLS=$((KILLS + 1))
	done
	kill_hard "$SCHEDULER"
	start_scheduler --session-ttl 2
done
for pid in $PRODUCERS; do
	wait "$pid" || fail "a producer ended with $?"
done
# A slow machine may take longer between two items than a consumer waits: another one then.
tries=0
until [ "$(dq queue len q)" = 0 ]; do
	tries=$((tries + 1))
	[ "$tries" -le 20 ] || fail "$(dq queue len q) are left"
	consumer 5
	wait "$C5" || fail "a consumer ended with $?"
done
for slot in 1 2 3 4; do
	eval "wait \$C$slot" || fail "a consumer ended with $?"
done

step "what came"
# Of two deliveries that were never acknowledged one may be told after later ones: at most what a
# killed consumer, or all of them with the scheduler, had been granted.
cat "$T"/log.* >"$T/all"
for log in "$T"/log.*; do
	awk -v file="$log" '{ print file, $0 }' "$log"
done | awk -v each="$EACH" -v back="$(((KILLS + 5 * 4) * FEW))" '
	function bad(why) { print why ": " $0; wrong = 1 }
	$3 !~ /^[1-4]$/ || $4 < 1 || $4 > each { bad("from nowhere"); next }
	{ item = $3 " " $4 }
	$2 == "T" {
		if ((item, $5) in told) bad("one delivery twice")
		told[item, $5]
		if (!(item in taken)) items++
		else again++
		taken[item]++
		if ($5 == 1 && $4 < last[$1, $3]) early++
		if ($5 == 1 && $4 > last[$1, $3]) last[$1, $3] = $4
	}
	$2 == "A" && item in acked { bad("acknowledged twice") }
	$2 == "A" { acked[item]; n++ }
	$2 == "C" { over++ }
	END {
		print items + 0 " items, " again + 0 " of them again, " n + 0 \
			" seen acknowledged, " over + 0 " refused, " early + 0 " after later ones"
		if (items != 4 * each) { print "lost: " 4 * each - items; wrong = 1 }
		if (early > back) { print "out of order: " early; wrong = 1 }
		exit wrong
	}' || fail "see above"

# Whoever has an item again is told a higher delivery, and never one that was acknowledged before.
for log in "$T"/log.*; do
	cat "$log"
done | sort -k2,2n -k3,3n | awk '
	$1 == "A" { acked[$2 " " $3] = 1 }
	$1 == "T" { n[$2 " " $3]++; if ($4 > most[$2 " " $3]) most[$2 " " $3] = $4 }
	END { for (i in n) if (most[i] < n[i]) { print i; bad = 1 } exit bad }' ||
	fail "a delivery was counted twice"

step "stopped past its lease"
dq queue put late '"x"'
(queue late late) 2>"$T/late.err" &
LATE=$!
PIDS="$PIDS $LATE"
is_stopped() { [ "$(cut -d' ' -f3 "/proc/$LATE/stat")" = T ]; }
until_true 10 is_stopped
has "$(dq queue take late --timeout 20)" '"deliveries":2'
kill -CONT "$LATE"
rc=0
wait "$LATE" || rc=$?
is "$rc" 6
has "$(cat "$T/late.err")" "the delivery is over"
stop "$SCHEDULER"
check_store
