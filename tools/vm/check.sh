#!/bin/bash
# The kernel backend on other kernels: boots each under emulation with an initramfs of the command,
# the objects and busybox, and prints their TAP as one.
#
#	tools/vm/check.sh BUILD 6.1 6.12		also: make vm-check KERNELS="6.1 6.12"
#	tools/vm/check.sh --update BUILD 6.1 6.12	and writes test/kernel/results.tsv
#
# Debian's cloud kernels are downloaded once into $HACHI_VM_DIR (~/.cache/hachi/vm).
set -eu
cd "$(dirname "$0")/../.."
update=""
if [ "$1" = --update ]; then
	update=1
	shift
fi
build=$1
shift
cache=${HACHI_VM_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/hachi/vm}
limit=${HACHI_VM_TIMEOUT:-900}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$cache"

skip_all() {
	echo "1..1"
	if [ -n "${HACHI_CI:-}" ]; then
		echo "not ok 1 - kernels under emulation: $1"
		exit 1
	fi
	echo "ok 1 - kernels under emulation # SKIP $1"
	exit 0
}

for tool in qemu-system-x86_64 busybox cpio ip bpftool mke2fs xz clang-19; do
	PATH=$PATH:/sbin:/usr/sbin command -v $tool >/dev/null || skip_all "$tool is not installed"
done
[ "$(uname -m)" = x86_64 ] || skip_all "only for x86-64"
PATH=$PATH:/sbin:/usr/sbin

# The newest cloud kernel of a series: its package file in the cache, downloaded if need be.
package_of() {
	local name deb
	name=$(apt-cache search --names-only "^linux-image-${1//./\\.}\\.[.0-9+debk-]*-cloud-amd64\$" 2>/dev/null |
		cut -d' ' -f1 | sort -V | tail -n 1)
	deb=$(find "$cache" -name "${name:-linux-image-$1}_*.deb" | sort -V | tail -n 1)
	[ -n "$deb" ] || deb=$(find "$cache" -name "linux-image-$1.*.deb" | sort -V | tail -n 1)
	if [ -z "$deb" ] && [ -n "$name" ]; then
		(cd "$cache" && apt-get download -qq "$name" >/dev/null 2>&1) || true
		deb=$(find "$cache" -name "${name}_*.deb" | sort -V | tail -n 1)
	fi
	echo "$deb"
}

# add_binary FILE DIRECTORY: with the libraries that it needs, at their own paths
add_binary() {
	cp -L "$1" "$work/root/$2/"
	ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' | while read -r lib; do
		mkdir -p "$work/root$(dirname "$lib")"
		[ -e "$work/root$lib" ] || cp -L "$lib" "$work/root$lib"
	done
}

compile_objects() {
	mkdir -p "$work/root/obj"
	bpftool btf dump file /sys/kernel/btf/vmlinux format c >"$work/vmlinux.h"
	for source in test/kernel/*.bpf.c examples/{hello,writepages,uds_send,xdp_drop,biolatency}.bpf.c; do
		clang-19 -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -I"$work" -Itest/kernel \
			-I/usr/include/x86_64-linux-gnu -c "$source" \
			-o "$work/root/obj/$(basename "$source" .c).o"
	done
}

# The kernel's own verifier tests, and what loads them in the kernel and in an instance of ours.
add_truth() {
	add_binary "$build/truth" bin
	mkdir -p "$work/root/truth"
	cp "$TRUTH_DIR"/obj/verifier_*.o "$work/root/truth/"
}

# What all machines share.
make_root() {
	mkdir -p "$work/root"/{bin,sbin,proc,sys,dev,tmp,run,modules,lib64,etc,mnt}
	cp "$(command -v busybox)" "$work/root/bin/busybox"
	add_binary "$build/hachi" bin
	for tool in ip tc bpftool; do
		add_binary "$(command -v $tool)" sbin
	done
	cc -O1 -o "$work/root/bin/hachi-trigger" test/kernel/trigger.c
	add_binary "$work/root/bin/hachi-trigger" tmp
	add_binary "$build/test/test/unit/verdict_test" bin
	[ -z "${TRUTH_DIR:-}" ] || add_truth
	compile_objects
	cp tools/vm/init "$work/root/init"
	cp test/cli/lib.sh "$work/root/lib.sh"
	cp test/kernel/matrix.sh "$work/root/matrix.sh"
	chmod 755 "$work/root/init"
	truncate -s 16M "$work/root/disk"
	mke2fs -q -F -t ext2 "$work/root/disk"
}

# add_kernel DEB: its image and modules; $1 -> $work/vmlinuz
add_kernel() {
	local wanted="sch_ingress cls_bpf veth loop" module file
	rm -rf "$work/deb" "$work/root/modules"
	mkdir -p "$work/deb" "$work/root/modules"
	dpkg-deb --fsys-tarfile "$1" | tar -x -C "$work/deb" --wildcards './boot/vmlinuz-*' \
		'./boot/config-*' '*/sch_ingress.ko*' '*/cls_bpf.ko*' '*/veth.ko*' '*/loop.ko*'
	cp "$work"/deb/boot/vmlinuz-* "$work/vmlinuz"
	rm -rf "$work/root/boot"
	mkdir "$work/root/boot"
	cp "$work"/deb/boot/config-* "$work/root/boot/"
	for module in $wanted; do
		file=$(find "$work/deb" -name "$module.ko*" | head -n 1)
		case $file in
		*.xz) xz -dc "$file" >"$work/root/modules/$module.ko" ;;
		*) cp "$file" "$work/root/modules/$module.ko" ;;
		esac
		echo "$module" >>"$work/root/modules/order"
	done
}

# What a kernel lacks: objects that must be refused.
missing_of() {
	case $1 in
	6.1) echo "kprobe_multi trampoline_s netfilter" ;;
	*) echo "trampoline_s" ;;
	esac
}

boot() {
	timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max -m 768 -smp 1 -nodefaults -no-reboot \
		-display none -serial stdio -kernel "$work/vmlinuz" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet panic=-1 nokaslr" </dev/null |
		tr -d '\r' >"$work/serial" || true
}

make_root
number=0
for kernel in "$@"; do
	deb=$(package_of "$kernel")
	[ -n "$deb" ] || skip_all "no package of a cloud kernel $kernel"
	add_kernel "$deb"
	echo "MISSING=\"$(missing_of "$kernel")\"" >"$work/root/machine"
	(cd "$work/root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/initrd"
	started=$SECONDS
	boot
	if ! grep -q '^=== end' "$work/serial"; then
		tail -n 40 "$work/serial" | sed 's/^/# /'
		number=$((number + 1))
		echo "not ok $number - $kernel: runs to its end"
	fi
	while read -r line; do
		case $line in
		"ok "* | "not ok "*)
			number=$((number + 1))
			echo "$line" | sed -E "s/^(not )?ok [0-9]+ - /\\1ok $number - $kernel: /"
			;;
		"#"*) echo "$line" ;;
		esac
	done <"$work/serial"
	echo "# $kernel: $(sed -n 's/^=== begin //p' "$work/serial"), done after $(sed -n 's/^=== end //p' "$work/serial") s, $((SECONDS - started)) s in all"
	sed -n "s/^=== result /$kernel	/p" "$work/serial" >>"$work/results"
done
echo "1..$number"
if [ -n "$update" ]; then
	{ grep -v -E "^($(echo "$@" | tr ' ' '|'))	" test/kernel/results.tsv 2>/dev/null || true
	cat "$work/results"; } | sort -V >"$work/sorted"
	cp "$work/sorted" test/kernel/results.tsv
fi
