// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel-format log: states, source lines, instructions, the summary. Tools parse it, so every
 * blank counts. Older kernels marked what had been read and written (`R1_w=`); newer ones do not
 * (KERNEL_LOG_NO_LIVENESS).
 */
#include "domain/scalar_print.h"
#include "isa/disasm.h"
#include "verify/env.h"

#include <ctype.h>
#include <errno.h>

/* Column at which the state after an instruction is printed, and the grid beyond it. */
#define STATE_COLUMN 40
#define STATE_GRID   8

static const char slot_chars[] = {
	[SLOT_INVALID] = '?',
	[SLOT_SPILL] = 'r',
	[SLOT_MISC] = 'm',
	[SLOT_ZERO] = '0',
	[SLOT_DYNPTR] = 'd',
	[SLOT_ITER] = 'i',
};

static const char *dynptr_kind_name(u8 kind)
{
	static const char *const names[] = {
		[DYNPTR_INVALID] = "<invalid>",
		[DYNPTR_LOCAL] = "local",
		[DYNPTR_RINGBUF] = "ringbuf",
		[DYNPTR_SKB] = "skb",
		[DYNPTR_XDP] = "xdp",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : "<unknown>";
}

/* "name=" or ",name=": an item of a list in brackets. */
static void item(struct strbuf *sb, const char **sep, const char *name)
{
	strbuf_puts(sb, *sep);
	strbuf_puts(sb, name);
	*sep = ",";
}

static void print_liveness(struct verify_env *env, struct strbuf *sb, u8 live)
{
	if (env->features & KERNEL_LOG_NO_LIVENESS)
		return;
	if (live & (LIVE_READ | LIVE_WRITTEN | LIVE_DONE))
		strbuf_putc(sb, '_');
	if (live & LIVE_READ)
		strbuf_putc(sb, 'r');
	if (live & LIVE_WRITTEN)
		strbuf_putc(sb, 'w');
	if (live & LIVE_DONE)
		strbuf_putc(sb, 'D');
}

static void print_reg_items(struct strbuf *sb, const struct reg *r)
{
	const char *sep = "";
	u32 kind = reg_kind(r->type);

	if (r->id)
		item(sb, &sep, "id="), strbuf_printf(sb, "%d", r->id & ~REG_ADD_CONST);
	if (r->id & REG_ADD_CONST)
		strbuf_printf(sb, "%+d", r->off);
	if (r->ref_id)
		item(sb, &sep, "ref_obj_id="), strbuf_printf(sb, "%d", r->ref_id);
	if (r->type & REG_NON_OWN)
		item(sb, &sep, "non_own_ref");
	if (kind == REG_MAP_PTR || kind == REG_MAP_VALUE || kind == REG_MAP_KEY) {
		if (r->map->name && r->map->name[0])
			item(sb, &sep, "map="), strbuf_puts(sb, r->map->name);
		item(sb, &sep, "ks=");
		strbuf_printf(sb, "%d,vs=%d", r->map->key_size, r->map->value_size);
	}
	if (kind != REG_SCALAR && r->off)
		item(sb, &sep, "off="), print_snum(sb, r->off);
	if (reg_is_packet(r))
		item(sb, &sep, "r="), print_unum(sb, (u64)(s64)r->range);
	if (kind == REG_MEM)
		item(sb, &sep, "sz="), print_unum(sb, r->mem_size);
	if (kind == REG_DYNPTR)
		item(sb, &sep, "type="), strbuf_puts(sb, dynptr_kind_name(r->dynptr_kind));
	if (!reg_var_is_const(r)) {
		scalar_print_ranges(&r->val, sb, &sep);
	} else if (r->val.var_off.value) {
		item(sb, &sep, "imm="), print_snum(sb, (s64)r->val.var_off.value);
	}
}

static void print_reg(struct strbuf *sb, const struct frame *frame, const struct reg *r)
{
	char text[REG_TYPE_TEXT];

	if (r->type == REG_SCALAR && r->precise)
		strbuf_putc(sb, 'P');
	if (r->type == REG_SCALAR && reg_var_is_const(r)) {
		print_snum(sb, (s64)r->val.var_off.value);
		return;
	}
	strbuf_puts(sb, reg_type_text(r->type, text));
	if (r->type == REG_ARENA)
		return;
	if (r->type == REG_STACK) {
		if (frame->frameno != r->frameno)
			strbuf_printf(sb, "[%d]", r->frameno);
		if (reg_var_is_const(r)) {
			print_snum(sb, (s64)r->val.var_off.value + r->off);
			return;
		}
	}
	if (reg_kind(r->type) == REG_BTF)
		strbuf_puts(sb, btype_name(r->btf, r->btf_id));
	strbuf_putc(sb, '(');
	print_reg_items(sb, r);
	strbuf_putc(sb, ')');
}

static void print_slot_head(
	struct verify_env *env, struct strbuf *sb, u32 index, const struct reg *r)
{
	strbuf_printf(sb, " fp%d", (-(s32)index - 1) * SLOT_SIZE);
	print_liveness(env, sb, r->live);
	strbuf_putc(sb, '=');
}

static void print_dynptr(struct strbuf *sb, const struct reg *r)
{
	const char *sep = "";

	strbuf_printf(sb, "dynptr_%s(", dynptr_kind_name(r->dynptr_kind));
	if (r->id)
		item(sb, &sep, "id="), strbuf_printf(sb, "%d", r->id);
	if (r->ref_id)
		item(sb, &sep, "ref_id="), strbuf_printf(sb, "%d", r->ref_id);
	strbuf_putc(sb, ')');
}

static void print_iter(struct strbuf *sb, const struct reg *r)
{
	static const char *const states[] = {"<invalid>", "active", "drained"};
	const char *name = btype_name(r->btf, r->btf_id);

	if (str_starts_with(name, "bpf_iter_"))
		name += strlen("bpf_iter_");
	strbuf_printf(sb, "iter_%s(ref_id=%d,state=%s,depth=%u)", name, r->ref_id,
		states[r->iter_state], r->iter_depth);
}

/* Prints slot *index; a dynptr takes two. */
static void print_slot(
	struct verify_env *env, struct strbuf *sb, const struct frame *frame, u32 *index)
{
	const struct slot *s = &frame->slots[*index];
	char kinds[SLOT_SIZE + 1] = "";
	bool is_valid = false;
	u32 n;

	for (u32 i = 0; i < SLOT_SIZE; i++) {
		is_valid |= s->kind[i] != SLOT_INVALID;
		kinds[i] = slot_chars[s->kind[i]];
	}
	if (!is_valid)
		return;
	switch (s->kind[SLOT_SIZE - 1]) {
	case SLOT_SPILL:
		for (n = 0; s->kind[n] != SLOT_SPILL; n++)
			;
		kinds[n] = 0;
		print_slot_head(env, sb, *index, &s->spilled);
		strbuf_puts(sb, kinds);
		print_reg(sb, frame, &s->spilled);
		break;
	case SLOT_DYNPTR:
		*index += 1; /* the main half is the lower one */
		print_slot_head(env, sb, *index, &frame->slots[*index].spilled);
		print_dynptr(sb, &frame->slots[*index].spilled);
		break;
	case SLOT_ITER:
		if (!s->spilled.ref_id)
			break;
		print_slot_head(env, sb, *index, &s->spilled);
		print_iter(sb, &s->spilled);
		break;
	default: print_slot_head(env, sb, *index, &s->spilled); strbuf_puts(sb, kinds);
	}
}

static void print_refs(struct strbuf *sb, const struct frame *frame)
{
	for (u32 i = 0; i < frame->ref_count; i++)
		strbuf_printf(sb, "%s%d", i ? "," : " refs=", frame->refs[i].id);
}

void print_state(struct verify_env *env, const struct frame *frame, bool all)
{
	struct strbuf sb = {0};

	if (!log_is_on(env->log))
		return;
	if (frame->frameno)
		strbuf_printf(&sb, " frame%d:", frame->frameno);
	for (u32 i = 0; i < INSN_REG_COUNT; i++) {
		if (frame->regs[i].type == REG_NOT_INIT ||
			(!all && !(env->scratched_regs & 1u << i)))
			continue;
		strbuf_printf(&sb, " R%d", i);
		print_liveness(env, &sb, frame->regs[i].live);
		strbuf_putc(&sb, '=');
		print_reg(&sb, frame, &frame->regs[i]);
	}
	for (u32 i = 0; i < frame->slot_count; i++)
		if (all || env->scratched_slots & 1ull << i)
			print_slot(env, &sb, frame, &i);
	print_refs(&sb, frame);
	if (frame->in_callback)
		strbuf_puts(&sb, " cb");
	if (frame->in_async_callback)
		strbuf_puts(&sb, " async_cb");
	strbuf_putc(&sb, '\n');
	if (!sb.failed)
		log_puts(env->log, sb.data, sb.len);
	strbuf_release(&sb);
	if (!all) {
		env->scratched_regs = 0;
		env->scratched_slots = 0;
	}
}

/* The state goes to the right of the instruction that made it, when that was printed last. */
void print_insn_state(struct verify_env *env, const struct frame *frame)
{
	if (env->prev_log_pos && env->prev_log_pos == env->log->end_pos) {
		u32 pos = env->prev_insn_print_len;
		u32 column = ALIGN_UP(MAX(pos + STATE_GRID / 2, STATE_COLUMN), STATE_GRID);

		log_reset(env->log, env->prev_log_pos - 1); /* the newline */
		verify_say(env, "%*c;", (int)(column - pos - 1), ' ');
	} else {
		verify_say(env, "%d:", env->insn);
	}
	print_state(env, frame, false);
}

static const char *call_name(void *ctx, const struct insn *insn, char *buf, size_t size)
{
	struct verify_env *env = ctx;
	const struct btf *btf;

	(void)buf;
	(void)size;
	if (!insn_is_call_kfunc(insn))
		return NULL;
	btf = kernel_btf(env);
	if (insn->off)
		btf = env->world->ops->btf ? env->world->ops->btf(env->world, insn->off) : NULL;
	return btf && btype_by_id(btf, (u32)insn->imm) ? btype_name(btf, (u32)insn->imm)
						       : "<error>";
}

void print_insn(struct verify_env *env, u32 insn)
{
	struct disasm_opts opts = {
		.call_name = call_name, .ctx = env, .hides_pointers = !env->allow_ptr_leaks};
	struct strbuf sb = {0};

	disasm_insn(&opts, &env->insns[insn], env->insn_count - insn, &sb);
	strbuf_putc(&sb, '\n');
	if (!sb.failed)
		log_puts(env->log, sb.data, sb.len);
	strbuf_release(&sb);
}

/* The record that covers insn: the last one at or before it. */
static const struct verify_line_info *find_line(const struct verify_env *env, u32 insn)
{
	const struct verify_line_info *lines = env->in->line_info;
	u32 low = 0, high = env->in->line_info_count;

	if (!high || !env->has_lines)
		return NULL;
	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (lines[mid].insn_off <= insn)
			low = mid;
		else
			high = mid;
	}
	return &lines[low];
}

void print_line(struct verify_env *env, u32 insn, const char *prefix)
{
	const struct verify_line_info *line, *prev = env->prev_line;
	const char *text, *file, *slash;

	if (!log_is_on(env->log))
		return;
	line = find_line(env, insn);
	if (!line || line == prev)
		return;
	if (prev && prev->file_name_off == line->file_name_off &&
		prev->line_col >> 10 == line->line_col >> 10)
		return;
	text = btype_string(env->in->btf, line->line_off);
	file = btype_string(env->in->btf, line->file_name_off);
	while (text && isspace((unsigned char)*text))
		text++;
	slash = file ? strrchr(file, '/') : NULL;
	verify_say(env, "%s", prefix);
	verify_say(env, "%s", text ? text : "");
	verify_say(env, " @ %s:%u\n", slash ? slash + 1 : file ? file : "", line->line_col >> 10);
	env->prev_line = line;
}

/* What the kernel adds for an inlined bpf_loop() and for the counter of may_goto. */
static u32 extra_stack(const struct verify_env *env, u32 subprog)
{
	u32 loop = 0, counter = 0;

	for (u32 i = env->subprogs[subprog].start; i < env->subprogs[subprog + 1].start; i++) {
		if (env->aux[i].loop_fits)
			loop = 3 * SLOT_SIZE;
		if (env->insns[i].op == (BPF_JMP | INSN_JCOND) && env->aux[i].seen)
			counter = SLOT_SIZE;
	}
	return env->rewritten ? loop + counter : 0;
}

void print_stats(struct verify_env *env)
{
	const struct verify_stats *stats = &env->out->stats;

	if (env->log->level & LOG_STATS) {
		verify_say(
			env, "verification time %lld usec\n", (long long)(stats->time_ns / 1000));
		verify_say(env, "stack depth ");
		for (u32 i = 0; i < env->subprog_count; i++)
			verify_say(env, "%s%d", i ? "+" : "",
				env->subprogs[i].stack_depth + extra_stack(env, i));
		verify_say(env, "\n");
	}
	verify_say(env,
		"processed %d insns (limit %d) max_states_per_insn %d total_states %d peak_states "
		"%d "
		"mark_read %d\n",
		stats->insns_processed, INSN_LIMIT, stats->max_states_per_insn, stats->total_states,
		stats->peak_states, stats->longest_mark_read);
}
