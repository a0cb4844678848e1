# Shared by the style checks: where the tree is, which files are ours, and how a check ends.
# Each check reads the tree alone, prints `file:line: what is wrong`, and fails if it printed any.
set -eu
LC_ALL=C
export LC_ALL
cd "${DQ_SRCDIR:-$(dirname "$0")/../..}"
BUILDDIR=${DQ_BUILDDIR:-$PWD/build}
STYLE_TMP=$(mktemp -d)
trap 'rm -rf "$STYLE_TMP"' EXIT

# sources DIR...: the C files and headers below the folders that exist, one a line, sorted.
sources() {
	for dir in "$@"; do
		if [ -d "$dir" ]; then
			find "$dir" -name '*.[ch]' -type f
		fi
	done | sort
}

all_sources() {
	sources include src tools examples tests
}

skip() {
	echo "skipped: $*"
	exit 77
}

# finish FILE: fails, showing it, unless the file of complaints is empty.
finish() {
	if [ -s "$1" ]; then
		cat "$1"
		exit 1
	fi
}
