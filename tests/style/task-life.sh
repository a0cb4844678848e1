#!/bin/sh
# The picture of a task's life, doc/task-life.dot, has exactly the moves of the state table: the
# lines X(FROM, TO) of TASK_MOVES in src/model/. Edges from the node "submit" are left out: where a
# task begins is no move.
. "$(dirname "$0")/lib.sh"

dot=doc/task-life.dot
table=$(grep -l '#define TASK_MOVES(' src/model/*.[ch] 2>/dev/null | head -n 1 || :)
[ -e "$dot" ] && [ -n "$table" ] || skip "no task states yet"

awk '
/#define TASK_MOVES\(/ { on = 1 }
on {
	line = $0
	while (match(line, /X\([ \t]*[A-Z_0-9]+[ \t]*,[ \t]*[A-Z_0-9]+/)) {
		move = substr(line, RSTART + 2, RLENGTH - 2)
		gsub(/[ \t]/, "", move)
		split(move, end, ",")
		print end[1] " -> " end[2]
		line = substr(line, RSTART + RLENGTH)
	}
	if ($0 !~ /\\$/)
		exit
}' "$table" | sort -u >"$STYLE_TMP/table"
[ -s "$STYLE_TMP/table" ] || { echo "$table: no moves found in TASK_MOVES"; exit 1; }

sed 's|//.*||; s|/\*.*\*/||; s/\[.*//; s/"//g' "$dot" | awk '
/->/ {
	gsub(/[ \t;]/, "")
	n = split($0, node, "->")
	for (i = 1; i < n; i++)
		if (node[i] != "submit")
			print toupper(node[i] " -> " node[i + 1])
}' | sort -u >"$STYLE_TMP/drawn"

{
	comm -23 "$STYLE_TMP/drawn" "$STYLE_TMP/table" | sed "s|^|drawn in $dot, not in $table: |"
	comm -13 "$STYLE_TMP/drawn" "$STYLE_TMP/table" | sed "s|^|in $table, not drawn in $dot: |"
} >"$STYLE_TMP/out"
finish "$STYLE_TMP/out"
