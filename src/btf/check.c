// SPDX-License-Identifier: BSD-2-Clause
/*
 * The order of BPF_BTF_LOAD's checks of the type section: every record alone, all references, the
 * places of type tags. Also the log lines that all of them write. Lines, their order and errno are
 * the kernel's; btf_test.c holds them against the running kernel.
 */
#include "btf/check.h"
#include "base/alloc.h"

#define NAME_LEN_MAX 512 /* the kernel's KSYM_NAME_LEN */

/* ---- log ------------------------------------------------------------------------------------ */

static void log_proto(struct check_env *env, const struct btf_type *t)
{
	const struct btf_param *p = btype_params(t);
	u32 count = btype_vlen(t);

	log_printf(env->log, "return=%u args=(", t->type);
	if (count == 0)
		log_printf(env->log, "void");
	for (u32 i = 0; i < count; i++) {
		/* Only the last may be the "..." of a variadic function. */
		if (i == count - 1 && !p[i].type)
			log_printf(env->log, i ? ", vararg" : "vararg");
		else
			log_printf(env->log, i ? ", %u %s" : "%u %s", p[i].type,
				btype_log_name(env->btf, p[i].name_off));
	}
	log_printf(env->log, ")");
}

static const char *encoding_name(u8 encoding)
{
	switch (encoding) {
	case 0: return "(none)";
	case BTF_INT_SIGNED: return "SIGNED";
	case BTF_INT_CHAR: return "CHAR";
	case BTF_INT_BOOL: return "BOOL";
	default: return "UNKN";
	}
}

static void log_details(struct check_env *env, const struct btf_type *t)
{
	struct log *log = env->log;

	switch (btype_kind(t)) {
	case BTF_KIND_INT: {
		struct btype_int i = btype_int(t);

		log_printf(log, "size=%u bits_offset=%u nr_bits=%u encoding=%s", t->size,
			i.bit_offset, i.bits, encoding_name(i.encoding));
		break;
	}
	case BTF_KIND_ARRAY: {
		const struct btf_array *a = btype_array(t);

		log_printf(log, "type_id=%u index_type_id=%u nr_elems=%u", a->type, a->index_type,
			a->nelems);
		break;
	}
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_DATASEC: log_printf(log, "size=%u vlen=%u", t->size, btype_vlen(t)); break;
	case BTF_KIND_FWD: log_printf(log, "%s", btype_kflag(t) ? "union" : "struct"); break;
	case BTF_KIND_FUNC_PROTO: log_proto(env, t); break;
	case BTF_KIND_VAR:
		log_printf(log, "type_id=%u linkage=%u", t->type, btype_var_linkage(t));
		break;
	case BTF_KIND_FLOAT: log_printf(log, "size=%u", t->size); break;
	case BTF_KIND_DECL_TAG:
		log_printf(log, "type=%u component_idx=%d", t->type, btype_tag_component(t));
		break;
	default: log_printf(log, "type_id=%u", t->type); break;
	}
}

static void log_record(struct check_env *env, const struct btf_type *t, bool has_details,
	const char *format, va_list args)
{
	if (!log_is_on(env->log))
		return;
	log_printf(env->log, "[%u] %s %s%s", env->log_id, btype_kind_name(btype_kind(t)),
		btype_log_name(env->btf, t->name_off), has_details ? " " : "");
	if (has_details)
		log_details(env, t);
	if (format && *format) {
		log_printf(env->log, " ");
		log_vprintf(env->log, format, args);
	}
	log_printf(env->log, "\n");
}

void check_log_type(struct check_env *env, const struct btf_type *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_record(env, t, true, format, args);
	va_end(args);
}

void check_log_basic(struct check_env *env, const struct btf_type *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_record(env, t, false, format, args);
	va_end(args);
}

void check_log_member(struct check_env *env, const struct btf_type *t, const struct btf_member *m,
	const char *message)
{
	const char *name = btype_log_name(env->btf, m->name_off);

	if (!log_is_on(env->log))
		return;
	if (!env->in_meta)
		check_log_type(env, t, NULL);
	if (btype_kflag(t))
		log_printf(env->log, "\t%s type_id=%u bitfield_size=%u bits_offset=%u", name,
			m->type, BTF_MEMBER_BITFIELD_SIZE(m->offset),
			BTF_MEMBER_BIT_OFFSET(m->offset));
	else
		log_printf(env->log, "\t%s type_id=%u bits_offset=%u", name, m->type, m->offset);
	log_printf(env->log, "%s%s\n", message ? " " : "", message ? message : "");
}

void check_log_var(struct check_env *env, const struct btf_type *t, const struct btf_var_secinfo *v,
	const char *message)
{
	if (!log_is_on(env->log))
		return;
	if (!env->in_meta)
		check_log_type(env, t, NULL);
	log_printf(env->log, "\t type_id=%u offset=%u size=%u%s%s\n", v->type, v->offset, v->size,
		message ? " " : "", message ? message : "");
}

/* ---- names ---------------------------------------------------------------------------------- */

static bool is_alpha(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

static bool is_print(u8 c)
{
	return (c >= 0x20 && c < 0x7f) || c >= 0xa0;
}

bool check_is_name_offset(const struct btf *btf, u32 offset)
{
	return offset <= BTF_MAX_NAME_OFFSET && btype_string(btf, offset);
}

bool check_is_identifier(const struct btf *btf, u32 offset)
{
	const u8 *s = (const u8 *)btype_string(btf, offset);
	u32 i = 0;

	do {
		bool is_digit = s[i] >= '0' && s[i] <= '9';

		if (!is_alpha(s[i]) && s[i] != '_' && s[i] != '.' && !(i && is_digit))
			return false;
	} while (s[++i] && i < NAME_LEN_MAX);
	return !s[i];
}

bool check_is_section_name(const struct btf *btf, u32 offset)
{
	const u8 *s = (const u8 *)btype_string(btf, offset);
	u32 i = 0;

	if (!*s)
		return false;
	for (; s[i] && i < NAME_LEN_MAX; i++)
		if (!is_print(s[i]))
			return false;
	return !s[i];
}

/* ---- the phases ----------------------------------------------------------------------------- */

static int add_record(struct check_env *env, u32 offset, u32 *cap)
{
	struct btf *btf = env->btf;

	/* The kernel counts void among a base's types, and goes on without those past the limit. */
	if (btf->first_id + btf->count >= BTF_MAX_TYPE) {
		log_printf(env->log, "Exceeded max num of types");
		return 0;
	}
	if (btf->count == *cap) {
		u32 *grown = mem_realloc(btf->offsets, (*cap * 2 + 64) * sizeof(u32));

		if (!grown)
			return -ENOMEM;
		btf->offsets = grown;
		*cap = *cap * 2 + 64;
	}
	btf->offsets[btf->count++] = offset;
	return 0;
}

static int check_records(struct check_env *env)
{
	const struct btf *btf = env->btf;
	u32 cap = 0, at = 0, end = btf->header.type_len;

	env->in_meta = true;
	env->log_id = btf->first_id;
	while (at < end) {
		int len = check_record(env, (const struct btf_type *)(btf->types + at), end - at);
		int err = len < 0 ? len : add_record(env, at, &cap);

		if (err)
			return err;
		at += (u32)len;
		env->log_id++;
	}
	return 0;
}

/* Type tags stand directly behind the pointer, before const and the like; chains are short. */
static int check_tag_chain(struct check_env *env, u32 id, u32 good_id)
{
	const struct btf_type *t = btype_by_id(env->btf, id);
	bool in_tags = btype_kind(t) == BTF_KIND_TYPE_TAG;
	u32 left = BTYPE_DEPTH_MAX;

	for (; btype_is_mod(t); t = btype_by_id(env->btf, id)) {
		if (left-- == 0) {
			log_printf(env->log, "Max chain length or cycle detected");
			return -ELOOP;
		}
		if (btype_kind(t) != BTF_KIND_TYPE_TAG) {
			in_tags = false;
		} else if (!in_tags) {
			log_printf(env->log, "Type tags don't precede modifiers");
			return -EINVAL;
		}
		if (id <= good_id)
			break;
		id = t->type;
	}
	return 0;
}

static int check_tags(struct check_env *env)
{
	u32 count = btype_count(env->btf);

	for (u32 id = env->btf->first_id; id < count; id++) {
		int err = check_tag_chain(env, id, id - 1);

		if (err)
			return err;
	}
	return 0;
}

int btype_check(struct btf *btf, const struct btype_options *opts, struct log *log)
{
	struct check_env env = {.btf = btf, .opts = opts, .log = log};
	int err = check_records(&env);

	if (err)
		return err;
	btf->resolved = mem_calloc(btf->count + 1, sizeof(u32));
	btf->sizes = mem_calloc(btf->count + 1, sizeof(u32));
	env.visits = mem_zalloc(btf->count + 1);
	err = btf->resolved && btf->sizes && env.visits ? check_references(&env) : -ENOMEM;
	if (!err)
		err = check_tags(&env);
	mem_free(env.visits);
	return err;
}
