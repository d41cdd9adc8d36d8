// SPDX-License-Identifier: BSD-2-Clause
/*
 * The control flow of a program as a graph for dot(1), in bpftool's layout: a cluster a function, a
 * node a basic block. Block 0 is the function's entry and block 1 its exit.
 */
#include "base/alloc.h"
#include "cli/prog.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_ENTRY, BLOCK_EXIT, BLOCK_FIRST };

struct graph {
	struct words *w;
	const struct prog_code *code;
	const struct insn *insns;
	u32 count;
	u8 *is_head;  /* an instruction that a block starts with */
	u8 *is_start; /* ... that a function starts with */
	u32 *block;   /* number of the block that starts here */
	struct strbuf text;
};

static bool is_jump(const struct insn *insn)
{
	return insn_class(insn) == BPF_JMP || insn_class(insn) == BPF_JMP32;
}

static u32 target(const struct graph *g, u32 i)
{
	const struct insn *insn = g->insns + i;
	bool is_long = insn_class(insn) == BPF_JMP32 && BPF_OP(insn->op) == BPF_JA;
	s64 at = (s64)i + 1 + (is_long ? insn->imm : insn->off);

	return at < 0 || at >= g->count ? g->count : (u32)at;
}

static u32 width(const struct graph *g, u32 i)
{
	return insn_is_ld_imm64(g->insns + i) && i + 1 < g->count ? 2 : 1;
}

static void mark(u8 *marks, const struct graph *g, u32 i)
{
	if (i < g->count)
		marks[i] = 1;
}

static void find_functions(struct graph *g)
{
	mark(g->is_start, g, 0);
	for (u32 i = 0; i < g->count; i += width(g, i))
		if (g->insns[i].op == (BPF_JMP | BPF_CALL) && g->insns[i].src == BPF_PSEUDO_CALL)
			mark(g->is_start, g, target(g, i));
}

static void find_blocks(struct graph *g, u32 start, u32 end)
{
	u32 number = BLOCK_FIRST;

	mark(g->is_head, g, start);
	for (u32 i = start; i < end; i += width(g, i)) {
		u8 op = BPF_OP(g->insns[i].op);

		if (!is_jump(g->insns + i) || op == BPF_EXIT || op == BPF_CALL)
			continue;
		mark(g->is_head, g, target(g, i));
		if (op != BPF_JA && i + 1 < end)
			mark(g->is_head, g, i + 1);
	}
	for (u32 i = start; i < end; i++)
		if (g->is_head[i])
			g->block[i] = number++;
}

static u32 block_end(const struct graph *g, u32 head, u32 end)
{
	u32 i = head + 1;

	while (i < end && !g->is_head[i])
		i++;
	return i;
}

/* Text within a label of dot. */
static void print_label(const char *text)
{
	for (; *text; text++) {
		if (strchr("<>|&", *text))
			putchar('\\');
		putchar(*text);
	}
}

static void print_block(struct graph *g, u32 func, u32 start, u32 head, u32 end)
{
	printf("\tfn_%u_bb_%u [shape=record,style=filled,label=\"{", func, g->block[head]);
	for (u32 i = head; i < end; i += width(g, i)) {
		strbuf_reset(&g->text);
		cli_prog_insn_text(g->code, g->insns + i, g->count - i, &g->text);
		printf("%s%4u: ", i == head ? "" : " | ", i - start);
		print_label(strbuf_cstr(&g->text));
		printf("\\l\\\n");
	}
	printf("}\"];\n\n");
}

static void print_edge(u32 func, u32 from, u32 to)
{
	printf("\tfn_%u_bb_%u:s -> fn_%u_bb_%u:n [style=\"solid,bold\", color=black, weight=10, "
	       "constraint=true];\n",
		func, from, func, to);
}

static void print_edges(struct graph *g, u32 func, u32 head, u32 end, u32 func_end)
{
	u32 last = end - 1, next = end < func_end ? g->block[end] : BLOCK_EXIT;
	const struct insn *insn = g->insns + last;
	u8 op = BPF_OP(insn->op);

	if (is_jump(insn) && op != BPF_EXIT && op != BPF_CALL) {
		u32 to = target(g, last);

		if (op != BPF_JA)
			print_edge(func, g->block[head], next);
		if (to < g->count)
			print_edge(func, g->block[head], g->block[to]);
		return;
	}
	print_edge(func, g->block[head], op == BPF_EXIT && is_jump(insn) ? BLOCK_EXIT : next);
}

static void print_function(struct graph *g, u32 func, u32 start, u32 end)
{
	u32 head, next;

	find_blocks(g, start, end);
	printf("subgraph \"cluster_%u\" {\n\tstyle=\"dashed\";\n\tcolor=\"black\";\n"
	       "\tlabel=\"func_%u ()\";\n",
		func, func);
	printf("\tfn_%u_bb_%d [shape=Mdiamond,style=filled,label=\"ENTRY\"];\n\n", func,
		BLOCK_ENTRY);
	for (head = start; head < end; head = next) {
		next = block_end(g, head, end);
		print_block(g, func, start, head, next);
	}
	printf("\tfn_%u_bb_%d [shape=Mdiamond,style=filled,label=\"EXIT\"];\n\n", func, BLOCK_EXIT);
	print_edge(func, BLOCK_ENTRY, BLOCK_FIRST);
	for (head = start; head < end; head = next) {
		next = block_end(g, head, end);
		print_edges(g, func, head, next, end);
	}
	printf("\tfn_%u_bb_%d:s -> fn_%u_bb_%d:n [style=\"invis\", constraint=true];\n}\n", func,
		BLOCK_ENTRY, func, BLOCK_EXIT);
}

int cli_prog_print_graph(struct words *w, const struct prog_code *code)
{
	struct graph g = {
		.w = w,
		.code = code,
		.insns = (const void *)(uintptr_t)code->info.xlated_prog_insns,
		.count = code->info.xlated_prog_len / sizeof(struct insn),
	};
	u32 func = 0, end;
	int err = -ENOMEM;

	g.is_head = mem_calloc(g.count + 1, 1);
	g.is_start = mem_calloc(g.count + 1, 1);
	g.block = mem_calloc(g.count + 1, sizeof(*g.block));
	if (!g.is_head || !g.is_start || !g.block)
		goto out;
	find_functions(&g);
	printf("digraph \"DOT graph for eBPF program\" {\n");
	for (u32 start = 0; start < g.count; start = end) {
		for (end = start + 1; end < g.count && !g.is_start[end]; end++)
			;
		print_function(&g, func++, start, end);
	}
	printf("}\n");
	err = 0;
out:
	mem_free(g.is_head);
	mem_free(g.is_start);
	mem_free(g.block);
	strbuf_release(&g.text);
	return err ? words_error(w, "%s", strerror(-err)) : 0;
}
