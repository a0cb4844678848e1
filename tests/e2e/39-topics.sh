#!/bin/sh
# Topics: publish, read from a cursor, follow, bounds; no entry is lost or seen twice by a reader
# that goes on from its cursor, over killed schedulers.
. "$(dirname "$0")/lib.sh"
start_scheduler

step "publish and read"
one=$(dq topic publish news '"one"')
two=$(dq topic publish news '{"n": 2}')
is "$(dq topic publish news 3 --json)" "{\"cursor\":$((two + 1))}"
is "$(dq topic read news)" "$one \"one\"
$two {\"n\":2}
$((two + 1)) 3"
is "$(dq topic read news --from "$one")" "$two {\"n\":2}
$((two + 1)) 3"
is "$(dq topic read news --from "$((two + 1))")" ""
has "$(dq topic read news --json | head -n 1)" "{\"cursor\":$one,\"published\":"
has "$(dq topic list)" "news"
has "$(dq topic list --json)" '"entries":3'

step "what is refused"
exits 4 dq topic read other
one_error_line
exits 4 dq topic read news --from "$((two + 2))"
one_error_line
exits 7 dq topic publish somebody/news 1
for words in "topic" "topic publish" "topic publish x" "topic publish x hello" "topic publish x @a" \
	"topic read" "topic read x --from y" "topic list x" "topic put x 1" "topic delete" \
	"topic create x --max-age -1"; do
	# shellcheck disable=SC2086
	exits 2 dq $words
	one_error_line
done
exits 4 dq topic delete other
exits 0 dq topic read --help

step "a bound, and a cursor that is too old"
dq topic create few --max-entries 3
for i in 1 2 3 4 5; do last=$(dq topic publish few "$i"); done
is "$(dq topic read few | cut -d ' ' -f 2 | tr '\n' ' ')" "3 4 5 "
exits 4 dq topic read few --from "$((last - 4))"
has "$(cat "$T/errors")" "go on from $((last - 3))"
one_error_line
is "$(dq topic read few --from "$((last - 3))" | wc -l | tr -d ' ')" 3
dq topic create old --max-age 0.5
dq topic publish old 1 >/dev/null
until_true 10 sh -c "[ -z \"\$('$B/dq' --scheduler '$ADDR' topic read old)\" ]"

step "follow, over killed schedulers"
dq topic read feed --follow >"$T/feed.out" 2>"$T/feed.err" &
FOLLOW=$!
PIDS="$PIDS $FOLLOW"
"$B/tests/e2e/shared" "$ADDR" feed feed "${DQ_FEED_SECONDS:-6}" >"$T/fed" 2>"$T/fed.err" &
FEED=$!
PIDS="$PIDS $FEED"
kills=0
while kill -0 "$FEED" 2>/dev/null && [ "$kills" -lt 12 ]; do
	sleep 0.7
	kill_hard "$SCHEDULER"
	start_scheduler
	kills=$((kills + 1))
done
wait "$FEED" || fail "feed: exit $?"
fed=$(cat "$T/fed")
[ "$fed" -gt 100 ] || fail "only $fed entries"
until_true 10 sh -c "[ \$(wc -l <'$T/feed.out') = $fed ]"
cut -d ' ' -f 2 "$T/feed.out" >"$T/seen"
seq "$fed" | cmp - "$T/seen" || fail "entries are missing, doubled, or out of order"
dq topic read feed | cmp - "$T/feed.out" || fail "a read is not what was followed"
echo "$fed entries, $kills kills"
kill_hard "$FOLLOW"

step "deleted, and made again"
end=$(tail -n 1 "$T/feed.out" | cut -d ' ' -f 1)
dq topic delete feed
exits 4 dq topic read feed
again=$(dq topic publish feed '"again"')
[ "$again" -gt "$end" ] || fail "cursor $again after $end"
is "$(dq topic read feed)" "$again \"again\""
kill_hard "$SCHEDULER"
start_scheduler
is "$(dq topic read feed)" "$again \"again\""
is "$(dq topic publish feed 2)" "$((again + 1))"
"$B/dq-inspect" --state "$STATE" topics | grep -q '/feed 2 entries' || fail "dq-inspect topics"

stop "$SCHEDULER"
check_store
