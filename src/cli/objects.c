// SPDX-License-Identifier: BSD-2-Clause
#include "cli/objects.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What differs between the kinds; the sentences are bpftool's. */
struct kind_ops {
	const char *noun, *plural, *words;
	int (*next_id)(u32 id, u32 *ret_id);
	int (*fd_by_id)(u32 id);
	bool has_tag, has_name, has_pin;
	const char *loop_error;
};

static const struct kind_ops kinds[] = {
	[OBJECT_PROG] = {"prog", "programs", "'id', 'tag', 'name' or 'pinned'",
		bpf_prog_get_next_id, bpf_prog_get_fd_by_id, true, true, true, "program"},
	[OBJECT_MAP] = {"map", "maps", "'id', 'name' or 'pinned'", bpf_map_get_next_id,
		bpf_map_get_fd_by_id, false, true, true, "map"},
	[OBJECT_LINK] = {"link", "links", "'id' or 'pinned'", bpf_link_get_next_id,
		bpf_link_get_fd_by_id, false, false, true, "link"},
	[OBJECT_BTF] = {"BTF object", "BTF objects", "'id'", bpf_btf_get_next_id,
		bpf_btf_get_fd_by_id, false, false, false, "BTF object"},
};

void object_close(struct words *w, int fd)
{
	(void)w;
	if (fd >= 0)
		close(fd);
}

void object_fds_release(struct object_fds *fds)
{
	while (fds->list.len)
		close(vec_pop(&fds->list));
	vec_release(&fds->list);
}

int object_get_by_id(enum object_kind kind, u32 id)
{
	int fd = kinds[kind].fd_by_id(id);

	return fd < 0 ? -errno : fd;
}

int object_for_each(struct words *w, enum object_kind kind,
	int (*fn)(struct words *w, int fd, u32 id, void *arg), void *arg)
{
	const struct kind_ops *ops = &kinds[kind];
	u32 id = 0;
	int fd, err;

	for (;;) {
		if (ops->next_id(id, &id))
			return errno == ENOENT
				? 0
				: words_error_errno(w, errno, "can't get next %s", ops->loop_error);
		fd = object_get_by_id(kind, id);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return words_error_errno(w, fd, "can't get %s by id (%u)", ops->noun, id);
		err = fn(w, fd, id, arg);
		close(fd);
		if (err)
			return err;
	}
}

void object_explain_empty(struct words *w)
{
	if (w->h && !w->is_batch)
		words_info(w,
			"The user backend has no objects outside a run: they live in one "
			"`hachi run`, `hachi exec` or `hachi batch`.");
}

/* ---- names ---------------------------------------------------------------------------------- */

void object_prog_name(int fd, const struct bpf_prog_info *info, char buf[OBJECT_NAME_SIZE])
{
	struct bpf_func_info func = {0};
	struct bpf_prog_info more = {0};
	u32 len = sizeof(more);
	const struct btf_type *type;
	const char *name = NULL;
	struct btf *btf;

	str_copy(buf, OBJECT_NAME_SIZE, info->name);
	if (strlen(info->name) < BPF_OBJ_NAME_LEN - 1 || !info->btf_id || !info->nr_func_info)
		return;
	more.nr_func_info = 1;
	more.func_info_rec_size = MIN(info->func_info_rec_size, (u32)sizeof(func));
	more.func_info = (u64)(uintptr_t)&func;
	if (bpf_obj_get_info_by_fd(fd, &more, &len))
		return;
	btf = btf__load_from_kernel_by_id(info->btf_id);
	type = btf ? btf__type_by_id(btf, func.type_id) : NULL;
	if (type && btf_is_func(type))
		name = btf__name_by_offset(btf, type->name_off);
	if (name)
		str_copy(buf, OBJECT_NAME_SIZE, name);
	btf__free(btf);
}

struct search {
	struct object_fds *found;
	enum object_kind kind;
	const char *name; /* or */
	const u8 *tag;
};

static int match_prog(const struct search *search, int fd)
{
	struct bpf_prog_info info = {0};
	char name[OBJECT_NAME_SIZE];
	u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (search->tag)
		return memcmp(info.tag, search->tag, sizeof(info.tag)) == 0;
	object_prog_name(fd, &info, name);
	return strcmp(name, search->name) == 0;
}

static int match_map(const struct search *search, int fd)
{
	struct bpf_map_info info = {0};
	u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	return strncmp(search->name, info.name, BPF_OBJ_NAME_LEN) == 0;
}

static int try_match(struct words *w, int fd, u32 id, void *arg)
{
	struct search *search = arg;
	int copy, match;

	match = search->kind == OBJECT_PROG ? match_prog(search, fd) : match_map(search, fd);
	if (match < 0)
		return words_error_errno(
			w, match, "can't get %s info (%u)", kinds[search->kind].noun, id);
	if (!match)
		return 0;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0 || vec_push(&search->found->list, copy)) {
		object_close(w, copy);
		return words_error(w, "%s", strerror(errno));
	}
	return 0;
}

static bool parse_tag(const char *text, u8 tag[BPF_TAG_SIZE])
{
	return sscanf(text, "%02hhx%02hhx%02hhx%02hhx%02hhx%02hhx%02hhx%02hhx", tag, tag + 1,
		       tag + 2, tag + 3, tag + 4, tag + 5, tag + 6, tag + 7) == BPF_TAG_SIZE;
}

/* ---- the notation --------------------------------------------------------------------------- */

static int kind_of_fd(struct words *w, int fd)
{
	char path[64], target[128];
	ssize_t n;

	if (w->h) {
		switch (hachi_fd_kind(w->h, fd)) {
		case HACHI_FD_MAP: return OBJECT_MAP;
		case HACHI_FD_PROG: return OBJECT_PROG;
		case HACHI_FD_LINK: return OBJECT_LINK;
		default: return -1;
		}
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	return strstr(target, "bpf-map")     ? OBJECT_MAP
		: strstr(target, "bpf-prog") ? OBJECT_PROG
		: strstr(target, "bpf-link") ? OBJECT_LINK
					     : -1;
}

static int open_pinned(struct words *w, enum object_kind kind, const char *path)
{
	int fd = bpf_obj_get(path), actual;

	if (fd < 0 && w->h)
		return words_error(w,
			"bpf obj get (%s): %s (pins of the user backend live as long as its "
			"instance: one run, or one `hachi batch`)",
			path, strerror(errno));
	if (fd < 0)
		return words_error_errno(w, errno, "bpf obj get (%s)", path);
	actual = kind_of_fd(w, fd);
	if (actual == (int)kind)
		return fd;
	object_close(w, fd);
	return words_error(
		w, "incorrect object type: %s", actual < 0 ? "unknown" : kinds[actual].noun);
}

static int parse_one_id(struct words *w, enum object_kind kind)
{
	u32 id;
	int fd;

	if (words_u32(w, "ID", &id))
		return WORDS_FAILED;
	fd = object_get_by_id(kind, id);
	if (fd >= 0)
		return fd;
	if (fd == -EPERM)
		return words_error_errno(w, fd, "get %s by id (%u)", kinds[kind].noun, id);
	switch (kind) {
	case OBJECT_PROG: return words_error(w, "get by id (%u): %s", id, strerror(-fd));
	case OBJECT_MAP: return words_error(w, "get map by id (%u): %s", id, strerror(-fd));
	case OBJECT_LINK:
		return words_error(w, "failed to get link with ID %u: %s", id, strerror(-fd));
	case OBJECT_BTF:
		return words_error(w, "can't get BTF object by id (%u): %s", id, strerror(-fd));
	}
	return WORDS_FAILED;
}

static int keep_one(struct words *w, int fd, struct object_fds *fds)
{
	if (fd < 0)
		return WORDS_FAILED;
	if (vec_push(&fds->list, fd)) {
		object_close(w, fd);
		return words_error(w, "%s", strerror(ENOMEM));
	}
	return 0;
}

static int find_by(struct words *w, enum object_kind kind, struct object_fds *fds)
{
	struct search search = {.found = fds, .kind = kind};
	bool is_tag = !words_take(w, "name");
	u8 tag[BPF_TAG_SIZE];
	const char *word;

	if (is_tag)
		words_next(w);
	word = words_next(w);
	if (!word)
		return words_error(w, "expected %s", is_tag ? "a tag" : "a name");
	if (is_tag && !parse_tag(word, tag))
		return words_error(w, "can't parse tag");
	if (!is_tag &&
		strlen(word) > (kind == OBJECT_PROG ? OBJECT_NAME_SIZE : BPF_OBJ_NAME_LEN) - 1)
		return words_error(w, "can't parse name");
	search.tag = is_tag ? tag : NULL;
	search.name = is_tag ? NULL : word;
	return object_for_each(w, kind, try_match, &search);
}

int object_parse_all(struct words *w, enum object_kind kind, struct object_fds *ret_fds)
{
	const struct kind_ops *ops = &kinds[kind];
	const char *word;
	int err;

	if (words_open(w, WORDS_SYSTEM))
		return WORDS_FAILED;
	if (words_take(w, "id"))
		return keep_one(w, parse_one_id(w, kind), ret_fds);
	if ((ops->has_tag && words_peek(w, "tag")) || (ops->has_name && words_peek(w, "name"))) {
		err = find_by(w, kind, ret_fds);
		if (!err && ret_fds->list.len == 0)
			err = words_error(
				w, "no %s matches %s '%s'", ops->noun, w->argv[-2], w->argv[-1]);
		if (err)
			object_fds_release(ret_fds);
		return err;
	}
	if (ops->has_pin && words_take(w, "pinned")) {
		word = words_next(w);
		if (!word)
			return words_error(w, "expected the path of a pinned %s", ops->noun);
		return keep_one(w, open_pinned(w, kind, word), ret_fds);
	}
	if (!w->argc)
		return words_error(w, "expected %s", ops->words);
	return words_error(w, "expected %s, got: '%s'?", ops->words, w->argv[0]);
}

int object_parse(struct words *w, enum object_kind kind)
{
	struct object_fds fds = {0};
	int fd = WORDS_FAILED;

	if (object_parse_all(w, kind, &fds))
		return WORDS_FAILED;
	if (fds.list.len == 1)
		fd = vec_pop(&fds.list);
	else
		words_error(w, "several %s match this handle", kinds[kind].plural);
	object_fds_release(&fds);
	return fd;
}

int object_parse_map(struct words *w, struct bpf_map_info *ret_info)
{
	int fd = object_parse(w, OBJECT_MAP);
	u32 len = sizeof(*ret_info);

	if (fd < 0)
		return fd;
	memset(ret_info, 0, sizeof(*ret_info));
	if (bpf_obj_get_info_by_fd(fd, ret_info, &len) == 0)
		return fd;
	words_error(w, "can't get map info: %s", strerror(errno));
	object_close(w, fd);
	return WORDS_FAILED;
}

bool object_fdinfo(struct words *w, int fd, const char *key, char *buf, size_t size)
{
	char path[64], text[4096];
	size_t key_len = strlen(key);
	const char *line;
	ssize_t n = -1;
	int info_fd;

	if (w->h) {
		n = (ssize_t)hachi_fdinfo(w->h, fd, text, sizeof(text) - 1);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		info_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (info_fd >= 0) {
			n = read(info_fd, text, sizeof(text) - 1);
			close(info_fd);
		}
	}
	if (n < 0 || n >= (ssize_t)sizeof(text))
		return false;
	text[n] = 0;
	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, key, key_len) != 0 || line[key_len] != ':')
			continue;
		line += key_len + 1;
		line += strspn(line, " \t");
		snprintf(buf, size, "%.*s", (int)strcspn(line, "\n"), line);
		return *buf;
	}
	return false;
}

/* ---- in bpftool's order --------------------------------------------------------------------- */

/*
 * bpftool keeps such lists in libbpf's hash table, whose chains grow at their head and are
 * reversed when the table grows: one entry more than three quarters of 4, 8, 16, ...
 */
int object_index_add(struct object_index *index, u32 id, u32 value, const char *text)
{
	struct object_index_entry entry = {id, value, text ? strdup(text) : NULL};
	size_t len = index->entries.len;

	if (text && !entry.text)
		return -ENOMEM;
	if (index->cap == 0 || (len + 1) * 4 / 3 > index->cap) {
		index->cap = index->cap ? index->cap * 2 : 4;
		for (size_t i = 0; i < len / 2; i++) {
			struct object_index_entry swap = index->entries.data[i];

			index->entries.data[i] = index->entries.data[len - 1 - i];
			index->entries.data[len - 1 - i] = swap;
		}
	}
	if (vec_push(&index->entries, entry)) {
		free(entry.text);
		return -ENOMEM;
	}
	return 0;
}

void object_index_release(struct object_index *index)
{
	while (index->entries.len)
		free(vec_pop(&index->entries).text);
	vec_release(&index->entries);
}

bool object_index_is_empty(const struct object_index *index)
{
	return index->entries.len == 0;
}

const struct object_index_entry *object_index_next(
	const struct object_index *index, const struct object_index_entry *after, u32 id)
{
	size_t i = after ? (size_t)(after - index->entries.data) : index->entries.len;

	while (i-- > 0)
		if (index->entries.data[i].id == id)
			return &index->entries.data[i];
	return NULL;
}
