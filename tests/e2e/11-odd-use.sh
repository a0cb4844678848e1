#!/bin/sh
# Odd ways to be called: closed descriptors, pipes that are slow, bytes that are no text.
. "$(dirname "$0")/lib.sh"

start_scheduler
start_worker w1 --slots 1

step "closed descriptors: nothing that is opened takes their place"
is "$(dq submit --key quiet -- true 2>&- <&-)" quiet
rc=0
dq submit --key mute -- true >&- 2>"$T/errors" || rc=$?
is "$rc" 7
has "$(cat "$T/errors")" "standard output: Bad file descriptor"
dq wait quiet mute
rc=0
"$B/dq-inspect" --state "$STATE" summary >&- 2>"$T/errors" || rc=$?
is "$rc" 7
for i in 1 2 3; do
	"$B/dq" --local="$T/local" submit --key "m$i" -- echo "$i" >&- 2>&- || :
	is "$("$B/dq" --local="$T/local" result "m$i")" "$i"
done
"$B/dq-scheduler" --state "$T/closed" --listen "unix:$T/closed.sock" <&- >&- 2>&- &
PIDS="$PIDS $!"
exits 0 timeout 20 "$B/dq" --scheduler "unix:$T/closed.sock" var set v 1
kill_hard $!
exits 0 "$B/dq-inspect" --state "$T/closed" check

step "lines are put as they come"
mkfifo "$T/pipe"
dq queue put slow <"$T/pipe" &
put=$!
exec 9>"$T/pipe"
printf 'one\ntw' >&9
is "$(dq queue get slow --timeout 20)" '"one"'
printf 'o\n\nlast' >&9
exec 9>&-
wait $put
is "$(dq queue get slow --count 3 --timeout 20 | tr '\n' ' ')" '"two" "" "last" '

step "what cannot be printed takes no more of the queue"
seq 5000 | dq queue put many
exits 7 sh -c "'$B/dq' --scheduler '$ADDR' queue get many --count 5000 --timeout 20 >/dev/full"
[ "$(dq queue len many)" -ge 3900 ]

step "what is no text is no string"
printf 'a\nb\377\n' >"$T/bad"
exits 2 dq queue put text <"$T/bad"
one_error_line
has "$(cat "$T/errors")" "line 2 is not UTF-8"
is "$(dq queue get text --timeout 5)" '"a"'
dq queue put text --raw <"$T/bad"
is "$(dq queue get text)" '{"$bytes":"YQpi/wo="}'

# says CODE TEXT ARG...
says() {
	code=$1
	text=$2
	shift 2
	exits "$code" dq "$@"
	is "$(cat "$T/errors")" "dq: $text"
}
step "errors name what they are about, once"
says 4 'queue put: nobody: there is no such task to hold' queue put q @nobody
says 4 'var set: nobody: there is no such task to hold' var set v @nobody
says 7 "queue get: you/q: the namespace is another user's" queue get you/q
says 7 "var get: you/v: the namespace is another user's" var get you/v
says 7 "var set: the namespace is another user's: you/v" var set you/v 1
says 2 'submit: key: is empty' submit --key '' -- true
says 2 'submit: label: is empty' submit --label '' -- true

step "a holder that is killed takes its command along"
"$B/dq" --scheduler "$ADDR" lock last --lease 1 -- sh -c 'echo $$ >"$1"; exec sleep 60' sh "$T/pid" &
until_true 20 test -s "$T/pid"
kill_hard $!
until_true 10 not_there "$(cat "$T/pid")"
is "$(dq lock last -- echo mine)" mine
exits 127 dq lock last -- "$T/no-program"
exits 126 dq lock last -- "$T/pid"

step "run says what ended a command that did not end by itself"
exits 143 dq run --key slow --timeout 0.2 -- sleep 60
is "$(cat "$T/errors")" "dq: run: slow: failed: it ran for longer than its timeout, 0.2 s"
exits 137 dq run -- sh -c 'kill -KILL $$'
is "$(cat "$T/errors")" ""

step "a damaged page is named, or stands aside: no signal ends the scheduler"
stop "$WORKER"
stop "$SCHEDULER"
for page in 4 5 6 7 8 9 10 11 12 13; do
	rm -rf "$T/damaged"
	mkdir -m 700 "$T/damaged"
	cp "$STATE/data.mdb" "$T/damaged/"
	tr '\0' '\377' </dev/zero | head -c 4096 |
		dd of="$T/damaged/data.mdb" bs=4096 seek="$page" conv=notrunc 2>/dev/null
	rc=0
	timeout 0.3 "$B/dq-scheduler" --state "$T/damaged" --listen "unix:$T/damaged.sock" \
		--log-level error >"$T/out" 2>"$T/errors" || rc=$?
	case $rc in
	7) one_error_line ;;
	124) ;; # it serves
	*) fail "page $page: exit $rc: $(cat "$T/errors")" ;;
	esac
done
