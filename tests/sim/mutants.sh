#!/bin/sh
# A scheduler that answers before its commit, one that takes reports under any fence, and others
# (core/mutant.h): the simulator must catch each within the seeds given.
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
M=$B/tests/sim/dq-sim-mutants
caught 'no fence test' "$M" --mutant no-fence --seed 1 --seeds 200
caught 'a retry in the same round' "$M" --mutant no-round --seed 1 --seeds 200
caught 'an ack without its fence' "$M" --mutant no-delivery --seed 1 --seeds 200
caught 'a lock granted while held' "$M" --mutant no-lock --seed 1 --seeds 200
caught 'a conditional set without its condition' "$M" --mutant no-version --seed 1 --seeds 200
