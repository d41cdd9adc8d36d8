/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A map: one relocatable shared region (a memfd) and a private handle on it. The region holds
 * offsets and ids, never pointers; its locks are process-shared and recover from a dead owner. Its
 * layout starts with what mmap() of the map shows (array values; ring buffer: consumer page,
 * producer page, twice the data); control data follows, the header in the last page, so that
 * another process can open the map from its descriptor alone.
 *
 * Elements are addresses in this process's mapping and stay readable for the map's life (deleted
 * elements may be reused, as preallocated ones in the kernel). Errors are those of the kernel's
 * map operations: -E2BIG full, -EEXIST, -ENOENT, -EINVAL, -EBUSY, ...
 */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include "base/epoch.h"
#include "base/types.h"
#include "btf/btf.h"
#include "spec/progtype.h"
#include <hachi/abi.h>

struct map;

/* As in BPF_MAP_CREATE. */
struct map_params {
	u32 type, key_size, value_size, max_entries, flags;
	u64 extra;
	char name[16];
	u32 ifindex, numa_node;
	u32 caps;	   /* enum spec_caps of the creator */
	bool may_be_shape; /* see map_is_shape() */
};

/* Objects that a map's slots refer to: inner maps, programs, perf events. By id in the region. */
struct map_object_ops {
	/* Takes a reference on the object that fd names, if it may stand in this map; its id. */
	int (*get)(struct map *map, s32 fd, void **ret_object, u32 *ret_id);
	void (*put)(struct map *map, void *object);
	/*
	 * The slot holds this object now (NULL = none); called with the map's lock held and before
	 * the old object is put. May be NULL.
	 */
	void (*changed)(struct map *map, u32 slot, void *object);
};

struct map_ops {
	/* Create-time rules (map_alloc_check): 0 or -errno. */
	int (*check)(const struct map_params *params);
	/* Bytes of the region without the header page; 0 or -E2BIG, -ENOMEM. */
	int (*region_size)(const struct map_params *params, u64 *ret_size);
	/* Fills private state and, in a new (zeroed) region, the control data. */
	int (*init)(struct map *map, bool is_new);
	void (*release)(struct map *map); /* drops private state and references */

	/* For programs. lookup returns the element for that CPU, or NULL. */
	void *(*lookup)(struct map *map, const void *key, u32 cpu);
	int (*update)(struct map *map, const void *key, const void *value, u64 flags, u32 cpu);
	int (*remove)(struct map *map, const void *key);
	int (*push)(struct map *map, const void *value, u64 flags);
	int (*pop)(struct map *map, void *value);
	int (*peek)(struct map *map, void *value);
	/* Calls fn(key, value) for each element; stops when it returns non-zero. Count or -errno.
	 */
	int (*for_each)(struct map *map, u32 cpu, int (*fn)(void *arg, void *key, void *value),
		void *arg, u64 flags);

	/* For bpf(2): whole values are copied; per-CPU values are all CPUs', 8-byte aligned each.
	 */
	int (*copy_out)(struct map *map, const void *key, void *value, u64 flags);
	int (*copy_in)(struct map *map, const void *key, const void *value, u64 flags);
	int (*take)(struct map *map, const void *key, void *value, u64 flags); /* and delete */
	/* key NULL = first; -ENOENT at the end. */
	int (*next_key)(struct map *map, const void *key, void *ret_next);

	/*
	 * For batches of hashes: keys and values of the first bucket from *bucket on that holds
	 * something, as they are under its lock, and deleted when is_take. *bucket becomes the next
	 * one. -ENOENT: none is left; -ENOSPC: it holds more than max.
	 */
	int (*bucket)(struct map *map, u32 *bucket, u32 max, u8 *keys, u8 *values, u64 flags,
		bool is_take, u32 *ret_count);

	/* Address of the values for BPF_PSEUDO_MAP_VALUE, or 0 (arrays). */
	u64 (*direct_value)(struct map *map);
	/* What mmap may show: bytes from the start of the region; 0 = nothing. */
	u64 (*mmap_size)(const struct map *map);
	int (*mmap_check)(const struct map *map, u64 off, u64 len, bool is_write);
	/* Whether a reader would find data (ring buffers). */
	bool (*has_data)(struct map *map);
};

struct map {
	const struct map_ops *ops;
	struct map_params params;
	u32 id;
	u32 refs;      /* of descriptors, programs, pins, other maps; atomic */
	u32 user_refs; /* of descriptors and pins; at zero a prog array is emptied; see syscall/ */
	u32 elem_size; /* bytes of one value in the region, rounded up to 8 */
	/* Arrays: what an index is masked with, for speculation's sake; all ones: it need not be.
	 */
	u32 index_mask;
	u32 cpu_count; /* per-CPU kinds: CPUs laid out; else 1 */
	int fd;	       /* memfd, owned */
	u8 *region;    /* mapping, owned */
	u64 region_size, mmap_bytes;
	/*
	 * Arrays: element 0 (of CPU 0). Per-CPU kinds: the copy of CPU n of any value stands
	 * n * cpu_stride further.
	 */
	u8 *values;
	u64 cpu_stride;
	struct btf *btf; /* owned reference, or NULL */
	u32 btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id;
	struct btype_fields *fields; /* owned; special fields of the value, or NULL */
	u32 is_frozen;
	u32 write_active; /* user writes under way and writable mappings, against freeze */
	struct map *inner_template; /* maps of maps: the shape of their elements; owned */
	const struct map_object_ops *object_ops;
	/*
	 * Private, parallel to slots, of maps of objects; a u32 count stands 8 bytes before the
	 * first. Written with release; put() is called after that, possibly while readers still
	 * hold the object (see base/epoch.h).
	 */
	void **objects;
	void *owner;  /* struct hachi, for object_ops; opaque here */
	void *priv;   /* of the kind */
	void *tails;  /* prog arrays: what engines read (prog/tail.c); plain memory, owned */
	int event_fd; /* stand-in for poll, or -1 */
	u64 created_ns;
	u32 creator_uid;
	/* prog arrays: what the first program fixed; see syscall/ */
	u32 owner_prog_type;
	bool owner_jited;
	void (*free_hook)(struct map *map); /* called before the last reference frees it */
	struct epoch_node epoch;	    /* freed when no run can hold it any more */
};

/* Every kind that this build serves; NULL when it does not. */
const struct map_ops *map_ops_for(u32 type);
/* Also those of which this build knows nothing but the shape. */
const struct map_ops *map_ops_or_shape_for(u32 type);
bool map_is_shape(const struct map *map);

/* Checks, creates the region. The map starts with one reference. */
int map_new(const struct map_params *params, struct map **ret_map);
/*
 * A second handle, in this or another process, on the region that fd (a memfd) holds; takes over
 * fd. Objects in slots are not resolved. -EINVAL: no region of ours; -EXDEV: made in another pid
 * namespace, where we could not tell the dead from the living.
 */
int map_open(int own_fd, struct map **ret_map);
void map_ref(struct map *map);
void map_unref(struct map *map);

/* Bytes of a value as bpf(2) copies it: value_size, or for per-CPU kinds all CPUs'. */
u32 map_user_value_size(const struct map *map);
bool map_is_per_cpu(const struct map *map);
/* Whether an inner map may stand in a map of maps (bpf_map_meta_equal). */
bool map_same_shape(const struct map *a, const struct map *b);
/* Whether maps of maps may hold maps like this: 0, -EINVAL (is one itself) or -ENOTSUPP (524). */
int map_inner_check(const struct map *inner);
/* The handle on a region that is mapped at this address (its first byte). */
struct map *map_of_region(const u8 *region);

/* The kernel's ENOTSUPP, which libc does not name. */
#define MAP_ENOTSUPP 524

#endif
