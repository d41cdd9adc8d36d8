// SPDX-License-Identifier: BSD-2-Clause
/*
 * The arm64 engine: the stages of a compilation on one page, and the life of its images. The
 * machine code lies in exec_mem; the image itself is ordinary memory.
 */
#include "jit/arm64/arm64.h"

#include "base/alloc.h"
#include "base/exec_mem.h"
#include "jit/arm64/lower.h"

#ifdef __aarch64__
#include <sys/auxv.h>
#endif

struct arm64_image {
	struct image image;
	struct exec_mem mem; /* owned */
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

static void optimize(struct ir_func *f)
{
	pass_phi(f);
	pass_select(f);
	pass_bits(f);
	pass_dce(f);
	arm64_fold_addresses(f);
	pass_narrow(f);
	arm64_fold_operands(f);
	pass_step(f);
}

static int allocate(struct arm64_lower *l)
{
	u32 usable = UINT32_MAX;

	if (!l->has_lse && arm64_has_loops(l->f))
		usable &= ~(1u << ARM64_LOOP_NEW | 1u << ARM64_LOOP_STATUS);
	return alloc_registers(l->f, &arm64_alloc_target, usable, &l->alloc);
}

static int lower_program(struct ir_program *p, struct a64_buf *b)
{
	u32 i, labels = 0;
	int err = 0;

	for (i = 0; i < p->func_count; i++)
		labels = a64_new_label(b);
	labels -= p->func_count - 1;
	for (i = 0; i < p->func_count && !err; i++) {
		struct arm64_lower l = {.b = b,
			.p = p,
			.f = &p->funcs[i],
			.func_labels = labels,
			.has_lse = has_lse()};

		optimize(l.f);
		err = p->err ? p->err : allocate(&l);
		if (!err)
			err = arm64_lower_func(&l);
	}
	return err ? err : p->err;
}

/* Into executable memory: room for far calls first, then calls as short as the place allows. */
static int install(struct a64_buf *b, struct arm64_image *ai)
{
	u32 size = a64_layout(b, 0);
	int err;

	if (b->err)
		return b->err;
	err = exec_mem_new(size, &ai->mem);
	if (err)
		return err;
	size = a64_layout(b, (u64)(uintptr_t)ai->mem.base);
	a64_write(b, ai->mem.base);
	err = exec_mem_seal(&ai->mem);
	if (err)
		return err;
	ai->image.machine_code = ai->mem.base;
	ai->image.machine_size = size;
	ai->image.entry = (u64(*)(void *, struct run *))(uintptr_t)ai->mem.base;
	return 0;
}

static void arm64_free(struct image *image)
{
	struct arm64_image *ai;

	if (!image)
		return;
	ai = container_of(image, struct arm64_image, image);
	exec_mem_free(&ai->mem);
	mem_free(ai);
}

static int arm64_compile(const struct code *code, struct log *log, struct image **ret_image)
{
	struct arm64_image *ai = mem_zalloc(sizeof(*ai));
	struct ir_program program;
	struct a64_buf buf;
	int err;

	if (!ai)
		return -ENOMEM;
	ai->image.engine = &engine_arm64;
	err = ir_build(code, &ai->image, &program);
	a64_init(&buf, &program.arena);
	if (!err)
		err = lower_program(&program, &buf);
	if (!err)
		err = install(&buf, ai);
	ir_release(&program);
	if (err) {
		arm64_free(&ai->image);
		return err;
	}
	*ret_image = &ai->image;
	return 0;
}

static u64 arm64_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	u64 (*fn)(u64, u64, u64, u64, u64, struct run *) =
		(u64(*)(u64, u64, u64, u64, u64, struct run *))(uintptr_t)func;

	run_back_edge(run);
	return run->fault ? 0 : fn(r1, r2, r3, r4, r5, run);
}

const struct engine engine_arm64 = {
	.name = "arm64",
	.is_available = is_arm64,
	.compile = arm64_compile,
	.free = arm64_free,
	.callback = arm64_callback,
};
