#!/bin/sh
# Results that the scheduler stores: there when their worker is gone for good, when the scheduler was
# killed, and gone when they are forgotten; what is too large fails and says so.
. "$(dirname "$0")/lib.sh"
start_scheduler --value-limit 3M
start_worker w1 --slots 2

files() {
	ls "$STATE/values" 2>/dev/null | wc -l
}
no_files() {
	[ "$(files)" = 0 ]
}

step "a policy that is none"
exits 2 dq submit --policy nowhere -- true
one_error_line
exits 2 dq submit --replicas 2 -- true

step "stored"
is "$(dq submit --policy store --key big -- seq 300000)" big
exits 0 dq wait big --timeout 60
is "$(dq submit --policy store --key small -- echo small)" small
exits 0 dq wait small --timeout 60
is "$(dq submit --key held -- seq 10000)" held
exits 0 dq wait held --timeout 60
is "$(files)" 1
has "$(dq show --json big)" '"stored":true'
has "$(dq show --json held)" '"stored":false'

step "its worker is gone for good"
kill_hard "$WORKER"
rm -rf "$T/w1"
seq 300000 >"$T/expected"
dq result big >"$T/big"
cmp "$T/big" "$T/expected"
is "$(dq result small)" small

step "as an input elsewhere, and over the scheduler's end"
start_worker w2 --slots 2
is "$(dq run -- wc -l '{in:big}' | cut -d' ' -f1)" 300000
kill_hard "$SCHEDULER"
echo stray >"$STATE/values/99.0"
echo part >"$STATE/values/1.part"
start_scheduler --value-limit 3M
is "$(files)" 1
dq result big >"$T/big"
cmp "$T/big" "$T/expected"
is "$(dq run -- tail -n 1 '{in:big}')" 300000

step "a file that is damaged, or gone: the value is lost, and may be made again"
is "$(dq submit --policy store --recompute --key odd -- seq 20000)" odd
exits 0 dq wait odd --timeout 60
f=$(ls -t "$STATE/values" | head -n 1)
tr 1 2 <"$STATE/values/$f" >"$T/other"
cat "$T/other" >"$STATE/values/$f"
is "$(dq result odd | tail -n 1)" 20000
kill_hard "$SCHEDULER"
rm "$STATE/values"/*.1
start_scheduler --value-limit 3M
is "$(dq result odd | tail -n 1)" 20000
is "$(dq result big | tail -n 1)" 300000
exits 0 dq forget odd

step "too large"
is "$(dq submit --policy store --key huge --retries 3 -- head -c 4000000 /dev/zero)" huge
exits 1 dq wait huge --timeout 60
has "$(dq show huge)" "stores at most 3145728"
is "$(files)" 1

step "an array, and the end of it all"
is "$(dq submit --policy store --key many --array 1-20 -- seq '{index}' 5000)" many
exits 0 dq wait many --timeout 60
is "$(dq result 'many[7]' | wc -l)" 4994
is "$(files)" 21
stop "$WORKER"
stop "$SCHEDULER"
check_store
has "$("$B/dq-inspect" --state "$STATE" task big)" ", stored"
f=$STATE/values/$(ls "$STATE/values" | head -n 1)
mv "$f" "$T/kept"
exits 1 "$B/dq-inspect" --state "$STATE" check
has "$(cat "$T/out")" "stored value is missing"
tr 0 1 <"$T/kept" >"$f"
exits 1 "$B/dq-inspect" --state "$STATE" check
has "$(cat "$T/out")" "has other bytes"
mv -f "$T/kept" "$f"
start_scheduler --value-limit 3M
exits 0 dq forget big many
until_true 30 no_files
stop "$SCHEDULER"
check_store
