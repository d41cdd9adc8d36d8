#!/bin/sh
# Files past 1,000 lines and functions past 100: places to look for the seam. Only tells.
cd "$(dirname "$0")/.." || exit 1
find src test fuzz bench -name '*.[ch]' 2>/dev/null | while read -r file; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 1000 ] || echo "$file: $lines lines"
	awk -v file="$file" '
		/^[a-zA-Z_].*\)$/ || /^[a-zA-Z_].*\) *\{$/ { start = NR; name = $0 }
		/^}/ { if (start && NR - start > 100) print file ":" start ": " NR - start " lines: " name; start = 0 }
	' "$file"
done
