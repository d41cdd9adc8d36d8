// SPDX-License-Identifier: BSD-2-Clause
/*
 * Helper contracts and who may call them: the lookups over helpers.def and helper_sets.def.
 *
 * A program type has a list of sets that are asked in order, the first row that names the helper
 * and whose conditions hold answers. That is the shape of the kernel's get_func_proto functions,
 * which end in a call of a more general one.
 */
#include "spec/helper.h"
#include "spec/funcset.h"

enum helper_variant {
	VARIANT_NONE,
#define HELPER(...)
#define HELPER_VARIANT(id_, name_, variant_, ...) VARIANT_##name_##_##variant_,
#define HELPER_OLD(...)
#include "spec/helpers.def"
};

#define SPEC(id_, name_, major_, minor_, ...)                                                      \
	{                                                                                          \
		.id = (id_), .name = "bpf_" #name_, .since = KERNEL(major_, minor_), __VA_ARGS__   \
	}

static const struct helper_spec specs[] = {
#define HELPER(id_, ...) [id_] = SPEC(id_, __VA_ARGS__),
#define HELPER_VARIANT(...)
#define HELPER_OLD(...)
#include "spec/helpers.def"
};

static const struct helper_spec variants[] = {
#define HELPER(...)
#define HELPER_VARIANT(id_, name_, variant_, ...)                                                  \
	[VARIANT_##name_##_##variant_] = SPEC(id_, name_, __VA_ARGS__),
#define HELPER_OLD(...)
#include "spec/helpers.def"
};

/* Contracts that older kernels had. */
static const struct {
	u16 until;
	u8 variant;
	struct helper_spec spec;
} olds[] = {
#define HELPER(...)
#define HELPER_VARIANT(...)
#define HELPER_OLD(id_, name_, variant_, major_, minor_, ...)                                      \
	{.until = KERNEL(major_, minor_),                                                          \
		.variant = VARIANT_##variant_,                                                     \
		.spec = SPEC(id_, name_, 0, 0, __VA_ARGS__)},
#include "spec/helpers.def"
};

/* Conditions on the function that a program is attached to. */
enum set_rule {
	RULE_NONE,
	RULE_D_PATH,
	RULE_SK_STORAGE,
	RULE_LSM_SLEEPABLE,
	RULE_LSM_SOCKOPT,
	RULE_ITER_SOCKOPT,
	RULE_NOT_RELEASE,
};

struct set_row {
	u8 id;
	u8 variant; /* enum helper_variant */
	u8 caps;    /* enum spec_caps, all needed */
	u8 rule;    /* enum set_rule */
	bool is_deny, sleepable_only;
	u16 since, until;	/* kernels that have the row: [since, until); 0 = open */
	u64 attach, not_attach; /* masks of attach types; attach 0 = any */
};

#define ON(attach_type_)       (1ull << (attach_type_))
#define VARIANT(name_, label_) VARIANT_##name_##_##label_
#define BPF_PERFMON	       (CAP_NEEDED_BPF | CAP_NEEDED_PERFMON)

#define SET_BEGIN(set_) static const struct set_row set_##set_[] = {
#define SET_END                                                                                    \
	}                                                                                          \
	;
#define ALLOW(name_)	     {.id = FUNC_##name_},
#define ALLOW_BPF(name_)     {.id = FUNC_##name_, .caps = CAP_NEEDED_BPF},
#define ALLOW_PERFMON(name_) {.id = FUNC_##name_, .caps = BPF_PERFMON},
#define ALLOW_IF(name_, ...) {.id = FUNC_##name_, __VA_ARGS__},
#define DENY_IF(name_, ...)  {.id = FUNC_##name_, .is_deny = true, __VA_ARGS__},
#define PROG_SETS(type_, ...)
#include "spec/helper_sets.def"

struct prog_set {
	const struct set_row *rows;
	u32 count;
};

#define MAX_SETS 6

static const struct prog_set prog_sets[][MAX_SETS] = {
#define SET_BEGIN(set_)
#define SET_END
#define ALLOW(name_)
#define ALLOW_BPF(name_)
#define ALLOW_PERFMON(name_)
#define ALLOW_IF(name_, ...)
#define DENY_IF(name_, ...)
#define S(set_)                                                                                    \
	{                                                                                          \
		set_##set_, ARRAY_SIZE(set_##set_)                                                 \
	}
#define PROG_SETS(type_, ...) [type_] = {__VA_ARGS__},
#include "spec/helper_sets.def"
};

const struct helper_spec *helper_spec_by_id(u32 id)
{
	return id < ARRAY_SIZE(specs) && specs[id].name ? &specs[id] : NULL;
}

const char *helper_name(u32 id)
{
	const struct helper_spec *spec = helper_spec_by_id(id);

	return spec ? spec->name : NULL;
}

u32 helper_spec_count(void)
{
	return ARRAY_SIZE(specs) - 1;
}

static bool caps_suffice(u32 have, u32 need)
{
	return (have & CAP_NEEDED_SYS_ADMIN) || (have & need) == need;
}

static bool attach_in(u64 mask, u32 attach_type)
{
	return attach_type < 64 && (mask >> attach_type & 1);
}

static bool row_fits(const struct set_row *row, u32 id, const struct helper_query *query)
{
	if (row->id != id || (row->sleepable_only && !query->is_sleepable))
		return false;
	if (row->attach && !attach_in(row->attach, query->attach_type))
		return false;
	if (attach_in(row->not_attach, query->attach_type))
		return false;
	if (query->kernel &&
		(query->kernel < row->since || (row->until && query->kernel >= row->until)))
		return false;
	return query->kernel || !row->until;
}

static bool sk_storage_allowed(const struct helper_query *query)
{
	static const char own[] = "bpf_sk_storage";

	switch (query->attach_type) {
	case BPF_TRACE_ITER:
	case BPF_TRACE_RAW_TP: return true;
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
		/* a program on these functions would call itself */
		return query->target && strncmp(query->target, own, sizeof(own) - 1) != 0;
	default: return false;
	}
}

static enum helper_access rule_access(enum set_rule rule, const struct helper_query *query)
{
	const char *target = query->target;
	bool is_ok = true;

	switch (rule) {
	case RULE_NONE: return HELPER_OK;
	case RULE_D_PATH:
		if (query->prog_type == BPF_PROG_TYPE_LSM)
			is_ok = funcset_has(FUNCSET_lsm_sleepable, target);
		else if (query->prog_type != BPF_PROG_TYPE_TRACING ||
			query->attach_type != BPF_TRACE_ITER)
			is_ok = funcset_has(FUNCSET_d_path, target);
		break;
	case RULE_SK_STORAGE: is_ok = sk_storage_allowed(query); break;
	case RULE_LSM_SLEEPABLE: is_ok = funcset_has(FUNCSET_lsm_sleepable, target); break;
	case RULE_LSM_SOCKOPT:
		is_ok = funcset_has(FUNCSET_lsm_sockopt_locked, target) ||
			funcset_has(FUNCSET_lsm_sockopt_unlocked, target);
		return is_ok ? HELPER_OK : HELPER_NOT_HERE;
	case RULE_ITER_SOCKOPT:
		return funcset_has(FUNCSET_iter_sockopt, target) ? HELPER_OK : HELPER_NOT_HERE;
	case RULE_NOT_RELEASE:
		is_ok = !target || strcmp(target, "release") != 0;
		return is_ok ? HELPER_OK : HELPER_NOT_HERE;
	}
	return is_ok ? HELPER_OK : HELPER_NOT_IN_PROBE;
}

static const struct set_row *row_find(u32 id, const struct helper_query *query)
{
	const struct prog_set *sets;
	u32 type = query->prog_type;

	/* an embedder's types get the base set, which stands where no type is */
	if (type >= HACHI_BPF_PROG_TYPE_CUSTOM)
		type = BPF_PROG_TYPE_UNSPEC;
	else if (type == BPF_PROG_TYPE_UNSPEC || type >= ARRAY_SIZE(prog_sets))
		return NULL;
	sets = prog_sets[type];
	for (u32 s = 0; s < MAX_SETS && sets[s].rows; s++)
		for (u32 i = 0; i < sets[s].count; i++)
			if (row_fits(&sets[s].rows[i], id, query))
				return &sets[s].rows[i];
	return NULL;
}

static const struct helper_spec *contract(u32 id, u32 variant, u16 kernel)
{
	for (u32 i = 0; kernel && i < ARRAY_SIZE(olds); i++)
		if (olds[i].spec.id == id && olds[i].variant == variant && kernel < olds[i].until)
			return &olds[i].spec;
	return variant ? &variants[variant] : &specs[id];
}

enum helper_access helper_spec_for(
	u32 id, const struct helper_query *query, const struct helper_spec **ret_spec)
{
	const struct helper_spec *spec = helper_spec_by_id(id);
	const struct set_row *row;
	enum helper_access access;

	*ret_spec = NULL;
	if (!spec)
		return HELPER_UNKNOWN;
	if (query->kernel && query->kernel < spec->since)
		return HELPER_TOO_NEW;
	row = row_find(id, query);
	if (!row || row->is_deny)
		return HELPER_NOT_HERE;
	if (!caps_suffice(query->caps, row->caps))
		return HELPER_NEEDS_CAPS;
	access = rule_access(row->rule, query);
	if (access == HELPER_OK)
		*ret_spec = contract(id, row->variant, query->kernel);
	return access;
}
