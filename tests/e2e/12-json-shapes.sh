#!/bin/sh
# --json: the documented keys, which scripts rely on.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
start_scheduler
start_worker w1 --slots 2

# shape EXPRESSION: python over `d`, the document in $T/json.
shape() {
	python3 -c "
import json, sys
d = json.load(open(sys.argv[1]))
assert $1, d" "$T/json"
}

dq submit --key good --label plain --label team=blue -- echo good >/dev/null
dq submit --key bad -- sh -c 'exit 3' >/dev/null
dq submit --key arr --array 0-3 -- echo '{index}' >/dev/null
dq submit --key late --after good -- cat '{in:good}' >/dev/null
dq wait --all --timeout 30 2>/dev/null || :

step "status"
dq status --json >"$T/json"
shape "isinstance(d['epoch'], int)"
shape "set('waiting scheduled ready stuck leased running cancelling done failed cancelled'.split()) <= set(d['tasks'])"
shape "d['tasks']['done'] == 6 and d['tasks']['failed'] == 1"
shape "all(k in d for k in ('queues', 'variables', 'sessions', 'workers', 'store'))"
shape "set(('name', 'slots', 'running', 'held_bytes', 'state')) <= set(d['workers'][0])"
shape "set(('bytes', 'commits', 'durability', 'oldest_reader_s')) <= set(d['store'])"
shape "d['store']['durability'] == 'strict' and d['workers'][0]['name'] == 'w1'"

step "show"
keys="'key id user kind state why attempts priority labels deps size type where error exit times'"
dq --json show good >"$T/json"
shape "set($keys.split()) <= set(d)"
shape "d['key'] == 'good' and d['kind'] == 'exec' and d['state'] == 'done'"
shape "d['labels'] == {'plain': '', 'team': 'blue'}"
shape "isinstance(d['id'], str) and ' ' not in d['id'] and d['error'] is None and d['exit'] == 0"
shape "d['times']['submitted'] <= d['times']['started'] <= d['times']['finished']"
shape "1.7e9 < d['times']['submitted'] < 1e10 and d['attempts'] == 1 and d['size'] == 5"
dq show bad --json >"$T/json"
shape "d['state'] == 'failed' and d['exit'] == 3"
shape "set(('cause', 'message', 'task', 'signal')) <= set(d['error']) and d['error']['cause'] == 'exit'"
dq show arr --json >"$T/json"
shape "d['tasks']['done'] == 4"
dq show 'arr[2]' --json >"$T/json"
shape "d['state'] == 'done'"

step "list"
dq list --json >"$T/json"
shape "sorted(t['key'] for t in d) == ['arr', 'bad', 'good', 'late']"
shape "all(isinstance(t['id'], str) and isinstance(t['labels'], dict) for t in d)"
dq list --state failed --json >"$T/json"
shape "[t['key'] for t in d] == ['bad']"
dq list --label plain --json >"$T/json"
shape "[t['key'] for t in d] == ['good']"
dq list --limit 2 --json >"$T/json"
shape "len(d) == 2"

step "workers, state, wait, submit, result"
dq workers --json >"$T/json"
shape "d[0]['name'] == 'w1' and d[0]['slots'] == 2"
dq state good bad --json >"$T/json"
shape "d == {'good': 'done', 'bad': 'failed'}"
dq wait good bad --json >"$T/json" 2>/dev/null || :
shape "[w['state'] for w in d] == ['done', 'failed'] and d[1]['error']['cause'] == 'exit'"
dq submit --json --key good2 -- echo x >"$T/json"
shape "d['key'] == 'good2' and isinstance(d['id'], str)"
dq result good --json >"$T/json"
shape "d == {'\$bytes': 'Z29vZAo='}"

step "map: a line an element"
printf 'a\nb\n' | dq map --json -- sh -c 'test {} = a && echo {}' >"$T/lines" 2>/dev/null || :
head -n 1 "$T/lines" >"$T/json"
shape "d['index'] == 0 and d['state'] == 'done' and d['error'] is None"
tail -n 1 "$T/lines" >"$T/json"
shape "d['index'] == 1 and d['state'] == 'failed' and d['error']['cause'] == 'exit'"
