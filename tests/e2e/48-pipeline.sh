#!/bin/sh
# The example of transactional tasks: by itself; with two workers, while the scheduler is killed again
# and again, and each worker once, at moments that are drawn. The counts are exact.
. "$(dirname "$0")/lib.sh"
E=$B/examples/pipeline
[ -e "$E/pipeline.so" ] || exit 77

step "by itself"
TMPDIR=$T timeout 60 "$E/pipeline" local 50 >"$T/out"
is "$(cat "$T/out")" "0: 5, 1: 10, 4: 10, 5: 5, 6: 10, 9: 10, as expected: yes"

# a part of half a second, in milliseconds
draw() {
	echo "0.$(od -An -N2 -tu2 /dev/urandom | awk '{ printf "%03d", $1 % 400 + 100 }')"
}

# again NAME ISOLATION
again() {
	start_worker "$1" --slots 2 --isolation "$2" --module "$E/pipeline.so"
}

step "with kills"
start_scheduler --lease-ttl 1
again w1 process
w1=$WORKER
again w2 thread
w2=$WORKER
timeout 100 "$E/pipeline" "$ADDR" 400 >"$T/out" 2>"$T/pipeline.err" &
client=$!
PIDS="$PIDS $client"
until_true 20 dq queue len pipeline-digits
kills=0
while kill -0 "$client" 2>/dev/null && [ "$kills" -lt 6 ]; do
	sleep "$(draw)"
	kills=$((kills + 1))
	case $kills in
	2)
		kill_hard "$w1"
		again w1 process
		;;
	4)
		kill_hard "$w2"
		again w2 thread
		;;
	*)
		kill_hard "$SCHEDULER"
		start_scheduler --lease-ttl 1
		;;
	esac
done
rc=0
wait "$client" || rc=$?
echo "$kills kills: $(cat "$T/out")"
is "$rc" 0
is "$(cat "$T/out")" "0: 40, 1: 80, 4: 80, 5: 40, 6: 80, 9: 80, as expected: yes"
is "$(dq queue len pipeline-numbers) $(dq queue len pipeline-digits)" "0 0"
[ "$kills" -ge 1 ] || fail "it was over before anything was killed"
stop "$SCHEDULER"
check_store
