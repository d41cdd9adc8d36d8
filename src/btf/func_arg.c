// SPDX-License-Identifier: BSD-2-Clause
/*
 * The context of tracing programs: one u64 slot an argument, two for one of up to 16 bytes, and
 * behind them the return value where the attach type shows it.
 */
#include "btf/walk.h"
#include "btf/priv.h"

#define DEFAULT_ARGS 5 /* registers that pass arguments */

static const struct {
	const char *tracepoint;
	u8 index, bits;
} tp_args[] = {
#define TP_ARG(tracepoint, index, bits) {#tracepoint, index, bits},
#define NONE				0
#define NULLABLE			BTYPE_TP_ARG_NULL
#define ERROR				BTYPE_TP_ARG_ERR
#include "btf/tp_args.def"
#undef NONE
#undef NULLABLE
#undef ERROR
#undef TP_ARG
};

int btype_tp_arg(const char *tracepoint, u32 index)
{
	int bits = -ENOENT;

	for (u32 i = 0; i < ARRAY_SIZE(tp_args); i++) {
		if (strcmp(tp_args[i].tracepoint, tracepoint) != 0)
			continue;
		bits = MAX(bits, 0);
		if (tp_args[i].index == index)
			bits |= tp_args[i].bits;
	}
	return bits;
}

static u32 slot_bytes(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btype_skip_mods(btf, id, NULL);

	if (!t)
		return 0;
	return btype_is_ptr(t) ? 8 : ALIGN_UP(t->size, 8u);
}

int btype_arg_offset(const struct btf *btf, const struct btf_type *proto, u32 index)
{
	u32 offset = 0;

	for (u32 i = 0; i < index && i < btype_vlen(proto); i++) {
		u32 size;

		if (btype_size(btf, btype_params(proto)[i].type, &size))
			return -EINVAL;
		offset += ALIGN_UP(size, 8u);
	}
	return (int)offset;
}

/* Which argument's slots hold this byte; their count: the return value's; one more: none. */
static u32 slot_index(const struct btf *btf, const struct btf_type *proto, u32 offset)
{
	u32 end = 0;

	if (!proto)
		return offset / 8;
	for (u32 i = 0; i < btype_vlen(proto); i++) {
		end += slot_bytes(btf, btype_params(proto)[i].type);
		if (offset < end)
			return i;
	}
	end += slot_bytes(btf, proto->type);
	return offset < end ? btype_vlen(proto) : btype_vlen(proto) + 1;
}

static bool is_small_int(const struct btf_type *t)
{
	return btype_kind(t) == BTF_KIND_INT && t->size <= 8;
}

/* The return value: may this kind of program see it? Its type, 0 for "any scalar" or -EACCES. */
static int return_type(const struct btype_ctx *ctx, const struct btf_type *proto, u32 index,
	struct log *log, u32 *ret_type)
{
	const struct btf_type *t;

	*ret_type = proto ? proto->type : 0;
	switch (ctx->kind) {
	case BTYPE_CTX_LSM_MAC:
	case BTYPE_CTX_LSM_CGROUP:
	case BTYPE_CTX_FEXIT: return 0;
	case BTYPE_CTX_FMOD_RET:
		t = proto ? btype_skip_mods(ctx->btf, proto->type, NULL) : NULL;
		if (t && is_small_int(t))
			return 0;
		if (t)
			log_printf(log, "ret type %s not allowed for fmod_ret\n",
				btype_kind_name(btype_kind(t)));
		return -EACCES;
	case BTYPE_CTX_RAW_TP:
	case BTYPE_CTX_FENTRY:
	case BTYPE_CTX_ITER:
	case BTYPE_CTX_STRUCT_OPS: break;
	}
	log_printf(log, "func '%s' doesn't have %d-th argument\n", ctx->name, (int)index + 1);
	return -EACCES;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && strcmp(name + len - tail, suffix) == 0;
}

/* What may be NULL: told by the parameter's name, or known of the tracepoint. */
static u32 null_tags(
	const struct btype_ctx *ctx, const struct btf_param *param, u32 index, bool *ret_is_error)
{
	const char *name = param ? btype_string(ctx->btf, param->name_off) : NULL;
	u32 tags = name && has_suffix(name, "__nullable") ? BTYPE_TAG_NULLABLE : 0;
	int bits;

	*ret_is_error = false;
	if (ctx->kind != BTYPE_CTX_RAW_TP || !ctx->tracepoint)
		return tags;
	bits = btype_tp_arg(ctx->tracepoint, index);
	if (bits > 0 && bits & BTYPE_TP_ARG_NULL)
		tags |= BTYPE_TAG_NULLABLE;
	if (bits > 0 && bits & BTYPE_TP_ARG_ERR)
		*ret_is_error = true;
	if (bits < 0 && ctx->is_module)
		tags |= BTYPE_TAG_NULLABLE;
	return tags;
}

/* A pointer to something else than void or an integer. */
static int pointer_arg(const struct btype_ctx *ctx, const struct btf_type *ptr,
	const struct btf_param *param, struct log *log, struct btype_func_arg *arg)
{
	const struct btf_type *target = btype_by_id(ctx->btf, ptr->type);
	bool is_error;

	arg->tags = null_tags(ctx, param, arg->index, &is_error);
	if (target && btype_kind(target) == BTF_KIND_TYPE_TAG && !btype_kflag(target)) {
		const char *tag = btype_name_of(ctx->btf, target);

		if (strcmp(tag, "user") == 0)
			arg->tags |= BTYPE_TAG_USER;
		if (strcmp(tag, "percpu") == 0)
			arg->tags |= BTYPE_TAG_PERCPU;
	}
	target = btype_skip_mods(ctx->btf, ptr->type, &arg->type);
	if (!target || !btype_is_composite(target)) {
		log_printf(log, "func '%s' arg%d type %s is not a struct\n", ctx->name,
			(int)arg->index, btype_kind_name(target ? btype_kind(target) : 0));
		return -EACCES;
	}
	log_printf(log, "func '%s' arg%d has btf_id %d type %s '%s'\n", ctx->name, (int)arg->index,
		(int)arg->type, btype_kind_name(btype_kind(target)),
		btype_log_name(ctx->btf, target->name_off));
	arg->is_ptr = !is_error;
	if (is_error)
		log_printf(log, "marking pointer arg%d as scalar as it may encode error",
			(int)arg->index);
	return 0;
}

int btype_func_arg(const struct btype_ctx *ctx, s32 offset, u32 size, bool is_known,
	struct log *log, struct btype_func_arg *ret)
{
	const struct btf_type *proto = ctx->proto ? btype_func_proto(ctx->btf, ctx->proto) : NULL;
	u32 hidden = ctx->kind == BTYPE_CTX_RAW_TP && proto ? 1 : 0;
	u32 count = proto ? btype_vlen(proto) : DEFAULT_ARGS, type = 0;
	const struct btf_param *param = NULL;
	struct btype_func_arg arg = {0};
	const struct btf_type *t, *target;
	int err = 0;

	if (offset % 8) {
		log_printf(log, "func '%s' offset %d is not multiple of 8\n", ctx->name, offset);
		return -EACCES;
	}
	arg.index = slot_index(ctx->btf, proto, (u32)offset);
	count -= MIN(count, hidden);
	if (arg.index > count) {
		log_printf(log, "func '%s' doesn't have %d-th argument\n", ctx->name,
			(int)arg.index + 1);
		return -EACCES;
	}
	if (arg.index == count) {
		arg.is_return = ctx->kind == BTYPE_CTX_LSM_MAC;
		err = return_type(ctx, proto, arg.index, log, &type);
	} else if (proto) {
		param = &btype_params(proto)[arg.index + hidden];
		type = param->type;
	}
	if (err)
		return err;
	*ret = arg;
	if (!proto)
		return 0;
	t = btype_skip_mods(ctx->btf, type, NULL);
	if (t && (is_small_int(t) || btype_is_any_enum(t) || btype_is_composite(t)))
		return 0;
	if (!t || !btype_is_ptr(t)) {
		log_printf(log,
			"func '%s' arg%d '%s' has type %s. Only pointer access is allowed\n",
			ctx->name, (int)arg.index, t ? btype_log_name(ctx->btf, t->name_off) : "",
			btype_kind_name(t ? btype_kind(t) : 0));
		return -EACCES;
	}
	if (size != 8) {
		log_printf(log, "func '%s' size %d must be 8\n", ctx->name, (int)size);
		return -EACCES;
	}
	if (is_known) {
		ret->is_ptr = true;
		return 0;
	}
	/* Nothing can be read through a pointer to void or to an integer: a scalar. */
	target = btype_skip_mods(ctx->btf, t->type, NULL);
	if (!target || btype_is_void(target) || btype_kind(target) == BTF_KIND_INT)
		return 0;
	err = pointer_arg(ctx, t, param, log, &arg);
	if (!err)
		*ret = arg;
	return err;
}
