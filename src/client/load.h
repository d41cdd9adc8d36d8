/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An object file through libbpf, on whichever backend the door leads to: opened, loaded, attached,
 * each failure turned into one sentence that names the file, the section and the reason.
 */
#ifndef CLIENT_LOAD_H
#define CLIENT_LOAD_H

#include "base/str.h"
#include "base/vec.h"
#include <hachi/hachi.h>

struct bpf_object;
struct bpf_program;
struct bpf_link;
struct bpf_map;

struct load_opts {
	struct hachi *h;	  /* the user backend's instance, or NULL: the kernel */
	const char *const *flags; /* for clang; NULL-terminated; may be NULL */
	bool verbose;		  /* libbpf's own messages go to standard error */
	u32 log_level;		  /* of the verifier; its text is kept a program */
};

struct load_attached {
	struct bpf_program *prog;
	struct bpf_link *link; /* owned */
};

struct load {
	struct load_opts opts;
	char object_path[256];	   /* temporary object to remove, or "" */
	const char *path;	   /* as the user gave it */
	struct bpf_object *object; /* owned */
	VEC(struct load_attached) attached;
	struct strbuf messages; /* what libbpf said */
	char *log;		/* owned; the verifier's, on the user backend */
	char failed[128];	/* name of the program that was refused, or "" */
};

/*
 * Opens FILE.bpf.c (compiled first) or FILE.bpf.o. 0 or -errno with the sentence in ret_error.
 * load_close() in every case.
 */
int load_open(struct load *load, const char *path, const struct load_opts *opts,
	struct strbuf *ret_error);
/* Creates the maps, verifies the programs. A refusal tells program, C line, instruction, reason. */
int load_load(struct load *load, struct strbuf *ret_error);
/*
 * Attaches what libbpf can attach by section name. Programs of packet types and those without an
 * attach rule are left to the caller: skip says which are not this call's business.
 */
int load_attach(struct load *load, bool (*skip)(const struct bpf_program *prog, void *arg),
	void *arg, struct strbuf *ret_error);
/* One program, by its section name. */
int load_attach_program(struct load *load, struct bpf_program *prog, struct strbuf *ret_error);
/* Keeps a link that the caller made, to be destroyed with the others. */
int load_keep_link(struct load *load, struct bpf_program *prog, struct bpf_link *own_link);
void load_detach(struct load *load);
void load_close(struct load *load);

/* The object's BTF as bytes, or NULL; valid while it is open. */
const void *load_btf(const struct load *load, u32 *ret_size);
/* After a failed load in the kernel: whether the verifier looked at the program and refused it. */
bool load_has_verdict(const struct load *load);
/* The last refusal, as `check` and `run` print it: several lines. */
void load_explain(const struct load *load, struct strbuf *out);
/* Whether prog stands in a prog array: then it is a tail call's target, not an entry. */
bool load_is_tail_target(const struct load *load, const struct bpf_program *prog);
/* The program whose id this is, or NULL. */
struct bpf_program *load_program_by_id(const struct load *load, u32 id);

#endif
