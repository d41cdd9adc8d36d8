/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images of random programs with what the validator was told of them, for tests that look at
 * machine code or spoil it. A test file includes this once.
 */
#ifndef TEST_IMAGES_H
#define TEST_IMAGES_H

#include "fuzz/gen_engine.c"
#include "jit/validate.h"

enum { IMAGE_MAX_BYTES = 1 << 17, IMAGE_MAX_FUNCS = 64, IMAGE_MAX_CALLS = 4096 };

struct images_one {
	u8 code[IMAGE_MAX_BYTES];
	u32 funcs[IMAGE_MAX_FUNCS];
	u64 calls[IMAGE_MAX_CALLS];
	struct validate v; /* of the above */
	validate_fn machine;
	bool is_there;
};

static struct images_one images_last;

static void images_keep(const struct validate *v, validate_fn machine)
{
	struct images_one *one = &images_last;

	one->is_there = v->size <= IMAGE_MAX_BYTES && v->func_count <= IMAGE_MAX_FUNCS &&
		v->call_count <= IMAGE_MAX_CALLS;
	if (!one->is_there)
		return;
	one->v = *v;
	one->machine = machine;
	memcpy(one->code, v->code, v->size);
	memcpy(one->funcs, v->funcs, v->func_count * sizeof(*v->funcs));
	memcpy(one->calls, v->calls, v->call_count * sizeof(*v->calls));
	one->v.code = one->code;
	one->v.funcs = one->funcs;
	one->v.calls = one->calls;
	one->v.program = NULL;
	one->v.arena = NULL;
	one->v.secrets = NULL;
}

static u64 images_value[GEN_VALUE_BYTES / 8];

static u64 images_helper(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return 0;
}

/* One near, one that no call reaches. */
static helper_fn images_find_helper(void *ctx, u32 id)
{
	return id == GEN_HELPER_MIX ? images_helper : (helper_fn)(uintptr_t)0x7123456789ab;
}

/* Compiles code; its image is in images_last afterwards. 0 or -errno. */
static int images_compile(const struct engine *engine, const struct code *code)
{
	struct image *image;
	int err;

	images_last.is_there = false;
	validate_observer = images_keep;
	err = engine->compile(code, NULL, &image);
	validate_observer = NULL;
	if (!err)
		engine->free(image);
	return err;
}

/* The program of a seed, with one or the other property. */
static int images_of_seed(const struct engine *engine, u64 seed)
{
	static struct gen_prog p;
	static struct code_map map;
	u32 flags = GEN_V4 | GEN_NEW | (seed & 1 ? GEN_HELPERS : 0) | (seed & 2 ? GEN_FUNCS : 0);
	struct code code = {.maps = &map, .map_count = 1, .helper = images_find_helper};

	gen_program(seed, flags, &p);
	map = (struct code_map){
		.values = (u64)(uintptr_t)images_value, .value_size = sizeof(images_value)};
	code.insns = p.insns;
	code.insn_count = p.count;
	code.subprogs = p.funcs;
	code.subprog_count = p.func_count;
	code.uses_fuel = seed % 5 == 0;
	code.blind = seed % 7 == 0;
	return images_compile(engine, &code);
}

/*
 * What random programs lack: a tail call of either kind, callbacks, may_goto, the packet, a frame
 * beyond the red zone. n counts from 0; -ENOENT behind the last.
 */
static int images_special(const struct engine *engine, u32 n)
{
	static struct {
		u32 count;
		const struct image *slots[4];
	} table = {.count = 4};
	static const struct insn known_tail[] = {INSN_MOV64_REG(6, 1), INSN_LD_MAP_IDX(2, 0),
		INSN_MOV64_IMM(3, 1), INSN_CALL(BPF_FUNC_tail_call), INSN_MOV64_IMM(0, 7),
		INSN_EXIT()};
	static const struct insn any_tail[] = {INSN_MOV64_REG(6, 1), INSN_LDX_MEM(BPF_DW, 2, 1, 0),
		INSN_STX_MEM(BPF_DW, 10, 1, -400), INSN_LDX_MEM(BPF_W, 3, 1, 8),
		INSN_CALL(BPF_FUNC_tail_call), INSN_LDX_MEM(BPF_DW, 0, 10, -400),
		INSN_ALU64_REG(BPF_ADD, 0, 6), INSN_EXIT()};
	static const struct insn callback[] = {INSN_LD_FUNC(2, 1), INSN_MOV64_IMM(1, 5),
		INSN_MOV64_REG(3, 10), INSN_ALU64_IMM(BPF_ADD, 3, -8),
		INSN_ST_MEM(BPF_DW, 10, -8, 1), INSN_CALL(GEN_HELPER_MEM), INSN_EXIT(),
		INSN_LDX_MEM(BPF_DW, 0, 2, 0), INSN_EXIT()};
	static const struct insn may_goto[] = {INSN_MOV64_IMM(0, 0), INSN_ALU64_IMM(BPF_ADD, 0, 1),
		INSN_MAYGOTO(1), INSN_JA(-3), INSN_EXIT()};
	static const struct insn packet[] = {
		INSN_MOV64_REG(6, 1), INSN_LD_ABS(BPF_H, 12), INSN_EXIT()};
	static const struct {
		const struct insn *insns;
		u32 count;
		u32 prog_type;
		bool has_tail, has_func;
		u32 func_at;
	} all[] = {
		{known_tail, ARRAY_SIZE(known_tail), .has_tail = true},
		{any_tail, ARRAY_SIZE(any_tail), .has_tail = true},
		{callback, ARRAY_SIZE(callback), .has_func = true, .func_at = 8},
		{may_goto, ARRAY_SIZE(may_goto)},
		{packet, ARRAY_SIZE(packet), .prog_type = BPF_PROG_TYPE_SOCKET_FILTER},
	};
	struct code_map map = {.handle = 0x5000, .type = BPF_MAP_TYPE_PROG_ARRAY, .max_entries = 4};
	struct code_subprog subprogs[2] = {{.stack_bytes = 400}, {.is_callback = true}};
	struct code_fact facts[16] = {{0}};
	struct code code = {.maps = &map,
		.map_count = 1,
		.helper = images_find_helper,
		.subprogs = subprogs,
		.facts = facts};
	u32 i;

	if (n >= ARRAY_SIZE(all))
		return -ENOENT;
	map.tail = (const struct tail_table *)(const void *)&table;
	code.insns = all[n].insns;
	code.insn_count = all[n].count;
	code.prog_type = all[n].prog_type;
	code.subprog_count = 1 + all[n].has_func;
	subprogs[0].has_tail_call = all[n].has_tail;
	subprogs[1].start = all[n].func_at;
	for (i = 0; i < ARRAY_SIZE(facts); i++)
		facts[i].map = n == 0 ? 0 : -1;
	return images_compile(engine, &code);
}

#endif
