#!/bin/sh
# Arrays: numbers, lines, their elements and results in order.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "map: a line each, results in input order"
is "$(seq 1 20 | dq map -- sh -c 'sleep 0.0$((21 - {})); echo {}' | tr '\n' ' ')" \
	"$(seq 1 20 | tr '\n' ' ')"
is "$(printf '%s\n' 'a b' '$HOME' '"q"' "it's" '' 'last' | dq map -- printf '[%s]' '{}')" \
	"[a b][\$HOME][\"q\"][it's][][last]"
is "$(printf 'no newline' | dq map -- echo '{} {index}')" "no newline 0"

step "map of nothing is nothing"
is "$(dq map -- echo '{}' </dev/null)" ""

step "a failed element: the others are printed, exit 1"
seq 1 4 >"$T/lines"
map_lines() { dq map -- sh -c 'test {} != 2 && echo {}' <"$T/lines"; }
exits 1 map_lines
is "$(tr '\n' ' ' <"$T/out")" "1 3 4 "
one_error_line

step "an array of numbers"
is "$(dq submit --key squares --array 0-9 -- sh -c 'echo $(({index} * {index})) $DQ_INDEX')" squares
exits 0 dq wait squares --timeout 30
is "$(dq result squares | tr '\n' ,)" "0 0,1 1,4 2,9 3,16 4,25 5,36 6,49 7,64 8,81 9,"
is "$(dq result 'squares[3]')" "9 3"
is "$(dq state 'squares[3]')" done
is "$(dq state squares)" done

step "numbers that do not begin at 0"
is "$(dq submit --key shifted --array 5-7 -- sh -c 'echo {index} {} $DQ_INDEX')" shifted
is "$(dq result shifted --timeout 30 | tr '\n' ,)" "5 5 5,6 6 6,7 7 7,"
is "$(dq result 'shifted[5]')" "5 5 5"
is "$(dq result 'shifted[7]')" "7 7 7"
exits 4 dq result 'shifted[0]'
exits 4 dq result 'shifted[8]'
has "$(dq show 'shifted[6]')" 'shifted[6]'
has "$(dq show shifted --json)" '"count":3,"first_index":5'
has "$(dq list --state done)" 'shifted[7]'
is "$(dq submit --key after-shifted --after shifted --after 'shifted[6]' -- cat '{in:shifted[7]}')" after-shifted
is "$(dq result after-shifted --timeout 30)" "7 7 7"
has "$(dq show after-shifted --json)" '"deps":["shifted[7]","shifted[5]","shifted[6]"]'
dq submit --key bad --array 3-4 -- sh -c 'test {index} = 3' >/dev/null
exits 1 dq result bad --timeout 30
has "$(cat "$T/errors")" 'bad[4]'
exits 6 dq submit --key bad --array 4-5 -- sh -c 'test {index} = 3'
exits 2 dq submit --array 4294967295-4294967295 -- true

step "an array of the lines of a file"
printf 'x\ny\nz' >"$T/lines"
is "$(dq submit --key lined --each-line "$T/lines" -- echo 'got {}')" lined
is "$(dq result lined --timeout 30 | tr '\n' ,)" "got x,got y,got z,"

step "an element as a dependency, and an array as one"
dq submit --key one -- cat '{in:lined[1]}' >/dev/null
is "$(dq result one --timeout 30)" "got y"
dq submit --key after-all --after squares --after lined -- echo all >/dev/null
is "$(dq result after-all --timeout 30)" all

step "a larger one"
is "$(dq submit --key many --array 0-299 -- sh -c 'echo {index}')" many
is "$(dq result many --timeout 100 | cksum)" "$(seq 0 299 | cksum)"

step "at most N at a time"
cat >"$T/most.sh" <<'EOT'
echo x >>"$T/at-once"
n=$(wc -l <"$T/at-once")
sleep 0.05
sed -i 1d "$T/at-once"
echo "$n"
EOT
: >"$T/at-once"
is "$(dq submit --key few --array '0-7%1' --env "T=$T" -- sh "$T/most.sh")" few
is "$(dq result few --timeout 30 | sort -u)" 1
exits 2 dq submit --array '0-7%0' -- true

stop "$WORKER"
stop "$SCHEDULER"
check_store
has "$("$B/dq-inspect" --state "$STATE" task 'shifted[6]')" 'shifted[6]'
exits 4 "$B/dq-inspect" --state "$STATE" task 'shifted[1]'
