// SPDX-License-Identifier: BSD-2-Clause
/*
 * Measures the engines: kinds of computation (programs.c) and whole programs (whole.c); contest.h
 * says how. What the printed lines mean is said below the table.
 *
 * The kernel loads the object (libbpf) and gives back the verified instructions; hachi's engines
 * run those. The kernel's own loop around a test run is measured with the empty program and taken
 * off, which is in the kernel's favour.
 */
#include "bench/engine/contest.h"
#include "bench/engine/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_INSNS = 4096 };

#define DECLARE(name)                                                                              \
	int gcc_##name(void *);                                                                    \
	int clang_##name(void *);                                                                  \
	int scalar_##name(void *);
BENCH_PROGRAMS(DECLARE)

static const struct program {
	const char *name;
	native_fn native[3];
} programs[] = {
#define ROW(name) {#name, {scalar_##name, gcc_##name, clang_##name}},
	BENCH_PROGRAMS(ROW)};

struct loaded {
	struct insn insns[MAX_INSNS];
	u32 count;
	struct code_subprog subs[16];
	u32 sub_count;
	struct code_map map;
	u32 kernel_bytes;
	int fd;
};

static void fill_packet(struct packet *packet)
{
	u32 i, x = 12345;

	packet->size = PACKET_BYTES;
	for (i = 0; i < PACKET_BYTES; i++) {
		x = x * 1103515245 + 12345;
		packet->bytes[i] = (u8)("abz019\"\\- .qwerty"[(x >> 16) % 17]);
	}
	memcpy(packet->bytes + 512, packet->bytes, 512);
}

/* ---- from the kernel ------------------------------------------------------------------------- */

static void find_subprogs(struct loaded *l)
{
	u32 i, k;

	l->subs[l->sub_count++] = (struct code_subprog){.start = 0, .stack_bytes = 512};
	for (i = 0; i < l->count; i++) {
		u32 start;

		if (insn_is_ld_imm64(&l->insns[i])) {
			i++;
			continue;
		}
		if (!insn_is_call_func(&l->insns[i]))
			continue;
		l->insns[i].imm = l->insns[i].off; /* where dumps keep the distance */
		l->insns[i].off = 0;
		start = i + 1 + (u32)l->insns[i].imm;
		for (k = 0; k < l->sub_count && l->subs[k].start != start; k++)
			;
		if (k == l->sub_count)
			l->subs[l->sub_count++] =
				(struct code_subprog){.start = start, .stack_bytes = 512};
	}
	for (i = 1; i < l->sub_count; i++) {
		for (k = i; k > 1 && l->subs[k].start < l->subs[k - 1].start; k--) {
			struct code_subprog t = l->subs[k];

			l->subs[k] = l->subs[k - 1];
			l->subs[k - 1] = t;
		}
	}
}

static bool load(struct bpf_object *object, const char *name, u8 *bss, struct loaded *l)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);
	struct bpf_prog_info info = {0};
	u32 size = sizeof(info), i;

	memset(l, 0, sizeof(*l));
	l->fd = bpf_program__fd(prog);
	info.xlated_prog_insns = (u64)(uintptr_t)l->insns;
	info.xlated_prog_len = sizeof(l->insns);
	if (l->fd < 0 || bpf_obj_get_info_by_fd(l->fd, &info, &size))
		return false;
	l->count = info.xlated_prog_len / 8;
	l->kernel_bytes = info.jited_prog_len;
	l->map = (struct code_map){.values = (u64)(uintptr_t)bss};
	for (i = 0; i < l->count; i++) {
		if (insn_is_ld_imm64(&l->insns[i])) {
			if (l->insns[i].src == BPF_PSEUDO_MAP_VALUE)
				l->insns[i].imm = 0;
			i++;
		}
	}
	find_subprogs(l);
	return true;
}

static double kernel_loop_ns;

static void bench(const struct program *p, struct bpf_object *object, u8 *bss, struct score *score)
{
	static struct loaded l;
	static struct packet packet;
	struct code code;
	struct contest c = {
		.name = p->name,
		.native = {p->native[0], p->native[1], p->native[2]},
		.time_kernel = contest_kernel_packet,
		.code = &code,
		.run = {.fuel = -1},
		.packets = &packet,
		.packet_count = 1,
	};

	if (!load(object, p->name, bss, &l)) {
		printf("%-16s not loaded\n", p->name);
		return;
	}
	fill_packet(&packet);
	code = (struct code){
		.insns = l.insns,
		.insn_count = l.count,
		.subprogs = l.subs,
		.subprog_count = l.sub_count,
		.maps = &l.map,
		.map_count = 1,
	};
	c.kernel_fd = l.fd;
	c.kernel_prog = bpf_object__find_program_by_name(object, p->name);
	c.kernel_bytes = l.kernel_bytes;
	if (strcmp(p->name, "empty") == 0) {
		double kernel[9], native[9];
		int ret;
		u32 i;

		for (i = 0; i < ARRAY_SIZE(kernel); i++) {
			kernel[i] = contest_measure(&c, KERNEL, 300000, &ret);
			native[i] = contest_measure(&c, SCALAR, 300000, &ret);
		}
		kernel_loop_ns = MAX(bench_median(kernel, 9) - bench_median(native, 9), 0);
	}
	c.kernel_loop_ns = kernel_loop_ns;
	contest_hold(&c, score);
}

int main(int argc, char **argv)
{
	const char *only = argc > 3 ? argv[3] : "";
	struct score score = {0};
	struct bpf_object *object;
	u8 *bss = calloc(1, 1 << 20);
	u32 i;

	if (argc < 3)
		return 2;
	libbpf_set_print(NULL);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || bpf_object__load(object)) {
		printf("# the kernel does not load %s: nothing to compare with\n", argv[1]);
		return 0;
	}
	contest_heading();
	/* first, for the kernel's own loop */
	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		if (strcmp(programs[i].name, "empty") == 0)
			bench(&programs[i], object, bss, NULL);
	}
	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		if (strcmp(programs[i].name, "empty") && strstr(programs[i].name, only))
			bench(&programs[i], object, bss, &score);
	}
	score_print("geometric mean", &score);
	whole_bench(argv[2], only, kernel_loop_ns);
	printf("# times are multiples of clang -O2 without vector code; kernel loop %.1f ns taken "
	       "off;\n"
	       "# means leave out the empty program; whole programs natively call hachi's maps\n",
		kernel_loop_ns);
	costs_print();
	bpf_object__close(object);
	free(bss);
	return 0;
}
