#!/bin/sh
# Locks, semaphores, locks of several at once, events: a number in a file that eight count up, holders
# that are killed, stopped, or end with their task, and a scheduler that is killed meanwhile.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

# background NAME COMMAND...: its output goes to $T/NAME.out; sets BG.
background() {
	name=$1
	shift
	"$@" >"$T/$name.out" 2>"$T/$name.errs" &
	BG=$!
	PIDS="$PIDS $BG"
}

held() { "$B/dq-inspect" --state "$STATE" locks | grep -q "holds $(id -un)/$1 "; }
waits() { "$B/dq-inspect" --state "$STATE" locks | grep -q "waits for $(id -un)/$1 "; }
free() { ! "$B/dq-inspect" --state "$STATE" locks | grep -q "/$1 "; }

step "as the command ends"
is "$(dq lock l -- echo hello)" hello
exits 7 dq lock l -- sh -c 'exit 7'
exits 143 dq lock l -- sh -c 'kill -TERM $$'
exits 127 dq lock l -- no-such-command
exits 2 dq lock l
exits 2 dq semaphore s none -- true
exits 2 dq semaphore s 2 --units 3 -- true
exits 2 dq lock l --lease 0 -- true
exits 125 dq lock other/l -- true
one_error_line
exits 0 dq lock --help
exits 0 dq semaphore --help
free l

step "eight count in a file"
echo 0 >"$T/number"
cat >"$T/add" <<END
#!/bin/sh
n=\$(cat "$T/number")
sleep 0.01
echo \$((n + 1)) >"$T/number"
echo "\$DQ_LOCK_FENCE" >>"$T/fences"
END
chmod +x "$T/add"
COUNTERS=
for i in 1 2 3 4 5 6 7 8; do
	(
		for k in 1 2 3 4 5; do
			dq lock count -- "$T/add"
		done
	) 2>>"$T/count.err" &
	COUNTERS="$COUNTERS $!"
	PIDS="$PIDS $!"
done
sleep 0.5
kill_hard "$SCHEDULER"
start_scheduler
for pid in $COUNTERS; do
	wait "$pid" || fail "a counter ended with $?"
done
is "$(cat "$T/number")" 40
sort -n -u "$T/fences" >"$T/fences.sorted"
cmp "$T/fences" "$T/fences.sorted" || fail "the fences do not grow"

step "not at once"
background holder "$B/dq" --scheduler "$ADDR" lock l -- sleep 60
HOLDER=$BG
until_true 10 held l
exits 125 dq lock l --timeout 0 -- true
one_error_line
exits 125 dq lock l --timeout 0.3 -- true
one_error_line
exits 125 dq semaphore l 2 -- true
has "$(cat "$T/errors")" "another count"

step "held while the scheduler is killed"
background next "$B/dq" --scheduler "$ADDR" lock l -- echo mine
NEXT=$BG
until_true 10 waits l
kill_hard "$SCHEDULER"
start_scheduler
held l || fail "the lock was lost"
exits 125 dq lock l --timeout 0 -- true
is "$(cat "$T/next.out")" ""

step "a signal is the command's, and the next one holds it"
kill -TERM "$HOLDER"
rc=0
wait "$HOLDER" || rc=$?
is "$rc" 143
wait "$NEXT" || fail "the next one ended with $?"
is "$(cat "$T/next.out")" mine

step "a killed holder loses it after its lease"
background holder "$B/dq" --scheduler "$ADDR" lock l --lease 2 -- sleep 5
until_true 10 held l
kill_hard "$BG"
exits 125 dq lock l --timeout 0 -- true
before=$(date +%s)
is "$(dq lock l --timeout 20 -- echo mine)" mine
[ $(($(date +%s) - before)) -le 10 ] || fail "it took too long"

step "one that is stopped past its lease is refused"
background holder "$B/dq" --scheduler "$ADDR" lock l --lease 1 -- sleep 60
HOLDER=$BG
until_true 10 held l
kill -STOP "$HOLDER"
is "$(dq lock l --timeout 20 -- echo mine)" mine
kill -CONT "$HOLDER"
rc=0
wait "$HOLDER" || rc=$?
is "$rc" 125
has "$(cat "$T/holder.errs")" "not held under that fence any more"

step "one that lives keeps it past its lease"
is "$(dq lock l --lease 1 -- sh -c 'sleep 2.5; echo done')" "done"

step "at once when the task that held it ends"
dq submit --key holds -- "$B/dq" lock l -- sleep 60 >/dev/null
until_true 10 held l
background next "$B/dq" --scheduler "$ADDR" lock l -- echo mine
until_true 10 waits l
dq cancel holds >/dev/null
until_true 10 grep -q mine "$T/next.out"

step "two of a semaphore, the third waits"
background one "$B/dq" --scheduler "$ADDR" semaphore s 3 -- sleep 60
ONE=$BG
background two "$B/dq" --scheduler "$ADDR" semaphore s 3 --units 2 -- sleep 60
TWO=$BG
until_true 10 sh -c "'$B/dq-inspect' --state '$STATE' locks | grep -c 'holds.*/s ' | grep -q 2"
exits 125 dq semaphore s 3 --timeout 0 -- true
kill -TERM "$TWO"
wait "$TWO" || :
exits 0 dq semaphore s 3 --units 2 --timeout 5 -- true
kill -TERM "$ONE"
wait "$ONE" || :

step "several at once, in any order"
PAIRS=
for i in 1 2 3 4; do
	(
		for k in 1 2 3; do
			dq lock a --also b -- sleep 0.02
			dq lock b --also a -- sleep 0.02
		done
	) 2>>"$T/pairs.err" &
	PAIRS="$PAIRS $!"
	PIDS="$PIDS $!"
done
for pid in $PAIRS; do
	wait "$pid" || fail "one of several ended with $?"
done
free a

step "interrupted while it waits: it leaves the line"
background holder "$B/dq" --scheduler "$ADDR" lock l -- sleep 60
HOLDER=$BG
until_true 10 held l
background waiter "$B/dq" --scheduler "$ADDR" lock l -- true
until_true 10 waits l
kill -INT "$BG" || :
kill -TERM "$BG"
rc=0
wait "$BG" || rc=$?
[ "$rc" -gt 128 ] || fail "exit $rc"
until_true 5 sh -c "! '$B/dq-inspect' --state '$STATE' locks | grep -q waits"
kill -TERM "$HOLDER"
wait "$HOLDER" || :

step "events"
exits 3 dq event wait go --timeout 0
exits 3 dq event wait go --timeout 0.2
one_error_line
background waiter "$B/dq" --scheduler "$ADDR" event wait go
WAITER=$BG
sleep 0.3
kill_hard "$SCHEDULER"
start_scheduler
dq event set go
wait "$WAITER" || fail "the wait ended with $?"
dq event set go
exits 0 dq event wait go --timeout 0
kill_hard "$SCHEDULER"
start_scheduler
exits 0 dq event wait go --timeout 0
"$B/dq-inspect" --state "$STATE" events | grep -q "/go set at " || fail "dq-inspect events"
dq event clear go
is "$("$B/dq-inspect" --state "$STATE" events --json)" "[]"
dq event clear go
exits 3 dq event wait go --timeout 0
exits 2 dq event
exits 2 dq event wait
exits 7 dq event set other/go

stop "$WORKER"
stop "$SCHEDULER"
check_store
