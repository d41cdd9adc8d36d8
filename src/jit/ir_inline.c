// SPDX-License-Identifier: BSD-2-Clause
/*
 * Helper calls that need no call. Lookups in arrays: element index * size behind a fixed address,
 * or NULL beyond the end; in a per-CPU array each CPU has the whole array, so many bytes further.
 * What the run or its world knows: a load. Lookups in hashes of a known key size stay calls, but of
 * the function that is made for that size.
 */
#include "jit/ir.h"

#include <hachi/world.h>

/* The map that a call of bpf_map_lookup_elem() always has, or NULL. */
static const struct code_map *known_map(
	const struct code *code, u32 at, const struct insn_brief *insn)
{
	s32 map;

	if (insn->operation != INSN_DO_CALL || insn->imm != BPF_FUNC_map_lookup_elem ||
		!code->facts)
		return NULL;
	map = code->facts[at].map;
	return map >= 0 && (u32)map < code->map_count ? &code->maps[map] : NULL;
}

/* The array that a call of bpf_map_lookup_elem() looks into, or NULL when it stays a call. */
const struct code_map *ir_inlined_map(const struct ir_program *p, const struct insn_brief *insn)
{
	const struct code *code = p->code;
	u32 at = (u32)(insn - p->insns);
	const struct code_map *map = known_map(code, at, insn);

	return map && map->elements ? map : NULL;
}

helper_fn ir_direct_lookup(const struct ir_program *p, const struct insn_brief *insn)
{
	const struct code_map *map = known_map(p->code, (u32)(insn - p->insns), insn);

	return map ? map->lookup : NULL;
}

static u32 world_field(struct ir_func *f, size_t offset)
{
	u32 world = ir_mem(f, IR_LOAD, 8, f->run, offsetof(struct run, world));

	return ir_mem(f, IR_LOAD, 4, world, (s64)offset);
}

u32 ir_inline_helper(struct ir_func *f, u32 id)
{
	u32 tgid, pid;

	switch (id) {
	case BPF_FUNC_get_smp_processor_id:
		return ir_mem(f, IR_LOAD, 4, f->run, offsetof(struct run, cpu));
	case BPF_FUNC_get_numa_node_id:
		return world_field(f, offsetof(struct hachi_world, numa_node));
	case BPF_FUNC_get_current_pid_tgid:
		tgid = world_field(f, offsetof(struct hachi_world, tgid));
		pid = world_field(f, offsetof(struct hachi_world, pid));
		return ir_alu(f, IR_OR, 64, ir_alu(f, IR_SHL, 64, tgid, ir_const(f, 32)), pid);
	default: return 0;
	}
}

u32 ir_inline_lookup(struct ir_func *f, const struct code_map *map, u32 key)
{
	u32 index = key, offset, address, v;

	if (map->index_mask != UINT32_MAX)
		index = ir_alu(f, IR_AND, 32, key, ir_const(f, map->index_mask));
	offset = ir_alu(f, IR_MUL, 64, index, ir_const(f, map->elem_size));
	address = ir_alu(f, IR_ADD, 64, offset, ir_const(f, map->elements));

	if (map->type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		u32 cpu = ir_mem(f, IR_LOAD, 4, f->run, offsetof(struct run, cpu));

		cpu = ir_alu(f, IR_MUL, 64, cpu, ir_const(f, map->cpu_stride));
		address = ir_alu(f, IR_ADD, 64, address, cpu);
	}
	if (ir_is_const(f, key)) {
		if (f->vals[key].imm >= map->max_entries)
			return ir_const(f, 0);
		f->vals[address].flags |= IR_NONNULL;
		return address;
	}
	f->vals[address].flags |= IR_NONNULL;
	v = ir_new(f, IR_SELECT, key, ir_const(f, map->max_entries));
	f->vals[v].w = 64;
	f->vals[v].cond = IR_ULT;
	f->vals[v].c = address;
	address = ir_new_args(f, 1);
	f->vals[v].args = address;
	f->vals[v].arg_count = 1;
	f->args[address] = ir_const(f, 0);
	return v;
}
