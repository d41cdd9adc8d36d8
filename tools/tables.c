// SPDX-License-Identifier: BSD-2-Clause
/*
 * Renders the contract tables: `tables helpers|program-types|maps|instructions|hooks` prints a page
 * of docs/, `tables rows TABLE` the names of a table's rows, for the coverage of the tests.
 */
#include "base/str.h"
#include "isa/insn.h"
#include "spec/context.h"
#include "spec/helper.h"
#include "spec/progtype.h"

#include <stdio.h>

static const char generated[] =
	"<!-- Generated from the tables by `make tables`; edit those. -->\n\n";

static void print_kernel(u16 since)
{
	printf("%u.%u", since >> 8, since & 0xff);
}

/* Names of the bits of a mask, comma-separated. */
struct bit_name {
	u32 bit;
	const char *name;
};

static void print_bits(u32 bits, const struct bit_name *names, u32 count)
{
	const char *comma = "";

	for (u32 i = 0; i < count; i++)
		if (bits & names[i].bit) {
			printf("%s%s", comma, names[i].name);
			comma = ", ";
		}
}

/* ---- helpers */
static const char *const arg_names[] = {
	[ARG_ANYTHING] = "any",
	[ARG_SCALAR] = "number",
	[ARG_CONST_MAP_PTR] = "map",
	[ARG_MAP_KEY] = "key",
	[ARG_MAP_VALUE] = "value",
	[ARG_MEM] = "memory",
	[ARG_CONST_SIZE] = "size",
	[ARG_CONST_SIZE_OR_ZERO] = "size or 0",
	[ARG_CTX] = "context",
	[ARG_SPIN_LOCK] = "spin lock",
	[ARG_SOCK_COMMON] = "sock_common",
	[ARG_SOCKET] = "socket",
	[ARG_BTF_ID] = "object",
	[ARG_BTF_ID_SOCK_COMMON] = "socket object",
	[ARG_PERCPU_BTF_ID] = "per-CPU object",
	[ARG_RINGBUF_MEM] = "record",
	[ARG_CONST_ALLOC_SIZE_OR_ZERO] = "constant size",
	[ARG_FUNC] = "function",
	[ARG_STACK] = "stack memory",
	[ARG_CONST_STR] = "constant string",
	[ARG_TIMER] = "timer",
	[ARG_KPTR_XCHG_DEST] = "kptr field",
	[ARG_DYNPTR] = "dynptr",
};

static const struct bit_name arg_flags[] = {
	{ARG_RDONLY, "read"},
	{ARG_WRITE, "written"},
	{ARG_UNINIT, "filled"},
	{ARG_MAYBE_NULL, "or NULL"},
	{ARG_RELEASE, "released"},
	{ARG_ALIGNED, "aligned"},
	{ARG_DYNPTR_LOCAL, "local"},
	{ARG_DYNPTR_RINGBUF, "ring buffer"},
};

static void print_arg(const struct helper_spec *spec, int i)
{
	u32 arg = spec->arg[i];

	if (spec->arg_btf[i])
		printf("%s", spec->arg_btf[i]);
	else
		printf("%s", arg_names[arg & ARG_TYPE_MASK]);
	if (spec->fixed_size[i])
		printf(" of %u bytes", spec->fixed_size[i]);
	if (arg & ~(ARG_TYPE_MASK | ARG_FIXED_SIZE)) {
		printf(" (");
		print_bits(arg, arg_flags, ARRAY_SIZE(arg_flags));
		printf(")");
	}
}

static const char *const ret_names[] = {
	[RET_INTEGER] = "number",
	[RET_VOID] = "nothing",
	[RET_MAP_VALUE] = "value",
	[RET_SOCKET] = "socket",
	[RET_TCP_SOCK] = "tcp_sock",
	[RET_SOCK_COMMON] = "sock_common",
	[RET_MEM] = "memory",
	[RET_MEM_OR_BTF_ID] = "memory or object",
	[RET_BTF_ID] = "object",
};

static const struct bit_name helper_flags[] = {
	{HELPER_GPL_ONLY, "GPL"},
	{HELPER_PKT_ACCESS, "takes packet memory"},
	{HELPER_CHANGES_PKT_DATA, "packet pointers end"},
	{HELPER_MIGHT_SLEEP, "may sleep"},
	{HELPER_ACQUIRES, "acquires"},
	{HELPER_RELEASES, "releases"},
	{HELPER_CALLBACK_SYNC, "calls back"},
	{HELPER_CALLBACK_ASYNC, "calls back later"},
};

static bool has_helper(u32 prog_type, u32 id)
{
	const struct progtype_spec *prog = progtype_spec_by_type(prog_type);
	const struct helper_spec *spec;

	for (u32 at = 0; at < attachtype_spec_count(); at++) {
		struct helper_query query = {.prog_type = prog_type,
			.attach_type = at,
			.caps = CAP_ALL,
			.is_sleepable = prog->flags & PROGTYPE_SLEEPABLE};
		enum helper_access access;

		if (!(prog->attach >> at & 1))
			continue;
		access = helper_spec_for(id, &query, &spec);
		if (access == HELPER_OK || access == HELPER_NOT_IN_PROBE)
			return true;
	}
	return false;
}

/* "all", "all but A, B", or the names. */
static void print_progs_of(u32 id)
{
	u32 have = 0, lack = 0;
	bool say_lack;
	const char *comma = "";

	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *prog = progtype_spec_at(i);

		/* a program that extends another has the other's helpers */
		if (prog->type == BPF_PROG_TYPE_EXT)
			continue;
		if (has_helper(prog->type, id))
			have++;
		else
			lack++;
	}
	say_lack = lack < have && lack < 6;
	if (say_lack)
		printf(lack ? "all but " : "all");
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *prog = progtype_spec_at(i);

		if (prog->type == BPF_PROG_TYPE_EXT || has_helper(prog->type, id) == say_lack)
			continue;
		printf("%s%s", comma, prog->name);
		comma = ", ";
	}
}

static void print_helper(const struct helper_spec *spec)
{
	const char *ret = spec->ret_btf ? spec->ret_btf : ret_names[spec->ret & RET_TYPE_MASK];

	printf("| %u | %s | ", spec->id, spec->name);
	print_kernel(spec->since);
	printf(" | %s%s | ", ret, spec->ret & RET_MAYBE_NULL ? " or NULL" : "");
	for (int i = 0; i < 5 && spec->arg[i]; i++) {
		printf("%s", i ? "; " : "");
		print_arg(spec, i);
	}
	printf(" | ");
	print_bits(spec->flags, helper_flags, ARRAY_SIZE(helper_flags));
	printf(" | ");
	print_progs_of(spec->id);
	printf(" |\n");
}

static void print_helpers(void)
{
	printf("# Helpers\n\n%s", generated);
	printf("What each helper takes, returns and does, and which program types may call it when "
	       "the\nloader has every capability. Where a contract differs by program type, the "
	       "usual one is\nshown. `hachi feature` tells which helpers a build serves.\n\n");
	printf("| number | helper | kernel | returns | arguments | | program types |\n"
	       "|--|--|--|--|--|--|--|\n");
	for (u32 id = 1; id <= helper_spec_count(); id++)
		print_helper(helper_spec_by_id(id));
}

/* ---- program types and contexts */
static const struct bit_name prog_flags[] = {
	{PROGTYPE_UNPRIV, "without CAP_BPF"},
	{PROGTYPE_NET_ADMIN, "CAP_NET_ADMIN"},
	{PROGTYPE_PERFMON, "CAP_PERFMON"},
	{PROGTYPE_LD_ABS, "LD_ABS"},
	{PROGTYPE_PACKET, "reads packets"},
	{PROGTYPE_PACKET_WRITE, "writes packets"},
	{PROGTYPE_BTF_ARGS, "typed arguments"},
	{PROGTYPE_TEST_RUN, "test run"},
	{PROGTYPE_SLEEPABLE, "may sleep"},
};

static void print_attach(u64 attach)
{
	const char *comma = "";

	for (u32 at = 0; at < attachtype_spec_count(); at++)
		if (attach >> at & 1) {
			printf("%s%s", comma, attachtype_spec_by_type(at)->name);
			comma = ", ";
		}
}

static void print_sizes(u8 sizes)
{
	const char *comma = "";

	for (u32 size = 1; size <= 8; size *= 2)
		if (sizes & size) {
			printf("%s%u", comma, size);
			comma = ", ";
		}
}

static const char *const kind_names[] = {
	[CTX_SCALAR] = "number",
	[CTX_PACKET] = "packet",
	[CTX_PACKET_META] = "packet meta data",
	[CTX_PACKET_END] = "packet end",
	[CTX_FLOW_KEYS] = "flow keys",
	[CTX_SOCKET_OR_NULL] = "socket or NULL",
	[CTX_SOCK_COMMON_OR_NULL] = "sock_common or NULL",
	[CTX_SOCKET] = "socket",
	[CTX_TP_BUFFER] = "buffer",
	[CTX_BTF_ID_TRUSTED] = "object",
};

static void print_field(const struct ctx_field *field)
{
	if (!field->reads && !field->writes)
		return;
	printf("| %s | %u | %u | %s | ", field->name, field->off, field->size,
		field->btf ? field->btf : kind_names[field->kind]);
	print_sizes(field->reads);
	printf(" | ");
	print_sizes(field->writes);
	printf(" | ");
	if (field->since) {
		printf("since ");
		print_kernel(field->since);
		printf(" ");
	}
	if (field->read_caps)
		printf("needs CAP_BPF ");
	else if (field->write_caps)
		printf("writes need CAP_BPF ");
	if (field->attach) {
		printf("at ");
		print_attach(field->attach);
	} else if (field->write_attach) {
		printf("writes at ");
		print_attach(field->write_attach);
	}
	printf(" |\n");
}

/* Types that see the same context share its table. */
static bool is_first_with(const struct ctx_layout *layout, u32 index)
{
	for (u32 i = 0; i < index; i++)
		if (ctx_layout_for(progtype_spec_at(i)->type) == layout)
			return false;
	return true;
}

static void print_layout(const struct ctx_layout *layout)
{
	const char *comma = "";

	printf("\n## `%s`: ", layout->name);
	for (u32 i = 0; i < progtype_spec_count(); i++)
		if (ctx_layout_for(progtype_spec_at(i)->type) == layout) {
			printf("%s%s", comma, progtype_spec_at(i)->name);
			comma = ", ";
		}
	printf("\n\n");
	if (layout->field_count) {
		printf("| field | offset | bytes | gives | reads of | writes of | |\n"
		       "|--|--|--|--|--|--|--|\n");
		for (u32 i = 0; i < layout->field_count; i++)
			print_field(&layout->fields[i]);
	}
	if (layout->raw_end)
		printf("%sAny aligned %s from byte %u to byte %u.\n",
			layout->field_count ? "\n" : "",
			layout->raw_writes ? "read or write" : "read", layout->raw_begin,
			layout->raw_end - 1);
}

static void print_program_types(void)
{
	printf("# Program types\n\n%s", generated);
	printf("| number | type | kernel | context | | attach types checked at load |\n"
	       "|--|--|--|--|--|--|\n");
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *prog = progtype_spec_at(i);

		printf("| %u | %s | ", prog->type, prog->name);
		print_kernel(prog->since);
		printf(" | %s | ", prog->ctx_name ? prog->ctx_name : "");
		print_bits(prog->flags, prog_flags, ARRAY_SIZE(prog_flags));
		printf(" | ");
		if (prog->attach != ~0ull && prog->attach != 1)
			print_attach(prog->attach);
		printf(" |\n");
	}
	printf("\n# What programs may access through their context\n");
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct ctx_layout *layout = ctx_layout_for(progtype_spec_at(i)->type);

		if (layout && is_first_with(layout, i))
			print_layout(layout);
	}
}

/* ---- maps */
static const struct bit_name map_flags[] = {
	{MAPTYPE_UNPRIV, "without CAP_BPF"},
	{MAPTYPE_NET_ADMIN, "CAP_NET_ADMIN"},
	{MAPTYPE_PER_CPU, "per CPU"},
	{MAPTYPE_MMAP, "mmap"},
	{MAPTYPE_OF_MAPS, "holds maps"},
	{MAPTYPE_SOCKS, "holds sockets"},
	{MAPTYPE_SLEEPABLE, "sleepable programs"},
};

static void print_maps(void)
{
	printf("# Maps\n\n%s", generated);
	printf("`hachi feature` tells which kinds a build serves.\n\n");
	printf("| number | kind | kernel | | helpers of its own | other helpers |\n"
	       "|--|--|--|--|--|--|\n");
	for (u32 i = 0; i < maptype_spec_count(); i++) {
		const struct maptype_spec *map = maptype_spec_at(i);

		printf("| %u | %s | ", map->type, map->name);
		print_kernel(map->since);
		printf(" | ");
		print_bits(map->flags, map_flags, ARRAY_SIZE(map_flags));
		printf(" | ");
		for (u32 k = 0; k < map->helper_count; k++)
			printf("%s%s", k ? ", " : "", helper_name(map->helpers[k]));
		printf(" | %s |\n", map->flags & MAPTYPE_CLOSED ? "no" : "yes");
	}
}

/* ---- instructions */
struct insn_words {
	const char *group, *scope;
};

static const struct insn_words insn_words[] = {
#define INSN(id, mnemonic, opcode, dst, src, off, imm, family, operation, width, reads, writes,    \
	group, isa, since, scope)                                                                  \
	{#group, #scope},
#include "isa/insns.def"
};

static void print_insn_field(struct insn_field field, const char *any)
{
	switch ((enum insn_field_use)field.use) {
	case INSN_FIELD_EQ: printf(" %d |", field.value); break;
	case INSN_FIELD_REG: printf(" register |"); break;
	case INSN_FIELD_ANY: printf(" %s |", any); break;
	case INSN_FIELD_UNCHECKED: printf(" not looked at |"); break;
	}
}

static void print_instructions(void)
{
	printf("# Instructions\n\n%s", generated);
	printf("UAPI: programs may contain it. INTERNAL: only rewriting makes it. REFUSED: known, "
	       "and "
	       "always\nrefused. `-mcpu` is the version of LLVM's BPF target that may choose "
	       "it.\n\n");
	printf("| instruction | mnemonic | opcode | dst | src | off | imm | group | -mcpu | kernel "
	       "| "
	       "scope |\n|--|--|--|--|--|--|--|--|--|--|--|\n");
	for (u32 kind = 0; kind < INSN_KIND_COUNT; kind++) {
		const struct insn_desc *desc = insn_desc(kind);

		printf("| %s | %s | 0x%02x |", desc->id, desc->mnemonic, desc->op);
		print_insn_field(desc->dst, "any");
		print_insn_field(desc->src, "any");
		print_insn_field(desc->off, "offset");
		print_insn_field(desc->imm, "immediate");
		printf(" %s | ", insn_words[kind].group);
		if (desc->isa)
			printf("v%u", desc->isa);
		printf(" | ");
		if (desc->since)
			print_kernel(desc->since);
		printf(" | %s |\n", insn_words[kind].scope);
	}
}

/*
 * ---- rows, for the coverage of the tests: a name, its spellings in C, and after a colon those in
 * assembler texts
 */
static const char *const reasons[] = {
#define REASON(id, ...) #id,
#include "verify/reasons.def"
};

static int print_rows(const char *table)
{
	if (strcmp(table, "helpers") == 0) {
		for (u32 id = 1; id <= helper_spec_count(); id++) {
			const char *name = helper_name(id) + strlen("bpf_");

			printf("%s bpf_%s BPF_FUNC_%s FUNC_%s : %s\n", name, name, name, name,
				name);
		}
	} else if (strcmp(table, "maps") == 0) {
		for (u32 i = 0; i < maptype_spec_count(); i++) {
			const char *name = maptype_spec_at(i)->name;

			char upper[64];

			str_copy(upper, sizeof(upper), name);
			for (char *c = upper; *c; c++)
				if (*c >= 'a' && *c <= 'z')
					*c += 'A' - 'a';
			printf("%s BPF_MAP_TYPE_%s HACHI_BPF_MAP_TYPE_%s : %s\n", name, upper,
				upper, name);
		}
	} else if (strcmp(table, "instructions") == 0) {
		for (u32 kind = 0; kind < INSN_KIND_COUNT; kind++) {
			const struct insn_desc *desc = insn_desc(kind);

			if (desc->scope != INSN_SCOPE_INTERNAL)
				printf("%s %s INSN_KIND_%s : %s\n", desc->id, desc->id, desc->id,
					desc->mnemonic);
		}
	} else if (strcmp(table, "reasons") == 0) {
		for (u32 i = 0; i < ARRAY_SIZE(reasons); i++)
			printf("%s %s REASON_%s : %s\n", reasons[i], reasons[i], reasons[i],
				reasons[i]);
	} else {
		return -ENOENT;
	}
	return 0;
}

/* ---- hooks */
enum hook_prog {
#define PROG(number, name, ...) HOOK_PROG_##name,
#include "spec/progtypes.def"
	HOOK_PROGS,
};

enum hook_attach {
	HOOK_ATTACH_none,
#define ATTACH(number, name, ...) HOOK_ATTACH_##name,
#include "spec/attachtypes.def"
	HOOK_ATTACHES,
};

static const char *const hook_progs[] = {
#define PROG(number, name, ...) #name,
#include "spec/progtypes.def"
};

static const char *const hook_attaches[] = {
	"",
#define ATTACH(number, name, ...) #name,
#include "spec/attachtypes.def"
};

static const struct hook {
	enum hook_prog prog;
	enum hook_attach attach;
	const char *section, *kind, *user, *kernel;
} hooks[] = {
#define HOOK(prog, attach, section, kind, user, kernel)                                            \
	{HOOK_PROG_##prog, HOOK_ATTACH_##attach, section, #kind, user, kernel},
#include "tools/hooks.def"
};

#define HOOK_RESULTS "test/kernel/results.tsv"
static const char *const hook_kernels[] = {"6.1", "6.12", "6.18"};

/* What the matrix found: "fires", or what the kernel lacks; false = it was not there. */
static bool hook_result(const char *kernel, const char *kind, char *buf, size_t size)
{
	FILE *in = fopen(HOOK_RESULTS, "r");
	bool found = false;

	while (in && !found && fgets(buf, (int)size, in)) {
		char *rest = buf, *its_kernel, *its_kind;

		buf[strcspn(buf, "\n")] = 0;
		its_kernel = strsep(&rest, "\t");
		its_kind = strsep(&rest, "\t");
		found = rest && strcmp(its_kernel, kernel) == 0 && strcmp(its_kind, kind) == 0;
		if (found)
			memmove(buf, rest, strlen(rest) + 1);
	}
	if (in)
		fclose(in);
	return found;
}

static void print_hook(const struct hook *hook)
{
	char result[512];

	printf("| %s | %s | `%s` | ", hook_progs[hook->prog], hook_attaches[hook->attach],
		hook->section);
	for (u32 i = 0; i < ARRAY_SIZE(hook_kernels) && *hook->kind; i++) {
		if (!hook_result(hook_kernels[i], hook->kind, result, sizeof(result)))
			printf("%s: not tried", hook_kernels[i]);
		else
			printf("%s: %s", hook_kernels[i],
				strcmp(result, "fires") == 0 ? "works" : result);
		printf(i + 1 < ARRAY_SIZE(hook_kernels) ? "<br>" : "");
	}
	printf("%s | %s%s |\n", hook->kernel, strncmp(hook->user, "- ", 2) == 0 ? "no: " : "",
		hook->user + (strncmp(hook->user, "- ", 2) == 0 ? 2 : 0));
}

static void print_hooks(void)
{
	bool progs[HOOK_PROGS] = {false}, attaches[HOOK_ATTACHES] = {true};

	printf("# Hooks\n\n%s", generated);
	printf("Where programs attach, and what was seen to happen. The kernel column is what the "
	       "hook\n"
	       "matrix found (`test/kernel/`; `make vm-check` on 6.1 and 6.12 under emulation,\n"
	       "`test/cli/kernel.sh` on the kernel that runs): a program of the kind ran, or the "
	       "reason\n"
	       "that `hachi run --backend kernel` gave for refusing it. Filters of seccomp are "
	       "classic BPF and\n"
	       "have a door of their own: `hachi filter --seccomp FILE -- COMMAND` "
	       "(test/cli/kernel.sh).\n\n"
	       "| program type | attach type | section | kernel backend | user space |\n"
	       "|--|--|--|--|--|\n");
	for (u32 i = 0; i < ARRAY_SIZE(hooks); i++) {
		progs[hooks[i].prog] = true;
		attaches[hooks[i].attach] = true;
		print_hook(&hooks[i]);
	}
	for (u32 i = 0; i < HOOK_PROGS; i++)
		if (!progs[i])
			printf("| %s | | | not in tools/hooks.def | |\n", hook_progs[i]);
	for (u32 i = 0; i < HOOK_ATTACHES; i++)
		if (!attaches[i])
			printf("| | %s | | not in tools/hooks.def | |\n", hook_attaches[i]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} pages[] = {
		{"helpers", print_helpers},
		{"program-types", print_program_types},
		{"maps", print_maps},
		{"instructions", print_instructions},
		{"hooks", print_hooks},
	};

	if (argc == 3 && strcmp(argv[1], "rows") == 0 && print_rows(argv[2]) == 0)
		return 0;
	for (u32 i = 0; argc == 2 && i < ARRAY_SIZE(pages); i++)
		if (strcmp(argv[1], pages[i].name) == 0) {
			pages[i].print();
			return fflush(stdout) ? 1 : 0;
		}
	fprintf(stderr,
		"usage: tables helpers|program-types|maps|instructions|hooks\n"
		"       tables rows helpers|maps|instructions|reasons\n");
	return 2;
}
