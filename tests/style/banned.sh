#!/bin/sh
# Banned: functions that overrun or hide errors, struct typedefs, and notes of unfinished work.
. "$(dirname "$0")/lib.sh"

all_sources >"$STYLE_TMP/files"
cat tests/style/strip.awk - >"$STYLE_TMP/banned.awk" <<'AWK'
function complain(what)
{
	printf "%s:%d: %s\n", FILENAME, FNR, what
}
match(" " code, /[^A-Za-z0-9_](strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|strtok|strtok_r|atoi|atol|atoll|atof|alloca|tmpnam|mktemp|bcopy|bzero)[ \t]*\(/) {
	complain("banned function: " substr(" " code, RSTART + 1, RLENGTH - 2))
}
code ~ /(^|[^A-Za-z0-9_])typedef[ \t]+(struct|union|enum)[ \t]*[A-Za-z0-9_]*[ \t]*(\{|[A-Za-z_][A-Za-z0-9_]*[ \t]*;)/ {
	complain("structs are named `struct thing`, without a typedef")
}
/(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)/ { complain("a note of unfinished work") }
/[ \t]$/ { complain("space at the end of the line") }
AWK
xargs awk -f "$STYLE_TMP/banned.awk" <"$STYLE_TMP/files" >"$STYLE_TMP/out"
finish "$STYLE_TMP/out"
