// SPDX-License-Identifier: BSD-2-Clause
/* The x86-64 engine: which passes it wants, registers, machine code into memory. */
#include "jit/x86_64/x86_64.h"

#include "jit/compile.h"
#include "jit/x86_64/lower.h"

struct x86_program {
	struct x86_buf buf;
	u32 func_labels; /* first of the functions' labels */
	u32 func_count;
	bool has_bmi2, has_near_calls_only, uses_retpolines;
};

static bool is_x86_64(void)
{
#ifdef __x86_64__
	return true;
#else
	return false;
#endif
}

static bool has_popcnt(void)
{
#ifdef __x86_64__
	__builtin_cpu_init();
	return __builtin_cpu_supports("popcnt");
#else
	return false;
#endif
}

static bool has_bmi2(void)
{
#ifdef __x86_64__
	__builtin_cpu_init();
	return __builtin_cpu_supports("bmi2");
#else
	return false;
#endif
}

/* Where a retpoline's ret, which goes elsewhere than its call came from, would be an attack. */
static bool has_shadow_stack(void)
{
	u64 top = 0;

#ifdef __x86_64__
	__asm__ volatile("rdsspq %0" : "+r"(top)); /* a nop without one */
#endif
	return top != 0;
}

static const struct jit_pass passes[] = {
	{"phi", pass_phi},
	{"select", pass_select},
	{"bits", pass_bits},
	{"idioms", pass_idioms},
	{"frame", pass_frame},
	{"dce", pass_dce},
	{"addresses", x86_fold_addresses},
	{"narrow", pass_narrow},
	{"mask", pass_mask},
	{"operands", x86_fold_operands},
	{"step", pass_step},
	{0},
};

static void *begin(struct ir_program *p)
{
	struct x86_program *xp = arena_zalloc(&p->arena, sizeof(*xp));
	u32 i;

	if (!xp)
		return NULL;
	x86_init(&xp->buf, &p->arena);
	xp->has_bmi2 = has_bmi2();
	xp->has_near_calls_only = p->code->retpolines;
	xp->uses_retpolines = p->code->retpolines && !has_shadow_stack();
	xp->func_count = p->func_count;
	for (i = 0; i < p->func_count; i++)
		x86_new_label(&xp->buf);
	return xp;
}

/* The second scratch register is free for values when nothing spills. */
static int allocate(struct ir_func *f, struct alloc_result *ret_result)
{
	u32 all = 0xffff & ~(1u << X86_RSP | 1u << LOWER_SCRATCH),
	    less = all & ~(1u << LOWER_SCRATCH2);
	bool needs_two = x86_needs_two_scratch(f, has_bmi2());
	int err = alloc_registers(f, &x86_alloc_target, needs_two ? less : all, less, ret_result);

	if (!err)
		x86_rename(f, needs_two || ret_result->slot_count ? less : all, ret_result);
	return err;
}

static int lower(void *buf, struct ir_func *f, const struct alloc_result *alloc)
{
	struct x86_program *xp = buf;
	struct lower l = {
		.b = &xp->buf,
		.p = f->program,
		.f = f,
		.alloc = *alloc,
		.func_labels = xp->func_labels,
		.has_bmi2 = xp->has_bmi2,
		.uses_retpolines = xp->uses_retpolines,
	};

	return lower_func(&l);
}

enum { NEAR_TRIES = 16 };

/* Memory from where calls reach what they call; the next one tried is another one. */
static int place_near(const struct x86_buf *b, u32 size, u32 tries, struct exec_mem *mem)
{
	while (tries--) {
		int err = exec_mem_new(size, mem);

		if (err)
			return err;
		if (x86_reaches(b, mem->base, size))
			return 0;
		exec_mem_free(mem);
	}
	return -EADDRNOTAVAIL;
}

/*
 * Calls are short when the memory came out near what they call. Long ones are indirect: there are
 * none where retpolines are wanted.
 */
static int write(void *buf, struct exec_mem *mem, u32 *ret_size)
{
	const struct x86_program *xp = buf;
	struct x86_buf *b = &((struct x86_program *)buf)->buf;
	u32 size = x86_layout(b, true);
	int err;

	if (b->err)
		return b->err;
	err = place_near(b, size, xp->has_near_calls_only ? NEAR_TRIES : 1, mem);
	if (err == -EADDRNOTAVAIL && !xp->has_near_calls_only) {
		size = x86_layout(b, false);
		err = exec_mem_new(size, mem);
	}
	if (err)
		return err;
	x86_write(b, mem->base);
	*ret_size = size;
	return 0;
}

static int describe(void *buf, struct validate *v)
{
	const struct x86_program *xp = buf;
	const struct x86_buf *b = &xp->buf;
	u64 *calls = arena_calloc(v->arena, b->jump_count + 1, sizeof(*calls));
	u32 i;

	if (!calls)
		return -ENOMEM;
	for (i = 0; i < b->jump_count; i++) {
		if (b->jumps[i].kind == X86_CALL_ADDRESS)
			calls[v->call_count++] = b->jumps[i].target;
	}
	v->calls = calls;
	v->funcs = b->labels + xp->func_labels;
	v->func_count = xp->func_count;
	return 0;
}

static const struct jit_target target = {
	.engine = &engine_x86_64,
	.passes = passes,
	.has_count = has_popcnt,
	.begin = begin,
	.allocate = allocate,
	.lower = lower,
	.write = write,
	.describe = describe,
	.validate = validate_x86_64,
};

static int x86_compile(const struct code *code, struct log *log, struct image **ret_image)
{
	return jit_compile(&target, code, log, ret_image);
}

static const char *x86_stage(u32 i)
{
	return jit_stage(&target, i);
}

static int x86_dump(const struct code *code, const char *after, struct strbuf *text)
{
	return jit_dump(&target, code, after, text);
}

const struct engine engine_x86_64 = {
	.name = "x86-64",
	.is_available = is_x86_64,
	.compile = x86_compile,
	.free = jit_free,
	.callback = jit_callback,
	.stage = x86_stage,
	.dump = x86_dump,
};
