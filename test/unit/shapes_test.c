// SPDX-License-Identifier: BSD-2-Clause
/*
 * Shapes of programs that verifiers and JITs have got wrong: every test/shapes/NAME.test is loaded
 * (and run, if it wants a result) by the live kernel and by ours, which must give what the file
 * wants. A file is sections, each begun by a line "-- name: value" or "-- name":
 *
 *	about: one line                 asm          the program, see below
 *	prog: socket_filter             want: reject MESSAGE | accept | result N
 *	caps: bpf perfmon net_admin     kernel: the same, where the live kernel gets it wrong
 *	flags: invariants strict freq   btf (every function is int f(void *))   data: hex bytes for
 *the run (64 zeroes) maps          lines "name kind key value entries [flags [inner]]", beside "a
 *array 4 48 1"
 *
 * In the program "@value rN" looks element 0 of map a up (rN points to the value), "@value rN m" of
 * map m; "@unknown rN" is a number of which nothing is known; both spoil r0 to r5. "out: r0 = 0,
 * exit" is added where it is needed.
 */
#include "test/btf_build.h"
#include "test/kernel.h"
#include "test/tap.h"

#include "base/str.h"
#include "base/vec.h"
#include "isa/asm.h"

#include <dirent.h>
#include <hachi/hachi.h>
#include <stdlib.h>

#define FOLDER	 "test/shapes"
#define LOG_SIZE (1u << 20)
#define MAX_MAPS 8

struct shape {
	char prog[32], caps[64], flags[64], want[256], kernel[256], data[256];
	struct strbuf text; /* the assembler's */
	struct {
		char name[16], kind[32], inner[16];
		u32 key, value, entries, flags;
	} maps[MAX_MAPS];
	u32 map_count;
};

/* Who answers: NULL = the kernel. */
static struct hachi *instance;

static int do_bpf(int cmd, union bpf_attr *attr)
{
	if (instance)
		return (int)hachi_bpf(instance, cmd, attr, sizeof(*attr));
	return kernel_bpf(cmd, attr, sizeof(*attr));
}

static void do_close(int fd)
{
	if (fd < 0)
		return;
	if (instance)
		hachi_close(instance, fd);
	else
		close(fd);
}

struct named {
	const char *name;
	u32 number;
};

static const struct named prog_types[] = {{"socket_filter", BPF_PROG_TYPE_SOCKET_FILTER},
	{"kprobe", BPF_PROG_TYPE_KPROBE}, {"sched_cls", BPF_PROG_TYPE_SCHED_CLS},
	{"xdp", BPF_PROG_TYPE_XDP}, {"tracepoint", BPF_PROG_TYPE_TRACEPOINT},
	{"cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB}, {"flow_dissector", BPF_PROG_TYPE_FLOW_DISSECTOR},
	{"syscall", BPF_PROG_TYPE_SYSCALL}, {0}};
static const struct named map_types[] = {{"array", BPF_MAP_TYPE_ARRAY}, {"hash", BPF_MAP_TYPE_HASH},
	{"ringbuf", BPF_MAP_TYPE_RINGBUF}, {"prog_array", BPF_MAP_TYPE_PROG_ARRAY},
	{"array_of_maps", BPF_MAP_TYPE_ARRAY_OF_MAPS}, {0}};

static u32 number_of(const struct named *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table->number;
	CHECK_MSG(false, "nobody knows %s", name);
	return 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

static u32 value_count;

static void add_line(struct shape *s, const char *line)
{
	char reg[8], map[16] = "a";

	if (sscanf(line, " @value %7s %15s", reg, map) >= 1)
		strbuf_printf(&s->text,
			"r1 = map[%s]\nr2 = r10\nr2 += -4\nr3 = 0\n*(u32 *)(r10 -4) = r3\n"
			"call bpf_map_lookup_elem\nif r0 != 0 goto v%u\nr0 = 0\nexit\nv%u: %s = "
			"r0\n",
			map, value_count, value_count, reg);
	else if (sscanf(line, " @unknown %7s", reg) == 1)
		strbuf_printf(&s->text, "call bpf_get_prandom_u32\n%s = r0\n", reg);
	else
		strbuf_printf(&s->text, "%s\n", line);
	value_count++;
}

static void add_map(struct shape *s, const char *line)
{
	u32 i = s->map_count;

	if (!*line)
		return;
	REQUIRE(i < MAX_MAPS);
	REQUIRE(sscanf(line, "%15s %31s %u %u %u %u %15s", s->maps[i].name, s->maps[i].kind,
			&s->maps[i].key, &s->maps[i].value, &s->maps[i].entries, &s->maps[i].flags,
			s->maps[i].inner) >= 5);
	s->map_count++;
}

static void read_value(struct shape *s, const char *name, const char *value)
{
	struct {
		const char *name;
		char *to;
		size_t size;
	} fields[] = {{"prog", s->prog, sizeof(s->prog)}, {"caps", s->caps, sizeof(s->caps)},
		{"flags", s->flags, sizeof(s->flags)}, {"want", s->want, sizeof(s->want)},
		{"kernel", s->kernel, sizeof(s->kernel)}, {"data", s->data, sizeof(s->data)}};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(name, fields[i].name))
			str_copy(fields[i].to, fields[i].size, value);
}

static void read_shape(const char *path, struct shape *s)
{
	char line[512], name[32] = "";
	FILE *f = fopen(path, "r");

	REQUIRE(f != NULL);
	memset(s, 0, sizeof(*s));
	value_count = 0;
	str_copy(s->prog, sizeof(s->prog), "socket_filter");
	str_copy(s->caps, sizeof(s->caps), "bpf perfmon net_admin");
	add_map(s, "a array 4 48 1");
	while (fgets(line, sizeof(line), f)) {
		char *colon;

		line[strcspn(line, "\n")] = 0;
		if (str_starts_with(line, "-- ")) {
			colon = strchr(line, ':');
			if (colon)
				*colon = 0;
			str_copy(name, sizeof(name), line + 3);
			read_value(s, name, colon ? colon + 1 + strspn(colon + 1, " ") : "");
		} else if (!strcmp(name, "asm")) {
			add_line(s, line);
		} else if (!strcmp(name, "maps")) {
			add_map(s, line);
		}
	}
	if (strstr(strbuf_cstr(&s->text), "goto out") || !str_ends_with(s->text.data, "\nexit\n"))
		strbuf_puts(&s->text, "out: r0 = 0\nexit\n");
	fclose(f);
}

/* ---- trying ------------------------------------------------------------------------------ */

#define MAX_FUNCS 8

struct attempt {
	const struct shape *shape;
	int btf_fd;
	struct bpf_func_info funcs[MAX_FUNCS];
	u32 func_count;
	int map_fds[MAX_MAPS];
	int prog_fd;
	char *log;
};

static int map_fd(void *ctx, const char *name, size_t len)
{
	const struct attempt *a = ctx;
	u32 i;

	for (i = 0; i < a->shape->map_count; i++)
		if (strlen(a->shape->maps[i].name) == len &&
			!memcmp(a->shape->maps[i].name, name, len))
			return a->map_fds[i];
	return -ENOENT;
}

static void make_maps(struct attempt *a)
{
	u32 i;

	for (i = 0; i < a->shape->map_count; i++) {
		union bpf_attr attr = {.map_type = number_of(map_types, a->shape->maps[i].kind),
			.key_size = a->shape->maps[i].key,
			.value_size = a->shape->maps[i].value,
			.max_entries = a->shape->maps[i].entries,
			.map_flags = a->shape->maps[i].flags};

		if (*a->shape->maps[i].inner)
			attr.inner_map_fd = (u32)map_fd(
				a, a->shape->maps[i].inner, strlen(a->shape->maps[i].inner));
		a->map_fds[i] = do_bpf(BPF_MAP_CREATE, &attr);
		CHECK_MSG(a->map_fds[i] >= 0, "map %s: %s", a->shape->maps[i].name,
			strerror(-a->map_fds[i]));
	}
}

static void add_func(struct attempt *a, u32 start)
{
	u32 at = a->func_count, i;

	for (i = 0; i < at; i++)
		if (a->funcs[i].insn_off == start)
			return;
	REQUIRE(at < MAX_FUNCS);
	for (; at && a->funcs[at - 1].insn_off > start; at--)
		a->funcs[at] = a->funcs[at - 1];
	a->funcs[at].insn_off = start;
	a->func_count++;
}

/* Functions are where calls and callbacks go. */
static void make_btf(struct attempt *a, const struct insn_vec *insns, union bpf_attr *ret_attr)
{
	static struct build b;
	union bpf_attr attr = {0};
	u32 i, number, ptr, proto;
	char name[16];

	a->func_count = 0;
	add_func(a, 0);
	for (i = 0; i < insns->len; i++) {
		const struct insn *in = &insns->data[i];

		if ((insn_is_ld_imm64(in) && in->src == BPF_PSEUDO_FUNC) || insn_is_call_func(in))
			add_func(a, i + 1 + (u32)in->imm);
		i += insn_is_ld_imm64(in);
	}
	build_init(&b);
	number = build_int(&b, "int", 4, BTF_INT_SIGNED);
	ptr = build_ptr(&b, 0);
	proto = build_type(&b, BTF_KIND_FUNC_PROTO, NULL, 1, false, number);
	build_pair(&b, "ctx", ptr);
	for (i = 0; i < a->func_count; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		a->funcs[i].type_id = build_ref(&b, BTF_KIND_FUNC, name, proto);
	}
	build_blob(&b);
	attr.btf = (uintptr_t)b.blob;
	attr.btf_size = b.size;
	a->btf_fd = do_bpf(BPF_BTF_LOAD, &attr);
	CHECK_MSG(a->btf_fd >= 0, "BTF: %s", strerror(-a->btf_fd));
	ret_attr->prog_btf_fd = (u32)a->btf_fd;
	ret_attr->func_info = (uintptr_t)a->funcs;
	ret_attr->func_info_cnt = a->func_count;
	ret_attr->func_info_rec_size = sizeof(a->funcs[0]);
}

static void load(struct attempt *a)
{
	struct asm_opts opts = {.map_fd = map_fd, .ctx = a};
	struct insn_vec insns = {0};
	struct asm_error error;
	union bpf_attr attr = {.prog_type = number_of(prog_types, a->shape->prog)};
	const char *flags = a->shape->flags;

	a->log[0] = 0;
	if (asm_parse(a->shape->text.data, a->shape->text.len, &opts, &insns, &error)) {
		CHECK_MSG(false, "%u:%u: %s in\n%s", error.line, error.column, error.text,
			a->shape->text.data);
		return;
	}
	attr.insns = (uintptr_t)insns.data;
	attr.insn_cnt = (u32)insns.len;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)a->log;
	attr.log_size = LOG_SIZE;
	attr.log_level = getenv("HACHI_SHAPE_LOG") ? 2 : 1;
	attr.prog_flags = (strstr(flags, "strict") ? BPF_F_STRICT_ALIGNMENT : 0) |
		(strstr(flags, "freq") ? BPF_F_TEST_STATE_FREQ : 0) |
		(strstr(flags, "invariants") ? 1u << 7 : 0);
	if (strstr(flags, "btf"))
		make_btf(a, &insns, &attr);
	a->prog_fd = do_bpf(BPF_PROG_LOAD, &attr);
	vec_release(&insns);
}

static int run(const struct attempt *a, u32 *ret_value)
{
	u8 in[64] = {0}, out[512];
	union bpf_attr attr = {0};
	const char *at = a->shape->data;
	unsigned int byte;
	int err, n, i = 0;

	while (i < 64 && sscanf(at, "%2x%n", &byte, &n) == 1) {
		in[i++] = (u8)byte;
		at += n;
	}
	attr.test.prog_fd = (u32)a->prog_fd;
	attr.test.data_in = (uintptr_t)in;
	attr.test.data_size_in = sizeof(in);
	attr.test.data_out = (uintptr_t)out;
	attr.test.data_size_out = sizeof(out);
	attr.test.repeat = 1;
	err = do_bpf(BPF_PROG_TEST_RUN, &attr);
	*ret_value = attr.test.retval;
	return err;
}

/* The verifier's last line but the count. */
static const char *last_line(char *log)
{
	char *at, *last = log, *end;

	for (at = log; *at; at = end) {
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = 0;
		if (*at && !str_starts_with(at, "processed "))
			last = at;
	}
	return last;
}

static void judge(const char *name, struct attempt *a, const char *want)
{
	bool accepted = a->prog_fd >= 0;
	u32 value = 0, expected;
	int err;

	if (str_starts_with(want, "reject")) {
		const char *message = want + strlen("reject");
		bool is_said = strstr(a->log, message + strspn(message, " ")) != NULL;

		CHECK_MSG(!accepted, "%s: accepted", name);
		if (!accepted)
			CHECK_MSG(is_said, "%s: %s", name, last_line(a->log));
		return;
	}
	CHECK_MSG(accepted, "%s: %s: %s", name, strerror(-a->prog_fd), last_line(a->log));
	if (!accepted || sscanf(want, "result %i", (int *)&expected) != 1)
		return;
	err = run(a, &value);
	CHECK_MSG(!err, "%s: run: %s", name, strerror(-err));
	CHECK_MSG(err || value == expected, "%s: returns %u, not %u", name, value, expected);
}

static void try_shape(const char *name, const struct shape *s, const char *want)
{
	struct attempt a = {.shape = s, .prog_fd = -EINVAL, .btf_fd = -EINVAL};
	u32 i;

	a.log = malloc(LOG_SIZE);
	REQUIRE(a.log != NULL);
	make_maps(&a);
	load(&a);
	if (getenv("HACHI_SHAPE_LOG"))
		tap_note("%s\n%s", name, a.log);
	judge(name, &a, want);
	do_close(a.prog_fd);
	do_close(a.btf_fd);
	for (i = 0; i < s->map_count; i++)
		do_close(a.map_fds[i]);
	free(a.log);
}

static u32 caps_of(const struct shape *s)
{
	return (strstr(s->caps, "bpf") ? HACHI_CAP_BPF : 0) |
		(strstr(s->caps, "perfmon") ? HACHI_CAP_PERFMON : 0) |
		(strstr(s->caps, "net_admin") ? HACHI_CAP_NET_ADMIN : 0);
}

static void on_kernel(const char *name, const struct shape *s)
{
	u32 caps = caps_of(s);

	if (!caps)
		return; /* most machines forbid it */
	REQUIRE(kernel_limit_caps(
		caps & HACHI_CAP_BPF, caps & HACHI_CAP_PERFMON, caps & HACHI_CAP_NET_ADMIN));
	try_shape(name, s, *s->kernel ? s->kernel : s->want);
	kernel_restore_caps();
}

static void for_each_shape(void (*fn)(const char *name, const struct shape *s))
{
	const char *only = getenv("HACHI_SHAPE");
	struct dirent **entries;
	int count = scandir(FOLDER, &entries, NULL, alphasort), i;

	REQUIRE(count > 0);
	for (i = 0; i < count; i++) {
		char path[512];
		struct shape s;

		snprintf(path, sizeof(path), FOLDER "/%s", entries[i]->d_name);
		if (str_ends_with(path, ".test") && (!only || strstr(path, only))) {
			read_shape(path, &s);
			fn(entries[i]->d_name, &s);
			strbuf_release(&s.text);
		}
		free(entries[i]);
	}
	free(entries);
}

TEST(the_kernel_judges_shapes_as_the_files_say)
{
	kernel_or_skip();
	for_each_shape(on_kernel);
}

static void on_ours(const char *name, const struct shape *s)
{
	u32 caps = caps_of(s);
	struct hachi_opts opts = {.size = sizeof(opts), .caps = caps, .no_caps = caps == 0};

	REQUIRE_EQ(hachi_new(&opts, &instance), 0);
	try_shape(name, s, s->want);
	hachi_free(instance);
	instance = NULL;
}

TEST(we_judge_shapes_as_the_files_say)
{
	for_each_shape(on_ours);
}
