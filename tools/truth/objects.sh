#!/bin/sh
# The kernel's own BPF selftests as object files, outside the tree, for tools/truth/truth.c.
#
#   tools/truth/objects.sh [PREFIX...]  builds what is missing (of the tests so named), prints the
#                                       folder they are in
#
# Source: $LINUX_SOURCE (an unpacked tree), else Debian's linux-source-6.12 (installed, or fetched
# with apt-get download). Result: $HACHI_TRUTH_DIR, else ${XDG_CACHE_HOME:-~/.cache}/hachi/truth:
#   lib/libbpf.a  the source's own libbpf       obj/*.o  progs/*.c that compile
#   obj/*.log     what clang said of the others
set -eu

dir=${HACHI_TRUTH_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hachi/truth}
clang=${CLANG:-clang-19}
jobs=${JOBS:-$(nproc)}
bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)

say() { echo "truth: $*" >&2; }
need() { command -v "$1" >/dev/null || { say "$1 is missing"; exit 77; }; }

find_source() {
	if [ -n "${LINUX_SOURCE:-}" ]; then
		echo "$LINUX_SOURCE"
		return
	fi
	if [ ! -e "$dir/src/.done-2" ]; then
		tar=/usr/src/linux-source-6.12.tar.xz
		if [ ! -r "$tar" ]; then
			say "fetching linux-source-6.12"
			mkdir -p "$dir/deb"
			(cd "$dir/deb" && apt-get -q download linux-source-6.12 >&2)
			dpkg -x "$dir"/deb/linux-source-6.12_*.deb "$dir/deb/root"
			tar=$dir/deb/root/usr/src/linux-source-6.12.tar.xz
		fi
		say "unpacking $tar"
		mkdir -p "$dir/src"
		tar -xJf "$tar" -C "$dir/src" --strip-components=1 --wildcards \
			'linux-source-6.12/tools/testing/selftests/bpf' 'linux-source-6.12/tools/lib/bpf' \
			'linux-source-6.12/tools/include' 'linux-source-6.12/scripts/bpf_doc.py' \
			'linux-source-6.12/include/uapi' 'linux-source-6.12/tools/arch/*/include' \
			'linux-source-6.12/kernel/bpf/disasm.*' \
			'linux-source-6.12/tools/bpf/bpftool/json_writer.*'
		touch "$dir/src/.done-2"
	fi
	echo "$dir/src"
}

need "$clang"
need python3
[ -r /sys/kernel/btf/vmlinux ] || { say "this kernel has no BTF for vmlinux.h"; exit 77; }
mkdir -p "$dir/include/bpf" "$dir/lib" "$dir/obj"
src=$(find_source)
tests=$src/tools/testing/selftests/bpf

if [ ! -e "$dir/include/.done" ]; then
	for h in "$src"/tools/lib/bpf/*.h; do
		ln -sf "$h" "$dir/include/bpf/"
	done
	python3 "$src/scripts/bpf_doc.py" --header \
		--file "$src/tools/include/uapi/linux/bpf.h" >"$dir/include/bpf/bpf_helper_defs.h"
	"$bpftool" btf dump file /sys/kernel/btf/vmlinux format c >"$dir/include/vmlinux.h"
	touch "$dir/include/.done"
fi

if [ ! -e "$dir/lib/libbpf.a" ]; then
	say "building the source's libbpf"
	mkdir -p "$dir/lib/o"
	for c in "$src"/tools/lib/bpf/*.c; do
		echo "$c"
	done | xargs -P "$jobs" -I{} sh -c 'gcc -O2 -g -w -fPIC -D_LARGEFILE64_SOURCE \
		-D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE -I"$0/include" -I"$1/tools/lib/bpf" \
		-I"$1/tools/include" -I"$1/tools/include/uapi" -c {} -o "$0/lib/o/$(basename {} .c).o"' \
		"$dir" "$src"
	ar rcs "$dir/lib/libbpf.tmp" "$dir"/lib/o/*.o
	mv "$dir/lib/libbpf.tmp" "$dir/lib/libbpf.a"
fi

arch=$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
system=$("$clang" -v -E - </dev/null 2>&1 | sed -n '/<...> search starts here:/,/End of search/{
	s|^ \(/.*\)|-idirafter \1|p}' | tr '\n' ' ')
export dir src tests clang arch system
compile() {
	cat <<'SH'
	name=$(basename "$1" .c)
	out=$dir/obj/$name.o
	[ -e "$out" ] || [ -e "$dir/obj/$name.log" ] && exit 0
	extra=
	case $name in test_l4lb_noinline|test_xdp_noinline) extra=-fno-inline ;; esac
	if "$clang" -g -Wno-everything -D__TARGET_ARCH_$arch -mlittle-endian -I"$dir/include" -I"$tests" \
		-I"$tests/progs" -I"$src/tools/include/uapi" -I"$src/tools/include" $system $extra \
		-DENABLE_ATOMICS_TESTS -O2 --target=bpf -mcpu=v3 -c "$1" -o "$out.tmp" 2>"$out.err"; then
		mv "$out.tmp" "$out"
		rm -f "$out.err"
	else
		rm -f "$out.tmp"
		mv "$out.err" "$dir/obj/$name.log"
	fi
SH
}
[ $# -gt 0 ] || set -- ""
for prefix in "$@"; do
	{ [ -e "$dir/obj/.done" ] || [ -e "$dir/obj/.done-$prefix" ]; } && continue
	say "compiling progs/$prefix*.c"
	ls "$tests"/progs/"$prefix"*.c | xargs -P "$jobs" -n1 sh -c "$(compile)" sh
	touch "$dir/obj/.done${prefix:+-$prefix}"
	say "$(ls "$dir"/obj/*.o | wc -l) objects, $(ls "$dir"/obj/*.log 2>/dev/null | wc -l) do not compile"
done
echo "$dir"
