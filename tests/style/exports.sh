#!/bin/sh
# Exports: libdq.so shows names that start with dq_, each declared in a public header, and every
# function that a public header declares.
. "$(dirname "$0")/lib.sh"

lib=$BUILDDIR/.libs/libdq.so
[ -e "$lib" ] || skip "libdq is not built as a shared library here"
nm -D --defined-only "$lib" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u >"$STYLE_TMP/shown"

cat tests/style/strip.awk - >"$STYLE_TMP/declared.awk" <<'AWK'
code ~ /^[ \t#]/ || code ~ /typedef|static/ { next }
match(code, /(^|[ \t*])dq_[a-z0-9_]+\(/) {
	name = substr(code, RSTART, RLENGTH - 1)
	sub(/^[ \t*]*/, "", name)
	print name
}
AWK
sources include | xargs awk -f "$STYLE_TMP/declared.awk" | sort -u >"$STYLE_TMP/declared"

{
	grep -v '^dq_' "$STYLE_TMP/shown" | sed 's/^/libdq.so shows a foreign name: /' || :
	grep '^dq_' "$STYLE_TMP/shown" | comm -23 - "$STYLE_TMP/declared" |
		sed 's/^/libdq.so shows a name that no public header declares: /'
	comm -13 "$STYLE_TMP/shown" "$STYLE_TMP/declared" |
		sed 's/^/declared in include\/dq\/ and not in libdq.so: /'
} >"$STYLE_TMP/out"
finish "$STYLE_TMP/out"
