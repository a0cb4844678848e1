#!/bin/sh
# The demo: all its comparisons come out equal, and it leaves nothing behind.
. "$(dirname "$0")/../e2e/lib.sh"
src=${DQ_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
mkdir "$T/tmp"
TMPDIR=$T/tmp timeout 120 "$src/examples/wordcount/demo" "$B" >"$T/demo.out" 2>"$T/demo.err" ||
	fail "$(tail -n 30 "$T/demo.out") $(cat "$T/demo.err")"
grep -E "ready|equal:|attempt" "$T/demo.out"
grep -q "All equal" "$T/demo.out"
is "$(ls -A "$T/tmp")" ""
