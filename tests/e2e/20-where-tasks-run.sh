#!/bin/sh
# Where tasks run: what is stuck and why, amounts and fractions of them, priorities, restrictions.
. "$(dirname "$0")/lib.sh"
start_scheduler

field() {
	dq show "$1" | sed -n "s/^$2 *//p"
}

step "nobody is here"
dq submit --key big --resource gpus=2 -- true >"$T/out"
is "$(dq state big)" stuck
is "$(field big why)" "no worker is here"

step "who is here has too little, another name, another host, other labels"
start_worker w1 --slots 8 --resource gpus=1 --resource disk=1.5G --label zone=a
is "$(field big why)" "no worker here has gpus=2 (the most is 1)"
dq submit --key named --worker w2 -- true >"$T/out"
is "$(field named why)" "no worker here is named w2"
dq submit --key placed --host elsewhere -- true >"$T/out"
is "$(field placed why)" "no worker here is on host elsewhere"
dq submit --key labelled --worker-label zone=b -- true >"$T/out"
is "$(field labelled why)" "no worker here has the label zone=b"
dq submit --key wish --worker w2 --allow-other -- true >"$T/out"
exits 0 dq wait wish --timeout 30

step "stuck in every view"
is "$(dq state big named placed labelled | sort -u)" stuck
is "$(dq list --state stuck --json | tr -d '\n' | grep -o '"stuck"' | wc -l)" 4
is "$(dq list --state ready --json)" "[]"
has "$(dq status)" "4 stuck"
has "$(dq status --json)" '"ready":0,"stuck":4'
has "$(dq show big --json)" '"why":"no worker here has gpus=2 (the most is 1)"'
has "$(dq workers --json)" '"resources":{"gpus":1,"disk":1610612736,"cpus":8,'
has "$(dq workers)" "zone=a"

step "one that fits comes"
start_worker w2 --slots 2 --resource gpus=2 --label zone=b
exits 0 dq wait big named labelled --timeout 30
is "$(dq state placed)" stuck
exits 0 dq cancel placed
stop "$WORKER"

step "half a GPU each: two at a time"
printf 'echo 1 >>"$T/running"\nsleep 0.2\necho -1 >>"$T/running"\n' >"$T/count.sh"
most() {
	awk '{ n += $1; if (n > m) m = n } END { print m + 0 }' "$T/running"
}
: >"$T/running"
dq submit --key halves --array 0-3 --resource gpus=0.5 --env "T=$T" -- sh "$T/count.sh" >"$T/out"
exits 0 dq wait halves --timeout 30
is "$(most)" 2

step "four cpus of eight each"
: >"$T/running"
dq submit --key quads --array 0-3 --resource cpus=4 --env "T=$T" -- sh "$T/count.sh" >"$T/out"
exits 0 dq wait quads --timeout 30
is "$(most)" 2

step "the higher priority first"
dq submit --key hog --resource cpus=8 -- sh -c "until [ -e $T/go ]; do sleep 0.05; done" >"$T/out"
for p in 1 3 -1 2; do
	dq submit --key "p$p" --priority "$p" --resource cpus=8 -- sh -c "echo $p >>$T/order" >"$T/out"
done
is "$(field p3 priority)" 3
is "$(field p3 why)" "waits for cpus=8 to be free at a worker"
: >"$T/go"
exits 0 dq wait --all --timeout 30
is "$(tr '\n' ' ' <"$T/order")" "3 2 1 -1 "

step "words that are no offer"
exits 2 "$B/dq-worker" --scheduler "$ADDR" --resource gpus
exits 2 "$B/dq-worker" --scheduler "$ADDR" --resource gpus=1.23456
exits 2 "$B/dq-worker" --scheduler "$ADDR" --resource gpus=1 --resource gpus=2
exits 2 "$B/dq-worker" --scheduler "$ADDR" --label zone
exits 2 "$B/dq-worker" --scheduler "$ADDR" --users a,,b

stop "$SCHEDULER"
check_store
