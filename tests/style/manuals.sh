#!/bin/sh
# Manuals: every program that is installed has a page, and groff finds nothing wrong in any page.
. "$(dirname "$0")/lib.sh"

: >"$STYLE_TMP/out"
for program in ${DQ_PROGRAMS:-}; do
	[ -e "doc/man/$program.1" ] || echo "doc/man/$program.1: missing" >>"$STYLE_TMP/out"
done
if command -v groff >/dev/null; then
	for page in doc/man/*.1; do
		[ -e "$page" ] || continue
		groff -man -Tascii -wmac -z "$page" >>"$STYLE_TMP/out" 2>&1 ||
			echo "$page: groff failed" >>"$STYLE_TMP/out"
	done
fi
finish "$STYLE_TMP/out"
