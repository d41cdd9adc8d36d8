/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a program of gen_engine.h, loaded and verified by an instance, on the interpreter and on the
 * JIT (as in production, and with a hardening or less knowledge), on the same maps and packet, and
 * compares: result, packet, every byte of every map, and the calls of helpers with arguments and
 * results. Included by engine_fuzz.c and engine_equal_test.c.
 *
 * A JIT does some calls without a call (lookups, bpf_loop): as in production only the others are
 * compared one by one; the variants that know nothing of maps compare all of them.
 */
#ifndef FUZZ_EQUAL_H
#define FUZZ_EQUAL_H

#include "base/alloc.h"
#include "helper/helper.h"
#include "isa/disasm.h"
#include "jit/engine.h"
#include "prog/prog.h"
#include "syscall/instance.h"
#include "test/btf_build.h"

#include "fuzz/gen_engine.c"

#include <hachi/hachi.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	EQUAL_PACKET = 64,
	EQUAL_SLOTS = 2, /* of the prog array that are filled: another program, this one */
	EQUAL_ALL_FLAGS = GEN_FUNCS | GEN_V4 | GEN_NEW | GEN_MAPS | GEN_TAIL | GEN_SHORT,
};

/* How a program is compiled. */
enum equal_variant {
	EQUAL_INTERP,
	EQUAL_JIT,	/* as in production */
	EQUAL_IGNORANT, /* without the verifier's facts and direct lookups */
	EQUAL_BLIND,	/* constants blinded, no indirect jumps */
	EQUAL_FUEL,	/* back edges counted */
	EQUAL_VARIANTS,
};

static const char *const equal_names[] = {
	"interpreter", "jit", "jit without facts", "jit with blinding", "jit with fuel"};

struct equal_trace {
	u64 all, others; /* hashes: of all calls, of those that are never inlined */
	u32 calls, other_calls;
};

struct equal_outcome {
	u32 result;
	struct equal_trace trace;
	u8 packet[EQUAL_PACKET];
};

/* A program and its neighbour in the prog array. */
struct equal_case {
	u64 seed;
	u32 flags;
	struct gen_prog progs[EQUAL_SLOTS]; /* [1] is the program, [0] what it may call */
	bool has_other;
	bool is_limited; /* loaded with fewer capabilities */
};

struct equal_side {
	struct hachi *h;
	int fds[GEN_MAP_COUNT], btf_fd;
	u32 func_types[GEN_MAX_FUNCS + 1];
	struct map *maps[GEN_MAP_COUNT];
	u8 *start[GEN_MAP_COUNT], *end[GEN_MAP_COUNT]; /* copies of the regions */
};

/* ---- the trace --------------------------------------------------------------------------- */

static struct equal_trace equal_trace;

static void equal_note(u64 *hash, u64 x)
{
	*hash = (*hash ^ x) * 0x100000001b3ull;
	*hash ^= *hash >> 29;
}

static void equal_note_bytes(u64 *hash, u64 at, u64 size)
{
	const u8 *p = (const u8 *)(uintptr_t)at;

	while (size--)
		equal_note(hash, *p++);
}

/* Arguments as what they mean: addresses differ. Called before the helper, with its id. */
static u64 equal_arguments(u32 id, const u64 r[5])
{
	const struct map *map = (const struct map *)(uintptr_t)r[0];
	u64 hash = id;

	switch (id) {
	case BPF_FUNC_map_update_elem:
		equal_note_bytes(&hash, r[2], map->params.value_size);
		equal_note(&hash, r[3]);
		FALLTHROUGH;
	case BPF_FUNC_map_lookup_percpu_elem:
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_delete_elem:
		equal_note(&hash, map->params.type << 8 | map->params.value_size);
		equal_note_bytes(&hash, r[1], map->params.key_size);
		break;
	case BPF_FUNC_map_push_elem:
		equal_note_bytes(&hash, r[1], map->params.value_size);
		equal_note(&hash, r[2]);
		break;
	case BPF_FUNC_csum_diff:
		equal_note_bytes(&hash, r[0], r[1]);
		equal_note_bytes(&hash, r[2], r[3]);
		equal_note(&hash, r[4]);
		break;
	case BPF_FUNC_skb_store_bytes:
		equal_note_bytes(&hash, r[2], r[3]);
		equal_note(&hash, r[4]);
		FALLTHROUGH;
	case BPF_FUNC_skb_load_bytes:
		equal_note(&hash, r[1]);
		equal_note(&hash, r[3]);
		break;
	case BPF_FUNC_loop:
		equal_note(&hash, r[0]);
		equal_note(&hash, r[3]);
		break;
	case BPF_FUNC_for_each_map_elem:
		equal_note(&hash, map->params.type);
		equal_note(&hash, r[3]);
		break;
	default: break;
	}
	return hash;
}

/* What a helper that gives an element gives: what stands there. */
static u64 equal_result(u32 id, u64 r1, u64 r2, u64 result)
{
	const struct map *map = (const struct map *)(uintptr_t)r1;
	u64 hash = 1;

	switch (id) {
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_lookup_percpu_elem:
		if (result)
			equal_note_bytes(&hash, result, map->params.value_size);
		return result ? hash : 0;
	case BPF_FUNC_map_pop_elem:
	case BPF_FUNC_map_peek_elem:
		equal_note_bytes(&hash, r2, map->params.value_size);
		return hash ^ result;
	default: return result;
	}
}

static bool equal_may_be_inlined(u32 id)
{
	return id == BPF_FUNC_map_lookup_elem || id == BPF_FUNC_map_lookup_percpu_elem ||
		id == BPF_FUNC_loop || id == BPF_FUNC_for_each_map_elem;
}

#define EQUAL_HELPERS(X)                                                                           \
	X(map_lookup_elem)                                                                         \
	X(map_lookup_percpu_elem)                                                                  \
	X(map_update_elem)                                                                         \
	X(map_delete_elem)                                                                         \
	X(map_push_elem)                                                                           \
	X(map_pop_elem)                                                                            \
	X(map_peek_elem)                                                                           \
	X(csum_diff)                                                                               \
	X(skb_load_bytes)                                                                          \
	X(skb_store_bytes)                                                                         \
	X(loop)                                                                                    \
	X(for_each_map_elem)

#define EQUAL_TRACED(name)                                                                         \
	static u64 equal_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)           \
	{                                                                                          \
		static helper_fn fn;                                                               \
		const u64 r[5] = {r1, r2, r3, r4, r5};                                             \
		u64 before = equal_arguments(BPF_FUNC_##name, r), result;                          \
                                                                                                   \
		if (!fn)                                                                           \
			fn = helper_fn_for(BPF_FUNC_##name, BPF_PROG_TYPE_SCHED_CLS);              \
		result = fn(r1, r2, r3, r4, r5, run);                                              \
		equal_note(&before, equal_result(BPF_FUNC_##name, r1, r2, result));                \
		equal_note(&equal_trace.all, before);                                              \
		equal_trace.calls++;                                                               \
		if (!equal_may_be_inlined(BPF_FUNC_##name)) {                                      \
			equal_note(&equal_trace.others, before);                                   \
			equal_trace.other_calls++;                                                 \
		}                                                                                  \
		return result;                                                                     \
	}
EQUAL_HELPERS(EQUAL_TRACED)

static helper_fn equal_find_helper(void *ctx, u32 id)
{
	switch (id) {
#define EQUAL_CASE(name)                                                                           \
	case BPF_FUNC_##name: return equal_##name;
		EQUAL_HELPERS(EQUAL_CASE)
	default: return NULL;
	}
}

/* ---- an instance with maps ------------------------------------------------------------------ */

/* bpf(2): an instance's or the kernel's. */
typedef int (*equal_bpf)(void *ctx, int cmd, union bpf_attr *attr);

static int equal_make_btf(equal_bpf do_bpf, void *ctx, u32 func_types[GEN_MAX_FUNCS + 1])
{
	static struct build b;
	union bpf_attr attr = {0};
	u32 i, number, ptr, proto;
	char name[16];

	build_init(&b);
	number = build_int(&b, "int", 4, BTF_INT_SIGNED);
	ptr = build_ptr(&b, 0);
	proto = build_type(&b, BTF_KIND_FUNC_PROTO, NULL, 1, false, number);
	build_pair(&b, "ctx", ptr);
	for (i = 0; i <= GEN_MAX_FUNCS; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		func_types[i] = build_ref(&b, BTF_KIND_FUNC, name, proto);
	}
	build_blob(&b);
	attr.btf = (uintptr_t)b.blob;
	attr.btf_size = b.size;
	return do_bpf(ctx, BPF_BTF_LOAD, &attr);
}

static int equal_element(equal_bpf do_bpf, void *ctx, int cmd, int fd, const void *key, void *value)
{
	union bpf_attr attr = {
		.map_fd = (u32)fd, .key = (u64)(uintptr_t)key, .value = (u64)(uintptr_t)value};

	return do_bpf(ctx, cmd, &attr);
}

static int equal_create(equal_bpf do_bpf, void *ctx, const struct gen_map_shape *shape)
{
	union bpf_attr attr = {.map_type = shape->type,
		.key_size = shape->key_size,
		.value_size = shape->value_size,
		.max_entries = shape->entries,
		.map_flags = shape->flags};

	return do_bpf(ctx, BPF_MAP_CREATE, &attr);
}

/* Some keys of each map, three elements in the queue; the same values whoever asks. */
static void equal_fill(equal_bpf do_bpf, void *ctx, const int fds[GEN_MAP_COUNT])
{
	static const struct {
		u32 len, addr;
	} prefixes[] = {{0, 0}, {8, 1}, {31, 2}, {32, 3}};
	static u8 value[4096];
	u64 state = 99, key, wide[2];
	u32 i, k;

	for (i = 0; i < GEN_MAP_PROGS; i++) {
		const struct gen_map_shape *s = &gen_map_shapes[i];
		bool is_array =
			s->type == BPF_MAP_TYPE_ARRAY || s->type == BPF_MAP_TYPE_PERCPU_ARRAY;
		u32 count = is_array ? s->entries : MIN(s->entries / 2, 4u),
		    size = ALIGN_UP(s->value_size, 8u);

		for (key = 0; key < count; key++) {
			/* per-CPU values: the same for every CPU */
			for (k = 0; k < sizeof(value); k++)
				value[k] = k < size ? (u8)gen_random(&state) : value[k - size];
			wide[0] = key;
			wide[1] = 0;
			equal_element(do_bpf, ctx, BPF_MAP_UPDATE_ELEM, fds[i],
				i == GEN_MAP_QUEUE	   ? NULL
					: i == GEN_MAP_LPM ? (void *)&prefixes[key]
							   : (void *)wide,
				value);
		}
	}
}

static int equal_instance(void *ctx, int cmd, union bpf_attr *attr)
{
	return (int)hachi_bpf(ctx, cmd, attr, sizeof(*attr));
}

static int equal_open(struct equal_side *s)
{
	struct hachi_opts opts = {.size = sizeof(opts), .engine = "interp", .btf_path = ""};
	u32 i;
	int err = hachi_new(&opts, &s->h);

	for (i = 0; i < GEN_MAP_COUNT && !err; i++) {
		s->fds[i] = equal_create(equal_instance, s->h, &gen_map_shapes[i]);
		err = s->fds[i] < 0 ? s->fds[i] : map_from_fd(s->h, s->fds[i], &s->maps[i]);
	}
	if (err)
		return err;
	equal_fill(equal_instance, s->h, s->fds);
	for (i = 0; i < GEN_MAP_COUNT && !err; i++) {
		s->start[i] = malloc(s->maps[i]->region_size);
		s->end[i] = malloc(s->maps[i]->region_size);
		if (!s->start[i] || !s->end[i])
			return -ENOMEM;
		memcpy(s->start[i], s->maps[i]->region, s->maps[i]->region_size);
	}
	s->btf_fd = equal_make_btf(equal_instance, s->h, s->func_types);
	return s->btf_fd < 0 ? s->btf_fd : err;
}

UNUSED static void equal_close(struct equal_side *s)
{
	u32 i;

	for (i = 0; i < GEN_MAP_COUNT; i++) {
		free(s->start[i]);
		free(s->end[i]);
		if (s->maps[i])
			map_unref(s->maps[i]);
	}
	hachi_free(s->h);
}

/* ---- programs --------------------------------------------------------------------------- */

struct equal_loaded {
	int fd;
	struct prog *prog; /* reference owned */
	struct image *own, *images[EQUAL_VARIANTS];
	struct code_map *maps; /* without direct lookups */
};

static int equal_load_attr(const struct gen_prog *p, const int fds[GEN_MAP_COUNT], int btf_fd,
	const u32 func_types[], equal_bpf do_bpf, void *ctx)
{
	static struct gen_prog copy;
	struct bpf_func_info funcs[GEN_MAX_FUNCS + 1];
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = (uintptr_t)copy.insns,
		.insn_cnt = p->count,
		.license = (uintptr_t) "GPL",
		.prog_btf_fd = (u32)btf_fd,
		.func_info = (uintptr_t)funcs,
		.func_info_cnt = p->func_count,
		.func_info_rec_size = sizeof(funcs[0])};
	u32 i;

	copy.count = p->count;
	memcpy(copy.insns, p->insns, p->count * sizeof(*p->insns));
	gen_set_maps(&copy, fds);
	for (i = 0; i < p->func_count; i++)
		funcs[i] = (struct bpf_func_info){p->funcs[i].start, func_types[i]};
	return do_bpf(ctx, BPF_PROG_LOAD, &attr);
}

static struct code equal_code(struct equal_loaded *l, enum equal_variant v)
{
	struct code code = l->prog->code;
	u32 i;

	code.helper = equal_find_helper;
	code.helper_ctx = l->prog;
	if (v == EQUAL_JIT)
		return code;
	if (!l->maps && code.map_count) {
		l->maps = mem_dup(code.maps, code.map_count * sizeof(*code.maps));
		for (i = 0; l->maps && i < code.map_count; i++) {
			l->maps[i].lookup = NULL;
			l->maps[i].elements = 0;
		}
	}
	code.maps = l->maps ? l->maps : code.maps;
	if (v == EQUAL_IGNORANT)
		code.facts = NULL;
	code.blind = code.retpolines = v == EQUAL_BLIND;
	code.uses_fuel = v == EQUAL_FUEL;
	return code;
}

static int equal_compile(struct equal_loaded *l, enum equal_variant v)
{
	const struct engine *engine = v == EQUAL_INTERP ? &engine_interp : engine_by_name("jit");
	struct code code = equal_code(l, v);
	struct log silent;
	int err;

	log_init(&silent, NULL, 0, 0);
	err = engine->compile(&code, &silent, &l->images[v]);
	if (!err)
		l->images[v]->prog = l->prog;
	return err;
}

/* Limited: without CAP_PERFMON, so that accesses are masked and barriers put in. */
static int equal_load(
	struct equal_side *s, const struct gen_prog *p, bool is_limited, struct equal_loaded *l)
{
	int err;

	memset(l, 0, sizeof(*l));
	if (is_limited)
		hachi_set_caps(s->h, HACHI_CAP_BPF | HACHI_CAP_NET_ADMIN);
	l->fd = equal_load_attr(p, s->fds, s->btf_fd, s->func_types, equal_instance, s->h);
	if (is_limited)
		hachi_set_caps(s->h, HACHI_CAPS_ALL);
	if (l->fd < 0)
		return l->fd;
	err = prog_from_fd(s->h, l->fd, &l->prog);
	if (!err)
		l->own = l->prog->image;
	return err;
}

static void equal_unload(struct equal_side *s, struct equal_loaded *l)
{
	u32 i;

	if (l->fd < 0)
		return;
	if (l->prog) {
		l->prog->image = l->own;
		for (i = 0; i < EQUAL_VARIANTS; i++)
			if (l->images[i])
				l->images[i]->engine->free(l->images[i]);
		mem_free(l->maps);
		prog_unref(l->prog);
	}
	hachi_close(s->h, l->fd);
}

/* ---- running ---------------------------------------------------------------------------- */

static void equal_packet(u64 seed, u8 packet[EQUAL_PACKET])
{
	u32 i;

	for (i = 0; i < EQUAL_PACKET; i++)
		packet[i] = (u8)(i == 12 ? 8 : i == 13 ? 0 : gen_random(&seed));
}

static int equal_test_run(equal_bpf do_bpf, void *ctx, int fd, u64 seed, struct equal_outcome *ret)
{
	u8 packet[EQUAL_PACKET];
	union bpf_attr attr = {.test = {.prog_fd = (u32)fd,
				       .data_in = (uintptr_t)packet,
				       .data_size_in = sizeof(packet),
				       .data_out = (uintptr_t)ret->packet,
				       .data_size_out = sizeof(ret->packet)}};
	int err;

	equal_packet(seed, packet);
	err = do_bpf(ctx, BPF_PROG_TEST_RUN, &attr);
	ret->result = attr.test.retval;
	return err;
}

/* r9's value differs with every seed. */
static void equal_data(u64 seed, u8 data[GEN_VALUE_BYTES])
{
	u32 i;
	u64 word;

	for (i = 0; i < GEN_VALUE_BYTES; i += 8) {
		word = gen_random(&seed);
		memcpy(data + i, &word, 8);
	}
}

static void equal_reset(struct equal_side *s, u64 seed)
{
	u32 i;

	for (i = 0; i < GEN_MAP_PROGS; i++)
		memcpy(s->maps[i]->region, s->start[i], s->maps[i]->region_size);
	equal_data(seed, s->maps[GEN_MAP_DATA]->values);
}

static int equal_run(struct equal_side *s, struct equal_loaded loaded[EQUAL_SLOTS],
	enum equal_variant v, u64 seed, struct equal_outcome *ret)
{
	u32 i;

	for (i = 0; i < EQUAL_SLOTS; i++) {
		if (loaded[i].prog) {
			loaded[i].prog->image = loaded[i].images[v];
			prog_tail_set(s->maps[GEN_MAP_PROGS], i, loaded[i].prog);
		} else {
			prog_tail_set(s->maps[GEN_MAP_PROGS], i, NULL);
		}
	}
	equal_reset(s, seed);
	equal_trace = (struct equal_trace){0};
	memset(ret, 0, sizeof(*ret));
	i = (u32)equal_test_run(equal_instance, s->h, loaded[1].fd, seed, ret);
	ret->trace = equal_trace;
	return (int)i;
}

/* Whether the maps are as at the end of the interpreter's run. */
static int equal_differing_map(const struct equal_side *s)
{
	u32 i;

	for (i = 0; i < GEN_MAP_PROGS; i++)
		if (memcmp(s->maps[i]->region, s->end[i], s->maps[i]->region_size))
			return (int)i;
	return -1;
}

/* What a mismatch was. */
struct equal_report {
	enum equal_variant variant;
	int err;
	const char *what; /* NULL = none */
	struct equal_outcome want, got;
	int map;
};

static const char *equal_difference(const struct equal_side *s, struct equal_report *r)
{
	const struct equal_trace *a = &r->want.trace, *b = &r->got.trace;
	bool all = r->variant != EQUAL_JIT;

	r->map = equal_differing_map(s);
	if (r->err)
		return "error";
	if (r->want.result != r->got.result)
		return "result";
	if (memcmp(r->want.packet, r->got.packet, EQUAL_PACKET))
		return "packet";
	if (r->map >= 0)
		return "map";
	if (all && (a->all != b->all || a->calls != b->calls))
		return "trace of helper calls";
	if (a->others != b->others || a->other_calls != b->other_calls)
		return "trace of helper calls that are never inlined";
	return NULL;
}

static int equal_compile_all(
	struct equal_loaded loaded[EQUAL_SLOTS], u32 variants, struct equal_report *r)
{
	u32 v, i;

	for (v = 0; v < EQUAL_VARIANTS; v++) {
		for (i = 0; i < EQUAL_SLOTS && (variants >> v & 1); i++) {
			if (!loaded[i].prog)
				continue;
			r->variant = (enum equal_variant)v;
			r->err = equal_compile(&loaded[i], r->variant);
			if (r->err)
				return r->err;
		}
	}
	return 0;
}

/*
 * Tries a case in the variants (bits; the interpreter is always one). 0, with ret->what filled when
 * they differ, or -errno when the program is not accepted.
 */
static int equal_try(
	struct equal_side *s, const struct equal_case *c, u32 variants, struct equal_report *ret)
{
	struct equal_loaded loaded[EQUAL_SLOTS] = {{.fd = -1}, {.fd = -1}};
	u32 v, i;
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	if (c->has_other)
		err = equal_load(s, &c->progs[0], c->is_limited, &loaded[0]);
	if (!err)
		err = equal_load(s, &c->progs[1], c->is_limited, &loaded[1]);
	if (err)
		goto out;
	if (equal_compile_all(loaded, variants | 1, ret)) {
		ret->what = "refusal to compile";
		goto out;
	}
	ret->err = equal_run(s, loaded, EQUAL_INTERP, c->seed, &ret->want);
	ret->what = ret->err ? "error of the interpreter" : NULL;
	for (i = 0; i < GEN_MAP_PROGS; i++)
		memcpy(s->end[i], s->maps[i]->region, s->maps[i]->region_size);
	for (v = 1; v < EQUAL_VARIANTS && !ret->what; v++) {
		if (!(variants >> v & 1))
			continue;
		ret->variant = (enum equal_variant)v;
		ret->err = equal_run(s, loaded, ret->variant, c->seed, &ret->got);
		ret->what = equal_difference(s, ret);
	}
	for (i = 0; i < EQUAL_SLOTS; i++)
		prog_tail_set(s->maps[GEN_MAP_PROGS], i, NULL);
out:
	for (i = 0; i < EQUAL_SLOTS; i++)
		equal_unload(s, &loaded[i]);
	return err;
}

UNUSED static void equal_generate(u64 seed, u32 flags, struct equal_case *ret)
{
	ret->seed = seed;
	ret->flags = flags;
	/* on paths that are only guessed loops take verifiers a million steps */
	ret->is_limited = seed % 9 == 4;
	if (ret->is_limited)
		flags |= GEN_STRAIGHT;
	/* every fifth has a prog array with something in it */
	ret->has_other = (flags & GEN_TAIL) && seed % 5 == 0;
	gen_program(seed, ret->has_other ? flags : flags & ~(u32)GEN_TAIL, &ret->progs[1]);
	if (ret->has_other)
		gen_program(seed ^ 0x5555, flags & ~(u32)(GEN_TAIL | GEN_FUNCS), &ret->progs[0]);
}

/* The interpreter, the JIT as it is, and for every fourth one of the others. */
UNUSED static u32 equal_variants(u64 seed)
{
	return 1 << EQUAL_INTERP | 1 << EQUAL_JIT |
		(seed % 4 ? 0 : 1u << (EQUAL_IGNORANT + seed / 4 % 3));
}

/* ---- showing ---------------------------------------------------------------------------- */

static bool equal_is_nothing(const struct insn *insn)
{
	return !memcmp(insn, &INSN_JA(0), sizeof(*insn));
}

/* Without the instructions that making it small has replaced by nothing. */
static void equal_compact(const struct gen_prog *p, struct gen_prog *ret)
{
	static u32 new_at[GEN_MAX_INSNS + 1];
	u32 i, k;

	*ret = *p;
	for (i = 0, ret->count = 0; i < p->count; i++) {
		bool is_wide = insn_is_ld_imm64(&p->insns[i]);

		new_at[i] = ret->count;
		if (equal_is_nothing(&p->insns[i]))
			continue;
		ret->insns[ret->count++] = p->insns[i];
		if (is_wide)
			ret->insns[ret->count++] = p->insns[++i];
	}
	new_at[i] = ret->count;
	for (i = 0; i < p->count; i++) {
		const struct insn *old = &p->insns[i];
		struct insn *new = &ret->insns[new_at[i]];
		bool is_far = insn_is_call_func(old) || old->op == (BPF_JMP32 | BPF_JA) ||
			(insn_is_ld_imm64(old) && old->src == BPF_PSEUDO_FUNC);

		k = i + 1 + (u32)(is_far ? old->imm : old->off);
		if (equal_is_nothing(old) || k > p->count)
			continue;
		if (is_far)
			new->imm = (s32)(new_at[k] - new_at[i] - 1);
		else if (insn_is_jump(old))
			new->off = (s16)(new_at[k] - new_at[i] - 1);
		i += insn_is_ld_imm64(old);
	}
}

static void equal_show_program(const struct gen_prog *original)
{
	struct disasm_opts opts = {
		.is_lossless = true, .without_opcode = true, .imm_name = disasm_imm_pseudo};
	static struct gen_prog compact;
	const struct gen_prog *p = &compact;
	struct strbuf text = {0};
	u32 i, slots;

	equal_compact(original, &compact);
	for (i = 0; i < p->count; i += slots) {
		strbuf_reset(&text);
		slots = (u32)disasm_insn(&opts, &p->insns[i], p->count - i, &text);
		printf("# %4u: %s\n", i, strbuf_cstr(&text));
	}
	strbuf_release(&text);
}

static void equal_show(const struct equal_side *s, const struct equal_report *r)
{
	u32 i;

	printf("# %s: %s differs (error %d): result %x and %x, calls %u and %u\n",
		equal_names[r->variant], r->what, r->err, r->want.result, r->got.result,
		r->want.trace.calls, r->got.trace.calls);
	if (r->map < 0)
		return;
	printf("# map %d:\n", r->map);
	for (i = 0; i + 8 <= s->maps[r->map]->region_size; i += 8)
		if (memcmp(s->maps[r->map]->region + i, s->end[r->map] + i, 8))
			printf("#   at %u: %016llx and %016llx\n", i,
				(unsigned long long)load_u64(s->end[r->map] + i),
				(unsigned long long)load_u64(s->maps[r->map]->region + i));
}

#endif
