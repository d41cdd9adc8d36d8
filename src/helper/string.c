// SPDX-License-Identifier: BSD-2-Clause
/* Comparing strings and reading numbers from text. */
#include "helper/impl.h"

HELPER_FN(strncmp)
{
	const u8 *a = helper_ptr(r1), *b = helper_ptr(r3);

	for (u32 i = 0; i < (u32)r2; i++)
		if (a[i] != b[i] || !a[i])
			return helper_ret(a[i] < b[i] ? -1 : a[i] > b[i]);
	return 0;
}

static bool is_space(u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

/* -1 when it is no digit of base 16. */
static int digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0x" and "0" where base is 0; "0x" is skipped for base 16 too. */
static const u8 *skip_prefix(const u8 *p, const u8 *end, u32 *base)
{
	bool has_x = end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x' && digit(p[2]) >= 0;

	if (*base == 0)
		*base = has_x ? 16 : p < end && *p == '0' ? 8 : 10;
	return *base == 16 && end - p > 1 && p[0] == '0' && (p[1] | 0x20) == 'x' ? p + 2 : p;
}

#define DIGITS_MAX 64 /* the kernel copies that much and no more */

/* Bytes consumed, or -EINVAL, -ERANGE. */
static int parse(const u8 *text, u32 len, u64 flags, u64 *ret_value, bool *ret_is_negative)
{
	const u8 *p = text, *end = text + len, *first;
	u32 base = flags & 0x1f;
	u64 value = 0;

	if (!len || (base && base != 8 && base != 10 && base != 16) || flags & ~0x1full)
		return -EINVAL;
	while (p < end && is_space(*p))
		p++;
	*ret_is_negative = p < end && *p == '-';
	p += *ret_is_negative;
	if (p == end)
		return -EINVAL;
	end = MIN(end, p + DIGITS_MAX - 1);
	p = first = skip_prefix(p, end, &base);
	for (; p < end && digit(*p) >= 0 && (u32)digit(*p) < base; p++)
		if (__builtin_mul_overflow(value, (u64)base, &value) ||
			__builtin_add_overflow(value, (u64)digit(*p), &value))
			return -ERANGE;
	*ret_value = value;
	return p == first ? -EINVAL : (int)(p - text);
}

HELPER_FN(strtol)
{
	bool is_negative;
	u64 value;
	int used;

	store_u64(helper_ptr(r4), 0);
	used = parse(helper_ptr(r1), (u32)r2, r3, &value, &is_negative);
	if (used < 0)
		return helper_ret(used);
	if (is_negative ? value > 1ull << 63 : value >> 63)
		return helper_ret(-ERANGE);
	store_u64(helper_ptr(r4), is_negative ? -value : value);
	return helper_ret(used);
}

HELPER_FN(strtoul)
{
	bool is_negative;
	u64 value;
	int used;

	store_u64(helper_ptr(r4), 0);
	used = parse(helper_ptr(r1), (u32)r2, r3, &value, &is_negative);
	if (used >= 0 && is_negative)
		used = -EINVAL;
	if (used >= 0)
		store_u64(helper_ptr(r4), value);
	return helper_ret(used);
}
