// SPDX-License-Identifier: BSD-2-Clause
/* The public calls that are no system calls: running programs, firing hooks, looking inside. */
#include "base/os.h"
#include "helper/helper.h"
#include "isa/disasm.h"
#include "jit/engine.h"
#include "syscall/info.h"
#include "syscall/instance.h"

#include <stdio.h>

static struct prog *prog_of(struct hachi_prog *prog)
{
	return (struct prog *)prog;
}

int hachi_prog_get(struct hachi *h, int prog_fd, struct hachi_prog **ret_prog)
{
	return prog_from_fd(h, prog_fd, (struct prog **)ret_prog);
}

void hachi_prog_put(struct hachi_prog *prog)
{
	prog_unref(prog_of(prog));
}

int hachi_prog_run(struct hachi_prog *prog, void *ctx, uint32_t ctx_size,
	const struct hachi_world *world, uint64_t *ret_value)
{
	return prog_run(prog_of(prog), ctx, ctx_size, world, 0, ret_value);
}

int hachi_prog_run_opts(struct hachi_prog *prog, void *ctx, uint32_t ctx_size,
	const struct hachi_world *world, const struct hachi_run_opts *opts, uint64_t *ret_value)
{
	struct hachi_run_opts all = {0};
	struct prog_run_limits limits;

	if (!opts)
		return hachi_prog_run(prog, ctx, ctx_size, world, ret_value);
	memcpy(&all, opts, MIN(opts->size, sizeof(all)));
	limits = (struct prog_run_limits){
		.fuel = all.fuel > 0 ? all.fuel : -1,
		.cancel = all.cancel,
	};
	if (all.time_limit_ns)
		limits.deadline_ns = os_time_ns(OS_CLOCK_MONOTONIC) + all.time_limit_ns;
	return prog_run_limited(prog_of(prog), ctx, ctx_size, world, 0, &limits, ret_value);
}

void *hachi_map_lookup(struct hachi *h, int map_fd, const void *key)
{
	void *value = NULL;
	struct map *map;

	if (map_from_fd(h, map_fd, &map))
		return NULL;
	if (map->ops->lookup && !map->objects)
		value = map->ops->lookup(map, key, 0);
	map_unref(map);
	return value;
}

uint64_t hachi_attach_generation(struct hachi *h)
{
	return __atomic_load_n(&h->hooks.generation, __ATOMIC_ACQUIRE);
}

int hachi_attach_walk(
	struct hachi *h, int (*fn)(const struct hachi_attachment *a, void *arg), void *arg)
{
	return hook_walk(&h->hooks, fn, arg);
}

int hachi_fire(struct hachi *h, uint32_t attach_id, void *ctx, uint32_t ctx_size,
	const struct hachi_world *world, uint64_t *ret_value)
{
	return hook_fire(&h->hooks, attach_id, ctx, ctx_size, world, ret_value);
}

bool hachi_has_helper(uint32_t helper_id)
{
	return helper_id == BPF_FUNC_tail_call ||
		(helper_id < HACHI_HELPER_CUSTOM && helper_fn_for(helper_id, BPF_PROG_TYPE_UNSPEC));
}

bool hachi_has_map_type(uint32_t map_type)
{
	return map_ops_for(map_type) != NULL;
}

/* ---- code as text ------------------------------------------------------------------------------
 */

u32 prog_show_insn(const struct prog *prog, struct insn *insn)
{
	u8 mode = insn->op & 0xe0, class = insn->op & 0x07;

	if (insn->op == (BPF_LD | BPF_IMM | BPF_DW)) {
		bool is_value =
			insn->src == BPF_PSEUDO_MAP_VALUE || insn->src == BPF_PSEUDO_MAP_IDX_VALUE;
		bool is_map = is_value || insn->src == BPF_PSEUDO_MAP_FD ||
			insn->src == BPF_PSEUDO_MAP_IDX;

		if (is_map && (u32)insn->imm < prog->map_count) {
			insn->src = is_value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
			insn->imm = (s32)prog->maps[insn->imm]->id;
		}
		return 2;
	}
	if (class == BPF_LDX && (mode == INSN_PROBE_MEM || mode == INSN_PROBE_MEM32))
		insn->op = (u8)(BPF_LDX | BPF_MEM | (insn->op & 0x18));
	else if (class == BPF_LDX && mode == INSN_PROBE_MEMSX)
		insn->op = (u8)(BPF_LDX | INSN_MEMSX | (insn->op & 0x18));
	else if ((class == BPF_STX || class == BPF_ST) && mode == INSN_PROBE_MEM32)
		insn->op = (u8)(class | BPF_MEM | (insn->op & 0x18));
	return 1;
}

static const char *custom_call_name(void *ctx, const struct insn *insn, char *buf, size_t size)
{
	const struct prog *prog = ctx;
	const struct hachi *h = prog->owner;
	const struct custom_helper *helper;

	if (insn->src)
		return NULL;
	helper = custom_helper_by_id(&h->custom, (u32)insn->imm);
	return helper ? helper->name : NULL;
}

/* The program between verifier and rewrite: as loaded, with what was learned of each instruction.
 */
static void dump_verified(
	const struct prog *prog, const struct disasm_opts *opts, struct strbuf *sb)
{
	for (u32 i = 0, n; i < prog->insn_count; i += n) {
		const struct code_fact *fact = prog->facts ? &prog->facts[i] : NULL;
		struct insn shown[2] = {prog->insns[i]};

		if (i + 1 < prog->insn_count)
			shown[1] = prog->insns[i + 1];
		prog_show_insn(prog, shown);
		strbuf_printf(sb, "%4u: ", i);
		n = (u32)disasm_insn(opts, shown, MIN(2u, prog->insn_count - i), sb);
		if (fact)
			strbuf_printf(sb, "\t; from %u%s%s%s%s", fact->orig,
				fact->is_dead ? " dead" : "", fact->zext_dst ? " zext" : "",
				fact->branch_known ? fact->branch_taken ? " taken" : " not-taken"
						   : "",
				fact->src_nonzero ? " nonzero" : "");
		strbuf_putc(sb, '\n');
	}
}

static int dump(const struct prog *prog, const char *stage, struct strbuf *sb)
{
	struct disasm_opts opts = {
		.call_name = custom_call_name,
		.imm_name = disasm_imm_pseudo,
		.ctx = (void *)(uintptr_t)prog,
	};

	if (!strcmp(stage, "load")) {
		disasm_program(&opts, prog->orig_insns, prog->orig_count, sb);
		return 0;
	}
	if (!strcmp(stage, "verify")) {
		dump_verified(prog, &opts, sb);
		return 0;
	}
	if (strcmp(stage, "rewrite"))
		return prog->image->engine->dump ? prog->image->engine->dump(&prog->code, stage, sb)
						 : -EINVAL;
	for (u32 i = 0, n; i < prog->insn_count; i += n) {
		struct insn shown[2] = {prog->insns[i]};

		if (i + 1 < prog->insn_count)
			shown[1] = prog->insns[i + 1];
		prog_show_insn(prog, shown);
		strbuf_printf(sb, "%4u: ", i);
		n = (u32)disasm_insn(&opts, shown, MIN(2u, prog->insn_count - i), sb);
		strbuf_putc(sb, '\n');
	}
	return 0;
}

const char *hachi_prog_dump_stage(uint32_t i)
{
	static const char *const stages[] = {"load", "verify", "rewrite"};
	const struct engine *engine = engine_default();

	if (i < ARRAY_SIZE(stages))
		return stages[i];
	return engine->stage ? engine->stage(i - (u32)ARRAY_SIZE(stages)) : NULL;
}

long hachi_prog_dump(struct hachi *h, int prog_fd, const char *stage, char *buf, size_t size)
{
	struct strbuf sb = {0};
	struct prog *prog;
	long ret = prog_from_fd(h, prog_fd, &prog);

	if (ret)
		return ret;
	ret = dump(prog, stage, &sb);
	if (!ret && sb.failed)
		ret = -ENOMEM;
	if (!ret) {
		ret = (long)sb.len;
		if (size)
			snprintf(buf, size, "%s", strbuf_cstr(&sb));
	}
	strbuf_release(&sb);
	prog_unref(prog);
	return ret;
}
