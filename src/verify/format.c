// SPDX-License-Identifier: BSD-2-Clause
/* The format string of bpf_snprintf(), which is known at load: every conversion needs an argument.
 */
#include "verify/check.h"

#include <ctype.h>
#include <errno.h>

struct text {
	struct verify_env *env;
	const struct verify_map *map;
	u32 off;
};

static int at(const struct text *t, u32 i)
{
	u64 byte;

	if (t->off + i >= t->map->value_size ||
		t->env->world->ops->map_read(t->env->world, t->map, t->off + i, 1, &byte))
		return 0;
	return (int)byte;
}

static bool ends_word(int c)
{
	return c == 0 || isspace(c) || ispunct(c);
}

/* After the 'p' at i: the last character of the conversion, or -1. */
static int skip_pointer(const struct text *t, u32 i)
{
	int c = at(t, i + 1), next = at(t, i + 2);

	if (ends_word(c))
		return (int)i;
	if ((c == 'k' || c == 'u') && next == 's')
		return ends_word(at(t, i + 3)) ? (int)i + 2 : -1;
	if (c == 'K' || c == 'x' || c == 's' || c == 'S' || c == 'B')
		return (int)i + 1;
	if ((c == 'i' || c == 'I') && (next == '4' || next == '6'))
		return (int)i + 2;
	return -1;
}

/* From the character after '%': the last one of the conversion, or -1. */
static int skip_conversion(const struct text *t, u32 i)
{
	int c;

	while (strchr("0+- ", at(t, i)) && at(t, i))
		i++;
	while (isdigit(at(t, i)))
		i++;
	c = at(t, i);
	if (c == 'p')
		return skip_pointer(t, i);
	if (c == 's')
		return ends_word(at(t, i + 1)) ? (int)i : -1;
	if (c == 'c')
		return (int)i;
	for (u32 n = 0; n < 2 && at(t, i) == 'l'; n++)
		i++;
	c = at(t, i);
	return c && strchr("iduxX", c) ? (int)i : -1;
}

static bool is_valid(const struct text *t, u32 arg_count)
{
	u32 used = 0;

	for (u32 i = 0; at(t, i); i++) {
		int c = at(t, i), end;

		if (isascii(c) && !isprint(c) && !isspace(c))
			return false;
		if (c != '%')
			continue;
		if (at(t, i + 1) == '%') {
			i++;
			continue;
		}
		if (used >= arg_count)
			return false;
		end = skip_conversion(t, i + 1);
		if (end < 0)
			return false;
		used++;
		i = (u32)end;
	}
	return true;
}

int format_check_snprintf(struct verify_env *env)
{
	const struct reg *format = cur_reg(env, BPF_REG_3), *size = cur_reg(env, BPF_REG_5);
	u64 bytes = size->val.var_off.value;
	struct text t = {.env = env,
		.map = format->map,
		.off = (u32)format->off + (u32)format->val.var_off.value};

	if (bytes % 8)
		return verify_refuse(env, REASON_FORMAT, "%s", "");
	if (is_valid(&t, (u32)(bytes / 8)))
		return 0;
	return verify_refuse(env, REASON_FORMAT, "Invalid format string\n");
}
