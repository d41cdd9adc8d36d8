// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guard of tests and fuzzers: whether an access lies in memory that the program can have got by
 * right: its context, the packet behind it, a map that it uses or that such a map holds, memory
 * that a helper lent. The stack is the interpreter's own business.
 */
#include "prog/prog.h"
#include <hachi/context.h>

static bool is_inside(u64 addr, u32 size, u64 start, u64 end)
{
	return addr >= start && addr <= end && end - addr >= size;
}

static bool in_map(const struct map *map, u64 addr, u32 size, u32 depth)
{
	u64 start = (u64)(uintptr_t)map->region;

	if (is_inside(addr, size, start, start + map->region_size))
		return true;
	if (!map->inner_template || !map->objects || depth)
		return false;
	for (u32 i = 0; i < map->params.max_entries; i++) {
		const struct map *inner = __atomic_load_n(&map->objects[i], __ATOMIC_ACQUIRE);

		if (inner && in_map(inner, addr, size, depth + 1))
			return true;
	}
	return false;
}

static bool in_custom(const struct ctx_layout *layout, const u8 *ctx, u64 addr, u32 size)
{
	u64 start = 0;

	for (u32 i = 0; i < layout->field_count; i++) {
		const struct ctx_field *field = &layout->fields[i];

		if (field->kind == CTX_MEM_START)
			start = load_u64(ctx + field->real_off);
		else if (field->kind == CTX_MEM_END &&
			is_inside(addr, size, start, load_u64(ctx + field->real_off)))
			return true;
	}
	return false;
}

static bool in_packet(const struct prog *prog, const void *ctx, u64 addr, u32 size)
{
	const struct hachi_xdp *xdp = ctx;
	const struct hachi_skb *skb = ctx;
	const struct progtype_spec *spec = progtype_spec_by_type(prog->type);

	if (prog->custom_ctx)
		return in_custom(prog->custom_ctx, ctx, addr, size);
	if (prog->type == BPF_PROG_TYPE_XDP)
		return is_inside(addr, size, MIN(xdp->data_meta, xdp->data), xdp->data_end);
	if (!spec || !spec->ctx_name || strcmp(spec->ctx_name, "__sk_buff"))
		return false;
	if (skb->flow_keys && is_inside(addr, size, skb->flow_keys, skb->flow_keys + 64))
		return true;
	return is_inside(addr, size, skb->data_meta ? MIN(skb->data_meta, skb->data) : skb->data,
		skb->data_end);
}

static bool may_access(
	const struct run_guard *guard, const struct run *run, u64 addr, u32 size, bool is_write)
{
	const struct prog *prog = run->image->prog;
	u64 ctx = (u64)(uintptr_t)run->ctx;

	if (is_inside(addr, size, ctx, ctx + run->ctx_size))
		return true;
	for (u32 i = 0; i < run->lent_count && i < ARRAY_SIZE(run->lent); i++)
		if (is_inside(addr, size, run->lent[i].addr, run->lent[i].addr + run->lent[i].size))
			return true;
	for (u32 i = 0; i < prog->map_count; i++)
		if (in_map(prog->maps[i], addr, size, 0))
			return true;
	return run->ctx && in_packet(prog, run->ctx, addr, size);
}

static void tripped(struct run_guard *guard, const struct run *run, u32 insn, u64 addr)
{
	struct prog_guard *g = container_of(guard, struct prog_guard, guard);

	g->bad_insn = insn;
	g->bad_addr = addr;
}

void prog_guard_init(struct prog_guard *guard)
{
	*guard = (struct prog_guard){.guard = {may_access, tripped}};
}
