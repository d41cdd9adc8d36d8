/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct hachi: everything that one BPF subsystem consists of. Locks, outermost first: descs, pins,
 * hooks, the id tables, perf and trace rings; none is held while an object is let go.
 */
#ifndef SYSCALL_INSTANCE_H
#define SYSCALL_INSTANCE_H

#include "base/log.h"
#include "hook/hook.h"
#include "hook/trace.h"
#include "map/map.h"
#include "prog/prog.h"
#include "spec/progtype.h"
#include "syscall/attr.h"
#include "syscall/custom.h"
#include "syscall/desc.h"
#include "syscall/object.h"
#include "syscall/pin.h"
#include "syscall/watch.h"

/* A loaded BTF object: what has the id. Maps and programs that use the BTF keep it. */
struct btf_object {
	struct btf *btf; /* owned reference */
	u32 id, refs;
	bool is_kernel;
	struct hachi *h;
};

struct hachi {
	const struct kernel_profile *kernel;
	const struct engine *engine;
	bool may_interpret; /* nobody chose the engine */
	u32 caps;	    /* enum spec_caps */
	bool guard;
	bool judges_only; /* as in struct hachi_opts */
	enum hachi_harden harden;
	s64 fuel; /* of each run; 0 = any */
	u64 time_limit_ns;
	u64 memory_limit, memory_used; /* of map regions; atomic */
	char *btf_path;		       /* owned; "" = none */

	struct desc_table descs;
	struct id_table maps, progs, links, btfs;
	struct pin_table pins;
	struct hook_set hooks;
	struct trace_ring trace;
	struct custom_table custom;
	struct watch_table watches;

	pthread_mutex_t btf_lock;   /* vmlinux, btf_by_data */
	struct btf_object *vmlinux; /* reference owned; loaded when first needed */
	bool vmlinux_failed;
	struct idmap btf_by_data; /* struct btf * -> struct btf_object, of those with an id */

	u32 stats_on;		    /* ENABLE_STATS descriptors that are open; atomic */
	struct hachi *next, **prev; /* all instances, for fork */
};

/* An ENABLE_STATS descriptor: while one is open runs are timed. */
struct stats_switch {
	u32 refs;
	struct hachi *h;
};
void stats_switch_ref(struct stats_switch *s);
void stats_switch_unref(struct stats_switch *s);

/* One bpf(2) call: the caller's attr, extended with zeroes. */
struct call {
	struct hachi *h;
	union abi_attr attr;
	u64 user_attr; /* the caller's, for results */
	u32 size;      /* of the caller's, at most sizeof(attr) */
};

/* Address of a field of the caller's attr. */
#define CALL_FIELD(call, group, field)                                                             \
	((call)->user_attr + offsetof(union abi_attr, group) +                                     \
		offsetof(__typeof__(((union abi_attr *)0)->group), field))

static inline bool hachi_has_cap(const struct hachi *h, u32 cap)
{
	return hachi_caps(h) & (cap | CAP_NEEDED_SYS_ADMIN);
}

/* Object and program names: letters, digits, '_' and '.'; -EINVAL. */
int name_check(const char *name, size_t size);

/* The errno for a token: none exists here, so that fd is either closed or something else. */
int token_refused(int fd);

/* desc_get_object() of a kind, typed; with a reference. */
int map_from_fd(struct hachi *h, int fd, struct map **ret_map);
int prog_from_fd(struct hachi *h, int fd, struct prog **ret_prog);
int types_from_fd(struct hachi *h, int fd, struct btf_object **ret_object);

/* syscall/btf.c */
void types_object_ref(struct btf_object *object);
void types_object_unref(struct btf_object *object);
/* The object of a BTF that a map or program uses, NULL when it has none; no reference. */
struct btf_object *types_object_of(struct hachi *h, const struct btf *btf);
/* The kernel's own BTF, read at the first call; NULL where there is none. */
const struct btf *hachi_vmlinux(struct hachi *h);

#define COMMAND(NAME, number, handler, ENDS) long handler(struct call *call);
#include "syscall/commands.def"
#undef COMMAND

#endif
