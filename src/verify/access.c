// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads and stores: what must hold for each kind of pointer, and what a load then gives. One table
 * row's worth of code per kind, chosen in access_check().
 */
#include "verify/check.h"

#include <errno.h>
#include <stdio.h>

/* ---- alignment ------------------------------------------------------------------------------- */

static int check_packet_alignment(
	struct verify_env *env, const struct reg *reg, s32 off, u32 size, bool strict)
{
	/* headers start two bytes off on machines where it matters */
	const s32 ip_align = 2;
	struct tnum where;
	char text[48];

	if (!strict || size == 1)
		return 0;
	where = tnum_add(reg->val.var_off, tnum_const((u64)(s64)(ip_align + reg->off + off)));
	if (tnum_is_aligned(where, size))
		return 0;
	return verify_refuse(env, REASON_MISALIGNED,
		"misaligned packet access off %d+%s+%d+%d size %d\n", ip_align,
		tnum_text(reg->val.var_off, text), reg->off, off, size);
}

int access_alignment(
	struct verify_env *env, const struct reg *reg, s32 off, u32 size, bool strict_once)
{
	bool strict = env->strict_alignment || strict_once || reg->type == REG_STACK;
	const char *name = "";
	struct tnum where;
	char text[48];

	if (!strict || size == 1)
		return 0;
	switch (reg->type) {
	case REG_PACKET:
	case REG_PACKET_META: return check_packet_alignment(env, reg, off, size, strict);
	case REG_FLOW_KEYS: name = "flow keys "; break;
	case REG_MAP_KEY: name = "key "; break;
	case REG_MAP_VALUE: name = "value "; break;
	case REG_CTX: name = "context "; break;
	case REG_STACK: name = "stack "; break;
	case REG_SOCKET: name = "sock "; break;
	case REG_SOCK_COMMON: name = "sock_common "; break;
	case REG_TCP_SOCK: name = "tcp_sock "; break;
	case REG_XDP_SOCK: name = "xdp_sock "; break;
	case REG_ARENA: return 0;
	default: break;
	}
	where = tnum_add(reg->val.var_off, tnum_const((u64)(s64)(reg->off + off)));
	if (tnum_is_aligned(where, size))
		return 0;
	return verify_refuse(env, REASON_MISALIGNED, "misaligned %saccess off %s+%d+%d size %d\n",
		name, tnum_text(reg->val.var_off, text), reg->off, off, size);
}

/* ---- regions of known size ------------------------------------------------------------------- */

static int check_range(
	struct verify_env *env, u32 regno, s64 off, s32 size, u32 mem_size, bool zero_ok)
{
	const struct reg *reg = cur_reg(env, regno);
	s32 shown = (s32)off;

	if ((s32)off >= 0 && (size > 0 || (size == 0 && zero_ok)) &&
		(u64)(s32)off + (u64)size <= mem_size)
		return 0;
	switch (reg->type) {
	case REG_MAP_KEY:
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"invalid access to map key, key_size=%d off=%d size=%d\n", mem_size, shown,
			size);
	case REG_MAP_VALUE:
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"invalid access to map value, value_size=%d off=%d size=%d\n", mem_size,
			shown, size);
	case REG_PACKET:
	case REG_PACKET_META:
	case REG_PACKET_END:
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"invalid access to packet, off=%d size=%d, R%d(id=%d,off=%d,r=%d)\n", shown,
			size, regno, reg->id, shown, mem_size);
	default:
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"invalid access to memory, mem_size=%u off=%d size=%d\n", mem_size, shown,
			size);
	}
}

static int refuse_negative(struct verify_env *env, u32 regno)
{
	int err = verify_refuse(env, REASON_OUT_OF_BOUNDS,
		"R%d min value is negative, either use unsigned index or do a if (index >=0) "
		"check.\n",
		regno);

	verify_blame(env, (s32)regno, "compare the index with 0, or make it unsigned");
	return err;
}

int access_region(struct verify_env *env, u32 regno, s32 off, s32 size, u32 mem_size, bool zero_ok)
{
	const struct scalar *v = &cur_reg(env, regno)->val;
	int err;

	if (v->smin < 0 &&
		(v->smin == INT64_MIN || off + v->smin != (s32)(off + v->smin) ||
			v->smin + off < 0))
		return refuse_negative(env, regno);
	if (check_range(env, regno, v->smin + off, size, mem_size, zero_ok)) {
		err = verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d min value is outside of the allowed memory range\n", regno);
		verify_blame(env, (s32)regno, NULL);
		return err;
	}
	if (v->umax >= VAR_OFF_MAX) {
		err = verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d unbounded memory access, make sure to bounds check any such access\n",
			regno);
		verify_blame(env, (s32)regno, "compare the index with the size before the access");
		return err;
	}
	if (check_range(env, regno, (s64)v->umax + off, size, mem_size, zero_ok)) {
		err = verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d max value is outside of the allowed memory range\n", regno);
		verify_blame(env, (s32)regno, "compare the index with a smaller bound");
		return err;
	}
	return 0;
}

int access_ptr_off(struct verify_env *env, const struct reg *reg, u32 regno, bool fixed_off_ok)
{
	char type[REG_TYPE_TEXT], text[48];

	if (reg->off < 0)
		return verify_refuse(env, REASON_POINTER_MODIFIED,
			"negative offset %s ptr R%d off=%d disallowed\n",
			reg_type_text(reg->type, type), regno, reg->off);
	if (!fixed_off_ok && reg->off)
		return verify_refuse(env, REASON_POINTER_MODIFIED,
			"dereference of modified %s ptr R%d off=%d disallowed\n",
			reg_type_text(reg->type, type), regno, reg->off);
	if (!reg_var_is_const(reg) || reg->val.var_off.value)
		return verify_refuse(env, REASON_POINTER_MODIFIED,
			"variable %s access var_off=%s disallowed\n",
			reg_type_text(reg->type, type), tnum_text(reg->val.var_off, text));
	return 0;
}

/* ---- maps ------------------------------------------------------------------------------------ */

int access_map_type(struct verify_env *env, u32 regno, s32 off, s32 size, bool is_write)
{
	const struct verify_map *map = cur_reg(env, regno)->map;

	if (is_write && map->is_rdonly_prog)
		return verify_refuse(env, REASON_READ_ONLY,
			"write into map forbidden, value_size=%d off=%d size=%d\n", map->value_size,
			off, size);
	if (!is_write && map->is_wronly_prog)
		return verify_refuse(env, REASON_WRITE_ONLY,
			"read from map forbidden, value_size=%d off=%d size=%d\n", map->value_size,
			off, size);
	return 0;
}

static const char *field_name(u32 kind)
{
	switch (kind) {
	case BTYPE_SPIN_LOCK: return "bpf_spin_lock";
	case BTYPE_RES_SPIN_LOCK: return "bpf_res_spin_lock";
	case BTYPE_TIMER: return "bpf_timer";
	case BTYPE_WORKQUEUE: return "bpf_wq";
	case BTYPE_KPTR_UNREF:
	case BTYPE_KPTR_REF: return "kptr";
	case BTYPE_KPTR_PERCPU: return "percpu_kptr";
	case BTYPE_UPTR: return "uptr";
	case BTYPE_LIST_HEAD: return "bpf_list_head";
	case BTYPE_LIST_NODE: return "bpf_list_node";
	case BTYPE_RB_ROOT: return "bpf_rb_root";
	case BTYPE_RB_NODE: return "bpf_rb_node";
	case BTYPE_REFCOUNT: return "bpf_refcount";
	case BTYPE_TASK_WORK: return "bpf_task_work";
	default: return "unknown";
	}
}

static int check_field(struct verify_env *env, const struct btype_field *field,
	const struct reg *reg, s32 off, s32 size, bool is_helper)
{
	if (!(field->kind & BTYPE_KPTR))
		return verify_refuse(env, REASON_SPECIAL_FIELD,
			"%s cannot be accessed directly by load/store\n", field_name(field->kind));
	if (is_helper)
		return verify_refuse(env, REASON_SPECIAL_FIELD,
			"kptr cannot be accessed indirectly by helper\n");
	if (!reg_var_is_const(reg))
		return verify_refuse(
			env, REASON_SPECIAL_FIELD, "kptr access cannot have variable offset\n");
	if (field->offset != (u64)(s64)off + reg->val.var_off.value)
		return verify_refuse(env, REASON_SPECIAL_FIELD,
			"kptr access misaligned expected=%u off=%llu\n", field->offset,
			(unsigned long long)((u64)(s64)off + reg->val.var_off.value));
	if (size != 8)
		return verify_refuse(
			env, REASON_SPECIAL_FIELD, "kptr access size must be BPF_DW\n");
	return 0;
}

int access_map(struct verify_env *env, u32 regno, s32 off, s32 size, bool zero_ok, bool is_helper)
{
	const struct reg *reg = cur_reg(env, regno);
	const struct btype_fields *fields = reg->map->fields;
	int err = access_region(env, regno, off, size, reg->map->value_size, zero_ok);

	/* special fields have owners: nobody writes over a lock */
	for (u32 i = 0; !err && fields && i < fields->count; i++) {
		const struct btype_field *f = &fields->field[i];

		if (reg->val.smin + off < (s64)f->offset + f->size &&
			f->offset < reg->val.umax + (u64)(s64)(off + size))
			err = check_field(env, f, reg, off, size, is_helper);
	}
	return err;
}

/* The value itself, where the map can never change. */
static int load_constant(
	struct verify_env *env, struct reg *dst, const struct reg *ptr, s32 off, u32 size, bool sx)
{
	const struct verify_map *map = ptr->map;
	u64 value;

	if (!reg_var_is_const(ptr) || !map->is_rdonly_prog || !map->is_frozen ||
		!map->has_direct_value || !env->world->ops->map_read)
		return 0;
	if (env->world->ops->map_read(
		    env->world, map, (u32)(off + (s32)ptr->val.var_off.value), size, &value))
		return 0;
	if (sx && size < 8)
		value = (u64)((s64)(value << (64 - size * 8)) >> (64 - size * 8));
	reg_set_const(dst, value);
	dst->type = REG_SCALAR;
	return 1;
}

static int check_map_value(struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write,
	s32 value_regno, bool is_signed)
{
	struct reg *reg = cur_reg(env, regno);
	const struct btype_field *kptr = NULL;
	int err;

	if (is_write && value_regno >= 0 && is_pointer_value(env, (u32)value_regno))
		return verify_refuse(
			env, REASON_POINTER_LEAK, "R%d leaks addr into map\n", value_regno);
	err = access_map_type(env, regno, off, (s32)size, is_write);
	if (!err)
		err = access_map(env, regno, off, (s32)size, false, false);
	if (err)
		return err;
	if (reg->map->fields && reg_var_is_const(reg))
		kptr = btype_fields_at(
			reg->map->fields, (u32)(off + (s32)reg->val.var_off.value), BTYPE_KPTR);
	if (kptr)
		return kptr_access(env, regno, value_regno, kptr);
	if (is_write || value_regno < 0)
		return 0;
	if (!load_constant(env, cur_reg(env, (u32)value_regno), reg, off, size, is_signed))
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return 0;
}

/* ---- packets --------------------------------------------------------------------------------- */

bool access_may_packet(struct verify_env *env, const struct call_meta *meta, bool is_write)
{
	switch (env->prog_type) {
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_CGROUP_SKB:
		if (is_write)
			return false;
		FALLTHROUGH;
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_SK_SKB:
	case BPF_PROG_TYPE_SK_MSG: return meta ? meta->pkt_access : true;
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return true;
	default: return false;
	}
}

int access_packet(struct verify_env *env, u32 regno, s32 off, s32 size, bool zero_ok)
{
	const struct reg *reg = cur_reg(env, regno);
	u32 end;

	if (reg->val.smin < 0)
		return refuse_negative(env, regno);
	if (reg->range < 0)
		return verify_refuse(
			env, REASON_PACKET_END, "R%d offset is outside of the packet\n", regno);
	if (check_range(env, regno, off, size, (u32)reg->range, zero_ok)) {
		int err = verify_refuse(
			env, REASON_OUT_OF_BOUNDS, "R%d offset is outside of the packet\n", regno);

		verify_blame(env, (s32)regno, "compare the pointer with data_end first");
		return err;
	}
	end = (u32)off + (u32)reg->val.umax + (u32)size - 1;
	env->out->max_pkt_offset = MAX(env->out->max_pkt_offset, end);
	return 0;
}

static int check_packet(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	int err;

	if (is_write && !access_may_packet(env, NULL, true))
		return verify_refuse(env, REASON_READ_ONLY, "cannot write into packet\n");
	if (is_write && value_regno >= 0 && is_pointer_value(env, (u32)value_regno))
		return verify_refuse(
			env, REASON_POINTER_LEAK, "R%d leaks addr into packet\n", value_regno);
	err = access_packet(env, regno, off, (s32)size, false);
	if (!err && !is_write && value_regno >= 0)
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return err;
}

/* ---- context --------------------------------------------------------------------------------- */

static u32 ctx_reg_type(enum ctx_kind kind)
{
	switch (kind) {
	case CTX_SCALAR: return REG_SCALAR;
	case CTX_PACKET: return REG_PACKET;
	case CTX_PACKET_META: return REG_PACKET_META;
	case CTX_PACKET_END: return REG_PACKET_END;
	case CTX_FLOW_KEYS: return REG_FLOW_KEYS;
	case CTX_SOCKET_OR_NULL: return REG_SOCKET | REG_MAYBE_NULL;
	case CTX_SOCK_COMMON_OR_NULL: return REG_SOCK_COMMON | REG_MAYBE_NULL;
	case CTX_SOCKET: return REG_SOCKET;
	case CTX_TP_BUFFER: return REG_TP_BUFFER;
	case CTX_BTF_ID_TRUSTED: return REG_BTF | REG_TRUSTED;
	case CTX_MEM_START: return REG_PACKET;
	case CTX_MEM_END: return REG_PACKET_END;
	}
	return REG_NOT_INIT;
}

struct ctx_load {
	u32 type;
	const struct btf *btf;
	u32 btf_id;
	bool is_retval;
};

/* Programs whose context is an array of a function's typed arguments. */
static bool ctx_is_btf(const struct verify_env *env)
{
	switch (env->in->prog_type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_STRUCT_OPS: return true;
	default: return false;
	}
}

static int ask_ctx(struct verify_env *env, s32 off, u32 size, bool is_write, bool is_signed,
	struct ctx_load *ret)
{
	struct ctx_query query = {
		.prog_type = env->prog_type,
		.attach_type = env->in->attach_type,
		.off = off,
		.size = size,
		.is_write = is_write,
		.is_sign_extending = is_signed,
		.caps = env->world->caps,
		.kernel = env->kernel,
		.custom = env->in->custom_ctx,
	};
	struct ctx_answer answer = {0};

	if (ctx_is_btf(env) && !env->in->custom_ctx)
		return access_btf_ctx(env, off, size, is_write, &ret->type, &ret->btf, &ret->btf_id,
			&ret->is_retval);
	if (!ctx_access_allowed(&query, &answer))
		return -EACCES;
	ret->type = ctx_reg_type(answer.kind);
	if (answer.kind == CTX_BTF_ID_TRUSTED) {
		const struct btf *kernel = kernel_btf(env);
		int id = kernel ? btype_find(kernel, answer.field->btf, BTF_KIND_STRUCT) : -ENOENT;

		if (id <= 0)
			return -EACCES;
		ret->btf = kernel;
		ret->btf_id = (u32)id;
	}
	cur_aux(env)->ctx_field_size = answer.ctx_field_size;
	cur_aux(env)->ctx_field = answer.field;
	return 0;
}

static void set_ctx_value(struct verify_env *env, struct reg *dst, const struct ctx_load *load)
{
	if (load->type == REG_SCALAR) {
		mark_unknown(env, dst);
		return;
	}
	mark_pointer(dst, load->type);
	if (load->type & REG_MAYBE_NULL)
		dst->id = ++env->id_gen;
	dst->subreg_def = 0;
	if (reg_kind(load->type) == REG_BTF) {
		dst->btf = load->btf;
		dst->btf_id = load->btf_id;
	}
}

static int check_ctx(struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write,
	s32 value_regno, bool is_signed)
{
	struct ctx_load load = {.type = REG_SCALAR};
	int err;

	if (is_write && value_regno >= 0 && is_pointer_value(env, (u32)value_regno))
		return verify_refuse(
			env, REASON_POINTER_LEAK, "R%d leaks addr into ctx\n", value_regno);
	err = access_ptr_off(env, cur_reg(env, regno), regno, false);
	if (err)
		return err;
	err = ask_ctx(env, off, size, is_write, is_signed, &load);
	if (err == -EACCES) {
		err = verify_refuse(env, REASON_CONTEXT,
			"invalid bpf_context access off=%d size=%d\n", off, size);
		verify_blame(env, (s32)regno, NULL);
		print_line(env, (u32)env->insn, "; ");
	}
	if (err)
		return err;
	env->out->max_ctx_offset = MAX(env->out->max_ctx_offset, (u32)off + size);
	if (is_write || value_regno < 0)
		return 0;
	set_ctx_value(env, cur_reg(env, (u32)value_regno), &load);
	if (load.is_retval)
		return lsm_bound_retval(env, cur_reg(env, (u32)value_regno));
	return 0;
}

/* ---- other memory ---------------------------------------------------------------------------- */

static int refuse_write(struct verify_env *env, u32 regno)
{
	char text[REG_TYPE_TEXT];

	return verify_refuse(env, REASON_READ_ONLY, "R%d cannot write into %s\n", regno,
		reg_type_text(cur_reg(env, regno)->type, text));
}

static int refuse_kind(struct verify_env *env, u32 regno)
{
	const struct reg *reg = cur_reg(env, regno);
	char text[REG_TYPE_TEXT];
	int err = verify_refuse(env, reg_maybe_null(reg) ? REASON_NULL_CHECK : REASON_NOT_A_POINTER,
		"R%d invalid mem access '%s'\n", regno, reg_type_text(reg->type, text));

	verify_blame(env, (s32)regno,
		reg_maybe_null(reg) ? "compare the pointer with 0 before using it" : NULL);
	return err;
}

static int check_mem(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	const struct reg *reg = cur_reg(env, regno);
	bool is_rdonly = reg->type & REG_RDONLY;
	int err;

	if (reg_maybe_null(reg))
		return refuse_kind(env, regno);
	if (is_write && is_rdonly)
		return refuse_write(env, regno);
	if (is_write && value_regno >= 0 && is_pointer_value(env, (u32)value_regno))
		return verify_refuse(
			env, REASON_POINTER_LEAK, "R%d leaks addr into mem\n", value_regno);
	err = access_region(env, regno, off, (s32)size, reg->mem_size, false);
	if (!err && value_regno >= 0 && !is_write)
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return err;
}

static int check_flow_keys(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	(void)regno;
	if (is_write && value_regno >= 0 && is_pointer_value(env, (u32)value_regno))
		return verify_refuse(
			env, REASON_POINTER_LEAK, "R%d leaks addr into flow keys\n", value_regno);
	if (off < 0 || (u64)off + size > sizeof(struct bpf_flow_keys))
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"invalid access to flow keys off=%d size=%d\n", off, size);
	if (!is_write && value_regno >= 0)
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return 0;
}

static enum ctx_sock sock_layout(u32 type)
{
	switch (type) {
	case REG_SOCKET: return CTX_SOCK_FULL;
	case REG_TCP_SOCK: return CTX_SOCK_TCP;
	case REG_XDP_SOCK: return CTX_SOCK_XDP;
	default: return CTX_SOCK_COMMON;
	}
}

static int check_sock(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	const struct reg *reg = cur_reg(env, regno);
	struct ctx_answer answer = {0};
	char text[REG_TYPE_TEXT];

	if (is_write)
		return refuse_write(env, regno);
	if (reg->val.smin < 0)
		return refuse_negative(env, regno);
	if (!ctx_sock_access_allowed(sock_layout(reg->type), off, size, env->kernel, &answer))
		return verify_refuse(env, REASON_CONTEXT, "R%d invalid %s access off=%d size=%d\n",
			regno, reg_type_text(reg->type, text), off, size);
	cur_aux(env)->ctx_field = answer.field;
	if (value_regno >= 0)
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return 0;
}

static int check_buffer_offset(struct verify_env *env, const struct reg *reg, u32 regno, s32 off,
	s32 size, const char *name)
{
	char text[48];

	if (off < 0)
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d invalid %s buffer access: off=%d, size=%d\n", regno, name, off, size);
	if (!reg_var_is_const(reg) || reg->val.var_off.value)
		return verify_refuse(env, REASON_OUT_OF_BOUNDS,
			"R%d invalid variable buffer offset: off=%d, var_off=%s\n", regno, off,
			tnum_text(reg->val.var_off, text));
	return 0;
}

int access_buffer(struct verify_env *env, const struct reg *reg, u32 regno, s32 off, s32 size)
{
	return check_buffer_offset(
		env, reg, regno, off, size, reg->type & REG_RDONLY ? "rdonly" : "rdwr");
}

static int check_tp_buffer(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	int err =
		check_buffer_offset(env, cur_reg(env, regno), regno, off, (s32)size, "tracepoint");

	if (err)
		return err;
	env->out->max_tp_access = MAX(env->out->max_tp_access, (u32)off + size);
	if (!is_write && value_regno >= 0)
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return 0;
}

static int check_buf(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	const struct reg *reg = cur_reg(env, regno);
	int err;

	if (is_write && reg->type & REG_RDONLY)
		return refuse_write(env, regno);
	err = access_buffer(env, reg, regno, off, (s32)size);
	if (!err && value_regno >= 0 && !is_write)
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return err;
}

static int check_map_key(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	int err;

	if (is_write)
		return verify_refuse(
			env, REASON_READ_ONLY, "write to change key R%d not allowed\n", regno);
	err = access_region(env, regno, off, (s32)size, cur_reg(env, regno)->map->key_size, false);
	if (!err && value_regno >= 0)
		mark_unknown(env, cur_reg(env, (u32)value_regno));
	return err;
}

static int check_stack(
	struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write, s32 value_regno)
{
	int err = stack_check_bounds(env, regno, off, (s32)size, false, is_write);

	if (err)
		return err;
	return is_write ? stack_write(env, regno, off, size, value_regno)
			: stack_read(env, regno, off, size, value_regno);
}

static int check_kind(struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write,
	s32 value_regno, bool is_signed)
{
	const struct reg *reg = cur_reg(env, regno);

	switch (reg_kind(reg->type)) {
	case REG_MEM: return check_mem(env, regno, off, size, is_write, value_regno);
	case REG_BTF:
		if (!reg_maybe_null(reg))
			return access_btf(env, regno, off, size, is_write, value_regno);
		break;
	case REG_BUF:
		if (!reg_maybe_null(reg))
			return check_buf(env, regno, off, size, is_write, value_regno);
		break;
	default: break;
	}
	/* of the others, only those without flags */
	switch (reg->type) {
	case REG_MAP_KEY: return check_map_key(env, regno, off, size, is_write, value_regno);
	case REG_MAP_VALUE:
		return check_map_value(env, regno, off, size, is_write, value_regno, is_signed);
	case REG_CTX: return check_ctx(env, regno, off, size, is_write, value_regno, is_signed);
	case REG_STACK: return check_stack(env, regno, off, size, is_write, value_regno);
	case REG_PACKET:
	case REG_PACKET_META: return check_packet(env, regno, off, size, is_write, value_regno);
	case REG_FLOW_KEYS: return check_flow_keys(env, regno, off, size, is_write, value_regno);
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK: return check_sock(env, regno, off, size, is_write, value_regno);
	case REG_TP_BUFFER: return check_tp_buffer(env, regno, off, size, is_write, value_regno);
	case REG_MAP_PTR: return access_map_object(env, regno, off, size, is_write, value_regno);
	default: return refuse_kind(env, regno);
	}
}

/* The register is regno + off; a load's value goes to value_regno, a store's comes from there. */
int access_check(struct verify_env *env, u32 regno, s32 off, u32 size, bool is_write,
	s32 value_regno, bool strict_once, bool is_signed)
{
	struct reg *reg = cur_reg(env, regno), *value;
	int err = access_alignment(env, reg, off, size, strict_once);

	if (!err)
		err = check_kind(
			env, regno, off + reg->off, size, is_write, value_regno, is_signed);
	if (err || is_write || value_regno < 0 || size == 8)
		return err;
	value = cur_reg(env, (u32)value_regno);
	if (value->type != REG_SCALAR)
		return 0;
	if (is_signed)
		scalar_sext(&value->val, size, true);
	else
		scalar_truncate(&value->val, size);
	return 0;
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* Kinds whose accesses the rewrite changes, so that one instruction can serve only one of them. */
static bool is_rewritten(u32 type)
{
	switch (reg_kind(type)) {
	case REG_CTX:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_BTF:
	case REG_ARENA: return true;
	default: return false;
	}
}

static int note_type(struct verify_env *env, u32 type, bool allow_trust_mismatch)
{
	u32 *before = &cur_aux(env)->ptr_type;

	if (*before == REG_NOT_INIT) {
		*before = type;
		return 0;
	}
	if (type == *before || (!is_rewritten(type) && !is_rewritten(*before)))
		return 0;
	if (allow_trust_mismatch && reg_kind(type) == REG_BTF && reg_kind(*before) == REG_BTF) {
		*before = REG_BTF | REG_UNTRUSTED;
		return 0;
	}
	return verify_refuse(
		env, REASON_MIXED_POINTERS, "same insn cannot be used with different pointers\n");
}

int access_load(struct verify_env *env, const struct insn *insn)
{
	bool is_signed = BPF_MODE(insn->op) == INSN_MEMSX;
	u32 type;
	int err = live_use(env, insn->src, USE_READ);

	if (!err)
		err = live_use(env, insn->dst, USE_WRITE_KEEP);
	if (err)
		return err;
	type = cur_reg(env, insn->src)->type;
	err = access_check(env, insn->src, insn->off, insn_size_bytes(insn->op), false, insn->dst,
		false, is_signed);
	if (!err)
		err = note_type(env, type, true);
	return err ? err : reg_check_sane(env, cur_reg(env, insn->dst), "ldx");
}

int access_store(struct verify_env *env, const struct insn *insn)
{
	u32 type;
	int err = live_use(env, insn->src, USE_READ);

	if (!err)
		err = live_use(env, insn->dst, USE_READ);
	if (err)
		return err;
	type = cur_reg(env, insn->dst)->type;
	err = access_check(env, insn->dst, insn->off, insn_size_bytes(insn->op), true, insn->src,
		false, false);
	return err ? err : note_type(env, type, false);
}

int access_store_imm(struct verify_env *env, const struct insn *insn)
{
	u32 type;
	int err = live_use(env, insn->dst, USE_READ);

	if (err)
		return err;
	type = cur_reg(env, insn->dst)->type;
	err = access_check(
		env, insn->dst, insn->off, insn_size_bytes(insn->op), true, -1, false, false);
	return err ? err : note_type(env, type, false);
}

static bool atomic_is_ok(const struct reg *reg)
{
	return reg->type != REG_CTX && !reg_is_packet_any(reg) && reg->type != REG_FLOW_KEYS &&
		!reg_is_sock(reg) && reg->type != REG_ARENA;
}

static int check_atomic_base(struct verify_env *env, const struct insn *insn, u32 regno)
{
	char text[REG_TYPE_TEXT];

	if (atomic_is_ok(cur_reg(env, regno)))
		return 0;
	return verify_refuse(env, REASON_ATOMIC,
		insn->imm == INSN_LOAD_ACQ ? "BPF_ATOMIC loads from R%d %s is not allowed\n"
					   : "BPF_ATOMIC stores into R%d %s is not allowed\n",
		regno, reg_type_text(cur_reg(env, regno)->type, text));
}

static int check_load_acquire(struct verify_env *env, const struct insn *insn)
{
	int err = live_use(env, insn->src, USE_READ);

	if (!err)
		err = check_atomic_base(env, insn, insn->src);
	return err ? err : access_load(env, insn);
}

static int check_store_release(struct verify_env *env, const struct insn *insn)
{
	int err = live_use(env, insn->dst, USE_READ);

	if (!err)
		err = check_atomic_base(env, insn, insn->dst);
	return err ? err : access_store(env, insn);
}

static int check_rmw_operands(struct verify_env *env, const struct insn *insn)
{
	int err = live_use(env, insn->src, USE_READ);

	if (!err)
		err = live_use(env, insn->dst, USE_READ);
	if (!err && insn->imm == BPF_CMPXCHG) {
		err = live_use(env, BPF_REG_0, USE_READ);
		if (!err && is_pointer_value(env, BPF_REG_0))
			return verify_refuse(
				env, REASON_POINTER_LEAK, "R%d leaks addr into mem\n", BPF_REG_0);
	}
	if (err)
		return err;
	if (is_pointer_value(env, insn->src))
		return verify_refuse(
			env, REASON_POINTER_LEAK, "R%d leaks addr into mem\n", insn->src);
	return check_atomic_base(env, insn, insn->dst);
}

int access_atomic(struct verify_env *env, const struct insn *insn)
{
	u32 size = insn_size_bytes(insn->op);
	s32 loaded = -1;
	int err;

	if (insn->imm == INSN_LOAD_ACQ)
		return check_load_acquire(env, insn);
	if (insn->imm == INSN_STORE_REL)
		return check_store_release(env, insn);
	err = check_rmw_operands(env, insn);
	if (err)
		return err;
	if (insn->imm & BPF_FETCH) {
		loaded = insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src;
		err = live_use(env, (u32)loaded, USE_WRITE);
		if (err)
			return err;
	}
	/* once for the check alone: the loaded register may be the address */
	err = access_check(env, insn->dst, insn->off, size, false, -1, true, false);
	if (!err && loaded >= 0)
		err = access_check(env, insn->dst, insn->off, size, false, loaded, true, false);
	if (!err)
		err = note_type(env, cur_reg(env, insn->dst)->type, false);
	if (!err)
		err = access_check(env, insn->dst, insn->off, size, true, -1, true, false);
	return err;
}

/* Legacy packet loads: R6 is the skb, R0 gets the value; a failing load ends the function. */
int access_ld_abs(struct verify_env *env, const struct insn *insn)
{
	const struct progtype_spec *spec = progtype_spec_by_type(env->prog_type);
	struct state *other;
	int err;

	if (!spec || !(spec->flags & PROGTYPE_LD_ABS))
		return verify_refuse(env, REASON_LD_ABS_PLACE,
			"BPF_LD_[ABS|IND] instructions not allowed for this program type\n");
	for (u32 i = env->cur->curframe; i; i--)
		if (env->cur->frames[i]->in_callback)
			return verify_refuse(env, REASON_LD_ABS_PLACE,
				"cannot use BPF_LD_[ABS|IND] within callback\n");
	err = live_use(env, BPF_REG_6, USE_READ);
	if (err)
		return err;
	if (ref_check_leak(env, false, NULL))
		return verify_refuse(env, REASON_LD_ABS_PLACE,
			env->kernel >= KERNEL(6, 13)
				? "BPF_LD_[ABS|IND] would lead to reference leak\n"
				: "BPF_LD_[ABS|IND] cannot be mixed with socket references\n");
	err = lock_check_insn(env, "BPF_LD_[ABS|IND]");
	if (err)
		return err;
	if (cur_reg(env, BPF_REG_6)->type != REG_CTX)
		return verify_refuse(env, REASON_LD_ABS_PLACE,
			"at the time of BPF_LD_ABS|IND R6 != pointer to skb\n");
	if (BPF_MODE(insn->op) == BPF_IND)
		err = live_use(env, insn->src, USE_READ);
	if (!err)
		err = access_ptr_off(env, cur_reg(env, BPF_REG_6), BPF_REG_6, false);
	if (err)
		return err;
	live_clobber_caller_saved(env, cur_frame(env)->regs);
	mark_unknown(env, cur_reg(env, BPF_REG_0));
	cur_reg(env, BPF_REG_0)->subreg_def = env->insn + 1;
	if (!env->cur->curframe)
		return 0;
	/* in a function a failing load returns 0 to the caller */
	scratch_reg(env, BPF_REG_0);
	other = explore_push(env, env->insn + 1, env->insn, false, &err);
	if (!other)
		return err;
	mark_pointer(cur_reg(env, BPF_REG_0), REG_SCALAR);
	err = function_exit(env);
	env->insn--;
	return err;
}
