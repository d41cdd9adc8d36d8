/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's door. A pure function: program and world in, verdict, log, rewritten program and
 * facts out. It touches no map memory, calls no helper, knows no descriptor; what it must know of
 * maps and BTF it asks the world.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "base/arena.h"
#include "base/log.h"
#include "btf/btf.h"
#include "isa/insn.h"
#include "spec/context.h"
#include "spec/helper.h"
#include "spec/progtype.h"
#include "verify/reasons.h"

/* What the verifier may know of a map. Lives as long as the load. */
struct verify_map {
	u64 handle; /* the world's own name for it; two equal handles are one map */
	u32 id;
	const char *name;
	u32 type, key_size, value_size, max_entries, flags;
	const struct btf *btf; /* NULL without BTF */
	u32 btf_key_type_id, btf_value_type_id;
	const struct btype_fields
		*fields;		/* spin locks, timers, kptrs, ... of the value; or NULL */
	const struct verify_map *inner; /* template of a map of maps */
	bool is_frozen, is_rdonly_prog; /* BPF_F_RDONLY_PROG: not writable by programs */
	bool is_wronly_prog;
	bool has_direct_value; /* BPF_PSEUDO_MAP_VALUE works */
};

struct verify_world;

struct verify_world_ops {
	/*
	 * The map that imm of an LD_IMM64 names: by_index = position in fd_array, else the number
	 * itself. -EBADF = no such descriptor, -EINVAL = not a map.
	 */
	int (*map)(const struct verify_world *w, s32 number, bool by_index,
		const struct verify_map **ret_map);
	/* Bytes of a frozen read-only array's value, for constant loads. */
	int (*map_read)(const struct verify_world *w, const struct verify_map *map, u32 off,
		u32 size, u64 *ret_value);
	/* A helper that an embedder registered (ids >= 0x10000); NULL = none. */
	const struct helper_spec *(*custom_helper)(const struct verify_world *w, u32 id);
	/* BTF of descriptor number (module BTF of a kfunc, pseudo BTF id); NULL = none. */
	const struct btf *(*btf)(const struct verify_world *w, s32 number);
	/* The kernel's BTF, NULL = none; asked only where a verdict hangs on it: it is large. */
	const struct btf *(*vmlinux)(const struct verify_world *w);
};

struct verify_world {
	const struct verify_world_ops *ops;
	void *priv;
	const struct kernel_profile *kernel;
	u32 caps; /* enum spec_caps bits of the loader */
};

/* BTF.ext records, already in host order and of the kernel's own record size. */
struct verify_func_info {
	u32 insn_off, type_id;
};

struct verify_line_info {
	u32 insn_off, file_name_off, line_off, line_col;
};

struct verify_input {
	const struct insn *insns;
	u32 insn_count;
	const char *name;
	u32 prog_type, attach_type, prog_flags;
	bool is_gpl;
	const struct btf *btf; /* of the program; NULL without */
	const struct verify_func_info *func_info;
	u32 func_info_count;
	const struct verify_line_info *line_info;
	u32 line_info_count;
	/* target of tracing, LSM, struct_ops, ext programs */
	const struct btf *attach_btf;
	u32 attach_btf_id;
	/* of an embedder's program type: context, range of r0 at exit, helpers beside the base set
	 */
	const struct ctx_layout *custom_ctx; /* NULL = none */
	s64 custom_ret_min, custom_ret_max;
	const u32 *custom_helpers;
	u32 custom_helper_count;
};

struct verify_subprog {
	u32 start; /* in the output */
	u32 stack_bytes;
	const char *name; /* in the output's arena */
	bool has_tail_call, is_callback, is_exception_cb, is_global;
};

/* Facts per output instruction. */
struct verify_fact {
	u8 is_dead : 1; /* only set in the after=verify view; dead code is removed by the rewrite */
	u8 zext_dst : 1;
	u8 branch_known : 1, branch_taken : 1;
	u8 src_nonzero : 1;
	u8 is_jump_target : 1;
	s8 map; /* index into maps of a helper call's constant map argument; -1 = none or several */
	u32 orig; /* instruction index as loaded */
};

struct verify_stats {
	u32 insns_processed, max_states_per_insn, total_states, peak_states, longest_mark_read;
	u64 time_ns;
};

/* Output lives in the arena that was passed. */
struct verify_output {
	struct verdict verdict;
	struct insn *insns; /* rewritten; NULL when refused */
	u32 insn_count;
	struct verify_fact *facts;
	struct verify_subprog *subprogs;
	u32 subprog_count;
	const struct verify_map **maps; /* used, in the order of first use; LD_IMM64 imm = index */
	u32 map_count;
	const char **kfuncs; /* names of kernel functions used; call imm = index */
	u32 kfunc_count;
	u32 max_ctx_offset, max_pkt_offset, max_tp_access;
	bool changes_pkt_data, uses_tail_call, uses_callbacks, might_sleep;
	bool has_bounded_loops_only; /* no bpf_loop, may_goto or iterator */
	u32 stack_bytes;	     /* deepest call chain */
	/* line info with insn_off moved to the rewritten program */
	struct verify_line_info *line_info;
	u32 line_info_count;
	struct verify_stats stats;
};

/*
 * 0 = accepted; else -errno as BPF_PROG_LOAD returns it, with ret_out->verdict saying why (except
 * -ENOMEM). The log ends with the kernel's "processed N insns ..." line. The caller finishes it.
 */
int verify_prog(const struct verify_input *in, const struct verify_world *world,
	struct arena *arena, struct log *log, struct verify_output *ret_out);

#endif
