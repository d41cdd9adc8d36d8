// SPDX-License-Identifier: BSD-2-Clause
/*
 * The live kernel beside us: random programs of the pieces that real ones are made of, each loaded
 * by both. The verdict, the errno and the last line of a refusal must be the same; differences of
 * the number of instructions followed are counted (this kernel's loops are pruned by another rule
 * than those of 6.12, which is ours). HACHI_SEED=N HACHI_COUNT=N run other programs.
 */
#include "base/alloc.h"
#include "base/vec.h"
#include "isa/asm.h"
#include "spec/progtype.h"
#include "test/kernel.h"
#include "verify/verify.h"

#include <errno.h>
#include <stdlib.h>

enum { LOG_SIZE = 1 << 20, TEXT_SIZE = 8192 };

static struct verify_map maps[] = {
	{.name = "array",
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 48,
		.max_entries = 4,
		.has_direct_value = true},
	{.name = "hash",
		.type = BPF_MAP_TYPE_HASH,
		.key_size = 8,
		.value_size = 24,
		.max_entries = 4},
	{.name = "ring", .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096},
	{.name = "progs",
		.type = BPF_MAP_TYPE_PROG_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 4},
};
static int map_fds[ARRAY_SIZE(maps)];

/* New ones for each program: a program array takes the type of the first that uses it. */
static void make_maps(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++) {
		union bpf_attr attr = {.map_type = maps[i].type,
			.key_size = maps[i].key_size,
			.value_size = maps[i].value_size,
			.max_entries = maps[i].max_entries};

		memcpy(attr.map_name, maps[i].name, strlen(maps[i].name));
		map_fds[i] = kernel_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
		REQUIRE(map_fds[i] >= 0);
		maps[i].handle = maps[i].id = i + 1;
	}
}

static void close_maps(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		close(map_fds[i]);
}

static int world_map(
	const struct verify_world *w, s32 number, bool by_index, const struct verify_map **ret_map)
{
	(void)w;
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		if (!by_index && map_fds[i] == number) {
			*ret_map = &maps[i];
			return 0;
		}
	return -EBADF;
}

static int world_read(const struct verify_world *w, const struct verify_map *map, u32 off, u32 size,
	u64 *ret_value)
{
	(void)w, (void)map, (void)off, (void)size, (void)ret_value;
	return -EINVAL;
}

static int map_number(void *ctx, const char *name, size_t len)
{
	(void)ctx;
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		if (strlen(maps[i].name) == len && memcmp(maps[i].name, name, len) == 0)
			return map_fds[i];
	return -ENOENT;
}

/* Random text. */

struct source {
	u64 seed;
	u32 len;
	u32 piece; /* labels are numbered */
	u32 prog_type;
	bool has_func; /* calls of f need a body */
	char text[TEXT_SIZE];
};

static u32 pick(struct source *s, u32 below)
{
	s->seed = s->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(s->seed >> 33) % below;
}

__attribute__((format(printf, 2, 3))) static void say(struct source *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	s->len += (u32)vsnprintf(s->text + s->len, TEXT_SIZE - s->len, format, args);
	va_end(args);
	REQUIRE(s->len < TEXT_SIZE);
}

#define PICK(s, list) (list)[pick(s, ARRAY_SIZE(list))]

static const char *const any_regs[] = {"r0", "r1", "r2", "r3", "r4", "r5", "r7", "r8", "r9"};
static const char *const kept_regs[] = {"r7", "r8", "r9"};
static const s32 numbers[] = {0, 1, 2, 3, 4, 7, 8, 12, 15, 16, 31, 32, 33, 47, 48, 63, 64, 127, 128,
	255, 256, 4096, 65535, 0x7fffffff, -1, -2, -4, -8, -16, -128, -2147483647};
static const char *const conditions[] = {
	"==", "!=", ">", "<", ">=", "<=", "s>", "s<", "s>=", "s<=", "&"};
static const char *const sizes[] = {"u8", "u16", "u32", "u64"};

static const char *kept(struct source *s)
{
	return PICK(s, kept_regs);
}

static const char *any(struct source *s)
{
	return pick(s, 8) ? kept(s) : PICK(s, any_regs);
}

static void unknown_number(struct source *s)
{
	const char *reg = kept(s);

	switch (pick(s, 3)) {
	case 0: say(s, "call 7\n%s = r0\n", reg); return;
	case 1:
		say(s, "call 7\n%s = r0\n%s &= %u\n", reg, reg, (1u << pick(s, 9)) - pick(s, 2));
		return;
	default: say(s, "call 5\n%s = r0\n", reg);
	}
}

static void arithmetic(struct source *s)
{
	static const char *const ops[] = {
		"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "+=", "-=", "&=", "+="};
	static const char *const shifts[] = {"<<=", ">>=", "s>>="};
	bool is_narrow = pick(s, 3) == 0;
	const char *dst = any(s), *src = any(s);
	char w = is_narrow ? 'w' : 'r';

	switch (pick(s, 6)) {
	case 0: say(s, "%c%s %s %c%s\n", w, dst + 1, PICK(s, ops), w, src + 1); return;
	case 1:
		say(s, "%c%s %s %u\n", w, dst + 1, PICK(s, shifts), pick(s, is_narrow ? 32 : 64));
		return;
	case 2: say(s, "%c%s = %c%s\n", w, dst + 1, w, src + 1); return;
	case 3: say(s, "%c%s = %d\n", w, dst + 1, PICK(s, numbers)); return;
	case 4:
		if (pick(s, 3) == 0) {
			say(s, "%s = (s%u)%s\n", dst, 8u << pick(s, 3), src);
			return;
		}
		/* fall through */
	default: say(s, "%c%s %s %d\n", w, dst + 1, PICK(s, ops), PICK(s, numbers));
	}
}

static void jump_start(struct source *s, u32 label)
{
	char w = pick(s, 3) ? 'r' : 'w';
	const char *dst = any(s), *src = any(s);

	if (pick(s, 3))
		say(s, "if %c%s %s %d goto l%u\n", w, dst + 1, PICK(s, conditions),
			PICK(s, numbers), label);
	else
		say(s, "if %c%s %s %c%s goto l%u\n", w, dst + 1, PICK(s, conditions), w, src + 1,
			label);
}

static void stack_access(struct source *s)
{
	u32 shift = pick(s, 4), off = (1 + pick(s, 4)) * 8;
	const char *size = sizes[shift];

	if (shift != 3 && pick(s, 2))
		off -= (1u << shift) * pick(s, 8u >> shift);
	switch (pick(s, 4)) {
	case 0: say(s, "*(%s *)(r10 - %u) = %d\n", size, off, PICK(s, numbers)); return;
	case 1:
	case 2: say(s, "*(%s *)(r10 - %u) = %s\n", size, off, any(s)); return;
	default: say(s, "%s = *(%s *)(r10 - %u)\n", kept(s), size, off);
	}
}

static void variable_stack(struct source *s)
{
	const char *reg = kept(s);

	say(s, "call 7\nr0 &= %u\nr2 = r10\nr2 += -%u\nr2 += r0\n", pick(s, 2) ? 7 : 8,
		16 + 8 * pick(s, 2));
	if (pick(s, 2))
		say(s, "*(%s *)(r2 + 0) = %s\n", PICK(s, sizes), reg);
	else
		say(s, "%s = *(%s *)(r2 + 0)\n", reg, PICK(s, sizes));
}

/* A value, most of the time checked; then uses of it by constant and by number. */
static void map_value(struct source *s, u32 label)
{
	bool is_array = pick(s, 3);
	const char *index = kept(s), *size = PICK(s, sizes);

	say(s, "*(u64 *)(r10 - 8) = %u\nr1 = map[%s]\nr2 = r10\nr2 += -8\ncall 1\n",
		pick(s, 3) ? 0 : 9, is_array ? "array" : "hash");
	if (pick(s, 8))
		say(s, "if r0 == 0 goto l%u\n", label);
	if (pick(s, 2)) {
		if (pick(s, 2))
			say(s, "if %s > %u goto l%u\n", index, pick(s, 48), label);
		if (pick(s, 4) == 0)
			say(s, "r0 -= %s\n", index);
		else
			say(s, "r0 += %s\n", index);
	}
	switch (pick(s, 4)) {
	case 0: say(s, "*(%s *)(r0 + %u) = %s\n", size, pick(s, 26), index); break;
	case 1: say(s, "lock *(u64 *)(r0 + %u) += %s\n", 8 * pick(s, 4), index); break;
	default: say(s, "%s = *(%s *)(r0 + %u)\n", index, size, pick(s, 26));
	}
	if (pick(s, 4) == 0)
		say(s, "%s = r0\n", kept(s));
}

static void packet(struct source *s, u32 label)
{
	const char *index = kept(s);
	bool is_xdp = s->prog_type == BPF_PROG_TYPE_XDP;

	if (s->prog_type != BPF_PROG_TYPE_XDP && s->prog_type != BPF_PROG_TYPE_SCHED_CLS) {
		unknown_number(s);
		return;
	}
	say(s, "r2 = *(u32 *)(r6 + %u)\nr3 = *(u32 *)(r6 + %u)\n", is_xdp ? 0 : 76,
		is_xdp ? 4 : 80);
	if (pick(s, 3) == 0)
		say(s, "%s &= 255\nr2 += %s\n", index, index);
	say(s, "r4 = r2\nr4 += %u\n", pick(s, 20));
	say(s, pick(s, 2) ? "if r4 > r3 goto l%u\n" : "if r3 < r4 goto l%u\n", label);
	say(s, "%s = *(%s *)(r2 + %u)\n", index, PICK(s, sizes), pick(s, 14));
	if (pick(s, 4) == 0)
		say(s, "%s = r%u\n", kept(s), 2 + pick(s, 3));
}

static void context(struct source *s)
{
	static const u32 offs[] = {0, 4, 8, 12, 16, 24, 40, 48, 56, 76, 80, 112, 144, 152, 160};

	say(s, "%s = *(%s *)(r6 + %u)\n", kept(s), pick(s, 3) ? "u32" : PICK(s, sizes),
		PICK(s, offs));
}

static void ringbuf(struct source *s, u32 label)
{
	say(s, "r1 = map[ring]\nr2 = %u\nr3 = 0\ncall 131\n", 8 * (1 + pick(s, 2)));
	if (pick(s, 8))
		say(s, "if r0 == 0 goto l%u\n", label);
	say(s, "*(u64 *)(r0 + %u) = 1\n", pick(s, 12));
	if (pick(s, 8))
		say(s, "r1 = r0\nr2 = 0\ncall %u\n", 132 + pick(s, 2));
}

static void memory_helper(struct source *s)
{
	const char *size = kept(s);

	say(s, "r1 = map[hash]\nr2 = r10\nr2 += -%u\nr3 = r10\nr3 += -%u\nr4 = 0\n",
		8 + pick(s, 3) * 4, 24 + pick(s, 3) * 8);
	if (pick(s, 2)) {
		say(s, "call 2\n%s = r0\n", size);
		return;
	}
	if (pick(s, 2))
		say(s, "%s &= %u\n", size, pick(s, 2) ? 15 : 31);
	say(s, "r1 = r10\nr1 += -%u\nr2 = %s\nr3 = r10\nr3 += -8\ncall 112\n%s = r0\n",
		16 + 8 * pick(s, 3), size, kept(s));
}

static void piece(struct source *s, u32 depth);

static void branch(struct source *s, u32 depth)
{
	u32 label = s->piece++;

	jump_start(s, label);
	for (u32 n = 1 + pick(s, 3); n; n--)
		piece(s, depth + 1);
	say(s, "l%u:\n", label);
}

static void loop(struct source *s, u32 depth)
{
	u32 label = s->piece++;
	const char *count = kept(s);

	say(s, "%s = 0\nl%u:\n", count, label);
	piece(s, depth + 1);
	say(s, "%s += 1\nif %s %s %u goto l%u\n", count, count,
		pick(s, 2) ? "<" : "!=", 1 + pick(s, 5), label);
}

static void call(struct source *s)
{
	s->has_func = true;
	say(s, "r1 = %s\nr2 = %s\n", any(s), pick(s, 3) ? kept(s) : "r10");
	say(s, "call f\n%s = r0\n", kept(s));
}

static void piece(struct source *s, u32 depth)
{
	u32 label, kind = pick(s, 40);

	if (depth < 3 && kind < 8) {
		branch(s, depth);
		return;
	}
	if (depth < 2 && kind == 8) {
		loop(s, depth);
		return;
	}
	label = s->piece++;
	if (kind < 16)
		unknown_number(s);
	else if (kind < 26)
		arithmetic(s);
	else if (kind < 30)
		stack_access(s);
	else if (kind == 30)
		variable_stack(s);
	else if (kind < 34)
		map_value(s, label);
	else if (kind == 34)
		packet(s, label);
	else if (kind == 35)
		context(s);
	else if (kind == 36)
		ringbuf(s, label);
	else if (kind == 37)
		memory_helper(s);
	else if (kind == 38)
		call(s);
	else
		say(s, "r1 = r6\nr2 = map[progs]\nr3 = %s\ncall 12\n", kept(s));
	say(s, "l%u:\n", label);
}

static void generate(struct source *s)
{
	static const u32 types[] = {BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP,
		BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_KPROBE};

	s->prog_type = PICK(s, types);
	say(s, "r6 = r1\n");
	for (u32 i = 0; i < ARRAY_SIZE(kept_regs); i++)
		say(s, "%s = %d\n", kept_regs[i], PICK(s, numbers));
	for (u32 i = 1; i <= 4; i++)
		if (pick(s, 4))
			say(s, "*(u64 *)(r10 - %u) = %d\n", i * 8, PICK(s, numbers));
	for (u32 n = 2 + pick(s, 9); n; n--)
		piece(s, 0);
	if (pick(s, 4))
		say(s, "r0 = 0\n");
	say(s, "exit\n");
	if (!s->has_func)
		return;
	say(s, "f:\nr6 = r1\nr7 = 1\nr8 = r2\nr9 = 3\nr0 = 0\n");
	for (u32 n = 1 + pick(s, 3); n; n--)
		arithmetic(s);
	if (pick(s, 3) == 0)
		say(s, "*(u64 *)(r8 - 8) = r7\n");
	say(s, "r0 = %s\nexit\n", kept(s));
}

/* Both sides. */

struct side {
	int err;
	char log[LOG_SIZE];
};

static struct side kernel_side, our_side;

static void load_kernel(const struct insn_vec *insns, u32 prog_type)
{
	struct kernel_load load = {.prog_type = prog_type,
		.insns = (const struct bpf_insn *)insns->data,
		.insn_count = (u32)insns->len,
		.log = kernel_side.log,
		.log_size = LOG_SIZE,
		.log_level = LOG_LEVEL1};
	int fd = kernel_prog_load(&load);

	kernel_side.err = fd < 0 ? fd : 0;
	if (fd >= 0)
		close(fd);
}

static void load_here(const struct insn_vec *insns, u32 prog_type, u32 caps)
{
	struct verify_world_ops ops = {.map = world_map, .map_read = world_read};
	struct verify_world world = {
		.ops = &ops, .kernel = kernel_profile_by_name("6.18"), .caps = caps};
	struct verify_input in = {.name = "test",
		.prog_type = prog_type,
		.is_gpl = true,
		.insns = insns->data,
		.insn_count = (u32)insns->len};
	struct verify_output out;
	struct arena arena;
	struct log log;
	int err;

	arena_init(&arena);
	log_init(&log, our_side.log, LOG_SIZE, LOG_LEVEL1);
	our_side.err = verify_prog(&in, &world, &arena, &log, &out);
	err = log_finish(&log, NULL);
	if (err)
		our_side.err = err;
	arena_release(&arena);
}

/* The last line of a refused load ahead of the counts; and the counts. */
static void last_lines(const struct side *side, char *message, size_t size, u32 *ret_processed)
{
	const char *end = strstr(side->log, "processed "), *start;

	for (const char *next = end; next; next = strstr(next + 1, "\nprocessed "))
		end = next;
	message[0] = 0;
	*ret_processed = 0;
	if (!end)
		return;
	sscanf(end + (*end == '\n'), "processed %u", ret_processed);
	if (!side->err || end == side->log)
		return;
	end -= *end != '\n';
	for (start = end; start > side->log && start[-1] != '\n';)
		start--;
	snprintf(message, size, "%.*s", (int)(end - start), start);
}

struct tally {
	u32 accepted, refused, counts_differ;
};

static void compare_one(u64 seed, u32 caps, struct tally *tally)
{
	struct source s = {.seed = seed * 0x9e3779b97f4a7c15ull};
	struct asm_opts opts = {.map_fd = map_number};
	struct asm_error error;
	struct insn_vec insns = {0};
	char k_line[400], o_line[400];
	u32 k_count, o_count;

	generate(&s);
	if (asm_parse(s.text, s.len, &opts, &insns, &error)) {
		CHECK_MSG(false, "%s: line %u: %s", s.text, error.line, error.text);
		return;
	}
	load_kernel(&insns, s.prog_type);
	load_here(&insns, s.prog_type, caps);
	if (kernel_side.err)
		tally->refused++;
	else
		tally->accepted++;
	last_lines(&kernel_side, k_line, sizeof(k_line), &k_count);
	last_lines(&our_side, o_line, sizeof(o_line), &o_count);
	tally->counts_differ += k_count != o_count;
	CHECK_MSG(kernel_side.err == our_side.err && strcmp(k_line, o_line) == 0,
		"seed %llu, type %u: kernel %d %s, here %d %s\n%s", (unsigned long long)seed,
		s.prog_type, kernel_side.err, k_line, our_side.err, o_line, s.text);
	vec_release(&insns);
}

static void compare(u32 caps)
{
	const char *seed = getenv("HACHI_SEED"), *count = getenv("HACHI_COUNT");
	u64 first = seed ? strtoull(seed, NULL, 0) : 1;
	u32 n = count ? (u32)strtoul(count, NULL, 0) : seed ? 1 : 200;
	struct tally tally = {0};

	for (u32 i = 0; i < n; i++) {
		make_maps();
		compare_one(first + i, caps, &tally);
		close_maps();
	}
	tap_note("%u accepted, %u refused, another number of instructions in %u", tally.accepted,
		tally.refused, tally.counts_differ);
}

static void need_kernel(void)
{
	kernel_or_skip();
	if (kernel_version() != (6 << 8 | 18))
		SKIP_HERE("the messages are those of Linux 6.18");
}

TEST(random_programs_get_the_kernels_log)
{
	need_kernel();
	compare(CAP_NEEDED_BPF | CAP_NEEDED_PERFMON | CAP_NEEDED_NET_ADMIN | CAP_NEEDED_SYS_ADMIN);
}
