/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * union bpf_attr as Linux 6.18 lays it out (the system header may be older), one struct per command
 * group. Older kernels know a prefix of each; syscall/commands.def says how far.
 */
#ifndef SYSCALL_ATTR_H
#define SYSCALL_ATTR_H

#include "base/types.h"

typedef u64 aligned_u64 __attribute__((aligned(8)));

struct attr_map_create {
	u32 map_type, key_size, value_size, max_entries, map_flags;
	u32 inner_map_fd, numa_node;
	char map_name[16];
	u32 map_ifindex, btf_fd, btf_key_type_id, btf_value_type_id;
	u32 btf_vmlinux_value_type_id;
	aligned_u64 map_extra;
	s32 value_type_btf_obj_fd, map_token_fd;
	aligned_u64 excl_prog_hash;
	u32 excl_prog_hash_size;
};

struct attr_elem {
	u32 map_fd;
	aligned_u64 key;
	union {
		aligned_u64 value;
		aligned_u64 next_key;
	};
	u64 flags;
};

struct attr_batch {
	aligned_u64 in_batch, out_batch, keys, values;
	u32 count, map_fd;
	u64 elem_flags, flags;
};

struct attr_prog_load {
	u32 prog_type, insn_cnt;
	aligned_u64 insns, license;
	u32 log_level, log_size;
	aligned_u64 log_buf;
	u32 kern_version, prog_flags;
	char prog_name[16];
	u32 prog_ifindex, expected_attach_type, prog_btf_fd;
	u32 func_info_rec_size;
	aligned_u64 func_info;
	u32 func_info_cnt, line_info_rec_size;
	aligned_u64 line_info;
	u32 line_info_cnt, attach_btf_id;
	u32 attach_fd; /* a program or a BTF object */
	u32 core_relo_cnt;
	aligned_u64 fd_array, core_relos;
	u32 core_relo_rec_size, log_true_size;
	s32 prog_token_fd;
	u32 fd_array_cnt;
	aligned_u64 signature;
	u32 signature_size;
	s32 keyring_id;
};

struct attr_obj {
	aligned_u64 pathname;
	u32 bpf_fd, file_flags;
	s32 path_fd;
};

struct attr_attach {
	u32 target_fd; /* or ifindex */
	u32 attach_bpf_fd, attach_type, attach_flags, replace_bpf_fd;
	u32 relative;
	u64 expected_revision;
};

struct attr_test_run {
	u32 prog_fd, retval, data_size_in, data_size_out;
	aligned_u64 data_in, data_out;
	u32 repeat, duration, ctx_size_in, ctx_size_out;
	aligned_u64 ctx_in, ctx_out;
	u32 flags, cpu, batch_size;
};

struct attr_id {
	u32 id; /* start_id, prog_id, map_id, ... */
	u32 next_id, open_flags;
	s32 token_fd;
};

struct attr_info {
	u32 bpf_fd, info_len;
	aligned_u64 info;
};

struct attr_query {
	u32 target_fd; /* or ifindex */
	u32 attach_type, query_flags, attach_flags;
	aligned_u64 prog_ids;
	u32 count;
	aligned_u64 prog_attach_flags, link_ids, link_attach_flags;
	u64 revision;
};

struct attr_raw_tracepoint {
	u64 name;
	u32 prog_fd;
	aligned_u64 cookie;
};

struct attr_btf_load {
	aligned_u64 btf, btf_log_buf;
	u32 btf_size, btf_log_size, btf_log_level, btf_log_true_size, btf_flags;
	s32 btf_token_fd;
};

struct attr_task_fd_query {
	u32 pid, fd, flags, buf_len;
	aligned_u64 buf;
	u32 prog_id, fd_type;
	u64 probe_offset, probe_addr;
};

struct attr_link_create {
	u32 prog_fd;   /* or map_fd (struct_ops) */
	u32 target_fd; /* or ifindex */
	u32 attach_type, flags;
	union {
		u32 target_btf_id;
		struct {
			aligned_u64 iter_info;
			u32 iter_info_len;
		};
		struct {
			u64 cookie;
		} perf_event;
		struct {
			u32 flags, cnt;
			aligned_u64 syms, addrs, cookies;
		} kprobe_multi;
		struct {
			u32 target_btf_id;
			u64 cookie;
		} tracing;
		struct {
			u32 pf, hooknum;
			s32 priority;
			u32 flags;
		} netfilter;
		struct {
			u32 relative;
			u64 expected_revision;
		} order; /* tcx, netkit, cgroup */
		struct {
			aligned_u64 path, offsets, ref_ctr_offsets, cookies;
			u32 cnt, flags, pid;
		} uprobe_multi;
	};
};

struct attr_link_update {
	u32 link_fd, new_fd, flags, old_fd;
};

struct attr_link_detach {
	u32 link_fd;
};

struct attr_enable_stats {
	u32 type;
};

struct attr_iter_create {
	u32 link_fd, flags;
};

struct attr_bind_map {
	u32 prog_fd, map_fd, flags;
};

struct attr_token_create {
	u32 flags, bpffs_fd;
};

struct attr_stream_read {
	aligned_u64 stream_buf;
	u32 stream_buf_len, stream_id, prog_fd;
};

union abi_attr {
	struct attr_map_create map_create;
	struct attr_elem elem;
	struct attr_batch batch;
	struct attr_prog_load prog_load;
	struct attr_obj obj;
	struct attr_attach attach;
	struct attr_test_run test;
	struct attr_id id;
	struct attr_info info;
	struct attr_query query;
	struct attr_raw_tracepoint raw_tracepoint;
	struct attr_btf_load btf_load;
	struct attr_task_fd_query task_fd_query;
	struct attr_link_create link_create;
	struct attr_link_update link_update;
	struct attr_link_detach link_detach;
	struct attr_enable_stats enable_stats;
	struct attr_iter_create iter_create;
	struct attr_bind_map prog_bind_map;
	struct attr_token_create token_create;
	struct attr_stream_read prog_stream_read;
};
STATIC_ASSERT(sizeof(union abi_attr) == 168);
STATIC_ASSERT(offsetof(struct attr_prog_load, keyring_id) == 164);
STATIC_ASSERT(offsetof(struct attr_map_create, map_extra) == 64);

#endif
