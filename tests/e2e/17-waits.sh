#!/bin/sh
# Many futures: a wake-up costs what changed, and who does not read is not sent more than it may leave
# unread.
. "$(dirname "$0")/lib.sh"
start_scheduler --log-level debug

step "wake-ups of who waits for few and for many"
few=$("$B/tests/e2e/waits" "$ADDR" wake 1000)
many=$("$B/tests/e2e/waits" "$ADDR" wake 100000)
echo "a wake-up costs $few us of CPU where 1000 tasks are waited for, $many us where 100000 are"
[ "$many" -lt $((few * 5 + 100)) ] || fail "it grows with what waits"

step "300,000 ends of 240 bytes each, more than may be left unread, to one who reads late"
start_worker w1 --slots 2 --isolation thread --module "$B/tests/e2e/.libs/echo.so"
is "$("$B/tests/e2e/waits" "$ADDR" slow 300000)" 300000
! grep -q "too slowly" "$T/scheduler.err" || fail "its connection was closed"
stop "$WORKER"
stop "$SCHEDULER"
check_store
