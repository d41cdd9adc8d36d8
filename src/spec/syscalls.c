// SPDX-License-Identifier: BSD-2-Clause
/*
 * System calls by number and by name. A system call has two names: the one of <asm/unistd.h> that
 * people know, and the one of the function that serves it, which symbols and tracepoints show.
 * Lookups are linear: they happen when something is attached or printed, not when it fires.
 */
#include "spec/tracepoint.h"

#include <hachi/hachi.h>

static const struct syscall_spec rows[] = {
#define SYSCALL(name_, function_, x86_64_, arm64_, ...)                                            \
	{.name = #name_,                                                                           \
		.function = #function_,                                                            \
		.nr = {[SYSCALL_X86_64] = x86_64_, [SYSCALL_ARM64] = arm64_},                      \
		.arg_count =                                                                       \
			sizeof((const char *const[]){"", ##__VA_ARGS__}) / sizeof(char *) / 2,     \
		.arg = {__VA_ARGS__}},
#include "spec/syscalls.def"
};

u32 syscall_spec_count(void)
{
	return ARRAY_SIZE(rows);
}

const struct syscall_spec *syscall_spec_at(u32 index)
{
	return index < ARRAY_SIZE(rows) ? &rows[index] : NULL;
}

bool syscall_is_gone(const struct syscall_spec *spec)
{
	return strcmp(spec->function, "ni_syscall") == 0;
}

const struct syscall_spec *syscall_spec_by_nr(enum syscall_arch arch, s32 nr)
{
	for (u32 i = 0; nr >= 0 && i < ARRAY_SIZE(rows); i++)
		if (rows[i].nr[arch] == nr)
			return &rows[i];
	return NULL;
}

const struct syscall_spec *syscall_spec_by_name(enum syscall_arch arch, const char *name)
{
	/* the function's name first: tracepoints and symbols are asked for most */
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].nr[arch] >= 0 && !syscall_is_gone(&rows[i]) &&
			strcmp(rows[i].function, name) == 0)
			return &rows[i];
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].nr[arch] >= 0 && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

int hachi_syscall_number(const char *name)
{
	const struct syscall_spec *spec = syscall_spec_by_name(SYSCALL_HOST, name);

	return spec ? spec->nr[SYSCALL_HOST] : -1;
}

const char *hachi_syscall_name(int number)
{
	const struct syscall_spec *spec = syscall_spec_by_nr(SYSCALL_HOST, number);

	return spec ? spec->name : NULL;
}
