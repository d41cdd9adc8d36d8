// SPDX-License-Identifier: BSD-2-Clause
/* The arm64 engine: which passes it wants, registers, machine code into memory. */
#include "jit/arm64/arm64.h"

#include "jit/arm64/lower.h"
#include "jit/compile.h"

#ifdef __aarch64__
#include <sys/auxv.h>
#endif

struct arm64_program {
	struct a64_buf buf;
	u32 func_count;
	u32 func_labels; /* first of the functions' labels */
};

static bool is_arm64(void)
{
#ifdef __aarch64__
	return true;
#else
	return false;
#endif
}

static bool has_lse(void)
{
#ifdef __aarch64__
	enum { ATOMICS = 1 << 8 };

	return getauxval(AT_HWCAP) & ATOMICS;
#else
	return false;
#endif
}

static const struct jit_pass passes[] = {
	{"phi", pass_phi},
	{"select", pass_select},
	{"bits", pass_bits},
	{"idioms", pass_idioms},
	{"frame", pass_frame},
	{"dce", pass_dce},
	{"addresses", arm64_fold_addresses},
	{"narrow", pass_narrow},
	{"mask", pass_mask},
	{"operands", arm64_fold_operands},
	{"step", pass_step},
	{0},
};

static void *begin(struct ir_program *p)
{
	struct arm64_program *ap = arena_zalloc(&p->arena, sizeof(*ap));
	u32 i;

	if (!ap)
		return NULL;
	a64_init(&ap->buf, &p->arena);
	ap->func_count = p->func_count;
	for (i = 0; i < p->func_count; i++)
		a64_new_label(&ap->buf);
	return ap;
}

static int allocate(struct ir_func *f, struct alloc_result *ret_result)
{
	u32 usable = UINT32_MAX;

	if (!has_lse() && arm64_has_loops(f))
		usable &= ~(1u << ARM64_LOOP_NEW | 1u << ARM64_LOOP_STATUS);
	return alloc_registers(f, &arm64_alloc_target, usable, usable, ret_result);
}

static int lower(void *buf, struct ir_func *f, const struct alloc_result *alloc)
{
	struct arm64_program *ap = buf;
	struct arm64_lower l = {
		.b = &ap->buf,
		.p = f->program,
		.f = f,
		.alloc = *alloc,
		.func_labels = ap->func_labels,
		.has_lse = has_lse(),
	};

	return arm64_lower_func(&l);
}

/* Room for far calls first, then calls as short as the place allows. */
static int write(void *buf, struct exec_mem *mem, u32 *ret_size)
{
	struct a64_buf *b = &((struct arm64_program *)buf)->buf;
	u32 size = a64_layout(b, 0);
	int err;

	if (b->err)
		return b->err;
	err = exec_mem_new(size, mem);
	if (err)
		return err;
	*ret_size = a64_layout(b, (u64)(uintptr_t)mem->base);
	a64_write(b, mem->base);
	return 0;
}

static int describe(void *buf, struct validate *v)
{
	const struct arm64_program *ap = buf;
	const struct a64_buf *b = &ap->buf;
	u64 *calls = arena_calloc(v->arena, b->item_count + 1, sizeof(*calls));
	u32 *funcs = arena_calloc(v->arena, ap->func_count, sizeof(*funcs)), i;

	if (!calls || !funcs)
		return -ENOMEM;
	for (i = 0; i < b->item_count; i++) {
		if (b->items[i].kind == A64_CALL_ADDRESS)
			calls[v->call_count++] = b->items[i].target;
	}
	for (i = 0; i < ap->func_count; i++)
		funcs[i] = 4 * b->labels[ap->func_labels + i];
	v->calls = calls;
	v->funcs = funcs;
	v->func_count = ap->func_count;
	return 0;
}

static const struct jit_target target = {
	.engine = &engine_arm64,
	.passes = passes,
	.begin = begin,
	.allocate = allocate,
	.lower = lower,
	.write = write,
	.describe = describe,
	.validate = validate_arm64,
};

static int arm64_compile(const struct code *code, struct log *log, struct image **ret_image)
{
	return jit_compile(&target, code, log, ret_image);
}

static const char *arm64_stage(u32 i)
{
	return jit_stage(&target, i);
}

static int arm64_dump(const struct code *code, const char *after, struct strbuf *text)
{
	return jit_dump(&target, code, after, text);
}

const struct engine engine_arm64 = {
	.name = "arm64",
	.is_available = is_arm64,
	.compile = arm64_compile,
	.free = jit_free,
	.callback = jit_callback,
	.stage = arm64_stage,
	.dump = arm64_dump,
};
