// SPDX-License-Identifier: BSD-2-Clause
/*
 * The door's paths: /sys/fs/bpf stands for the instance's directory of pins, and looks like a BPF
 * file system; /proc/self/fd says of our descriptors what the kernel says of its own.
 */
#include "client/door.h"

#include "base/os.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define EXPORTED	    __attribute__((visibility("default")))
#define RAW(nr, a, b, c, d) os_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static long finish(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

/* The path itself, or in buf where it lies on the host. */
static const char *host(const char *path, char buf[PATH_MAX], bool *ret_is_bpffs)
{
	struct hachi *h = door_get();
	bool is_ours = h && path && path[0] == '/' && !hachi_host_path(h, path, buf, PATH_MAX);

	if (ret_is_bpffs)
		*ret_is_bpffs = is_ours;
	return is_ours ? buf : path;
}

const char *door_host_path(const char *path, char *buf)
{
	return host(path, buf, NULL);
}

/* ---- what is there -----------------------------------------------------------------------------
 */

static int do_statfs(const char *path, struct statfs *fs)
{
	char buf[PATH_MAX];
	bool is_bpffs;
	long ret = RAW(SYS_statfs, host(path, buf, &is_bpffs), fs, 0, 0);

	if (!ret && is_bpffs)
		fs->f_type = BPF_FS_MAGIC;
	return (int)finish(ret);
}

EXPORTED int statfs(const char *path, struct statfs *fs)
{
	return do_statfs(path, fs);
}

EXPORTED int statfs64(const char *path, struct statfs64 *fs)
{
	return do_statfs(path, (struct statfs *)fs);
}

static int do_fstatat(int dir, const char *path, void *st, int flags)
{
	char buf[PATH_MAX];

	return (int)finish(RAW(SYS_newfstatat, dir, host(path, buf, NULL), st, flags));
}

EXPORTED int stat(const char *path, struct stat *st)
{
	return do_fstatat(AT_FDCWD, path, st, 0);
}

EXPORTED int stat64(const char *path, struct stat64 *st)
{
	return do_fstatat(AT_FDCWD, path, st, 0);
}

EXPORTED int lstat(const char *path, struct stat *st)
{
	return do_fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORTED int lstat64(const char *path, struct stat64 *st)
{
	return do_fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORTED DIR *opendir(const char *path)
{
	char buf[PATH_MAX];
	DIR *(*next)(const char *);

	*(void **)&next = dlsym(RTLD_NEXT, "opendir");
	return next(host(path, buf, NULL));
}

EXPORTED int nftw(const char *path, __nftw_func_t fn, int depth, int flags)
{
	char buf[PATH_MAX];
	int (*next)(const char *, __nftw_func_t, int, int);

	*(void **)&next = dlsym(RTLD_NEXT, "nftw");
	return next(host(path, buf, NULL), fn, depth, flags);
}

EXPORTED int nftw64(const char *path, __nftw64_func_t fn, int depth, int flags)
{
	char buf[PATH_MAX];
	int (*next)(const char *, __nftw64_func_t, int, int);

	*(void **)&next = dlsym(RTLD_NEXT, "nftw64");
	return next(host(path, buf, NULL), fn, depth, flags);
}

/* ---- changes -----------------------------------------------------------------------------------
 */

EXPORTED int mkdir(const char *path, mode_t mode)
{
	char buf[PATH_MAX];

	return (int)finish(RAW(SYS_mkdirat, AT_FDCWD, host(path, buf, NULL), mode, 0));
}

EXPORTED int mkdirat(int dir, const char *path, mode_t mode)
{
	char buf[PATH_MAX];

	return (int)finish(RAW(SYS_mkdirat, dir, host(path, buf, NULL), mode, 0));
}

EXPORTED int rmdir(const char *path)
{
	char buf[PATH_MAX];

	return (int)finish(RAW(SYS_unlinkat, AT_FDCWD, host(path, buf, NULL), AT_REMOVEDIR, 0));
}

static int do_unlinkat(int dir, const char *path, int flags)
{
	struct hachi *h = door_get();
	char buf[PATH_MAX];

	if (h && path && path[0] == '/' && !flags && !hachi_unpin(h, path))
		return 0;
	return (int)finish(RAW(SYS_unlinkat, dir, host(path, buf, NULL), flags, 0));
}

EXPORTED int unlink(const char *path)
{
	return do_unlinkat(AT_FDCWD, path, 0);
}

EXPORTED int unlinkat(int dir, const char *path, int flags)
{
	return do_unlinkat(dir, path, flags);
}

EXPORTED int remove(const char *path)
{
	int err = do_unlinkat(AT_FDCWD, path, 0);

	return err && errno == EISDIR ? rmdir(path) : err;
}

/* ---- /proc/self/fd ------------------------------------------------------------------------------
 */

/* N of /proc/self/fd/N or /proc/PID/fd/N of this process, else -1. */
int door_proc_fd(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	char *end;
	long fd;

	if (!path || strncmp(path, "/proc/", 6) != 0)
		return -1;
	path += 6;
	if (strncmp(path, "self/", 5) == 0) {
		path += 5;
	} else {
		long pid = strtol(path, &end, 10);

		if (end == path || *end != '/' || (u32)pid != os_pid())
			return -1;
		path = end + 1;
	}
	if (strncmp(path, folder, len) != 0 || path[len] != '/')
		return -1;
	path += len + 1;
	fd = strtol(path, &end, 10);
	return end != path && *end == 0 && fd >= 0 && fd <= INT_MAX ? (int)fd : -1;
}

static const char *link_text(const char *path)
{
	static const char *const names[] = {
		[HACHI_FD_MAP] = "anon_inode:bpf-map",
		[HACHI_FD_PROG] = "anon_inode:bpf-prog",
		[HACHI_FD_LINK] = "anon_inode:bpf_link",
		[HACHI_FD_BTF] = "anon_inode:btf",
		[HACHI_FD_PERF] = "anon_inode:[perf_event]",
		[HACHI_FD_ITER] = "anon_inode:bpf_iter",
	};
	struct hachi *h = door_get();
	int fd = h ? door_proc_fd(path, "fd") : -1;
	int kind = fd >= 0 ? hachi_fd_kind(h, fd) : 0;

	return kind > 0 ? names[kind] : NULL;
}

static ssize_t do_readlinkat(int dir, const char *path, char *buf, size_t size)
{
	const char *text = link_text(path);
	char host_path[PATH_MAX];

	if (text) {
		size_t len = MIN(strlen(text), size);

		memcpy(buf, text, len);
		return (ssize_t)len;
	}
	return finish(RAW(SYS_readlinkat, dir, host(path, host_path, NULL), buf, size));
}

EXPORTED ssize_t readlink(const char *path, char *buf, size_t size)
{
	return do_readlinkat(AT_FDCWD, path, buf, size);
}

EXPORTED ssize_t readlinkat(int dir, const char *path, char *buf, size_t size)
{
	return do_readlinkat(dir, path, buf, size);
}
