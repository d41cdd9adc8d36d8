#!/bin/sh
# Runs every command of the fenced ```sh blocks of README and docs, a TAP line each.
# The blocks run from the root of the tree, each file in one shell session per block line.
cd "$(dirname "$0")/.." || exit 1
export PATH="$PWD/build:$PATH"
count=0
failed=0
out=$(mktemp)
list=$(mktemp)
trap 'rm -f "$out" "$list"' EXIT
for file in README.md CONTRIBUTING.md SECURITY.md docs/*.md; do
	[ -f "$file" ] || continue
	# a line that ends in a backslash goes on
	awk -v file="$file" '
		/^```sh$/ { inside = 1; next }
		/^```/ { inside = 0; next }
		inside && /\\$/ { held = held substr($0, 1, length($0) - 1); next }
		inside && NF { print file "\t" held $0; held = "" }
	' "$file"
done >"$list"
while IFS="$(printf '\t')" read -r file command; do
	count=$((count + 1))
	if sh -c "$command" >"$out" 2>&1 </dev/null; then
		echo "ok $count - $file: $command"
	else
		sed 's/^/# /' "$out" | tail -n 20
		echo "not ok $count - $file: $command"
		failed=1
	fi
done <"$list"
echo "1..$count"
exit $failed
