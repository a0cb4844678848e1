#!/bin/sh
# A full store: --store-limit reached, and then a real full disk (a small tmpfs; root only). Submits
# are refused with the reason, looks and what frees space go on, it recovers by itself, and nothing
# that was acknowledged is lost.
. "$(dirname "$0")/../e2e/lib.sh"

unmount() {
	rc=$?
	trap '' EXIT
	[ -z "${SCHEDULER:-}" ] || kill -KILL "$SCHEDULER" 2>/dev/null || :
	umount -l "$T/disk" 2>/dev/null || :
	set +e
	(exit "$rc")
	finish
}

# Fills the store with detached tasks of 64 KiB each until one is refused: fill NAME. Sets FILLED.
head -c 65536 /dev/urandom >"$T/64k"
fill() {
	FILLED=0
	while [ "$FILLED" -lt 400 ]; do
		rc=0
		dq submit --key "$1-$FILLED" --stdin "$T/64k" -- cat >"$T/out" 2>"$T/errors" || rc=$?
		[ "$rc" = 0 ] || break
		FILLED=$((FILLED + 1))
	done
	[ "$rc" = 7 ] || fail "exit $rc after $FILLED submits: $(cat "$T/errors")"
	one_error_line
	has "$(cat "$T/errors")" full
	echo "refused after $FILLED submits of 64 KiB: $(cat "$T/errors")"
}

# What must go on while it is full.
looks() {
	is "$(dq result before)" before
	is "$(dq state before)" done
	dq status --json | grep -q '"epoch"'
	[ "$(dq list --limit 1000 --json | grep -o '"key"' | wc -l)" -ge "$FILLED" ]
	dq show "$1-0" >/dev/null
	exits 0 "$B/dq-inspect" --state "$STATE" check
}

start_once() {
	start_scheduler "$@"
	start_worker first --slots 1
	is "$(dq submit --key before -- echo before)" before
	exits 0 dq wait before --timeout 30
	stop "$WORKER"
}

# Ten lines of 90 KiB in an array that its session alone holds.
big_map() {
	for i in $(seq 10); do
		head -c 67000 /dev/urandom | base64 -w 0
		echo
	done | "$B/dq" --scheduler "$ADDR" map -- true {} >"$T/map.out" 2>&1 &
	MAP=$!
	PIDS="$PIDS $MAP"
	until_true 20 sh -c "'$B/dq' --scheduler '$ADDR' status --json | grep -q '\"ready\":10\\|\"stuck\":10'"
}

room_again() { dq submit --key after-$1 -- true; }

# All that was acknowledged is there and gets done, also while the store is full.
all_done() {
	start_worker "second-$1" --slots 2
	exits 0 dq wait --all --timeout 100
	for i in 0 $((FILLED / 2)) $((FILLED - 1)); do
		dq result "$1-$i" | cmp - "$T/64k"
	done
	is "$(dq list --limit 1000 --state done --json | grep -o "\"key\":\"$1-" | wc -l)" "$FILLED"
	stop "$WORKER"
	stop "$SCHEDULER"
	check_store
	cat "$T/out"
}

step "--store-limit 4M"
start_once --store-limit 4M
big_map
fill limit
looks limit

step "what frees space is taken: a session ends"
# Not SIGINT, which a shell's background commands ignore.
kill -TERM "$MAP"
until_true 30 not_there "$MAP"
rc=0
wait "$MAP" || rc=$?
echo "map, interrupted: exit $rc"
until_true 30 room_again limit
echo "submits are taken again"

step "full once more, killed and started: the same"
fill more
kill_hard "$SCHEDULER"
start_scheduler --store-limit 4M
looks more
is "$(dq list --limit 1000 --json | grep -o '"key":"more-' | wc -l)" "$FILLED"
exits 0 dq cancel more-0
all_but_one=$FILLED
start_worker w1 --slots 2
rc=0
dq wait --all --timeout 100 >/dev/null 2>&1 || rc=$?
[ "$rc" = 0 ] || [ "$rc" = 1 ] || fail "wait: exit $rc"
is "$(dq list --limit 1000 --state done --json | grep -o '"key":"more-' | wc -l)" \
	"$((all_but_one - 1))"
is "$(dq list --limit 1000 --state failed --json | tr -d ' \n')" "[]"
stop "$WORKER"
stop "$SCHEDULER"
check_store
cat "$T/out"
size=$(stat -c %s "$STATE/data.mdb")
[ "$size" -le $((4 * 1024 * 1024)) ] || fail "the file is $size bytes"

mkdir "$T/disk"
if ! mount -t tmpfs -o size=12m tmpfs "$T/disk" 2>/dev/null; then
	echo "no tmpfs may be mounted here: the full disk is skipped"
	exit 0
fi
trap unmount EXIT
STATE=$T/disk/state

step "a disk that others fill"
# The limit is beyond the disk, which sets the low water.
start_once
left=$(df --output=avail -B1 "$T/disk" | tail -n 1)
head -c "$((left - 2500000))" /dev/zero >"$T/disk/others" || :
fill disk
# To the last byte.
cat /dev/zero >"$T/disk/rest" 2>/dev/null || :
looks disk
exits 7 dq submit -- true

step "they leave"
rm "$T/disk/others" "$T/disk/rest"
until_true 30 room_again disk
all_done disk
