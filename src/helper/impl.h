/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the families share: the shape of a helper, the implemented ones declared from impl.def, and
 * the types that helpers pass to each other through the program.
 */
#ifndef HELPER_IMPL_H
#define HELPER_IMPL_H

#include "helper/helper.h"
#include "map/map.h"
#include "runtime/run.h"
#include <hachi/abi.h>
#include <hachi/context.h>

#define HELPER_FN(name) u64 helper_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)

#define IMPL(name)		     HELPER_FN(name);
#define IMPL_FOR(name, types, other) HELPER_FN(other);
#define KFUNC(name, fn)		     HELPER_FN(fn);
#include "helper/impl.def"

/* An int or long of the kernel as it stands in r0. */
static inline u64 helper_ret(s64 value)
{
	return (u64)value;
}

static inline void *helper_ptr(u64 reg)
{
	return (void *)(uintptr_t)reg;
}

static inline struct map *helper_map(u64 reg)
{
	return (struct map *)(uintptr_t)reg;
}

/* ---- strings and formats (probe.c, format.c) ------------------------------------------------- */

enum helper_space { SPACE_USER, SPACE_KERNEL, SPACE_ANY };

/* Copies size bytes; 0, or -EFAULT with dst zeroed. */
int helper_read(struct run *run, enum helper_space space, void *dst, u32 size, u64 addr);
/* Copies up to the NUL, at most size; its length with the NUL, or -EFAULT with dst zeroed. */
int helper_read_str(struct run *run, enum helper_space space, char *dst, u32 size, u64 addr);

#define HELPER_FORMAT_ARGS_MAX 12
#define HELPER_FORMAT_SIZE     1024 /* MAX_BPRINTF_BUF: of one trace line */

/*
 * The kernel's bpf_bprintf_prepare() and bstr_printf(). fmt ends within fmt_size or -EINVAL; more
 * conversions than arguments: -EINVAL; arguments beyond 512 bytes: -ENOSPC. Length of the whole
 * text without NUL; writes what fits into size (with NUL, when size > 0). On errors out is as it
 * was.
 */
int helper_format(struct run *run, const char *fmt, u64 fmt_size, const u64 *args, u32 arg_count,
	char *out, u32 size);

/* ---- dynptrs (dynptr.c): struct bpf_dynptr as it stands on the program's stack ------------------
 */

struct helper_dynptr {
	void *data; /* NULL = null dynptr; packets: the context */
	u32 bits;   /* size, type, whether read-only */
	u32 offset;
};

STATIC_ASSERT(sizeof(struct helper_dynptr) == 16);

enum helper_dynptr_type { DYNPTR_LOCAL = 1, DYNPTR_RINGBUF, DYNPTR_SKB, DYNPTR_XDP };

#define DYNPTR_SIZE_MAX ((1u << 24) - 1)

void helper_dynptr_init(
	struct helper_dynptr *d, void *data, enum helper_dynptr_type type, u32 offset, u32 size);
void helper_dynptr_set_null(struct helper_dynptr *d);
void helper_dynptr_set_readonly(struct helper_dynptr *d);
u32 helper_dynptr_length(const struct helper_dynptr *d);
bool helper_dynptr_is_readonly(const struct helper_dynptr *d);
/* Where len bytes at offset are, NULL: not inside, or not of a kind that we know. */
void *helper_dynptr_at(const struct helper_dynptr *d, u32 offset, u32 len);

/* ---- packets (skb.c, xdp.c) --------------------------------------------------------------------
 */

int helper_skb_load(const struct hachi_skb *skb, u32 offset, void *to, u32 len);
int helper_skb_store(struct hachi_skb *skb, u32 offset, const void *from, u32 len, u64 flags);
int helper_xdp_load(const struct hachi_xdp *xdp, u32 offset, void *to, u32 len);
int helper_xdp_store(struct hachi_xdp *xdp, u32 offset, const void *from, u32 len);

/* For guard mode: memory that the program may use from now on. */
void helper_lend(struct run *run, void *addr, u64 size);
void helper_unlend(struct run *run, void *addr);

#endif
