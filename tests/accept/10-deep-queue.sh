#!/bin/sh
# Items that wait cost store and not memory, and a get costs the same behind many as behind few; so
# after a restart, too. ITEMS by the argument or DQ_ACCEPT_ITEMS; 5,000,000 with DQ_ACCEPT=1.
. "$(dirname "$0")/../e2e/lib.sh"
ITEMS=100000
[ -z "${DQ_ACCEPT:-}" ] || ITEMS=5000000
ITEMS=${1:-${DQ_ACCEPT_ITEMS:-$ITEMS}}
MORE=$((32 << 20))
# Sanitizers keep what is freed for a while.
[ "${DQ_SANITIZE:-no}" = no ] || { ITEMS=20000; MORE=$((256 << 20)); }
queue() { timeout 1800 "$B/tests/accept/queue" "$ADDR" "$@"; }
# What it asked for itself: pages of the mapped store are the system's to keep or to drop.
rss() { awk '/^RssAnon/ { print $2 * 1024 }' "/proc/$SCHEDULER/status"; }
now() { date +%s.%N; }
since() { echo "$(now) $1" | awk '{ printf "%.2f s", $1 - $2 }'; }
# fits BEFORE WHAT
fits() {
	after=$(rss)
	echo "scheduler: $after bytes $2, $((after - $1)) more than with 1,000 items"
	[ $((after - $1)) -le "$MORE" ] || fail "that is more than $MORE"
}
start_scheduler

step "1,000 items"
queue fill few 2000
queue times few few 500 >/dev/null
few=$(rss)
echo "scheduler: $few bytes"

step "$ITEMS items"
began=$(now)
queue fill many "$ITEMS"
echo "$ITEMS items put in $(since "$began")"
is "$(dq queue len many)" "$ITEMS"
fits "$few" "with $ITEMS items"

step "a get behind many, and behind few"
# The disk is shared: the best of three tells.
best=9
for i in 1 2 3; do
	took=$(queue times few many 100)
	ratio=$(echo "$took" | awk '{ printf "%.3f", $2 / $1 }')
	echo "p50 behind few and many, in ms: $took: ratio $ratio"
	best=$(echo "$ratio $best" | awk '{ print $1 < $2 ? $1 : $2 }')
done
echo "$best" | awk '{ exit $1 > 1.2 }' || fail "a get behind many takes $best of one behind few"

step "a restart"
kill_hard "$SCHEDULER"
began=$(now)
start_scheduler
echo "ready again in $(since "$began")"
is "$(dq queue len many)" "$((ITEMS - 300))"
fits "$few" "after the restart"

step "purge"
began=$(now)
dq queue purge many
echo "purged in $(since "$began")"
is "$(dq queue len many)" 0
began=$(now)
queue fill many 10
queue times many few 5 >/dev/null
echo "ten put and five got behind the purge in $(since "$began")"
# Its deletes wait for the store in two batches of 32 MiB.
MORE=$((MORE + (80 << 20)))
fits "$few" "after the purge"
stop "$SCHEDULER"
check_store
