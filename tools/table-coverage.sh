#!/bin/bash
# Which rows of the tables no test names: table-coverage.sh [--strict] TABLES
#
# A row is named when one of its spellings stands in C or BPF C (src/*/*_test.c, test/, fuzz/,
# examples/), or its assembler spelling in a .test file. Helpers are those that the built command
# serves; without a command all are asked for. --strict: a row without a name is a failure.
set -u
strict=0
if [ "$1" = --strict ]; then
	strict=1
	shift
fi
tables=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1
words=$(mktemp)
texts=$(mktemp)
trap 'rm -f "$words" "$texts"' EXIT
find src test fuzz examples \( -name '*_test.c' -o -name '*_fuzz.c' -o -name '*.bpf.c' \
	-o -name '*.test' -o -path 'test/*.c' -o -path 'examples/*.c' \) -print0 2>/dev/null |
	xargs -0 cat | tr -cs 'A-Za-z0-9_' '\n' | sort -u >"$words"
find test -name '*.test' -print0 | xargs -0 -r cat | tr -cs 'A-Za-z0-9_' '\n' | sort -u >"$texts"

served() { # helpers that the command serves, one a line; empty = not known
	"${HACHI:-build/hachi}" feature 2>/dev/null | sed -n 's/^\t- bpf_//p' | sort -u
}

status=0
for table in instructions helpers maps reasons; do
	rows=0 missing=
	known=
	[ $table != helpers ] || known=$(served)
	while read -r name spellings; do
		in_text=${spellings#* : }
		spellings=${spellings% : *}
		if [ -n "$known" ] && ! grep -qxF "$name" <<<"$known"; then
			continue
		fi
		rows=$((rows + 1))
		# shellcheck disable=SC2086
		printf '%s\n' $spellings | grep -qxFf - "$words" && continue
		grep -qxF "$in_text" "$texts" || missing="$missing $name"
	done < <("$tables" rows $table)
	count=$(wc -w <<<"$missing")
	echo "$table: $((rows - count)) of $rows rows are named by a test"
	if [ "$count" -gt 0 ]; then
		fmt -w 96 <<<"$missing" | sed 's/^ */  /'
		status=$strict
	fi
done
exit $status
