// SPDX-License-Identifier: BSD-2-Clause
/*
 * bpf(2): takes the caller's attr in, checks the bytes that the command or the chosen kernel does
 * not know, and hands over to the command's handler (one file per group).
 */
#include "spec/progtype.h"
#include "syscall/instance.h"
#include "syscall/user.h"

struct attr_end {
	u16 since;
	u16 end;
};

struct command {
	const char *name;
	long (*handler)(struct call *call);
	struct attr_end ends[8]; /* in order; first unused one is zero */
};

#define END(major, minor, group, field)                                                            \
	{KERNEL(major, minor),                                                                     \
		offsetof(union abi_attr, group.field) +                                            \
			sizeof(((union abi_attr *)0)->group.field)},
#define COMMAND(NAME, number, cmd_handler, ENDS) [number] = {#NAME, cmd_handler, {ENDS}},
static const struct command commands[] = {
#include "syscall/commands.def"
};
#undef COMMAND
#undef END

/* Bytes of the command's attr that this kernel knows; 0 = it does not know the command. */
static u32 known_bytes(const struct command *command, u16 version)
{
	u32 end = 0;

	for (u32 i = 0; i < ARRAY_SIZE(command->ends) && command->ends[i].since; i++)
		if (command->ends[i].since <= version)
			end = command->ends[i].end;
	return end;
}

/* sizeof(union bpf_attr) there. */
static u32 attr_bytes(u16 version)
{
	u32 bytes = 0;

	for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
		bytes = MAX(bytes, known_bytes(&commands[i], version));
	return ALIGN_UP(bytes, 8u);
}

long hachi_bpf(struct hachi *h, int cmd, union bpf_attr *attr, uint32_t size)
{
	struct call call = {.h = h, .user_attr = (u64)(uintptr_t)attr};
	u32 known, all = attr_bytes(h->kernel->version);
	const struct command *command;
	int err = user_check_tail(call.user_attr, all, size);

	if (err)
		return err;
	call.size = MIN(size, all);
	err = user_read(&call.attr, call.user_attr, call.size);
	if (err)
		return err;
	command = cmd >= 0 && (u32)cmd < ARRAY_SIZE(commands) ? &commands[cmd] : NULL;
	known = command ? known_bytes(command, h->kernel->version) : 0;
	if (!known || command_since((u32)cmd) > h->kernel->version)
		return -EINVAL;
	for (u32 i = known; i < call.size; i++)
		if (((const u8 *)&call.attr)[i])
			return -EINVAL;
	return command->handler(&call);
}

bool hachi_has_command(int cmd)
{
	return cmd >= 0 && (u32)cmd < ARRAY_SIZE(commands) && commands[cmd].handler;
}
