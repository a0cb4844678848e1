#!/bin/sh
# Functions: JSON arguments, futures among them, results as JSON, in threads and in processes.
. "$(dirname "$0")/lib.sh"
start_scheduler

for isolation in thread process; do
	start_worker "$isolation" --slots 2 --isolation "$isolation" --module "$B/dq-bench-module.so"

	step "$isolation: an argument, a future, a chain"
	is "$(dq call --key "$isolation-a" inc 41)" "$isolation-a"
	is "$(dq result "$isolation-a" --timeout 30)" 42
	is "$(dq call --key "$isolation-b" inc "@$isolation-a")" "$isolation-b"
	is "$(dq call --key "$isolation-c" inc "{\"\$key\":\"$isolation-b\"}")" "$isolation-c"
	is "$(dq result "$isolation-c" --timeout 30)" 44
	is "$(dq result "$isolation-c" --json)" 44

	step "$isolation: no value is null; the raw bytes"
	is "$(dq call --key "$isolation-n" noop 1 '"two"' '[3,{"four":null}]' -5)" "$isolation-n"
	is "$(dq result "$isolation-n" --timeout 30)" null
	is "$(dq result "$isolation-a" --raw | od -An -tx1 | tr -d ' \n')" cf000000000000002a

	step "$isolation: its own error, and no such function"
	dq call --key "$isolation-e" inc '"text"' >/dev/null
	exits 1 dq result "$isolation-e" --timeout 30
	has "$(cat "$T/errors")" "wants one integer"
	exits 1 dq call --wait --key "$isolation-x" nothing
	has "$(cat "$T/errors")" nothing

	step "$isolation: an array, its elements as JSON lines"
	is "$(dq call --key "$isolation-r" --array 5-8 inc '{index}')" "$isolation-r"
	is "$(dq result "$isolation-r" --timeout 30 | tr '\n' ' ')" "6 7 8 9 "
	is "$(dq call --key "$isolation-o" inc "@$isolation-r[7]")" "$isolation-o"
	is "$(dq result "$isolation-o" --timeout 30)" 9
	stop "$WORKER"
done

stop "$SCHEDULER"
check_store
