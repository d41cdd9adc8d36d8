#!/bin/sh
# What `make install` installs is enough: programs link it by pkg-config, both ways; the manual and
# the completion know every verb and option that --help knows.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

mode=${HACHI_BUILD##*/}
[ "$mode" != build ] || mode=rel
dest="$tmp/dest"
run make -s MODE="$mode" install DESTDIR="$dest" PREFIX=/opt/hachi
expect_status "make install" 0
missing=
for file in bin/hachi lib/libhachi.a lib/libhachi.so lib/libhachi.so.0 lib/hachi/libhachi-preload.so \
	include/hachi/hachi.h lib/pkgconfig/hachi.pc share/man/man1/hachi.1 \
	share/bash-completion/completions/hachi share/hachi/examples/hello.bpf.c; do
	[ -e "$dest/opt/hachi/$file" ] || missing="$missing $file"
done
expect_equal "all of it is there" "$missing" ""

# ---- by pkg-config
export PKG_CONFIG_PATH="$dest/opt/hachi/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dest"
cat >"$tmp/user.c" <<'C'
#include <hachi/hachi.h>
#include <stdio.h>
/* a name that the library uses inside too */
int tnum_add(int a, int b) { return a + b; }
int main(void)
{
	struct hachi_opts opts = {.size = sizeof(opts)};
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
		.max_entries = 1};
	struct hachi *h;
	int fd;

	if (hachi_new(&opts, &h))
		return 1;
	fd = (int)hachi_bpf(h, BPF_MAP_CREATE, &attr, sizeof(attr));
	printf("%d %d\n", fd >= 0, tnum_add(2, 3));
	hachi_close(h, fd);
	hachi_free(h);
	return 0;
}
C
run pkg-config --modversion hachi
expect_line "pkg-config knows the version" '^[0-9]+\.[0-9]+'
# shellcheck disable=SC2046,SC2086 # lists of flags
run cc -Wall -Werror -o "$tmp/shared" "$tmp/user.c" $(pkg-config --cflags --libs hachi) $HACHI_LDFLAGS
expect_status "a program links the shared library" 0
run env LD_LIBRARY_PATH="$dest/opt/hachi/lib" "$tmp/shared"
expect_equal "and runs" "$(cat "$tmp/out")" "1 5"
# shellcheck disable=SC2046,SC2086
run cc -Wall -Werror -o "$tmp/static" "$tmp/user.c" $(pkg-config --cflags hachi) \
	$(pkg-config --libs --static hachi | sed 's/-lhachi/-l:libhachi.a/') $HACHI_LDFLAGS
expect_status "a program links the archive" 0
run "$tmp/static"
expect_equal "and runs, its own names untouched" "$(cat "$tmp/out")" "1 5"

# ---- the installed command
if have clang-19 || have clang; then
	run "$dest/opt/hachi/bin/hachi" check examples/xdp_drop.bpf.c
	expect_status "the installed command works" 0
fi
if have bpftool && [ "$mode" != asan ]; then # a sanitizer would have to be preloaded too
	run "$dest/opt/hachi/bin/hachi" exec -- bpftool version
	expect_status "and finds its library for exec" 0
fi

# ---- manual and completion against --help
verbs=$("$HACHI" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
manual=$(sed 's/\\-/-/g' docs/hachi.1)
unknown=
for verb in $verbs; do
	echo "$manual" | grep -qE "\\.(Cm|It Cm).*\\b$verb\\b" || unknown="$unknown $verb"
	for option in $("$HACHI" "$verb" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' |
		grep -oE -- '--[a-z-]+'); do
		[ "$option" = --help ] ||
			echo "$manual" | grep -qE -- "(Fl |, )-${option#--}\\b" || unknown="$unknown $verb:$option"
	done
done
expect_equal "the manual has every verb and option" "$unknown" ""
if have mandoc; then
	run mandoc -Tlint -Wwarning docs/hachi.1
	expect_status "the manual is well-formed" 0
else
	skip "the manual is well-formed" "mandoc is not installed"
fi
if have bash; then
	cat >"$tmp/complete" <<'SH'
. tools/hachi.bash-completion
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_hachi
printf '%s\n' "${COMPREPLY[@]}"
SH
	PATH="$HACHI_BUILD:$PATH"
	offered=$(bash "$tmp/complete" hachi "" | sort | tr '\n' ' ')
	# shellcheck disable=SC2086 # a list of words
	expect_equal "verbs are completed" "$offered" \
		"$(printf '%s\n' $verbs help version | sort | tr '\n' ' ')"
	missing=
	for verb in $verbs; do
		bash "$tmp/complete" hachi "$verb" - >"$tmp/offered"
		for option in $("$HACHI" "$verb" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' |
			grep -oE -- '--[a-z-]+'); do
			grep -qx -- "$option" "$tmp/offered" || missing="$missing $verb:$option"
		done
	done
	expect_equal "and every option of each" "$missing" ""
	for noun in prog map link btf; do
		bash "$tmp/complete" hachi $noun "" | tr ' ' '\n' >"$tmp/offered"
		for word in $("$HACHI" $noun --help | sed -n "s/^.*hachi $noun { *\([a-z |_]*\) }.*/\1/p
			s/^.*hachi $noun \([a-z_]*\) .*/\1/p" | tr -d '|'); do
			grep -qx "$word" "$tmp/offered" || missing="$missing $noun:$word"
		done
	done
	expect_equal "and every word of bpftool's" "$missing" ""
fi
finish
