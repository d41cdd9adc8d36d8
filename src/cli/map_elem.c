// SPDX-License-Identifier: BSD-2-Clause
/* `hachi map lookup`, `update`, `delete`, `getnext`, `pop`, ...: one element. */
#include "base/alloc.h"
#include "cli/map.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>

struct element {
	struct bpf_map_info info;
	int fd;	      /* owned */
	u8 *key;      /* owned */
	u8 *value;    /* owned; as a lookup returns it */
	int value_fd; /* owned: the map or program that is the value; -1 = none */
	u64 flags;
};

/* What the words behind the map may be. */
enum { WANT_KEY = 1, WANT_VALUE = 2, WANT_FLAGS = 4 };

/* ---- the words ------------------------------------------------------------------------------ */

static int parse_bytes(struct words *w, const char *name, u8 *bytes, u32 size)
{
	int base = words_take(w, "hex") ? 16 : 0;
	u32 i;

	for (i = 0; i < size && w->argc; i++) {
		const char *word = words_next(w);
		char *end;

		bytes[i] = (u8)strtoul(word, &end, base);
		if (*end)
			return words_error(w, "error parsing byte: %s", word);
	}
	return i == size ? 0 : words_error(w, "%s expected %u bytes got %u", name, size, i);
}

static int parse_object_value(struct words *w, struct element *e)
{
	bool is_map = cli_map_is_of_maps(e->info.type);

	if (e->info.value_size != 4)
		return words_error(
			w, "value smaller than 4B for map %s?", is_map ? "in map" : "of progs");
	if (w->argc < 2)
		return words_error(
			w, "not enough value arguments for map %s", is_map ? "in map" : "of progs");
	if (!is_map && words_peek(w, "id"))
		words_info(w,
			"Warning: updating program array via MAP_ID, make sure this map is "
			"kept open\n"
			"         by some process or pinned otherwise update will be lost");
	e->value_fd = object_parse(w, is_map ? OBJECT_MAP : OBJECT_PROG);
	if (e->value_fd < 0)
		return WORDS_FAILED;
	store_u32(e->value, (u32)e->value_fd);
	return 0;
}

static int parse_value(struct words *w, struct element *e)
{
	u32 step = ALIGN_UP(e->info.value_size, 8u);
	int err;

	if (cli_map_is_of_maps(e->info.type) || cli_map_is_of_progs(e->info.type))
		return parse_object_value(w, e);
	err = parse_bytes(w, "value", e->value, e->info.value_size);
	if (err || !cli_map_is_per_cpu(e->info.type))
		return err;
	for (u64 at = step; at < cli_map_value_bytes(&e->info); at += step)
		memcpy(e->value + at, e->value, e->info.value_size);
	return 0;
}

static bool parse_flags(struct words *w, struct element *e)
{
	if (words_take(w, "any"))
		e->flags = BPF_ANY;
	else if (words_take(w, "noexist"))
		e->flags = BPF_NOEXIST;
	else if (words_take(w, "exist"))
		e->flags = BPF_EXIST;
	else
		return false;
	return true;
}

/* A map without keys (a queue) wants none; want loses what was found. */
static int parse_element(struct words *w, struct element *e, u32 want)
{
	bool has_key = false, has_value = false, has_flags = false;
	int err = 0;

	if (!e->info.key_size)
		want &= ~(u32)WANT_KEY;
	if (!e->info.value_size)
		want &= ~(u32)WANT_VALUE;
	while (!err && w->argc) {
		if (words_take(w, "key")) {
			if (!(want & WANT_KEY))
				return words_error(w, "unnecessary key");
			if (has_key)
				return words_error(w, "duplicate key");
			has_key = true;
			err = parse_bytes(w, "key", e->key, e->info.key_size);
		} else if (words_take(w, "value")) {
			if (!(want & WANT_VALUE))
				return words_error(w, "unnecessary value");
			if (has_value)
				return words_error(w, "duplicate value");
			has_value = true;
			err = parse_value(w, e);
		} else if ((want & WANT_FLAGS) && parse_flags(w, e)) {
			if (has_flags)
				return words_error(
					w, "flags specified multiple times: %s", w->argv[-1]);
			has_flags = true;
		} else {
			err = words_error(w, "expected key or value, got: %s", w->argv[0]);
		}
	}
	if (!err && (want & WANT_KEY) && !has_key)
		return words_error(w, "did not find key");
	if (!err && (want & WANT_VALUE) && !has_value)
		return words_error(w, "did not find value");
	return err;
}

static int element_open(struct words *w, struct element *e)
{
	memset(e, 0, sizeof(*e));
	e->fd = e->value_fd = -1;
	if (w->argc < 2)
		return words_usage(w);
	e->fd = object_parse_map(w, &e->info);
	if (e->fd < 0)
		return WORDS_FAILED;
	e->key = mem_zalloc(e->info.key_size + 1);
	e->value = mem_zalloc(cli_map_value_bytes(&e->info) + 1);
	return e->key && e->value ? 0 : words_error(w, "mem alloc failed");
}

static void element_close(struct words *w, struct element *e)
{
	mem_free(e->key);
	mem_free(e->value);
	object_close(w, e->value_fd);
	object_close(w, e->fd);
}

/* NULL where the map has no keys. */
static u8 *key_of(struct element *e)
{
	return e->info.key_size ? e->key : NULL;
}

/* ---- the commands --------------------------------------------------------------------------- */

static int print_element(struct words *w, struct element *e)
{
	struct show_json json = {.is_pretty = true};
	struct map_format format;
	int err = cli_map_format_open(w, &e->info, &format);

	if (err)
		return 0; /* as bpftool: said, and no failure */
	format.json = &json;
	cli_map_print_entry(w, &format, e->key, e->value);
	if (!w->is_json && format.btf)
		show_json_line(&json, stdout);
	show_json_release(&json);
	cli_map_format_close(&format);
	return 0;
}

/* Says that the call failed; the errno, which bpftool's exit status tells. */
static int fail(struct words *w, const char *what)
{
	int err = -errno;

	words_error_errno(w, err, "%s", what);
	return err;
}

static void print_key(const char *title, const u8 *key, u32 size)
{
	printf("%s\n", title);
	words_hex(key, size, " ");
	printf("\n");
}

int cli_map_lookup(struct words *w)
{
	struct element e;
	int err = element_open(w, &e);

	if (!err)
		err = parse_element(w, &e, WANT_KEY);
	if (!err && bpf_map_lookup_elem(e.fd, key_of(&e), e.value)) {
		err = -errno;
		if (err != -ENOENT) {
			words_error_errno(w, err, "lookup failed");
		} else if (w->is_json) {
			show_json_null(&w->json);
		} else {
			print_key("key:", e.key, e.info.key_size);
			printf("\nNot found\n");
		}
	} else if (!err) {
		err = print_element(w, &e);
	}
	element_close(w, &e);
	return err;
}

int cli_map_update(struct words *w)
{
	struct element e;
	int err = element_open(w, &e);

	if (!err)
		err = parse_element(w, &e, WANT_KEY | WANT_VALUE | WANT_FLAGS);
	if (!err && bpf_map_update_elem(e.fd, key_of(&e), e.value, e.flags))
		err = fail(w, "update failed");
	element_close(w, &e);
	return err ? err : words_done(w);
}

int cli_map_delete(struct words *w)
{
	struct element e;
	int err = element_open(w, &e);

	if (!err)
		err = parse_element(w, &e, WANT_KEY);
	if (!err && bpf_map_delete_elem(e.fd, key_of(&e)))
		err = fail(w, "delete failed");
	element_close(w, &e);
	return err ? err : words_done(w);
}

static void print_next(struct words *w, const u8 *key, const u8 *next, u32 size)
{
	if (!w->is_json) {
		if (key)
			print_key("key:", key, size);
		else
			printf("key: None\n");
		print_key("next key:", next, size);
		return;
	}
	show_json_open(&w->json, '{');
	show_json_key(&w->json, "key");
	if (key)
		show_json_bytes(&w->json, key, size);
	else
		show_json_null(&w->json);
	show_json_key(&w->json, "next_key");
	show_json_bytes(&w->json, next, size);
	show_json_close(&w->json, '}');
}

int cli_map_getnext(struct words *w)
{
	struct element e;
	u8 *next = NULL, *key = NULL;
	int err = element_open(w, &e);

	if (!err && w->argc) {
		key = e.key;
		err = parse_element(w, &e, WANT_KEY);
	}
	if (!err) {
		next = mem_zalloc(e.info.key_size + 1);
		if (!next)
			err = words_error(w, "mem alloc failed");
		else if (bpf_map_get_next_key(e.fd, key, next))
			err = fail(w, "can't get next key");
		else
			print_next(w, key, next, e.info.key_size);
	}
	mem_free(next);
	element_close(w, &e);
	return err;
}

int cli_map_pop(struct words *w)
{
	struct element e;
	int err = element_open(w, &e);

	if (!err && bpf_map_lookup_and_delete_elem(e.fd, key_of(&e), e.value)) {
		err = -errno;
		if (err != -ENOENT)
			words_error_errno(w, err, "pop failed");
		else if (w->is_json)
			show_json_null(&w->json);
		else
			printf("Error: empty map\n");
	} else if (!err) {
		err = print_element(w, &e);
	}
	element_close(w, &e);
	return err;
}

int cli_map_freeze(struct words *w)
{
	int fd, err;

	if (!words_need(w, 2))
		return WORDS_FAILED;
	fd = object_parse(w, OBJECT_MAP);
	if (fd < 0)
		return WORDS_FAILED;
	err = words_end(w) ? 0 : WORDS_FAILED;
	if (!err && bpf_map_freeze(fd))
		err = fail(w, "failed to freeze map");
	object_close(w, fd);
	return err ? err : words_done(w);
}
