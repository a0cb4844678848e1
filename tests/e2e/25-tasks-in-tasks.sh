#!/bin/sh
# Tasks that use the scheduler: parents that wait for their children on one slot, five levels deep and in
# each kind of slot; what belongs to an attempt ends with it.
. "$(dirname "$0")/lib.sh"
MODULE=$B/examples/fibonacci/fibonacci.so
start_scheduler --lease-ttl 2

cat >"$T/nest.sh" <<'EOT'
# nest.sh DQ N: N levels of tasks, each waiting for the next in another way.
test "$2" -gt 0 || { echo "leaf of $DQ_ATTEMPT"; exit; }
case $2 in
*[13579]) exec "$1" run -- sh "$0" "$1" $(($2 - 1)) ;;
esac
key=$("$1" submit -- sh "$0" "$1" $(($2 - 1))) && "$1" wait "$key" && "$1" result "$key"
EOT

for isolation in process thread; do
	start_worker "$isolation" --slots 1 --isolation "$isolation"
	step "commands, five levels deep, beside slots of kind $isolation"
	is "$(dq run --key "nest-$isolation" -- sh "$T/nest.sh" "$B/dq" 5)" "leaf of 1"
	stop "$WORKER"
	[ -e "$MODULE" ] || continue
	start_worker "$isolation-f" --slots 1 --isolation "$isolation" --module "$MODULE"
	step "functions, five levels deep, in slots of kind $isolation"
	is "$(dq call --wait --key "fib-$isolation" fib 6)" "fib-$isolation"
	is "$(dq result "fib-$isolation")" 8
	stop "$WORKER"
done

INSIDE=$B/tests/e2e/.libs/inside.so
for isolation in process thread; do
	[ -e "$INSIDE" ] || continue
	start_worker "$isolation-i" --slots 1 --isolation "$isolation" --module "$INSIDE"
	step "functions, in slots of kind $isolation: another attempt later, state, progress, fire and forget"
	is "$(dq call --wait --key "later-$isolation" later)" "later-$isolation"
	is "$(dq result "later-$isolation")" 3
	for i in 1 2 3; do
		dq call --wait --key "count-$isolation-$i" count >/dev/null
	done
	is "$(dq result "count-$isolation-3")" 3
	dq call --wait --key "forget-$isolation" forget >/dev/null
	is "$(dq result forgotten --timeout 30)" 4
	dq call --key "tell-$isolation" tell >/dev/null
	until_true 30 sh -c "'$B/dq' --scheduler '$ADDR' show 'tell-$isolation' --json |
		grep -F '\"progress\":{\"fraction\":0.25,\"message\":\"$isolation-i\"}'"
	dq cancel "tell-$isolation"
	exits 1 dq wait "tell-$isolation" --timeout 30
	stop "$WORKER"
done

start_worker w1 --slots 1
first=$WORKER
step "a child belongs to the attempt, whose end is its end; a detached one stays"
dq submit --key parent -- sh -c "echo \$\$ >$T/inner.pid; '$B/dq' submit --key stays -- echo stayed; \
	'$B/dq' run --key child -- sleep 300 & sleep 0.3; '$B/dq' show child --json >$T/child.json; exit 0" >/dev/null
exits 0 dq wait parent --timeout 30
has "$(cat "$T/child.json")" '"parent":"parent"'
until_true 30 sh -c "test \"\$('$B/dq' --scheduler '$ADDR' state child)\" != running"
is "$(dq result stays --timeout 30)" stayed

step "the token is dead when the lease is"
dq submit --key teller -- sh -c 'echo $DQ_TOKEN' >/dev/null
token=$(dq result teller --timeout 30)
has "$token" .
exits 4 env DQ_TOKEN="$token" DQ_SCHEDULER="$ADDR" "$B/dq" status
one_error_line
dq submit --key forger -- sh -c "DQ_TOKEN=\${DQ_TOKEN%????}0000 '$B/dq' status; echo \$?" >/dev/null
is "$(dq result forger --timeout 30)" 7

step "a worker is killed while a parent waits: its child is cancelled, the parent tried again"
dq submit --key again -- sh -c "'$B/dq' run -- sh -c 'echo \$DQ_ATTEMPT \$DQ_WORKER >>$T/starts; \
	test \$DQ_WORKER != w1 || sleep 300; echo \$DQ_WORKER'" >/dev/null
until_true 30 test -s "$T/starts"
kill_hard "$first"
start_worker w2 --slots 1
is "$(dq result again --timeout 60)" w2
is "$(wc -l <"$T/starts" | tr -d ' ')" 2

step "the scheduler is killed while a parent waits, and nothing is run again"
dq submit --key rides -- sh -c "echo \$DQ_ATTEMPT; '$B/dq' run -- sh -c 'sleep 2; echo inner \$DQ_ATTEMPT'" >/dev/null
until_true 30 sh -c "test \$('$B/dq' --scheduler '$ADDR' list --state running | wc -l) -ge 2"
kill_hard "$SCHEDULER"
start_scheduler --lease-ttl 2
is "$(dq result rides --timeout 60)" "1
inner 1"
stop "$WORKER"
stop "$SCHEDULER"
check_store
