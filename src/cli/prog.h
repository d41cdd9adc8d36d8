/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of `hachi prog`, a file each. */
#ifndef CLI_PROG_H
#define CLI_PROG_H

#include "base/vec.h"
#include "cli/objects.h"
#include "client/load.h"
#include "isa/insn.h"

extern const struct words_noun cli_prog_noun;

int cli_prog_show(struct words *w);
int cli_prog_dump(struct words *w);
int cli_prog_run(struct words *w);
int cli_prog_load(struct words *w);
int cli_prog_loadall(struct words *w);
int cli_prog_pin(struct words *w);
int cli_prog_attach(struct words *w);
int cli_prog_detach(struct words *w);
int cli_prog_tracelog(struct words *w);

/* The first line of `prog show`, for other commands that list programs. */
void cli_prog_print_header(struct words *w, int fd, const struct bpf_prog_info *info);

/*
 * Whether the next words are FILE.bpf.o or FILE.bpf.c and the name of a program, and not the
 * notation of an object: then the program is loaded alone. The program's descriptor belongs to
 * `load`, which the caller closes in every case.
 */
bool cli_prog_is_file(const struct words *w);
int cli_prog_load_file(struct words *w, struct load *load, int *ret_fd);

/* Kernel symbols, to name the targets of calls. */
struct ksym {
	u64 address;
	char name[256];
};

struct ksyms {
	VEC(struct ksym) list; /* by address */
	u64 call_base;	       /* of __bpf_call_base */
};

int ksyms_load(struct ksyms *syms); /* empty when the kernel hides them */
const struct ksym *ksyms_find(const struct ksyms *syms, u64 address);
void ksyms_release(struct ksyms *syms);

/* What there is to dump of one program; all arrays are copies. */
struct prog_code {
	struct bpf_prog_info info; /* its pointers lead into `data` */
	void *data;		   /* owned */
	void *btf;		   /* libbpf's, owned, or NULL */
	void *lines;		   /* struct bpf_prog_linfo, owned, or NULL */
	struct ksyms syms;
	bool opcodes, linum;
};

/* After the instructions of a program as a list, as a graph, as machine code. */
void cli_prog_print_insns(struct words *w, const struct prog_code *code);
int cli_prog_print_graph(struct words *w, const struct prog_code *code);
int cli_prog_print_machine_code(struct words *w, const struct prog_code *code);

/* One instruction in bpftool's notation: names of calls and maps by this program's tables. */
size_t cli_prog_insn_text(
	const struct prog_code *code, const struct insn *insn, size_t left, struct strbuf *out);
/* The function that starts at this instruction, "" if none; *index walks func_info along. */
void cli_prog_signature_at(const struct prog_code *code, u32 insn, u32 *index, struct strbuf *out);
/* The source line of an instruction when it has changed, or NULL; *seen counts them. */
const struct bpf_line_info *cli_prog_line_at(const struct prog_code *code, u32 insn, u32 *seen);
/* A line of source in text or JSON. */
void cli_prog_print_line(struct words *w, const struct prog_code *code,
	const struct bpf_line_info *line, const char *prefix);

#endif
