// SPDX-License-Identifier: BSD-2-Clause
/*
 * The program as engines get it. Needs the exploration to be complete: what was never reached goes
 * away, jumps with one outcome become plain, maps and functions are named by index, context
 * accesses are those of the real context, loads that may fault say so, speculation is fenced where
 * that was promised. Everything is emitted once into a list that remembers where each instruction
 * came from; jump distances are filled in at the end, when positions are known.
 */
#include "verify/rewrite.h"

#include <errno.h>

void emit(struct rewriter *w, struct insn insn, u32 orig)
{
	struct emitted e = {.insn = insn, .orig = orig, .target = -1};

	if (vec_push(&w->code, e))
		w->failed = true;
}

void emit_jump(struct rewriter *w, struct insn insn, u32 orig, s32 target)
{
	emit(w, insn, orig);
	if (!w->failed)
		vec_last(&w->code).target = target;
}

/* ---- fastcalls: spills around calls that clobber nothing ------------------------------------- */

static void drop_fastcall_spills(struct verify_env *env, u8 *dropped)
{
	for (u32 s = 0; s < env->subprog_count; s++) {
		struct subprog *sub = &env->subprogs[s];
		bool any = false;

		for (u32 i = sub[0].start; i < sub[1].start; i++)
			for (u32 n = 1; n <= env->aux[i].fastcall_spills; n++) {
				dropped[i - n] = dropped[i + n] = 1;
				any = true;
			}
		if (any && !sub->keep_fastcall_stack)
			sub->stack_depth = (u32)-sub->fastcall_stack_off;
	}
}

int rewrite_fastcalls(struct verify_env *env)
{
	env->dropped = arena_calloc(&env->scratch, env->insn_count, 1);
	if (!env->dropped)
		return -ENOMEM;
	drop_fastcall_spills(env, env->dropped);
	return 0;
}

/* ---- one instruction ------------------------------------------------------------------------- */

static bool is_live(const struct verify_env *env, u32 i)
{
	return env->aux[i].seen ||
		(i && insn_is_ld_imm64(&env->insns[i - 1]) && env->aux[i - 1].seen);
}

/*
 * Where the address of code that goes away points then: Linux leaves the distance as it is, so that
 * it leads as far behind the dead code as it led into it. insn_count: nowhere.
 */
static u32 behind_dead(const struct verify_env *env, u32 target)
{
	u32 start, end;

	while (target < env->insn_count && !is_live(env, target)) {
		for (start = target; start && !is_live(env, start - 1);)
			start--;
		for (end = target; end < env->insn_count && !is_live(env, end);)
			end++;
		target = end + (target - start);
	}
	return MIN(target, env->insn_count);
}

/*
 * A function that is never entered is gone, but its address may be asked for: it is that of the
 * function that stands there now. Where none does, Linux gives up.
 */
static int refer_to_func(struct verify_env *env, u32 i, struct insn *lo)
{
	u32 s = (u32)subprog_at(env, (s32)i + lo->imm + 1), target;
	s32 other;

	lo->imm = (s32)env->new_subprog[s];
	if (env->new_subprog[s] != UINT32_MAX)
		return 0;
	target = behind_dead(env, env->subprogs[s].start);
	other = target < env->insn_count ? subprog_at(env, (s32)target) : -1;
	if (other < 0 && env->out->subprog_count > 1)
		return verify_refuse(env, REASON_INTERNAL, "No program to jit\n");
	lo->src = 0;
	lo->imm = 0;
	return 0;
}

static int emit_wide(struct rewriter *w, u32 i)
{
	struct verify_env *env = w->env;
	struct insn lo = env->insns[i], hi = env->insns[i + 1];
	int err = 0;

	switch (lo.src) {
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		lo.src = BPF_PSEUDO_MAP_FD;
		lo.imm = env->aux[i].map_index;
		hi.imm = 0;
		break;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		lo.src = BPF_PSEUDO_MAP_VALUE;
		lo.imm = env->aux[i].map_index;
		break;
	case BPF_PSEUDO_FUNC:
		err = refer_to_func(env, i, &lo);
		hi.imm = 0;
		break;
	default: break;
	}
	emit(w, lo, i);
	emit(w, hi, i);
	return err;
}

static bool is_probe(const struct verify_env *env, u32 i)
{
	const struct insn *insn = &env->insns[i];
	u32 kind = reg_kind(env->aux[i].ptr_type);

	return BPF_CLASS(insn->op) == BPF_LDX && (kind == REG_BTF || kind == REG_MAP_PTR);
}

static int emit_memory(struct rewriter *w, u32 i)
{
	struct verify_env *env = w->env;
	struct insn insn = env->insns[i];
	bool is_signed = BPF_MODE(insn.op) == INSN_MEMSX;
	int err = 0;

	if (env->aux[i].ptr_type == REG_CTX && BPF_MODE(insn.op) != BPF_ATOMIC) {
		err = rewrite_ctx_access(w, i);
	} else {
		if (is_probe(env, i))
			insn.op = (u8)((insn.op & 0x1f) |
				(is_signed ? INSN_PROBE_MEMSX : INSN_PROBE_MEM));
		emit(w, insn, i);
	}
	if (env->aux[i].nospec_result)
		emit(w, INSN_NOSPEC_BARRIER(), i);
	return err;
}

/* A conditional jump of which only one way was ever taken. */
static void emit_branch(struct rewriter *w, u32 i)
{
	struct verify_env *env = w->env;
	struct insn insn = env->insns[i];
	s32 target = (s32)i + insn_jump_offset(&insn) + 1;

	if (env->bpf_capable && !env->aux[i + 1].seen)
		emit_jump(w, INSN_JA(0), i, target);
	else if (!env->bpf_capable || env->aux[target].seen)
		emit_jump(w, insn, i, target);
	/* else it always falls through */
}

/* Kernel functions are named by index into the output's list of names. */
static int emit_kfunc(struct rewriter *w, struct insn insn, u32 i)
{
	struct verify_env *env = w->env;
	struct verify_output *out = env->out;
	const char *name = btype_name(kernel_btf(env), (u32)insn.imm);
	u32 n;

	/* who may not write into packets gets them read-only this way too */
	if (strcmp(name, "bpf_dynptr_from_skb") == 0 && !access_may_packet(env, NULL, true))
		name = "bpf_dynptr_from_skb_rdonly";
	for (n = 0; n < out->kfunc_count && strcmp(out->kfuncs[n], name) != 0; n++)
		;
	if (n == out->kfunc_count) {
		const char **names = arena_calloc(env->arena, n + 1, sizeof(*names));

		if (!names)
			return -ENOMEM;
		if (n)
			memcpy(names, out->kfuncs, n * sizeof(*names));
		names[n] = arena_strdup(env->arena, name);
		out->kfuncs = names;
		out->kfunc_count = n + 1;
	}
	insn.imm = (s32)n;
	insn.off = 0;
	emit(w, insn, i);
	return 0;
}

/* The index of a tail call, so that not even a guess takes it past the array. */
static void emit_masked_index(struct rewriter *w, u32 i)
{
	u32 count = w->env->aux[i].map->max_entries;
	u32 mask = count > 1 ? ~0u >> __builtin_clz(count - 1) : 0;

	emit_jump(w, INSN_JMP_IMM(BPF_JGE, BPF_REG_3, (s32)count, 0), i, (s32)i + 1);
	emit(w, INSN_ALU32_IMM(BPF_AND, BPF_REG_3, (s32)mask), i);
}

static int emit_jump_class(struct rewriter *w, u32 i)
{
	struct verify_env *env = w->env;
	struct insn insn = env->insns[i];
	s32 target = (s32)i + insn_jump_offset(&insn) + 1;

	switch (BPF_OP(insn.op)) {
	case BPF_CALL:
		/* the index would have to be masked for several maps at once */
		if (insn_is_call_helper(&insn) && insn.imm == BPF_FUNC_tail_call &&
			env->aux[i].map_poisoned && !env->bypass_spec_v1)
			return verify_refuse(
				env, REASON_SPECULATION_MAP, "tail_call abusing map_ptr\n");
		if (insn_is_call_helper(&insn) && insn.imm == BPF_FUNC_tail_call &&
			!env->bypass_spec_v1 && env->aux[i].map)
			emit_masked_index(w, i);
		if (insn_is_call_kfunc(&insn))
			return emit_kfunc(w, insn, i);
		if (rewrite_loop_fits(env, i)) {
			rewrite_loop(w, i);
			return 0;
		}
		if (insn.src == INSN_PSEUDO_CALL)
			emit_jump(w, insn, i, (s32)i + insn.imm + 1);
		else
			emit(w, insn, i);
		return 0;
	case BPF_EXIT: emit(w, insn, i); return 0;
	case BPF_JA:
		if (insn_jump_offset(&insn))
			emit_jump(w, insn, i, target);
		return 0;
	case INSN_JCOND: emit_jump(w, insn, i, target); return 0;
	default: emit_branch(w, i); return 0;
	}
}

static int emit_insn(struct rewriter *w, u32 i)
{
	struct verify_env *env = w->env;
	const struct insn *insn = &env->insns[i];

	if (env->aux[i].nospec)
		emit(w, INSN_NOSPEC_BARRIER(), i);
	switch (BPF_CLASS(insn->op)) {
	case BPF_LD:
		if (insn_is_ld_imm64(insn))
			return emit_wide(w, i);
		rewrite_ld_abs(w, i);
		return 0;
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX: return emit_memory(w, i);
	case BPF_JMP:
	case BPF_JMP32: return emit_jump_class(w, i);
	default:
		/* nothing before the addition may still be a guess */
		if (env->aux[i].alu_state & (SANITIZE_SRC | SANITIZE_DST))
			emit(w, INSN_NOSPEC_BARRIER(), i);
		emit(w, *insn, i);
		return 0;
	}
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Functions that are never entered disappear with their code. */
static void number_subprogs(struct verify_env *env)
{
	u32 count = 0;

	for (u32 s = 0; s < env->subprog_count; s++) {
		bool is_kept = !env->bpf_capable;

		for (u32 i = env->subprogs[s].start; i < env->subprogs[s + 1].start && !is_kept;
			i++)
			is_kept = env->aux[i].seen;
		env->new_subprog[s] = is_kept ? count++ : UINT32_MAX;
	}
	env->out->subprog_count = count;
}

/* position[i]: where instruction i went, or what comes after it if it went away. */
static int emit_all(struct rewriter *w, u32 *position)
{
	struct verify_env *env = w->env;

	for (u32 i = 0; i < env->insn_count; i++) {
		bool is_wide = insn_is_ld_imm64(&env->insns[i]);
		int err = 0;

		position[i] = (u32)w->code.len;
		if (is_wide)
			position[i + 1] = (u32)w->code.len;
		if (env->dropped[i])
			continue;
		if (env->aux[i].seen)
			err = emit_insn(w, i);
		else if (!env->bpf_capable) /* speculation might come here: trap it */
			emit_jump(w, INSN_JA(-1), i, (s32)i);
		if (!err && is_wide && !env->aux[i].seen && !env->bpf_capable)
			emit_jump(w, INSN_JA(-1), i, (s32)i);
		if (err)
			return err;
		i += is_wide;
	}
	position[env->insn_count] = (u32)w->code.len;
	return w->failed ? -ENOMEM : 0;
}

static bool goes_nowhere(const struct emitted *e, u32 at, const u32 *position)
{
	return e->insn.op == (BPF_JMP | BPF_JA) && e->target >= 0 && position[e->target] == at + 1;
}

/* Jumps to the next instruction are left where all between was dead. Dropping one may make more. */
static void drop_empty_jumps(struct rewriter *w, u32 *position)
{
	u32 kept = 0, orig = 0, count = (u32)w->code.len;
	u32 insn_count = w->env->insn_count;

	/* position[] ascends, so old positions are passed in order */
	for (u32 i = 0; i <= count; i++) {
		while (orig <= insn_count && position[orig] == i)
			w->new_position[orig++] = kept;
		if (i < count && !goes_nowhere(&w->code.data[i], i, position))
			w->code.data[kept++] = w->code.data[i];
	}
	memcpy(position, w->new_position, (insn_count + 1) * sizeof(*position));
	w->code.len = kept;
}

static int fix_jump(struct verify_env *env, struct emitted *e, u32 at, const u32 *position)
{
	s64 distance = (s64)position[e->target] - at - 1;

	if (insn_is_call_func(&e->insn) || e->insn.op == (BPF_JMP32 | BPF_JA)) {
		e->insn.imm = (s32)distance;
	} else if (distance == (s16)distance) {
		e->insn.off = (s16)distance;
	} else if (e->insn.op == (BPF_JMP | BPF_JA)) {
		e->insn = INSN_JA32((s32)distance);
	} else {
		return verify_refuse(env, REASON_JUMP_TOO_FAR,
			"insn %d: jump too far after rewriting\n", e->orig);
	}
	return 0;
}

static void fill_fact(struct verify_env *env, const struct emitted *e, struct verify_fact *fact)
{
	const struct insn_aux *aux = &env->aux[e->orig];

	*fact = (struct verify_fact){
		.orig = e->orig,
		.zext_dst = aux->zext_dst && live_insn_def32(&env->insns[e->orig]),
		.map = -1,
	};
	if (aux->map && !aux->map_poisoned && insn_is_call_helper(&e->insn))
		for (u32 m = 0; m < env->map_count && m <= INT8_MAX; m++)
			if (env->maps[m]->handle == aux->map->handle)
				fact->map = (s8)m;
}

static int output_code(struct rewriter *w, const u32 *position)
{
	struct verify_env *env = w->env;
	struct verify_output *out = env->out;
	u32 count = (u32)w->code.len;

	out->insns = arena_calloc(env->arena, count, sizeof(*out->insns));
	out->facts = arena_calloc(env->arena, count, sizeof(*out->facts));
	if (!out->insns || !out->facts)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++) {
		struct emitted *e = &w->code.data[i];
		int err = e->target >= 0 ? fix_jump(env, e, i, position) : 0;

		if (err)
			return err;
		out->insns[i] = e->insn;
		fill_fact(env, e, &out->facts[i]);
	}
	for (u32 i = 0; i < count; i++)
		if (insn_is_jump(&out->insns[i])) {
			s64 target = (s64)i + insn_jump_offset(&out->insns[i]) + 1;

			if (bug_on(target < 0 || target >= count))
				return -EFAULT;
			out->facts[target].is_jump_target = 1;
		}
	out->insn_count = count;
	return 0;
}

static int output_subprogs(struct verify_env *env, const u32 *position)
{
	struct verify_output *out = env->out;

	out->subprogs = arena_calloc(env->arena, out->subprog_count, sizeof(*out->subprogs));
	if (!out->subprogs)
		return -ENOMEM;
	for (u32 s = 0; s < env->subprog_count; s++) {
		const struct subprog *sub = &env->subprogs[s];
		const char *name = subprog_name(env, s);

		if (env->new_subprog[s] == UINT32_MAX)
			continue;
		out->subprogs[env->new_subprog[s]] = (struct verify_subprog){
			.start = position[sub->start],
			.stack_bytes = sub->stack_depth,
			.name = arena_strdup(env->arena, *name || s ? name : env->in->name),
			.has_tail_call = sub->has_tail_call,
			.is_callback = sub->is_callback,
			.is_exception_cb = sub->is_exception_callback,
			.is_global = sub->linkage == BTF_FUNC_GLOBAL,
		};
	}
	return 0;
}

static int output_lines(struct verify_env *env, const u32 *position)
{
	struct verify_output *out = env->out;
	u32 count = 0;

	if (!env->has_lines)
		return 0;
	out->line_info =
		arena_calloc(env->arena, env->in->line_info_count, sizeof(*out->line_info));
	if (!out->line_info)
		return -ENOMEM;
	for (u32 i = 0; i < env->in->line_info_count; i++) {
		struct verify_line_info line = env->in->line_info[i];

		line.insn_off = position[line.insn_off];
		if (line.insn_off >= out->insn_count)
			continue;
		/* of several that fell on one place the last one is its own */
		if (count && out->line_info[count - 1].insn_off == line.insn_off)
			count--;
		out->line_info[count++] = line;
	}
	out->line_info_count = count;
	return 0;
}

static int output_maps(struct verify_env *env)
{
	struct verify_output *out = env->out;

	out->map_count = env->map_count;
	out->maps = arena_dup(env->arena, env->maps, env->map_count * sizeof(*env->maps));
	return out->maps ? 0 : -ENOMEM;
}

int rewrite_program(struct verify_env *env)
{
	struct rewriter w = {.env = env};
	u32 *position = arena_calloc(&env->scratch, env->insn_count + 2, sizeof(u32));
	int err;

	env->new_subprog = arena_calloc(&env->scratch, env->subprog_count + 1, sizeof(u32));
	w.new_position = arena_calloc(&env->scratch, env->insn_count + 2, sizeof(u32));
	if (!position || !env->new_subprog || !w.new_position)
		return -ENOMEM;
	number_subprogs(env);
	err = emit_all(&w, position);
	for (size_t before = 0; !err && before != w.code.len;) {
		before = w.code.len;
		drop_empty_jumps(&w, position);
	}
	if (!err)
		err = output_code(&w, position);
	if (!err)
		err = output_subprogs(env, position);
	if (!err)
		err = output_lines(env, position);
	if (!err)
		err = output_maps(env);
	vec_release(&w.code);
	return err;
}
