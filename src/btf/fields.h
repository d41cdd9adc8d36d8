/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The special fields of a map value or of an allocated object: locks, timers, kernel pointers,
 * lists and trees. Found by type name and tag, as the kernel's btf_parse_fields() does.
 */
#ifndef BTF_FIELDS_H
#define BTF_FIELDS_H

#include "btf/btf.h"

enum btype_field_kind { /* bits; the kernel's enum btf_field_type */
	BTYPE_SPIN_LOCK = 1 << 0,
	BTYPE_TIMER = 1 << 1,
	BTYPE_KPTR_UNREF = 1 << 2,
	BTYPE_KPTR_REF = 1 << 3,
	BTYPE_KPTR_PERCPU = 1 << 4,
	BTYPE_KPTR = BTYPE_KPTR_UNREF | BTYPE_KPTR_REF | BTYPE_KPTR_PERCPU,
	BTYPE_LIST_HEAD = 1 << 5,
	BTYPE_LIST_NODE = 1 << 6,
	BTYPE_RB_ROOT = 1 << 7,
	BTYPE_RB_NODE = 1 << 8,
	BTYPE_GRAPH_NODE = BTYPE_RB_NODE | BTYPE_LIST_NODE,
	BTYPE_GRAPH_ROOT = BTYPE_RB_ROOT | BTYPE_LIST_HEAD,
	BTYPE_REFCOUNT = 1 << 9,
	BTYPE_WORKQUEUE = 1 << 10,
	BTYPE_UPTR = 1 << 11,
	BTYPE_RES_SPIN_LOCK = 1 << 12,
	BTYPE_TASK_WORK = 1 << 13,
};

#define BTYPE_FIELDS_MAX 11

/*
 * What BPF_MAP_CREATE looks for in a value. It ignores errors of btype_parse_fields(): the map then
 * has no special fields. Errors of btype_fields_link() are its own.
 */
#define BTYPE_MAP_KINDS                                                                            \
	(BTYPE_SPIN_LOCK | BTYPE_RES_SPIN_LOCK | BTYPE_TIMER | BTYPE_KPTR | BTYPE_GRAPH_ROOT |     \
		BTYPE_REFCOUNT | BTYPE_WORKQUEUE | BTYPE_UPTR | BTYPE_TASK_WORK)

struct btype_fields;

struct btype_field {
	enum btype_field_kind kind;
	u32 offset, size;
	/* kptr, uptr: what it points to. graph root: the type of what it holds. Borrowed. */
	const struct btf *btf;
	u32 type;
	u32 node_offset;		  /* graph root: of the node inside that type */
	const struct btype_fields *value; /* graph root: that type's fields, once linked */
};

struct btype_fields {
	u32 count, kinds; /* kinds: all bits present */
	s32 spin_lock_off, res_spin_lock_off, timer_off, wq_off, refcount_off,
		task_work_off;	    /* -1 */
	struct btype_field field[]; /* by offset */
};

struct btype_fields_env {
	const struct btf *kernel; /* where kptr targets are looked up first; may be NULL */
	/* May this kernel type be owned by a map (has it a registered destructor)? NULL = none. */
	bool (*has_dtor)(void *arg, const struct btf *kernel, u32 type);
	void *arg;
};

/*
 * The special fields among `kinds` of value type `id` with value_size bytes. 0 and *ret NULL: there
 * are none. Errors as the kernel: -EEXIST two locks, -E2BIG, -EINVAL, -EFAULT, -EACCES ...
 */
int btype_parse_fields(const struct btf *btf, u32 id, u32 kinds, u32 value_size,
	const struct btype_fields_env *env, struct btype_fields **ret);
void btype_fields_free(struct btype_fields *fields);
/* The field that covers this byte and is of one of `kinds`, or NULL. */
const struct btype_field *btype_fields_at(const struct btype_fields *fields, u32 offset, u32 kinds);
const char *btype_field_name(enum btype_field_kind kind); /* "bpf_timer", "kptr", ... */
bool btype_fields_same(const struct btype_fields *a, const struct btype_fields *b);
/*
 * Fills in field[].value of graph roots from the program's own objects, checks that ownership ends
 * and that uptrs point to a page of the program's at most. Needs the btf the fields came from.
 */
int btype_fields_link(const struct btf *btf, struct btype_fields *fields);

/* A struct of the program that bpf_obj_new() may allocate with special fields; NULL: a plain one.
 */
const struct btype_fields *btype_object_fields(const struct btf *btf, u32 id);

#endif
