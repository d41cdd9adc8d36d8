// SPDX-License-Identifier: BSD-2-Clause
/*
 * The same random programs (fuzz/gen.h) in the live kernel and in ours: what we accept the kernel
 * must accept. Where we refuse what it accepts, that is counted, and more than a few in a hundred
 * is a failure too. What both accept runs on a packet, in the kernel, in our interpreter with every
 * access checked and in our fastest engine: results and maps must be the same.
 * HACHI_SOAK=1 tries many, from HACHI_FIRST=N on; HACHI_SEED=N one, with both logs.
 */
#include "test/kernel.h"
#include "test/tap.h"

#include "base/types.h"
#include "fuzz/gen.h"

#include <hachi/hachi.h>
#include <stdlib.h>

#define LOG_SIZE (16u << 20)

#define KERNEL_OF_V4 0x606

static const u32 prog_types[] = {BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_SCHED_CLS,
	BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_KPROBE};

struct side {
	struct hachi *instance; /* NULL = the kernel */
	int map_fds[GEN_MAP_COUNT];
	char *log;
	int result; /* of the load */
	u32 processed;
	int run_error;
	u32 retval;
	u8 array[4][48];
};

static int side_bpf(const struct side *s, int cmd, union bpf_attr *attr)
{
	if (s->instance)
		return (int)hachi_bpf(s->instance, cmd, attr, sizeof(*attr));
	return kernel_bpf(cmd, attr, sizeof(*attr));
}

static void side_close(const struct side *s, int fd)
{
	if (fd < 0)
		return;
	if (s->instance)
		hachi_close(s->instance, fd);
	else
		close(fd);
}

static void make_maps(struct side *s)
{
	static const struct {
		u32 type, key, value, entries, flags;
	} maps[GEN_MAP_COUNT] = {
		[GEN_MAP_ARRAY] = {BPF_MAP_TYPE_ARRAY, 4, 48, 4, 0},
		[GEN_MAP_HASH] = {BPF_MAP_TYPE_HASH, 8, 16, 8, 0},
		[GEN_MAP_RING] = {BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
		[GEN_MAP_RDONLY] = {BPF_MAP_TYPE_ARRAY, 4, 16, 1, BPF_F_RDONLY_PROG},
	};
	u32 i;

	for (i = 0; i < GEN_MAP_COUNT; i++) {
		union bpf_attr attr = {.map_type = maps[i].type,
			.key_size = maps[i].key,
			.value_size = maps[i].value,
			.max_entries = maps[i].entries,
			.map_flags = maps[i].flags};

		s->map_fds[i] = side_bpf(s, BPF_MAP_CREATE, &attr);
		REQUIRE(s->map_fds[i] >= 0);
	}
}

static void load(struct side *s, const struct gen *program, u32 flags, u32 level)
{
	struct gen g = *program;
	union bpf_attr attr = {.prog_type = g.prog_type};
	const char *count;

	gen_patch_maps(&g, s->map_fds);
	attr.insns = (uintptr_t)g.insns;
	attr.insn_cnt = g.len;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)s->log;
	attr.log_size = LOG_SIZE;
	attr.log_level = level;
	attr.prog_flags = flags;
	s->log[0] = 0;
	s->result = side_bpf(s, BPF_PROG_LOAD, &attr);
	count = strstr(s->log, "processed ");
	while (count && strstr(count + 1, "processed "))
		count = strstr(count + 1, "processed ");
	s->processed = count ? (u32)atoi(count + strlen("processed ")) : 0;
}

static void fill_maps(const struct side *s)
{
	u8 value[48];
	u64 key;
	u32 i;

	for (key = 0; key < 4; key++) {
		union bpf_attr attr = {.map_fd = (u32)s->map_fds[GEN_MAP_ARRAY],
			.key = (uintptr_t)&key,
			.value = (uintptr_t)value};

		for (i = 0; i < sizeof(value); i++)
			value[i] = (u8)(i * 7 + key * 31 + (i > 8 ? 0x80 : 0));
		side_bpf(s, BPF_MAP_UPDATE_ELEM, &attr);
		attr.map_fd = (u32)s->map_fds[GEN_MAP_HASH];
		side_bpf(s, BPF_MAP_UPDATE_ELEM, &attr);
		attr.map_fd = (u32)s->map_fds[GEN_MAP_RDONLY];
		if (!key)
			side_bpf(s, BPF_MAP_UPDATE_ELEM, &attr);
	}
}

static void read_maps(struct side *s)
{
	u32 key;

	for (key = 0; key < 4; key++) {
		union bpf_attr attr = {.map_fd = (u32)s->map_fds[GEN_MAP_ARRAY],
			.key = (uintptr_t)&key,
			.value = (uintptr_t)s->array[key]};

		side_bpf(s, BPF_MAP_LOOKUP_ELEM, &attr);
	}
}

static void run_once(struct side *s)
{
	u8 in[64], out[512];
	union bpf_attr attr = {0};
	u32 i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (u8)(i * 37 + (i & 16 ? 0xc0 : 0));
	fill_maps(s);
	attr.test.prog_fd = (u32)s->result;
	attr.test.data_in = (uintptr_t)in;
	attr.test.data_size_in = sizeof(in);
	attr.test.data_out = (uintptr_t)out;
	attr.test.data_size_out = sizeof(out);
	attr.test.repeat = 1;
	s->run_error = side_bpf(s, BPF_PROG_TEST_RUN, &attr);
	s->retval = attr.test.retval;
	read_maps(s);
}

static void check_same_run(const struct side *a, const struct side *b, const char *who, u64 seed)
{
	bool same = a->run_error == b->run_error && a->retval == b->retval &&
		!memcmp(a->array, b->array, sizeof(a->array));

	CHECK_MSG(same, "HACHI_SEED=%llu: %s: the kernel %d %u, we %d %u%s",
		(unsigned long long)seed, who, a->run_error, a->retval, b->run_error, b->retval,
		memcmp(a->array, b->array, sizeof(a->array)) ? ", other maps" : "");
}

static const char *last_line(const struct side *s)
{
	static char line[2][256];
	static u32 which;
	const char *at = s->log, *found = "";
	char *out = line[which++ % 2];
	size_t len;

	for (; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strncmp(at, "processed ", 10) && *at != '\n')
			found = at;
	len = MIN(strcspn(found, "\n"), sizeof(line[0]) - 1);
	memcpy(out, found, len);
	out[len] = 0;
	return out;
}

struct tally {
	bool sees_pointers;
	u32 runs, both_accept, both_refuse, looser, stricter, same_line, same_count, too_large;
};

static bool is_too_large(const struct side *s)
{
	return strstr(s->log, "is too large") || strstr(s->log, "is too complex");
}

/* caps: of the loader; flags: of the load. */
static void compare(
	struct side *kernel, struct side *ours, struct side *fast, u64 seed, struct tally *t)
{
	static struct gen g;
	const char *env = getenv("HACHI_LEVEL");
	u32 level = env ? (u32)atoi(env) : 1, flags;
	bool theirs, mine;

	memset(&g, 0, sizeof(g));
	g.seed = seed * 0x9e3779b97f4a7c15ull | 1;
	g.prog_type = prog_types[seed % ARRAY_SIZE(prog_types)];
	g.is_wild = seed % 5 == 0;
	g.is_old = kernel_version() < KERNEL_OF_V4 && !g.is_wild;
	g.has_short_loops = !t->sees_pointers && !getenv("HACHI_SOAK");
	gen_program(&g);
	flags = seed % 3 == 0 ? BPF_F_TEST_STATE_FREQ : 0;
	if (getenv("HACHI_PART") && !t->sees_pointers)
		flags = 0; /* or guessed paths are many */
	load(ours, &g, flags, level);
	kernel->result = -EINVAL;
	if (!is_too_large(ours))
		load(kernel, &g, flags, level);
	/* liveness differs between versions, and with it how soon states are pruned */
	if (is_too_large(ours) || is_too_large(kernel)) {
		t->too_large++;
		if (getenv("HACHI_TELL"))
			tap_note("%llu too large", (unsigned long long)seed);
		return;
	}
	theirs = kernel->result >= 0;
	mine = ours->result >= 0;
	t->both_accept += theirs && mine;
	t->both_refuse += !theirs && !mine;
	t->looser += mine && !theirs;
	t->stricter += theirs && !mine;
	if (theirs == mine) {
		t->same_line += theirs || !strcmp(last_line(kernel), last_line(ours));
		t->same_count += kernel->processed == ours->processed;
	}
	if (getenv("HACHI_TELL")) {
		if (theirs != mine)
			tap_note("%llu %s: %s", (unsigned long long)seed,
				mine ? "LOOSER, the kernel says" : "STRICTER, we say",
				last_line(mine ? kernel : ours));
		else if (!theirs && strcmp(last_line(kernel), last_line(ours)))
			tap_note("%llu TEXT: %s | %s", (unsigned long long)seed, last_line(kernel),
				last_line(ours));
		else if (kernel->processed != ours->processed)
			tap_note("%llu COUNT: the kernel %u, we %u", (unsigned long long)seed,
				kernel->processed, ours->processed);
	}
	if (theirs && mine && !g.is_random && g.prog_type != BPF_PROG_TYPE_KPROBE) {
		load(fast, &g, flags, 1);
		run_once(kernel);
		run_once(ours);
		run_once(fast);
		check_same_run(kernel, ours, "interpreter", seed);
		check_same_run(kernel, fast, "engine", seed);
		t->runs++;
	}
	CHECK_MSG(!mine || theirs, "HACHI_SEED=%llu: we accept, the kernel says: %s",
		(unsigned long long)seed, last_line(kernel));
}

/* Program and maps of one round. */
static void forget(struct side *s)
{
	u32 i;

	side_close(s, s->result);
	for (i = 0; i < GEN_MAP_COUNT; i++)
		side_close(s, s->map_fds[i]);
}

static void run(u32 caps, u32 rounds)
{
	const char *only = getenv("HACHI_SEED");
	struct hachi_opts opts = {.size = sizeof(opts),
		.kernel = kernel_rules(),
		.caps = caps,
		.guard = true,
		.engine = "interp"};
	struct side kernel = {.log = malloc(LOG_SIZE)}, ours = {.log = malloc(LOG_SIZE)};
	struct side fast = {.log = malloc(LOG_SIZE)};
	struct tally t = {.sees_pointers = caps & HACHI_CAP_PERFMON};
	const char *start = getenv("HACHI_FIRST");
	u64 first = only ? strtoull(only, NULL, 0) : start ? strtoull(start, NULL, 0) : 1, i;

	REQUIRE(kernel.log && ours.log && fast.log);
	REQUIRE_EQ(hachi_new(&opts, &ours.instance), 0);
	REQUIRE(kernel_limit_caps(
		caps & HACHI_CAP_BPF, caps & HACHI_CAP_PERFMON, caps & HACHI_CAP_NET_ADMIN));
	opts.guard = false;
	opts.engine = NULL;
	REQUIRE_EQ(hachi_new(&opts, &fast.instance), 0);
	for (i = first; i < first + (only ? 1 : rounds); i++) {
		make_maps(&kernel);
		make_maps(&ours);
		make_maps(&fast);
		fast.result = -EINVAL;
		compare(&kernel, &ours, &fast, i, &t);
		forget(&kernel);
		forget(&ours);
		forget(&fast);
	}
	kernel_restore_caps();
	tap_note("accepted by both %u, refused by both %u, looser %u, stricter %u; too large for "
		 "one "
		 "%u; alike: message %u, count %u",
		t.both_accept, t.both_refuse, t.looser, t.stricter, t.too_large, t.same_line,
		t.same_count);
	tap_note("%u runs", t.runs);
	if (only)
		tap_note("the kernel:\n%s\nours:\n%s", kernel.log, ours.log);
	CHECK(only || t.both_accept > rounds / 8);
	CHECK(only || t.runs > rounds / 50);
	CHECK(only || t.stricter <= rounds / 100);
	hachi_free(ours.instance);
	hachi_free(fast.instance);
	free(kernel.log);
	free(ours.log);
	free(fast.log);
}

static u32 rounds_of(u32 quick)
{
	const char *part = getenv("HACHI_PART"); /* of a hundred: for slow machines */

	return getenv("HACHI_SOAK") ? 200 * quick : part ? quick * (u32)atoi(part) / 100 : quick;
}

TEST(what_we_accept_the_kernel_accepts)
{
	kernel_or_skip();
	run(HACHI_CAP_BPF | HACHI_CAP_PERFMON | HACHI_CAP_NET_ADMIN, rounds_of(400));
}

TEST(what_we_accept_of_those_who_may_not_see_pointers_the_kernel_accepts)
{
	kernel_or_skip();
	run(HACHI_CAP_BPF | HACHI_CAP_NET_ADMIN, rounds_of(180));
}
