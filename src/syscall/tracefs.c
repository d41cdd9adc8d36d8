// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which event has which id, which PMU has which type: loaders read it from tracefs and sysfs, which
 * on a machine without rights or without kprobes say nothing. Every path is answered from the
 * tables of spec/tracepoint.h; nothing is read from the machine.
 */
#include "syscall/tracefs.h"

#include "base/str.h"
#include "hook/event.h"
#include "spec/tracepoint.h"
#include <hachi/hachi.h>

#include <stdio.h>

int tracefs_name_of_id(u64 id, char *buf, size_t size)
{
	struct tracepoint tp;

	if (id > UINT32_MAX || tracepoint_by_id((u32)id, &tp))
		return -ENOENT;
	return snprintf(buf, size, "%s/%s", tp.category, tp.name) < (int)size ? 0 : -ENAMETOOLONG;
}

#if defined(__aarch64__)
#define SYSCALL_PREFIX "__arm64_sys_"
#else
#define SYSCALL_PREFIX "__x64_sys_"
#endif

int tracefs_check_symbol(const char *name)
{
	const struct syscall_spec *spec;

	if (!str_starts_with(name, SYSCALL_PREFIX))
		return 0; /* only a source can say whether it knows the function */
	spec = syscall_spec_by_name(SYSCALL_HOST, name + strlen(SYSCALL_PREFIX));
	return spec && !syscall_is_gone(spec) ? 0 : -ENOENT;
}

static int put_event_file(const char *rest, struct strbuf *out)
{
	char name[96];
	const char *slash = strrchr(rest, '/');
	struct tracepoint tp;

	if (!slash || (size_t)(slash - rest) >= sizeof(name))
		return -ENOENT;
	memcpy(name, rest, (size_t)(slash - rest));
	name[slash - rest] = 0;
	if (tracepoint_find(name, &tp))
		return -ENOENT;
	if (!strcmp(slash, "/id"))
		strbuf_printf(out, "%u\n", tp.id);
	else if (!strcmp(slash, "/format"))
		tracepoint_format(&tp, out);
	else if (!strcmp(slash, "/enable"))
		strbuf_puts(out, "0\n");
	else
		return -ENOENT;
	return 0;
}

static void put_events(struct strbuf *out)
{
	struct tracepoint tp = {0};

	while (!tracepoint_next(tp.id, &tp))
		strbuf_printf(out, "%s:%s\n", tp.category, tp.name);
}

static void put_functions(struct strbuf *out)
{
	for (u32 i = 0; i < syscall_spec_count(); i++) {
		const struct syscall_spec *spec = syscall_spec_at(i);

		if (spec->nr[SYSCALL_HOST] >= 0 && !syscall_is_gone(spec))
			strbuf_printf(out, "%s%s\n", SYSCALL_PREFIX, spec->function);
	}
}

static int put_trace_file(const char *rest, struct strbuf *out)
{
	if (str_starts_with(rest, "events/"))
		return put_event_file(rest + strlen("events/"), out);
	if (!strcmp(rest, "available_events"))
		put_events(out);
	else if (!strcmp(rest, "available_filter_functions"))
		put_functions(out);
	else
		return -ENOENT;
	return 0;
}

static const struct {
	const char *path, *text;
	u32 number; /* instead of text */
} pmu_files[] = {
	{"kprobe/type", NULL, EVENT_TYPE_KPROBE},
	{"kprobe/format/retprobe", "config:0\n", 0},
	{"uprobe/type", NULL, EVENT_TYPE_UPROBE},
	{"uprobe/format/retprobe", "config:0\n", 0},
	{"uprobe/format/ref_ctr_offset", "config:32-63\n", 0},
};

static int put_pmu_file(const char *rest, struct strbuf *out)
{
	for (u32 i = 0; i < ARRAY_SIZE(pmu_files); i++) {
		if (strcmp(rest, pmu_files[i].path))
			continue;
		if (pmu_files[i].text)
			strbuf_puts(out, pmu_files[i].text);
		else
			strbuf_printf(out, "%u\n", pmu_files[i].number);
		return 0;
	}
	return -ENOENT;
}

static int put_file(const char *path, struct strbuf *out)
{
	static const struct {
		const char *prefix;
		int (*put)(const char *rest, struct strbuf *out);
	} trees[] = {
		{"/sys/kernel/tracing/", put_trace_file},
		{"/sys/kernel/debug/tracing/", put_trace_file},
		{"/sys/bus/event_source/devices/", put_pmu_file},
	};

	for (u32 i = 0; i < ARRAY_SIZE(trees); i++)
		if (str_starts_with(path, trees[i].prefix))
			return trees[i].put(path + strlen(trees[i].prefix), out);
	return -ENOENT;
}

long hachi_virtual_file(struct hachi *h, const char *path, char *buf, size_t size)
{
	struct strbuf out = {0};
	long ret = put_file(path, &out);

	if (!ret && out.failed)
		ret = -ENOMEM;
	if (!ret) {
		ret = (long)out.len;
		if (size)
			memcpy(buf, strbuf_cstr(&out), MIN(out.len + 1, size));
		if (size && out.len >= size)
			buf[size - 1] = 0;
	}
	strbuf_release(&out);
	return ret;
}
