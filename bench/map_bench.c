// SPDX-License-Identifier: BSD-2-Clause
/*
 * Nanoseconds per map operation, beside the running kernel's: there a program loops over the same
 * operation (BPF_PROG_TEST_RUN), what its loop costs without the operation is taken off.
 * One line each: kind, key size, entries, operation, ours, kernel's, ratio (kernel / ours).
 */
#include "map/map.h"

#include "base/os.h"
#include "map/ringbuf.h"
#include "spec/helper.h"

#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOPS  4000u
#define ROUNDS 200u

enum op { OP_LOOKUP, OP_UPDATE, OP_CHURN, OP_OUTPUT };

struct row {
	const char *name;
	u32 type, key_size, entries, flags;
	enum op op;
};

static const struct row rows[] = {
	{"array", BPF_MAP_TYPE_ARRAY, 4, 1024, 0, OP_LOOKUP},
	{"array", BPF_MAP_TYPE_ARRAY, 4, 1024, 0, OP_UPDATE},
	{"percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 1024, 0, OP_LOOKUP},
	{"hash", BPF_MAP_TYPE_HASH, 4, 1024, 0, OP_LOOKUP},
	{"hash", BPF_MAP_TYPE_HASH, 8, 1024, 0, OP_LOOKUP},
	{"hash", BPF_MAP_TYPE_HASH, 16, 1024, 0, OP_LOOKUP},
	{"hash", BPF_MAP_TYPE_HASH, 40, 1024, 0, OP_LOOKUP},
	{"hash", BPF_MAP_TYPE_HASH, 4, 1u << 20, 0, OP_LOOKUP},
	{"hash", BPF_MAP_TYPE_HASH, 8, 1024, 0, OP_UPDATE},
	{"hash", BPF_MAP_TYPE_HASH, 8, 1024, 0, OP_CHURN},
	{"hash_no_prealloc", BPF_MAP_TYPE_HASH, 8, 1024, BPF_F_NO_PREALLOC, OP_UPDATE},
	{"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH, 8, 1024, 0, OP_LOOKUP},
	{"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH, 8, 1024, 0, OP_UPDATE},
	{"lru_hash", BPF_MAP_TYPE_LRU_HASH, 8, 1024, 0, OP_LOOKUP},
	{"lru_hash", BPF_MAP_TYPE_LRU_HASH, 8, 1024, 0, OP_UPDATE},
	{"lpm_trie", BPF_MAP_TYPE_LPM_TRIE, 8, 1024, BPF_F_NO_PREALLOC, OP_LOOKUP},
	{"ringbuf", BPF_MAP_TYPE_RINGBUF, 0, 1u << 20, 0, OP_OUTPUT},
};

static const char *const op_names[] = {"lookup", "update", "insert+delete", "output"};

/* The i-th key of a run: all entries in an order that no prefetcher guesses. */
static u32 key_at(const struct row *row, u32 i)
{
	return i * 2654435761u & (row->entries - 1);
}

static void fill_key(const struct row *row, u8 *key, u32 number)
{
	memset(key, 0, 40);
	if (row->type == BPF_MAP_TYPE_LPM_TRIE) {
		store_u32(key, 32);
		store_u32(key + 4, number);
	} else {
		store_u32(key, number);
	}
}

/* ---- ours
 * ---------------------------------------------------------------------------------------- */

/* As a program would: a whole word, so that it can be forwarded to the load in the hash. */
static inline void store_key(const struct row *row, u8 *key, u32 number)
{
	if (row->type == BPF_MAP_TYPE_LPM_TRIE)
		store_u32(key + 4, number);
	else if (row->key_size >= 8)
		store_u64(key, number);
	else
		store_u32(key, number);
}

static double ours(const struct row *row)
{
	struct map_params params = {row->type, row->key_size, row->key_size ? 8 : 0, row->entries,
		row->flags, .caps = CAP_ALL};
	struct map *map;
	u8 key[40] __attribute__((aligned(8)));
	u64 value = 1, sum = 0, start, best = UINT64_MAX;

	if (map_new(&params, &map))
		return 0;
	for (u32 i = 0; i < row->entries && row->op != OP_OUTPUT; i++) {
		fill_key(row, key, i);
		if (row->op != OP_CHURN)
			map->ops->update(map, key, &value, 0, 0);
	}
	for (u32 round = 0; round < ROUNDS; round++) {
		start = os_time_ns(OS_CLOCK_MONOTONIC);
		for (u32 i = 0; i < LOOPS; i++) {
			u32 number = key_at(row, round * LOOPS + i);
			u64 *found;

			store_key(row, key, number);
			switch (row->op) {
			case OP_LOOKUP:
				found = map->ops->lookup(map, key, 0);
				sum += found ? *found : 0;
				break;
			case OP_UPDATE: map->ops->update(map, key, &value, 0, 0); break;
			case OP_CHURN:
				map->ops->update(map, key, &value, 0, 0);
				map->ops->remove(map, key);
				break;
			case OP_OUTPUT:
				ringbuf_output(map, &value, 8, BPF_RB_NO_WAKEUP);
				*(u64 *)map->region += 16; /* and consumed at once */
				break;
			}
		}
		best = MIN(best, os_time_ns(OS_CLOCK_MONOTONIC) - start);
	}
	map_unref(map);
	return sum == 1 ? 0 : (double)best / LOOPS;
}

/* ---- the kernel's
 * -------------------------------------------------------------------------------- */

static int kernel_bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static struct bpf_insn insns[128];
static u32 insn_count;

static void emit(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	insns[insn_count++] = (struct bpf_insn){code, dst, src, off, imm};
}

static void emit_call(const struct row *row, int map, s32 id, s16 key_off)
{
	emit(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map);
	emit(0, 0, 0, 0, 0);
	emit(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
	emit(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, row->op == OP_OUTPUT ? -8 : key_off);
	if (id == BPF_FUNC_map_update_elem) {
		emit(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0);
		emit(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -8);
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
	} else if (id == BPF_FUNC_ringbuf_output) {
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 8);
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, BPF_RB_NO_WAKEUP);
	}
	emit(BPF_JMP | BPF_CALL, 0, 0, 0, id);
}

/* r6 counts down from LOOPS, r7 is the key's number (start comes from the packet). */
static void build(const struct row *row, int map, bool has_op)
{
	s16 key_off = -56, number_off = row->type == BPF_MAP_TYPE_LPM_TRIE ? -52 : -56;
	u32 top;

	insn_count = 0;
	for (s16 off = -56; off < -8; off += 8)
		emit(BPF_ST | BPF_MEM | BPF_DW, 10, 0, off, 0);
	if (row->type == BPF_MAP_TYPE_LPM_TRIE)
		emit(BPF_ST | BPF_MEM | BPF_W, 10, 0, key_off, 32);
	emit(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 1);
	emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
	emit(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0);
	emit(BPF_ALU64 | BPF_MOV | BPF_K, 6, 0, 0, (s32)LOOPS);
	top = insn_count;
	emit(BPF_ALU | BPF_MOV | BPF_X, 1, 7, 0, 0);
	emit(BPF_ALU | BPF_MUL | BPF_K, 1, 0, 0, (s32)2654435761u);
	emit(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, (s32)(row->entries - 1));
	emit(BPF_STX | BPF_MEM | (row->key_size >= 8 && number_off == key_off ? BPF_DW : BPF_W), 10,
		1, number_off, 0);
	if (has_op) {
		static const s32 ids[] = {BPF_FUNC_map_lookup_elem, BPF_FUNC_map_update_elem,
			BPF_FUNC_map_update_elem, BPF_FUNC_ringbuf_output};

		emit_call(row, map, ids[row->op], key_off);
		if (row->op == OP_CHURN)
			emit_call(row, map, BPF_FUNC_map_delete_elem, key_off);
		if (row->op == OP_LOOKUP) {
			emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, 0);
			emit(BPF_LDX | BPF_MEM | BPF_DW, 1, 0, 0, 0);
		}
	}
	emit(BPF_ALU64 | BPF_ADD | BPF_K, 7, 0, 0, 1);
	emit(BPF_ALU64 | BPF_ADD | BPF_K, 6, 0, 0, -1);
	emit(BPF_JMP | BPF_JNE | BPF_K, 6, 0, (s16)((s32)top - (s32)insn_count - 1), 0);
	emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Nanoseconds of one loop, or 0. */
static double time_program(const struct row *row, int map, bool has_op)
{
	u8 packet[64] = {0};
	union bpf_attr attr;
	u32 best = UINT32_MAX;
	int fd;

	build(row, map, has_op);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = insn_count;
	attr.license = (uintptr_t) "GPL";
	fd = kernel_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		return 0;
	for (u32 round = 0; round < ROUNDS; round++) {
		memset(&attr, 0, sizeof(attr));
		attr.test.prog_fd = (u32)fd;
		attr.test.data_in = (uintptr_t)packet;
		attr.test.data_size_in = sizeof(packet);
		attr.test.repeat = 1;
		if (kernel_bpf(BPF_PROG_TEST_RUN, &attr))
			break;
		best = MIN(best, attr.test.duration);
	}
	close(fd);
	return best == UINT32_MAX ? 0 : (double)best / LOOPS;
}

static double kernels(const struct row *row)
{
	union bpf_attr attr;
	u8 key[40];
	u64 value = 1;
	double with, without;
	int map;

	if (row->op == OP_OUTPUT)
		return 0; /* nobody consumes within the loop: it would measure a full ring */
	memset(&attr, 0, sizeof(attr));
	attr.map_type = row->type;
	attr.key_size = row->key_size;
	attr.value_size = row->key_size ? 8 : 0;
	attr.max_entries = row->entries;
	attr.map_flags = row->flags;
	map = kernel_bpf(BPF_MAP_CREATE, &attr);
	if (map < 0)
		return 0;
	for (u32 i = 0; i < row->entries && row->op != OP_CHURN; i++) {
		u64 all[256] = {1};

		fill_key(row, key, i);
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (u32)map;
		attr.key = (uintptr_t)key;
		attr.value = (uintptr_t)(row->type == BPF_MAP_TYPE_PERCPU_HASH ||
					row->type == BPF_MAP_TYPE_PERCPU_ARRAY
				? all
				: &value);
		kernel_bpf(BPF_MAP_UPDATE_ELEM, &attr);
	}
	with = time_program(row, map, true);
	without = time_program(row, map, false);
	close(map);
	return with > without ? with - without : 0;
}

int main(int argc, char **argv)
{
	printf("kind\tkey\tentries\toperation\tours_ns\tkernel_ns\tkernel/ours\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		double us, them;

		if (argc > 1 && strcmp(argv[1], row->name) != 0)
			continue;
		us = ours(row);
		them = kernels(row);
		printf("%s\t%u\t%u\t%s\t%.1f\t", row->name, row->key_size, row->entries,
			op_names[row->op], us);
		if (them > 0)
			printf("%.1f\t%.2f\n", them, them / us);
		else
			printf("-\t-\n");
		fflush(stdout);
	}
	return 0;
}
