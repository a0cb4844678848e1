#!/bin/sh
# Eight clients add to one variable by compare-and-set, and eight to the number in a file under a
# lock, while the scheduler is killed: the sums are exact. Additions of each client by the argument;
# 1,000 to the variable and 50 to the file with DQ_ACCEPT=1.
. "$(dirname "$0")/../e2e/lib.sh"
ADD=${1:-${DQ_ACCEPT:+1000}}
ADD=${ADD:-40}
COUNT=${DQ_ACCEPT:+50}
COUNT=${COUNT:-5}
start_scheduler

# Kills the scheduler until all of these have ended.
kills=0
kill_until_over() {
	for pid; do
		while kill -0 "$pid" 2>/dev/null && [ "$kills" -lt 60 ]; do
			sleep 0.5
			kill_hard "$SCHEDULER"
			start_scheduler
			kills=$((kills + 1))
		done
		wait "$pid" || fail "a client ended with $?"
	done
}

step "compare-and-set"
dq var set sum 0 >/dev/null
CLIENTS=
for i in 1 2 3 4 5 6 7 8; do
	"$B/tests/e2e/counter" "$ADDR" 600 "$ADD" >"$T/count.$i" 2>"$T/count.$i.err" &
	CLIENTS="$CLIENTS $!"
	PIDS="$PIDS $!"
done
# shellcheck disable=SC2086
kill_until_over $CLIENTS
echo "$(dq var get sum) additions, $(awk '{ c += $2 } END { print c }' "$T"/count.?) conflicts, $kills kills"
is "$(dq var get sum)" $((8 * ADD))

step "under a lock"
echo 0 >"$T/number"
cat >"$T/add" <<END
#!/bin/sh
n=\$(cat "$T/number")
sleep 0.005
echo \$((n + 1)) >"$T/number"
END
chmod +x "$T/add"
CLIENTS=
kills=0
for i in 1 2 3 4 5 6 7 8; do
	(
		k=0
		while [ "$k" -lt "$COUNT" ]; do
			dq lock count -- "$T/add"
			k=$((k + 1))
		done
	) 2>>"$T/lock.err" &
	CLIENTS="$CLIENTS $!"
	PIDS="$PIDS $!"
done
# shellcheck disable=SC2086
kill_until_over $CLIENTS
echo "$(cat "$T/number") additions, $kills kills"
is "$(cat "$T/number")" $((8 * COUNT))

step "the next holder: at once when the session ends, else when the lease does"
waits() { "$B/dq-inspect" --state "$STATE" locks | grep -q "waits for .*/$1 "; }
held() { "$B/dq-inspect" --state "$STATE" locks | grep -q "holds .*/$1 "; }
# holder_ends SIGNAL: prints how many ms the next one waited after it
holder_ends() {
	"$B/dq" --scheduler "$ADDR" lock l --lease 2 -- sleep 60 2>>"$T/hold.err" &
	HOLDER=$!
	PIDS="$PIDS $HOLDER"
	until_true 10 held l
	dq lock l -- date +%s%N >"$T/next" 2>>"$T/hold.err" &
	NEXT=$!
	PIDS="$PIDS $NEXT"
	until_true 10 waits l
	ended=$(date +%s%N)
	kill "-$1" "$HOLDER"
	wait "$HOLDER" 2>/dev/null || :
	wait "$NEXT" || fail "the next one ended with $?"
	waited=$((($(cat "$T/next") - ended) / 1000000))
	echo "after SIG$1: $waited ms"
}
holder_ends TERM
[ "$waited" -lt 1500 ] || fail "not at once"
holder_ends KILL
[ "$waited" -ge 1500 ] || fail "before its lease had ended"
[ "$waited" -lt 20000 ] || fail "long after its lease had ended"
stop "$SCHEDULER"
check_store
