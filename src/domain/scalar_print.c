// SPDX-License-Identifier: BSD-2-Clause
/*
 * Scalars as the verifier's log shows them: of the eight bounds only those that say something, and
 * bounds of one value share it ("smin=umin=5"). Signed joins signed and unsigned alike, minimum
 * minimum, but a negative number never a positive one: in hex a negative 32-bit bound is printed as
 * 32 bits, and would look like a large positive one.
 */
#include "domain/scalar_print.h"

struct bound {
	const char *name;
	u64 value;
	bool is_signed, omit;
};

static bool is_decimal_s(s64 num)
{
	return num >= INT16_MIN && num <= INT16_MAX;
}

void print_unum(struct strbuf *sb, u64 num)
{
	strbuf_printf(sb, num <= UINT16_MAX ? "%llu" : "0x%llx", (unsigned long long)num);
}

void print_snum(struct strbuf *sb, s64 num)
{
	if (is_decimal_s(num))
		strbuf_printf(sb, "%lld", (long long)num);
	else
		strbuf_printf(sb, "0x%llx", (unsigned long long)num);
}

void tnum_print(struct tnum a, struct strbuf *sb)
{
	if (tnum_is_const(a))
		print_unum(sb, a.value);
	else
		strbuf_printf(sb, "(0x%llx; 0x%llx)", (unsigned long long)a.value,
			(unsigned long long)a.mask);
}

static u64 s32_shown(s32 num)
{
	return is_decimal_s(num) ? (u64)(s64)num : (u32)num;
}

static bool is_negative(const struct bound *b)
{
	return b->is_signed && (s64)b->value < 0;
}

void scalar_print_ranges(const struct scalar *s, struct strbuf *sb, const char **sep)
{
	struct bound bounds[] = {
		{"smin", (u64)s->smin, true, s->smin == INT64_MIN},
		{"smax", (u64)s->smax, true, s->smax == INT64_MAX},
		{"umin", s->umin, false, s->umin == 0},
		{"umax", s->umax, false, s->umax == UINT64_MAX},
		{"smin32", s32_shown(s->s32_min), true, s->s32_min == INT32_MIN},
		{"smax32", s32_shown(s->s32_max), true, s->s32_max == INT32_MAX},
		{"umin32", s->u32_min, false, s->u32_min == 0},
		{"umax32", s->u32_max, false, s->u32_max == UINT32_MAX},
	};
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(bounds); i++) {
		if (bounds[i].omit)
			continue;
		strbuf_printf(sb, "%s%s=", *sep, bounds[i].name);
		*sep = ",";
		for (j = i + 2; j < ARRAY_SIZE(bounds); j += 2) {
			if (bounds[j].omit || bounds[j].value != bounds[i].value ||
				is_negative(&bounds[j]) != is_negative(&bounds[i]))
				continue;
			bounds[j].omit = true;
			strbuf_printf(sb, "%s=", bounds[j].name);
		}
		if (bounds[i].is_signed)
			print_snum(sb, (s64)bounds[i].value);
		else
			print_unum(sb, bounds[i].value);
	}
	if (!tnum_is_unknown(s->var_off)) {
		strbuf_printf(sb, "%svar_off=", *sep);
		*sep = ",";
		tnum_print(s->var_off, sb);
	}
}

void scalar_print(const struct scalar *s, struct strbuf *sb)
{
	const char *sep = "";

	if (scalar_is_const(s)) {
		print_snum(sb, (s64)s->var_off.value);
		return;
	}
	strbuf_puts(sb, "scalar(");
	scalar_print_ranges(s, sb, &sep);
	strbuf_putc(sb, ')');
}

void scalar_print_bounds(const struct scalar *s, struct strbuf *sb)
{
	strbuf_printf(sb, "u64=[0x%llx, 0x%llx] s64=[0x%llx, 0x%llx] ", (unsigned long long)s->umin,
		(unsigned long long)s->umax, (unsigned long long)s->smin,
		(unsigned long long)s->smax);
	strbuf_printf(sb, "u32=[0x%x, 0x%x] s32=[0x%x, 0x%x] ", s->u32_min, s->u32_max,
		(u32)s->s32_min, (u32)s->s32_max);
	strbuf_printf(sb, "var_off=(0x%llx, 0x%llx)", (unsigned long long)s->var_off.value,
		(unsigned long long)s->var_off.mask);
}
