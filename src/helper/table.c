// SPDX-License-Identifier: BSD-2-Clause
/* Which function stands behind a helper's number or a kernel function's name: impl.def as tables.
 */
#include "helper/impl.h"

#define TYPE(t)	  (1ull << BPF_PROG_TYPE_##t)
#define TYPES_XDP TYPE(XDP)
#define TYPES_SKB                                                                                  \
	(TYPE(SOCKET_FILTER) | TYPE(SCHED_CLS) | TYPE(SCHED_ACT) | TYPE(CGROUP_SKB) |              \
		TYPE(LWT_IN) | TYPE(LWT_OUT) | TYPE(LWT_XMIT) | TYPE(LWT_SEG6LOCAL) |              \
		TYPE(SK_SKB) | TYPE(FLOW_DISSECTOR))

static const helper_fn common[] = {
#define IMPL(name) [BPF_FUNC_##name] = helper_##name,
#include "helper/impl.def"
};

static const struct {
	u32 id;
	u64 types; /* bits by program type */
	helper_fn fn;
} by_type[] = {
#define IMPL_FOR(name, types, other) {BPF_FUNC_##name, types, helper_##other},
#include "helper/impl.def"
};

static const struct {
	const char *name;
	helper_fn fn;
} kfuncs[] = {
#define KFUNC(name, fn) {#name, helper_##fn},
#include "helper/impl.def"
	{NULL, NULL},
};

helper_fn helper_fn_for(u32 id, u32 prog_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_type) && prog_type < 64; i++)
		if (by_type[i].id == id && by_type[i].types >> prog_type & 1)
			return by_type[i].fn;
	return id < ARRAY_SIZE(common) ? common[id] : NULL;
}

helper_fn helper_kfunc(const char *name)
{
	for (size_t i = 0; kfuncs[i].name; i++)
		if (strcmp(kfuncs[i].name, name) == 0)
			return kfuncs[i].fn;
	return NULL;
}
