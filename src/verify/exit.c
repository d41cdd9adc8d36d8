// SPDX-License-Identifier: BSD-2-Clause
/* What a program may return, by program type and attach type. */
#include "verify/check.h"

#include <errno.h>
#include <stdio.h>

void verify_say_bad_scalar(struct verify_env *env, char *buf, size_t size, const struct reg *r,
	s32 min, s32 max, const char *where, const char *reg_name)
{
	int n = snprintf(buf, size, "%s the register %s has", where, reg_name);
	bool unknown = true;

	(void)env;
	if (r->val.smin > INT64_MIN) {
		n += snprintf(buf + n, size - (size_t)n, " smin=%lld", (long long)r->val.smin);
		unknown = false;
	}
	if (r->val.smax < INT64_MAX) {
		n += snprintf(buf + n, size - (size_t)n, " smax=%lld", (long long)r->val.smax);
		unknown = false;
	}
	if (unknown)
		n += snprintf(buf + n, size - (size_t)n, " unknown scalar value");
	snprintf(buf + n, size - (size_t)n, " should have been in [%d, %d]\n", min, max);
}

struct ret_range {
	s64 min, max;
	bool is_32;
};

static bool sock_addr_range(u32 attach_type, struct ret_range *ret)
{
	switch (attach_type) {
	case BPF_CGROUP_UDP4_RECVMSG:
	case BPF_CGROUP_UDP6_RECVMSG:
	case HACHI_BPF_CGROUP_UNIX_RECVMSG:
	case BPF_CGROUP_INET4_GETPEERNAME:
	case BPF_CGROUP_INET6_GETPEERNAME:
	case HACHI_BPF_CGROUP_UNIX_GETPEERNAME:
	case BPF_CGROUP_INET4_GETSOCKNAME:
	case BPF_CGROUP_INET6_GETSOCKNAME:
	case HACHI_BPF_CGROUP_UNIX_GETSOCKNAME: *ret = (struct ret_range){1, 1, false}; return true;
	case BPF_CGROUP_INET4_BIND:
	case BPF_CGROUP_INET6_BIND: *ret = (struct ret_range){0, 3, false}; return true;
	default: return true;
	}
}

/* 1 = bounded, 0 = anything goes, -errno. */
static int tracing_range(struct verify_env *env, struct ret_range *ret)
{
	switch (env->in->attach_type) {
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT: *ret = (struct ret_range){0, 0, false}; return 1;
	case BPF_TRACE_RAW_TP:
	case BPF_MODIFY_RETURN: return 0;
	case BPF_TRACE_ITER: return 1;
	default: return verify_refuse(env, REASON_ATTACH_UNSUPPORTED, "%s", "");
	}
}

static int range_of(struct verify_env *env, struct ret_range *ret)
{
	u32 attach = env->in->attach_type;
	s32 min, max;

	*ret = (struct ret_range){0, 1, false};
	if (env->prog_type >= HACHI_BPF_PROG_TYPE_CUSTOM) {
		ret->min = env->in->custom_ret_min;
		ret->max = env->in->custom_ret_max;
		return 1;
	}
	switch (env->prog_type) {
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR: return sock_addr_range(attach, ret);
	case BPF_PROG_TYPE_CGROUP_SKB:
		if (attach == BPF_CGROUP_INET_EGRESS)
			ret->max = 3;
		return 1;
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_SOCK_OPS:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SYSCTL:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_SK_LOOKUP:
	case HACHI_BPF_PROG_TYPE_NETFILTER: return 1;
	case BPF_PROG_TYPE_RAW_TRACEPOINT: ret->max = 0; return env->in->attach_btf_id != 0;
	case BPF_PROG_TYPE_TRACING: return tracing_range(env, ret);
	case BPF_PROG_TYPE_KPROBE:
		return attach == HACHI_BPF_TRACE_KPROBE_SESSION ||
			attach == HACHI_BPF_TRACE_UPROBE_SESSION;
	case BPF_PROG_TYPE_LSM:
		if (attach == BPF_LSM_CGROUP) {
			if (env->attach_proto && !env->attach_proto->type)
				ret->min = 1;
			return 1;
		}
		if (!lsm_retval_range(env, &min, &max))
			return 0;
		*ret = (struct ret_range){min, max, true};
		return min != INT32_MIN || max != INT32_MAX;
	default: return 0;
	}
}

static bool returns_nothing(const struct verify_env *env)
{
	u32 type = env->prog_type;

	if (type != BPF_PROG_TYPE_STRUCT_OPS &&
		!(type == BPF_PROG_TYPE_LSM && env->in->attach_type != BPF_LSM_CGROUP))
		return false;
	return env->attach_proto && !env->attach_proto->type;
}

static int check_range(struct verify_env *env, u32 regno, const char *reg_name,
	const struct ret_range *range, const char *where)
{
	const struct reg *r = cur_reg(env, regno);
	char line[240], text[REG_TYPE_TEXT];
	bool within;
	int err;

	if (r->type != REG_SCALAR)
		return verify_refuse(env, REASON_RETURN_VALUE,
			"%s the register R%d is not a known value (%s)\n", where, regno,
			reg_type_text(r->type, text));
	err = precision_mark(env, regno);
	if (err)
		return err;
	within = range->is_32 ? range->min <= r->val.s32_min && r->val.s32_max <= range->max
			      : range->min <= r->val.smin && r->val.smax <= range->max;
	if (within)
		return 0;
	verify_say_bad_scalar(env, line, sizeof(line), r, range->min, range->max, where, reg_name);
	err = verify_refuse(env, REASON_RETURN_RANGE, "%s", line);
	verify_blame(env, (s32)regno, NULL);
	if (!env->cur->frames[0]->subprog && env->prog_type == BPF_PROG_TYPE_LSM &&
		env->in->attach_type == BPF_LSM_CGROUP && env->attach_proto &&
		!env->attach_proto->type)
		verify_say(env,
			"Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify "
			"return value!\n");
	return err;
}

int exit_check_value(struct verify_env *env, u32 regno, const char *reg_name)
{
	const struct frame *frame = env->cur->frames[0];
	bool is_subprog = frame->subprog != 0;
	struct ret_range range;
	char text[REG_TYPE_TEXT];
	int err;

	if ((!is_subprog || frame->in_exception_callback) && returns_nothing(env))
		return 0;
	err = live_use(env, regno, USE_READ);
	if (err)
		return err;
	if (is_pointer_value(env, regno))
		return verify_refuse(
			env, REASON_POINTER_LEAK, "R%d leaks addr as return value\n", regno);
	if (frame->in_async_callback) {
		range = (struct ret_range){0, 0, false};
		return check_range(env, regno, reg_name, &range, "At async callback return");
	}
	if (is_subprog && !frame->in_exception_callback) {
		if (cur_reg(env, regno)->type == REG_SCALAR)
			return 0;
		return verify_refuse(env, REASON_RETURN_VALUE,
			"At subprogram exit the register R%d is not a scalar value (%s)\n", regno,
			reg_type_text(cur_reg(env, regno)->type, text));
	}
	err = range_of(env, &range);
	if (err <= 0)
		return err;
	return check_range(env, regno, reg_name, &range, "At program exit");
}
