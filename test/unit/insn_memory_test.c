// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every instruction that touches memory, also those that only rewriting makes, against a model:
 * edge displacements, all registers, edge values; what it reads, what it writes, and that nothing
 * beside it changes. On interpreter and JIT, and plain ones in the live kernel.
 */
#include "jit/engine.h"
#include "test/kernel.h"
#include "test/tap.h"

#include <stdlib.h>
#include <sys/mman.h>

static const s16 offs[] = {0, 1, -1, 7, 8, -8, 63, 64, -64, 127, 128, -127, -128, -129, 255, 256,
	-256, -257, 4095, 4096, -4096, 32760, 32767, -32767, -32768};
static const u64 values[] = {0, 1, ~0ull, 0x8182838485868788, 0x7fffffff80000001, 0x80000000};

enum {
	MIDDLE = 65536, /* where in the field the memory lies, whatever the displacement */
	AROUND = 16,	/* bytes that must not change */
	FIELD = 2 * MIDDLE,
	RESULT = FIELD, /* where the kernel leaves r0 */
	MAP_BYTES = FIELD + 4096,
};

/* One instruction: `other` is the register beside the base; old and value what was there and in it.
 */
struct trial {
	const struct insn_desc *desc;
	struct insn insn;
	u8 base, other;
	s16 off;
	u64 old, value;
};

struct outcome {
	u64 memory, reg;
};

/* ---- the model ------------------------------------------------------------------------------ */

static u64 mask_of(u32 bits)
{
	return bits == 64 ? ~0ull : (1ull << bits) - 1;
}

static u64 model_atomic(enum insn_do operation, u64 old, u64 value, u64 expected)
{
	switch (operation) {
	case INSN_DO_ATOMIC_ADD:
	case INSN_DO_ATOMIC_FETCH_ADD: return old + value;
	case INSN_DO_ATOMIC_OR:
	case INSN_DO_ATOMIC_FETCH_OR: return old | value;
	case INSN_DO_ATOMIC_AND:
	case INSN_DO_ATOMIC_FETCH_AND: return old & value;
	case INSN_DO_ATOMIC_XOR:
	case INSN_DO_ATOMIC_FETCH_XOR: return old ^ value;
	case INSN_DO_ATOMIC_CMPXCHG: return old == expected ? value : old;
	default: return value;
	}
}

/* r0 before a compare-and-exchange: right in half of the cases, with dirt above 32 bits. */
static u64 expected_of(const struct trial *t)
{
	u64 mask = mask_of(t->desc->width);

	return t->value & 1 ? (t->old & mask) | (~mask & 0x1234567800000000) : t->old + 1;
}

static bool gives_old(const struct insn_desc *d)
{
	return d->family == INSN_FAMILY_ATOMIC && d->operation >= INSN_DO_ATOMIC_FETCH_ADD;
}

static struct outcome model(const struct trial *t)
{
	const struct insn_desc *d = t->desc;
	u64 mask = mask_of(d->width), sign = 1ull << (d->width - 1), old = t->old & mask, new = old;
	struct outcome o = {.reg = t->value};

	switch ((enum insn_family)d->family) {
	case INSN_FAMILY_LDX:
	case INSN_FAMILY_LOAD_ACQ: o.reg = old; break;
	case INSN_FAMILY_LDX_SX: o.reg = (old ^ sign) - sign; break;
	case INSN_FAMILY_ST: new = (u64)(s64)t->insn.imm; break;
	case INSN_FAMILY_STX:
	case INSN_FAMILY_STORE_REL: new = t->value; break;
	default:
		new = model_atomic(
			(enum insn_do)d->operation, old, t->value & mask, expected_of(t) & mask);
		if (gives_old(d))
			o.reg = old;
		break;
	}
	o.memory = (t->old & ~mask) | (new &mask);
	return o;
}

/* ---- programs ------------------------------------------------------------------------------- */

static bool is_compare(const struct trial *t)
{
	return t->desc->operation == INSN_DO_ATOMIC_CMPXCHG;
}

/* The register in which the result is. */
static u8 result_reg(const struct trial *t)
{
	return is_compare(t) ? 0 : t->other;
}

struct program {
	struct insn insns[16];
	u32 count;
};

static void put(struct program *p, struct insn insn)
{
	p->insns[p->count++] = insn;
}

static void put_value(struct program *p, u8 reg, u64 value)
{
	const struct insn wide[] = {INSN_LD_IMM64(reg, value)};

	put(p, wide[0]);
	put(p, wide[1]);
}

/* The base is set already; in the kernel the result goes to the end of the map. */
static void put_trial(struct program *p, const struct trial *t, int map)
{
	const struct insn end[] = {INSN_LD_MAP_VALUE(t->other == 6 ? 7 : 6, map, RESULT)};

	if (t->other != t->base)
		put_value(p, t->other, t->value);
	if (is_compare(t))
		put_value(p, 0, expected_of(t));
	put(p, t->insn);
	if (map >= 0) {
		put(p, end[0]);
		put(p, end[1]);
		put(p, INSN_STX_MEM(BPF_DW, end[0].dst, result_reg(t), 0));
		put(p, INSN_MOV64_IMM(0, 0));
	} else {
		put(p, INSN_MOV64_REG(0, result_reg(t)));
	}
	put(p, INSN_EXIT());
}

static u8 *field; /* FIELD bytes: the arena's beginning, or any memory */
static const struct engine *engine;

static void prepare(u8 *bytes, const struct trial *t)
{
	memset(bytes + MIDDLE - AROUND, 0x5a, 2 * AROUND + 8);
	memcpy(bytes + MIDDLE, &t->old, 8);
}

/* Whether the surroundings are as they were. */
static bool collect(const u8 *bytes, struct outcome *ret)
{
	u32 i;

	memcpy(&ret->memory, bytes + MIDDLE, 8);
	for (i = 0; i < AROUND; i++)
		if (bytes[MIDDLE - 1 - i] != 0x5a || bytes[MIDDLE + 8 + i] != 0x5a)
			return false;
	return true;
}

static bool is_arena(const struct insn_desc *d)
{
	return strncmp(d->mnemonic, "arena", 5) == 0;
}

static int run_engine(const struct trial *t, struct outcome *ret)
{
	struct program p = {0};
	u64 at = (is_arena(t->desc) ? 0xfedc000000000000 : (u64)(uintptr_t)field) + MIDDLE -
		(u64)(s64)t->off;
	struct code code = {.insns = p.insns, .arena_base = (u64)(uintptr_t)field};
	struct run run = {.fuel = -1};
	struct image *image;
	int err;

	if (is_arena(t->desc))
		put_value(&p, t->base, at);
	else if (t->base != 1)
		put(&p, INSN_MOV64_REG(t->base, 1));
	put_trial(&p, t, -1);
	code.insn_count = p.count;
	err = engine->compile(&code, NULL, &image);
	if (err)
		return err;
	prepare(field, t);
	run.image = image;
	ret->reg = image->entry((void *)(uintptr_t)at, &run);
	engine->free(image);
	return collect(field, ret) ? 0 : -EFAULT;
}

/* ---- the live kernel ------------------------------------------------------------------------- */

static int map_fd = -1;
static u8 *map_bytes;

static void open_map(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = MAP_BYTES,
		.max_entries = 1,
		.map_flags = BPF_F_MMAPABLE};

	map_fd = kernel_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	REQUIRE(map_fd >= 0);
	map_bytes = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	REQUIRE(map_bytes != MAP_FAILED);
}

static int run_kernel(const struct trial *t, struct outcome *ret)
{
	const struct insn start[] = {INSN_LD_MAP_VALUE(t->base, map_fd, MIDDLE - t->off)};
	struct program p = {.insns = {start[0], start[1]}, .count = 2};
	struct kernel_load load = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (const struct bpf_insn *)p.insns};
	union bpf_attr attr = {0};
	u8 packet[64] = {0};
	int fd;

	put_trial(&p, t, map_fd);
	load.insn_count = p.count;
	fd = kernel_prog_load(&load);
	if (fd < 0)
		return fd;
	prepare(map_bytes, t);
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	fd = kernel_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	close((int)attr.test.prog_fd);
	memcpy(&ret->reg, map_bytes + RESULT, 8);
	return fd ? fd : collect(map_bytes, ret) ? 0 : -EFAULT;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static u32 tried, wrong;

static void try_one(struct trial t, int (*run)(const struct trial *, struct outcome *))
{
	struct outcome got = {0}, want = model(&t);
	int err = run(&t, &got);

	tried++;
	if (!err && got.memory == want.memory && got.reg == want.reg)
		return;
	if (wrong++ < 10)
		CHECK_MSG(false,
			"%s dst %u src %u off %d imm %d, old %llx, value %llx: %d, memory %llx not "
			"%llx, register %llx not %llx",
			t.desc->id, t.insn.dst, t.insn.src, t.off, t.insn.imm,
			(unsigned long long)t.old, (unsigned long long)t.value, err,
			(unsigned long long)got.memory, (unsigned long long)want.memory,
			(unsigned long long)got.reg, (unsigned long long)want.reg);
}

static bool is_load(const struct insn_desc *d)
{
	return d->family == INSN_FAMILY_LDX || d->family == INSN_FAMILY_LDX_SX ||
		d->family == INSN_FAMILY_LOAD_ACQ;
}

static bool touches_memory(const struct insn_desc *d)
{
	return is_load(d) || d->family == INSN_FAMILY_ST || d->family == INSN_FAMILY_STX ||
		d->family == INSN_FAMILY_ATOMIC || d->family == INSN_FAMILY_STORE_REL;
}

static struct trial trial_of(const struct insn_desc *d, u8 base, u8 other, u32 i)
{
	struct trial t = {.desc = d,
		.base = base,
		.other = other,
		.off = offs[i % ARRAY_SIZE(offs)],
		.old = values[i / 7 % ARRAY_SIZE(values)],
		.value = values[i % ARRAY_SIZE(values)]};

	t.insn = (struct insn){.op = d->op, .off = t.off, .imm = d->imm.value};
	t.insn.dst = is_load(d) ? other : base;
	t.insn.src = is_load(d) ? base : other;
	if (d->family == INSN_FAMILY_ST) {
		t.insn.src = 0;
		t.insn.imm = (s32)values[i % ARRAY_SIZE(values)];
	}
	return t;
}

/* Pairs that say something: r0 is taken by compare-and-exchange; a store of its own base is not. */
static bool makes_sense(const struct insn_desc *d, u8 base, u8 other)
{
	if (d->operation == INSN_DO_ATOMIC_CMPXCHG && (base == 0 || other == 0))
		return false;
	return base != other || is_load(d);
}

static void each_trial(
	bool plain_only, u32 step, int (*run)(const struct trial *, struct outcome *))
{
	u32 kind, pair, i = 0, off;

	for (kind = 0; kind < INSN_KIND_COUNT; kind++) {
		const struct insn_desc *d = insn_desc((enum insn_kind)kind);

		if (!touches_memory(d) || (plain_only && d->scope != INSN_SCOPE_UAPI))
			continue;
		for (pair = kind % step; pair < 100; pair += step, i++)
			if (makes_sense(d, pair / 10, pair % 10))
				try_one(trial_of(d, pair / 10, pair % 10, i), run);
		for (off = 0; off < ARRAY_SIZE(offs) * ARRAY_SIZE(values); off++)
			if (off % step == kind % step || step == 1)
				try_one(trial_of(d, 7, 8, off), run);
	}
}

static void try_engine(const char *name)
{
	const size_t arena = 4ull << 30;
	u8 *all;

	engine = engine_by_name(name);
	if (!engine)
		SKIP_HERE("this machine has no %s", name);
	all = mmap(
		NULL, arena + FIELD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(all != MAP_FAILED);
	field = all + MIDDLE;
	REQUIRE_EQ(mprotect(field, FIELD, PROT_READ | PROT_WRITE), 0);
	wrong = tried = 0;
	each_trial(false, 1, run_engine);
	munmap(all, arena + FIELD);
	tap_note("%u instructions", tried);
	CHECK_EQ(wrong, 0);
}

TEST(interp_touches_memory_as_the_model_does)
{
	try_engine("interp");
}

TEST(jit_touches_memory_as_the_model_does)
{
	try_engine("jit");
}

/* Some of the trials; all of them with HACHI_SOAK. */
TEST(the_live_kernel_touches_memory_as_the_model_does)
{
	kernel_or_skip();
	open_map();
	wrong = tried = 0;
	each_trial(true, getenv("HACHI_SOAK") ? 1 : 7, run_kernel);
	munmap(map_bytes, MAP_BYTES);
	close(map_fd);
	tap_note("%u instructions", tried);
	CHECK_EQ(wrong, 0);
}
