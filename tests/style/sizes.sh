#!/bin/sh
# Sizes: no file over 700 lines, no function over 80. What is over stands in sizes.allow with its
# size, as `path lines N` or `path function N`. That list may only shrink: an entry that is no
# longer needed is an error, and so is one that was outgrown.
. "$(dirname "$0")/lib.sh"

all_sources >"$STYLE_TMP/files"
xargs awk -v max_lines=700 -v max_function=80 '
function report(what, size, limit,    key)
{
	key = file " " what
	if (key in allowed) {
		if (size > limit)
			used[key] = 1
		limit = size > limit ? allowed[key] : limit
	}
	if (size > limit)
		printf "%s: %s has %d lines, over %d\n", file, what, size, limit
}
function file_end()
{
	if (file != "")
		report("lines", lines, max_lines)
}
FILENAME ~ /sizes.allow$/ {
	if ($0 !~ /^#/ && NF == 3)
		allowed[$1 " " $2] = $3
	next
}
FNR == 1 {
	file_end()
	file = FILENAME
	body = 0
	head = 0
}
{ lines = FNR }
/^[A-Za-z_]/ && !body {
	head = FNR
	name = $0
	sub(/[ \t]*\(.*/, "", name)
	if ($0 ~ /^(START_TEST|END_TEST)/) {
		name = $0
		gsub(/^START_TEST\(|\).*/, "", name)
	}
	sub(/.*[ \t*]/, "", name)
}
/^\{/ { body = 1 }
/^\}/ {
	if (body)
		report(name, FNR - head + 1, max_function)
	body = 0
}
END {
	file_end()
	for (key in allowed)
		if (!(key in used))
			printf "tests/style/sizes.allow: %s: no longer needed, take it out\n", key
}' tests/style/sizes.allow <"$STYLE_TMP/files" >"$STYLE_TMP/out"
finish "$STYLE_TMP/out"
