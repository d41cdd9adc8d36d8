#!/bin/sh
# `hachi feature` as a command.
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

run "$HACHI" feature
expect_status "hachi feature succeeds without root's help" 0
expect_line "program types are in bpftool's words" '^eBPF program_type xdp is available$'
expect_line "map types too" '^eBPF map_type hash is available$'
expect_line "helpers are by program type" '^eBPF helpers supported for program type xdp:$'
expect_line "instructions are listed" '^eBPF instruction ADD64_IMM is available$'

run "$HACHI" feature -j
expect_line "-j is one object with bpftool's keys" '^\{"syscall_config":\{"have_bpf_syscall":true\}'
run "$HACHI" feature -p
expect_line "-p indents it by four" '^        "have_xdp_prog_type": true,$'

run "$HACHI" feature --kernel 5.15
expect_line "an older kernel lacks what is newer" '^eBPF program_type netfilter is NOT available$'
run "$HACHI" feature --kernel 2.4
expect_status "an unknown kernel is an error" 2
expect_line "that names it" '2\.4' "$tmp/err"
run "$HACHI" feature --backend moon
expect_status "an unknown backend is an error" 2
run "$HACHI" feature nonsense
expect_status "an argument too many is an error" 2
finish
