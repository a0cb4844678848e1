#!/bin/sh
# The example of producers and consumers: by itself; with workers on one slot each, of which one is
# killed, and so is the scheduler.
. "$(dirname "$0")/lib.sh"
E=$B/examples/producers
[ -e "$E/producers.so" ] || exit 77

step "by itself"
TMPDIR=$T timeout 60 "$E/producers" local 300 >"$T/out"
is "$(cat "$T/out")" "300 numbers, 0 of them again, 62 primes, as expected: yes"

step "with workers, and kills"
start_scheduler --lease-ttl 2
start_worker w1 --slots 1 --module "$E/producers.so"
first=$WORKER
start_worker w2 --slots 1 --isolation thread --module "$E/producers.so"
timeout 100 "$E/producers" "$ADDR" 3000 >"$T/out" 2>"$T/producers.err" &
client=$!
PIDS="$PIDS $client"
until_true 20 sh -c "test \$('$B/dq' --scheduler '$ADDR' queue len producers-numbers) -ge 100"
kill_hard "$SCHEDULER"
start_scheduler --lease-ttl 2
kill_hard "$first"
start_worker w3 --slots 1 --module "$E/producers.so"
sleep 0.2
kill -0 "$client" || fail "it was over before the kills were: $(cat "$T/out")"
kill_hard "$SCHEDULER"
start_scheduler --lease-ttl 2
rc=0
wait "$client" || rc=$?
is "$rc" 0
cat "$T/out"
has "$(cat "$T/out")" "3000 numbers, "
has "$(cat "$T/out")" " 431 primes, as expected: yes"
stop "$SCHEDULER"
check_store
