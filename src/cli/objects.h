/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects as command lines name them: id N, pinned FILE, name NAME, tag TAG; what is known about a
 * descriptor beside its info record. Everything through bpf(2), so on either backend.
 */
#ifndef CLI_OBJECTS_H
#define CLI_OBJECTS_H

#include "base/vec.h"
#include "cli/words.h"

#include <linux/bpf.h>

enum object_kind { OBJECT_PROG, OBJECT_MAP, OBJECT_LINK, OBJECT_BTF };

struct object_fds {
	VEC(int) list; /* owned */
};

void object_fds_release(struct object_fds *fds);
/* All objects that the next words mean: at least one, or WORDS_FAILED. */
int object_parse_all(struct words *w, enum object_kind kind, struct object_fds *ret_fds);
/* Exactly one. The descriptor, or WORDS_FAILED. */
int object_parse(struct words *w, enum object_kind kind);
int object_parse_map(struct words *w, struct bpf_map_info *ret_info); /* and its record */

/*
 * Calls fn for every object, until it fails. Objects that go away meanwhile are skipped. fn owns
 * no descriptor: it is closed after the call.
 */
int object_for_each(struct words *w, enum object_kind kind,
	int (*fn)(struct words *w, int fd, u32 id, void *arg), void *arg);

/* Before a listing: says so where there can be nothing to list. */
void object_explain_empty(struct words *w);

int object_get_by_id(enum object_kind kind, u32 id); /* a descriptor or -errno */
void object_close(struct words *w, int fd);

/* A value of /proc/self/fdinfo; false when there is none. */
bool object_fdinfo(struct words *w, int fd, const char *key, char *buf, size_t size);

#define OBJECT_NAME_SIZE 128
/* The program's whole name, from its BTF when the record's was cut. */
void object_prog_name(int fd, const struct bpf_prog_info *info, char buf[OBJECT_NAME_SIZE]);

/* Pins `fd` at path; mounts a BPF file system on its folder when it must and may. */
int object_pin(struct words *w, int fd, const char *path);
/* The user backend does not pin there: says where it does. WORDS_FAILED. */
int object_pin_refused(struct words *w, const char *path);
/* `... OBJECT FILE` */
int object_pin_command(struct words *w, enum object_kind kind);
/* The path lies where objects can be pinned, mounted when it must be; is_dir: it is a folder. */
int object_prepare_pin(struct words *w, const char *path, bool is_dir);

/*
 * Values by id, in the order in which bpftool lists them: newest first, and turned round each time
 * that a hash table of its size would grow.
 */
struct object_index_entry {
	u32 id, value;
	char *text; /* owned */
};

struct object_index {
	VEC(struct object_index_entry) entries;
	size_t cap; /* of that table */
};

int object_index_add(struct object_index *index, u32 id, u32 value, const char *text);
void object_index_release(struct object_index *index);
/* The entry behind `after` (NULL = the first) with this id, or NULL. */
const struct object_index_entry *object_index_next(
	const struct object_index *index, const struct object_index_entry *after, u32 id);
/* Paths by object id: of the pinned objects of this kind. Empty without -f. */
int object_pinned(struct words *w, enum object_kind kind, struct object_index *ret_index);
void object_print_pinned(struct words *w, const struct object_index *index, u32 id);
bool object_index_is_empty(const struct object_index *index);

#endif
