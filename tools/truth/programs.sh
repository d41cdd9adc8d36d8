#!/bin/sh
# The kernel's own user-space programs of its BPF selftests, outside the tree, as a user would build
# them: veristat with a shared libbpf, test_progs with the tests that are named.
#
#   tools/truth/programs.sh TEST...    builds what is missing, prints the folder they are in
#
# TEST is a file of prog_tests/ without its .c. Source and folder are those of objects.sh; results:
#   bin/veristat  bin/libbpf.so.1     bin/test_progs  bin/*.bpf.o  what the tests open
set -eu
here=$(dirname "$0")
jobs=${JOBS:-$(nproc)}
bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)

dir=$("$here/objects.sh" test_pkt_access) # and with it the source and its libbpf
src=${LINUX_SOURCE:-$dir/src}
tests=$src/tools/testing/selftests/bpf
bin=$dir/bin
mkdir -p "$bin/o" "$bin/prog_tests"

# A test's objects: those it has skeletons of, and those it opens by name.
objects_of() {
	sed -n 's/.*#include ["<]\(.*\)\.l*skel\.h[">].*/\1/p
		s/.*"\(\.\/\)\{0,1\}\([A-Za-z0-9_]*\)\.bpf\.o".*/\2/p' "$tests/prog_tests/$1.c" | sort -u
}

names=
for test in "$@"; do
	names="$names $(objects_of "$test" | tr '\n' ' ')"
done
# shellcheck disable=SC2086 # a list of names
"$here/objects.sh" $names >/dev/null

if [ ! -e "$bin/veristat" ]; then
	gcc -shared -Wl,-soname,libbpf.so.1 "-Wl,--version-script=$src/tools/lib/bpf/libbpf.map" \
		-o "$bin/libbpf.so.1" -Wl,--whole-archive "$dir/lib/libbpf.a" -Wl,--no-whole-archive \
		-lelf -lz
	gcc -O2 -w -D_GNU_SOURCE -I"$dir/include" -I"$src/tools/include" \
		-I"$src/tools/include/uapi" -o "$bin/veristat" "$tests/veristat.c" "$bin/libbpf.so.1" \
		-lelf -lz "-Wl,-rpath,$bin"
fi

skeletons() { # test
	for object in $(objects_of "$1"); do
		[ -e "$dir/obj/$object.o" ] || continue
		[ -e "$bin/$object.bpf.o" ] || "$bpftool" gen object "$bin/$object.bpf.o" "$dir/obj/$object.o"
		grep -q "[\"<]$object\.skel\.h" "$tests/prog_tests/$1.c" && [ ! -e "$bin/$object.skel.h" ] &&
			"$bpftool" gen skeleton "$bin/$object.bpf.o" name "$object" >"$bin/$object.skel.h"
	done
	return 0
}

for test in "$@"; do
	skeletons "$test"
done 2>/dev/null

export tests bin
export flags="-O1 -w -D_GNU_SOURCE -I$bin -I$dir/include -I$tests -I$src/tools/include \
	-I$src/tools/include/uapi -I$src/tools/lib -I$src/tools/lib/bpf"
helpers='testing_helpers cgroup_helpers trace_helpers network_helpers unpriv_helpers cap_helpers
	btf_helpers json_writer disasm disasm_helpers jit_disasm_helpers test_loader netlink_helpers'
{
	printf 'prog_tests/%s\n' "$@"
	# shellcheck disable=SC2086 # a list of names
	printf '%s\n' $helpers
} | xargs -P "$jobs" -I{} sh -c '
	out=$bin/o/$(basename {}).o
	[ -e "$out" ] || gcc $flags -c -o "$out" "$tests/{}.c"'
for test in "$@"; do
	sed -n -E 's/^void (serial_)?test_([a-zA-Z0-9_]+)\((void)?\).*/DEFINE_TEST(\2)/p' \
		"$tests/prog_tests/$test.c"
done >"$bin/prog_tests/tests.h"
# shellcheck disable=SC2086 # a list of flags
gcc $flags -c -o "$bin/test_progs.o" "$tests/test_progs.c"
objects=
for name in "$@" $helpers; do
	objects="$objects $bin/o/$name.o"
done
# shellcheck disable=SC2086 # a list of files
gcc -rdynamic -o "$bin/test_progs" "$bin/test_progs.o" $objects "$dir/lib/libbpf.a" \
	-lelf -lz -lpthread -lrt
echo "$bin"
