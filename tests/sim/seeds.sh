#!/bin/sh
# Seeds that once failed, and must not again.
set -eu
"${DQ_BUILDDIR:-.}/dq-sim" --list "${DQ_SRCDIR:-.}/tests/sim/seeds.txt"
