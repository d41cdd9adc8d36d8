#!/bin/sh
# Compares the generated pages of docs/ with the tables; prints TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
tables=${HACHI_BUILD:-$PWD/build}/tables
count=0
for page in helpers program-types maps instructions hooks; do
	count=$((count + 1))
	if [ "$(uname -m)" != x86_64 ]; then
		echo "ok $count - docs/$page.md # SKIP the pages show x86-64's registers"
	elif "$tables" $page | diff -u "docs/$page.md" - >"${TMPDIR:-/tmp}/tables.$$"; then
		echo "ok $count - docs/$page.md is what the tables say"
	else
		sed 's/^/# /' "${TMPDIR:-/tmp}/tables.$$" | head -n 20
		echo "not ok $count - docs/$page.md is what the tables say: run make tables"
	fi
	rm -f "${TMPDIR:-/tmp}/tables.$$"
done
count=$((count + 1))
if grep -q "not in tools/hooks.def" docs/hooks.md; then
	grep "not in tools/hooks.def" docs/hooks.md | sed 's/^/# /'
	echo "not ok $count - every program and attach type stands in tools/hooks.def"
else
	echo "ok $count - every program and attach type stands in tools/hooks.def"
fi
echo "1..$count"
