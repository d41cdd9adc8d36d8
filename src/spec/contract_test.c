// SPDX-License-Identifier: BSD-2-Clause
/*
 * Helper contracts against the live kernel: a call with good arguments is accepted, each argument
 * is then spoiled in several ways, and the contract must tell which of them the kernel refuses.
 * Helpers whose arguments take more than a few instructions to make (locks, timers, dynptrs,
 * callbacks) are left to the verifier's own tests.
 */
#include "spec/helper.h"
#include "spec/progtype.h"
#include "test/kernel.h"

#include <stdlib.h>

#define KEY_AT	    -64
#define MEM_AT	    -192
#define UNINIT_AT   -512
#define MEM_BYTES   40
#define RETURN_ONCE 1

/* ---- maps of every kind that can be made here */
static int map_fds[64], btf_fd = -1, rdonly_fd = -1;

static int load_int_btf(void)
{
	struct {
		u16 magic;
		u8 version, flags;
		u32 hdr_len, type_off, type_len, str_off, str_len;
		u32 type[4];
		char strings[8];
	} btf = {0xeb9f, 1, 0, 24, 0, 16, 16, 5, {1, 1u << 24, 4, 32}, "\0int"};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)&btf;
	attr.btf_size = 24 + 16 + 5;
	return kernel_bpf(BPF_BTF_LOAD, &attr, sizeof(attr));
}

static int make_map(u32 type, u32 key, u32 value, u32 entries, u32 flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key;
	attr.value_size = value;
	attr.max_entries = entries;
	attr.map_flags = flags;
	if (type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS)
		attr.inner_map_fd = map_fds[BPF_MAP_TYPE_ARRAY];
	if (type == BPF_MAP_TYPE_SK_STORAGE || type == BPF_MAP_TYPE_INODE_STORAGE ||
		type == BPF_MAP_TYPE_TASK_STORAGE || type == HACHI_BPF_MAP_TYPE_CGRP_STORAGE) {
		attr.btf_fd = btf_fd;
		attr.btf_key_type_id = attr.btf_value_type_id = 1;
		attr.map_flags = BPF_F_NO_PREALLOC;
		attr.max_entries = 0;
	}
	return kernel_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

static void make_maps(void)
{
	static const struct {
		u32 key, value, entries, flags;
	} shapes[] = {{4, 4, 1, 0}, {4, 8, 1, 0}, {8, 4, 1, BPF_F_NO_PREALLOC}, {8, 4, 0, 0},
		{0, 4, 1, 0}, {0, 0, 4096, 0}, {0, 0, 1, BPF_F_MMAPABLE}};

	btf_fd = load_int_btf();
	for (u32 type = 1; type <= maptype_spec_count(); type++) {
		map_fds[type] = -1;
		for (u32 i = 0; i < ARRAY_SIZE(shapes) && map_fds[type] < 0; i++)
			map_fds[type] = make_map(type, shapes[i].key, shapes[i].value,
				shapes[i].entries, shapes[i].flags);
	}
	rdonly_fd = make_map(BPF_MAP_TYPE_ARRAY, 4, 64, 1, BPF_F_RDONLY_PROG);
}

static void close_maps(void)
{
	for (u32 type = 1; type <= maptype_spec_count(); type++)
		if (map_fds[type] >= 0)
			close(map_fds[type]);
	close(btf_fd);
	close(rdonly_fd);
}

/* ---- programs */
struct prog_text {
	struct bpf_insn insns[128];
	u32 count;
};

static void emit(struct prog_text *p, struct bpf_insn insn)
{
	p->insns[p->count++] = insn;
}

static void emit_mov_imm(struct prog_text *p, u8 dst, s32 imm)
{
	emit(p, (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = dst, .imm = imm});
}

static void emit_mov_reg(struct prog_text *p, u8 dst, u8 src)
{
	emit(p,
		(struct bpf_insn){
			.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = dst, .src_reg = src});
}

static void emit_stack_addr(struct prog_text *p, u8 dst, s32 off)
{
	emit_mov_reg(p, dst, 10);
	emit(p, (struct bpf_insn){.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = dst, .imm = off});
}

static void emit_map(struct prog_text *p, u8 dst, int fd, u8 pseudo)
{
	emit(p,
		(struct bpf_insn){.code = BPF_LD | BPF_IMM | BPF_DW,
			.dst_reg = dst,
			.src_reg = pseudo,
			.imm = fd});
	emit(p, (struct bpf_insn){0});
}

static void emit_call(struct prog_text *p, u32 id)
{
	emit(p, (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = id});
}

/* How one argument is given. */
enum spoil {
	GOOD,
	ZERO,	/* 0: a NULL pointer, a size of nothing */
	UNINIT, /* memory that nobody wrote */
	RDONLY, /* memory that programs may not write */
	FRAME,	/* a pointer into the stack */
	SPOIL_COUNT,
	PACKET = SPOIL_COUNT, /* a pointer into the packet; only where there is one */
};

static const char *const spoil_names[] = {
	"good", "0", "uninitialised", "read-only", "stack", "packet"};

struct call {
	const struct helper_spec *spec;
	struct helper_query query;
	u32 map_type;
	int spoiled; /* argument, or -1 */
	enum spoil how;
	const char *license;
};

/* Whether we can make this argument; task_struct needs bpf_get_current_task_btf(). */
static bool can_make(const struct call *call, int i)
{
	u32 arg = call->spec->arg[i];
	const struct helper_spec *task;

	switch (arg & ARG_TYPE_MASK) {
	case ARG_NONE:
	case ARG_ANYTHING:
	case ARG_SCALAR:
	case ARG_CONST_MAP_PTR:
	case ARG_MAP_KEY:
	case ARG_MAP_VALUE:
	case ARG_MEM:
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
	case ARG_CONST_ALLOC_SIZE_OR_ZERO:
	case ARG_CTX: return true;
	case ARG_BTF_ID:
		if (arg & ARG_MAYBE_NULL)
			return true;
		return strcmp(call->spec->arg_btf[i], "task_struct") == 0 &&
			helper_spec_for(FUNC_get_current_task_btf, &call->query, &task) ==
			HELPER_OK;
	default: return arg & ARG_MAYBE_NULL;
	}
}

static void emit_good(struct prog_text *p, const struct call *call, int i)
{
	u8 reg = i + 1;

	switch (call->spec->arg[i] & ARG_TYPE_MASK) {
	case ARG_CTX: emit_mov_reg(p, reg, 6); break;
	case ARG_CONST_MAP_PTR: emit_map(p, reg, map_fds[call->map_type], BPF_PSEUDO_MAP_FD); break;
	case ARG_MAP_KEY: emit_stack_addr(p, reg, KEY_AT); break;
	case ARG_MAP_VALUE:
	case ARG_MEM: emit_stack_addr(p, reg, MEM_AT); break;
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO: emit_mov_imm(p, reg, MEM_BYTES); break;
	case ARG_CONST_ALLOC_SIZE_OR_ZERO: emit_mov_imm(p, reg, 8); break;
	case ARG_BTF_ID:
		if (!(call->spec->arg[i] & ARG_MAYBE_NULL)) {
			emit_mov_reg(p, reg, 7);
			break;
		}
		emit_mov_imm(p, reg, 0);
		break;
	default: emit_mov_imm(p, reg, 0);
	}
}

static void emit_arg(struct prog_text *p, const struct call *call, int i)
{
	switch (call->spoiled == i ? call->how : GOOD) {
	case ZERO: emit_mov_imm(p, i + 1, 0); break;
	case UNINIT: emit_stack_addr(p, i + 1, UNINIT_AT); break;
	case RDONLY: emit_map(p, i + 1, rdonly_fd, BPF_PSEUDO_MAP_VALUE); break;
	case FRAME: emit_mov_reg(p, i + 1, 10); break;
	case PACKET: emit_mov_reg(p, i + 1, 8); break;
	default: emit_good(p, call, i);
	}
}

/* r8 = the packet's first MEM_BYTES bytes, or the program ends. */
static void emit_packet(struct prog_text *p, u32 prog_type)
{
	bool is_xdp = prog_type == BPF_PROG_TYPE_XDP;

	emit(p,
		(struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
			.dst_reg = 8,
			.src_reg = 6,
			.off = is_xdp ? offsetof(struct xdp_md, data)
				      : offsetof(struct __sk_buff, data)});
	emit(p,
		(struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
			.dst_reg = 9,
			.src_reg = 6,
			.off = is_xdp ? offsetof(struct xdp_md, data_end)
				      : offsetof(struct __sk_buff, data_end)});
	emit_mov_reg(p, 2, 8);
	emit(p,
		(struct bpf_insn){
			.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = MEM_BYTES});
	emit_mov_imm(p, 0, 1);
	emit(p,
		(struct bpf_insn){
			.code = BPF_JMP | BPF_JLE | BPF_X, .dst_reg = 2, .src_reg = 9, .off = 1});
	emit(p, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
}

static char log_buf[1 << 16];

/* Loads the call; true = the kernel took its arguments, whatever it said later. */
static bool kernel_takes_call(const struct call *call, u32 log_level)
{
	struct prog_text p = {.count = 0};
	struct kernel_load load = {.prog_type = call->query.prog_type,
		.attach_type = call->query.attach_type,
		.flags = call->query.is_sleepable ? BPF_F_SLEEPABLE : 0,
		.log = log_buf,
		.log_size = sizeof(log_buf),
		.log_level = log_level,
		.license = call->license};
	bool needs_task = false;
	int fd;

	for (int i = 0; i < 5; i++)
		needs_task |= (call->spec->arg[i] & (ARG_TYPE_MASK | ARG_MAYBE_NULL)) == ARG_BTF_ID;
	emit_mov_reg(&p, 6, 1);
	for (s32 off = MEM_AT; off < 0; off += 8)
		emit(&p,
			(struct bpf_insn){
				.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = off});
	if (needs_task) {
		emit_call(&p, FUNC_get_current_task_btf);
		emit_mov_reg(&p, 7, 0);
	}
	if (call->how == PACKET)
		emit_packet(&p, call->query.prog_type);
	for (int i = 0; i < 5 && call->spec->arg[i]; i++)
		emit_arg(&p, call, i);
	emit_call(&p, call->spec->id);
	emit_mov_imm(&p, 0, RETURN_ONCE);
	emit(&p, (struct bpf_insn){.code = BPF_JMP | BPF_EXIT});
	load.insns = p.insns;
	load.insn_count = p.count;
	fd = kernel_prog_load(&load);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || strstr(log_buf, "Unreleased reference") ||
		strstr(log_buf, "BPF_EXIT instruction in main prog would lead to reference leak");
}

static bool is_size_type(u32 arg)
{
	arg &= ARG_TYPE_MASK;
	return arg == ARG_CONST_SIZE || arg == ARG_CONST_SIZE_OR_ZERO;
}

/* These write where kernels before 6.13 did not say so; we do not follow them. */
static bool is_hole(u32 id)
{
	return kernel_version() < KERNEL(6, 13) &&
		(id == FUNC_fib_lookup || id == FUNC_sysctl_get_name ||
			id == FUNC_read_branch_records || id == FUNC_snprintf_btf);
}

/* With CAP_PERFMON all of the stack may be read. */
static bool works_without_perfmon(const struct call *call)
{
	struct helper_query query = call->query;
	const struct helper_spec *spec;

	query.caps = CAP_NEEDED_BPF | CAP_NEEDED_NET_ADMIN;
	return !(progtype_caps(query.prog_type) & CAP_NEEDED_PERFMON) &&
		helper_spec_for(call->spec->id, &query, &spec) == HELPER_OK;
}

/* What the contract says of a spoiled argument: 1 taken, 0 refused, -1 not worth trying. */
static int expect(const struct call *call)
{
	u32 arg = call->spec->arg[call->spoiled], type = arg & ARG_TYPE_MASK;

	switch (call->how) {
	case ZERO:
		if (type == ARG_ANYTHING || type == ARG_SCALAR || (arg & ARG_MAYBE_NULL))
			return type == ARG_MEM && (arg & ARG_MAYBE_NULL) ? -1 : 1;
		if (type == ARG_CONST_ALLOC_SIZE_OR_ZERO || type == ARG_CONST_SIZE_OR_ZERO)
			return 1;
		/* NULL with a size that may be 0 depends on the size, which is not 0 here */
		return 0;
	case UNINIT:
		if (type != ARG_MEM || (arg & ARG_FIXED_SIZE) || !works_without_perfmon(call))
			return -1;
		return !!(arg & ARG_UNINIT);
	case RDONLY:
		if (is_hole(call->spec->id))
			return -1;
		return type == ARG_MEM ? !(arg & ARG_WRITE) : -1;
	case FRAME:
		if (call->spec->id == FUNC_get_local_storage)
			return -1; /* its flags must be 0 */
		if (type == ARG_ANYTHING)
			return 1;
		return type == ARG_SCALAR || is_size_type(arg) ? 0 : -1;
	default: return 1;
	}
}

/* Refusals that contracts do not tell of. */
static bool is_other_trouble(void)
{
	/* these two depend on the configuration; the last is known in two program types only */
	return strstr(log_buf, "helper bpf_probe_write_user") ||
		strstr(log_buf, "helper bpf_override_return") ||
		strstr(log_buf, "unknown func bpf_override_return") ||
		strstr(log_buf, "func bpf_get_func_ip#173 not supported for program type");
}

static u32 good_calls, spoiled_calls;

static void try_spoils(struct call *call)
{
	for (call->spoiled = 0; call->spoiled < 5 && call->spec->arg[call->spoiled];
		call->spoiled++)
		for (call->how = ZERO; call->how < SPOIL_COUNT; call->how++) {
			int want = expect(call);
			bool taken;

			if (want < 0)
				continue;
			spoiled_calls++;
			if (call->how == UNINIT && !kernel_limit_caps(true, false, true))
				continue;
			taken = kernel_takes_call(call, 1);
			kernel_restore_caps();
			CHECK_MSG(taken == want,
				"%s in program type %u, argument %d %s: ours %d, kernel: %s",
				call->spec->name, call->query.prog_type, call->spoiled + 1,
				spoil_names[call->how], want, log_buf);
		}
	call->spoiled = -1;
}

/* What the log shows in R0 after the call, behind "R0=" or, until 6.12, "R0_w=". */
static const char *return_text(const struct helper_spec *spec)
{
	bool may_be_null = spec->ret & RET_MAYBE_NULL;

	switch (spec->ret & RET_TYPE_MASK) {
	case RET_INTEGER: return "scalar(";
	case RET_MAP_VALUE: return may_be_null ? "map_value_or_null(" : "map_value(";
	case RET_SOCKET: return may_be_null ? "sock_or_null(" : "sock(";
	case RET_TCP_SOCK: return may_be_null ? "tcp_sock_or_null(" : "tcp_sock(";
	case RET_SOCK_COMMON: return may_be_null ? "sock_common_or_null(" : "sock_common(";
	case RET_MEM:
		if (spec->ret & RET_RINGBUF)
			return kernel_version() < KERNEL(6, 2) ? "alloc_mem_or_null("
							       : "ringbuf_mem_or_null(";
		return may_be_null ? "mem_or_null(" : "mem(";
	case RET_BTF_ID:
		if (spec->ret & RET_TRUSTED)
			return may_be_null ? "trusted_ptr_or_null_" : "trusted_ptr_";
		return may_be_null ? "ptr_or_null_" : "ptr_";
	default: return "";
	}
}

static bool shows_return(const char *after, const struct helper_spec *spec)
{
	const char *want = return_text(spec), *r0 = after;

	if (!*want)
		return true;
	while ((r0 = strstr(r0, "R0"))) {
		const char *value = r0 + (strncmp(r0, "R0_w=", 5) == 0 ? 5 : 3);

		if (strncmp(value, want, strlen(want)) == 0)
			return true;
		/* a number whose only value is known */
		if ((spec->ret & RET_TYPE_MASK) == RET_INTEGER && *value >= '0' && *value <= '9')
			return true;
		r0 += 2;
	}
	return false;
}

static void check_return(struct call *call)
{
	char text[64];
	const char *after;

	snprintf(text, sizeof(text), "call %s#%u", call->spec->name, call->spec->id);
	kernel_takes_call(call, 2);
	after = strstr(log_buf, text);
	CHECK_MSG(after && shows_return(after, call->spec),
		"%s in program type %u returns something else: %.300s", call->spec->name,
		call->query.prog_type, after ? after : log_buf);
}

/* Without a GPL-compatible licence. */
static void check_license(struct call *call)
{
	char text[64];
	const char *after;

	snprintf(text, sizeof(text), "call %s#%u", call->spec->name, call->spec->id);
	call->license = "Proprietary";
	if (!kernel_takes_call(call, 1)) {
		/* NULL: it came only to bpf_get_current_task_btf(), which is for GPL too */
		after = strstr(log_buf, text);
		CHECK_MSG(!after ||
				(call->spec->flags & HELPER_GPL_ONLY &&
					strstr(after, "GPL-restricted")),
			"%s in program type %u, licence: kernel: %s", call->spec->name,
			call->query.prog_type, log_buf);
	} else {
		CHECK_MSG(!(call->spec->flags & HELPER_GPL_ONLY), "%s is not for GPL only",
			call->spec->name);
	}
	call->license = NULL;
}

static u32 pick_map(const struct call *call)
{
	for (u32 type = 1; type <= maptype_spec_count(); type++)
		if (map_fds[type] >= 0 &&
			maptype_allows_helper(type, call->spec->id, call->query.prog_type,
				call->query.attach_type))
			return type;
	return 0;
}

static bool takes_map(const struct helper_spec *spec)
{
	for (int i = 0; i < 5; i++)
		if ((spec->arg[i] & ARG_TYPE_MASK) == ARG_CONST_MAP_PTR)
			return true;
	return false;
}

static bool can_make_all(const struct call *call)
{
	for (int i = 0; i < 5; i++)
		if (!can_make(call, i))
			return false;
	return !takes_map(call->spec) || call->map_type;
}

static bool query_for(u32 type, struct helper_query *query)
{
	const struct progtype_spec *prog = progtype_spec_by_type(type);

	*query = (struct helper_query){
		.prog_type = type, .caps = CAP_ALL, .kernel = kernel_version()};
	query->is_sleepable = type == BPF_PROG_TYPE_SYSCALL;
	if (prog->flags & PROGTYPE_BTF_ARGS || type == BPF_PROG_TYPE_LIRC_MODE2 ||
		prog->since > kernel_version())
		return false;
	for (u32 at = 0; at < 64; at++)
		if (prog->attach >> at & 1) {
			query->attach_type = at;
			return true;
		}
	return false;
}

static void try_helper(u32 id, u32 type, const struct helper_spec **seen)
{
	struct call call = {.spoiled = -1};

	if (!query_for(type, &call.query) ||
		helper_spec_for(id, &call.query, &call.spec) != HELPER_OK)
		return;
	call.map_type = pick_map(&call);
	if (*seen == call.spec || !can_make_all(&call))
		return;
	if (!kernel_takes_call(&call, 1)) {
		bool may_sleep = call.spec->flags & HELPER_MIGHT_SLEEP;

		if (may_sleep && !call.query.is_sleepable &&
			strstr(log_buf, "helper call might sleep in a non-sleepable prog"))
			return;
		CHECK_MSG(is_other_trouble(), "%s in program type %u: %s", call.spec->name, type,
			log_buf);
		return;
	}
	*seen = call.spec;
	good_calls++;
	CHECK(!(call.spec->flags & HELPER_MIGHT_SLEEP) || call.query.is_sleepable);
	check_return(&call);
	check_license(&call);
	try_spoils(&call);
}

TEST(the_live_kernel_takes_the_arguments_that_the_contracts_say)
{
	kernel_or_skip();
	make_maps();
	for (u32 id = 1; id <= helper_spec_count(); id++) {
		const struct helper_spec *seen = NULL;

		/* a contract is tried in the first program type that has it */
		for (u32 type = 1; type <= progtype_spec_count(); type++)
			try_helper(id, type, &seen);
	}
	close_maps();
	tap_note("%u contracts with %u spoiled arguments", good_calls, spoiled_calls);
	CHECK(good_calls > 100);
}

static void try_packet(u32 id, u32 type, u32 *tried)
{
	struct call call = {.spoiled = -1};

	if (!query_for(type, &call.query) ||
		helper_spec_for(id, &call.query, &call.spec) != HELPER_OK)
		return;
	call.map_type = pick_map(&call);
	if (!can_make_all(&call) || !kernel_takes_call(&call, 1))
		return;
	call.how = PACKET;
	for (call.spoiled = 0; call.spoiled < 5; call.spoiled++) {
		u32 arg = call.spec->arg[call.spoiled] & ARG_TYPE_MASK;

		if (arg != ARG_MEM && arg != ARG_MAP_KEY && arg != ARG_MAP_VALUE)
			continue;
		++*tried;
		CHECK_MSG(kernel_takes_call(&call, 1) == !!(call.spec->flags & HELPER_PKT_ACCESS),
			"%s in program type %u, argument %d in the packet: kernel: %s",
			call.spec->name, type, call.spoiled + 1, log_buf);
	}
}

TEST(the_live_kernel_lets_the_same_helpers_see_the_packet)
{
	u32 tried = 0;

	kernel_or_skip();
	make_maps();
	for (u32 id = 1; id <= helper_spec_count(); id++) {
		try_packet(id, BPF_PROG_TYPE_SCHED_CLS, &tried);
		try_packet(id, BPF_PROG_TYPE_XDP, &tried);
	}
	close_maps();
	CHECK(tried > 50);
}

TEST(the_live_kernel_lets_the_same_helpers_use_a_map)
{
	u32 compared = 0;

	kernel_or_skip();
	make_maps();
	for (u32 type = 1; type <= progtype_spec_count(); type++)
		for (u32 id = 1; id <= helper_spec_count(); id++) {
			struct call call = {.spoiled = -1};

			if (!query_for(type, &call.query) ||
				helper_spec_for(id, &call.query, &call.spec) != HELPER_OK ||
				!takes_map(call.spec))
				continue;
			for (u32 map = 1; map <= maptype_spec_count(); map++) {
				bool ours, taken, refused;

				call.map_type = map;
				if (map_fds[map] < 0 || !can_make_all(&call))
					continue;
				/* the three program types that differ about maps of sockets, one
				 * other */
				if (type != BPF_PROG_TYPE_XDP && type != BPF_PROG_TYPE_SOCK_OPS &&
					type != BPF_PROG_TYPE_KPROBE && !getenv("HACHI_SOAK"))
					continue;
				ours = maptype_allows_helper(map, id, type, call.query.attach_type);
				taken = kernel_takes_call(&call, 1);
				refused = strstr(log_buf, "cannot pass map_type") ||
					strstr(log_buf, "cannot update sockmap");
				if (!taken && !refused)
					continue; /* for another reason; it says nothing */
				compared++;
				CHECK_MSG(taken == ours, "%s with map type %u in %u: ours %d: %s",
					call.spec->name, map, type, ours, log_buf);
			}
		}
	close_maps();
	tap_note("%u pairs compared", compared);
	CHECK(compared > 300);
}
