/* SPDX-License-Identifier: BSD-2-Clause */
/* The structs of OBJ_GET_INFO_BY_FD as Linux 6.18 has them, and how they cross to the caller. */
#ifndef SYSCALL_INFO_H
#define SYSCALL_INFO_H

#include "syscall/instance.h"

struct link;

struct info_prog {
	u32 type, id;
	u8 tag[8];
	u32 jited_prog_len, xlated_prog_len;
	aligned_u64 jited_prog_insns, xlated_prog_insns;
	u64 load_time;
	u32 created_by_uid, nr_map_ids;
	aligned_u64 map_ids;
	char name[16];
	u32 ifindex, gpl_compatible;
	u64 netns_dev, netns_ino;
	u32 nr_jited_ksyms, nr_jited_func_lens;
	aligned_u64 jited_ksyms, jited_func_lens;
	u32 btf_id, func_info_rec_size;
	aligned_u64 func_info;
	u32 nr_func_info, nr_line_info;
	aligned_u64 line_info, jited_line_info;
	u32 nr_jited_line_info, line_info_rec_size, jited_line_info_rec_size, nr_prog_tags;
	aligned_u64 prog_tags;
	u64 run_time_ns, run_cnt, recursion_misses;
	u32 verified_insns, attach_btf_obj_id, attach_btf_id;
};
/* the kernel's ends with its last field */
STATIC_ASSERT(offsetof(struct info_prog, attach_btf_id) == 224);

struct info_map {
	u32 type, id, key_size, value_size, max_entries, map_flags;
	char name[16];
	u32 ifindex, btf_vmlinux_value_type_id;
	u64 netns_dev, netns_ino;
	u32 btf_id, btf_key_type_id, btf_value_type_id, btf_vmlinux_id;
	u64 map_extra;
	aligned_u64 hash;
	u32 hash_size;
};

struct info_btf {
	aligned_u64 btf;
	u32 btf_size, id;
	aligned_u64 name;
	u32 name_len, kernel_btf;
};

struct info_link_data {
	u32 type, id, prog_id;
	union {
		struct {
			aligned_u64 tp_name;
			u32 tp_name_len;
			u64 cookie;
		} raw_tracepoint;
		struct {
			u32 attach_type, target_obj_id, target_btf_id;
			u64 cookie;
		} tracing;
		struct {
			u64 cgroup_id;
			u32 attach_type;
		} cgroup;
		struct {
			aligned_u64 target_name;
			u32 target_name_len, map_id;
		} iter;
		struct {
			u32 netns_ino, attach_type;
		} netns;
		struct {
			u32 ifindex, attach_type;
		} dev; /* xdp (ifindex alone), tcx, netkit */
		struct {
			u32 map_id, attach_type;
		} map; /* struct_ops (map_id alone), sockmap */
		struct {
			u32 pf, hooknum;
			s32 priority;
			u32 flags;
		} netfilter;
		struct {
			aligned_u64 addrs;
			u32 count, flags;
			u64 missed;
			aligned_u64 cookies;
		} kprobe_multi;
		struct {
			aligned_u64 path, offsets, ref_ctr_offsets, cookies;
			u32 path_size, count, flags, pid;
		} uprobe_multi;
		struct {
			u32 type, pad;
			union {
				struct {
					aligned_u64 file_name;
					u32 name_len, offset;
					u64 cookie, ref_ctr_offset;
				} uprobe;
				struct {
					aligned_u64 func_name;
					u32 name_len, offset;
					u64 addr, missed, cookie;
				} kprobe;
				struct {
					aligned_u64 tp_name;
					u32 name_len, pad;
					u64 cookie;
				} tracepoint;
				struct {
					u64 config;
					u32 type, pad;
					u64 cookie;
				} event;
			};
		} perf_event;
	};
};
STATIC_ASSERT(sizeof(struct info_link_data) == 64);

/* The caller's struct, and how many of our bytes he has. */
int info_read(struct call *call, void *ret_info, size_t our_size, u32 *ret_len);
int info_write(struct call *call, const void *info, u32 len);
/* A string with its NUL; a shorter buffer gets its start and -ENOSPC. No buffer: nothing. */
int info_put_string(u64 addr, u32 room, const char *text);
int info_link(struct call *call, struct link *link);

/* As bpf(2) shows an instruction of a loaded program; returns the slots it takes. */
u32 prog_show_insn(const struct prog *prog, struct insn *insn);

#endif
