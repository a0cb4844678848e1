#!/bin/sh
# Acknowledged, and at once scheduler, worker and client are killed: the tasks are there afterwards.
# DQ_ACCEPT_N rounds (20; 200 with DQ_ACCEPT).
. "$(dirname "$0")/../e2e/lib.sh"
rounds=20
[ -z "${DQ_ACCEPT:-}" ] || rounds=200
mkdir "$T/a"
"$B/tests/accept/acked" "$B" "$T/a" "${DQ_ACCEPT_N:-$rounds}" || fail "$(tail -n 20 "$T/a"/*.err)"
STATE=$T/a/state
check_store
cat "$T/out"
