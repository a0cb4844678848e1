#!/bin/sh
# Format: clang-format finds nothing to change. Versions differ in what they like; ours is 14, that
# of Debian 12.
. "$(dirname "$0")/lib.sh"

clang_format=
for name in clang-format-14 clang-format; do
	if command -v $name >/dev/null && $name --version | grep -q 'version 14\.'; then
		clang_format=$name
		break
	fi
done
[ -n "$clang_format" ] || skip "clang-format 14 is not installed"
all_sources >"$STYLE_TMP/files"
if ! xargs "$clang_format" --dry-run -Werror <"$STYLE_TMP/files" >"$STYLE_TMP/out" 2>&1; then
	grep ': error:' "$STYLE_TMP/out" | sort -t: -k1,1 -u
	echo "$(grep -c ': error:' "$STYLE_TMP/out") places; to repair: clang-format -i FILE"
	exit 1
fi
