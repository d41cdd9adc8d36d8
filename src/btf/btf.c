// SPDX-License-Identifier: BSD-2-Clause
/*
 * From bytes to a `struct btf`: header and sections, then either the kernel's full check (check.c)
 * or, for trusted bytes, one pass that finds where each record starts. The copy is placed so that
 * records are 4-byte aligned whatever hdr_len says.
 */
#include "btf/priv.h"
#include "base/alloc.h"
#include "base/hash.h"

static int load_header(struct btf *btf, struct log *log)
{
	struct btf_header *header = &btf->header;
	u32 len;

	if (btf->size < offsetof(struct btf_header, hdr_len) + sizeof(header->hdr_len)) {
		log_printf(log, "hdr_len not found");
		return -EINVAL;
	}
	len = load_u32(btf->data + offsetof(struct btf_header, hdr_len));
	if (btf->size < len) {
		log_printf(log, "btf_header not found");
		return -EINVAL;
	}
	for (u32 i = sizeof(*header); i < len; i++) {
		if (btf->data[i]) {
			log_printf(log, "Unsupported btf_header");
			return -E2BIG;
		}
	}
	memcpy(header, btf->data, MIN((size_t)len, sizeof(*header)));
	return 0;
}

static void log_header(const struct btf_header *header, u32 size, struct log *log)
{
	log_printf(log, "magic: 0x%x\n", header->magic);
	log_printf(log, "version: %u\n", header->version);
	log_printf(log, "flags: 0x%x\n", header->flags);
	log_printf(log, "hdr_len: %u\n", header->hdr_len);
	log_printf(log, "type_off: %u\n", header->type_off);
	log_printf(log, "type_len: %u\n", header->type_len);
	log_printf(log, "str_off: %u\n", header->str_off);
	log_printf(log, "str_len: %u\n", header->str_len);
	log_printf(log, "btf_total_size: %u\n", size);
}

/* The two sections, in whichever order, must fill all that follows the header. */
static int check_sections(const struct btf *btf, struct log *log)
{
	struct {
		u32 off, len;
	} sec[2] = {
		{btf->header.type_off, btf->header.type_len},
		{btf->header.str_off, btf->header.str_len},
	};
	u32 total = 0, expected = btf->size - btf->header.hdr_len;
	bool is_swapped = sec[0].off != sec[1].off ? (s32)(sec[0].off - sec[1].off) > 0
						   : (s32)(sec[0].len - sec[1].len) > 0;
	const char *what = NULL;

	for (u32 i = 0; i < 2 && !what; i++) {
		u32 off = sec[i ^ is_swapped].off, len = sec[i ^ is_swapped].len;

		if (expected < off)
			what = "Invalid section offset";
		else if (total < off)
			what = "Unsupported section found";
		else if (total > off)
			what = "Section overlap found";
		else if (expected - total < len)
			what = "Total section length too long";
		total += len;
	}
	if (!what && expected != total)
		what = "Unsupported section found";
	if (!what)
		return 0;
	log_printf(log, "%s", what);
	return -EINVAL;
}

static int check_header(const struct btf *btf, struct log *log)
{
	const struct btf_header *header = &btf->header;

	log_header(header, btf->size, log);
	if (header->magic != BTF_MAGIC) {
		log_printf(log, "Invalid magic");
		return -EINVAL;
	}
	if (header->version != BTF_VERSION) {
		log_printf(log, "Unsupported version");
		return -BTYPE_ENOTSUPP;
	}
	if (header->flags) {
		log_printf(log, "Unsupported flags");
		return -BTYPE_ENOTSUPP;
	}
	if (!btf->base && btf->size == header->hdr_len) {
		log_printf(log, "No data");
		return -EINVAL;
	}
	return check_sections(btf, log);
}

static int check_strings(struct btf *btf, struct log *log)
{
	u32 len = btf->header.str_len, end = btf->header.hdr_len + btf->header.str_off + len;
	bool is_bad;

	if (end != btf->size) {
		log_printf(log, "String section is not at the end");
		return -EINVAL;
	}
	btf->strings = (const char *)btf->data + end - len;
	if (btf->base && !len)
		return 0;
	is_bad = !len || len - 1 > BTF_MAX_NAME_OFFSET || btf->strings[len - 1] ||
		(!btf->base && btf->strings[0]);
	if (!is_bad)
		return 0;
	log_printf(log, "Invalid string section");
	return -EINVAL;
}

/* Copies the bytes so that the records will stand on 4-byte boundaries. */
static int copy_in(struct btf *btf, const void *data, u32 size)
{
	u32 shift = 0;

	if (size >= 8)
		shift = -load_u32((const u8 *)data + offsetof(struct btf_header, hdr_len)) & 3;
	btf->storage = mem_alloc((size_t)size + 4);
	if (!btf->storage)
		return -ENOMEM;
	if (size)
		memcpy(btf->storage + shift, data, size);
	btf->data = btf->storage + shift;
	btf->size = size;
	return 0;
}

int btype_tail_size(const struct btf_type *t)
{
	int vlen = (int)btype_vlen(t);

	switch (btype_kind(t)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG: return 0;
	case BTF_KIND_INT: return sizeof(u32);
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return vlen * (int)sizeof(struct btf_member);
	case BTF_KIND_ENUM: return vlen * (int)sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return vlen * (int)sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO: return vlen * (int)sizeof(struct btf_param);
	case BTF_KIND_VAR: return sizeof(struct btf_var);
	case BTF_KIND_DATASEC: return vlen * (int)sizeof(struct btf_var_secinfo);
	case BTF_KIND_DECL_TAG: return sizeof(struct btf_decl_tag);
	default: return -EINVAL;
	}
}

/* Trusted bytes: one pass for the places of the records, growing the table geometrically. */
static int index_records(struct btf *btf)
{
	u32 cap = 0, end = btf->header.type_len;

	for (u32 at = 0; at < end;) {
		const struct btf_type *t = (const struct btf_type *)(btf->types + at);
		int tail;

		if (end - at < sizeof(*t))
			return -EINVAL;
		tail = btype_tail_size(t);
		if (tail < 0 || end - at - sizeof(*t) < (u32)tail)
			return -EINVAL;
		if (btf->count == cap) {
			u32 *grown;

			cap = cap ? cap * 2 : end / 32 + 16;
			grown = mem_realloc(btf->offsets, cap * sizeof(u32));
			if (!grown)
				return -ENOMEM;
			btf->offsets = grown;
		}
		btf->offsets[btf->count++] = at;
		at += sizeof(*t) + (u32)tail;
	}
	return 0;
}

static int parse_types(struct btf *btf, const struct btype_options *opts, struct log *log)
{
	if (btf->header.type_off & 3) {
		log_printf(log, "Unaligned type_off");
		return -EINVAL;
	}
	if (!btf->base && !btf->header.type_len) {
		log_printf(log, "No type found");
		return -EINVAL;
	}
	btf->types = btf->data + btf->header.hdr_len + btf->header.type_off;
	if (opts->is_trusted)
		return index_records(btf);
	return btype_check(btf, opts, log);
}

static int parse(struct btf *btf, const void *data, u32 size, const struct btype_options *opts,
	struct log *log)
{
	int err = copy_in(btf, data, size);

	if (!err)
		err = load_header(btf, log);
	if (!err)
		err = check_header(btf, log);
	if (!err)
		err = check_strings(btf, log);
	if (!err)
		err = parse_types(btf, opts, log);
	if (!err && !btf->is_kernel)
		err = btype_objects_new(btf, opts->fields_env);
	return err;
}

int btype_parse(const void *data, u32 size, const struct btf *base,
	const struct btype_options *opts, struct log *log, struct btf **ret)
{
	static const struct btype_options defaults;
	struct log no_log;
	struct btf *btf;
	int err;

	if (!opts)
		opts = &defaults;
	if (!log || opts->is_trusted) {
		log_init(&no_log, NULL, 0, 0);
		log = &no_log;
	}
	if (size > BTYPE_SIZE_MAX)
		return -E2BIG;
	btf = mem_zalloc(sizeof(*btf));
	if (!btf)
		return -ENOMEM;
	atomic_init(&btf->refs, 1);
	btf->is_kernel = opts->is_kernel;
	btf->first_id = base ? btype_count(base) : 1;
	btf->first_str = base ? base->first_str + base->header.str_len : 0;
	btf->base = base ? btype_ref(base) : NULL;
	btf->name = opts->name ? mem_strdup(opts->name) : NULL;
	err = opts->name && !btf->name ? -ENOMEM : parse(btf, data, size, opts, log);
	if (err) {
		btype_unref(btf);
		return err;
	}
	*ret = btf;
	return 0;
}

struct btf *btype_ref(const struct btf *btf)
{
	struct btf *own = (struct btf *)btf; /* all but the count is immutable */

	atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
	return own;
}

static void index_free(struct btype_index *index)
{
	if (!index)
		return;
	mem_free(index->heads);
	mem_free(index->nexts);
	mem_free(index);
}

void btype_unref(const struct btf *btf)
{
	struct btf *own = (struct btf *)btf;

	if (!own || atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) != 1)
		return;
	btype_objects_free(own->objects);
	index_free(atomic_load(&own->index));
	mem_free(own->offsets);
	mem_free(own->resolved);
	mem_free(own->sizes);
	mem_free(own->storage);
	mem_free(own->name);
	btype_unref(own->base);
	mem_free(own);
}

/* ---- names to ids --------------------------------------------------------------------------- */

static struct btype_index *index_new(const struct btf *btf)
{
	struct btype_index *index = mem_zalloc(sizeof(*index));
	u32 buckets = 16;

	if (!index)
		return NULL;
	while (buckets < btf->count)
		buckets *= 2;
	index->mask = buckets - 1;
	index->heads = mem_calloc(buckets, sizeof(u32));
	index->nexts = mem_calloc(btf->count + 1, sizeof(u32));
	if (!index->heads || !index->nexts) {
		index_free(index);
		return NULL;
	}
	for (u32 i = btf->count; i-- > 0;) {
		const struct btf_type *t = btype_own(btf, i);
		const char *name = btype_string(btf, t->name_off);
		u32 *head;

		if (!name || !*name)
			continue;
		head = &index->heads[hash_bytes(name, strlen(name), 0) & index->mask];
		index->nexts[i] = *head;
		*head = btf->first_id + i;
	}
	return index;
}

/* Whoever is first publishes; NULL when memory is out. */
static const struct btype_index *index_of(const struct btf *btf)
{
	struct btf *own = (struct btf *)btf;
	struct btype_index *index = atomic_load_explicit(&own->index, memory_order_acquire);
	struct btype_index *mine;

	if (index)
		return index;
	mine = index_new(btf);
	if (!mine)
		return NULL;
	if (atomic_compare_exchange_strong(&own->index, &index, mine))
		return mine;
	index_free(mine);
	return index;
}

static bool is_match(const struct btf *btf, u32 id, const char *name, size_t len, u32 kind)
{
	const struct btf_type *t = btype_own(btf, id - btf->first_id);
	const char *its = btype_string(btf, t->name_off);

	return (!kind || btype_kind(t) == kind) && its && strncmp(its, name, len) == 0 &&
		its[len] == 0;
}

static int find_own(const struct btf *btf, const char *name, size_t len, u32 kind, u32 from_id)
{
	const struct btype_index *index = len ? index_of(btf) : NULL;
	u32 end = btf->first_id + btf->count;

	if (index) {
		u32 id = index->heads[hash_bytes(name, len, 0) & index->mask];

		for (; id; id = index->nexts[id - btf->first_id])
			if (id >= from_id && is_match(btf, id, name, len, kind))
				return (int)id;
		return -ENOENT;
	}
	for (u32 id = MAX(from_id, btf->first_id); id < end; id++)
		if (is_match(btf, id, name, len, kind))
			return (int)id;
	return -ENOENT;
}

int btype_find_own(const struct btf *btf, const char *name, u32 kind, u32 from_id)
{
	return find_own(btf, name, strlen(name), kind, from_id);
}

int btype_find_len(const struct btf *btf, const char *name, size_t len, u32 kind)
{
	int id = btf->base ? btype_find_len(btf->base, name, len, kind) : -ENOENT;

	return id > 0 ? id : find_own(btf, name, len, kind, 0);
}

int btype_find(const struct btf *btf, const char *name, u32 kind)
{
	return btype_find_len(btf, name, strlen(name), kind);
}
