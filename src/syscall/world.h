/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of one load: see verify/verify.h. */
#ifndef SYSCALL_WORLD_H
#define SYSCALL_WORLD_H

#include "base/arena.h"
#include "syscall/instance.h"

struct load_world {
	struct verify_world world;
	struct hachi *h;
	struct arena *arena;
	u64 fd_array;	      /* the caller's address, or 0 */
	struct map *maps[64]; /* references owned */
	const struct verify_map *described[64];
	u32 map_count;
	struct btf_object *btfs[64]; /* references owned */
	u32 btf_count;
};

void load_world_init(struct load_world *lw, struct hachi *h, struct arena *arena, u64 fd_array);
void load_world_release(struct load_world *lw);
/* An entry of an fd_array whose length was told: a map or a BTF object, bound to the program. */
int load_world_add_fd(struct load_world *lw, s32 fd);

#endif
