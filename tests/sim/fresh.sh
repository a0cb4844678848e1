#!/bin/sh
# Fresh seeds for a minute, or for DQ_TEST_SECONDS. The first seed is printed; a failure prints how
# to run it again.
set -eu
"${DQ_BUILDDIR:-.}/dq-sim" --time "${DQ_TEST_SECONDS:-60}"
