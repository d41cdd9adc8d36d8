/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a selftest program says of itself: the "comment:test_..." declaration tags that its BTF
 * carries (the macros of the selftests' bpf_misc.h), for both modes of loading.
 */
#ifndef TRUTH_SPEC_H
#define TRUTH_SPEC_H

#include <bpf/btf.h>
#include <stdbool.h>
#include <stddef.h>

enum mode {
	MODE_PRIV,
	MODE_UNPRIV,
	MODE_COUNT,
};

struct expectation {
	bool is_wanted; /* the program is to be tried in this mode */
	bool fails;
	bool runs; /* and returns retval */
	int retval;
	const char **messages; /* in this order; strings are the BTF's */
	size_t message_count;
};

struct spec {
	struct expectation mode[MODE_COUNT];
	bool is_auxiliary[MODE_COUNT]; /* loaded beside the others, no test itself */
	bool is_other_arch;
	int log_level;
	const char
		*btf_path; /* of the BTF that relocations are against, beside the object; or NULL */
	unsigned int flags_set, flags_cleared;
};

/* A value of retval that any result satisfies. */
#define RETVAL_ANY ((int)0xcafe4a11)

/* name: the program's function; 0 or -errno. What it allocates spec_release() frees. */
int spec_read(const struct btf *btf, const char *name, struct spec *ret_spec);
void spec_release(struct spec *spec);

/* The first pattern that is not in log after the one before it, NULL when all are. */
const char *spec_unmatched(const struct expectation *e, const char *log);

#endif
