#!/bin/sh
# Several users on one scheduler: who is admitted, who sees what, whose tasks a worker runs.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || {
	echo "skipped: needs root, and setpriv"
	exit 77
}
chmod 755 "$T"
mkdir "$T/sock"
ADDR=unix:$T/sock/s.sock

# as GID COMMAND...: as user 65534 with that group alone
as() {
	gid=$1
	shift
	setpriv --reuid=65534 --regid="$gid" --clear-groups env HOME="$T/nowhere" "$@"
}
other() {
	as 65533 timeout 60 "$B/dq" --scheduler "$ADDR" "$@"
}
cd /
start_scheduler --socket-group 65533 --weight root=2
start_worker w1 --slots 2
me=$(as 65533 id -un 2>/dev/null || as 65533 id -u)

step "the group's members are admitted, each as its own user"
exits 0 other status
exits 5 as 65532 "$B/dq" --scheduler "$ADDR" --connect-timeout 0.5 status
is "$(other submit --key mine -- id -u)" mine
has "$(other show mine)" "user        $me"

step "a worker runs its own user's tasks"
has "$(other show mine)" "no worker here takes tasks of user $me"
is "$(dq run -- echo ours)" ours

step "nobody sees or touches what is another's"
dq submit --key rooted -- echo secret >"$T/out"
exits 0 dq wait rooted --timeout 30
is "$(other list --json | grep -c rooted || :)" 0
exits 4 other result rooted --timeout 5
exits 4 other cancel rooted
exits 4 dq show mine

step "a worker for any user"
start_worker w2 --users any
is "$(other result mine --timeout 30)" 0
has "$(dq workers --json)" '"users":"any"'

step "a worker of one's own, for nobody else"
mkdir "$T/w3"
chown 65534 "$T/w3"
exits 7 as 65533 "$B/dq-worker" --scheduler "$ADDR" --name w3 --dir "$T/w3/d" --users any
# not by as(): $! is to be the worker, not a shell around it
setpriv --reuid=65534 --regid=65533 --clear-groups env HOME="$T/nowhere" \
	"$B/dq-worker" --scheduler "$ADDR" --name w3 --dir "$T/w3/d" >"$T/w3.out" 2>"$T/w3.err" &
PIDS="$PIDS $!"
await_ready $! "$T/w3.out"
is "$(other run --worker w3 -- id -u)" 65534

step "words that mean nothing"
exits 7 "$B/dq-scheduler" --state "$T/other" --listen "unix:$T/o.sock" --socket-group no-such-group
exits 2 "$B/dq-scheduler" --state "$T/other" --listen "unix:$T/o.sock" --weight root=0

stop "$SCHEDULER"
check_store
