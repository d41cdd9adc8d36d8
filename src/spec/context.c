// SPDX-License-Identifier: BSD-2-Clause
/*
 * Access to context structs: the lookup over context.def and context_skb.def.
 *
 * A field allows sets of access sizes; the first field that covers the access and allows its size
 * answers. Every access must be aligned to its size. Accesses to struct __sk_buff and struct xdp_md
 * land elsewhere in the contexts that programs run on; real_off says where.
 */
#include "spec/context.h"
#include "spec/helper.h"

#include <hachi/context.h>
#include <asm/ptrace.h>
#include <linux/bpf_perf_event.h>

/* The kernel's struct pt_regs: on arm64 it is longer than what user space sees. */
#if defined(__aarch64__)
#define CTX_PT_REGS_SIZE 336
#else
#define CTX_PT_REGS_SIZE sizeof(struct pt_regs)
#endif

#define ON(attach_type_)		  (1ull << (attach_type_))
#define SIZE_OF(tag_, f_)		  sizeof(((struct tag_ *)0)->f_)
#define REAL_ELEM(tag_, real_, f_, elem_) (SIZE_OF(real_, f_) / (SIZE_OF(tag_, f_) / (elem_)))

/* ---- struct __sk_buff: one array of fields for each column */
#define SKB_X(r_, w_)	.reads = 0
#define SKB_R(r_, w_)	.reads = r_
#define SKB_RW(r_, w_)	.reads = r_, .writes = w_
#define SKB_RC(r_, w_)	.reads = r_, .read_caps = CAP_NEEDED_BPF
#define SKB_RWC(r_, w_) .reads = r_, .writes = w_, .write_caps = CAP_NEEDED_BPF
#define SKB_FIELD(f_, kind_, elem_, flags_, since_, ...)                                           \
	{.name = #f_,                                                                              \
		.off = offsetof(struct __sk_buff, f_),                                             \
		.size = SIZE_OF(__sk_buff, f_),                                                    \
		.elem = elem_,                                                                     \
		.kind = kind_,                                                                     \
		.flags = flags_,                                                                   \
		.since = since_,                                                                   \
		.real_off = offsetof(struct hachi_skb, f_),                                        \
		.real_size = REAL_ELEM(__sk_buff, hachi_skb, f_, elem_),                           \
		__VA_ARGS__},

static const struct ctx_field fields_skb_socket[] = {
#define SKB(f_, kind_, elem_, r_, w_, flags_, since_, socket_, cls_, cgroup_, lwt_, sk_, flow_)    \
	SKB_FIELD(f_, kind_, elem_, flags_, since_, SKB_##socket_(r_, w_))
#include "spec/context_skb.def"
};

static const struct ctx_field fields_skb_cls[] = {
#define SKB(f_, kind_, elem_, r_, w_, flags_, since_, socket_, cls_, cgroup_, lwt_, sk_, flow_)    \
	SKB_FIELD(f_, kind_, elem_, flags_, since_, SKB_##cls_(r_, w_))
#include "spec/context_skb.def"
};

static const struct ctx_field fields_skb_cgroup[] = {
#define SKB(f_, kind_, elem_, r_, w_, flags_, since_, socket_, cls_, cgroup_, lwt_, sk_, flow_)    \
	SKB_FIELD(f_, kind_, elem_, flags_, since_, SKB_##cgroup_(r_, w_))
#include "spec/context_skb.def"
};

static const struct ctx_field fields_skb_lwt[] = {
#define SKB(f_, kind_, elem_, r_, w_, flags_, since_, socket_, cls_, cgroup_, lwt_, sk_, flow_)    \
	SKB_FIELD(f_, kind_, elem_, flags_, since_, SKB_##lwt_(r_, w_))
#include "spec/context_skb.def"
};

static const struct ctx_field fields_skb_sk[] = {
#define SKB(f_, kind_, elem_, r_, w_, flags_, since_, socket_, cls_, cgroup_, lwt_, sk_, flow_)    \
	SKB_FIELD(f_, kind_, elem_, flags_, since_, SKB_##sk_(r_, w_))
#include "spec/context_skb.def"
};

static const struct ctx_field fields_skb_flow[] = {
#define SKB(f_, kind_, elem_, r_, w_, flags_, since_, socket_, cls_, cgroup_, lwt_, sk_, flow_)    \
	SKB_FIELD(f_, kind_, elem_, flags_, since_, SKB_##flow_(r_, w_))
#include "spec/context_skb.def"
};

/* ---- the other structs */
#define LAYOUT_BEGIN(tag_, ...) static const struct ctx_field fields_##tag_[] = {
#define LAYOUT_END                                                                                 \
	}                                                                                          \
	;
#define FIELD(tag_, f_, kind_, elem_, r_, w_, ...)                                                 \
	AT(offsetof(struct tag_, f_), SIZE_OF(tag_, f_), f_, kind_, elem_, r_, w_, __VA_ARGS__)
#define AT(off_, size_, f_, kind_, elem_, r_, w_, ...)                                             \
	{.name = #f_,                                                                              \
		.off = off_,                                                                       \
		.size = size_,                                                                     \
		.elem = elem_,                                                                     \
		.kind = kind_,                                                                     \
		.reads = r_,                                                                       \
		.writes = w_,                                                                      \
		.real_off = off_,                                                                  \
		.real_size = elem_,                                                                \
		__VA_ARGS__},
#define MOVED(tag_, real_, f_, kind_, elem_, r_, w_, ...)                                          \
	{.name = #f_,                                                                              \
		.off = offsetof(struct tag_, f_),                                                  \
		.size = SIZE_OF(tag_, f_),                                                         \
		.elem = elem_,                                                                     \
		.kind = kind_,                                                                     \
		.reads = r_,                                                                       \
		.writes = w_,                                                                      \
		.real_off = offsetof(struct real_, f_),                                            \
		.real_size = REAL_ELEM(tag_, real_, f_, elem_),                                    \
		__VA_ARGS__},
#define RAW(tag_, begin_, end_, writes_)
#define CTX_PROG(type_, layout_)
#include "spec/context.def"

#define LAYOUT_BEGIN(tag_, size_, ...)                                                             \
	static const struct ctx_layout layout_##tag_ = {.name = #tag_,                             \
		.size = size_,                                                                     \
		.fields = fields_##tag_,                                                           \
		.field_count = ARRAY_SIZE(fields_##tag_),                                          \
		__VA_ARGS__};
#define LAYOUT_END
#define FIELD(tag_, f_, ...)
#define MOVED(tag_, real_, f_, ...)
#define AT(off_, size_, f_, ...)
#define RAW(tag_, begin_, end_, writes_)                                                           \
	static const struct ctx_layout layout_##tag_ = {.name = #tag_,                             \
		.size = end_,                                                                      \
		.raw_begin = begin_,                                                               \
		.raw_end = end_,                                                                   \
		.raw_writes = writes_};
#define CTX_PROG(type_, layout_)
#include "spec/context.def"

#define SKB_LAYOUT(group_)                                                                         \
	static const struct ctx_layout layout_skb_##group_ = {.name = "__sk_buff",                 \
		.size = sizeof(struct __sk_buff),                                                  \
		.is_rewritten = true,                                                              \
		.fields = fields_skb_##group_,                                                     \
		.field_count = ARRAY_SIZE(fields_skb_##group_)}
SKB_LAYOUT(socket);
SKB_LAYOUT(cls);
SKB_LAYOUT(cgroup);
SKB_LAYOUT(lwt);
SKB_LAYOUT(sk);
SKB_LAYOUT(flow);

static const struct ctx_layout *const by_prog[] = {
#define LAYOUT_BEGIN(tag_, ...)
#define LAYOUT_END
#define FIELD(tag_, f_, ...)
#define MOVED(tag_, real_, f_, ...)
#define AT(off_, size_, f_, ...)
#define RAW(tag_, begin_, end_, writes_)
#define CTX_PROG(type_, tag_) [type_] = &layout_##tag_,
#include "spec/context.def"
};

const struct ctx_layout *ctx_layout_for(u32 prog_type)
{
	return prog_type < ARRAY_SIZE(by_prog) ? by_prog[prog_type] : NULL;
}

static bool attach_in(u64 mask, u32 attach_type)
{
	return !mask || (attach_type < 64 && (mask >> attach_type & 1));
}

static bool caps_suffice(u32 have, u32 need)
{
	return (have & CAP_NEEDED_SYS_ADMIN) || (have & need) == need;
}

static bool is_pointer(const struct ctx_field *field)
{
	return field->kind == CTX_PACKET || field->kind == CTX_PACKET_META ||
		field->kind == CTX_PACKET_END;
}

static bool field_covers(const struct ctx_field *field, s32 off, u32 size)
{
	if (off < field->off || off + size > (u32)field->off + field->size)
		return false;
	return !(field->flags & CTX_FIRST) || off == field->off;
}

static bool field_allows(const struct ctx_field *field, const struct ctx_query *query)
{
	u8 sizes = query->is_write ? field->writes : field->reads;
	u8 caps = query->is_write ? field->write_caps : field->read_caps;
	u64 attach = query->is_write && field->write_attach ? field->write_attach : field->attach;

	if (!(sizes & query->size) || !field_covers(field, query->off, query->size))
		return false;
	if (query->kernel && query->kernel < field->since)
		return false;
	if (query->is_sign_extending && is_pointer(field))
		return false;
	return attach_in(attach, query->attach_type) && caps_suffice(query->caps, caps);
}

static bool layout_allows(const struct ctx_layout *layout, const struct ctx_query *query,
	struct ctx_answer *ret_answer)
{
	for (u32 i = 0; i < layout->field_count; i++) {
		const struct ctx_field *field = &layout->fields[i];

		if (!field_allows(field, query))
			continue;
		*ret_answer = (struct ctx_answer){.kind = field->kind, .field = field};
		ret_answer->ctx_field_size = field->flags & CTX_WHOLE ? field->elem : 0;
		return true;
	}
	if (query->off < layout->raw_begin || query->off >= layout->raw_end ||
		(query->is_write && !layout->raw_writes))
		return false;
	*ret_answer = (struct ctx_answer){.kind = CTX_SCALAR};
	return true;
}

bool ctx_access_allowed(const struct ctx_query *query, struct ctx_answer *ret_answer)
{
	const struct ctx_layout *layout =
		query->custom ? query->custom : ctx_layout_for(query->prog_type);

	*ret_answer = (struct ctx_answer){.kind = CTX_SCALAR};
	if (!layout || query->off < 0 || !IS_POWER_OF_2(query->size) || query->size > 8 ||
		query->off % query->size)
		return false;
	return layout_allows(layout, query, ret_answer);
}

const struct ctx_layout *ctx_sock_layout(enum ctx_sock sock)
{
	switch (sock) {
	case CTX_SOCK_FULL:
	case CTX_SOCK_COMMON: return &layout_bpf_sock;
	case CTX_SOCK_TCP: return &layout_bpf_tcp_sock;
	case CTX_SOCK_XDP: return &layout_bpf_xdp_sock;
	}
	return NULL;
}

bool ctx_sock_access_allowed(
	enum ctx_sock sock, s32 off, u32 size, u16 kernel, struct ctx_answer *ret_answer)
{
	const struct ctx_layout *layout = ctx_sock_layout(sock);
	struct ctx_query query = {.off = off, .size = size, .kernel = kernel};

	*ret_answer = (struct ctx_answer){.kind = CTX_SCALAR};
	if (!layout || off < 0 || !IS_POWER_OF_2(size) || size > 8 || off % size)
		return false;
	/* type, protocol, mark, priority are only in full sockets */
	if (sock == CTX_SOCK_COMMON && off >= (s32)offsetof(struct bpf_sock, type) &&
		off < (s32)offsetof(struct bpf_sock, src_ip4))
		return false;
	for (u32 i = 0; i < layout->field_count; i++) {
		struct ctx_field field = layout->fields[i];

		field.attach = 0; /* the hook of a cgroup_sock program; no matter here */
		if (!field_allows(&field, &query))
			continue;
		ret_answer->field = &layout->fields[i];
		ret_answer->ctx_field_size = field.flags & CTX_WHOLE ? field.elem : 0;
		return true;
	}
	return false;
}
