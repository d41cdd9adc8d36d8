// SPDX-License-Identifier: BSD-2-Clause
/*
 * The load pipeline on one page: verify, keep what outlives the load (the verdict's arena dies with
 * it), build the tables that engines read, compile.
 */
#include "base/alloc.h"
#include "base/os.h"
#include "helper/helper.h"
#include "jit/engine.h"
#include "prog/prog.h"
#include <hachi/hachi.h>

static int keep_insns(
	struct prog *prog, const struct prog_load_args *args, const struct verify_output *out)
{
	prog->orig_insns = mem_dup(args->in.insns, args->in.insn_count * sizeof(struct insn));
	prog->orig_count = args->in.insn_count;
	prog->insns = mem_dup(out->insns, out->insn_count * sizeof(struct insn));
	prog->insn_count = out->insn_count;
	return prog->orig_insns && prog->insns ? 0 : -ENOMEM;
}

static int keep_facts(struct prog *prog, const struct verify_output *out)
{
	if (!out->facts)
		return 0;
	prog->facts = mem_calloc(out->insn_count, sizeof(*prog->facts));
	if (!prog->facts)
		return -ENOMEM;
	for (u32 i = 0; i < out->insn_count; i++) {
		const struct verify_fact *fact = &out->facts[i];

		prog->facts[i] = (struct code_fact){
			.is_dead = fact->is_dead,
			.zext_dst = fact->zext_dst,
			.branch_known = fact->branch_known,
			.branch_taken = fact->branch_taken,
			.src_nonzero = fact->src_nonzero,
			.is_jump_target = fact->is_jump_target,
			.map = fact->map,
			.orig = fact->orig,
		};
	}
	return 0;
}

static int keep_subprogs(struct prog *prog, const struct verify_output *out)
{
	prog->subprogs = mem_calloc(out->subprog_count, sizeof(*prog->subprogs));
	if (!prog->subprogs)
		return -ENOMEM;
	prog->subprog_count = out->subprog_count;
	for (u32 i = 0; i < out->subprog_count; i++) {
		const struct verify_subprog *sub = &out->subprogs[i];

		prog->subprogs[i] = (struct code_subprog){
			.start = sub->start,
			.stack_bytes = ALIGN_UP(sub->stack_bytes, 8u),
			.has_tail_call = sub->has_tail_call,
			.is_callback = sub->is_callback,
			.is_exception_cb = sub->is_exception_cb,
			.name = sub->name ? mem_strdup(sub->name) : NULL,
		};
		if (sub->name && !prog->subprogs[i].name)
			return -ENOMEM;
	}
	return 0;
}

static int keep_debug_info(
	struct prog *prog, const struct prog_load_args *args, const struct verify_output *out)
{
	prog->btf = args->in.btf ? btype_ref(args->in.btf) : NULL;
	if (args->in.func_info_count) {
		prog->func_info_count = args->in.func_info_count;
		prog->func_info = mem_dup(
			args->in.func_info, args->in.func_info_count * sizeof(*prog->func_info));
		if (!prog->func_info)
			return -ENOMEM;
		/* offsets are those of the rewritten program; records are one a subprogram */
		for (u32 i = 0; i < prog->func_info_count && i < out->subprog_count; i++)
			prog->func_info[i].insn_off = out->subprogs[i].start;
	}
	if (out->line_info_count) {
		prog->line_info_count = out->line_info_count;
		prog->line_info =
			mem_dup(out->line_info, out->line_info_count * sizeof(*prog->line_info));
		if (!prog->line_info)
			return -ENOMEM;
	}
	return 0;
}

/* What a tracing program attaches to, as a source knows it. */
static int keep_target(struct prog *prog, const struct prog_load_args *args)
{
	static const char *const prefixes[] = {"btf_trace_", "bpf_lsm_"};
	const char *name;

	if (!args->in.attach_btf || !args->in.attach_btf_id)
		return 0;
	name = btype_name(args->in.attach_btf, args->in.attach_btf_id);
	for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			name += strlen(prefixes[i]);
	prog->attach_name = mem_strdup(name);
	return prog->attach_name ? 0 : -ENOMEM;
}

/* Whose elements engines may find by themselves. */
static bool is_array(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Maps: a reference each, and what engines must know of them. */
static int keep_maps(struct prog *prog, const struct verify_output *out)
{
	struct code_map *table;

	if (!out->map_count)
		return 0;
	prog->maps = mem_calloc(out->map_count, sizeof(*prog->maps));
	table = mem_calloc(out->map_count, sizeof(*table));
	prog->code.maps = table;
	if (!prog->maps || !table)
		return -ENOMEM;
	for (u32 i = 0; i < out->map_count; i++) {
		struct map *map = (struct map *)(uintptr_t)out->maps[i]->handle;

		map_ref(map);
		prog->maps[prog->map_count++] = map;
		table[i] = (struct code_map){
			.handle = (u64)(uintptr_t)map,
			.values = map->values		 ? (u64)(uintptr_t)map->values
				: map->ops->direct_value ? map->ops->direct_value(map)
							 : 0,
			.elements = is_array(map->params.type) ? (u64)(uintptr_t)map->values : 0,
			.type = map->params.type,
			.key_size = map->params.key_size,
			.value_size = map->params.value_size,
			.max_entries = map->params.max_entries,
			.elem_size = map->elem_size,
			.index_mask = map->index_mask,
			.cpu_stride = map->cpu_stride,
			.tail = map->tails,
			.lookup = helper_lookup_for(map),
		};
	}
	prog->code.map_count = out->map_count;
	return 0;
}

static int resolve_kfuncs(struct prog *prog, const struct verify_output *out, struct log *log)
{
	helper_fn *kfuncs;

	if (!out->kfunc_count)
		return 0;
	kfuncs = mem_calloc(out->kfunc_count, sizeof(*kfuncs));
	if (!kfuncs)
		return -ENOMEM;
	prog->code.kfuncs = kfuncs;
	prog->code.kfunc_count = out->kfunc_count;
	for (u32 i = 0; i < out->kfunc_count; i++) {
		kfuncs[i] = helper_kfunc(out->kfuncs[i]);
		if (!kfuncs[i]) {
			log_printf(log, "kernel function %s is not available in user space\n",
				out->kfuncs[i]);
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

static helper_fn resolve_helper(void *arg, u32 id)
{
	struct prog *prog = arg;
	helper_fn fn = NULL;

	if (id >= HACHI_HELPER_CUSTOM)
		fn = prog->custom_helper ? prog->custom_helper(prog->owner, id) : NULL;
	else
		fn = helper_fn_for(id, prog->type);
	return fn;
}

static int check_maps(struct prog *prog, struct log *log)
{
	for (u32 i = 0; i < prog->map_count; i++) {
		const struct maptype_spec *spec;

		if (!map_is_shape(prog->maps[i]))
			continue;
		spec = maptype_spec_by_type(prog->maps[i]->params.type);
		log_printf(log, "map kind %s is not available in user space\n",
			spec ? spec->name : "unknown");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* What this build cannot carry out is said here, by name, not met in the middle of a run. */
static int check_helpers(struct prog *prog, struct log *log)
{
	for (u32 i = 0; i < prog->insn_count; i++) {
		const struct insn *insn = &prog->insns[i];

		if (insn->op == (BPF_LD | BPF_IMM | BPF_DW)) {
			i++;
			continue;
		}
		if (insn->op != (BPF_JMP | BPF_CALL) || insn->src != 0 ||
			insn->imm == BPF_FUNC_tail_call || resolve_helper(prog, (u32)insn->imm))
			continue;
		log_printf(log, "helper %s#%d is not available in user space\n",
			helper_name((u32)insn->imm) ?: "unknown", insn->imm);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int compile(struct prog *prog, const struct prog_load_args *args, struct log *log)
{
	struct code *code = &prog->code;
	int err;

	code->insns = prog->insns;
	code->insn_count = prog->insn_count;
	code->facts = prog->facts;
	code->subprogs = prog->subprogs;
	code->subprog_count = prog->subprog_count;
	code->helper = resolve_helper;
	code->helper_ctx = prog;
	code->blind = code->retpolines = args->harden;
	code->masks_indices = args->masks_indices;
	code->prog_type = prog->type;
	code->name = prog->name;
	err = check_maps(prog, log);
	if (!err)
		err = check_helpers(prog, log);
	if (err)
		return err;
	err = (prog->guard ? &engine_interp : args->engine)->compile(code, log, &prog->image);
	if (err && err != -ENOMEM && args->may_interpret)
		err = engine_interp.compile(code, log, &prog->image);
	if (err)
		return err;
	prog->image->prog = prog;
	prog->is_jited = prog->image->machine_size != 0;
	return 0;
}

static void prog_release(struct prog *prog)
{
	if (prog->limited_image)
		prog->limited_image->engine->free(prog->limited_image);
	if (prog->image)
		prog->image->engine->free(prog->image);
	for (u32 i = 0; i < prog->map_count; i++)
		map_unref(prog->maps[i]);
	for (u32 i = 0; i < prog->bound_count; i++)
		map_unref(prog->bound[i]);
	for (u32 i = 0; i < prog->subprog_count; i++)
		mem_free((char *)(uintptr_t)prog->subprogs[i].name);
	btype_unref(prog->btf);
	pthread_mutex_destroy(&prog->lock);
	mem_free(prog->attach_name);
	mem_free(prog->orig_insns);
	mem_free(prog->insns);
	mem_free(prog->maps);
	mem_free(prog->bound);
	mem_free((struct code_map *)(uintptr_t)prog->code.maps);
	mem_free((helper_fn *)(uintptr_t)prog->code.kfuncs);
	mem_free(prog->func_info);
	mem_free(prog->line_info);
	mem_free(prog->subprogs);
	mem_free(prog->facts);
	mem_free(prog);
}

static int build(struct prog *prog, const struct prog_load_args *args,
	const struct verify_output *out, struct log *log)
{
	int err = keep_insns(prog, args, out);

	if (!err)
		err = keep_facts(prog, out);
	if (!err)
		err = keep_subprogs(prog, out);
	if (!err)
		err = keep_debug_info(prog, args, out);
	if (!err)
		err = keep_target(prog, args);
	if (!err)
		err = keep_maps(prog, out);
	if (!err)
		err = resolve_kfuncs(prog, out, log);
	if (!err)
		err = prog_tag(prog->orig_insns, prog->orig_count, args->world->kernel->features,
			prog->tag);
	return err ? err : compile(prog, args, log);
}

int prog_load(const struct prog_load_args *args, struct arena *arena, struct log *log,
	struct verdict *ret_verdict, struct prog **ret_prog)
{
	struct verify_output out = {0};
	struct prog *prog;
	int err = verify_prog(&args->in, args->world, arena, log, &out);

	*ret_verdict = out.verdict;
	if (err)
		return err;
	prog = mem_zalloc(sizeof(*prog));
	if (!prog)
		return -ENOMEM;
	prog->refs = 1;
	prog->type = args->in.prog_type;
	prog->attach_type = args->in.attach_type;
	prog->flags = args->in.prog_flags;
	memcpy(prog->name, args->in.name, strnlen(args->in.name, sizeof(prog->name) - 1));
	prog->is_gpl = args->in.is_gpl;
	prog->is_sleepable = args->in.prog_flags & BPF_F_SLEEPABLE;
	prog->attach_btf_id = args->in.attach_btf_id;
	prog->custom_ctx = args->in.custom_ctx;
	prog->guard = args->guard;
	prog->fuel = args->fuel;
	prog->time_limit_ns = args->time_limit_ns;
	prog->owner = args->owner;
	prog->services = args->services;
	prog->custom_helper = args->custom_helper;
	prog->stats_on = args->stats_on;
	prog->loaded_ns = os_time_ns(OS_CLOCK_BOOTTIME);
	prog->uid = os_uid();
	prog->verified_insns = out.stats.insns_processed;
	prog->verify_stats = out.stats;
	prog->max_ctx_offset = out.max_ctx_offset;
	pthread_mutex_init(&prog->lock, NULL);
	err = build(prog, args, &out, log);
	if (err) {
		prog_release(prog);
		return err;
	}
	*ret_prog = prog;
	return 0;
}

void prog_ref(struct prog *prog)
{
	__atomic_add_fetch(&prog->refs, 1, __ATOMIC_RELAXED);
}

static void free_late(struct epoch_node *node)
{
	prog_release(container_of(node, struct prog, epoch));
}

void prog_unref(struct prog *prog)
{
	if (!prog || __atomic_sub_fetch(&prog->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (prog->free_hook)
		prog->free_hook(prog);
	epoch_defer(&prog->epoch, free_late);
}

int prog_bind_map(struct prog *prog, struct map *map)
{
	struct map **grown;
	int err = 0;

	pthread_mutex_lock(&prog->lock);
	for (u32 i = 0; i < prog->map_count; i++)
		if (prog->maps[i] == map)
			goto out;
	for (u32 i = 0; i < prog->bound_count; i++)
		if (prog->bound[i] == map)
			goto out;
	grown = mem_realloc(prog->bound, (prog->bound_count + 1) * sizeof(*grown));
	if (!grown) {
		err = -ENOMEM;
		goto out;
	}
	prog->bound = grown;
	prog->bound[prog->bound_count++] = map;
	map_ref(map);
out:
	pthread_mutex_unlock(&prog->lock);
	return err;
}
