// SPDX-License-Identifier: BSD-2-Clause
/*
 * Tracked numbers proved by trying: at BITS bits a tnum is a set of at most 2^BITS values, held as
 * one word, and every operation on every pair of them is compared with the operation on the values.
 */
#include <stdlib.h>

#include "domain/tnum.h"
#include "test/tap.h"

#define BITS  5
#define SIZE  (1u << BITS)
#define KEEP  (SIZE - 1)
#define COUNT 243 /* 3^BITS */

static struct tnum all[COUNT];
static u32 sets[COUNT];

static u32 set_of(struct tnum t)
{
	u32 set = 0, v;

	for (v = 0; v < SIZE; v++)
		if ((v & ~t.mask) == t.value)
			set |= 1u << v;
	return set;
}

static void make_all(void)
{
	u32 value, mask, n = 0;

	for (mask = 0; mask < SIZE; mask++) {
		for (value = 0; value < SIZE; value++) {
			if (value & mask)
				continue;
			all[n] = TNUM(value, mask);
			sets[n] = set_of(all[n]);
			n++;
		}
	}
	REQUIRE_EQ(n, COUNT);
}

/* The smallest tnum around a set that is not empty. */
static struct tnum best_of(u32 set)
{
	u64 ones = KEEP, zeroes = KEEP, v;

	for (v = 0; v < SIZE; v++) {
		if (set >> v & 1) {
			ones &= v;
			zeroes &= ~v;
		}
	}
	return TNUM(ones, KEEP & ~ones & ~zeroes);
}

struct binary {
	const char *name;
	struct tnum (*op)(struct tnum a, struct tnum b);
	u64 (*concrete)(u64 a, u64 b);
	bool is_best;
};

static u64 add(u64 a, u64 b)
{
	return a + b;
}

static u64 sub(u64 a, u64 b)
{
	return a - b;
}

static u64 and_(u64 a, u64 b)
{
	return a & b;
}

static u64 or_(u64 a, u64 b)
{
	return a | b;
}

static u64 xor_(u64 a, u64 b)
{
	return a ^ b;
}

static u64 mul(u64 a, u64 b)
{
	return a * b;
}

static const struct binary binaries[] = {
	{"add", tnum_add, add, true},
	{"sub", tnum_sub, sub, true},
	{"and", tnum_and, and_, true},
	{"or", tnum_or, or_, true},
	{"xor", tnum_xor, xor_, true},
	{"mul", tnum_mul, mul, false},
};

static u32 image(u32 a, u32 b, u64 (*concrete)(u64, u64))
{
	u32 set = 0, x, y;

	for (x = 0; x < SIZE; x++)
		for (y = 0; (a >> x & 1) && y < SIZE; y++)
			if (b >> y & 1)
				set |= 1u << (concrete(x, y) & KEEP);
	return set;
}

TEST(every_binary_operation_is_sound_and_where_claimed_the_best)
{
	u32 k, i, j;

	make_all();
	for (k = 0; k < ARRAY_SIZE(binaries); k++) {
		const struct binary *b = &binaries[k];

		for (i = 0; i < COUNT; i++) {
			for (j = 0; j < COUNT; j++) {
				struct tnum r = tnum_cut(b->op(all[i], all[j]), BITS);
				u32 want = image(sets[i], sets[j], b->concrete);
				bool ok = (want & ~set_of(r)) == 0 &&
					(!b->is_best || tnum_equal(r, best_of(want)));

				if (!ok && !CHECK_MSG(ok, "%s of %u and %u", b->name, i, j))
					return;
			}
		}
	}
}

TEST(shifts_and_negation_are_exact)
{
	u32 i, shift, v;

	make_all();
	for (i = 0; i < COUNT; i++) {
		struct tnum t = all[i];
		u32 neg = 0;

		for (shift = 0; shift < BITS; shift++) {
			u32 left = 0, right = 0, arith = 0;

			for (v = 0; v < SIZE; v++) {
				s32 s = (s32)(v << (32 - BITS)) >> (32 - BITS);

				if (!(sets[i] >> v & 1))
					continue;
				left |= 1u << ((v << shift) & KEEP);
				right |= 1u << (v >> shift);
				arith |= 1u << ((u32)(s >> shift) & KEEP);
			}
			CHECK_EQ(set_of(tnum_cut(tnum_lshift(t, shift), BITS)), left);
			CHECK_EQ(set_of(tnum_rshift(t, shift)), right);
			/* the bits that the sign fills are one another's equals: not a tnum's set
			 */
			CHECK(tnum_equal(tnum_arshift(t, shift, BITS), best_of(arith)));
		}
		for (v = 0; v < SIZE; v++)
			if (sets[i] >> v & 1)
				neg |= 1u << (-v & KEEP);
		CHECK(tnum_equal(tnum_cut(tnum_neg(t), BITS), best_of(neg)));
	}
}

TEST(sets_meet_join_and_contain_as_sets_do)
{
	u32 i, j;

	make_all();
	for (i = 0; i < COUNT; i++) {
		for (j = 0; j < COUNT; j++) {
			u32 both = sets[i] & sets[j];
			bool ok = tnum_overlap(all[i], all[j]) == (both != 0);

			ok &= tnum_in(all[i], all[j]) == ((sets[j] & ~sets[i]) == 0);
			ok &= tnum_equal(tnum_union(all[i], all[j]), best_of(sets[i] | sets[j]));
			if (both)
				ok &= set_of(tnum_intersect(all[i], all[j])) == both;
			if (!ok && !CHECK_MSG(ok, "%u and %u", i, j))
				return;
		}
	}
}

TEST(a_range_becomes_the_smallest_tnum_around_it)
{
	u32 min, max;

	for (min = 0; min < SIZE; min++) {
		for (max = min; max < SIZE; max++) {
			u32 set = (u32)((2ull << max) - (1ull << min));

			CHECK(tnum_equal(tnum_range(min, max), best_of(set)));
		}
	}
	CHECK(tnum_is_unknown(tnum_range(0, UINT64_MAX)));
	CHECK(tnum_equals_const(tnum_range(UINT64_MAX, UINT64_MAX), UINT64_MAX));
}

TEST(step_goes_to_the_next_member)
{
	u32 i, z, next;

	make_all();
	for (i = 0; i < COUNT; i++) {
		for (z = 0; z < SIZE; z++) {
			for (next = z + 1; next < SIZE && !(sets[i] >> next & 1); next++)
				;
			if (next == SIZE)
				next = (u32)tnum_max(all[i]);
			CHECK_EQ(tnum_step(all[i], z), next);
		}
	}
}

TEST(alignment_casts_and_parts_do_what_they_say)
{
	struct tnum t = TNUM(0x1234567800000000, 0xff0f0);
	char text[TNUM_SBIN_SIZE];

	CHECK(tnum_is_aligned(t, 16));
	CHECK(!tnum_is_aligned(t, 32));
	CHECK(tnum_is_aligned(t, 0));
	CHECK(tnum_equal(tnum_cast(t, 1), TNUM(0, 0xf0)));
	CHECK(tnum_equal(tnum_cast(t, 8), t));
	CHECK(tnum_equal(tnum_subreg(t), TNUM(0, 0xff0f0)));
	CHECK(tnum_equals_const(tnum_clear_subreg(t), 0x1234567800000000));
	CHECK(tnum_equals_const(tnum_const_subreg(t, 7), 0x1234567800000007));
	CHECK(!tnum_subreg_is_const(t));
	CHECK(tnum_equal(tnum_bswap(TNUM(0x1200, 0xff), 2), TNUM(0x12, 0xff00)));
	CHECK(tnum_equal(tnum_bswap(TNUM(0x12, 0xff00), 4), TNUM(0x12000000, 0xff0000)));
	CHECK(tnum_equal(tnum_bswap(t, 8), TNUM(0x78563412, 0xf0f00f0000000000)));
	tnum_sbin(TNUM(1ull << 63, 6), text);
	CHECK_STR(text, "1000000000000000000000000000000000000000000000000000000000000xx0");
}
