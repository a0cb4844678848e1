#!/bin/sh
# --local: a scheduler and a worker inside the command.
. "$(dirname "$0")/lib.sh"
local_dq() { timeout 120 "$B/dq" "$@"; }

step "run, map and submit without a directory"
is "$(local_dq --local run -- echo inside)" inside
exits 7 local_dq run --local -- sh -c 'exit 7'
is "$(seq 3 | local_dq --local map -- echo 'n{}' | tr '\n' ' ')" "n1 n2 n3 "
key=$(local_dq --local submit --key stays -- sh -c "sleep 0.5; echo ended >$T/ended")
is "$key" stays
is "$(cat "$T/ended")" ended
exits 1 local_dq submit --local --wait -- false

step "with a directory the state stays"
is "$(local_dq --local="$T/job" submit --key kept --wait -- echo kept)" kept
is "$(local_dq --local="$T/job" result kept)" kept
is "$(local_dq --local="$T/job" state kept)" done
exits 0 "$B/dq-inspect" --state "$T/job" check

step "functions of a module"
M=$B/dq-bench-module.so
is "$(local_dq --local --module "$M" call --key stays inc 41)" stays
is "$(local_dq --local="$T/job" --module "$M" call --key sum --wait inc 41)" sum
is "$(local_dq --local="$T/job" result sum)" 42
exits 2 local_dq --local --module "$M" --module "$M" call inc 1
one_error_line
exits 2 local_dq --local --module "$T/none.so" call inc 1
one_error_line
exits 2 local_dq --module "$M" --scheduler "$ADDR" call inc 1
has "$(cat "$T/errors")" "--local"

step "it beats the address"
is "$(DQ_SCHEDULER=unix:/nowhere local_dq --local run -- echo beaten)" beaten

step "interrupted, it ends what runs and takes its directory along"
mkdir "$T/tmp"
for words in "submit" "run"; do
	TMPDIR=$T/tmp timeout -s INT -k 30 1 "$B/dq" --local $words -- \
		sh -c "echo \$\$ >$T/running; exec sleep 300" >/dev/null 2>&1 || :
	is "$(ls "$T/tmp")" ""
	! kill -0 "$(cat "$T/running")" 2>/dev/null || fail "still running"
done

step "nothing is left behind"
[ ! -e "$T/run/dq/scheduler.sock" ]
