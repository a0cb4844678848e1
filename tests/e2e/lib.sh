# Shared by the end-to-end tests: programs, a directory and servers of their own, all ended and removed
# at the end. Every wait is bounded.
set -eu
LC_ALL=C
export LC_ALL
B=${DQ_BUILDDIR:-$(cd "$(dirname "$0")/../../build" && pwd)}
T=$(mktemp -d "${TMPDIR:-/tmp}/dq-e2e-XXXXXX")
unset DQ_SCHEDULER DQ_CONTACT DQ_SECRET_FILE XDG_STATE_HOME || :
HOME=$T/home
XDG_RUNTIME_DIR=$T/run
export HOME XDG_RUNTIME_DIR
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
ADDR=unix:$T/s.sock
STATE=$T/state
PIDS=
STEP=start

finish() {
	rc=$?
	trap '' EXIT
	for pid in $PIDS; do
		kill -KILL "$pid" 2>/dev/null || :
	done
	for pid in $PIDS; do
		wait "$pid" 2>/dev/null || :
	done
	if [ "$rc" != 0 ]; then
		echo "FAILED at: $STEP"
		for log in "$T"/*.err; do
			[ -s "$log" ] && { echo "--- $log"; tail -n 40 "$log"; }
		done
	fi
	rm -rf "$T"
	exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

step() {
	STEP=$*
	echo "ok so far; now: $*"
}

fail() {
	echo "$*"
	exit 1
}

# dq with the test's scheduler, for two minutes at most.
dq() {
	timeout 120 "$B/dq" --scheduler "$ADDR" "$@"
}

# is ACTUAL EXPECTED
is() {
	[ "$1" = "$2" ] || fail "got: $1
wanted: $2"
}

# has TEXT PART
has() {
	case $1 in
	*"$2"*) ;;
	*) fail "got: $1
wanted in it: $2" ;;
	esac
}

# exits CODE COMMAND...: its output goes to $T/out and $T/errors.
exits() {
	wanted=$1
	shift
	rc=0
	"$@" >"$T/out" 2>"$T/errors" || rc=$?
	[ "$rc" = "$wanted" ] || fail "exit $rc instead of $wanted: $*
$(cat "$T/out" "$T/errors")"
}

# one_error_line: what `exits` caught on stderr is one line that begins with dq:
one_error_line() {
	[ "$(wc -l <"$T/errors")" = 1 ] || fail "not one line: $(cat "$T/errors")"
	has "$(cat "$T/errors")" "dq"
}

# until_true SECONDS COMMAND...
until_true() {
	tries=$(($1 * 20))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "not in time: $*"
		sleep 0.05
	done
}

# await_ready PID FILE: the line that a server prints.
await_ready() {
	tries=600
	until grep -q '^ready' "$2" 2>/dev/null; do
		kill -0 "$1" 2>/dev/null || fail "ended before it was ready: $(cat "$2")"
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "not ready in time: $2"
		sleep 0.05
	done
}

# start_scheduler [OPTION...]: sets SCHEDULER to its pid.
start_scheduler() {
	: >"$T/scheduler.out"
	"$B/dq-scheduler" --state "$STATE" --listen "$ADDR" "$@" \
		>"$T/scheduler.out" 2>>"$T/scheduler.err" &
	SCHEDULER=$!
	PIDS="$PIDS $SCHEDULER"
	await_ready "$SCHEDULER" "$T/scheduler.out"
}

# start_worker NAME [OPTION...]: sets WORKER to its pid.
start_worker() {
	name=$1
	shift
	: >"$T/$name.out"
	"$B/dq-worker" --scheduler "$ADDR" --name "$name" --dir "$T/$name" "$@" \
		>"$T/$name.out" 2>>"$T/$name.err" &
	WORKER=$!
	PIDS="$PIDS $WORKER"
	await_ready "$WORKER" "$T/$name.out"
}

kill_hard() {
	kill -KILL "$1"
	wait "$1" 2>/dev/null || :
}

# stop PID: SIGTERM, and exit 0 within 30 s.
stop() {
	kill -TERM "$1"
	until_true 30 not_there "$1"
	rc=0
	wait "$1" || rc=$?
	[ "$rc" = 0 ] || fail "exit $rc after SIGTERM"
}

not_there() {
	! kill -0 "$1" 2>/dev/null || [ "$(cut -d' ' -f3 "/proc/$1/stat")" = Z ]
}

# The store says of itself that it is whole. The scheduler must be down.
check_store() {
	exits 0 "$B/dq-inspect" --state "$STATE" check
	has "$(cat "$T/out")" ok
}
