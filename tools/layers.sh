#!/bin/sh
# The guard of tools/layers.conf: every #include "F/..." of a file in src/F must be granted, and
# a line may grant only folders whose own line stands above it. System and library headers are
# free, but the core may use no library (see core_libs below).
set -eu
cd "$(dirname "$0")/.."
conf=tools/layers.conf
core="base isa cbpf btf domain spec verify map runtime jit helper prog hook syscall"
status=0

seen=" public "
while IFS=: read -r folder grants; do
	case $folder in '#'* | '') continue ;; esac
	for grant in $grants; do
		case $seen in
		*" $grant "*) ;;
		*)
			echo "$conf: $folder is granted $grant, which does not stand above it"
			status=1
			;;
		esac
	done
	seen="$seen$folder "
done <$conf

for file in $(find src -name '*.[ch]' -o -name '*.def' -o -name '*.inc' | sort); do
	folder=$(echo "$file" | cut -d/ -f2)
	case $file in *_test.c) continue ;; esac
	grants=$(sed -n "s/^$folder://p" $conf)
	if ! grep -q "^$folder:" $conf; then
		echo "$file: folder $folder has no line in $conf"
		status=1
		continue
	fi
	includes=$(sed -n 's/^#[ \t]*include "\([^"]*\)".*/\1/p' "$file")
	for include in $includes; do
		other=${include%%/*}
		case " $folder $grants " in
		*" $other "*) ;;
		*)
			echo "$file: includes \"$include\", but $conf does not grant $other to $folder"
			status=1
			;;
		esac
	done
	case " $core " in
	*" $folder "*)
		if grep -nE '^#[ \t]*include <(bpf/|pcap|json-c|elfutils|gelf|libelf|Zydis|zlib)' "$file"; then
			echo "$file: the core needs libc only"
			status=1
		fi
		;;
	esac
done
exit $status
