// SPDX-License-Identifier: BSD-2-Clause
#include "base/os.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/*
 * The raw system call: libc's close(), mmap(), dup() or syscall() may be our own door, which calls
 * the core again.
 */
static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
#error "this processor has no raw system call here yet"
#endif
}

#define RAW6(nr, a, b, c, d, e, f)                                                                 \
	raw(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define RAW3(nr, a, b, c) RAW6(nr, a, b, c, 0, 0, 0)

long os_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	return raw(nr, a, b, c, d, e, f);
}

/* The thread sanitizer must see that an address is new. */
#ifdef __SANITIZE_THREAD__
static long raw_mmap(void *addr, u64 size, int prot, int flags, int fd, u64 offset)
{
	void *at = mmap(addr, size, prot, flags, fd, (off_t)offset);

	return at == MAP_FAILED ? -errno : (long)at;
}
#define RAW_MMAP(addr, size, prot, flags, fd, offset)                                              \
	raw_mmap((void *)(uintptr_t)(addr), size, prot, flags, fd, offset)
#define RAW_MUNMAP(addr, size) (munmap(addr, size) ? -errno : 0)
#else
#define RAW_MMAP(addr, size, prot, flags, fd, offset)                                              \
	RAW6(SYS_mmap, addr, size, prot, flags, fd, offset)
#define RAW_MUNMAP(addr, size) RAW3(SYS_munmap, addr, size, 0)
#endif

u64 os_time_ns(enum os_clock clock)
{
	static const clockid_t ids[] = {
		[OS_CLOCK_MONOTONIC] = CLOCK_MONOTONIC,
		[OS_CLOCK_BOOTTIME] = CLOCK_BOOTTIME,
		[OS_CLOCK_REALTIME] = CLOCK_REALTIME,
		[OS_CLOCK_TAI] = CLOCK_TAI,
	};
	struct timespec ts;

	clock_gettime(ids[clock], &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

void os_random(void *buf, size_t len)
{
	u8 *p = buf;

	while (len) {
		long n = RAW3(SYS_getrandom, p, len, 0);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

u32 os_pid(void)
{
	return (u32)RAW3(SYS_getpid, 0, 0, 0);
}

u32 os_tid(void)
{
	return (u32)RAW3(SYS_gettid, 0, 0, 0);
}

#define SELF_TID_BITS 22 /* PID_MAX_LIMIT of 64-bit Linux */
#define SELF_TID_MASK ((1u << SELF_TID_BITS) - 1)

/* When a thread started, in clock ticks since boot; 0 when /proc is not there, -ESRCH when dead. */
static s64 thread_start(u32 tid)
{
	char path[32], text[1024];
	const char *p;
	char *end;
	long fd, len;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	fd = RAW6(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return RAW3(SYS_tkill, tid, 0, 0) == -ESRCH ? -ESRCH : 0;
	len = RAW3(SYS_read, fd, text, sizeof(text) - 1);
	RAW3(SYS_close, fd, 0, 0);
	if (len <= 0)
		return -ESRCH;
	text[len] = 0;
	p = strrchr(text, ')'); /* comm may hold anything: count fields from its end */
	if (!p || p[1] != ' ')
		return 0;
	p += 2;
	if (*p == 'Z' || *p == 'X')
		return -ESRCH;
	for (int field = 3; p && field < 22; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p ? (s64)strtoull(p, &end, 10) : 0;
}

/* Reads 0 in a child of fork(): what the parent's threads cached must be asked again. */
static u32 *fork_mark(void)
{
	static u32 *mark;
	u32 *page = __atomic_load_n(&mark, __ATOMIC_ACQUIRE), *none = NULL;
	void *addr;

	if (likely(page != NULL))
		return page;
	if (os_map_private(os_page_size(), &addr))
		return NULL;
	if (RAW3(SYS_madvise, addr, os_page_size(), MADV_WIPEONFORK)) {
		os_unmap(addr, os_page_size());
		return NULL;
	}
	if (!__atomic_compare_exchange_n(
		    &mark, &none, addr, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		os_unmap(addr, os_page_size());
		return none;
	}
	return addr;
}

static u64 thread_word(u32 tid, s64 start)
{
	return (u64)(start > 0 ? start : 0) << SELF_TID_BITS | (tid & SELF_TID_MASK);
}

u64 os_self(void)
{
	static _Thread_local u64 self;
	static _Thread_local u32 self_mark;
	static u32 next_mark = 1;
	u32 *mark = fork_mark(), now;

	if (likely(mark && self && self_mark == __atomic_load_n(mark, __ATOMIC_RELAXED)))
		return self;
	if (mark && !__atomic_load_n(mark, __ATOMIC_RELAXED)) {
		u32 fresh = 0;

		now = __atomic_add_fetch(&next_mark, 1, __ATOMIC_RELAXED);
		__atomic_compare_exchange_n(
			mark, &fresh, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
	now = mark ? __atomic_load_n(mark, __ATOMIC_RELAXED) : 0;
	self = thread_word(os_tid(), thread_start(os_tid()));
	self_mark = now;
	return self;
}

u64 os_thread(u32 tid)
{
	s64 start = thread_start(tid);

	return start < 0 ? 0 : thread_word(tid, start);
}

bool os_is_pid_namespace(u64 dev, u64 ino)
{
	struct stat st;

	return RAW6(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &st, 0, 0, 0) == 0 &&
		st.st_dev == dev && st.st_ino == ino;
}

u64 os_pid_namespace(void)
{
	struct stat st;

	return RAW6(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &st, 0, 0, 0) ? 0 : st.st_ino;
}

bool os_is_gone(u64 self)
{
	s64 start = thread_start((u32)self & SELF_TID_MASK);
	u64 then = self >> SELF_TID_BITS;

	/* 0: whoever took the word, or we, cannot see /proc; then only the thread id speaks */
	return start < 0 || (start > 0 && then && (u64)start != then);
}

u32 os_cpu(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (u32)cpu;
}

u32 os_cpu_count(void)
{
	static u32 count; /* the same in every thread; a race writes the same value twice */
	u32 n = __atomic_load_n(&count, __ATOMIC_RELAXED);
	char text[256] = "";
	const char *last;
	long fd, len;

	if (n)
		return n;
	/* "0-3" or "0,2-5": per-CPU values have a slot for every possible CPU */
	n = 1;
	fd = RAW6(SYS_openat, AT_FDCWD, "/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC, 0,
		0, 0);
	if (fd >= 0) {
		len = RAW3(SYS_read, fd, text, sizeof(text) - 1);
		RAW3(SYS_close, fd, 0, 0);
		text[len > 0 ? len : 0] = 0;
		last = text;
		for (const char *p = text; *p; p++)
			if (*p == '-' || *p == ',')
				last = p + 1;
		n = (u32)strtoul(last, NULL, 10) + 1;
	} else {
		long configured = sysconf(_SC_NPROCESSORS_CONF);

		n = configured > 0 ? (u32)configured : 1;
	}
	__atomic_store_n(&count, n, __ATOMIC_RELAXED);
	return n;
}

size_t os_page_size(void)
{
	static size_t size; /* the same in every thread; a race writes the same value twice */
	size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED);

	if (unlikely(!known)) {
		known = (size_t)sysconf(_SC_PAGESIZE);
		__atomic_store_n(&size, known, __ATOMIC_RELAXED);
	}
	return known;
}

int os_memfd(const char *name, u64 size, int *ret_fd)
{
	long fd = RAW3(SYS_memfd_create, name, MFD_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return (int)fd;
	err = os_fd_truncate((int)fd, size);
	if (err) {
		os_close((int)fd);
		return err;
	}
	*ret_fd = (int)fd;
	return 0;
}

int os_fd_inode(int fd, u64 *ret_dev, u64 *ret_ino)
{
	struct stat st;
	long err = RAW3(SYS_fstat, fd, &st, 0);

	if (err)
		return (int)err;
	*ret_dev = st.st_dev;
	*ret_ino = st.st_ino;
	return 0;
}

int os_fd_size(int fd, u64 *ret_size)
{
	struct stat st;
	long err = RAW3(SYS_fstat, fd, &st, 0);

	if (err)
		return (int)err;
	*ret_size = (u64)st.st_size;
	return 0;
}

int os_fd_truncate(int fd, u64 size)
{
	return size > INT64_MAX ? -EFBIG : (int)RAW3(SYS_ftruncate, fd, size, 0);
}

int os_eventfd(int *ret_fd)
{
	long fd = RAW3(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0);

	if (fd < 0)
		return (int)fd;
	*ret_fd = (int)fd;
	return 0;
}

int os_eventfd_signal(int fd)
{
	u64 one = 1;
	long n = RAW3(SYS_write, fd, &one, sizeof(one));

	return n < 0 ? (int)n : 0;
}

int os_eventfd_drain(int fd)
{
	u64 count;
	long n = RAW3(SYS_read, fd, &count, sizeof(count));

	return n < 0 && n != -EAGAIN ? (int)n : 0;
}

int os_close(int fd)
{
	return (int)RAW3(SYS_close, fd, 0, 0);
}

int os_dup(int fd, int *ret_fd)
{
	long copy = RAW3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return (int)copy;
	*ret_fd = (int)copy;
	return 0;
}

int os_dup_to(int fd, int new_fd, int flags)
{
	if (new_fd < 0)
		return (int)RAW3(SYS_fcntl, fd, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	if (fd == new_fd) /* dup2() allows it, dup3() does not */
		return (int)(RAW3(SYS_fcntl, fd, F_GETFD, 0) < 0 ? -EBADF : fd);
	return (int)RAW3(SYS_dup3, fd, new_fd, flags);
}

static int map(u64 size, int prot, int flags, int fd, u64 offset, void **ret_addr)
{
	long addr = RAW_MMAP(flags & MAP_FIXED ? *ret_addr : NULL, size, prot, flags, fd, offset);

	if (addr < 0 && addr > -4096)
		return (int)addr;
	*ret_addr = (void *)addr;
	return 0;
}

int os_map_shared(int fd, u64 offset, u64 size, bool may_write, void **ret_addr)
{
	return map(
		size, PROT_READ | (may_write ? PROT_WRITE : 0), MAP_SHARED, fd, offset, ret_addr);
}

int os_map_shared_at(int fd, u64 offset, u64 size, bool may_write, void *addr)
{
	return map(size, PROT_READ | (may_write ? PROT_WRITE : 0), MAP_SHARED | MAP_FIXED, fd,
		offset, &addr);
}

int os_map_private_at(u64 size, void *addr)
{
	return map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0,
		&addr);
}

int os_map_reserve(u64 size, void **ret_addr)
{
	return map(size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, ret_addr);
}

int os_map_private(u64 size, void **ret_addr)
{
	return map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, ret_addr);
}

int os_unmap(void *addr, u64 size)
{
	return (int)RAW_MUNMAP(addr, size);
}

/* A copy that a bad address on either side makes fail: the kernel does both halves. */
static int copy_through_pipe(void *dst, const void *src, size_t len)
{
	enum { CHUNK = 4096 }; /* what a pipe holds at least */
	size_t done = 0;
	int fds[2];
	long err = RAW3(SYS_pipe2, fds, O_CLOEXEC, 0);

	while (!err && done < len) {
		size_t size = MIN(len - done, (size_t)CHUNK);

		if (RAW3(SYS_write, fds[1], (const u8 *)src + done, size) != (long)size ||
			RAW3(SYS_read, fds[0], (u8 *)dst + done, size) != (long)size)
			err = -EFAULT;
		done += size;
	}
	if (err == 0 || err == -EFAULT) {
		RAW3(SYS_close, fds[0], 0, 0);
		RAW3(SYS_close, fds[1], 0, 0);
	}
	return (int)err;
}

/* What process_vm_readv() and its sibling said; kernels and emulators may lack them. */
static int copied(long n, void *dst, const void *src, size_t len)
{
	if (n == -ENOSYS)
		return copy_through_pipe(dst, src, len);
	return n == (long)len ? 0 : n < 0 && n != -EFAULT ? (int)n : -EFAULT;
}

int os_peek(void *dst, const void *src, size_t len)
{
	struct iovec to = {dst, len}, from = {(void *)(uintptr_t)src, len};

	return copied(RAW6(SYS_process_vm_readv, os_pid(), &to, 1, &from, 1, 0), dst, src, len);
}

int os_poke(void *dst, const void *src, size_t len)
{
	struct iovec from = {(void *)(uintptr_t)src, len}, to = {dst, len};

	return copied(RAW6(SYS_process_vm_writev, os_pid(), &from, 1, &to, 1, 0), dst, src, len);
}

int os_futex_wait(u32 *word, u32 expected, u64 timeout_ns)
{
	struct timespec ts = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};

	return (int)RAW6(SYS_futex, word, FUTEX_WAIT, expected, timeout_ns ? &ts : NULL, 0, 0);
}

int os_futex_wake(u32 *word, int count)
{
	long n = RAW3(SYS_futex, word, FUTEX_WAKE, count);

	return n < 0 ? (int)n : 0;
}

int os_membarrier_register(void)
{
	return (int)RAW3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

void os_membarrier(void)
{
	RAW3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

void os_yield(void)
{
	RAW3(SYS_sched_yield, 0, 0, 0);
}

static int read_all(int fd, size_t max, u8 **ret_data, size_t *ret_size)
{
	size_t len = 0, cap = 0;
	u8 *data = NULL;

	for (;;) {
		long n;

		if (len == cap) {
			u8 *grown = mem_realloc(data, cap ? cap * 2 : 65536);

			if (!grown) {
				mem_free(data);
				return -ENOMEM;
			}
			data = grown;
			cap = cap ? cap * 2 : 65536;
		}
		n = RAW3(SYS_read, fd, data + len, cap - len);
		if (n == -EINTR)
			continue;
		len += n > 0 ? (size_t)n : 0;
		if (n > 0 && len <= max)
			continue;
		if (n != 0) {
			mem_free(data);
			return n < 0 ? (int)n : -EFBIG;
		}
		*ret_data = data;
		*ret_size = len;
		return 0;
	}
}

int os_read_file(const char *path, size_t max, void **ret_data, size_t *ret_size)
{
	long fd = RAW6(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	u8 *data = NULL;
	int err;

	if (fd < 0)
		return (int)fd;
	err = read_all((int)fd, max, &data, ret_size);
	os_close((int)fd);
	if (!err)
		*ret_data = data;
	return err;
}

int os_file_create(const char *path, u64 *ret_ino)
{
	long fd = RAW6(
		SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, 0, 0);
	u64 dev;
	int err;

	if (fd < 0)
		return (int)fd;
	err = os_fd_inode((int)fd, &dev, ret_ino);
	os_close((int)fd);
	return err;
}

int os_file_inode(const char *path, u64 *ret_ino)
{
	long fd = RAW6(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC, 0, 0, 0);
	u64 dev;
	int err;

	if (fd < 0)
		return (int)fd;
	err = os_fd_inode((int)fd, &dev, ret_ino);
	os_close((int)fd);
	return err;
}

int os_file_remove(const char *path)
{
	return (int)RAW3(SYS_unlinkat, AT_FDCWD, path, 0);
}

int os_check_file(const char *path)
{
	struct stat st;
	long err = RAW6(SYS_newfstatat, AT_FDCWD, path, &st, 0, 0, 0);

	if (err)
		return (int)err;
	return S_ISREG(st.st_mode) ? 0 : -EISDIR;
}

bool os_is_dir(const char *path)
{
	long fd = RAW6(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);

	if (fd < 0)
		return false;
	os_close((int)fd);
	return true;
}

int os_fd_path(int fd, char *buf, size_t size)
{
	char link[64];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = RAW6(SYS_readlinkat, AT_FDCWD, link, buf, size - 1, 0, 0);
	if (n < 0)
		return (int)n;
	buf[n] = 0;
	return (int)n;
}

int os_current_dir(char *buf, size_t size)
{
	long n = RAW3(SYS_getcwd, buf, size, 0); /* counts the NUL */

	return n < 0 ? (int)n : (int)n - 1;
}

bool os_fd_is_cgroup(int fd)
{
	struct statfs fs;

	return RAW3(SYS_fstatfs, fd, &fs, 0) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

bool os_netdev_exists(u32 ifindex)
{
	struct ifreq request = {.ifr_ifindex = (int)ifindex};
	long fd = RAW3(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return false;
	err = RAW3(SYS_ioctl, fd, SIOCGIFNAME, &request);
	os_close((int)fd);
	return err == 0;
}

bool os_process_exists(u32 pid)
{
	return RAW3(SYS_kill, pid, 0, 0) != -ESRCH;
}

u32 os_uid(void)
{
	return (u32)RAW3(SYS_getuid, 0, 0, 0);
}

long os_mmap(void *addr, u64 size, int prot, int flags, int fd, s64 offset)
{
	return RAW_MMAP(addr, size, prot, flags, fd, offset);
}

long os_mmap_readonly(void *addr, u64 size, int prot, int flags, int fd, s64 offset)
{
	char path[64];
	long own, ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = RAW6(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	ret = os_mmap(addr, size, prot, flags, own < 0 ? fd : (int)own, offset);
	if (own >= 0)
		os_close((int)own);
	return ret;
}

int os_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return (int)RAW6(SYS_epoll_ctl, epfd, op, fd, event, 0, 0);
}

struct dirent_raw {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
};

static void remove_entries(int dir)
{
	char buf[4096] __attribute__((aligned(8)));
	long len;

	while ((len = RAW3(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < len;) {
			const struct dirent_raw *entry = (const void *)(buf + at);
			long sub;

			at += entry->reclen;
			if (!strcmp(entry->name, ".") || !strcmp(entry->name, ".."))
				continue;
			if (RAW3(SYS_unlinkat, dir, entry->name, 0) != -EISDIR)
				continue;
			sub = RAW6(SYS_openat, dir, entry->name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0, 0);
			if (sub >= 0) {
				remove_entries((int)sub);
				os_close((int)sub);
			}
			RAW3(SYS_unlinkat, dir, entry->name, AT_REMOVEDIR);
		}
	}
}

void os_remove_tree(const char *path)
{
	long dir = RAW6(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		0, 0, 0);

	if (dir >= 0) {
		remove_entries((int)dir);
		os_close((int)dir);
	}
	RAW3(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
