#!/bin/bash
# The proof of the README's two commands: a minimal Debian 12 made by debootstrap, the tree cloned
# into it, ./demo and ./check run there as root, then ./demo as an ordinary user.
#
#	tools/fresh-machine.sh [DIR]      DIR = where the machine is made (default: a temporary one)
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	echo "fresh-machine: making a machine needs root: SKIP"
	exit 0
fi
command -v debootstrap >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y debootstrap >/dev/null
root=${1:-$(mktemp -d /var/tmp/hachi-fresh.XXXXXX)}
chmod 755 "$root"
cleanup() {
	umount -l "$root/proc" "$root/sys" "$root/dev" 2>/dev/null || true
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$root"
}
trap cleanup EXIT INT TERM

mirror=$(awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^(https?|mirror\+file|file):/) {print $i; exit}}' \
	/etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true)
[ -n "$mirror" ] || mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
echo "fresh-machine: debootstrap into $root"
debootstrap --variant=minbase bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
	{ tail -n 20 "$root.log"; exit 1; }
rm -f "$root.log"
# the same package sources and proxy settings as this machine
cp -a /etc/apt/sources.list* "$root/etc/apt/" 2>/dev/null || true
cp -a /etc/apt/apt.conf* "$root/etc/apt/" 2>/dev/null || true
cp -a /etc/apt/keyrings /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null || true
cp -a /usr/local/share/ca-certificates "$root/usr/local/share/" 2>/dev/null || true
mkdir -p "$root/etc/ssl/certs"
cp -aL /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || true
cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
cp -L /etc/hosts "$root/etc/hosts" 2>/dev/null || true
mount --bind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --make-rslave "$root/sys"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"

git clone -q --no-hardlinks . "$root/root/hachi"
inside() {
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$1" TERM=dumb \
		http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" HACHI_CI= HACHI_CHROOT=1 "${@:2}"
}
echo "fresh-machine: ./demo as root"
inside /root sh -c 'cd /root/hachi && ./demo' >"$root/demo.log" 2>&1 || { tail -n 40 "$root/demo.log"; exit 1; }
grep -q 'Hello, World!' "$root/demo.log" || { tail -n 40 "$root/demo.log"; exit 1; }
echo "fresh-machine: ./check as root"
inside /root sh -c 'cd /root/hachi && ./check' >"$root/check.log" 2>&1 || { tail -n 60 "$root/check.log"; exit 1; }
tail -n 1 "$root/check.log"
echo "fresh-machine: ./demo and ./check as an ordinary user"
inside /root useradd -m visitor
cp -a "$root/root/hachi" "$root/home/visitor/hachi"
inside /root chown -R visitor /home/visitor/hachi
for what in demo check; do
	inside /home/visitor su visitor -s /bin/sh -c "cd ~/hachi && rm -rf build && ./$what" \
		>"$root/user-$what.log" 2>&1 || { tail -n 60 "$root/user-$what.log"; exit 1; }
done
tail -n 1 "$root/user-check.log"
