#!/bin/sh
# Headers: each compiles on its own, with a guard, and the public ones as strict C11 without our flags;
# each is named in a makefile, or a source archive would lack it.
. "$(dirname "$0")/lib.sh"

config=-D_GNU_SOURCE
[ ! -e "$BUILDDIR/config.h" ] || config="-include $BUILDDIR/config.h"

: >"$STYLE_TMP/out"
for header in $(sources src | grep '\.h$' || :); do
	grep -Eq '^#(ifndef|pragma once)' "$header" || echo "$header:1: no include guard" >>"$STYLE_TMP/out"
	echo "#include \"${header#src/}\"" >"$STYLE_TMP/one.c"
	${CC:-cc} -fsyntax-only -std=gnu11 -Wall -Wextra $config -Isrc -Iinclude \
		${DQ_DEP_CFLAGS:-} "$STYLE_TMP/one.c" >>"$STYLE_TMP/out" 2>&1 ||
		echo "$header:1: does not compile on its own" >>"$STYLE_TMP/out"
done
for header in $(sources include | grep '\.h$'); do
	echo "#include <${header#include/}>" >"$STYLE_TMP/one.c"
	${CC:-cc} -fsyntax-only -std=c11 -pedantic -Wall -Wextra -Iinclude "$STYLE_TMP/one.c" \
		>>"$STYLE_TMP/out" 2>&1 ||
		echo "$header:1: does not compile on its own as C11" >>"$STYLE_TMP/out"
done
cat Makefile.am $(find . -name Makefile.inc) | tr -s ' \t' '\n\n' >"$STYLE_TMP/named"
for header in $(all_sources | grep '\.h$'); do
	grep -qxF "$header" "$STYLE_TMP/named" || echo "$header:1: no makefile names it" >>"$STYLE_TMP/out"
done
finish "$STYLE_TMP/out"
