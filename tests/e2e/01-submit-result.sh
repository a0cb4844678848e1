#!/bin/sh
# A command is submitted, waited for, shown, and its result printed as it was.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2

step "submit prints the key; the result is the command's output, byte for byte"
is "$(dq submit --key hello -- printf 'a\0b\n' | cat)" hello
exits 0 dq wait hello --timeout 30
dq result hello | od -An -c >"$T/got"
printf 'a\0b\n' | od -An -c >"$T/wanted"
cmp "$T/got" "$T/wanted"

step "a generated key"
key=$(dq submit -- echo generated)
[ -n "$key" ]
is "$(dq result "$key" --timeout 30)" generated

step "state, show, list, status, workers"
is "$(dq state hello)" done
has "$(dq show hello)" done
has "$(dq list)" hello
has "$(dq status)" done
has "$(dq workers)" w1

step "global options before and after the verb"
is "$("$B/dq" state hello --scheduler "$ADDR")" done

step "environment, directory and standard input"
mkdir "$T/here"
is "$(cd "$T/here" && dq submit --key env --env COLOUR=blue -- sh -c 'echo $COLOUR $PWD')" env
is "$(dq result env --timeout 30)" "blue $T/here"
is "$(dq submit --key cwd --cwd "$T/here" -- pwd)" cwd
is "$(dq result cwd --timeout 30)" "$T/here"
echo "from a file" >"$T/input"
is "$(dq submit --key in --stdin "$T/input" -- cat)" in
is "$(dq result in --timeout 30)" "from a file"
is "$(echo piped | dq submit --key in2 --stdin - -- cat)" in2
is "$(dq result in2 --timeout 30)" piped

step "what a command sees of its task"
is "$(dq submit --key seen -- sh -c 'echo $DQ_TASK_KEY $DQ_ATTEMPT $DQ_WORKER')" seen
is "$(dq result seen --timeout 30)" "seen 1 w1"

step "a large result"
is "$(dq submit --key large -- sh -c 'seq 1 200000')" large
is "$(dq result large --timeout 60 | cksum)" "$(seq 1 200000 | cksum)"

step "submit --wait, wait --all"
exits 0 dq submit --wait -- true
exits 1 dq submit --wait -- false
exits 0 dq wait --all --timeout 30

step "wait with a timeout, and for any"
dq submit --key slow -- sleep 60 >/dev/null
exits 3 dq wait slow --timeout 0.2
exits 3 dq result slow --timeout 0.2
exits 0 dq wait slow hello --any --timeout 30
exits 0 dq cancel slow

stop "$WORKER"
stop "$SCHEDULER"
check_store
