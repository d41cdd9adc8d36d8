// SPDX-License-Identifier: BSD-2-Clause
/*
 * libhachi-preload.so: the door (door.c) put before libc in an unmodified program by `hachi exec`.
 * The instance is made when the library is loaded, with what the command left in the environment.
 * Pinned objects live in a directory of the process, unless one was named, and go with it; what a
 * killed process left is removed by the next one: a lock on the directory tells who still lives.
 */
#include "base/os.h"
#include "base/str.h"
#include "client/door.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXIT_HACHI 125

static char pin_dir[64]; /* of our own making, "" = none */
static u32 maker;	 /* the process that made it */

static void say(const char *what, int err)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "hachi: %s: %s\n", what, strerror(-err));

	os_syscall(SYS_write, 2, (long)text, len, 0, 0, 0);
}

#define PIN_DIR_NAME "hachi-bpffs."

enum { LOCK_FD_MIN = 200 }; /* out of the way of the program's own descriptors */

static int lock_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Other users' directories cannot be opened. */
static void remove_left_ones(const char *base)
{
	DIR *dir = opendir(base);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[64];
		int fd;

		if (strncmp(entry->d_name, PIN_DIR_NAME, sizeof(PIN_DIR_NAME) - 1))
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%.30s/%s", base, entry->d_name) >=
			sizeof(path))
			continue;
		fd = lock_dir(path);
		if (fd < 0)
			continue;
		os_remove_tree(path);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

static const char *make_pin_dir(void)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	int fd, lock;

	base = base && *base == '/' ? base : "/tmp";
	remove_left_ones(base);
	snprintf(pin_dir, sizeof(pin_dir), "%.30s/" PIN_DIR_NAME "%u", base, os_pid());
	maker = os_pid();
	if (mkdir(pin_dir, 0700) == 0) {
		fd = lock_dir(pin_dir);
		lock = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, LOCK_FD_MIN); /* until the end */
		if (lock >= 0)
			close(fd);
		if (fd >= 0)
			return pin_dir;
		rmdir(pin_dir);
	}
	pin_dir[0] = 0;
	return NULL; /* then pins are in memory alone */
}

/* The command checked the name. */
static enum hachi_harden harden(void)
{
	const char *name = getenv("HACHI_HARDEN");

	if (!name)
		return HACHI_HARDEN_DEFAULT;
	return *name == 'a'    ? HACHI_HARDEN_ALL
		: *name == 'o' ? HACHI_HARDEN_OFF
			       : HACHI_HARDEN_UNPRIVILEGED;
}

__attribute__((constructor)) static void enter(void)
{
	const char *dir = getenv("HACHI_PIN_DIR");
	struct hachi_opts opts = {
		.size = sizeof(opts),
		.kernel = getenv("HACHI_KERNEL"),
		.engine = getenv("HACHI_ENGINE"),
		.harden = harden(),
		.pin_dir = dir && *dir ? dir : make_pin_dir(),
	};
	struct hachi *h;
	int err = hachi_new(&opts, &h);

	if (err) {
		char text[128];

		snprintf(text, sizeof(text), "--kernel %s, --engine %s: one of them does not exist",
			opts.kernel ? opts.kernel : "(default)",
			opts.engine ? opts.engine : "(default)");
		say(err == -EINVAL ? text : "cannot start", err);
		_exit(EXIT_HACHI);
	}
	door_set(h);
}

/* The directory is removed with what is still pinned in it: an instance ends with its process. */
__attribute__((destructor)) static void leave(void)
{
	if (pin_dir[0] && maker == os_pid())
		os_remove_tree(pin_dir);
}
