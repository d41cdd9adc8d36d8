// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a program of gen.h, well-formed but not always right. What the verifier accepts runs on
 * a packet without the guard stopping it, in the interpreter that checks every access and every
 * predicted range, and gives the same result in the fastest engine.
 */
#include "base/types.h"
#include "fuzz/fuzz.h"
#include "fuzz/gen.h"

#include <hachi/hachi.h>

static const struct {
	u32 type, key, value, entries, flags;
} maps[GEN_MAP_COUNT] = {
	[GEN_MAP_ARRAY] = {BPF_MAP_TYPE_ARRAY, 4, 48, 4, 0},
	[GEN_MAP_HASH] = {BPF_MAP_TYPE_HASH, 8, 16, 8, 0},
	[GEN_MAP_RING] = {BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
	[GEN_MAP_RDONLY] = {BPF_MAP_TYPE_ARRAY, 4, 16, 1, BPF_F_RDONLY_PROG},
};

struct side {
	struct hachi *h;
	int map_fds[GEN_MAP_COUNT];
	int prog_fd;
	int err;
	u32 result;
};

static void open_side(struct side *s, bool guard)
{
	struct hachi_opts opts = {.size = sizeof(opts),
		.guard = guard,
		.engine = guard ? "interp" : NULL,
		.btf_path = ""};

	if (hachi_new(&opts, &s->h))
		abort();
}

static void load(struct side *s, const struct gen *program)
{
	struct gen g = *program;
	union bpf_attr attr = {.prog_type = g.prog_type,
		.insns = (uintptr_t)g.insns,
		.insn_cnt = g.len,
		.license = (uintptr_t) "GPL"};

	for (u32 i = 0; i < GEN_MAP_COUNT; i++) {
		union bpf_attr map = {.map_type = maps[i].type,
			.key_size = maps[i].key,
			.value_size = maps[i].value,
			.max_entries = maps[i].entries,
			.map_flags = maps[i].flags};

		s->map_fds[i] = (int)hachi_bpf(s->h, BPF_MAP_CREATE, &map, sizeof(map));
	}
	gen_patch_maps(&g, s->map_fds);
	s->prog_fd = (int)hachi_bpf(s->h, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static void run(struct side *s)
{
	u8 packet[64] = {0};
	union bpf_attr attr = {0};

	for (u32 i = 0; i < sizeof(packet); i++)
		packet[i] = (u8)(i * 37);
	attr.test.prog_fd = (u32)s->prog_fd;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	s->err = (int)hachi_bpf(s->h, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	s->result = attr.test.retval;
}

static void forget(struct side *s)
{
	if (s->prog_fd >= 0)
		hachi_close(s->h, s->prog_fd);
	for (u32 i = 0; i < GEN_MAP_COUNT; i++)
		hachi_close(s->h, s->map_fds[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u32 types[] = {
		BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP};
	static struct side checked, fast;
	static struct gen g;

	if (!checked.h) {
		open_side(&checked, true);
		open_side(&fast, false);
	}
	if (size < 2)
		return 0;
	memset(&g, 0, sizeof(g));
	g.prog_type = types[data[0] % ARRAY_SIZE(types)];
	g.is_wild = data[1] & 1;
	g.has_short_loops = true;
	g.data = data + 2;
	g.data_len = size - 2;
	gen_program(&g);
	load(&checked, &g);
	load(&fast, &g);
	FUZZ_CHECK((checked.prog_fd < 0) == (fast.prog_fd < 0));
	if (checked.prog_fd >= 0) {
		run(&checked);
		run(&fast);
		FUZZ_CHECK(checked.err == 0 && fast.err == 0);
		FUZZ_CHECK(g.is_random || checked.result == fast.result);
	}
	forget(&checked);
	forget(&fast);
	return 0;
}
