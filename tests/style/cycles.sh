#!/bin/sh
# Cycles: no header includes itself by way of others.
. "$(dirname "$0")/lib.sh"

sources src include | grep '\.h$' >"$STYLE_TMP/files" || skip "no headers"
xargs awk '
/^[ \t]*#[ \t]*include/ && match($0, /["<][^">]*\/[^">]*[">]/) {
	name = substr($0, RSTART + 1, RLENGTH - 2)
	self = FILENAME
	sub(/^(src|include)\//, "", self)
	print self, name
}' <"$STYLE_TMP/files" >"$STYLE_TMP/pairs"
if ! tsort "$STYLE_TMP/pairs" >/dev/null 2>"$STYLE_TMP/out"; then
	echo "headers that include each other:"
	finish "$STYLE_TMP/out"
fi
