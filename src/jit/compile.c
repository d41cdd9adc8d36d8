// SPDX-License-Identifier: BSD-2-Clause
/*
 * The stages on one page: instructions become values (ir_build.c), the target's passes improve
 * them, values get registers (alloc.c), the target makes machine code, which lies in exec_mem and
 * is checked there (validate.h) before it becomes executable. The image itself is ordinary memory.
 */
#include "jit/compile.h"

#include "base/alloc.h"
#include "base/log.h"

struct jit_image {
	struct image image;
	struct exec_mem mem; /* owned */
};

static int lower_program(const struct jit_target *t, struct ir_program *p, void *buf)
{
	struct alloc_result *allocs = arena_alloc(&p->arena, p->func_count * sizeof(*allocs));
	u32 i;
	int err = allocs ? 0 : -ENOMEM;

	for (i = 0; i < p->func_count && !err; i++) {
		u32 index = p->callees_first[i];
		const struct jit_pass *pass;

		for (pass = t->passes; pass->name; pass++)
			pass->run(&p->funcs[index]);
		err = p->err ? p->err : t->allocate(&p->funcs[index], &allocs[index]);
	}
	for (i = 0; i < p->func_count && !err; i++)
		err = t->lower(buf, &p->funcs[i], &allocs[i]);
	return err ? err : p->err;
}

/* The machine code as it stands there, before it may run. */
static int check(const struct jit_target *t, struct ir_program *p, void *buf, bool is_last_try,
	const struct exec_mem *mem, u32 size, struct log *log)
{
	struct validate v = {
		.code = mem->base,
		.size = size,
		.base = (u64)(uintptr_t)mem->base,
		.program = p->code,
		.arena = &p->arena,
		.may_be_chance = !is_last_try,
	};
	int err = t->describe(buf, &v);

	return err ? err : validate_image(&v, t->validate, log);
}

static int install(const struct jit_target *t, struct ir_program *p, void *buf, bool is_last_try,
	struct log *log, struct jit_image *ji)
{
	u32 size;
	int err = t->write(buf, &ji->mem, &size);

	if (!err)
		err = check(t, p, buf, is_last_try, &ji->mem, size, log);
	if (err)
		return err;
	err = exec_mem_seal(&ji->mem);
	if (err) {
		if (log)
			log_printf(log, "this process may not execute code that it made itself\n");
		return err;
	}
	ji->image.machine_code = ji->mem.base;
	ji->image.machine_size = size;
	ji->image.entry = (u64(*)(void *, struct run *))(uintptr_t)ji->mem.base;
	return 0;
}

static int build(const struct jit_target *t, const struct code *code, const struct image *image,
	struct ir_program *ret_program)
{
	int err = ir_build(code, image, ret_program);

	ret_program->has_count = t->has_count && t->has_count();
	return err;
}

static int compile_once(const struct jit_target *t, const struct code *code, bool is_last_try,
	struct log *log, struct image **ret_image)
{
	struct jit_image *ji = mem_zalloc(sizeof(*ji));
	struct ir_program program;
	void *buf = NULL;
	int err;

	if (!ji)
		return -ENOMEM;
	ji->image.engine = t->engine;
	err = build(t, code, &ji->image, &program);
	if (!err)
		buf = t->begin(&program);
	if (!err && !buf)
		err = -ENOMEM;
	if (!err)
		err = lower_program(t, &program, buf);
	if (!err)
		err = install(t, &program, buf, is_last_try, log, ji);
	ir_release(&program);
	if (err) {
		jit_free(&ji->image);
		return err;
	}
	*ret_image = &ji->image;
	return 0;
}

/*
 * Among the random numbers that hide constants one may be equal to a constant (once in some 10^5
 * programs): then others are taken.
 */
int jit_compile(const struct jit_target *t, const struct code *code, struct log *log,
	struct image **ret_image)
{
	u32 tries = 8;
	int err;

	do
		err = compile_once(t, code, --tries == 0, log, ret_image);
	while (err == -EAGAIN && tries);
	return err;
}

void jit_free(struct image *image)
{
	struct jit_image *ji;

	if (!image)
		return;
	ji = container_of(image, struct jit_image, image);
	exec_mem_free(&ji->mem);
	mem_free(ji);
}

u64 jit_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	u64 (*fn)(u64, u64, u64, u64, u64, struct run *) =
		(u64(*)(u64, u64, u64, u64, u64, struct run *))(uintptr_t)func;

	run_back_edge(run);
	return run->fault ? 0 : fn(r1, r2, r3, r4, r5, run);
}

/* ---- showing ------------------------------------------------------------------------------- */

#define STAGE_FIRST "build"
#define STAGE_LAST  "registers"

const char *jit_stage(const struct jit_target *t, u32 i)
{
	u32 count = 0;

	while (t->passes[count].name)
		count++;
	if (i == 0)
		return STAGE_FIRST;
	if (i <= count)
		return t->passes[i - 1].name;
	return i == count + 1 ? STAGE_LAST : NULL;
}

static int dump_func(const struct jit_target *t, struct ir_func *f, u32 stage, struct strbuf *text)
{
	struct alloc_result alloc;
	u32 i;
	int err = 0;

	for (i = 0; i < stage && t->passes[i].name; i++)
		t->passes[i].run(f);
	if (i < stage)
		err = t->allocate(f, &alloc);
	if (!err)
		ir_dump(f, text);
	return err;
}

static u64 shown(u32 kind, u32 i)
{
	return (u64)kind << 52 | (u64)(u16)i << 36;
}

/* Numbers instead of addresses, which ir_dump() shows as what they stand for. */
static void hide_addresses(struct code *code, struct code_map *maps)
{
	u32 i;

	for (i = 0; i < code->map_count; i++) {
		maps[i] = code->maps[i];
		maps[i].handle = shown(IR_SHOWN_MAP, i);
		maps[i].values = maps[i].values ? shown(IR_SHOWN_VALUES, i) : 0;
		maps[i].elements = maps[i].elements ? shown(IR_SHOWN_ELEMENTS, i) : 0;
	}
	code->maps = maps;
	if (code->arena_base)
		code->arena_base = shown(IR_SHOWN_ARENA, 0);
}

int jit_dump(
	const struct jit_target *t, const struct code *code, const char *after, struct strbuf *text)
{
	struct ir_program program;
	struct code hidden = *code;
	struct code_map *maps;
	u32 stage, i;
	int err;

	for (stage = 0; jit_stage(t, stage) && strcmp(jit_stage(t, stage), after); stage++)
		;
	if (!jit_stage(t, stage))
		return -EINVAL;
	maps = mem_zalloc((code->map_count + 1) * sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	hide_addresses(&hidden, maps);
	err = build(t, &hidden, NULL, &program);
	for (i = 0; i < program.func_count && !err; i++)
		err = dump_func(t, &program.funcs[program.callees_first[i]], stage, text);
	if (!err)
		err = program.err;
	ir_release(&program);
	mem_free(maps);
	return err;
}
