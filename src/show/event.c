// SPDX-License-Identifier: BSD-2-Clause
#include "show/event.h"
#include "base/alloc.h"
#include "show/columns.h"
#include "show/json.h"

#include <time.h>

struct show_event {
	struct show_event_format format;
	struct show_columns columns;
	struct strbuf line, cell;
	struct show_json json;
	bool has_header;
};

int show_event_new(const struct show_event_format *format, struct show_event **ret)
{
	struct show_event *event = mem_zalloc(sizeof(*event));
	u32 size;
	int err;

	if (!event)
		return -ENOMEM;
	event->format = *format;
	if (!format->btf || !format->type || btype_size(format->btf, format->type, &size))
		event->format.type = 0;
	err = show_columns_add(&event->columns, event->format.btf, event->format.type, "data");
	if (err) {
		show_event_free(event);
		return err;
	}
	*ret = event;
	return 0;
}

void show_event_free(struct show_event *event)
{
	if (!event)
		return;
	show_columns_release(&event->columns);
	strbuf_release(&event->line);
	strbuf_release(&event->cell);
	show_json_release(&event->json);
	mem_free(event);
}

static void add_time(struct strbuf *out)
{
	time_t now = time(NULL);
	char text[16] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	strbuf_puts(out, text);
}

static int print_json(struct show_event *event, FILE *f, s32 cpu, const void *data, u32 size)
{
	struct show_json *json = &event->json;

	show_json_open(json, '{');
	if (event->format.has_time) {
		strbuf_reset(&event->cell);
		add_time(&event->cell);
		show_json_key(json, "time");
		show_json_string(json, strbuf_cstr(&event->cell));
	}
	show_json_key(json, "map");
	show_json_string(json, event->format.map);
	if (cpu >= 0) {
		show_json_key(json, "cpu");
		show_json_s64(json, cpu);
	}
	show_json_key(json, "event");
	show_json_value(json, event->format.btf, event->format.type, data, size);
	show_json_close(json, '}');
	return show_json_line(json, f);
}

/* data NULL: the header. */
static int print_line(struct show_event *event, FILE *f, const void *data, u32 size)
{
	const struct show_column *column, *list = event->columns.list.data;
	size_t count = event->columns.list.len;

	strbuf_reset(&event->line);
	if (event->format.has_time && data)
		add_time(&event->line);
	else if (event->format.has_time)
		strbuf_puts(&event->line, "TIME    ");
	if (event->format.has_time)
		strbuf_putc(&event->line, ' ');
	vec_for_each (column, &event->columns.list) {
		strbuf_reset(&event->cell);
		if (data)
			show_cell(&event->columns, column, data, size, &event->cell);
		else
			strbuf_puts(&event->cell, column->name);
		if (column != list)
			strbuf_putc(&event->line, ' ');
		show_pad(&event->line, strbuf_cstr(&event->cell), column->width, column->is_right,
			column == list + count - 1);
	}
	strbuf_putc(&event->line, '\n');
	if (event->line.failed || event->cell.failed)
		return -ENOMEM;
	return fwrite(event->line.data, 1, event->line.len, f) == event->line.len ? 0 : -EIO;
}

int show_event_print(struct show_event *event, FILE *f, s32 cpu, const void *data, u32 size)
{
	if (event->format.is_json)
		return print_json(event, f, cpu, data, size);
	if (!event->has_header && event->format.type) {
		int err = print_line(event, f, NULL, 0);

		if (err)
			return err;
		event->has_header = true;
	}
	return print_line(event, f, data ? data : "", data ? size : 0);
}
