#!/bin/sh
# dq graph: tasks of a file, in any order, seen whole or not at all; what is wrong in a file is named with its line, and
# leaves nothing behind. 100,000 tasks in parts.
. "$(dirname "$0")/lib.sh"
start_scheduler
start_worker w1 --slots 2 --module "$B/dq-bench-module.so"

tasks() {
	dq status --json | grep -o '"tasks":{[^}]*}' | grep -o ':[0-9]*' | cut -d: -f2 | awk '{ s += $1 } END { print s }'
}

step "lines, in any order"
cat >"$T/lines.json" <<'END'
{"key":"sum","argv":["sh","-c","cat {in:a} {in:b}; echo $V"],"env":{"V":"7"},"label":["x","kind=last"]}

{"key":"b","argv":["sh","-c","echo b"],"after":["a"],"priority":2,"retries":1}
{"key":"a","argv":["echo","a"],"after":"live"}
{"argv":["true"],"label":"unnamed"}
END
dq submit --key live -- true >/dev/null
exits 0 dq graph --wait "$T/lines.json"
is "$(head -n 3 "$T/out" | tr '\n' ' ')" "sum b a "
has "$(sed -n 4p "$T/out")" dq-
is "$(dq result sum | tr '\n' ' ')" "a b 7 "
is "$(dq list --label kind=last | tail -n 1 | cut -d' ' -f1)" sum
has "$(dq graph --json "$T/lines.json" | head -n 1)" '{"key":"sum","id":"'

step "functions, an array, a document"
cat >"$T/document.json" <<'END'
{"tasks": [
	{"key": "total", "function": "inc", "args": ["@row[7]"], "after": "row"},
	{"key": "row", "function": "inc", "args": ["{index}"], "array": "5-8%2"},
	{"key": "deep", "function": "noop", "args": [{"of": [{"$key": "total"}]}, "@@literal", 1.5]}
]}
END
is "$(dq graph "$T/document.json" | tr '\n' ' ')" "total row deep "
is "$(dq result total --timeout 30)" 9
is "$(dq result row --timeout 30 | tr '\n' ' ')" "6 7 8 9 "
exits 0 dq wait deep
is "$(printf '[{"key":"total","function":"inc","args":["@row[7]"],"after":["row"]}]' | dq graph -)" total
: >"$T/empty"
is "$(dq graph "$T/empty")" ""

step "one that fails"
exits 1 dq graph --wait - <<'END'
{"key":"bad","argv":["false"]}
{"key":"after-bad","argv":["true"],"after":"bad"}
END
has "$(cat "$T/errors")" "exit status 1"
is "$(dq state after-bad)" failed

step "what is wrong is named, and leaves nothing"
before=$(tasks)
# wrong CODE TEXT: the file on stdin
wrong() {
	cat >"$T/wrong.json"
	exits "$1" dq graph "$T/wrong.json"
	one_error_line
	has "$(cat "$T/errors")" "$2"
	is "$(wc -c <"$T/out")" 0
	is "$(tasks)" "$before"
}
wrong 2 "wrong.json: line 2: a cycle: p -> r -> q -> p" <<'END'
{"key":"fine","argv":["true"]}
{"key":"p","argv":["cat","{in:r}"]}
{"key":"q","argv":["true"],"after":["p"]}
{"key":"r","function":"noop","args":[["x",{"$key":"q"}]]}
END
wrong 2 "line 1: a cycle: me -> me" <<'END'
{"key":"me","argv":["true"],"after":"me"}
END
wrong 4 "line 2: nowhere: no such task" <<'END'
{"key":"n1","argv":["true"]}
{"key":"n2","argv":["true"],"after":["n1","nowhere"]}
END
wrong 2 'line 3: the key "twice" is that of line 1' <<'END'
{"key":"twice","argv":["true"]}

{"key":"twice","argv":["true"]}
END
wrong 6 "another task has the key: a" <<'END'
{"key":"new","argv":["true"]}
{"key":"a","argv":["echo","another"]}
END
wrong 2 "line 2: not JSON" <<'END'
{"key":"n1","argv":["true"]}
{"key":"n2","argv":["true"],}
END
wrong 2 "line 1: not JSON: a value that does not end" <<'END'
[{"key":"n1","argv":["true"]}, {"key":"n2"
END
wrong 2 "line 2: unknown option: colour" <<'END'
{"key":"n1","argv":["true"]}
{"key":"n2","argv":["true"],"colour":"red"}
END
wrong 2 "line 1: --priority: not a number: high" <<'END'
{"key":"n1","argv":["true"],"priority":"high"}
END
wrong 2 "line 1: runner: " <<'END'
{"key":"n1","runner":"py","function":"f"}
END
wrong 2 "line 1: a task has either argv or function" <<'END'
{"key":"n1"}
END
wrong 2 "line 1: unknown option: env" <<'END'
{"key":"n1","function":"noop","env":{"A":"b"}}
END
wrong 2 "line 1: key: must be" <<'END'
{"key":"n[1]","argv":["true"]}
END
exits 2 dq graph
exits 2 dq graph "$T/no-such-file"
exits 2 dq graph "$T/lines.json" "$T/lines.json"

step "100,000 tasks"
N=100000
awk -v n="$N" 'BEGIN {
	for (i = n - 1; i >= 0; i--)
		printf "{\"key\":\"t%d\",\"function\":\"noop\",\"after\":\"%s\"}\n", i, i ? "t" int((i - 1) / 2) : "a"
}' >"$T/many.json"
dq graph "$T/many.json" >"$T/keys"
is "$(wc -l <"$T/keys")" "$N"
is "$(head -n 1 "$T/keys") $(tail -n 1 "$T/keys")" "t$((N - 1)) t0"
exits 0 dq wait --all
is "$(dq state "t$((N - 1))")" done
is "$(dq status --json | grep -o '"failed":[0-9]*' | cut -d: -f2)" 2

step "one of very many is wrong: none is there"
before=$(tasks)
{
	sed 's/"t/"u/g; s/"after":"a"/"after":"b"/' "$T/many.json"
	echo '{"key":"a","argv":["echo","another"]}'
} >"$T/wrong.json"
exits 6 dq graph "$T/wrong.json"
one_error_line
has "$(cat "$T/errors")" "another task has the key: a"
is "$(tasks)" "$before"
gone() {
	"$B/dq-inspect" --state "$STATE" stat --json | grep -q '"stage":{"records":0'
}
until_true 20 gone

stop "$WORKER"
stop "$SCHEDULER"
check_store

step "inside the command"
ADDR=unix:$T/none
is "$(printf '{"key":"l","argv":["echo","here"]}' | "$B/dq" --local="$T/local" graph --wait -)" l
is "$("$B/dq" --local="$T/local" result l --timeout 30)" here
