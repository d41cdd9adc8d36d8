// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interpreter as an engine: makes images, enters them, calls back into them. Reading order:
 * this file, interp_translate.c, interp_loop.h.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "runtime/interp.h"

static bool always_available(void)
{
	return true;
}

static void interp_free(struct image *image)
{
	struct interp_image *ii;

	if (!image)
		return;
	ii = container_of(image, struct interp_image, image);
	mem_free(ii->ops);
	mem_free(ii->insn_of_op);
	mem_free(ii->funcs);
	mem_free(ii->maps);
	mem_free(ii->facts);
	mem_free(ii);
}

static u64 run_func(struct run *run, const struct interp_func *func, const u64 args[5])
{
	if (unlikely(run->guard || func->owner->facts)) {
		struct run_stack stack = {.outer = run->stack};
		u64 ret;

		run->stack = &stack;
		ret = interp_run_checked(run, func, args);
		run->stack = stack.outer;
		return ret;
	}
	return interp_run_fast(run, func, args);
}

static u64 interp_entry(void *ctx, struct run *run)
{
	const struct interp_image *ii = container_of(run->image, const struct interp_image, image);
	const u64 args[5] = {(u64)(uintptr_t)ctx};

	return run_func(run, &ii->funcs[0], args);
}

static u64 interp_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	const u64 args[5] = {r1, r2, r3, r4, r5};

	run_back_edge(run);
	if (run->fault != RUN_OK)
		return 0;
	return run_func(run, (const struct interp_func *)(uintptr_t)func, args);
}

/* The label of each pair of kinds, for interp_fuse(). */
static const struct {
	u16 first, second;
} fused_pairs[] = {
#define FUSE(a, b) {INSN_KIND_##a, INSN_KIND_##b},
#include "runtime/interp_fused.def"
};

enum { NO_PAIR = 0xff };

static const struct {
	u16 base, access;
} addressed[] = {
#define ADDRESSED(base, access) {INSN_KIND_##base, INSN_KIND_##access},
#include "runtime/interp_addressed.def"
};

/* Whether three operations make an address out of two registers and use it; what they are. */
static bool find_addressed(const struct interp_op *op, u32 *ret_which)
{
	u32 i;

	if (op[1].kind != INSN_KIND_ADD64_REG || op[1].dst != op->dst || op[1].src == op->dst)
		return false;
	for (i = 0; i < ARRAY_SIZE(addressed); i++) {
		bool is_load = op[2].kind >= INSN_KIND_LDX8 && op[2].kind <= INSN_KIND_LDX64;

		*ret_which = i;
		if (addressed[i].base == op->kind && addressed[i].access == op[2].kind)
			return (is_load ? op[2].src : op[2].dst) == op->dst;
	}
	return false;
}

void interp_fuse(struct interp_image *image, const struct interp_labels *labels)
{
	u8 first_pair[INTERP_KIND_COUNT + 1], next_pair[ARRAY_SIZE(fused_pairs)];
	bool is_addressed = false;
	u32 i, p;

	/* pairs with the same first kind make a list */
	memset(first_pair, NO_PAIR, sizeof(first_pair));
	for (p = ARRAY_SIZE(fused_pairs); p-- > 0;) {
		next_pair[p] = first_pair[fused_pairs[p].first];
		first_pair[fused_pairs[p].first] = (u8)p;
	}
	for (i = image->op_count; i-- > 0;) {
		struct interp_op *op = &image->ops[i];
		bool was_addressed = is_addressed;

		op->label = labels->kinds[op->kind];
		is_addressed = i + 2 < image->op_count && find_addressed(op, &p);
		if (is_addressed) {
			op->label = labels->addressed[p];
			continue;
		}
		/* not with what begins three operations that fit together */
		for (p = first_pair[op->kind]; p != NO_PAIR && !was_addressed; p = next_pair[p]) {
			if (fused_pairs[p].second == op[1].kind)
				op->label = labels->fused[p];
		}
	}
}
STATIC_ASSERT(ARRAY_SIZE(fused_pairs) < NO_PAIR);

static int interp_compile(const struct code *code, struct log *log, struct image **ret_image)
{
	struct interp_image *ii = mem_zalloc(sizeof(*ii));
	struct interp_labels labels;
	int err;

	if (!ii)
		return -ENOMEM;
	ii->image = (struct image){.engine = &engine_interp, .entry = interp_entry};
	err = interp_translate(code, ii);
	if (err) {
		interp_free(&ii->image);
		return err;
	}
	interp_fast_labels(&labels);
	interp_fuse(ii, &labels);
	*ret_image = &ii->image;
	return 0;
}

const struct image *interp_tail_target(
	struct run *run, const struct code_map *map, u64 handle, u32 index)
{
	const struct image *target = NULL;

	if (run->tail_calls_left <= 0)
		return NULL;
	if (map && map->tail && !(run->image && run->image->is_limited)) {
		if (index < map->tail->count)
			target = __atomic_load_n(
				&map->tail->slots[index & map->tail->mask], __ATOMIC_ACQUIRE);
	} else if (run->services && run->services->tail_target) {
		target = run->services->tail_target(run, handle, index);
	}
	if (target)
		run->tail_calls_left--;
	return target;
}

const struct engine engine_interp = {
	.name = "interp",
	.is_available = always_available,
	.compile = interp_compile,
	.free = interp_free,
	.callback = interp_callback,
};
