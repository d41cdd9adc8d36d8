// SPDX-License-Identifier: BSD-2-Clause
/* bpf(2) commands on an instance and, where it is permitted, on the kernel: the same answers. */
#include "base/alloc.h"
#include "base/os.h"
#include "isa/insn.h"
#include "test/tap.h"
#include <hachi/hachi.h>

#include <fcntl.h>
#include <linux/btf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct hachi *new_hachi(const char *kernel)
{
	struct hachi_opts opts = {.size = sizeof(opts), .kernel = kernel, .engine = "interp"};
	struct hachi *h = NULL;

	REQUIRE_EQ(hachi_new(&opts, &h), 0);
	return h;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 512; fd++) {
		u64 dev, ino;

		n += os_fd_inode(fd, &dev, &ino) == 0;
	}
	return n;
}

static long map_create(struct hachi *h, u32 type, u32 key, u32 value, u32 max, u32 flags)
{
	union bpf_attr attr = {.map_type = type,
		.key_size = key,
		.value_size = value,
		.max_entries = max,
		.map_flags = flags};

	return hachi_bpf(h, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long elem(struct hachi *h, int cmd, long fd, const void *key, void *value, u64 flags)
{
	union bpf_attr attr = {.map_fd = (u32)fd,
		.key = (u64)(uintptr_t)key,
		.value = (u64)(uintptr_t)value,
		.flags = flags};

	return hachi_bpf(h, cmd, &attr, sizeof(attr));
}

static const struct insn return_42[] = {INSN_MOV64_IMM(0, 42), INSN_EXIT()};

static long prog_load(struct hachi *h, u32 type, const struct insn *insns, u32 count)
{
	static char log[1 << 20];
	union bpf_attr attr = {.prog_type = type,
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = count,
		.license = (u64)(uintptr_t) "GPL",
		.log_buf = (u64)(uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1};
	long ret = hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (ret < 0)
		tap_note("load: %ld: %s", ret, log);
	return ret;
}

/* ---- the door itself --------------------------------------------------------------------------
 */

TEST(an_unknown_command_and_unknown_bytes_are_refused_as_the_kernel_refuses_them)
{
	struct hachi *h = new_hachi(NULL);
	u8 attr[256] = {0};

	CHECK_EQ(hachi_bpf(h, 38, (void *)attr, sizeof(attr)), -EINVAL);
	CHECK_EQ(hachi_bpf(h, -1, (void *)attr, sizeof(attr)), -EINVAL);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_CREATE, (void *)attr, 5000), -E2BIG);
	attr[200] = 1;
	CHECK_EQ(hachi_bpf(h, BPF_MAP_CREATE, (void *)attr, sizeof(attr)), -E2BIG);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_CREATE, (void *)8, 64), -EFAULT);
	hachi_free(h);
}

/* Every byte of attr, one at a time, for every command: the errno of the machine's own kernel. */
TEST(one_byte_set_in_an_empty_attr_gives_the_errno_that_linux_gives)
{
	static const int shown_by_state[] = {BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID,
		BPF_BTF_GET_NEXT_ID, BPF_LINK_GET_NEXT_ID, BPF_BTF_GET_FD_BY_ID, BPF_TASK_FD_QUERY,
		BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID,
		BPF_ENABLE_STATS};
	struct hachi *h;
	u8 attr[192] = {0};
	u32 differ = 0;

	if (syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, attr, 16) && errno == EPERM)
		SKIP_HERE("bpf(2) is not permitted");
	h = new_hachi(NULL);
	for (int cmd = 0; cmd < 38; cmd++) {
		bool skip = false;

		for (u32 i = 0; i < ARRAY_SIZE(shown_by_state); i++)
			skip |= shown_by_state[i] == cmd;
		for (u32 at = 0; at < sizeof(attr) && !skip; at++) {
			long kernel, ours;

			memset(attr, 0, sizeof(attr));
			attr[at] = 1;
			kernel = syscall(SYS_bpf, cmd, attr, sizeof(attr));
			if (kernel < 0)
				kernel = -errno;
			else if (kernel > 2)
				close((int)kernel);
			memset(attr, 0, sizeof(attr));
			attr[at] = 1;
			ours = hachi_bpf(h, cmd, (void *)attr, sizeof(attr));
			if (kernel != ours && differ++ < 20)
				tap_note("command %d byte %u: kernel %ld, here %ld", cmd, at,
					kernel, ours);
		}
	}
	CHECK_EQ(differ, 0);
	hachi_free(h);
}

TEST(an_older_kernel_knows_fewer_fields_and_commands)
{
	struct hachi *h = new_hachi("5.15");
	union {
		union bpf_attr attr;
		u8 bytes[168];
	} a = {.attr = {.map_type = BPF_MAP_TYPE_ARRAY,
		       .key_size = 4,
		       .value_size = 4,
		       .max_entries = 1}};

	CHECK(hachi_bpf(h, BPF_MAP_CREATE, &a.attr, 72) >= 0);
	a.attr.map_extra = 1;
	CHECK_EQ(hachi_bpf(h, BPF_MAP_CREATE, &a.attr, 72), -EINVAL);
	a.bytes[130] = 1; /* sizeof(union bpf_attr) was 128 */
	CHECK_EQ(hachi_bpf(h, BPF_MAP_CREATE, &a.attr, 168), -E2BIG);
	memset(&a, 0, sizeof(a));
	CHECK_EQ(hachi_bpf(h, HACHI_BPF_TOKEN_CREATE, &a.attr, 8), -EINVAL);
	hachi_free(h);
}

/* ---- maps and descriptors ------------------------------------------------------------------- */

TEST(an_element_that_was_updated_is_looked_up_iterated_and_deleted)
{
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_HASH, 4, 8, 16, 0);
	u32 key = 7, next = 0;
	u64 value = 1234, got = 0;

	REQUIRE(fd >= 0);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &got, 0), -ENOENT);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, BPF_EXIST), -ENOENT);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, 0), 0);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, BPF_NOEXIST), -EEXIST);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &got, 0), 0);
	CHECK_EQ(got, 1234);
	CHECK_EQ(elem(h, BPF_MAP_GET_NEXT_KEY, fd, NULL, &next, 0), 0);
	CHECK_EQ(next, 7);
	CHECK_EQ(elem(h, BPF_MAP_GET_NEXT_KEY, fd, &key, &next, 0), -ENOENT);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, (void *)16, 0), -EFAULT);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, (void *)16, &got, 0), -EFAULT);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, &key, &got, 0), 0);
	CHECK_EQ(elem(h, BPF_MAP_DELETE_ELEM, fd, &key, NULL, 0), -ENOENT);
	hachi_free(h);
}

TEST(maps_that_only_a_kernel_serves_are_made_where_programs_are_only_judged)
{
	struct hachi_opts opts = {.size = sizeof(opts), .judges_only = true};
	struct hachi *h = NULL, *runs = new_hachi(NULL);
	u32 key = 0, value = 1;
	long fd;

	REQUIRE_EQ(hachi_new(&opts, &h), 0);
	CHECK_EQ(map_create(runs, BPF_MAP_TYPE_SOCKMAP, 4, 4, 1, 0), -EINVAL);
	fd = map_create(h, BPF_MAP_TYPE_SOCKMAP, 4, 4, 1, 0);
	REQUIRE(fd >= 0);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 0), -EOPNOTSUPP);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, 0), -EOPNOTSUPP);
	/* sk_redirect_map(skb, map, 0, 0) is verified, and then cannot be carried out */
	const struct insn insns[] = {
		{.op = BPF_LD | BPF_IMM | BPF_DW,
			.dst = 2,
			.src = BPF_PSEUDO_MAP_FD,
			.imm = (s32)fd},
		{0},
		INSN_MOV64_IMM(3, 0),
		INSN_MOV64_IMM(4, 0),
		{.op = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_redirect_map},
		INSN_EXIT(),
	};
	CHECK_EQ(prog_load(h, BPF_PROG_TYPE_SK_SKB, insns, ARRAY_SIZE(insns)), -EOPNOTSUPP);
	CHECK_EQ(prog_load(h, BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns)), -EINVAL);
	CHECK_EQ(map_create(h, BPF_MAP_TYPE_SOCKMAP, 4, 5, 1, 0), -EINVAL);
	CHECK_EQ(map_create(h, BPF_MAP_TYPE_SOCKMAP, 8, 4, 1, 0), -EINVAL);
	CHECK_EQ(map_create(h, BPF_MAP_TYPE_SOCKMAP, 4, 4, 0, 0), -EINVAL);
	CHECK_EQ(map_create(h, BPF_MAP_TYPE_CPUMAP, 4, 16, 1, 0), -EINVAL);
	CHECK_EQ(map_create(h, BPF_MAP_TYPE_CGROUP_STORAGE, 12, 4, 0, 0), -EINVAL);
	CHECK_EQ(map_create(h, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, 16, 32769, 0, 0), -E2BIG);
	/* without BTF */
	CHECK_EQ(map_create(h, BPF_MAP_TYPE_TASK_STORAGE, 4, 4, 0, BPF_F_NO_PREALLOC), -EINVAL);
	hachi_free(h);
	hachi_free(runs);
}

TEST(a_duplicate_keeps_a_map_and_the_last_close_frees_it)
{
	int before = open_fds();
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0), copy, raw;
	union bpf_attr attr = {0};
	u32 key = 0, value = 5, got = 0;

	REQUIRE(fd >= 0);
	copy = hachi_dup(h, (int)fd, -1, 0);
	raw = dup((int)fd); /* without our knowledge */
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, raw, &key, &value, 0), 0);
	CHECK_EQ(hachi_close(h, (int)fd), 0);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &got, 0), -EBADF);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, copy, &key, &got, 0), 0);
	CHECK_EQ(got, 5);
	CHECK_EQ(hachi_fd_kind(h, (int)copy), HACHI_FD_MAP);
	close((int)raw); /* behind our back */
	CHECK_EQ(hachi_fd_kind(h, (int)raw), 0);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), 0);
	CHECK_EQ(hachi_close(h, (int)copy), 0);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	hachi_free(h);
	CHECK_EQ(open_fds(), before);
}

TEST(a_descriptor_number_that_was_reused_names_nothing_of_ours)
{
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	union bpf_attr attr = {0};
	u32 key = 0, got;
	int other;

	close((int)fd);
	other = open("/dev/null", 0);
	CHECK_EQ(other, fd);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &got, 0), -EINVAL);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	close(other);
	hachi_free(h);
}

TEST(two_instances_do_not_see_each_other)
{
	struct hachi *a = new_hachi(NULL), *b = new_hachi(NULL);
	long fd = map_create(a, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	union bpf_attr attr = {0};
	u32 key = 0, got;

	CHECK_EQ(elem(b, BPF_MAP_LOOKUP_ELEM, fd, &key, &got, 0), -EINVAL);
	CHECK_EQ(hachi_fd_kind(b, (int)fd), 0);
	CHECK_EQ(hachi_bpf(b, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	CHECK_EQ(hachi_bpf(a, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), 0);
	hachi_free(a);
	hachi_free(b);
}

TEST(a_read_only_descriptor_cannot_write_and_a_frozen_map_neither)
{
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY);
	union bpf_attr attr = {0};
	u32 key = 0, value = 1;

	CHECK_EQ(map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_RDONLY | BPF_F_WRONLY), -EINVAL);
	REQUIRE(fd >= 0);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, 0), -EPERM);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 0), 0);
	fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	attr.map_fd = (u32)fd;
	CHECK_EQ(hachi_bpf(h, BPF_MAP_FREEZE, &attr, sizeof(attr)), 0);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_FREEZE, &attr, sizeof(attr)), -EPERM);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, 0), -EPERM);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 0), 0);
	hachi_free(h);
}

TEST(an_array_that_is_mapped_shows_its_elements_and_cannot_be_frozen_meanwhile)
{
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_MMAPABLE);
	union bpf_attr attr = {.map_fd = (u32)fd};
	u64 value = 99;
	u32 key = 2;
	u64 *p;

	REQUIRE(fd >= 0);
	p = (void *)hachi_mmap(h, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	REQUIRE((long)p > 0);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, 0), 0);
	CHECK_EQ(p[2], 99);
	p[2] = 100;
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 0), 0);
	CHECK_EQ(value, 100);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_FREEZE, &attr, sizeof(attr)), -EBUSY);
	munmap(p, 4096);
	hachi_munmap(h, p, 4096);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_FREEZE, &attr, sizeof(attr)), 0);
	CHECK_EQ(hachi_mmap(h, NULL, 4096, PROT_WRITE, MAP_SHARED, (int)fd, 0), -EPERM);
	CHECK_EQ(hachi_mmap(h, NULL, 8192, PROT_READ, MAP_SHARED, (int)fd, 0), -EINVAL);
	p = (void *)hachi_mmap(h, NULL, 4096, PROT_READ, MAP_SHARED, (int)fd, 0);
	REQUIRE((long)p > 0);
	CHECK_EQ(mprotect(p, 4096, PROT_READ | PROT_WRITE), -1);
	munmap(p, 4096);
	fd = map_create(h, BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	CHECK_EQ(hachi_mmap(h, NULL, 4096, PROT_READ, MAP_SHARED, (int)fd, 0), -524);
	hachi_free(h);
}

TEST(after_a_fork_both_processes_use_the_map)
{
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 4, 0);
	u32 key = 1, value = 0;
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		u32 mine = 77;
		long err = elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &mine, 0);
		long own = map_create(h, BPF_MAP_TYPE_HASH, 4, 4, 4, 0);

		_exit(err == 0 && own >= 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 0), 0);
	CHECK_EQ(value, 77);
	hachi_free(h);
}

TEST(a_pinned_map_outlives_its_descriptors_until_the_file_goes)
{
	char dir[] = "/tmp/hachi-pin-XXXXXX", host[64];
	struct hachi_opts opts = {
		.size = sizeof(opts), .engine = "interp", .pin_dir = mkdtemp(dir)};
	union bpf_attr attr = {0};
	u32 key = 0, value = 3;
	struct hachi *h;
	long fd;

	REQUIRE_EQ(hachi_new(&opts, &h), 0);
	fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	elem(h, BPF_MAP_UPDATE_ELEM, fd, &key, &value, 0);
	attr.pathname = (u64)(uintptr_t) "/sys/fs/bpf/counts";
	attr.bpf_fd = (u32)fd;
	CHECK_EQ(hachi_bpf(h, BPF_OBJ_PIN, &attr, sizeof(attr)), 0);
	CHECK_EQ(hachi_bpf(h, BPF_OBJ_PIN, &attr, sizeof(attr)), -EEXIST);
	hachi_close(h, (int)fd);
	attr.bpf_fd = 0;
	fd = hachi_bpf(h, BPF_OBJ_GET, &attr, sizeof(attr));
	REQUIRE(fd >= 0);
	value = 0;
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 0), 0);
	CHECK_EQ(value, 3);
	hachi_close(h, (int)fd);
	snprintf(host, sizeof(host), "%s/counts", dir);
	CHECK_EQ(unlink(host), 0);
	CHECK_EQ(hachi_bpf(h, BPF_OBJ_GET, &attr, sizeof(attr)), -ENOENT);
	attr.pathname = (u64)(uintptr_t) "/tmp/elsewhere";
	CHECK_EQ(hachi_bpf(h, BPF_OBJ_GET, &attr, sizeof(attr)), -EPERM);
	hachi_free(h);
	rmdir(dir);
}

/* ---- programs ---------------------------------------------------------------------------------
 */

TEST(a_program_loads_runs_and_says_what_it_is)
{
	struct hachi *h = new_hachi(NULL);
	long fd = prog_load(h, BPF_PROG_TYPE_XDP, return_42, ARRAY_SIZE(return_42));
	u8 packet[64] = {0}, out[64];
	union bpf_attr attr = {0};
	struct bpf_prog_info info = {0};

	REQUIRE(fd >= 0);
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	attr.test.data_out = (u64)(uintptr_t)out;
	attr.test.data_size_out = sizeof(out);
	attr.test.repeat = 3;
	CHECK_EQ(hachi_bpf(h, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	CHECK_EQ(attr.test.retval, 42);
	CHECK_EQ(attr.test.data_size_out, 64);
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (u32)fd;
	attr.info.info = (u64)(uintptr_t)&info;
	attr.info.info_len = sizeof(info);
	CHECK_EQ(hachi_bpf(h, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0);
	CHECK_EQ(info.type, BPF_PROG_TYPE_XDP);
	CHECK_EQ(info.xlated_prog_len, 16);
	CHECK_EQ(info.gpl_compatible, 1);
	hachi_free(h);
}

struct answers {
	long load, run;
	u32 retval;
	u8 tag[8];
	u32 xlated_len, verified;
};

static long kernel_or_hachi(struct hachi *h, int cmd, union bpf_attr *attr)
{
	long ret;

	if (h)
		return hachi_bpf(h, cmd, attr, sizeof(*attr));
	ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	return ret < 0 ? -errno : ret;
}

static void ask(struct hachi *h, const struct insn *insns, u32 count, struct answers *a)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = count,
		.license = (u64)(uintptr_t) "GPL"};
	struct bpf_prog_info info = {0};
	u8 packet[64] = {1, 2, 3};
	long fd;

	memset(a, 0, sizeof(*a));
	fd = kernel_or_hachi(h, BPF_PROG_LOAD, &attr);
	a->load = fd < 0 ? fd : 0;
	if (fd < 0)
		return;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	a->run = kernel_or_hachi(h, BPF_PROG_TEST_RUN, &attr);
	a->retval = attr.test.retval;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (u32)fd;
	attr.info.info = (u64)(uintptr_t)&info;
	attr.info.info_len = sizeof(info);
	kernel_or_hachi(h, BPF_OBJ_GET_INFO_BY_FD, &attr);
	memcpy(a->tag, info.tag, 8);
	a->xlated_len = info.xlated_prog_len;
	a->verified = info.verified_insns;
	if (h)
		hachi_close(h, (int)fd);
	else
		close((int)fd);
}

TEST(a_program_has_the_tag_the_result_and_the_counts_that_linux_gives)
{
	static const struct insn first_byte[] = {
		INSN_LDX_MEM(BPF_W, 2, 1, offsetof(struct __sk_buff, data)),
		INSN_LDX_MEM(BPF_W, 3, 1, offsetof(struct __sk_buff, data_end)),
		INSN_MOV64_REG(4, 2),
		INSN_ALU64_IMM(BPF_ADD, 4, 3),
		INSN_MOV64_IMM(0, -1),
		INSN_JMP_REG(BPF_JGT, 4, 3, 1),
		INSN_LDX_MEM(BPF_B, 0, 2, 2),
		INSN_EXIT(),
	};
	static const struct insn bad[] = {INSN_MOV64_REG(0, 3), INSN_EXIT()};
	static const struct {
		const struct insn *insns;
		u32 count;
	} programs[] = {{return_42, ARRAY_SIZE(return_42)}, {first_byte, ARRAY_SIZE(first_byte)},
		{bad, ARRAY_SIZE(bad)}};
	struct hachi *h;
	u8 attr[16] = {0};

	if (syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, attr, 16) && errno == EPERM)
		SKIP_HERE("bpf(2) is not permitted");
	h = new_hachi(NULL);
	for (u32 i = 0; i < ARRAY_SIZE(programs); i++) {
		struct answers kernel, ours;

		ask(NULL, programs[i].insns, programs[i].count, &kernel);
		ask(h, programs[i].insns, programs[i].count, &ours);
		CHECK_EQ(ours.load, kernel.load);
		CHECK_EQ(ours.run, kernel.run);
		CHECK_EQ(ours.retval, kernel.retval);
		CHECK_EQ(ours.verified, kernel.verified);
		CHECK_MEM(ours.tag, kernel.tag, 8);
	}
	hachi_free(h);
}

TEST(a_refused_program_says_why_as_data)
{
	static const struct insn bad[] = {INSN_MOV64_REG(0, 3), INSN_EXIT()};
	struct hachi *h = new_hachi(NULL);
	struct hachi_refusal r;
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (u64)(uintptr_t)bad,
		.insn_cnt = 2,
		.license = (u64)(uintptr_t) "GPL"};

	CHECK_EQ(hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr)), -EACCES);
	hachi_last_refusal(h, &r);
	CHECK(r.reason[0] != 0);
	CHECK_EQ(r.insn, 0);
	CHECK_STR(r.detail, "R3 !read_ok");
	hachi_free(h);
}

TEST(the_log_is_cut_and_counted_as_the_kernel_does)
{
	struct hachi *h = new_hachi(NULL);
	char log[16];
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (u64)(uintptr_t)return_42,
		.insn_cnt = 2,
		.license = (u64)(uintptr_t) "GPL",
		.log_level = 1,
		.log_buf = (u64)(uintptr_t)log,
		.log_size = sizeof(log)};
	u32 *true_size = (u32 *)((u8 *)&attr + 140);
	union {
		union bpf_attr attr;
		u8 room[168];
	} big = {.attr = attr};

	CHECK_EQ(hachi_bpf(h, BPF_PROG_LOAD, &big.attr, 168), -ENOSPC);
	true_size = (u32 *)(big.room + 140);
	CHECK(*true_size > 16);
	CHECK_EQ(strlen(log), 15);
	big.attr.log_level = 16;
	CHECK_EQ(hachi_bpf(h, BPF_PROG_LOAD, &big.attr, 168), -EINVAL);
	big.attr.log_level = 0;
	CHECK_EQ(hachi_bpf(h, BPF_PROG_LOAD, &big.attr, 168), -EINVAL);
	hachi_free(h);
}

/* ---- attaching ----------------------------------------------------------------------------------
 */

static int remember_last(const struct hachi_attachment *a, void *arg)
{
	*(struct hachi_attachment *)arg = *a;
	return 0;
}

TEST(a_tracepoint_program_fires_until_its_event_is_closed)
{
	struct hachi *h = new_hachi(NULL);
	long prog = prog_load(h, BPF_PROG_TYPE_TRACEPOINT, return_42, 2), event;
	struct perf_event_attr pe = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(pe), .disabled = 1};
	struct hachi_attachment a = {0};
	u8 record[64] = {0};
	char text[4096];
	u64 value = 0;

	REQUIRE(prog >= 0);
	REQUIRE(hachi_virtual_file(h, "/sys/kernel/tracing/events/syscalls/sys_enter_openat/id",
			text, sizeof(text)) > 0);
	pe.config = strtoul(text, NULL, 10);
	event = hachi_perf_event_open(h, &pe, -1, 0, -1, 0);
	REQUIRE(event >= 0);
	CHECK_EQ(hachi_ioctl(h, (int)event, PERF_EVENT_IOC_SET_BPF, (unsigned long)prog), 0);
	CHECK_EQ(hachi_ioctl(h, (int)event, PERF_EVENT_IOC_SET_BPF, (unsigned long)prog), -EEXIST);
	CHECK_EQ(hachi_attach_walk(h, remember_last, &a), 0);
	CHECK_EQ(a.kind, HACHI_ATTACH_TRACEPOINT);
	CHECK_EQ(hachi_fire(h, a.id, record, sizeof(record), NULL, &value), -ENOENT);
	CHECK_EQ(hachi_ioctl(h, (int)event, PERF_EVENT_IOC_ENABLE, 0), 0);
	CHECK_EQ(hachi_fire(h, a.id, record, sizeof(record), NULL, &value), 0);
	CHECK_EQ(value, 42);
	hachi_close(h, (int)prog);
	CHECK_EQ(hachi_fire(h, a.id, record, sizeof(record), NULL, &value), 0);
	hachi_close(h, (int)event);
	CHECK_EQ(hachi_fire(h, a.id, record, sizeof(record), NULL, &value), -ENOENT);
	hachi_free(h);
}

TEST(a_raw_tracepoint_link_detaches_with_its_descriptor)
{
	struct hachi *h = new_hachi(NULL);
	long prog = prog_load(h, BPF_PROG_TYPE_RAW_TRACEPOINT, return_42, 2), link;
	union bpf_attr attr = {
		.raw_tracepoint = {.name = (u64)(uintptr_t) "sys_enter", .prog_fd = (u32)prog}};
	u64 generation = hachi_attach_generation(h), args[2] = {0}, value;
	struct hachi_attachment a = {0};

	link = hachi_bpf(h, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
	REQUIRE(link >= 0);
	CHECK(hachi_attach_generation(h) != generation);
	hachi_attach_walk(h, remember_last, &a);
	CHECK_EQ(a.kind, HACHI_ATTACH_RAW_TRACEPOINT);
	CHECK_EQ(hachi_fire(h, a.id, args, sizeof(args), NULL, &value), 0);
	hachi_close(h, (int)link);
	CHECK_EQ(hachi_fire(h, a.id, args, sizeof(args), NULL, &value), -ENOENT);
	attr.raw_tracepoint.name = (u64)(uintptr_t) "no_such_tracepoint";
	CHECK_EQ(hachi_bpf(h, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr)), -ENOENT);
	hachi_free(h);
}

TEST(a_program_that_is_closed_while_its_array_refers_to_it_stays_and_goes_with_the_array)
{
	struct hachi *h = new_hachi(NULL);
	long array = map_create(h, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, 0);
	long prog = prog_load(h, BPF_PROG_TYPE_XDP, return_42, 2);
	union bpf_attr attr = {0};
	u32 key = 1, fd = (u32)prog, id = 0;

	REQUIRE(array >= 0);
	CHECK_EQ(elem(h, BPF_MAP_UPDATE_ELEM, array, &key, &fd, 0), 0);
	hachi_close(h, (int)prog);
	CHECK_EQ(elem(h, BPF_MAP_LOOKUP_ELEM, array, &key, &id, 0), 0);
	CHECK_EQ(hachi_bpf(h, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)), 0);
	CHECK_EQ(attr.next_id, id);
	hachi_close(h, (int)array);
	attr.start_id = 0;
	CHECK_EQ(hachi_bpf(h, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	hachi_free(h);
}

/* ---- memory that runs out -----------------------------------------------------------------------
 */

TEST(a_load_survives_every_allocation_that_fails)
{
	struct hachi *h = new_hachi(NULL);
	int before = open_fds();
	u64 n;

	for (n = 1; n < 5000; n++) {
		union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
			.insns = (u64)(uintptr_t)return_42,
			.insn_cnt = 2,
			.license = (u64)(uintptr_t) "GPL"};
		long fd;

		mem_fail_nth(n);
		fd = hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));
		if (!mem_has_failed()) {
			mem_fail_nth(0);
			CHECK(fd >= 0);
			hachi_close(h, (int)fd);
			break;
		}
		mem_fail_nth(0);
		CHECK_EQ(fd, -ENOMEM);
	}
	CHECK(n > 5);
	CHECK_EQ(open_fds(), before);
	for (n = 1; n < 5000; n++) {
		long fd;

		mem_fail_nth(n);
		fd = map_create(h, BPF_MAP_TYPE_HASH, 4, 4, 8, 0);
		if (!mem_has_failed()) {
			mem_fail_nth(0);
			hachi_close(h, (int)fd);
			break;
		}
		mem_fail_nth(0);
		CHECK_EQ(fd, -ENOMEM);
	}
	CHECK_EQ(open_fds(), before);
	hachi_free(h);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

static void *churn(void *arg)
{
	struct hachi *h = arg;

	for (u32 i = 0; i < 100; i++) {
		long map = map_create(h, BPF_MAP_TYPE_HASH, 4, 4, 8, 0);
		long prog = prog_load(h, BPF_PROG_TYPE_XDP, return_42, 2);
		u32 key = i, value = i;
		union bpf_attr attr = {0};

		elem(h, BPF_MAP_UPDATE_ELEM, map, &key, &value, 0);
		hachi_bpf(h, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr));
		hachi_bpf(h, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr));
		hachi_close(h, (int)map);
		hachi_close(h, (int)prog);
	}
	return NULL;
}

TEST(threads_create_and_close_at_the_same_time)
{
	struct hachi *h = new_hachi(NULL);
	union bpf_attr attr = {0};
	pthread_t threads[4];

	for (u32 i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, churn, h);
	for (u32 i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	CHECK_EQ(hachi_bpf(h, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	hachi_free(h);
}

/* ---- batches ------------------------------------------------------------------------------------
 */

static long batch(struct hachi *h, int cmd, long fd, void *in, void *out, void *keys, void *values,
	u32 *count)
{
	union bpf_attr attr = {0};
	long ret;

	attr.batch.map_fd = (u32)fd;
	attr.batch.in_batch = (u64)(uintptr_t)in;
	attr.batch.out_batch = (u64)(uintptr_t)out;
	attr.batch.keys = (u64)(uintptr_t)keys;
	attr.batch.values = (u64)(uintptr_t)values;
	attr.batch.count = *count;
	ret = hachi_bpf(h, cmd, &attr, sizeof(attr));
	*count = attr.batch.count;
	return ret;
}

TEST(batches_read_a_hash_bucket_by_bucket_and_take_it_empty)
{
	static u8 keys[300][24], values[300][8], seen[300];
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_HASH, 24, 8, 300, 0), err = 0;
	u32 count = 300, total = 0, position = 0;
	bool is_first = true;

	for (u32 i = 0; i < 300; i++) {
		store_u32(keys[i], i);
		store_u64(values[i], i * 3ull);
	}
	CHECK_EQ(batch(h, BPF_MAP_UPDATE_BATCH, fd, NULL, NULL, keys, values, &count), 0);
	CHECK_EQ(count, 300);
	while (!err && total < 1000) {
		count = 50;
		err = batch(h, BPF_MAP_LOOKUP_BATCH, fd, is_first ? NULL : &position, &position,
			keys, values, &count);
		for (u32 i = 0; i < count; i++) {
			u32 n = load_u32(keys[i]);

			CHECK(n < 300 && !seen[n]);
			seen[n % 300] = 1;
			CHECK_EQ(load_u64(values[i]), n * 3ull);
		}
		total += count;
		is_first = false;
	}
	CHECK_EQ(err, -ENOENT);
	CHECK_EQ(total, 300);
	count = 300;
	CHECK_EQ(batch(h, BPF_MAP_LOOKUP_AND_DELETE_BATCH, fd, NULL, &position, keys, values,
			 &count),
		-ENOENT);
	CHECK_EQ(count, 300);
	CHECK_EQ(elem(h, BPF_MAP_GET_NEXT_KEY, fd, NULL, keys, 0), -ENOENT);
	hachi_free(h);
}

/* ---- running while things change ---- */

struct racing {
	struct hachi *h;
	u32 id;
	bool is_over;
	u64 runs, wrong;
};

static void *fire_on(void *arg)
{
	struct racing *r = arg;
	u8 packet[64];
	struct hachi_xdp ctx = {.data = (u64)(uintptr_t)packet,
		.data_meta = (u64)(uintptr_t)packet,
		.data_end = (u64)(uintptr_t)packet + sizeof(packet)};

	while (!__atomic_load_n(&r->is_over, __ATOMIC_RELAXED)) {
		u64 value = 0;
		int err = hachi_fire(r->h, r->id, &ctx, sizeof(ctx), NULL, &value);

		if (err || (value != 42 && value != 1 && value != 2))
			__atomic_add_fetch(&r->wrong, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&r->runs, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(a_link_and_a_tail_call_target_are_replaced_while_they_run)
{
	static const struct insn one[] = {INSN_MOV64_IMM(0, 1), INSN_EXIT()};
	struct hachi *h = new_hachi(NULL);
	long array = map_create(h, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, 0), caller, link;
	const struct insn calls[] = {INSN_LD_MAP_FD(2, array), INSN_MOV64_IMM(3, 0),
		INSN_CALL(BPF_FUNC_tail_call), INSN_MOV64_IMM(0, 2), INSN_EXIT()};
	struct racing r = {.h = h};
	struct hachi_attachment a = {0};
	union bpf_attr attr = {0};
	pthread_t threads[2];
	u32 slot = 0;

	caller = prog_load(h, BPF_PROG_TYPE_XDP, calls, ARRAY_SIZE(calls));
	REQUIRE(caller >= 0);
	attr.link_create.prog_fd = (u32)caller;
	attr.link_create.target_ifindex = 1;
	attr.link_create.attach_type = BPF_XDP;
	link = hachi_bpf(h, BPF_LINK_CREATE, &attr, sizeof(attr));
	REQUIRE(link >= 0);
	hachi_attach_walk(h, remember_last, &a);
	r.id = a.id;
	for (u32 i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, fire_on, &r);
	while (!__atomic_load_n(&r.runs, __ATOMIC_RELAXED))
		sched_yield();
	for (u32 i = 0; i < 300; i++) {
		long target = prog_load(h, BPF_PROG_TYPE_XDP, i & 1 ? one : return_42, 2);
		u32 fd = (u32)target;

		elem(h, BPF_MAP_UPDATE_ELEM, array, &slot, &fd, 0);
		memset(&attr, 0, sizeof(attr));
		attr.link_update.link_fd = (u32)link;
		attr.link_update.new_prog_fd = i % 3 ? (u32)target : (u32)caller;
		CHECK_EQ(hachi_bpf(h, BPF_LINK_UPDATE, &attr, sizeof(attr)), 0);
		hachi_close(h, (int)target);
		if (i % 5 == 0)
			elem(h, BPF_MAP_DELETE_ELEM, array, &slot, NULL, 0);
	}
	__atomic_store_n(&r.is_over, true, __ATOMIC_RELAXED);
	for (u32 i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(r.wrong, 0);
	hachi_free(h);
}

TEST(a_run_ends_when_its_fuel_is_spent_or_it_is_cancelled)
{
	/* a bounded loop of 1,000 turns */
	static const struct insn loop[] = {INSN_MOV64_IMM(0, 0), INSN_ALU64_IMM(BPF_ADD, 0, 1),
		INSN_JMP_IMM(BPF_JLT, 0, 1000, -2), INSN_EXIT()};
	struct hachi *h = new_hachi(NULL);
	long fd = prog_load(h, BPF_PROG_TYPE_SOCKET_FILTER, loop, ARRAY_SIZE(loop));
	struct hachi_run_opts opts = {.size = sizeof(opts), .fuel = 100};
	struct hachi_skb skb = {0};
	struct hachi_prog *prog;
	int cancelled = 1;
	u64 value = 0;

	REQUIRE(fd >= 0);
	REQUIRE_EQ(hachi_prog_get(h, (int)fd, &prog), 0);
	CHECK_EQ(hachi_prog_run(prog, &skb, sizeof(skb), NULL, &value), 0);
	CHECK_EQ(value, 1000);
	CHECK_EQ(hachi_prog_run_opts(prog, &skb, sizeof(skb), NULL, &opts, &value), -ETIME);
	opts.fuel = 5000;
	CHECK_EQ(hachi_prog_run_opts(prog, &skb, sizeof(skb), NULL, &opts, &value), 0);
	opts.cancel = &cancelled;
	CHECK_EQ(hachi_prog_run_opts(prog, &skb, sizeof(skb), NULL, &opts, &value), -ECANCELED);
	hachi_prog_put(prog);
	hachi_free(h);
}

/* ---- an embedder's own types
 * ------------------------------------------------------------------------ */

struct request {
	u64 body, body_end;
	u32 method, verdict;
};

static u64 add_user(u64 a, u64 b, u64 c, u64 d, u64 e, void *user)
{
	return a + b + *(u64 *)user;
}

TEST(an_embedder_adds_a_program_type_and_a_helper)
{
	static const struct hachi_ctx_field fields[] = {
		{"body", 0, 8, HACHI_FIELD_MEM, HACHI_FIELD_READ},
		{"body_end", 8, 8, HACHI_FIELD_MEM_END, HACHI_FIELD_READ},
		{"method", 16, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
		{"verdict", 20, 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ | HACHI_FIELD_WRITE},
	};
	struct hachi *h = new_hachi(NULL);
	u64 extra = 1000;
	struct hachi_helper helper = {.size = sizeof(helper),
		.name = "my_add",
		.args = {HACHI_ARG_ANYTHING, HACHI_ARG_ANYTHING},
		.fn = add_user,
		.user = &extra};
	int id = hachi_helper_register(h, &helper);
	u32 helpers[] = {(u32)id};
	struct hachi_prog_type type = {.size = sizeof(type),
		.name = "request",
		.ctx_size = sizeof(struct request),
		.fields = fields,
		.field_count = ARRAY_SIZE(fields),
		.ret_min = 0,
		.ret_max = 5000,
		.helpers = helpers,
		.helper_count = 1};
	int number = hachi_prog_type_register(h, &type);
	const struct insn sum[] = {
		INSN_LDX_MEM(BPF_DW, 2, 1, 0),
		INSN_LDX_MEM(BPF_DW, 3, 1, 8),
		INSN_ST_MEM(BPF_W, 1, 20, 7),
		INSN_LDX_MEM(BPF_W, 6, 1, 16),
		INSN_MOV64_REG(4, 2),
		INSN_ALU64_IMM(BPF_ADD, 4, 1),
		INSN_MOV64_IMM(0, 0),
		INSN_JMP_REG(BPF_JGT, 4, 3, 5),
		INSN_LDX_MEM(BPF_B, 1, 2, 0),
		INSN_MOV64_REG(2, 6),
		INSN_CALL(id),
		INSN_JMP_IMM(BPF_JLE, 0, 5000, 1),
		INSN_MOV64_IMM(0, 0),
		INSN_EXIT(),
	};
	u8 body[4] = {20};
	struct request request = {.body = (u64)(uintptr_t)body,
		.body_end = (u64)(uintptr_t)body + sizeof(body),
		.method = 3};
	struct hachi_prog *prog;
	u64 value = 0;
	long fd;

	REQUIRE(id >= HACHI_HELPER_CUSTOM && number >= HACHI_BPF_PROG_TYPE_CUSTOM);
	fd = prog_load(h, (u32)number, sum, ARRAY_SIZE(sum));
	REQUIRE(fd >= 0);
	REQUIRE_EQ(hachi_prog_get(h, (int)fd, &prog), 0);
	CHECK_EQ(hachi_prog_run(prog, &request, sizeof(request), NULL, &value), 0);
	CHECK_EQ(value, 1023);
	CHECK_EQ(request.verdict, 7);
	hachi_prog_put(prog);
	CHECK(prog_load(h, BPF_PROG_TYPE_XDP, sum, ARRAY_SIZE(sum)) < 0);
	hachi_free(h);
}

TEST(a_map_s_own_descriptor_is_none_of_the_user_s)
{
	struct hachi *h = new_hachi(NULL);
	long fd = map_create(h, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	union bpf_attr attr = {0};
	u32 key = 0, value, ours = 0;

	REQUIRE(fd >= 0);
	for (int other = 3; other < 64; other++) {
		if (other == fd || hachi_fd_kind(h, other) != HACHI_FD_MAP)
			continue;
		ours++;
		elem(h, BPF_MAP_LOOKUP_ELEM, other, &key, &value, 0);
	}
	CHECK_EQ(ours, 0);
	hachi_close(h, (int)fd);
	CHECK_EQ(hachi_bpf(h, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	hachi_free(h);
}
