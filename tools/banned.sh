#!/bin/sh
# Calls and words that do not belong into the tree.
set -u
cd "$(dirname "$0")/.." || exit 1
status=0
refuse() { # pattern, why, files...
	pattern=$1 why=$2
	shift 2
	if grep -nE "$pattern" "$@" /dev/null; then
		echo "^ $why"
		status=1
	fi
}
sources=$(find src include test fuzz bench examples -name '*.[ch]' 2>/dev/null)
# shellcheck disable=SC2086
refuse '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)\(' 'use the bounded form' $sources
# shellcheck disable=SC2086
refuse '\b(TODO|FIXME|XXX)\b' 'write NEEDSWORK(area): sentence' $sources
core=$(for d in base isa cbpf btf domain spec verify map runtime jit helper prog hook syscall; do
	[ ! -d "src/$d" ] || find "src/$d" -name '*.[ch]' ! -name '*_test.c'
done)
printing=$(echo "$core" | grep -v '^src/base/bug.c$')
allocating=$(echo "$core" | grep -v '^src/base/alloc.c$')
mapping=$(echo "$core" | grep -v '^src/base/exec_mem\.[ch]$')
# shellcheck disable=SC2086
refuse '\bPROT_EXEC\b|\bmprotect\(' 'base/exec_mem.c alone makes memory executable' \
	$mapping
# shellcheck disable=SC2086
refuse '\b(printf|fprintf|puts|perror|exit|abort)\(' 'the core never prints and never exits' \
	$printing
# shellcheck disable=SC2086
refuse '\b(malloc|calloc|realloc|strdup)\(' 'allocate through base/alloc.h' \
	$allocating
exit $status
