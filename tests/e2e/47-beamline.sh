#!/bin/sh
# The example of a beamline, as it is run by hand; it checks itself. Here also: the pool has had its
# share.
. "$(dirname "$0")/lib.sh"

step "run"
rc=0
TMPDIR=$T timeout -k 5 120 "$(dirname "$0")/../../examples/beamline/run" "$B" >"$T/out" 2>"$T/run.err" || rc=$?
[ "$rc" != 77 ] || {
	cat "$T/run.err"
	exit 77
}
is "$rc" 0
cat "$T/out"
has "$(tail -n 2 "$T/out")" "pool"
