// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel's printf for programs: a first pass checks the format and does nothing else, so that a
 * bad one has no effect; the second one writes. The kernel packs arguments into 512 bytes between
 * the two and cuts strings to what is left there; the packing is counted here, not done.
 */
#include "helper/impl.h"

#include "base/hash.h"

#include <stdio.h>

#define PACKED_MAX 512		    /* MAX_BPRINTF_BIN_ARGS */
#define WIDTH_MAX  ((1u << 23) - 1) /* the kernel's FIELD_WIDTH_MAX */
#define ERRNO_MAX  4095

enum conversion { CONV_INT, CONV_CHAR, CONV_STRING, CONV_POINTER, CONV_SYMBOL, CONV_IP };

struct spec {
	enum conversion conv;
	enum helper_space space; /* strings */
	char flags[8];		 /* '0', '+', '-', ' ' as they came, NUL-terminated */
	u32 width;
	bool is_long, is_signed, is_upper, is_raw;
	u8 ip_bytes; /* 4 or 16; is_raw: %pi4 instead of %pI4 */
	const char *end;
};

struct writer {
	struct run *run;
	char *out;
	u32 size;
	u32 len;    /* of the whole text so far */
	u32 packed; /* bytes of packed arguments */
	bool writes;
};

static bool is_space(u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_print(u8 c)
{
	return c >= ' ' && c <= '~';
}

static bool is_punct(u8 c)
{
	return is_print(c) && c != ' ' && !(c >= '0' && c <= '9') &&
		!((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool ends_conversion(u8 c)
{
	return c == 0 || is_space(c) || is_punct(c);
}

/* ---- reading a conversion -------------------------------------------------------------------- */

/* After "%p". */
static int parse_pointer(const char *p, struct spec *spec)
{
	spec->conv = CONV_POINTER;
	if (ends_conversion((u8)p[0])) {
		spec->end = p;
	} else if ((p[0] == 'k' || p[0] == 'u') && p[1] == 's') {
		spec->conv = CONV_STRING;
		spec->space = p[0] == 'k' ? SPACE_KERNEL : SPACE_USER;
		spec->end = p + 2;
		return ends_conversion((u8)p[2]) ? 0 : -EINVAL;
	} else if (p[0] == 'K' || p[0] == 'x') {
		spec->is_raw = p[0] == 'x';
		spec->end = p + 1;
	} else if (p[0] == 's' || p[0] == 'S' || p[0] == 'B') {
		spec->conv = CONV_SYMBOL;
		spec->end = p + 1;
	} else if ((p[0] == 'i' || p[0] == 'I') && (p[1] == '4' || p[1] == '6')) {
		spec->conv = CONV_IP;
		spec->is_raw = p[0] == 'i';
		spec->ip_bytes = p[1] == '4' ? 4 : 16;
		spec->end = p + 2;
	} else {
		return -EINVAL;
	}
	/* letters and digits that follow belong to the conversion and mean nothing */
	while (is_print((u8)*spec->end) && !is_punct((u8)*spec->end) && *spec->end != ' ')
		spec->end++;
	return 0;
}

static int parse_int(const char *p, struct spec *spec)
{
	spec->conv = CONV_INT;
	for (u32 n = 0; n < 2 && *p == 'l'; n++, p++)
		spec->is_long = true;
	spec->is_signed = *p == 'd' || *p == 'i';
	spec->is_upper = *p == 'X';
	spec->is_raw = *p == 'x' || *p == 'X'; /* base 16 */
	spec->end = p + 1;
	return spec->is_signed || spec->is_raw || *p == 'u' ? 0 : -EINVAL;
}

/* p is behind the '%'. 0 or -EINVAL. */
static int parse_spec(const char *p, struct spec *spec)
{
	u32 flag_count = 0;

	memset(spec, 0, sizeof(*spec));
	if ((u8)*p >= 0x80)
		return -EINVAL;
	for (; *p == '0' || *p == '+' || *p == '-' || *p == ' '; p++)
		if (!strchr(spec->flags, *p) && flag_count < sizeof(spec->flags) - 1)
			spec->flags[flag_count++] = *p;
	for (; *p >= '0' && *p <= '9'; p++)
		spec->width = MIN(spec->width * 10 + (u32)(*p - '0'), WIDTH_MAX);
	switch (*p) {
	case 'p': return parse_pointer(p + 1, spec);
	case 's':
		spec->conv = CONV_STRING;
		spec->space = SPACE_ANY;
		spec->end = p + 1;
		return ends_conversion((u8)p[1]) ? 0 : -EINVAL;
	case 'c':
		spec->conv = CONV_CHAR;
		spec->end = p + 1;
		return 0;
	default: return parse_int(p, spec);
	}
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void put(struct writer *w, const char *text, u32 len)
{
	if (w->writes && w->len < w->size)
		memcpy(w->out + w->len, text, MIN(len, w->size - w->len));
	w->len += len;
}

static void fill(struct writer *w, char c, u32 count)
{
	if (w->writes && w->len < w->size)
		memset(w->out + w->len, c, MIN(count, w->size - w->len));
	w->len += count;
}

static void put_padded(struct writer *w, const struct spec *spec, const char *text, u32 len)
{
	u32 blanks = spec->width > len ? spec->width - len : 0;
	bool is_left = strchr(spec->flags, '-');

	fill(w, ' ', is_left ? 0 : blanks);
	put(w, text, len);
	fill(w, ' ', is_left ? blanks : 0);
}

static void put_int(struct writer *w, const struct spec *spec, u64 arg)
{
	char format[24], text[64];
	s64 value = spec->is_long ? (s64)arg : (s64)(s32)arg;
	u32 width = MIN(spec->width, 40u), blanks = spec->width - width;
	const char *conv = spec->is_upper ? "X" : spec->is_raw ? "x" : spec->is_signed ? "d" : "u";
	bool is_left, is_zero;
	u32 skip = 0;
	int len;

	/* wider than any number: the rest of the padding is written apart */
	snprintf(format, sizeof(format), "%%%s%ull%s", spec->flags, width, conv);
	if (!width)
		snprintf(format, sizeof(format), "%%%sll%s", spec->flags, conv);
	len = snprintf(text, sizeof(text), format,
		spec->is_signed		? value
			: spec->is_long ? (s64)arg
					: (s64)(u32)arg);
	is_left = strchr(spec->flags, '-');
	is_zero = !is_left && strchr(spec->flags, '0');
	if (is_zero && blanks && (text[0] == '-' || text[0] == '+' || text[0] == ' '))
		put(w, text, 1), skip = 1;
	fill(w, is_zero ? '0' : ' ', is_left ? 0 : blanks);
	put(w, text + skip, (u32)len - skip);
	fill(w, ' ', is_left ? blanks : 0);
}

/* %p is a hash, so that a trace gives no addresses away; %px the address, as are errors. */
static void put_pointer(struct writer *w, const struct spec *spec, u64 arg)
{
	static const u64 secret = 0x6ea2fbd3c98f4b15ull;
	bool is_plain = spec->is_raw || !arg || arg >= (u64)-ERRNO_MAX;
	u64 shown = is_plain ? arg : (u32)hash_u64(arg ^ secret);
	char text[24];
	int len = snprintf(
		text, sizeof(text), spec->width ? "%llx" : "%016llx", (unsigned long long)shown);

	put_padded(w, spec, text, (u32)len);
}

#define TEXT_SIZE 64 /* of the longest conversion but strings */

static u32 format_ip4(char text[TEXT_SIZE], const u8 *ip, bool has_zeroes)
{
	return (u32)snprintf(text, TEXT_SIZE, has_zeroes ? "%03u.%03u.%03u.%03u" : "%u.%u.%u.%u",
		ip[0], ip[1], ip[2], ip[3]);
}

/* Both kinds write all eight groups; only %pI6 has colons. */
static u32 format_ip6(char text[TEXT_SIZE], const u8 *ip, bool has_colons)
{
	u32 len = 0;

	for (u32 i = 0; i < 16; i += 2)
		len += (u32)snprintf(text + len, TEXT_SIZE - len, "%02x%02x%s", ip[i], ip[i + 1],
			has_colons && i < 14 ? ":" : "");
	return len;
}

static int take_packed(struct writer *w, u32 bytes, bool is_word)
{
	if (is_word)
		w->packed = ALIGN_UP(w->packed, 4u);
	if (w->packed + bytes > PACKED_MAX)
		return -ENOSPC;
	w->packed += bytes;
	return 0;
}

static int put_string(struct writer *w, const struct spec *spec, u64 arg)
{
	char text[PACKED_MAX];
	int len;

	if (w->packed >= PACKED_MAX)
		return -ENOSPC;
	len = helper_read_str(w->run, spec->space, text, PACKED_MAX - w->packed, arg);
	if (len < 0) {
		text[0] = 0;
		len = 1;
	}
	w->packed += (u32)len;
	put_padded(w, spec, text, (u32)len - 1);
	return 0;
}

static int put_arg(struct writer *w, const struct spec *spec, u64 arg)
{
	char text[TEXT_SIZE], c = (char)arg;
	u8 ip[16];
	u32 len;
	int err;

	switch (spec->conv) {
	case CONV_INT:
		err = take_packed(w, spec->is_long ? 8 : 4, true);
		if (!err)
			put_int(w, spec, arg);
		return err;
	case CONV_CHAR:
		err = take_packed(w, 1, false);
		if (!err)
			put_padded(w, spec, &c, 1);
		return err;
	case CONV_STRING: return put_string(w, spec, arg);
	case CONV_POINTER:
		err = take_packed(w, 8, true);
		if (!err)
			put_pointer(w, spec, arg);
		return err;
	case CONV_SYMBOL:
		/* no symbols of the kernel here: the address, as the kernel shows unknown ones */
		len = (u32)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)arg);
		err = take_packed(w, 8, true);
		if (!err)
			put_padded(w, spec, text, len);
		return err;
	case CONV_IP:
		if (w->packed + spec->ip_bytes > PACKED_MAX)
			return -ENOSPC;
		helper_read(w->run, SPACE_KERNEL, ip, spec->ip_bytes, arg);
		len = spec->ip_bytes == 4 ? format_ip4(text, ip, spec->is_raw)
					  : format_ip6(text, ip, !spec->is_raw);
		w->packed += len + 1;
		put_padded(w, spec, text, len);
		return 0;
	}
	return -EINVAL;
}

/* One pass over the format. */
static int pass(struct writer *w, const char *fmt, const u64 *args, u32 arg_count)
{
	u32 used = 0;

	while (*fmt) {
		struct spec spec;
		u8 c = (u8)*fmt;
		int err;

		if (c < 0x80 && !is_print(c) && !is_space(c))
			return -EINVAL;
		if (c != '%' || fmt[1] == '%') {
			put(w, fmt, 1);
			fmt += c == '%' ? 2 : 1;
			continue;
		}
		if (used >= arg_count)
			return -EINVAL;
		err = parse_spec(fmt + 1, &spec);
		if (!err)
			err = put_arg(w, &spec, args[used++]);
		if (err)
			return err;
		fmt = spec.end;
	}
	return 0;
}

int helper_format(struct run *run, const char *fmt, u64 fmt_size, const u64 *args, u32 arg_count,
	char *out, u32 size)
{
	struct writer w = {.run = run, .out = out, .size = size};
	int err;

	if (strnlen(fmt, fmt_size) == fmt_size)
		return -EINVAL;
	err = pass(&w, fmt, args, arg_count);
	if (err)
		return err;
	w = (struct writer){.run = run, .out = out, .size = size, .writes = true};
	err = pass(&w, fmt, args, arg_count);
	if (err)
		return err;
	if (size)
		out[MIN(w.len, size - 1)] = 0;
	return (int)w.len;
}
