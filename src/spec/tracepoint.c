// SPDX-License-Identifier: BSD-2-Clause
/*
 * Tracepoints by name and by id, and tracefs's description of their records.
 *
 * An id says what it stands for: rows of tracepoints.def count from 1, and the two tracepoints of
 * system call nr have SYSCALL_ID + 2 * nr (enter) and one more (exit). So ids are the same in every
 * instance and need no registry. The kernel's differ from boot to boot; programs read them from
 * tracefs, which we serve as well.
 */
#include "spec/tracepoint.h"

#define SYSCALL_ID  1024
#define SYSCALL_MAX 1024

struct row {
	const char *category, *name, *print;
	const struct tracepoint_field *fields;
	u32 field_count;
};

#define TP(type_, name_, off_, size_, signed_)                                                     \
	{                                                                                          \
		type_, name_, off_, size_, signed_                                                 \
	}
#define TRACEPOINT(category_, name_, print_, ...)                                                  \
	static const struct tracepoint_field fields_##category_##_##name_[] = {__VA_ARGS__};
#include "spec/tracepoints.def"

static const struct row rows[] = {
#define TRACEPOINT(category_, name_, print_, ...)                                                  \
	{#category_, #name_, print_, fields_##category_##_##name_,                                 \
		ARRAY_SIZE(fields_##category_##_##name_)},
#include "spec/tracepoints.def"
};

static const struct tracepoint_field common[] = {
	TP("unsigned short", "common_type", 0, 2, false),
	TP("unsigned char", "common_flags", 2, 1, false),
	TP("unsigned char", "common_preempt_count", 3, 1, false),
	TP("int", "common_pid", 4, 4, true),
};

static void add_field(struct tracepoint *tp, struct tracepoint_field field)
{
	if (bug_on(tp->field_count == TRACEPOINT_FIELDS_MAX))
		return;
	tp->field[tp->field_count++] = field;
	/* records are padded to 8 bytes; perf adds its own length before */
	tp->size = ALIGN_UP(field.off + field.size, 8);
}

static void init(struct tracepoint *tp, u32 id, const char *category)
{
	memset(tp, 0, sizeof(*tp));
	tp->id = id;
	tp->category = category;
	for (u32 i = 0; i < ARRAY_SIZE(common); i++)
		add_field(tp, common[i]);
}

static void from_row(u32 index, struct tracepoint *tp)
{
	const struct row *row = &rows[index];

	init(tp, index + 1, row->category);
	str_copy(tp->name, sizeof(tp->name), row->name);
	tp->print = row->print;
	for (u32 i = 0; i < row->field_count; i++)
		add_field(tp, row->fields[i]);
}

static void from_syscall(const struct syscall_spec *spec, bool is_exit, struct tracepoint *tp)
{
	const struct tracepoint_field nr = TP("int", "__syscall_nr", 8, 4, true);
	const struct tracepoint_field ret = TP("long", "ret", 16, 8, true);

	init(tp, SYSCALL_ID + 2 * spec->nr[SYSCALL_HOST] + is_exit, "syscalls");
	str_copy(tp->name, sizeof(tp->name), is_exit ? "sys_exit_" : "sys_enter_");
	str_copy(tp->name + strlen(tp->name), sizeof(tp->name) - strlen(tp->name), spec->function);
	tp->kind = is_exit ? TRACEPOINT_SYSCALL_EXIT : TRACEPOINT_SYSCALL_ENTER;
	tp->syscall = spec;
	add_field(tp, nr);
	if (is_exit)
		add_field(tp, ret);
	for (u32 i = 0; !is_exit && i < spec->arg_count; i++) {
		struct tracepoint_field arg =
			TP(spec->arg[2 * i], spec->arg[2 * i + 1], 16 + 8 * i, 8, false);

		add_field(tp, arg);
	}
}

static int find_syscall(const char *name, struct tracepoint *tp)
{
	bool is_exit = str_starts_with(name, "sys_exit_");
	const struct syscall_spec *spec;

	if (!is_exit && !str_starts_with(name, "sys_enter_"))
		return -ENOENT;
	name += strlen(is_exit ? "sys_exit_" : "sys_enter_");
	spec = syscall_spec_by_name(SYSCALL_HOST, name);
	/* only the function's name is a tracepoint's */
	if (!spec || syscall_is_gone(spec) || strcmp(spec->function, name) != 0)
		return -ENOENT;
	from_syscall(spec, is_exit, tp);
	return 0;
}

int tracepoint_find(const char *category_and_name, struct tracepoint *ret_tracepoint)
{
	const char *slash = strchr(category_and_name, '/');
	size_t len = slash ? (size_t)(slash - category_and_name) : 0;

	if (!slash)
		return -ENOENT;
	if (str_starts_with(category_and_name, "syscalls/"))
		return find_syscall(slash + 1, ret_tracepoint);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strlen(rows[i].category) != len ||
			memcmp(rows[i].category, category_and_name, len) != 0 ||
			strcmp(rows[i].name, slash + 1) != 0)
			continue;
		from_row(i, ret_tracepoint);
		return 0;
	}
	return -ENOENT;
}

int tracepoint_by_id(u32 id, struct tracepoint *ret_tracepoint)
{
	const struct syscall_spec *spec;

	if (id >= 1 && id <= ARRAY_SIZE(rows)) {
		from_row(id - 1, ret_tracepoint);
		return 0;
	}
	if (id < SYSCALL_ID || id >= SYSCALL_ID + 2 * SYSCALL_MAX)
		return -ENOENT;
	spec = syscall_spec_by_nr(SYSCALL_HOST, (id - SYSCALL_ID) / 2);
	if (!spec || syscall_is_gone(spec))
		return -ENOENT;
	from_syscall(spec, (id - SYSCALL_ID) % 2, ret_tracepoint);
	return 0;
}

int tracepoint_next(u32 after, struct tracepoint *ret_tracepoint)
{
	for (u32 id = after + 1; id < SYSCALL_ID + 2 * SYSCALL_MAX; id++)
		if (tracepoint_by_id(id, ret_tracepoint) == 0)
			return 0;
	return -ENOENT;
}

const struct tracepoint_field *tracepoint_field(const struct tracepoint *tp, const char *name)
{
	size_t len = strlen(name);

	/* args[6] is found as "args" */
	for (u32 i = 0; i < tp->field_count; i++)
		if (strncmp(tp->field[i].name, name, len) == 0 &&
			(!tp->field[i].name[len] || tp->field[i].name[len] == '['))
			return &tp->field[i];
	return NULL;
}

static void format_print(const struct tracepoint *tp, struct strbuf *out)
{
	const struct syscall_spec *spec = tp->syscall;

	if (tp->kind == TRACEPOINT_PLAIN) {
		strbuf_puts(out, tp->print);
		return;
	}
	if (tp->kind == TRACEPOINT_SYSCALL_EXIT) {
		strbuf_puts(out, "\"0x%lx\", REC->ret");
		return;
	}
	strbuf_putc(out, '"');
	for (u32 i = 0; i < spec->arg_count; i++)
		strbuf_printf(out, "%s%s: 0x%%08lx", i ? ", " : "", spec->arg[2 * i + 1]);
	strbuf_putc(out, '"');
	for (u32 i = 0; i < spec->arg_count; i++)
		strbuf_printf(out, ", ((unsigned long)(REC->%s))", spec->arg[2 * i + 1]);
}

void tracepoint_format(const struct tracepoint *tp, struct strbuf *out)
{
	strbuf_printf(out, "name: %s\nID: %u\nformat:\n", tp->name, tp->id);
	for (u32 i = 0; i < tp->field_count; i++) {
		const struct tracepoint_field *field = &tp->field[i];

		if (i == ARRAY_SIZE(common))
			strbuf_putc(out, '\n');
		strbuf_printf(out, "\tfield:%s %s;\toffset:%u;\tsize:%u;\tsigned:%d;\n",
			field->type, field->name, field->off, field->size, field->is_signed);
	}
	strbuf_puts(out, "\nprint fmt: ");
	format_print(tp, out);
	strbuf_putc(out, '\n');
}
