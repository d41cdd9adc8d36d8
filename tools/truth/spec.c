// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reading expectations, and matching messages: a pattern is plain text in which {{...}} is an
 * extended regular expression.
 */
#include "spec.h"

#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct reader {
	struct spec *spec;
	bool has[MODE_COUNT]; /* some tag is about this mode */
	bool has_unpriv_result, has_unpriv_retval;
	bool has_arch, is_ours;
};

static const struct {
	const char *name;
	unsigned int flag;
} flag_names[] = {
	{"BPF_F_STRICT_ALIGNMENT", BPF_F_STRICT_ALIGNMENT},
	{"BPF_F_ANY_ALIGNMENT", BPF_F_ANY_ALIGNMENT},
	{"BPF_F_TEST_RND_HI32", BPF_F_TEST_RND_HI32},
	{"BPF_F_TEST_STATE_FREQ", BPF_F_TEST_STATE_FREQ},
	{"BPF_F_SLEEPABLE", BPF_F_SLEEPABLE},
	{"BPF_F_XDP_HAS_FRAGS", BPF_F_XDP_HAS_FRAGS},
	{"BPF_F_TEST_REG_INVARIANTS", 1u << 7},
};

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) ? NULL : text + len;
}

/* "N=text", the number only there to make tags different */
static const char *after_counter(const char *text, const char *prefix)
{
	const char *rest = after(text, prefix);

	rest = rest ? strchr(rest, '=') : NULL;
	return rest ? rest + 1 : NULL;
}

static int add_message(struct expectation *e, const char *text)
{
	const char **grown = realloc(e->messages, (e->message_count + 1) * sizeof(*e->messages));

	if (!grown)
		return -ENOMEM;
	grown[e->message_count++] = text;
	e->messages = grown;
	return 0;
}

static int number_of(const char *text)
{
	if (!strcmp(text, "INT_MIN"))
		return INT_MIN;
	if (!strcmp(text, "POINTER_VALUE"))
		return RETVAL_ANY;
	if (!strcmp(text, "TEST_DATA_LEN"))
		return 64;
	return (int)strtol(text, NULL, 0);
}

static void read_flag(struct spec *spec, const char *text)
{
	bool clear = *text == '!';
	unsigned int flag = 0;
	size_t i;

	text += clear;
	for (i = 0; i < COUNT(flag_names); i++)
		if (!strcmp(text, flag_names[i].name))
			flag = flag_names[i].flag;
	if (!flag)
		flag = (unsigned int)number_of(text);
	if (clear)
		spec->flags_cleared |= flag;
	else
		spec->flags_set |= flag;
}

static void read_arch(struct reader *r, const char *text)
{
#if defined(__x86_64__)
	const char *ours = "X86_64";
#elif defined(__aarch64__)
	const char *ours = "ARM64";
#else
	const char *ours = "";
#endif
	r->has_arch = true;
	r->is_ours |= !strcmp(text, ours);
}

static void read_retval(struct reader *r, enum mode mode, const char *text)
{
	r->spec->mode[mode].retval = number_of(text);
	r->spec->mode[mode].runs = true;
	r->has[mode] = true;
	r->has_unpriv_retval |= mode == MODE_UNPRIV;
}

static void read_result(struct reader *r, enum mode mode, bool fails)
{
	r->spec->mode[mode].fails = fails;
	r->has[mode] = true;
	r->has_unpriv_result |= mode == MODE_UNPRIV;
}

static int read_tag(struct reader *r, const char *tag)
{
	struct spec *spec = r->spec;
	const char *text = after(tag, "comment:test_"), *rest;

	if (!text)
		return 0;
	if (!strcmp(text, "expect_success")) {
		read_result(r, MODE_PRIV, false);
	} else if (!strcmp(text, "expect_failure")) {
		read_result(r, MODE_PRIV, true);
	} else if (!strcmp(text, "expect_success_unpriv")) {
		read_result(r, MODE_UNPRIV, false);
	} else if (!strcmp(text, "expect_failure_unpriv")) {
		read_result(r, MODE_UNPRIV, true);
	} else if (!strcmp(text, "auxiliary")) {
		spec->is_auxiliary[MODE_PRIV] = true;
	} else if (!strcmp(text, "auxiliary_unpriv")) {
		spec->is_auxiliary[MODE_UNPRIV] = true;
	} else if ((rest = after_counter(text, "expect_msg="))) {
		r->has[MODE_PRIV] = true;
		return add_message(&spec->mode[MODE_PRIV], rest);
	} else if ((rest = after_counter(text, "expect_msg_unpriv="))) {
		r->has[MODE_UNPRIV] = true;
		return add_message(&spec->mode[MODE_UNPRIV], rest);
	} else if (after(text, "expect_xlated=")) {
		r->has[MODE_PRIV] = true;
	} else if (after(text, "expect_xlated_unpriv=")) {
		r->has[MODE_UNPRIV] = true;
	} else if ((rest = after(text, "retval="))) {
		read_retval(r, MODE_PRIV, rest);
	} else if ((rest = after(text, "retval_unpriv="))) {
		read_retval(r, MODE_UNPRIV, rest);
	} else if ((rest = after(text, "log_level="))) {
		spec->log_level = number_of(rest);
	} else if ((rest = after(text, "prog_flags="))) {
		read_flag(spec, rest);
	} else if ((rest = after(text, "btf_path="))) {
		spec->btf_path = rest;
	} else if ((rest = after(text, "arch="))) {
		read_arch(r, rest);
	}
	return 0;
}

/* What is not said of unprivileged loading is as said of privileged. */
static int complete(struct reader *r)
{
	struct expectation *priv = &r->spec->mode[MODE_PRIV], *unpriv = &r->spec->mode[MODE_UNPRIV];
	size_t i;
	int err;

	if (!r->has_unpriv_result)
		unpriv->fails = priv->fails;
	if (!r->has_unpriv_retval) {
		unpriv->retval = priv->retval;
		unpriv->runs = priv->runs;
	}
	for (i = 0; unpriv->message_count == i && i < priv->message_count; i++) {
		err = add_message(unpriv, priv->messages[i]);
		if (err)
			return err;
	}
	unpriv->is_wanted = r->has[MODE_UNPRIV];
	priv->is_wanted = r->has[MODE_PRIV] || !r->has[MODE_UNPRIV];
	r->spec->is_other_arch = r->has_arch && !r->is_ours;
	return 0;
}

int spec_read(const struct btf *btf, const char *name, struct spec *ret_spec)
{
	struct spec spec = {0};
	struct reader r = {.spec = &spec};
	int func = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC), err = 0;
	unsigned int i;

	if (func < 0)
		return -ENOENT;
	for (i = 1; !err && i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);

		if (btf_is_decl_tag(t) && t->type == (unsigned int)func &&
			btf_decl_tag(t)->component_idx == -1)
			err = read_tag(&r, btf__str_by_offset(btf, t->name_off));
	}
	if (!err)
		err = complete(&r);
	if (err)
		spec_release(&spec);
	else
		*ret_spec = spec;
	return err;
}

void spec_release(struct spec *spec)
{
	int i;

	for (i = 0; i < MODE_COUNT; i++) {
		free(spec->mode[i].messages);
		spec->mode[i].messages = NULL;
		spec->mode[i].message_count = 0;
	}
}

/* The pattern as one regular expression. */
static bool regex_of(const char *pattern, char *out, size_t size)
{
	bool inside = false;
	size_t n = 0;

	for (; *pattern; pattern++) {
		if (n + 3 > size)
			return false;
		if (!strncmp(pattern, inside ? "}}" : "{{", 2)) {
			inside = !inside;
			pattern++;
			continue;
		}
		if (!inside && strchr(".[]\\()*+?{}|^$", *pattern))
			out[n++] = '\\';
		out[n++] = *pattern;
	}
	out[n] = 0;
	return !inside;
}

/* Where the pattern ends in text, or NULL. */
static const char *find(const char *text, const char *pattern)
{
	char expression[1024];
	regmatch_t match;
	regex_t regex;
	bool found;

	if (!strstr(pattern, "{{")) {
		const char *at = strstr(text, pattern);

		return at ? at + strlen(pattern) : NULL;
	}
	if (!regex_of(pattern, expression, sizeof(expression)) ||
		regcomp(&regex, expression, REG_EXTENDED | REG_NEWLINE))
		return NULL;
	found = !regexec(&regex, text, 1, &match, 0);
	regfree(&regex);
	return found ? text + match.rm_eo : NULL;
}

const char *spec_unmatched(const struct expectation *e, const char *log)
{
	size_t i;

	for (i = 0; i < e->message_count; i++) {
		log = find(log, e->messages[i]);
		if (!log)
			return e->messages[i];
	}
	return NULL;
}
