#!/bin/sh
# Floors: who includes whom, by tests/style/floors.txt; libuv only in loop/, LMDB only in store/.
. "$(dirname "$0")/lib.sh"

sources src tools tests/unit >"$STYLE_TMP/files"
xargs awk '
FILENAME ~ /floors.txt$/ {
	if ($1 == "tool") {
		limited[$2] = 1
		for (i = 3; i <= NF; i++)
			may[$2, $i] = 1
	} else if (NF == 2) {
		floor[$1] = $2
	}
	next
}
FNR == 1 {
	n = split(FILENAME, part, "/")
	top = part[1]
	folder = top == "tests" ? part[3] : part[2]
	if (top != "tools" && n > (top == "tests" ? 3 : 2) && !(folder in floor))
		complain("folder " folder " has no floor in tests/style/floors.txt")
}
function complain(what)
{
	printf "%s:%d: %s\n", FILENAME, FNR, what
}
!/^[ \t]*#[ \t]*include/ { next }
{
	match($0, /["<][^">]*[">]/)
	quoted = substr($0, RSTART, 1) == "\""
	name = substr($0, RSTART + 1, RLENGTH - 2)
}
name == "uv.h" && FILENAME !~ /^(src|tests\/unit)\/loop\// { complain("only loop/ includes uv.h") }
name == "lmdb.h" && FILENAME !~ /^(src|tests\/unit)\/store\// {
	complain("only store/ includes lmdb.h")
}
!quoted || name == "config.h" { next }
{
	slash = index(name, "/")
	to = slash ? substr(name, 1, slash - 1) : ""
}
top == "src" && !slash { complain("\"" name "\" must be named with its folder") }
!(to in floor) {
	if (top == "src" && slash)
		complain("src/ may not include " name)
	next
}
top == "tools" {
	if (limited[folder] && !((folder, to) in may))
		complain("tools/" folder " may not include " name)
	next
}
n == 2 { complain("a file in no folder may not include " name) }
to != folder && floor[to] >= floor[folder] {
	complain(folder " (floor " floor[folder] ") may not include " name " (floor " floor[to] ")")
}
' tests/style/floors.txt <"$STYLE_TMP/files" >"$STYLE_TMP/out"
finish "$STYLE_TMP/out"
