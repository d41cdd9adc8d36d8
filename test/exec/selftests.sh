#!/bin/bash
# The kernel's own veristat and test_progs, unmodified, under `hachi exec`: veristat, as an ordinary
# user, says what it says on the kernel, and every test of test_progs that is named here passes.
# They are built outside the tree by tools/truth/programs.sh.
# shellcheck disable=SC2086,SC2015,SC2154,SC1091 # lists of words; lib.sh makes $tmp
cd "$(dirname "$0")/../.." || exit 1
. test/cli/lib.sh

# Of the 349 files of prog_tests/ those that need no system calls traced, no test module, and no
# objects that were never made for user space. Their own expectations decide.
tests=(arg_parsing async_stack_depth atomic_bounds btf_dedup_split btf_distill btf_endian
	btf_field_iter btf_split btf_write cpu_mask for_each global_data global_data_init
	global_func_args hashmap helper_restricted htab_reuse log_buf log_fixup map_lock metadata
	obj_name parse_tcp_hdr_opt perf_skip pinning pkt_access pkt_md_access prog_run_opts
	queue_stack_map raw_tp_writable_reject_nbd_invalid skb_ctx skb_helpers skb_load_bytes
	task_fd_query_rawtp test_overhead time_tai verifier_log xdp xdp_context_test_run xdp_noinline
	xdp_perf xdpwall)
# Of verifier_*.c: those whose every program user space can carry out.
objects=(verifier_and verifier_array_access verifier_basic_stack verifier_bounds
	verifier_bounds_deduction verifier_cfg verifier_div_overflow verifier_loops1 verifier_map_ret_val
	verifier_raw_stack verifier_regalloc verifier_ringbuf verifier_search_pruning
	verifier_spill_fill verifier_stack_ptr verifier_value_ptr_arith verifier_xdp_direct_packet_access)

if ! bin=$(tools/truth/programs.sh "${tests[@]}" 2>"$tmp/build") || [ ! -x "$bin/test_progs" ]; then
	skip "the kernel's selftests under exec" "they cannot be built: $(tail -n 1 "$tmp/build")"
	finish
	exit 0
fi
dir=$(tools/truth/objects.sh "${objects[@]}" 2>/dev/null)/obj
cc -O1 -w -o "$tmp/may_bpf" test/exec/may_bpf.c -lbpf || exit 1

preload_env=
if nm -D "$HACHI_BUILD/libhachi-preload.so" 2>/dev/null | grep -q __asan_init; then
	preload_env="LD_PRELOAD=$(cc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0"
fi
user=
if [ "$(id -u)" = 0 ] && have setpriv; then
	user="setpriv --reuid=65534 --regid=65534 --clear-groups"
	$user test -r "$HACHI_BUILD/libhachi-preload.so" -a -r "$bin/test_progs" || user=
fi

paths=()
for object in "${objects[@]}"; do
	paths+=("$dir/$object.o")
done
veristat() { "$@" "$bin/veristat" -o csv -e file,prog,verdict,insns "${paths[@]}"; }
veristat env $preload_env $user "$HACHI" exec -- >"$tmp/ours" 2>"$tmp/err"
status=$?
cat "$tmp/ours" "$tmp/err" >"$tmp/all"
expect_status "veristat ends well" 0
count=$(grep -c ',success,' "$tmp/ours")
[ "$count" -gt 100 ] && pass "veristat loads over a hundred programs" ||
	fail "veristat loads over a hundred programs" "$tmp/all"
if "$tmp/may_bpf"; then
	veristat env >"$tmp/kernel" 2>/dev/null
	if diff "$tmp/kernel" "$tmp/ours" >"$tmp/diff"; then
		pass "veristat says what it says on the kernel, of $(wc -l <"$tmp/ours") programs"
	else
		fail "veristat says what it says on the kernel" "$tmp/diff"
	fi
else
	skip "veristat says what it says on the kernel" "bpf(2) is not permitted"
fi

# test_progs itself wants to be root, if only of a namespace: it calls setns() at its start.
root=
unshare -m true 2>/dev/null || root="unshare -r -m"
cd "$bin" || exit 1
for test in "${tests[@]}"; do
	env $preload_env $root timeout 60 "$HACHI" exec -- ./test_progs -a "$test" >"$tmp/all" 2>&1
	status=$?
	if [ $status -eq 0 ] && grep -q '^Summary: [1-9].* 0 FAILED' "$tmp/all"; then
		pass "test_progs -a $test"
	else
		fail "test_progs -a $test" "$tmp/all"
	fi
done
finish
