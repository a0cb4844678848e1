#!/bin/sh
# dq-inspect: sound stores are found sound, each single fault is named, dump and load give the same records, a live store
# is read beside its owner, and a store whose pages are damaged neither crashes nor hangs it.
set -eu
LC_ALL=C
export LC_ALL
B=${DQ_BUILDDIR:?}
inspect=$B/dq-inspect
make_store=$B/tests/inspect/make-store
T=$(mktemp -d)
server=
trap 'exec 9>&- || :; rm -rf "$T"' EXIT

die() {
	echo "FAIL: $*"
	exit 1
}

# expect CODE NAME COMMAND...: runs it, output in $T/out and $T/err.
expect() {
	want=$1
	name=$2
	shift 2
	code=0
	"$@" >"$T/out" 2>"$T/err" || code=$?
	[ "$code" = "$want" ] || {
		cat "$T/out" "$T/err"
		die "$name: exit $code, not $want"
	}
}

says() {
	grep -qF -- "$1" "$T/out" "$T/err" || {
		cat "$T/out" "$T/err"
		die "does not say: $1"
	}
}

is_json() {
	if command -v python3 >/dev/null; then
		python3 -c 'import json,sys
for line in open(sys.argv[1]): json.loads(line)' "$T/out" || die "$1: not JSON"
	fi
}

commands='summary tasks leases sessions workers users variables locks topics datasets check dump stat graph'

echo "usage"
expect 0 help "$inspect" --help
says "usage: dq-inspect"
expect 0 help-check "$inspect" check --help
says "Every invariant"
expect 0 version "$inspect" --version
expect 2 nothing "$inspect"
expect 2 unknown "$inspect" --state "$T" frobnicate
expect 2 words "$inspect" --state "$T" task
expect 2 option "$inspect" --state "$T" summary --frob
expect 4 absent "$inspect" --state "$T/none" summary
says "there is no store here"
[ ! -e "$T/none" ] || die "an absent directory was made"

echo "a sound store"
"$make_store" "$T/s"
rm "$T/s/lock.mdb"
expect 0 check "$inspect" --state "$T/s" check
grep -q '^ok records=32 tasks=2009 ' "$T/out" || die "check: $(cat "$T/out")"
for c in $commands; do
	expect 0 "$c" "$inspect" --state "$T/s" "$c"
	expect 0 "$c --json" "$inspect" --state "$T/s" "$c" --json
	is_json "$c"
done
[ "$(ls "$T/s" | tr '\n' ' ')" = "data.mdb dq.lock " ] || die "something was made in the directory"
expect 0 summary "$inspect" --state "$T/s" summary --json
says '"waiting":1,"scheduled":0,"ready":2000,"leased":1,"cancelling":0,"done":4,"failed":2,"cancelled":1'
expect 0 tasks "$inspect" --state "$T/s" tasks --state done
[ "$(wc -l <"$T/out")" = 4 ] || die "tasks --state done"
expect 2 tasks "$inspect" --state "$T/s" tasks --state nonsense
for word in b anna/b 1.2 1-2 dq-1-2 4294967298; do
	expect 0 "task $word" "$inspect" --state "$T/s" task "$word" --json
	says '"key":"b","id":"1.2"'
	says '"state":"done"'
	says '"where":["one"]'
	is_json task
done
expect 0 task "$inspect" --state "$T/s" task 'e[3000]' --json
says '"key":"e[3000]","id":"1.3100"'
expect 0 task "$inspect" --state "$T/s" task 1-5
says 'error: no luck'
expect 4 task "$inspect" --state "$T/s" task 'e[2999]'
expect 4 task "$inspect" --state "$T/s" task other/b
expect 0 holds "$inspect" --state "$T/s" holds b
says 'submitter 1'
says 'dependent 1.3'
expect 0 graph "$inspect" --state "$T/s" graph c --dot
[ "$(grep -c -- '->' "$T/out")" = 3 ] || die "graph c"
if command -v dot >/dev/null; then
	dot -Tplain "$T/out" >/dev/null || die "graph: not DOT"
fi

echo "dump and load"
"$inspect" --state "$T/s" dump >"$T/dump"
expect 0 load "$inspect" --state "$T/s2" load "$T/dump"
expect 0 check "$inspect" --state "$T/s2" check
"$inspect" --state "$T/s2" dump >"$T/dump2"
sed 1d "$T/dump" >"$T/a"
sed 1d "$T/dump2" >"$T/b"
cmp "$T/a" "$T/b" || die "dump, load, dump: other records"
id() {
	sed -n '1s/.*"store":"\([0-9a-f]*\)".*/\1/p' "$1"
}
[ -n "$(id "$T/dump")" ] && [ "$(id "$T/dump")" != "$(id "$T/dump2")" ] || die "the loaded store has the old id"
epoch() {
	sed -n '1s/.*"epoch":\([0-9]*\).*/\1/p' "$1"
}
[ "$(epoch "$T/dump2")" -gt "$(epoch "$T/dump")" ] || die "the loaded store's epoch is not above the old one"
expect 6 load "$inspect" --state "$T/s2" load "$T/dump"
head -n 3 "$T/dump" >"$T/short"
echo '{"table":"task","key":"zz","value":""}' >>"$T/short"
expect 2 load "$inspect" --state "$T/s3" load "$T/short"
says "line 4: not a key of its table"
[ ! -e "$T/s3/data.mdb" ] || die "half a store was left"

echo "each fault is named"
"$make_store" --list >"$T/faults"
tab=$(printf '\t')
n=0
while IFS=$tab read -r fault text; do
	rm -rf "$T/f"
	"$make_store" "$T/f" "$fault"
	expect 1 "$fault" "$inspect" --state "$T/f" check
	says "$text"
	grep -q '^ok' "$T/out" && die "$fault: and says ok"
	expect 1 "$fault" "$inspect" --state "$T/f" check --json
	is_json "$fault"
	n=$((n + 1))
done <"$T/faults"
[ "$n" -ge 30 ] || die "only $n faults"

echo "a live store"
mkfifo "$T/in"
"$make_store" --serve "$T/s" <"$T/in" >"$T/served" &
server=$!
exec 9>"$T/in"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	grep -q ready "$T/served" && break
	sleep 0.1
done
expect 0 live "$inspect" --state "$T/s" summary --json
says '"live":true'
expect 0 live "$inspect" --state "$T/s" check
expect 1 second "$make_store" --serve "$T/s"
says "directory in use"
exec 9>&-
wait "$server" || die "the owner of the store failed"

echo "damaged pages"
seeds=${DQ_DAMAGE_SEEDS:-40}
for seed in $(seq 1 "$seeds"); do
	rm -rf "$T/d"
	cp -r "$T/s2" "$T/d"
	"$make_store" --damage "$T/d" "$seed"
	for c in summary check dump stat 'task c'; do
		code=0
		timeout 20 "$inspect" --state "$T/d" $c >"$T/out" 2>"$T/err" || code=$?
		case $code in
		0 | 1 | 4 | 6 | 7) ;;
		*)
			tail -n 3 "$T/out" "$T/err"
			die "seed $seed: $c: exit $code"
			;;
		esac
	done
done

echo "cut short, and no store at all"
rm -rf "$T/d"
cp -r "$T/s2" "$T/d"
truncate -s 20480 "$T/d/data.mdb"
expect 1 short "$inspect" --state "$T/d" check
says "cut short"
expect 7 short "$inspect" --state "$T/d" tasks
says "cut short"
head -c 50000 /dev/urandom >"$T/d/data.mdb"
expect 7 noise "$inspect" --state "$T/d" summary
says "damaged"
echo ok
