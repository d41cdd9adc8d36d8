// SPDX-License-Identifier: BSD-2-Clause
/*
 * Registering program types and helpers. An engine calls a helper with five arguments and the run;
 * an embedder's function wants his own pointer as the sixth. What stands between is one of a fixed
 * set of functions, each of which knows its place in the table.
 */
#include "syscall/custom.h"

#include "base/alloc.h"
#include "syscall/instance.h"

static u64 call_custom(u32 n, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	const struct hachi *h = run->owner;
	const struct custom_helper *helper = h->custom.helpers[n];

	return helper->fn(r1, r2, r3, r4, r5, helper->user);
}

#define THUNK(n)                                                                                   \
	static u64 thunk_##n(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)              \
	{                                                                                          \
		return call_custom(n, r1, r2, r3, r4, r5, run);                                    \
	}
#define FOR_8(X, t) X(t##0) X(t##1) X(t##2) X(t##3) X(t##4) X(t##5) X(t##6) X(t##7)
/* octal: 00 .. 077 */
#define FOR_64(X)                                                                                  \
	FOR_8(X, 0)                                                                                \
	FOR_8(X, 01) FOR_8(X, 02) FOR_8(X, 03) FOR_8(X, 04) FOR_8(X, 05) FOR_8(X, 06) FOR_8(X, 07)
FOR_64(THUNK)
#define THUNK_NAME(n) thunk_##n,
static const helper_fn thunks[CUSTOM_HELPERS_MAX] = {FOR_64(THUNK_NAME)};

void custom_table_init(struct custom_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
}

static void type_free(struct custom_type *type)
{
	struct ctx_field *fields = (struct ctx_field *)(uintptr_t)type->layout.fields;

	for (u32 i = 0; fields && i < type->layout.field_count; i++)
		mem_free((char *)(uintptr_t)fields[i].name);
	mem_free(fields);
	mem_free(type->name);
	mem_free(type->helpers);
	mem_free(type);
}

void custom_table_release(struct custom_table *table)
{
	for (u32 i = 0; i < table->type_count; i++)
		type_free(table->types[i]);
	for (u32 i = 0; i < table->helper_count; i++) {
		mem_free(table->helpers[i]->name);
		mem_free(table->helpers[i]);
	}
	pthread_mutex_destroy(&table->lock);
}

const struct custom_type *custom_type_by_number(const struct custom_table *table, u32 prog_type)
{
	u32 n = prog_type - HACHI_BPF_PROG_TYPE_CUSTOM;

	if (prog_type < HACHI_BPF_PROG_TYPE_CUSTOM ||
		n >= __atomic_load_n(&table->type_count, __ATOMIC_ACQUIRE))
		return NULL;
	return table->types[n];
}

const struct custom_helper *custom_helper_by_id(const struct custom_table *table, u32 id)
{
	u32 n = id - HACHI_HELPER_CUSTOM;

	if (id < HACHI_HELPER_CUSTOM ||
		n >= __atomic_load_n(&table->helper_count, __ATOMIC_ACQUIRE))
		return NULL;
	return table->helpers[n];
}

helper_fn custom_helper_fn(const struct custom_table *table, u32 id)
{
	return custom_helper_by_id(table, id) ? thunks[id - HACHI_HELPER_CUSTOM] : NULL;
}

/* One field, or -EINVAL when it does not lie aligned inside the context. */
static int field_init(struct ctx_field *field, const struct hachi_ctx_field *from, u32 ctx_size)
{
	static const u8 kinds[] = {
		[HACHI_FIELD_SCALAR] = CTX_SCALAR,
		[HACHI_FIELD_MEM] = CTX_MEM_START,
		[HACHI_FIELD_MEM_END] = CTX_MEM_END,
	};
	bool is_mem = from->kind != HACHI_FIELD_SCALAR;
	u8 sizes;

	if ((u32)from->kind >= ARRAY_SIZE(kinds) || !IS_POWER_OF_2(from->size) || from->size > 8 ||
		from->off % from->size || from->off > ctx_size ||
		from->size > ctx_size - from->off || !from->name ||
		(is_mem && (from->size != 8 || from->access != HACHI_FIELD_READ)) ||
		(from->access & ~(u32)(HACHI_FIELD_READ | HACHI_FIELD_WRITE)))
		return -EINVAL;
	sizes = is_mem ? 8 : (u8)(from->size | (from->size - 1)); /* and narrower */
	*field = (struct ctx_field){
		.name = mem_strdup(from->name),
		.off = (u16)from->off,
		.size = (u16)from->size,
		.elem = (u8)from->size,
		.kind = kinds[from->kind],
		.reads = from->access & HACHI_FIELD_READ ? sizes : 0,
		.writes = from->access & HACHI_FIELD_WRITE ? (u8)from->size : 0,
		.real_off = (u16)from->off,
		.real_size = (u16)from->size,
	};
	return field->name ? 0 : -ENOMEM;
}

static int type_new(const struct hachi_prog_type *from, struct custom_type **ret_type)
{
	struct custom_type *type = mem_zalloc(sizeof(*type));
	struct ctx_field *fields;
	int err = 0;

	if (!type)
		return -ENOMEM;
	fields = mem_calloc(from->field_count ? from->field_count : 1, sizeof(*fields));
	type->name = mem_strdup(from->name);
	type->helpers = mem_dup(from->helpers, from->helper_count * sizeof(u32));
	type->helper_count = from->helper_count;
	type->ret_min = from->ret_min;
	type->ret_max = from->ret_max;
	type->layout = (struct ctx_layout){
		.name = type->name,
		.size = (u16)from->ctx_size,
		.fields = fields,
		.field_count = fields ? from->field_count : 0,
	};
	if (!fields || !type->name || (from->helper_count && !type->helpers))
		err = -ENOMEM;
	for (u32 i = 0; i < from->field_count && !err; i++)
		err = field_init(&fields[i], &from->fields[i], from->ctx_size);
	if (err) {
		type_free(type);
		return err;
	}
	*ret_type = type;
	return 0;
}

int hachi_prog_type_register(struct hachi *h, const struct hachi_prog_type *from)
{
	struct hachi_prog_type all = {0};
	struct custom_table *table = &h->custom;
	struct custom_type *type;
	int ret;

	memcpy(&all, from, MIN(from->size, sizeof(all)));
	if (!all.name || all.ctx_size > UINT16_MAX || all.ret_min > all.ret_max ||
		(all.field_count && !all.fields) || (all.helper_count && !all.helpers))
		return -EINVAL;
	ret = type_new(&all, &type);
	if (ret)
		return ret;
	pthread_mutex_lock(&table->lock);
	if (table->type_count == ARRAY_SIZE(table->types)) {
		ret = -ENOSPC;
	} else {
		table->types[table->type_count] = type;
		ret = (int)(HACHI_BPF_PROG_TYPE_CUSTOM + table->type_count);
		__atomic_add_fetch(&table->type_count, 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&table->lock);
	if (ret < 0)
		type_free(type);
	return ret;
}

/* The signature as the verifier knows it. */
static int spec_init(struct helper_spec *spec, const struct hachi_helper *from)
{
	static const u32 args[] = {
		[HACHI_ARG_NONE] = ARG_NONE,
		[HACHI_ARG_ANYTHING] = ARG_ANYTHING,
		[HACHI_ARG_CTX] = ARG_CTX,
		[HACHI_ARG_MEM_READ] = ARG_MEM | ARG_RDONLY,
		[HACHI_ARG_MEM_WRITE] = ARG_MEM | ARG_UNINIT | ARG_WRITE,
		[HACHI_ARG_MEM_SIZE] = ARG_CONST_SIZE_OR_ZERO,
		[HACHI_ARG_MAP] = ARG_CONST_MAP_PTR,
		[HACHI_ARG_STRING] = ARG_CONST_STR,
	};

	spec->ret = RET_INTEGER;
	for (u32 i = 0; i < 5; i++) {
		bool is_mem =
			from->args[i] == HACHI_ARG_MEM_READ || from->args[i] == HACHI_ARG_MEM_WRITE;

		if ((u32)from->args[i] >= ARRAY_SIZE(args))
			return -EINVAL;
		if (is_mem && (i == 4 || from->args[i + 1] != HACHI_ARG_MEM_SIZE))
			return -EINVAL;
		if (from->args[i] == HACHI_ARG_MEM_SIZE &&
			(i == 0 || (spec->arg[i - 1] & ARG_TYPE_MASK) != ARG_MEM))
			return -EINVAL;
		spec->arg[i] = args[from->args[i]];
	}
	return 0;
}

int hachi_helper_register(struct hachi *h, const struct hachi_helper *from)
{
	struct custom_table *table = &h->custom;
	struct hachi_helper all = {0};
	struct custom_helper *helper;
	int ret;

	memcpy(&all, from, MIN(from->size, sizeof(all)));
	if (!all.name || !all.fn)
		return -EINVAL;
	helper = mem_zalloc(sizeof(*helper));
	if (!helper)
		return -ENOMEM;
	helper->name = mem_strdup(all.name);
	helper->fn = all.fn;
	helper->user = all.user;
	helper->spec.name = helper->name;
	ret = helper->name ? spec_init(&helper->spec, &all) : -ENOMEM;
	if (!ret) {
		pthread_mutex_lock(&table->lock);
		if (table->helper_count == CUSTOM_HELPERS_MAX) {
			ret = -ENOSPC;
		} else {
			ret = (int)(HACHI_HELPER_CUSTOM + table->helper_count);
			helper->spec.id = (u32)ret;
			table->helpers[table->helper_count] = helper;
			__atomic_add_fetch(&table->helper_count, 1, __ATOMIC_RELEASE);
		}
		pthread_mutex_unlock(&table->lock);
	}
	if (ret < 0) {
		mem_free(helper->name);
		mem_free(helper);
	}
	return ret;
}
