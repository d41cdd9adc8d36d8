// SPDX-License-Identifier: BSD-2-Clause
/*
 * Scalars proved by trying. At four bits (two in the low half) a scalar is a set of at most 16
 * values, held as one word. HACHI_SOAK takes every scalar that sync can leave (10,968) with 2,000
 * random partners for each operator, an ordinary run a part of them. Then the same at 64 bits with
 * random numbers. That the results are as good as the kernel's is kernel_test.c's business.
 */
#include <stdlib.h>

#include "domain/scalar_body.h"
#include "domain/scalar_print.h"
#include "test/tap.h"

#define W    4
#define H    2
#define SIZE (1u << W)

typedef u16 set; /* one bit for each of the SIZE values */

static u64 seed = 88172645463325252ull;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool is_soak(void)
{
	return getenv("HACHI_SOAK") != NULL;
}

/* ---- the sets ---------------------------------------------------------------------------------
 */

static set set_by_bits[SIZE][SIZE]; /* value, mask */
static set set_by_u[SIZE][SIZE], set_by_s[SIZE][SIZE];
static set set_by_u_half[SIZE / 4][SIZE / 4], set_by_s_half[SIZE / 4][SIZE / 4];

static void make_tables(void)
{
	u32 i, j, v;

	if (set_by_u[0][0])
		return;
	for (i = 0; i < SIZE; i++) {
		for (j = 0; j < SIZE; j++) {
			for (v = 0; v < SIZE; v++) {
				set bit = (set)(1u << v);

				if ((v & ~j) == i)
					set_by_bits[i][j] |= bit;
				if (i <= v && v <= j)
					set_by_u[i][j] |= bit;
				if (sext(i, W) <= sext(v, W) && sext(v, W) <= sext(j, W))
					set_by_s[i][j] |= bit;
				if (i >= SIZE / 4 || j >= SIZE / 4)
					continue;
				if (i <= cut(v, H) && cut(v, H) <= j)
					set_by_u_half[i][j] |= bit;
				if (sext(i, H) <= sext(v, H) && sext(v, H) <= sext(j, H))
					set_by_s_half[i][j] |= bit;
			}
		}
	}
}

static set set_of(const struct scalar *s)
{
	return set_by_bits[s->var_off.value][s->var_off.mask] & set_by_u[s->umin][s->umax] &
		set_by_s[cut((u64)s->smin, W)][cut((u64)s->smax, W)] &
		set_by_u_half[s->u32_min][s->u32_max] &
		set_by_s_half[cut((u64)s->s32_min, H)][cut((u64)s->s32_max, H)];
}

/* Every field is a number of its width. */
static bool is_proper(const struct scalar *s)
{
	return s->umin < SIZE && s->umax < SIZE && s->u32_min < SIZE / 4 && s->u32_max < SIZE / 4 &&
		s->smin == sext((u64)s->smin, W) && s->smax == sext((u64)s->smax, W) &&
		s->s32_min == sext((u64)s->s32_min, H) && s->s32_max == sext((u64)s->s32_max, H) &&
		(s->var_off.value & s->var_off.mask) == 0 && tnum_max(s->var_off) < SIZE;
}

/* Scalars of sets that are not empty, as sync leaves them; no two the same. */
static struct scalar *known;
static set *known_set;
static u32 known_count;

static u64 hash_of(const struct scalar *s)
{
	u64 key = s->var_off.value | s->var_off.mask << 4 | s->umin << 8 | s->umax << 12;

	key |= cut((u64)s->smin, W) << 16 | cut((u64)s->smax, W) << 20 | (u64)s->u32_min << 24;
	key |= (u64)s->u32_max << 26 | cut((u64)s->s32_min, H) << 28 |
		cut((u64)s->s32_max, H) << 30;
	return key;
}

static u32 rnd_below(u32 n)
{
	return (u32)(rnd() >> 16) % n;
}

/* Well-formed components, taken independently. */
static struct tnum tnums[81];
static struct range fulls[136], halves[10];

static void make_components(void)
{
	u32 a, b, n = 0, m = 0, k = 0;

	for (a = 0; a < SIZE; a++) {
		for (b = 0; b < SIZE; b++) {
			if (!(a & b))
				tnums[n++] = TNUM(a, b);
			if (a > b)
				continue;
			fulls[m++] = (struct range){(s64)a - SIZE / 2, (s64)b - SIZE / 2, a, b};
			if (b < SIZE / 4)
				halves[k++] =
					(struct range){(s64)a - SIZE / 8, (s64)b - SIZE / 8, a, b};
		}
	}
	REQUIRE_EQ(n, ARRAY_SIZE(tnums));
	REQUIRE_EQ(m, ARRAY_SIZE(fulls));
	REQUIRE_EQ(k, ARRAY_SIZE(halves));
}

static const u64 scalar_index_count = 81ull * 136 * 136 * 10 * 10;

static struct scalar scalar_of_index(u64 i)
{
	struct scalar s = {.var_off = tnums[i % 81]};
	struct range full = fulls[i / 81 % 136], other = fulls[i / 81 / 136 % 136];
	struct range half = halves[i / 81 / 136 / 136 % 10], low = halves[i / 81 / 136 / 136 / 10];

	full.smin = other.smin;
	full.smax = other.smax;
	half.smin = low.smin;
	half.smax = low.smax;
	set_full(&s, full);
	set_half(&s, half);
	return s;
}

static void note_known(const struct scalar *s, u8 *seen)
{
	u64 key = hash_of(s);

	if (seen[key >> 3] & 1 << (key & 7))
		return;
	seen[key >> 3] |= (u8)(1 << (key & 7));
	if ((known_count & (known_count - 1)) == 0) {
		size_t cap = known_count ? 2 * known_count : 1;

		known = realloc(known, cap * sizeof(*known));
		known_set = realloc(known_set, cap * sizeof(*known_set));
		REQUIRE(known && known_set);
	}
	known[known_count] = *s;
	known_set[known_count++] = set_of(s);
}

/* Syncs that added values; the rule for sign-extended loads replaces bounds that may be better. */
static u64 grown, synced_count;

/* Whether sync kept every value. */
static bool check_sync(u64 index, u8 *seen)
{
	struct scalar s = scalar_of_index(index), synced = s;
	set before;

	before = set_of(&s);
	if (!before)
		return true;
	body_sync(&synced, W);
	note_known(&synced, seen);
	grown += (set_of(&synced) & ~before) != 0;
	synced_count++;
	return is_proper(&synced) && !(before & ~set_of(&synced)) && !body_insane(&synced, W);
}

static void make_known(void)
{
	u64 i, stride = is_soak() ? 1 : 13;
	u8 *seen;

	if (known_count)
		return;
	make_tables();
	make_components();
	seen = calloc(1, 1u << 29);
	REQUIRE(seen);
	for (i = 0; i < scalar_index_count; i += stride)
		if (!CHECK_MSG(check_sync(i, seen), "sync of %llx", (unsigned long long)i))
			break;
	free(seen);
}

TEST(sync_keeps_every_value)
{
	make_known();
	tap_note("%u scalars; %llu of %llu syncs added values", known_count,
		(unsigned long long)grown, (unsigned long long)synced_count);
	CHECK(known_count > 500);
	CHECK(grown < synced_count / 10);
}

/* ---- operators --------------------------------------------------------------------------------
 */

static u64 concrete_alu(u8 op, bool is_full, u64 a, u64 b)
{
	unsigned int w = is_full ? W : H;

	a = cut(a, w);
	b = cut(b, w);
	switch (op) {
	case BPF_ADD: return cut(a + b, w);
	case BPF_SUB: return cut(a - b, w);
	case BPF_MUL: return cut(a * b, w);
	case BPF_AND: return a & b;
	case BPF_OR: return a | b;
	case BPF_XOR: return a ^ b;
	case BPF_NEG: return cut(-a, w);
	case BPF_DIV: return b ? a / b : 0;
	case BPF_MOD: return b ? a % b : a;
	case BPF_LSH: return cut(a << b % w, w);
	case BPF_RSH: return a >> b % w;
	default: return cut((u64)(sext(a, w) >> b % w), w);
	}
}

static bool concrete_jump(u8 op, bool is_half, u64 a, u64 b)
{
	unsigned int w = is_half ? H : W;
	s64 sa = sext(a, w), sb = sext(b, w);

	a = cut(a, w);
	b = cut(b, w);
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	default: return sa <= sb;
	}
}

static const u8 alu_ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR, BPF_NEG, BPF_DIV,
	BPF_MOD, BPF_LSH, BPF_RSH, BPF_ARSH};
static const u8 jump_ops[] = {BPF_JEQ, BPF_JNE, BPF_JSET, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE,
	BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};

/* image[a][set b]: the results of a with each value of b; satisfying[a][v]: the b that a jumps with
 */
static set image[SIZE][1u << SIZE];

static void make_alu_image(u8 op, bool is_full)
{
	u32 a, b;

	for (a = 0; a < SIZE; a++) {
		image[a][0] = 0;
		for (b = 1; b < 1u << SIZE; b++) {
			u32 low = (u32)__builtin_ctz(b);

			image[a][b] = image[a][b & (b - 1)] |
				(set)(1u << concrete_alu(op, is_full, a, low));
		}
	}
}

static set alu_image(set a, set b)
{
	set out = 0;

	for (; a; a &= (set)(a - 1))
		out |= image[__builtin_ctz(a)][b];
	return out;
}

static bool alu_is_sound(u8 op, bool is_full, u32 i, u32 j)
{
	struct scalar r = known[i];

	body_alu(op, is_full, &r, &known[j], W);
	return is_proper(&r) && !body_insane(&r, W) &&
		(alu_image(known_set[i], known_set[j]) & ~set_of(&r)) == 0;
}

TEST(every_alu_operation_contains_every_result)
{
	u32 n, k, i, j;

	make_known();
	for (k = 0; k < 2 * ARRAY_SIZE(alu_ops); k++) {
		u8 op = alu_ops[k / 2];

		make_alu_image(op, k % 2);
		for (i = 0; i < known_count; i++) {
			u32 tries = is_soak() ? 2000 : 4;

			for (n = 0; n < tries; n++) {
				j = rnd_below(known_count);
				if (!alu_is_sound(op, k % 2, i, j)) {
					CHECK_MSG(false, "op 0x%x full %u of %u and %u", op, k % 2,
						i, j);
					return;
				}
			}
		}
		/* every constant on the right: shifts know nothing else */
		for (i = 0; i < known_count; i++) {
			struct scalar c = body_const(i % SIZE, W), r = known[i];

			body_alu(op, k % 2, &r, &c, W);
			if ((alu_image(known_set[i], (set)(1u << i % SIZE)) & ~set_of(&r)) != 0) {
				CHECK_MSG(false, "op 0x%x full %u of %u by %u", op, k % 2, i,
					i % SIZE);
				return;
			}
		}
	}
}

TEST(extensions_and_truncations_contain_every_result)
{
	u32 i, v, bits;

	make_known();
	for (i = 0; i < known_count; i++) {
		for (bits = 1; bits <= H; bits++) {
			set cut_set = 0, full_set = 0, half_set = 0;
			struct scalar a = known[i], b = known[i], c = known[i];
			bool ok;

			for (v = 0; v < SIZE; v++) {
				if (!(known_set[i] >> v & 1))
					continue;
				cut_set |= (set)(1u << cut(v, bits));
				full_set |= (set)(1u << cut((u64)sext(v, bits), W));
				half_set |= (set)(1u << cut((u64)sext(v, bits), H));
			}
			body_truncate(&a, bits, W);
			body_sext_full(&b, bits, W);
			body_sext_half(&c, bits, W);
			ok = is_proper(&a) && is_proper(&b) && is_proper(&c);
			ok = ok && !(cut_set & ~set_of(&a)) && !(full_set & ~set_of(&b)) &&
				!(half_set & ~set_of(&c));
			if (!ok && !CHECK_MSG(ok, "%u from %u bits", i, bits))
				return;
		}
	}
}

/* ---- comparisons ------------------------------------------------------------------------------
 */

static set partners[ARRAY_SIZE(jump_ops)][2][SIZE], partners_of[ARRAY_SIZE(jump_ops)][2][SIZE];

static void make_partners(void)
{
	u32 k, half, a, b;

	for (k = 0; k < ARRAY_SIZE(jump_ops); k++)
		for (half = 0; half < 2; half++)
			for (a = 0; a < SIZE; a++)
				for (b = 0; b < SIZE; b++)
					if (concrete_jump(jump_ops[k], half, a, b)) {
						partners[k][half][a] |= (set)(1u << b);
						partners_of[k][half][b] |= (set)(1u << a);
					}
}

/* Those of a that have a partner in b: by outcome. */
static set with_partner(const set table[SIZE], set a, set b, bool taken)
{
	set out = 0, rest = a;

	for (; rest; rest &= (set)(rest - 1)) {
		u32 v = (u32)__builtin_ctz(rest);

		if ((taken ? table[v] : (set)~table[v]) & b)
			out |= (set)(1u << v);
	}
	return out;
}

static bool jump_is_sound(u32 k, bool half, u32 i, u32 j)
{
	u8 op = jump_ops[k];
	int taken, outcome;

	taken = body_branch_taken(op, half, &known[i], &known[j], W);
	for (outcome = 0; outcome < 2; outcome++) {
		struct scalar a = known[i], b = known[j];
		set want_a = with_partner(partners[k][half], known_set[i], known_set[j], outcome);
		set want_b =
			with_partner(partners_of[k][half], known_set[j], known_set[i], outcome);

		if (taken >= 0 && taken != outcome && want_a)
			return false;
		if (!want_a || taken >= 0)
			continue;
		body_refine(op, half, outcome, &a, &b, W);
		if (!is_proper(&a) || !is_proper(&b) || (want_a & ~set_of(&a)) ||
			(want_b & ~set_of(&b)) || body_insane(&a, W) || body_insane(&b, W))
			return false;
	}
	return true;
}

TEST(jumps_are_decided_and_refined_without_losing_a_value)
{
	u32 k, i, n;

	make_known();
	make_partners();
	for (k = 0; k < 2 * ARRAY_SIZE(jump_ops); k++) {
		for (i = 0; i < known_count; i++) {
			u32 tries = is_soak() ? 2000 : 4;

			for (n = 0; n < tries; n++) {
				u32 j = rnd_below(known_count);

				if (!jump_is_sound(k / 2, k % 2, i, j)) {
					CHECK_MSG(false, "op 0x%x half %u of %u and %u",
						jump_ops[k / 2], k % 2, i, j);
					return;
				}
			}
		}
	}
}

/* ---- order ------------------------------------------------------------------------------------
 */

TEST(join_meet_and_widen_contain_what_they_must)
{
	u32 i, n;

	make_known();
	for (i = 0; i < known_count; i++) {
		for (n = 0; n < 4; n++) {
			u32 j = rnd_below(known_count);
			struct scalar join = body_join(&known[i], &known[j]);
			struct scalar meet = body_meet(&known[i], &known[j], W);
			struct scalar wide = body_widen(&known[i], &known[j], W);
			set either = known_set[i] | known_set[j],
			    both = known_set[i] & known_set[j];
			bool ok = !(either & ~set_of(&join)) && !(set_of(&join) & ~set_of(&wide));

			ok = ok && !(both & ~set_of(&meet));
			ok = ok && scalar_within(&join, &known[i]) && scalar_within(&wide, &join);
			if (scalar_within(&known[i], &known[j]) &&
				tnum_in(known[i].var_off, known[j].var_off))
				ok = ok && !(known_set[j] & ~known_set[i]);
			if (!ok && !CHECK_MSG(ok, "%u and %u", i, j))
				return;
		}
	}
}

TEST(widening_ends)
{
	u32 round, step, changes;

	for (round = 0; round < 200; round++) {
		struct scalar s = scalar_const(rnd());

		for (step = changes = 0; step < 1000; step++) {
			struct scalar more = scalar_const(rnd() >> rnd_below(64)), next;

			next = scalar_widen(&s, &more);
			changes += !scalar_equal(&next, &s);
			s = next;
		}
		/* eight bounds and 64 bits can each be given up once */
		CHECK(changes <= 72);
	}
}

/* ---- 64 bits ----------------------------------------------------------------------------------
 */

static u64 rnd_number(void)
{
	switch (rnd_below(5)) {
	case 0: return rnd_below(64);
	case 1: return (u64) - (s64)rnd_below(64);
	case 2: return (1ull << rnd_below(64)) + rnd_below(3) - 1;
	case 3: return rnd() >> rnd_below(64);
	default: return (u64)(s64)(s32)rnd();
	}
}

/* Something known of value, true, of random strength. */
static struct scalar rnd_scalar_around(u64 value)
{
	struct scalar s = scalar_const(value), other;
	u32 n = rnd_below(4);

	if (n == 3)
		return scalar_unknown();
	for (; n; n--) {
		other = scalar_const(rnd_below(2) ? rnd_number() : value + rnd_number() % 256);
		s = scalar_join(&s, &other);
	}
	if (rnd_below(2))
		s.var_off = tnum_unknown();
	if (rnd_below(3) == 0)
		set_half(&s, range_any(32));
	if (rnd_below(3) == 0)
		set_full(&s, range_any(64));
	scalar_sync(&s);
	return s;
}

static u64 concrete64(u8 op, bool is_64, u64 a, u64 b)
{
	u32 a32 = (u32)a, b32 = (u32)b;

	switch (op) {
	case BPF_ADD: return is_64 ? a + b : a32 + b32;
	case BPF_SUB: return is_64 ? a - b : a32 - b32;
	case BPF_MUL: return is_64 ? a * b : a32 * b32;
	case BPF_AND: return is_64 ? a & b : a32 & b32;
	case BPF_OR: return is_64 ? a | b : a32 | b32;
	case BPF_XOR: return is_64 ? a ^ b : a32 ^ b32;
	case BPF_NEG: return is_64 ? -a : -a32;
	case BPF_LSH: return is_64 ? a << (b & 63) : a32 << (b32 & 31);
	case BPF_RSH: return is_64 ? a >> (b & 63) : a32 >> (b32 & 31);
	case BPF_ARSH: return is_64 ? (u64)((s64)a >> (b & 63)) : (u32)((s32)a32 >> (b32 & 31));
	case BPF_DIV: return is_64 ? (b ? a / b : 0) : (b32 ? a32 / b32 : 0);
	default: return is_64 ? (b ? a % b : a) : (b32 ? a32 % b32 : a32);
	}
}

static bool concrete_jump64(u8 op, bool is_32, u64 a, u64 b)
{
	s64 sa = is_32 ? (s32)a : (s64)a, sb = is_32 ? (s32)b : (s64)b;

	if (is_32) {
		a = (u32)a;
		b = (u32)b;
	}
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return sa > sb;
	case BPF_JSGE: return sa >= sb;
	case BPF_JSLT: return sa < sb;
	default: return sa <= sb;
	}
}

TEST(sixty_four_bit_results_are_contained)
{
	u32 rounds = is_soak() ? 20000000 : 200000, i;

	for (i = 0; i < rounds; i++) {
		u64 a = rnd_number(), b = rnd_below(3) ? rnd_number() : rnd_below(64);
		struct scalar sa = rnd_scalar_around(a), sb = rnd_scalar_around(b), r;
		u8 op = alu_ops[rnd_below(ARRAY_SIZE(alu_ops))];
		u8 jump = jump_ops[rnd_below(ARRAY_SIZE(jump_ops))];
		bool wide = rnd_below(2), taken = concrete_jump64(jump, !wide, a, b);
		int decided;

		scalar_alu(op, wide, &sa, &sb, &r);
		if (!scalar_contains(&r, concrete64(op, wide, a, b))) {
			CHECK_MSG(false, "op 0x%x wide %d of %llx and %llx", op, wide,
				(unsigned long long)a, (unsigned long long)b);
			return;
		}
		decided = scalar_branch_taken(jump, !wide, &sa, &sb);
		if (decided < 0)
			scalar_refine(jump, !wide, taken, &sa, &sb);
		if ((decided >= 0 && decided != taken) || !scalar_contains(&sa, a) ||
			!scalar_contains(&sb, b)) {
			CHECK_MSG(false, "jump 0x%x wide %d of %llx and %llx", jump, wide,
				(unsigned long long)a, (unsigned long long)b);
			return;
		}
	}
}

TEST(sixty_four_bit_moves_and_loads_are_contained)
{
	u32 i;

	for (i = 0; i < 100000; i++) {
		u64 v = rnd_number();
		unsigned int size = 1u << rnd_below(3), end = 2u << rnd_below(3);
		unsigned int shift = 64 - 8 * size;
		struct scalar s = rnd_scalar_around(v), t = s, x = s, y = s, z = s, e = s;
		bool ok;

		scalar_truncate(&t, size);
		scalar_sext(&x, size, true);
		scalar_sext(&y, MIN(size, 2u), false);
		scalar_zext32(&z);
		scalar_end(&e, end, i % 2);
		ok = scalar_contains(&t, v << shift >> shift);
		ok = ok && scalar_contains(&x, (u64)((s64)(v << shift) >> shift));
		ok = ok && scalar_contains(&y, size == 1 ? (u32)(s8)v : (u32)(s16)v);
		ok = ok && scalar_contains(&z, (u32)v);
		ok = ok &&
			scalar_contains(&e,
				(i % 2 ? __builtin_bswap64(v) : v << (64 - end * 8)) >>
					(64 - end * 8));
		if (!CHECK_MSG(ok, "value %llx", (unsigned long long)v))
			return;
	}
}

TEST(contradictions_are_told_and_forgotten)
{
	struct scalar s = scalar_const(5);

	CHECK(scalar_is_sane(&s));
	s.umin = 6;
	CHECK_STR(scalar_insane(&s), "range bounds violation");
	s.umax = 6;
	CHECK_STR(scalar_insane(&s), "const tnum out of sync with range bounds");
	s = scalar_unknown();
	s.var_off = TNUM(0, ~0ull << 32);
	CHECK_STR(scalar_insane(&s), "const subreg tnum out of sync with range bounds");
	scalar_forget_ranges(&s);
	CHECK_EQ(s.umax, UINT64_MAX);
	CHECK_EQ(s.var_off.mask, ~0ull << 32);
}

TEST(text_is_the_log_s)
{
	struct scalar s = scalar_from_urange(0, 255);
	struct strbuf sb = {0};

	scalar_print(&s, &sb);
	CHECK_STR(strbuf_cstr(&sb),
		"scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))");
	strbuf_reset(&sb);
	s = scalar_const((u64)-1);
	scalar_print(&s, &sb);
	CHECK_STR(strbuf_cstr(&sb), "-1");
	strbuf_reset(&sb);
	s = scalar_unknown();
	scalar_print(&s, &sb);
	CHECK_STR(strbuf_cstr(&sb), "scalar()");
	strbuf_reset(&sb);
	s = scalar_from_srange(-100000, -5);
	scalar_print(&s, &sb);
	CHECK_STR(strbuf_cstr(&sb),
		"scalar(smin=0xfffffffffffe7960,smax=smax32=-5,umin=0xfffffffffffe7960,"
		"umax=0xfffffffffffffffb,smin32=umin32=0xfffe7960,umax32=0xfffffffb,"
		"var_off=(0xfffffffffffe0000; 0x1ffff))");
	strbuf_reset(&sb);
	s.umin = 1;
	s.umax = 0;
	scalar_print_bounds(&s, &sb);
	CHECK_STR(strbuf_cstr(&sb),
		"u64=[0x1, 0x0] s64=[0xfffffffffffe7960, 0xfffffffffffffffb] u32=[0xfffe7960, "
		"0xfffffffb] s32=[0xfffe7960, 0xfffffffb] var_off=(0xfffffffffffe0000, 0x1ffff)");
	strbuf_release(&sb);
}
