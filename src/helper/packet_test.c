// SPDX-License-Identifier: BSD-2-Clause
/*
 * Packet helpers beside the kernel's: a program that makes the same calls is run there by
 * BPF_PROG_TEST_RUN on the same packet; results and packets must be equal.
 */
#include "helper/helper.h"

#include "isa/insn.h"
#include "test/kernel.h"
#include <hachi/abi.h>
#include <hachi/context.h>

#include <stdlib.h>

#define PACKET_MAX 2048
#define CALLS_MAX  6

struct call {
	u32 id;
	bool has_ctx; /* r1 is the context, args start at r2 */
	u64 args[5];  /* PTR: the stack buffer */
	u32 arg_count;
};

#define PTR 0x123456789abcull

struct outcome {
	s32 rets[CALLS_MAX];
	u8 data[PACKET_MAX];
	u32 len;
	u8 buffer[64]; /* what stands at PTR afterwards */
};

static u32 rng(void)
{
	static u64 state = 99;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(state >> 33);
}

static struct bpf_insn insn(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	return (struct bpf_insn){code, dst, src, off, imm};
}

/* The calls as a program; results go to cb[] of the context or, for XDP, to the first map value. */
static u32 build(
	struct bpf_insn *p, const struct call *calls, u32 count, int result_map, const u8 *buffer)
{
	u32 n = 0, key_off = 4;

#define EMIT(...) p[n++] = insn(__VA_ARGS__)
	EMIT(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	EMIT(BPF_ST | BPF_MEM | BPF_W, 10, 0, -(s16)key_off, 0);
	EMIT(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, result_map);
	EMIT(0, 0, 0, 0, 0);
	EMIT(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
	EMIT(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -(s32)key_off);
	EMIT(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	EMIT(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
	EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	EMIT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	EMIT(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0);
	for (u32 i = 0; i < 64; i += 4)
		EMIT(BPF_ST | BPF_MEM | BPF_W, 10, 0, (s16)(-80 + (s16)i),
			(s32)load_u32(buffer + i));
	for (u32 c = 0; c < count; c++) {
		u32 reg = 1;

		if (calls[c].has_ctx)
			EMIT(BPF_ALU64 | BPF_MOV | BPF_X, reg++, 6, 0, 0);
		for (u32 i = 0; i < calls[c].arg_count; i++, reg++) {
			if (calls[c].args[i] == PTR) {
				EMIT(BPF_ALU64 | BPF_MOV | BPF_X, reg, 10, 0, 0);
				EMIT(BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, -80);
				continue;
			}
			EMIT(BPF_LD | BPF_IMM | BPF_DW, reg, 0, 0, (s32)calls[c].args[i]);
			EMIT(0, 0, 0, 0, (s32)(calls[c].args[i] >> 32));
		}
		EMIT(BPF_JMP | BPF_CALL, 0, 0, 0, (s32)calls[c].id);
		EMIT(BPF_STX | BPF_MEM | BPF_W, 7, 0, (s16)(c * 4), 0);
	}
	for (u32 i = 0; i < 64; i += 4) {
		EMIT(BPF_LDX | BPF_MEM | BPF_W, 1, 10, (s16)(-80 + (s16)i), 0);
		EMIT(BPF_STX | BPF_MEM | BPF_W, 7, 1, (s16)(32 + i), 0);
	}
	EMIT(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	EMIT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	/* a register of a stored result is r0 */
	for (u32 i = 0; i < n; i++)
		if (p[i].code == (BPF_STX | BPF_MEM | BPF_W) && p[i].off < 32)
			p[i].src_reg = 0;
	return n;
#undef EMIT
}

static int result_map(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 96;
	attr.max_entries = 1;
	return kernel_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

/* false: the kernel does not take the program or the packet. */
static bool run_kernel(u32 type, const struct call *calls, u32 count, const u8 *packet, u32 len,
	const u8 *buffer, struct outcome *out)
{
	struct bpf_insn insns[256];
	int map = result_map(), fd, err;
	u8 value[96] = {0};
	char log[16384];
	u32 key = 0;
	struct kernel_load load = {.prog_type = type,
		.insns = insns,
		.insn_count = build(insns, calls, count, map, buffer),
		.log = log,
		.log_size = sizeof(log)};
	union bpf_attr attr;

	REQUIRE(map >= 0);
	fd = kernel_prog_load(&load);
	if (fd < 0) {
		tap_note("kernel refuses: %d\n%s", fd, log);
		close(map);
		return false;
	}
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = len;
	attr.test.data_out = (uintptr_t)out->data;
	attr.test.data_size_out = PACKET_MAX;
	err = kernel_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	out->len = attr.test.data_size_out;
	close(fd);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	if (!err)
		err = kernel_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
	close(map);
	memcpy(out->rets, value, sizeof(out->rets));
	memcpy(out->buffer, value + 32, 64);
	return err == 0;
}

static void call_ours(u32 type, const struct call *calls, u32 count, struct run *run, u8 *buffer,
	struct outcome *out)
{
	for (u32 c = 0; c < count; c++) {
		helper_fn fn = helper_fn_for(calls[c].id, type);
		u64 r[5] = {0};
		u32 at = 0;

		REQUIRE(fn != NULL);
		if (calls[c].has_ctx)
			r[at++] = (uintptr_t)run->ctx;
		for (u32 i = 0; i < calls[c].arg_count; i++)
			r[at++] = calls[c].args[i] == PTR ? (uintptr_t)buffer : calls[c].args[i];
		out->rets[c] = (s32)fn(r[0], r[1], r[2], r[3], r[4], run);
	}
	memcpy(out->buffer, buffer, 64);
}

static void run_ours(u32 type, const struct call *calls, u32 count, const u8 *packet, u32 len,
	const u8 *buffer_in, struct outcome *out)
{
	static u8 space[16384];
	struct hachi_world world;
	struct run run = {.world = &world};
	u64 start = (uintptr_t)space + 1024;
	struct hachi_skb skb = {.head = (uintptr_t)space,
		.end = (uintptr_t)space + sizeof(space),
		.data = start,
		.data_end = start + len,
		.data_meta = start,
		.len = len,
		.mac_header = 1024,
		.network_header = 1024 + 14,
		.protocol = load_u16(packet + 12)};
	struct hachi_xdp xdp = {.hard_start = start - 216, /* 256 but for the kernel's xdp_frame */
		.hard_end = (uintptr_t)space + 1024 + 3520,
		.data = start,
		.data_end = start + len,
		.data_meta = start};
	u8 buffer[64];

	memset(space, 0, sizeof(space)); /* what adjustments uncover, as in a fresh page */
	memcpy((void *)(uintptr_t)(start), packet, len);
	memcpy(buffer, buffer_in, 64);
	world_init_self(&world);
	run.ctx = type == BPF_PROG_TYPE_XDP ? (void *)&xdp : &skb;
	call_ours(type, calls, count, &run, buffer, out);
	if (type == BPF_PROG_TYPE_XDP) {
		/* the test run hands out the metadata too */
		out->len = (u32)(xdp.data_end - xdp.data_meta);
		memcpy(out->data, (void *)(uintptr_t)(xdp.data_meta), MIN(out->len, PACKET_MAX));
	} else {
		CHECK_EQ(skb.len, skb.data_end - skb.data);
		out->len = skb.len;
		memcpy(out->data, (void *)(uintptr_t)(skb.data), MIN(out->len, PACKET_MAX));
	}
}

static u32 make_packet(u8 *packet, u32 kind)
{
	static const u16 protos[] = {0x0008, 0xdd86, 0x0081, 0xffff};
	u32 len = 64 + rng() % 200;

	for (u32 i = 0; i < len; i++)
		packet[i] = (u8)rng();
	store_u16(packet + 12, protos[kind % 4]);
	if (kind % 4 == 0)
		packet[14] = 0x45;
	if (kind % 4 == 1)
		packet[14] = 0x60;
	if (kind % 4 == 2)
		store_u16(packet + 16, kind & 4 ? 0x0008 : 0x0081);
	if (kind % 4 == 2 && !(kind & 4))
		store_u16(packet + 20, 0x0008);
	return len;
}

/* Runs the same calls on both sides and compares. */
static u32 compare(u32 type, const struct call *calls, u32 count, u32 packet_kind)
{
	static struct outcome ours, theirs;
	u8 packet[PACKET_MAX], buffer[64];
	u32 len = make_packet(packet, packet_kind);
	bool same;

	for (u32 i = 0; i < 64; i++)
		buffer[i] = (u8)rng();
	memset(&ours, 0, sizeof(ours));
	memset(&theirs, 0, sizeof(theirs));
	if (!run_kernel(type, calls, count, packet, len, buffer, &theirs))
		return 0;
	run_ours(type, calls, count, packet, len, buffer, &ours);
	same = CHECK_EQ(ours.len, theirs.len);
	for (u32 c = 0; c < count; c++)
		same &= CHECK_EQ(ours.rets[c], theirs.rets[c]);
	same &= CHECK_MEM(ours.data, theirs.data, MIN(ours.len, PACKET_MAX));
	same &= CHECK_MEM(ours.buffer, theirs.buffer, 64);
	for (u32 c = 0; c < count && !same; c++)
		tap_note("call %u: helper %u (%llx %llx %llx %llx) of packet %u, %u bytes", c,
			calls[c].id, (unsigned long long)calls[c].args[0],
			(unsigned long long)calls[c].args[1], (unsigned long long)calls[c].args[2],
			(unsigned long long)calls[c].args[3], packet_kind, len);
	return 1;
}

static u32 some_offset(void)
{
	switch (rng() % 6) {
	case 0: return 0;
	case 1: return 0xffff + rng() % 3;
	case 2: return 0xffffffffu - rng() % 20;
	default: return rng() % 280;
	}
}

static void compare_many(u32 type, struct call (*make)(void), u32 rounds, u32 calls_max)
{
	u32 ran = 0;

	kernel_or_skip();
	for (u32 i = 0; i < rounds; i++) {
		struct call calls[CALLS_MAX];
		u32 count = 1 + rng() % calls_max;

		for (u32 c = 0; c < count; c++)
			calls[c] = make();
		ran += compare(type, calls, count, rng());
	}
	CHECK_MSG(ran > rounds * 3 / 4, "%u of %u ran", ran, rounds);
}

static struct call bytes_call(void)
{
	u32 len = 1 + rng() % 60;

	switch (rng() % 4) {
	case 0: return (struct call){BPF_FUNC_skb_load_bytes, true, {some_offset(), PTR, len}, 3};
	case 1:
		return (struct call){
			BPF_FUNC_skb_store_bytes, true, {some_offset(), PTR, len, rng() % 4}, 4};
	case 2:
		return (struct call){BPF_FUNC_skb_load_bytes_relative, true,
			{some_offset(), PTR, len, rng() % 3}, 4};
	default: return (struct call){BPF_FUNC_skb_pull_data, true, {rng() % 300}, 1};
	}
}

TEST(bytes_of_packets_are_loaded_and_stored_as_the_kernel_does)
{
	compare_many(BPF_PROG_TYPE_SCHED_CLS, bytes_call, 150, 3);
}

static struct call csum_call(void)
{
	static const u64 sizes[] = {0, 2, 4, 2, 4, 3};
	u64 size = sizes[rng() % 6], from = size ? rng() : rng() % 8 == 0, to = rng();

	switch (rng() % 4) {
	case 0:
		return (struct call){BPF_FUNC_l3_csum_replace, true,
			{rng() % 8 ? rng() % 100 * 2 : some_offset(), from, to, size}, 4};
	case 1:
		return (struct call){BPF_FUNC_l4_csum_replace, true,
			{rng() % 8 ? rng() % 100 * 2 : some_offset(), from, to,
				size | (rng() % 8) << 4},
			4};
	case 2: return (struct call){BPF_FUNC_csum_level, true, {rng() % 5}, 1};
	default:
		return (struct call){BPF_FUNC_csum_diff, false,
			{PTR, rng() % 9 * 4, PTR, rng() % 9 * 4 + (rng() % 8 == 0), rng()}, 5};
	}
}

TEST(checksums_are_updated_as_the_kernel_does)
{
	compare_many(BPF_PROG_TYPE_SCHED_CLS, csum_call, 200, 3);
}

static struct call size_call(void)
{
	u64 flags = rng() % 3 ? 0 : 1ull << rng() % 12;

	switch (rng() % 6) {
	case 0:
		return (struct call){BPF_FUNC_skb_change_head, true,
			{rng() % 16 ? rng() % 16 : 16000 + rng() % 200, rng() % 16 == 0}, 2};
	case 1:
		/*
		 * Not near the headers: when the kernel had to find new headroom, the length that
		 * it takes for the least one is off (the transport header, never set, counts as
		 * set).
		 */
		return (struct call){BPF_FUNC_skb_change_tail, true,
			{rng() % 8		    ? 350 + rng() % 200
					: rng() % 2 ? rng() % 14
						    : 15000 + rng() % 5000,
				rng() % 16 == 0},
			2};
	case 2:
		return (struct call){BPF_FUNC_skb_adjust_room, true,
			{(u64)(s64)((s32)(rng() % 200) - 100), rng() % 3, flags}, 3};
	case 3:
		return (struct call){BPF_FUNC_skb_change_proto, true,
			{rng() % 2 ? 0x0008 : 0xdd86, rng() % 16 == 0}, 2};
	case 4:
		return (struct call){BPF_FUNC_skb_vlan_push, true,
			{rng() % 3 ? 0x0081 : rng() & 0xffff, rng() & 0xffff}, 2};
	default: return (struct call){BPF_FUNC_skb_vlan_pop, true, {0}, 0};
	}
}

TEST(packets_grow_and_shrink_as_the_kernels_do)
{
	compare_many(BPF_PROG_TYPE_SCHED_CLS, size_call, 400, 4);
}

static struct call xdp_call(void)
{
	s32 diff = (s32)(rng() % 400) - 200;
	u32 len = 1 + rng() % 60;

	switch (rng() % 5) {
	case 0: return (struct call){BPF_FUNC_xdp_adjust_head, true, {(u64)(s64)diff}, 1};
	case 1: return (struct call){BPF_FUNC_xdp_adjust_tail, true, {(u64)(s64)diff}, 1};
	case 2: return (struct call){BPF_FUNC_xdp_load_bytes, true, {some_offset(), PTR, len}, 3};
	case 3: return (struct call){BPF_FUNC_xdp_store_bytes, true, {some_offset(), PTR, len}, 3};
	default:
		return (struct call){BPF_FUNC_xdp_adjust_meta, true,
			{(u64)(s64)(rng() % 2 ? diff / 4 * 4 : diff)}, 1};
	}
}

TEST(frames_are_adjusted_as_the_kernels_are)
{
	compare_many(BPF_PROG_TYPE_XDP, xdp_call, 250, 4);
}
