#!/bin/sh
# A scheduler that answers before its commit, and one that takes reports under any fence: the
# simulator must catch each within the seeds given.
set -eu
B=${DQ_BUILDDIR:-.}

caught() {
	name=$1
	shift
	if out=$("$@" 2>&1); then
		echo "the mutant \"$name\" was not caught"
		exit 1
	fi
	echo "\"$name\" is caught: $(echo "$out" | grep '^seed' | head -n 1)"
	echo "$out" | grep -q '^seed'
}

caught 'reply before sync' "$B/dq-sim" --mutant reply-before-sync --seed 1 --seeds 20
caught 'no fence test' "$B/tests/sim/dq-sim-no-fence" --seed 1 --seeds 200
