// SPDX-License-Identifier: BSD-2-Clause
/*
 * Lookups in arrays without a call: element index * size behind a fixed address, or NULL beyond the
 * end. In a per-CPU array each CPU has the whole array, so many bytes further.
 */
#include "jit/ir.h"

/* The array that a call of bpf_map_lookup_elem() looks into, or NULL when it stays a call. */
const struct code_map *ir_inlined_map(const struct ir_program *p, const struct insn_decoded *insn)
{
	const struct code *code = p->code;
	u32 at = (u32)(insn - p->insns);
	s32 map;

	if (insn->desc->operation != INSN_DO_CALL || insn->imm != BPF_FUNC_map_lookup_elem ||
		!code->facts || code->uses_fuel)
		return NULL;
	map = code->facts[at].map;
	if (map < 0 || (u32)map >= code->map_count || !code->maps[map].elements)
		return NULL;
	return &code->maps[map];
}

u32 ir_inline_lookup(struct ir_func *f, const struct code_map *map, u32 key)
{
	u32 offset = ir_alu(f, IR_MUL, 64, key, ir_const(f, map->elem_size));
	u32 address = ir_alu(f, IR_ADD, 64, offset, ir_const(f, map->elements)), v;

	if (map->type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		u32 cpu = ir_mem(f, IR_LOAD, 4, f->run, offsetof(struct run, cpu));

		cpu = ir_alu(f, IR_MUL, 64, cpu, ir_const(f, map->cpu_stride));
		address = ir_alu(f, IR_ADD, 64, address, cpu);
	}
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
