// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a sequence of system calls on an instance: well-formed ones on descriptors that earlier
 * ones made, and attrs of any bytes (whose addresses are those of a scratch buffer or invalid
 * ones). No crash, no sanitizer report; and when every descriptor is closed and every pin removed,
 * no object has an id any more and no file of the process is left open. Memory may run out on the
 * way: at the byte 0xfe, or at the allocation that a test names (test/unit/memory_test.c).
 */
#include "base/alloc.h"
#include "base/os.h"
#include "fuzz/fuzz.h"
#include "isa/insn.h"
#include <hachi/hachi.h>

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#define FDS	 24
#define CALLS	 64
#define SCRATCH	 4096
#define ATTR_MAX 168

struct state {
	struct hachi *h;
	const u8 *data;
	size_t size;
	long fds[FDS];
	u8 scratch[SCRATCH];
	u8 attr[ATTR_MAX + 24];
};

/* The allocation that fails, counted from the start of the input; 0 = none. And whether it did. */
static u64 fail_nth;
static bool has_failed;

static u8 next(struct state *s)
{
	if (!s->size)
		return 0;
	s->size--;
	return *s->data++;
}

static u32 next_u32(struct state *s)
{
	u32 a = next(s), b = next(s);

	return a | b << 8;
}

static int some_fd(struct state *s)
{
	return (int)s->fds[next(s) % FDS];
}

static void keep_fd(struct state *s, long fd)
{
	long *slot = &s->fds[next(s) % FDS];

	if (fd < 0)
		return;
	if (*slot >= 0)
		hachi_close(s->h, (int)*slot);
	*slot = fd;
}

static long bpf(struct state *s, int cmd, union bpf_attr *attr)
{
	return hachi_bpf(s->h, cmd, attr, sizeof(*attr));
}

#define PTR(p) ((u64)(uintptr_t)(p))

static void create_map(struct state *s)
{
	static const u32 types[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 22, 23, 27, 30, 31};
	u8 pick = next(s);
	union bpf_attr attr = {
		.map_type = pick & 0x80 ? pick & 0x3f : types[pick % ARRAY_SIZE(types)],
		.key_size = next(s) % 20,
		.value_size = next(s) % 40,
		.max_entries = next(s) % 64,
		.map_flags = next(s) & 1 ? next_u32(s) : 0,
		.inner_map_fd = (u32)some_fd(s)};

	if (attr.map_type == BPF_MAP_TYPE_RINGBUF || attr.map_type == BPF_MAP_TYPE_USER_RINGBUF) {
		attr.key_size = attr.value_size = 0;
		attr.max_entries = 4096;
	}
	keep_fd(s, bpf(s, BPF_MAP_CREATE, &attr));
}

static void use_element(struct state *s)
{
	static const int cmds[] = {BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM,
		BPF_MAP_GET_NEXT_KEY, BPF_MAP_LOOKUP_AND_DELETE_ELEM, BPF_MAP_FREEZE};
	int cmd = cmds[next(s) % ARRAY_SIZE(cmds)];
	union bpf_attr attr = {.map_fd = (u32)some_fd(s)};

	if (cmd != BPF_MAP_FREEZE) {
		store_u32(s->scratch, next(s) % 8);
		store_u32(s->scratch + 64, (u32)some_fd(s));
		attr.key = next(s) & 7 ? PTR(s->scratch) : 0;
		attr.value = PTR(s->scratch + 64);
		attr.flags = cmd == BPF_MAP_UPDATE_ELEM ? next(s) & 7 : 0;
	}
	if (cmd == BPF_MAP_DELETE_ELEM)
		attr.value = 0;
	bpf(s, cmd, &attr);
}

static void use_batch(struct state *s)
{
	union bpf_attr attr = {0};

	attr.batch.map_fd = (u32)some_fd(s);
	attr.batch.count = next(s) % 16;
	attr.batch.keys = PTR(s->scratch + 128);
	attr.batch.values = PTR(s->scratch + 1024);
	attr.batch.in_batch = next(s) & 1 ? PTR(s->scratch) : 0;
	attr.batch.out_batch = PTR(s->scratch + 32);
	bpf(s, BPF_MAP_LOOKUP_BATCH + (int)(next(s) & 3), &attr);
}

static void load_program(struct state *s)
{
	static const u32 types[] = {1, 2, 3, 5, 6, 7, 17, 31};
	struct insn insns[16] = {INSN_MOV64_IMM(0, 0), INSN_MOV64_IMM(0, 1)};
	u32 n = 2, with = next(s) % 4;
	union bpf_attr attr = {.prog_type = types[next(s) % ARRAY_SIZE(types)],
		.insns = PTR(insns),
		.license = PTR("GPL")};

	if (with == 1) { /* refers to a map */
		const struct insn map[] = {INSN_LD_MAP_FD(1, some_fd(s))};

		insns[n++] = map[0];
		insns[n++] = map[1];
	}
	if (with == 2) { /* a tail call */
		const struct insn call[] = {INSN_LD_MAP_FD(2, some_fd(s)), INSN_MOV64_IMM(3, 1),
			INSN_CALL(BPF_FUNC_tail_call), INSN_MOV64_IMM(0, 2)};

		memcpy(insns + n, call, sizeof(call));
		n += ARRAY_SIZE(call);
	}
	if (with == 3) { /* any bytes */
		for (u32 i = 0; i < 8; i++)
			((u8 *)&insns[n])[i] = next(s);
		n++;
	}
	insns[n++] = (struct insn)INSN_EXIT();
	attr.insn_cnt = n;
	attr.log_level = next(s) & 1;
	if (attr.log_level) {
		attr.log_buf = PTR(s->scratch + 2048);
		attr.log_size = 1024;
	}
	keep_fd(s, bpf(s, BPF_PROG_LOAD, &attr));
}

static void run_program(struct state *s)
{
	union bpf_attr attr = {0};

	attr.test.prog_fd = (u32)some_fd(s);
	attr.test.data_in = next(s) & 1 ? PTR(s->scratch) : 0;
	attr.test.data_size_in = attr.test.data_in ? next(s) : 0;
	attr.test.ctx_in = next(s) & 1 ? PTR(s->scratch + 512) : 0;
	attr.test.ctx_size_in = attr.test.ctx_in ? next(s) : 0;
	attr.test.data_out = next(s) & 1 ? PTR(s->scratch + 1024) : 0;
	attr.test.data_size_out = attr.test.data_out ? 512 : 0;
	attr.test.repeat = next(s) % 4;
	bpf(s, BPF_PROG_TEST_RUN, &attr);
}

static void attach(struct state *s)
{
	union bpf_attr attr = {0};
	struct perf_event_attr pe = {
		.size = sizeof(pe), .type = next(s) % 9, .config = next_u32(s)};
	u8 what = next(s) % 4;

	if (what == 0) {
		attr.raw_tracepoint.name = next(s) & 3 ? PTR("sys_enter") : PTR("nonsense");
		attr.raw_tracepoint.prog_fd = (u32)some_fd(s);
		keep_fd(s, bpf(s, BPF_RAW_TRACEPOINT_OPEN, &attr));
	} else if (what == 1) {
		attr.link_create.prog_fd = (u32)some_fd(s);
		attr.link_create.target_fd = next(s) & 1 ? 1 : (u32)some_fd(s);
		attr.link_create.attach_type = next(s) % 60;
		keep_fd(s, bpf(s, BPF_LINK_CREATE, &attr));
	} else if (what == 2) {
		pe.config1 = PTR("/bin/true");
		pe.sample_type = PERF_SAMPLE_RAW;
		keep_fd(s, hachi_perf_event_open(s->h, &pe, -1, 0, -1, 0));
	} else {
		hachi_ioctl(s->h, some_fd(s),
			next(s) & 1 ? PERF_EVENT_IOC_SET_BPF : PERF_EVENT_IOC_ENABLE,
			(unsigned long)some_fd(s));
	}
}

static void change_links(struct state *s)
{
	union bpf_attr attr = {0};

	attr.link_update.link_fd = (u32)some_fd(s);
	if (next(s) & 1) {
		bpf(s, BPF_LINK_DETACH, &attr);
		return;
	}
	attr.link_update.new_prog_fd = (u32)some_fd(s);
	bpf(s, BPF_LINK_UPDATE, &attr);
}

static void ask_info(struct state *s)
{
	union bpf_attr attr = {0};

	memset(s->scratch, 0, 512);
	attr.info.bpf_fd = (u32)some_fd(s);
	attr.info.info = PTR(s->scratch);
	attr.info.info_len = next(s);
	bpf(s, BPF_OBJ_GET_INFO_BY_FD, &attr);
	hachi_fdinfo(s->h, some_fd(s), (char *)s->scratch, 512);
}

static void pin(struct state *s)
{
	static const char *const paths[] = {"/sys/fs/bpf/a", "/sys/fs/bpf/b", "/elsewhere"};
	const char *path = paths[next(s) % ARRAY_SIZE(paths)];
	union bpf_attr attr = {.pathname = PTR(path)};

	switch (next(s) % 3) {
	case 0:
		attr.bpf_fd = (u32)some_fd(s);
		bpf(s, BPF_OBJ_PIN, &attr);
		break;
	case 1: keep_fd(s, bpf(s, BPF_OBJ_GET, &attr)); break;
	default: hachi_unpin(s->h, path);
	}
}

static void descriptors(struct state *s)
{
	int fd = some_fd(s);
	long *slot = &s->fds[next(s) % FDS];

	switch (next(s) % 4) {
	case 0: keep_fd(s, fd >= 0 ? hachi_dup(s->h, fd, -1, 0) : -1); break;
	case 1: /* behind the instance's back */
		if (*slot >= 0)
			close((int)*slot);
		*slot = -1;
		break;
	case 2:
		if (*slot >= 0)
			hachi_close(s->h, (int)*slot);
		*slot = -1;
		break;
	default: {
		size_t len = 4096u * (1 + next(s) % 4);
		long at = hachi_mmap(s->h, NULL, len,
			next(s) & 1 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (at > 0) {
			munmap((void *)at, len);
			hachi_munmap(s->h, (void *)at, len);
		}
	}
	}
}

/* Any attr for any command. */
static void any_attr(struct state *s)
{
	int cmd = next(s) % 40;
	u32 size = next(s) % (ATTR_MAX + 24);
	long ret;

	memset(s->attr, 0, sizeof(s->attr));
	for (u32 at = 0; at + 8 <= size; at += 8) {
		u8 kind = next(s);
		u64 value = next(s);

		if (kind & 0x80)
			value = PTR(s->scratch + (value & 0x7f) * 8);
		else if (kind & 0x40)
			value = (u32)s->fds[value % FDS];
		else if (kind & 0x20)
			value |= 0xdeadull
				<< 48; /* no address; not in a sanitizer's shadow either */
		else if (kind & 0x10)
			value = 0;
		store_u64(s->attr + at, value);
	}
	ret = hachi_bpf(s->h, cmd, (union bpf_attr *)s->attr, size);
	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_OBJ_GET:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_BTF_LOAD:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_LINK_CREATE:
	case BPF_ENABLE_STATS:
	case BPF_ITER_CREATE: keep_fd(s, ret); break;
	default: break;
	}
}

static int fire(const struct hachi_attachment *a, void *arg)
{
	struct state *s = arg;
	u8 ctx[256] = {0};
	u64 value;

	if (a->prog_type == BPF_PROG_TYPE_KPROBE || a->prog_type == BPF_PROG_TYPE_TRACEPOINT ||
		a->prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		hachi_fire(s->h, a->id, ctx, sizeof(ctx), NULL, &value);
	return 0;
}

static u32 open_files(void)
{
	u32 count = 0;

	for (int fd = 0; fd < 256; fd++) {
		u64 dev, inode;

		count += os_fd_inode(fd, &dev, &inode) == 0;
	}
	return count;
}

static void check_nothing_left(struct state *s)
{
	static const int cmds[] = {BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID, BPF_LINK_GET_NEXT_ID,
		BPF_BTF_GET_NEXT_ID};

	for (u32 i = 0; i < FDS; i++)
		if (s->fds[i] >= 0)
			hachi_close(s->h, (int)s->fds[i]);
	hachi_unpin(s->h, "/sys/fs/bpf/a");
	hachi_unpin(s->h, "/sys/fs/bpf/b");
	for (u32 i = 0; i < ARRAY_SIZE(cmds); i++) {
		union bpf_attr attr = {0};

		FUZZ_CHECK(bpf(s, cmds[i], &attr) == -ENOENT);
	}
}

static void (*const calls[])(struct state *s) = {create_map, use_element, use_batch, load_program,
	run_program, attach, change_links, ask_info, pin, descriptors, any_attr};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct state s;
	struct hachi_opts opts = {.size = sizeof(opts),
		.engine = "interp",
		.btf_path = "",
		.guard = true,
		.memory_limit = 64 << 20};
	u32 before = open_files();

	s = (struct state){.data = data, .size = size};
	for (u32 i = 0; i < FDS; i++)
		s.fds[i] = -1;
	if (fail_nth & 1)
		opts.engine = NULL;
	mem_fail_nth(fail_nth);
	if (hachi_new(&opts, &s.h)) {
		has_failed = mem_has_failed();
		mem_fail_nth(0);
		FUZZ_CHECK(open_files() == before);
		return 0;
	}
	for (u32 i = 0; i < CALLS && s.size; i++) {
		u8 call = next(&s);

		if (call == 0xff)
			hachi_attach_walk(s.h, fire, &s);
		else if (call == 0xfe && !fail_nth)
			mem_fail_nth(next(&s));
		else
			calls[call % ARRAY_SIZE(calls)](&s);
	}
	has_failed = mem_has_failed();
	mem_fail_nth(0);
	check_nothing_left(&s);
	hachi_free(s.h);
	FUZZ_CHECK(open_files() == before);
	return 0;
}
