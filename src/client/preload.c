// SPDX-License-Identifier: BSD-2-Clause
/*
 * libhachi-preload.so: the door (door.c) put before libc in an unmodified program by `hachi exec`.
 * The instance is made when the library is loaded, with what the command left in the environment.
 * Pinned objects live in a directory of the process, unless one was named, and go with it.
 */
#include "base/os.h"
#include "base/str.h"
#include "client/door.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

static const char *make_pin_dir(void)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	snprintf(pin_dir, sizeof(pin_dir), "%.30s/hachi-bpffs.%u",
		base && *base == '/' ? base : "/tmp", os_pid());
	maker = os_pid();
	if (os_syscall(SYS_mkdirat, AT_FDCWD, (long)pin_dir, 0700, 0, 0, 0) == 0)
		return pin_dir;
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
