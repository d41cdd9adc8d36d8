// SPDX-License-Identifier: BSD-2-Clause
/*
 * The functions of libc by which a program reaches BPF, replaced. Each asks whether the call is
 * BPF's business: a descriptor of the instance, bpf(2) itself, a file by which loaders learn how to
 * attach. If so the instance answers; if not, or when no instance is set, the system call is made
 * as it came, past libc.
 *
 * Two ways in: linked into the command with these names exported (door.list), so that its libbpf
 * finds them first; or preloaded (preload.c). Nothing here may call a function that it replaces.
 */
#include "client/door.h"
#include "base/os.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/close_range.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
#define RAW(nr, a, b, c, d, e, f)                                                                  \
	os_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define VIRTUAL_FILE_SIZE (256u << 10)

/* As libc returns: -1 and errno. */
static long finish(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

/* The instance if fd is one of its descriptors. */
static struct hachi *owner_of(int fd)
{
	struct hachi *h = door_get();

	return h && fd >= 0 && hachi_fd_kind(h, fd) > 0 && door_is_own_process() ? h : NULL;
}

/* ---- descriptors ------------------------------------------------------------------------- */

static long do_close(int fd)
{
	struct hachi *h = owner_of(fd);

	return h ? hachi_close(h, fd) : RAW(SYS_close, fd, 0, 0, 0, 0, 0);
}

static long do_dup(int fd, int new_fd, int flags)
{
	struct hachi *h = owner_of(fd);
	struct hachi *old = new_fd >= 0 && new_fd != fd ? owner_of(new_fd) : NULL;

	if (h)
		return hachi_dup(h, fd, new_fd, flags);
	if (old)
		hachi_forget(old, new_fd);
	if (new_fd < 0)
		return RAW(SYS_dup, fd, 0, 0, 0, 0, 0);
	return RAW(SYS_dup3, fd, new_fd, flags, 0, 0, 0);
}

static long do_fcntl(int fd, int cmd, long arg)
{
	bool is_dup = cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC;
	struct hachi *h = is_dup ? owner_of(fd) : NULL;
	long copy, got;

	if (!h)
		return RAW(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
	/* a free number of at least arg, then the instance's own idea of a duplicate there */
	copy = RAW(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
	if (copy < 0)
		return copy;
	got = hachi_dup(h, fd, (int)copy, cmd == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0);
	if (got < 0)
		RAW(SYS_close, copy, 0, 0, 0, 0, 0);
	return got;
}

static long do_ioctl(int fd, unsigned long request, unsigned long arg)
{
	struct hachi *h = owner_of(fd);
	long result = h ? hachi_ioctl(h, fd, request, arg) : -ENOTTY;

	return result != -ENOTTY ? result : RAW(SYS_ioctl, fd, request, arg, 0, 0, 0);
}

static long do_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	struct hachi *h = flags & MAP_ANONYMOUS ? NULL : owner_of(fd);

	if (h)
		return hachi_mmap(h, addr, len, prot, flags, fd, off);
	return RAW(SYS_mmap, addr, len, prot, flags, fd, off);
}

static long do_munmap(void *addr, size_t len)
{
	struct hachi *h = door_get();
	long result = RAW(SYS_munmap, addr, len, 0, 0, 0, 0);

	if (h && !result && door_is_own_process())
		hachi_munmap(h, addr, len);
	return result;
}

/* What is closed wholesale is looked at one by one: sets of descriptors are small. */
static long do_close_range(unsigned int first, unsigned int last, int flags)
{
	struct hachi *h = door_get();
	long result = RAW(SYS_close_range, first, last, flags, 0, 0, 0);

	if (h && !result && !(flags & CLOSE_RANGE_CLOEXEC) && door_is_own_process())
		for (unsigned int fd = first; fd <= MIN(last, first + 65535u); fd++)
			hachi_forget(h, (int)fd);
	return result;
}

static long do_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct hachi *h = door_get();
	bool is_bpf = level == SOL_SOCKET &&
		(name == SO_ATTACH_BPF || name == SO_DETACH_BPF ||
			name == SO_ATTACH_REUSEPORT_EBPF);

	if (h && is_bpf)
		return hachi_setsockopt(h, fd, level, name, value, len);
	return RAW(SYS_setsockopt, fd, level, name, value, len, 0);
}

/* ---- waiting ----------------------------------------------------------------------------- */

static long do_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct hachi *h = owner_of(fd);

	return h ? hachi_epoll_ctl(h, epfd, op, fd, event)
		 : RAW(SYS_epoll_ctl, epfd, op, fd, event, 0, 0);
}

static long do_epoll_wait(
	int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	struct hachi *h = door_get();

	if (h)
		hachi_epoll_sync(h, epfd);
	return RAW(SYS_epoll_pwait, epfd, events, max, timeout, mask, 8);
}

/*
 * poll() of one of our descriptors: an epoll descriptor that watches its stand-in is put in its
 * place for the duration, since epoll descriptors can be polled themselves.
 */
static int stand_in(struct hachi *h, int fd, short events)
{
	struct epoll_event event = {.events = (u32)(u16)events};
	long epfd = RAW(SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0, 0, 0, 0);

	if (epfd < 0)
		return -1;
	if (hachi_epoll_ctl(h, (int)epfd, EPOLL_CTL_ADD, fd, &event) < 0) {
		RAW(SYS_close, epfd, 0, 0, 0, 0, 0);
		return -1;
	}
	hachi_epoll_sync(h, (int)epfd);
	return (int)epfd;
}

#define POLL_MAX 64

static long do_ppoll(
	struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec copy = timeout ? *timeout : (struct timespec){0};
	int own[POLL_MAX], saved[POLL_MAX];
	nfds_t watched = MIN(count, (nfds_t)POLL_MAX);
	long result;

	for (nfds_t i = 0; i < watched; i++) {
		struct hachi *h = owner_of(fds[i].fd);

		own[i] = h ? stand_in(h, fds[i].fd, fds[i].events) : -1;
		saved[i] = fds[i].fd;
		if (own[i] >= 0)
			fds[i].fd = own[i];
	}
	result = RAW(SYS_ppoll, fds, count, timeout ? &copy : NULL, mask, 8, 0);
	for (nfds_t i = 0; i < watched; i++) {
		if (own[i] < 0)
			continue;
		fds[i].fd = saved[i];
		RAW(SYS_close, own[i], 0, 0, 0, 0, 0);
	}
	return result;
}

/* select() as poll(): only when one of the descriptors is ours. */
static bool any_ours(int count, fd_set *const sets[3])
{
	for (int fd = 0; fd < count; fd++)
		for (int i = 0; i < 3; i++)
			if (sets[i] && FD_ISSET(fd, sets[i]) && owner_of(fd))
				return true;
	return false;
}

static long select_raw(
	int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout)
{
	struct timespec ts = {timeout ? timeout->tv_sec : 0, timeout ? timeout->tv_usec * 1000 : 0};
	long result = RAW(SYS_pselect6, count, reads, writes, excepts, timeout ? &ts : NULL, NULL);

	if (timeout) { /* Linux's select() tells what is left */
		timeout->tv_sec = ts.tv_sec;
		timeout->tv_usec = ts.tv_nsec / 1000;
	}
	return result;
}

static long select_by_poll(
	int count, fd_set *const sets[3], const struct timespec *timeout, const sigset_t *mask)
{
	static const short events[3] = {POLLIN, POLLOUT, POLLPRI};
	static const short hits[3] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI};
	struct pollfd polled[POLL_MAX];
	nfds_t n = 0;
	long result, found = 0;

	for (int fd = 0; fd < count; fd++) {
		short wanted = 0;

		for (int i = 0; i < 3; i++)
			if (sets[i] && FD_ISSET(fd, sets[i]))
				wanted |= events[i];
		if (!wanted)
			continue;
		if (n == POLL_MAX)
			return -EINVAL;
		polled[n++] = (struct pollfd){fd, wanted, 0};
	}
	result = do_ppoll(polled, n, timeout, mask);
	for (nfds_t k = 0; k < n && result >= 0; k++)
		for (int i = 0; i < 3; i++) {
			bool is_set = sets[i] && FD_ISSET(polled[k].fd, sets[i]);

			if (is_set && !(polled[k].revents & hits[i]))
				FD_CLR(polled[k].fd, sets[i]);
			else if (is_set)
				found++;
		}
	return result < 0 ? result : found;
}

/* ---- files that tell how to attach --------------------------------------------------------- */

static bool may_be_virtual(const char *path)
{
	return path && (strncmp(path, "/sys/", 5) == 0 || strncmp(path, "/proc/", 6) == 0);
}

/* A memfd with the text of the file as the instance answers it; -ENOENT when it is none of ours. */
static int open_virtual(struct hachi *h, const char *path)
{
	char *text;
	long len = -ENOENT, fd, at;
	int info;

	text = malloc(VIRTUAL_FILE_SIZE);
	if (!text)
		return -ENOENT;
	if (strncmp(path, "/proc/", 6) == 0) {
		info = door_proc_fd(path, "fdinfo");
		if (info >= 0 && hachi_fd_kind(h, info) > 0)
			len = hachi_fdinfo(h, info, text, VIRTUAL_FILE_SIZE);
	} else {
		len = hachi_virtual_file(h, path, text, VIRTUAL_FILE_SIZE);
	}
	if (len < 0) {
		free(text);
		return -ENOENT;
	}
	fd = RAW(SYS_memfd_create, "hachi-file", MFD_CLOEXEC, 0, 0, 0, 0);
	for (at = 0; fd >= 0 && at < len;) {
		long n = RAW(SYS_pwrite64, fd, text + at, len - at, at, 0, 0);

		if (n <= 0)
			break;
		at += n;
	}
	free(text);
	return (int)fd;
}

static long do_openat(int dir, const char *path, int flags, mode_t mode)
{
	struct hachi *h = door_get();
	char buf[PATH_MAX];
	int fd;

	if (h && may_be_virtual(path)) {
		fd = open_virtual(h, path);
		if (fd != -ENOENT)
			return fd;
	}
	return RAW(SYS_openat, dir, door_host_path(path, buf), flags, mode, 0, 0);
}

static bool is_virtual(const char *path)
{
	struct hachi *h = door_get();
	char unused[1];

	return h && may_be_virtual(path) && strncmp(path, "/sys/", 5) == 0 &&
		hachi_virtual_file(h, path, unused, sizeof(unused)) != -ENOENT;
}

static FILE *do_fopen(const char *path, const char *mode, const char *symbol)
{
	FILE *(*next)(const char *, const char *);
	struct hachi *h = door_get();
	int fd;

	if (h && may_be_virtual(path)) {
		fd = open_virtual(h, path);
		if (fd >= 0)
			return fdopen(fd, "r");
	}
	*(void **)&next = dlsym(RTLD_NEXT, symbol);
	return next(path, mode);
}

/* ---- what replaces libc's ------------------------------------------------------------------- */

/*
 * Six arguments whatever the call has, as libc's own: the last may be read from the caller's frame,
 * where a sanitizer guards what is next to it.
 */
__attribute__((no_sanitize("address"))) EXPORTED long syscall(long nr, ...)
{
	struct hachi *h = door_get();
	long a, b, c, d, e, f;
	va_list args;

	va_start(args, nr);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	d = va_arg(args, long);
	e = va_arg(args, long);
	f = va_arg(args, long);
	va_end(args);
	if (h) {
		switch (nr) {
		case SYS_bpf:
			return finish(hachi_bpf(h, (int)a, (union bpf_attr *)(uintptr_t)b, (u32)c));
		case SYS_perf_event_open:
			return finish(hachi_perf_event_open(h,
				(const struct perf_event_attr *)(uintptr_t)a, (int)b, (int)c,
				(int)d, (u64)e));
		case SYS_close: return finish(do_close((int)a));
		case SYS_dup: return finish(do_dup((int)a, -1, 0));
		case SYS_dup3: return finish(do_dup((int)a, (int)b, (int)c));
		case SYS_munmap: return finish(do_munmap((void *)(uintptr_t)a, (size_t)b));
		case SYS_close_range: return finish(do_close_range((u32)a, (u32)b, (int)c));
		case SYS_ioctl: return finish(do_ioctl((int)a, (u64)b, (u64)c));
		case SYS_mmap:
			return finish(do_mmap(
				(void *)(uintptr_t)a, (size_t)b, (int)c, (int)d, (int)e, f));
		default: break;
		}
	} else if (nr == SYS_bpf && a == BPF_PROG_LOAD) {
		door_load_fn load = door_kernel_load();

		if (load)
			return finish(load((const union bpf_attr *)(uintptr_t)b, (u32)c));
	}
	return finish(os_syscall(nr, a, b, c, d, e, f));
}

EXPORTED int ioctl(int fd, unsigned long request, ...)
{
	unsigned long arg;
	va_list args;

	va_start(args, request);
	arg = va_arg(args, unsigned long);
	va_end(args);
	return (int)finish(do_ioctl(fd, request, arg));
}

EXPORTED void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return (void *)finish(do_mmap(addr, len, prot, flags, fd, off));
}

EXPORTED void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return (void *)finish(do_mmap(addr, len, prot, flags, fd, off));
}

EXPORTED int munmap(void *addr, size_t len)
{
	return (int)finish(do_munmap(addr, len));
}

EXPORTED int close_range(unsigned int first, unsigned int last, int flags)
{
	return (int)finish(do_close_range(first, last, flags));
}

EXPORTED int select(
	int count, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout)
{
	fd_set *const sets[3] = {reads, writes, excepts};
	struct timespec ts = {timeout ? timeout->tv_sec : 0, timeout ? timeout->tv_usec * 1000 : 0};

	if (door_get() && any_ours(MIN(count, FD_SETSIZE), sets))
		return (int)finish(
			select_by_poll(MIN(count, FD_SETSIZE), sets, timeout ? &ts : NULL, NULL));
	return (int)finish(select_raw(count, reads, writes, excepts, timeout));
}

EXPORTED int pselect(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
	const struct timespec *timeout, const sigset_t *mask)
{
	fd_set *const sets[3] = {reads, writes, excepts};
	struct timespec copy = timeout ? *timeout : (struct timespec){0};
	struct {
		const sigset_t *set;
		size_t size;
	} sixth = {mask, 8};

	if (door_get() && any_ours(MIN(count, FD_SETSIZE), sets))
		return (int)finish(
			select_by_poll(MIN(count, FD_SETSIZE), sets, timeout ? &copy : NULL, mask));
	return (int)finish(RAW(SYS_pselect6, count, reads, writes, excepts, timeout ? &copy : NULL,
		mask ? &sixth : NULL));
}

EXPORTED int close(int fd)
{
	return (int)finish(do_close(fd));
}

EXPORTED int dup(int fd)
{
	return (int)finish(do_dup(fd, -1, 0));
}

EXPORTED int dup2(int fd, int new_fd)
{
	/* the one case in which dup3() differs */
	if (fd == new_fd)
		return (int)finish(RAW(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0)) < 0 ? -1 : fd;
	return (int)finish(do_dup(fd, new_fd, 0));
}

EXPORTED int dup3(int fd, int new_fd, int flags)
{
	return (int)finish(do_dup(fd, new_fd, flags));
}

EXPORTED int fcntl(int fd, int cmd, ...)
{
	va_list args;
	long arg;

	va_start(args, cmd);
	arg = va_arg(args, long);
	va_end(args);
	return (int)finish(do_fcntl(fd, cmd, arg));
}

EXPORTED int fcntl64(int fd, int cmd, ...)
{
	va_list args;
	long arg;

	va_start(args, cmd);
	arg = va_arg(args, long);
	va_end(args);
	return (int)finish(do_fcntl(fd, cmd, arg));
}

EXPORTED int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return (int)finish(do_epoll_ctl(epfd, op, fd, event));
}

EXPORTED int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	return (int)finish(do_epoll_wait(epfd, events, max, timeout, NULL));
}

EXPORTED int epoll_pwait(
	int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	return (int)finish(do_epoll_wait(epfd, events, max, timeout, mask));
}

EXPORTED int epoll_pwait2(int epfd, struct epoll_event *events, int max,
	const struct timespec *timeout, const sigset_t *mask)
{
	struct hachi *h = door_get();

	if (h)
		hachi_epoll_sync(h, epfd);
	return (int)finish(RAW(SYS_epoll_pwait2, epfd, events, max, timeout, mask, 8));
}

EXPORTED int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec ts = {timeout / 1000, (long)(timeout % 1000) * 1000000};

	return (int)finish(do_ppoll(fds, count, timeout >= 0 ? &ts : NULL, NULL));
}

EXPORTED int ppoll(
	struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	return (int)finish(do_ppoll(fds, count, timeout, mask));
}

EXPORTED int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)finish(do_setsockopt(fd, level, name, value, len));
}

#define MODE_OF(flags, last)                                                                       \
	({                                                                                         \
		mode_t mode_ = 0;                                                                  \
		if ((flags) & (O_CREAT | __O_TMPFILE)) {                                           \
			va_list args_;                                                             \
			va_start(args_, last);                                                     \
			mode_ = va_arg(args_, mode_t);                                             \
			va_end(args_);                                                             \
		}                                                                                  \
		mode_;                                                                             \
	})

EXPORTED int open(const char *path, int flags, ...)
{
	return (int)finish(do_openat(AT_FDCWD, path, flags, MODE_OF(flags, flags)));
}

EXPORTED int open64(const char *path, int flags, ...)
{
	return (int)finish(do_openat(AT_FDCWD, path, flags, MODE_OF(flags, flags)));
}

EXPORTED int openat(int dir, const char *path, int flags, ...)
{
	return (int)finish(do_openat(dir, path, flags, MODE_OF(flags, flags)));
}

EXPORTED int openat64(int dir, const char *path, int flags, ...)
{
	return (int)finish(do_openat(dir, path, flags, MODE_OF(flags, flags)));
}

EXPORTED FILE *fopen(const char *path, const char *mode)
{
	return do_fopen(path, mode, "fopen");
}

EXPORTED FILE *fopen64(const char *path, const char *mode)
{
	return do_fopen(path, mode, "fopen64");
}

EXPORTED int faccessat(int dir, const char *path, int mode, int flags)
{
	int (*next)(int, const char *, int, int);
	char buf[PATH_MAX];

	if (is_virtual(path))
		return mode & (W_OK | X_OK) ? (int)finish(-EACCES) : 0;
	*(void **)&next = dlsym(RTLD_NEXT, "faccessat");
	return next(dir, door_host_path(path, buf), mode, flags);
}

EXPORTED int access(const char *path, int mode)
{
	char buf[PATH_MAX];

	if (is_virtual(path))
		return mode & (W_OK | X_OK) ? (int)finish(-EACCES) : 0;
	return (int)finish(RAW(SYS_faccessat, AT_FDCWD, door_host_path(path, buf), mode, 0, 0, 0));
}
