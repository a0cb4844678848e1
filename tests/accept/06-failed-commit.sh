#!/bin/sh
# A commit that fails in the middle of a load: the scheduler starts again from its store by itself,
# clients and workers ride it through, each task runs once.
. "$(dirname "$0")/../e2e/lib.sh"
N=60

# once POINT: N commands under a scheduler with this fault.
once() {
	step "$1"
	STATE=$T/state-$2
	rm -f "$T/lines"
	DQ_FAULT=$1
	export DQ_FAULT
	start_scheduler
	unset DQ_FAULT
	start_worker "w$2" --slots 2
	for i in $(seq "$N"); do
		dq submit --key "line-$i" -- sh -c "echo $i >>$T/lines; sleep 0.01" || exit 1
	done >"$T/keys" 2>"$T/submit.err" || fail "a submit failed: $(cat "$T/submit.err")"
	exits 0 dq wait --all --timeout 60
	sort -n "$T/lines" >"$T/sorted"
	seq "$N" | cmp - "$T/sorted"
	grep -q "$3" "$T/scheduler.err" || fail "the fault did not happen: $(cat "$T/scheduler.err")"
	grep -c "$3" "$T/scheduler.err" | sed 's/$/ failures, each task once/'
	: >"$T/scheduler.err"
	kill -0 "$SCHEDULER"
	stop "$WORKER"
	stop "$SCHEDULER"
	check_store
}

"$B/dq-scheduler" --version >/dev/null
if DQ_FAULT=no.such.point:1:error "$B/dq-scheduler" --version >/dev/null 2>&1 &&
	! grep -q "define DQ_FAULT_POINTS 1" "$B/config.h" 2>/dev/null; then
	echo "built without fault points"
	exit 77
fi
once store.commit.before:25:error:ENOSPC 1 "commit failed"
once store.put:40:error:EIO 2 "commit failed"
once store.begin:30:error:EIO 3 "commit failed"
