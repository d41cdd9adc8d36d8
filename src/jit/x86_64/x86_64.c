// SPDX-License-Identifier: BSD-2-Clause
/*
 * The x86-64 engine: the stages of a compilation on one page, and the life of its images. The
 * machine code lies in exec_mem; the image itself is ordinary memory.
 */
#include "jit/x86_64/x86_64.h"

#include "base/alloc.h"
#include "base/exec_mem.h"
#include "jit/x86_64/lower.h"

struct x86_image {
	struct image image;
	struct exec_mem mem; /* owned */
};

static bool is_x86_64(void)
{
#ifdef __x86_64__
	return true;
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

static void optimize(struct ir_func *f)
{
	pass_phi(f);
	pass_select(f);
	pass_bits(f);
	pass_dce(f);
	x86_fold_addresses(f);
	pass_narrow(f);
	x86_fold_operands(f);
	pass_step(f);
}

/* Registers: the second scratch register is free for values when nothing spills. */
static int allocate(struct lower *l)
{
	u32 all = 0xffff & ~(1u << X86_RSP | 1u << LOWER_SCRATCH),
	    less = all & ~(1u << LOWER_SCRATCH2);
	bool needs_two = x86_needs_two_scratch(l->f, l->has_bmi2);
	int err = alloc_registers(l->f, &x86_alloc_target, needs_two ? less : all, &l->alloc);

	if (!err && l->alloc.slot_count && !needs_two)
		err = alloc_registers(l->f, &x86_alloc_target, less, &l->alloc);
	return err;
}

static int lower_program(struct ir_program *p, struct x86_buf *b)
{
	u32 i, labels = 0;
	int err = 0;

	for (i = 0; i < p->func_count; i++)
		labels = x86_new_label(b);
	labels -= p->func_count - 1;
	for (i = 0; i < p->func_count && !err; i++) {
		struct lower l = {.b = b, .p = p, .f = &p->funcs[i], .func_labels = labels};

		l.has_bmi2 = has_bmi2();
		optimize(l.f);
		err = p->err ? p->err : allocate(&l);
		if (!err)
			err = lower_func(&l);
	}
	return err ? err : p->err;
}

/* Into executable memory; calls are short when the memory came out near what they call. */
static int install(struct x86_buf *b, struct x86_image *xi)
{
	u32 size = x86_layout(b, true);
	int err;

	if (b->err)
		return b->err;
	err = exec_mem_new(size, &xi->mem);
	if (err)
		return err;
	if (!x86_reaches(b, xi->mem.base, size)) {
		exec_mem_free(&xi->mem);
		size = x86_layout(b, false);
		err = exec_mem_new(size, &xi->mem);
		if (err)
			return err;
	}
	x86_write(b, xi->mem.base);
	err = exec_mem_seal(&xi->mem);
	if (err)
		return err;
	xi->image.machine_code = xi->mem.base;
	xi->image.machine_size = size;
	xi->image.entry = (u64(*)(void *, struct run *))(uintptr_t)xi->mem.base;
	return 0;
}

static void x86_free(struct image *image)
{
	struct x86_image *xi;

	if (!image)
		return;
	xi = container_of(image, struct x86_image, image);
	exec_mem_free(&xi->mem);
	mem_free(xi);
}

static int x86_compile(const struct code *code, struct log *log, struct image **ret_image)
{
	struct x86_image *xi = mem_zalloc(sizeof(*xi));
	struct ir_program program;
	struct x86_buf buf;
	int err;

	if (!xi)
		return -ENOMEM;
	xi->image.engine = &engine_x86_64;
	err = ir_build(code, &xi->image, &program);
	x86_init(&buf, &program.arena);
	if (!err)
		err = lower_program(&program, &buf);
	if (!err)
		err = install(&buf, xi);
	ir_release(&program);
	if (err) {
		x86_free(&xi->image);
		return err;
	}
	*ret_image = &xi->image;
	return 0;
}

static u64 x86_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	u64 (*fn)(u64, u64, u64, u64, u64, struct run *) =
		(u64(*)(u64, u64, u64, u64, u64, struct run *))(uintptr_t)func;

	run_back_edge(run);
	return run->fault ? 0 : fn(r1, r2, r3, r4, r5, run);
}

const struct engine engine_x86_64 = {
	.name = "x86-64",
	.is_available = is_x86_64,
	.compile = x86_compile,
	.free = x86_free,
	.callback = x86_callback,
};
