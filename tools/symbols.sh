#!/bin/sh
# The guard of names: the libraries export hachi_* and nothing else, and nobody defines a name of
# the ABI's or libbpf's. tools/symbols.sh BUILD_DIR
set -eu
b=$1
status=0
for lib in "$b/libhachi.so" "$b/libhachi.a"; do
	case $lib in
	*.so) names=$(nm -D --defined-only "$lib" | awk '{print $3}') ;;
	*) names=$(nm -g --defined-only "$lib" 2>/dev/null | awk 'NF == 3 {print $3}') ;;
	esac
	for name in $names; do
		case $name in
		hachi_* | _init | _fini | __bss_start | _edata | _end) ;;
		*)
			echo "$lib: exports $name"
			status=1
			;;
		esac
	done
done
for name in $(nm -g --defined-only "$b/libcore.a" 2>/dev/null | awk 'NF == 3 {print $3}'); do
	case $name in
	bpf_* | BPF_* | btf_* | xdp_* | libbpf_*)
		echo "$b/libcore.a: defines $name, a name of the ABI's or libbpf's"
		status=1
		;;
	esac
done
if nm "$b/libcore.a" 2>/dev/null | grep -q jit_seeded_bug; then
	echo "$b/libcore.a: has the bugs of MODE=bugs"
	status=1
fi
exit $status
