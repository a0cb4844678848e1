#!/bin/sh
# A worker is killed: what it ran goes to another, or fails where one attempt was all it had.
. "$(dirname "$0")/lib.sh"
start_scheduler --lease-ttl 2
start_worker w1 --slots 2
first=$WORKER

step "tasks of a killed worker go elsewhere"
for i in 1 2; do
	dq submit --key "t$i" -- sh -c "echo \$DQ_WORKER >>$T/t$i; test \$DQ_WORKER != w1 || sleep 300; echo \$DQ_WORKER \$DQ_ATTEMPT" \
		>/dev/null
done
until_true 30 test -s "$T/t1"
until_true 30 test -s "$T/t2"
kill_hard "$first"
start_worker w2 --slots 2
exits 0 dq wait t1 t2 --timeout 60
is "$(dq result t1)" "w2 2"
is "$(dq result t2)" "w2 2"

step "no task process outlives its worker"
dq submit --key orphan -- sh -c "echo \$\$ >$T/orphan; exec sleep 300" >/dev/null
until_true 30 test -s "$T/orphan"
second=$WORKER
kill_hard "$second"
gone() { ! kill -0 "$1" 2>/dev/null; }
until_true 20 gone "$(cat "$T/orphan")"
exits 0 dq cancel orphan

step "--once: never a second attempt"
start_worker w3 --slots 2
third=$WORKER
dq submit --key once --once -- sh -c "echo x >>$T/once; sleep 300" >/dev/null
until_true 30 test -s "$T/once"
kill_hard "$third"
start_worker w4 --slots 2
exits 1 dq wait once --timeout 60
is "$(wc -l <"$T/once" | tr -d ' ')" 1

step "a small result outlives its worker"
is "$(dq submit --key fact -- echo fact)" fact
exits 0 dq wait fact --timeout 30
kill_hard "$WORKER"
is "$(dq result fact --timeout 30)" fact

step "a worker comes back on its directory and takes over at once"
start_worker w4 --slots 2
is "$(dq submit --key back -- echo back)" back
is "$(dq result back --timeout 30)" back

step "a slot that is killed leaves nothing of its command behind"
dq submit --key cut -- sh -c 'sleep 1234 & echo $PPID $! >"$1"; wait' sh "$T/cut" >/dev/null
until_true 30 test -s "$T/cut"
read -r slot child <"$T/cut"
kill -KILL "$slot"
exits 1 dq wait cut --timeout 30
not_there "$child" || fail "$child goes on"
is "$(dq run -- echo next)" next

step "SIGTERM drains"
dq submit --key drained -- sh -c 'sleep 1; echo drained' >/dev/null
until_true 30 sh -c "'$B/dq' --scheduler '$ADDR' state drained | grep -q running"
stop "$WORKER"
is "$(dq result drained --timeout 30)" drained
stop "$SCHEDULER"
check_store
