// SPDX-License-Identifier: BSD-2-Clause
#include "show/json.h"
#include "btf/print.h"

void show_json_release(struct show_json *json)
{
	strbuf_release(&json->text);
	memset(json, 0, sizeof(*json));
}

/* Before every value. */
static void separate(struct show_json *json)
{
	if (json->after_key)
		json->after_key = false;
	else if (json->filled >> json->depth & 1)
		strbuf_putc(&json->text, ',');
	json->filled |= 1ull << json->depth;
}

static void break_line(struct show_json *json)
{
	if (!json->is_pretty)
		return;
	strbuf_putc(&json->text, '\n');
	for (u32 i = 0; i < json->depth; i++)
		strbuf_puts(&json->text, "    ");
}

void show_json_open(struct show_json *json, char bracket)
{
	separate(json);
	strbuf_putc(&json->text, bracket);
	if (bug_on(json->depth == 63))
		return;
	json->depth++;
	json->filled &= ~(1ull << json->depth);
}

void show_json_close(struct show_json *json, char bracket)
{
	bool is_filled = json->filled >> json->depth & 1;

	if (bug_on(json->depth == 0))
		return;
	json->depth--;
	if (is_filled)
		break_line(json);
	strbuf_putc(&json->text, bracket);
}

void show_json_key(struct show_json *json, const char *key)
{
	separate(json);
	break_line(json);
	btype_json_string(&json->text, key, strlen(key));
	strbuf_puts(&json->text, json->is_pretty ? ": " : ":");
	json->after_key = true;
}

void show_json_string(struct show_json *json, const char *text)
{
	separate(json);
	btype_json_string(&json->text, text, strlen(text));
}

void show_json_u64(struct show_json *json, u64 value)
{
	separate(json);
	strbuf_printf(&json->text, "%llu", (unsigned long long)value);
}

void show_json_s64(struct show_json *json, s64 value)
{
	separate(json);
	strbuf_printf(&json->text, "%lld", (long long)value);
}

void show_json_bool(struct show_json *json, bool value)
{
	separate(json);
	strbuf_puts(&json->text, value ? "true" : "false");
}

void show_json_null(struct show_json *json)
{
	separate(json);
	strbuf_puts(&json->text, "null");
}

void show_json_raw(struct show_json *json, const char *format, ...)
{
	va_list args;

	separate(json);
	va_start(args, format);
	strbuf_vprintf(&json->text, format, args);
	va_end(args);
}

void show_json_bytes(struct show_json *json, const void *data, u32 size)
{
	const u8 *bytes = data;

	show_json_open(json, '[');
	for (u32 i = 0; i < size; i++)
		show_json_raw(json, "\"0x%02x\"", bytes[i]);
	show_json_close(json, ']');
}

void show_json_value(
	struct show_json *json, const struct btf *btf, u32 type, const void *data, u32 size)
{
	u32 own;

	if (!btf || !type || btype_size(btf, type, &own)) {
		show_json_bytes(json, data, size);
		return;
	}
	separate(json);
	btype_print(btf, type, data, size, BTYPE_STYLE_JSON, &json->text);
}

int show_json_line(struct show_json *json, FILE *f)
{
	strbuf_putc(&json->text, '\n');
	json->filled = json->depth = 0;
	json->after_key = false;
	return show_json_flush(json, f);
}

int show_json_flush(struct show_json *json, FILE *f)
{
	bool failed = json->text.failed;
	size_t len = json->text.len;

	if (!failed && len && fwrite(json->text.data, 1, len, f) != len)
		return -EIO;
	strbuf_reset(&json->text);
	return failed ? -ENOMEM : 0;
}
