// SPDX-License-Identifier: BSD-2-Clause
/* PROG_TEST_RUN: the caller's buffers in and out; hook/test_run.c does the rest. */
#include "hook/test_run.h"

#include "base/alloc.h"
#include "syscall/instance.h"
#include "syscall/user.h"

#define DATA_MAX (1u << 20)

static int read_in(u64 addr, u32 size, u8 **ret_copy)
{
	if (!addr)
		return 0;
	return size > DATA_MAX ? -EINVAL : user_dup(addr, size, (void **)ret_copy);
}

/* As much as there is room for; -ENOSPC when that is not all, and the size in any case. */
static int write_out(u64 addr, u32 room, const u8 *data, u32 size, u64 size_field)
{
	bool is_cut = room && size > room;

	if (addr && user_write(addr, data, is_cut ? room : size))
		return -EFAULT;
	if (user_write_u32(size_field, size))
		return -EFAULT;
	return is_cut ? -ENOSPC : 0;
}

static int put_results(struct call *call, const struct test_run *t)
{
	const struct attr_test_run *attr = &call->attr.test;
	int err = 0, ctx_err = 0;

	if (t->has_data_out) {
		err = write_out(attr->data_out, attr->data_size_out, t->data_out, t->data_size_out,
			CALL_FIELD(call, test, data_size_out));
		if (err == -EFAULT)
			return err;
	}
	if (user_write_u32(CALL_FIELD(call, test, retval), t->retval) ||
		user_write_u32(CALL_FIELD(call, test, duration), t->duration))
		return -EFAULT;
	if (!err && t->has_ctx_out)
		ctx_err = write_out(attr->ctx_out, attr->ctx_size_out, t->ctx_out, t->ctx_size_out,
			CALL_FIELD(call, test, ctx_size_out));
	if (t->ctx_goes_back && user_write(attr->ctx_in, t->ctx_out, t->ctx_size_out))
		return -EFAULT;
	return err ? err : ctx_err;
}

long cmd_test_run(struct call *call)
{
	const struct attr_test_run *attr = &call->attr.test;
	u8 *data = NULL, *ctx = NULL;
	struct test_run t;
	struct prog *prog;
	int err;

	if (!attr->ctx_size_in != !attr->ctx_in || !attr->ctx_size_out != !attr->ctx_out)
		return -EINVAL;
	err = prog_from_fd(call->h, (int)attr->prog_fd, &prog);
	if (err)
		return err;
	err = read_in(attr->data_in, attr->data_size_in, &data);
	if (!err)
		err = read_in(attr->ctx_in, attr->ctx_size_in, &ctx);
	if (!err && !data && attr->data_size_in)
		err = -EFAULT;
	if (!err) {
		t = (struct test_run){
			.prog = prog,
			.kernel = call->h->kernel->version,
			.data_in = data,
			.data_size_in = attr->data_size_in,
			.ctx_in = ctx,
			.ctx_size_in = attr->ctx_size_in,
			.wants_data = attr->data_out != 0,
			.wants_ctx = attr->ctx_out != 0,
			.data_room = attr->data_size_out,
			.ctx_room = attr->ctx_size_out,
			.repeat = attr->repeat,
			.duration_in = attr->duration,
			.flags = attr->flags,
			.cpu = attr->cpu,
			.batch_size = attr->batch_size,
		};
		err = test_run(&t);
		if (!err)
			err = put_results(call, &t);
		test_run_release(&t);
	}
	mem_free(data);
	mem_free(ctx);
	prog_unref(prog);
	return err;
}
