#!/bin/sh
# clang-format 14 over the tree: tools/format.sh [--check]. Other versions format otherwise.
set -eu
cd "$(dirname "$0")/.."
tool=clang-format-14
command -v $tool >/dev/null 2>&1 || {
	echo "tools/format.sh: $tool is missing (package clang-format-14)" >&2
	exit 1
}
files=$(git ls-files '*.c' '*.h' | grep -v '\.bpf\.c$')
if [ "${1:-}" = --check ]; then
	# shellcheck disable=SC2086
	exec $tool --dry-run --Werror $files
fi
# shellcheck disable=SC2086
exec $tool -i $files
