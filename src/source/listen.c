// SPDX-License-Identifier: BSD-2-Clause
/*
 * The attachments of an instance, indexed by what makes them fire: system call numbers, process
 * events, places in files, timers. Built again whenever the instance's generation changes.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "source/internal.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/stat.h>

/* "__x64_sys_openat", "__arm64_sys_openat", "__se_sys_", "sys_" -> number, or -1. */
static int syscall_of_function(const char *symbol)
{
	static const char *const prefixes[] = {
		"__x64_sys_", "__arm64_sys_", "__se_sys_", "__do_sys_", "sys_"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_starts_with(symbol, prefixes[i]))
			return hachi_syscall_number(symbol + strlen(prefixes[i]));
	return -1;
}

/* What an attachment listens to; NULL when nothing here makes it fire. */
static listener_list *list_of(
	struct listeners *l, const struct hachi_attachment *a, struct listener *ret_listener)
{
	const char *name = a->target;
	int nr;

	switch (a->kind) {
	case HACHI_ATTACH_TRACEPOINT:
		ret_listener->shape = SHAPE_TRACEPOINT;
		if (str_starts_with(name, "syscalls/sys_enter_")) {
			nr = hachi_syscall_number(name + strlen("syscalls/sys_enter_"));
			return nr >= 0 && nr < SYSCALL_MAX ? &l->enter[nr] : NULL;
		}
		if (str_starts_with(name, "syscalls/sys_exit_")) {
			nr = hachi_syscall_number(name + strlen("syscalls/sys_exit_"));
			return nr >= 0 && nr < SYSCALL_MAX ? &l->exit[nr] : NULL;
		}
		if (str_starts_with(name, "raw_syscalls/"))
			name += strlen("raw_syscalls/");
		else if (str_starts_with(name, "sched/"))
			name += strlen("sched/");
		else
			return NULL;
		break;
	case HACHI_ATTACH_RAW_TRACEPOINT: ret_listener->shape = SHAPE_RAW; break;
	case HACHI_ATTACH_KPROBE:
	case HACHI_ATTACH_KRETPROBE:
	case HACHI_ATTACH_FENTRY:
	case HACHI_ATTACH_FEXIT:
		nr = a->offset ? -1 : syscall_of_function(name);
		if (nr < 0 || nr >= SYSCALL_MAX)
			return NULL;
		ret_listener->shape = a->kind == HACHI_ATTACH_FENTRY ? SHAPE_FENTRY
			: a->kind == HACHI_ATTACH_FEXIT		     ? SHAPE_FEXIT
								     : SHAPE_KPROBE;
		if (a->kind == HACHI_ATTACH_KPROBE || a->kind == HACHI_ATTACH_FENTRY)
			return &l->enter[nr];
		return &l->exit[nr];
	default: return NULL;
	}
	if (strcmp(name, "sys_enter") == 0)
		return &l->any_enter;
	if (strcmp(name, "sys_exit") == 0)
		return &l->any_exit;
	if (strcmp(name, "sched_process_exec") == 0)
		return &l->exec;
	if (strcmp(name, "sched_process_fork") == 0)
		return &l->fork;
	if (strcmp(name, "sched_process_exit") == 0)
		return &l->process_exit;
	return NULL;
}

bool trace_can_serve(const struct hachi_attachment *a, char *ret_why, size_t size)
{
	static struct listeners none; /* only addresses are taken */
	struct listener unused;

	switch (a->kind) {
	case HACHI_ATTACH_UPROBE:
	case HACHI_ATTACH_URETPROBE: return true;
	case HACHI_ATTACH_PERF_EVENT:
		if (a->sample_type == PERF_TYPE_SOFTWARE || a->sample_type == PERF_TYPE_HARDWARE)
			return true;
		snprintf(ret_why, size, "this kind of perf event is counted by the kernel only");
		return false;
	case HACHI_ATTACH_TRACEPOINT:
	case HACHI_ATTACH_RAW_TRACEPOINT:
		if (list_of(&none, a, &unused))
			return true;
		snprintf(ret_why, size,
			"tracepoint %s happens inside the kernel; user space sees system calls and "
			"sched_process_{exec,fork,exit}",
			a->target);
		return false;
	case HACHI_ATTACH_KPROBE:
	case HACHI_ATTACH_KRETPROBE:
	case HACHI_ATTACH_FENTRY:
	case HACHI_ATTACH_FEXIT:
		if (list_of(&none, a, &unused))
			return true;
		snprintf(ret_why, size,
			"function %s runs inside the kernel; user space sees only the entries of "
			"system calls (__x64_sys_*)",
			a->target);
		return false;
	default: snprintf(ret_why, size, "a traced command does not make it happen"); return false;
	}
}

static int add_site(struct listeners *l, const struct hachi_attachment *a, struct listener listener)
{
	struct probe_site *site, fresh = {0};
	struct stat st;

	if (stat(a->target, &st))
		return -errno;
	vec_for_each (site, &l->sites) {
		if (site->dev == st.st_dev && site->ino == st.st_ino && site->offset == a->offset)
			goto found;
	}
	fresh.path = mem_strdup(a->target);
	if (!fresh.path)
		return -ENOMEM;
	fresh.dev = st.st_dev;
	fresh.ino = st.st_ino;
	fresh.offset = a->offset;
	if (vec_push(&l->sites, fresh)) {
		mem_free(fresh.path);
		return -ENOMEM;
	}
	site = &vec_last(&l->sites);
found:
	if (a->ref_ctr_offset)
		site->ref_ctr_offset = a->ref_ctr_offset;
	listener.shape = SHAPE_KPROBE;
	return vec_push(a->kind == HACHI_ATTACH_URETPROBE ? &site->ret : &site->entry, listener);
}

static int add_sampler(
	struct listeners *l, const struct hachi_attachment *a, struct listener listener)
{
	struct sampler s = {.listener = listener};

	/* clocks count nanoseconds; other events are approximated by 1 ms, the kernel's tick */
	if (a->sample_freq)
		s.period_ns = 1000000000u / a->sample_freq;
	else if (a->sample_type == PERF_TYPE_SOFTWARE &&
		(a->sample_config == PERF_COUNT_SW_CPU_CLOCK ||
			a->sample_config == PERF_COUNT_SW_TASK_CLOCK))
		s.period_ns = a->sample_period;
	else
		s.period_ns = 1000000;
	s.period_ns = MAX(s.period_ns, (u64)100000);
	/* one sampler stands for the attachments on all CPUs of one program */
	struct sampler *old;
	vec_for_each (old, &l->samplers) {
		if (old->period_ns == s.period_ns && a->cpu > 0)
			return 0;
	}
	return vec_push(&l->samplers, s);
}

struct build {
	struct listeners *l;
	int err;
};

static int add_attachment(const struct hachi_attachment *a, void *arg)
{
	struct build *build = arg;
	struct listener listener = {.id = a->id, .pid = a->pid};
	listener_list *list;

	if (!a->is_enabled)
		return 0;
	if (a->kind == HACHI_ATTACH_UPROBE || a->kind == HACHI_ATTACH_URETPROBE)
		return build->err = add_site(build->l, a, listener);
	if (a->kind == HACHI_ATTACH_PERF_EVENT)
		return build->err = add_sampler(build->l, a, listener);
	list = list_of(build->l, a, &listener);
	return list ? build->err = vec_push(list, listener) : 0;
}

int listeners_build(struct listeners *l, struct hachi *h)
{
	struct build build = {.l = l};

	listeners_release(l);
	l->generation = hachi_attach_generation(h);
	hachi_attach_walk(h, add_attachment, &build);
	return build.err;
}

void listeners_release(struct listeners *l)
{
	struct probe_site *site;

	for (u32 nr = 0; nr < SYSCALL_MAX; nr++) {
		vec_release(&l->enter[nr]);
		vec_release(&l->exit[nr]);
	}
	vec_release(&l->any_enter);
	vec_release(&l->any_exit);
	vec_release(&l->exec);
	vec_release(&l->fork);
	vec_release(&l->process_exit);
	vec_for_each (site, &l->sites) {
		mem_free(site->path);
		vec_release(&site->entry);
		vec_release(&site->ret);
	}
	vec_release(&l->sites);
	vec_release(&l->samplers);
}

bool listeners_any_syscall(const struct listeners *l)
{
	if (l->any_enter.len || l->any_exit.len || l->sites.len)
		return true;
	for (u32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (l->enter[nr].len || l->exit[nr].len)
			return true;
	return false;
}
