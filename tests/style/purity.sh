#!/bin/sh
# Purity: core/ takes its time from the event and touches nothing outside: no clock, environment,
# file, socket, thread or chance.
. "$(dirname "$0")/lib.sh"

sources src/core >"$STYLE_TMP/files"
[ -s "$STYLE_TMP/files" ] || skip "core/ is empty"
cat tests/style/strip.awk - >"$STYLE_TMP/purity.awk" <<'AWK'
function complain(what)
{
	printf "%s:%d: core/ is pure: %s\n", FILENAME, FNR, what
}
/^[ \t]*#[ \t]*include[ \t]*<(time|unistd|fcntl|pthread|threads|signal|poll|dirent|spawn|uv|lmdb|netdb)\.h>/ ||
/^[ \t]*#[ \t]*include[ \t]*<(sys|netinet|arpa|linux)\// ||
/^[ \t]*#[ \t]*include[ \t]*"base\/(clock|random|log|fault|file|env)\.h"/ { complain($0); next }
{
	line = " " code
	while (match(line, /[^A-Za-z0-9_>.](time|clock|clock_gettime|gettimeofday|getenv|secure_getenv|open|openat|fopen|read|write|close|socket|connect|rand|random|srand|drand48|getrandom|getpid|sleep|usleep|nanosleep|pthread_[a-z_]*|printf|fprintf|system|fork|exec[a-z]*|raise|kill)[ \t]*\(/)) {
		complain("calls " substr(line, RSTART + 1, RLENGTH - 2))
		line = substr(line, RSTART + RLENGTH)
	}
}
/^static[ \t]+[^(]*;|^static[ \t]+[^(]*=/ && $0 !~ /const/ { complain("keeps state in a static: " $0) }
AWK
xargs awk -f "$STYLE_TMP/purity.awk" <"$STYLE_TMP/files" >"$STYLE_TMP/out"
finish "$STYLE_TMP/out"
