// SPDX-License-Identifier: BSD-2-Clause
#include "client/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The initial cgroup namespace has this inode (linux/proc_ns.h). */
#define INITIAL_NAMESPACE "cgroup:[4026531835]"

/* Where the version 2 hierarchy is mounted, from its root on. */
static bool find_mount(char *ret_path, size_t size)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	char line[4096], root[1024], point[1024];
	bool found = false;

	while (in && !found && fgets(line, sizeof(line), in)) {
		if (!strstr(line, " - cgroup2 ") ||
			sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2)
			continue;
		found = strcmp(root, "/") == 0 && str_copy(ret_path, size, point);
	}
	if (in)
		fclose(in);
	return found;
}

/* The path of this process in the version 2 hierarchy, "/" for its root. */
static bool own_path(char *ret_path, size_t size)
{
	FILE *in = fopen("/proc/self/cgroup", "re");
	char line[4096];
	bool found = false;

	while (in && !found && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		found = str_starts_with(line, "0::/") && str_copy(ret_path, size, line + 3);
	}
	if (in)
		fclose(in);
	return found && !strstr(ret_path, "/..");
}

static s32 level_of(const char *own)
{
	char ns[64];
	ssize_t n = readlink("/proc/self/ns/cgroup", ns, sizeof(ns) - 1);
	s32 level = 1;

	ns[n > 0 ? n : 0] = 0;
	if (strcmp(ns, INITIAL_NAMESPACE) != 0)
		return -1;
	for (const char *p = own; *p; p++)
		level += *p == '/' && p[1];
	return level;
}

int cgroup_new(struct keeper *keeper, struct cgroup *ret_cgroup, struct strbuf *ret_error)
{
	char mount[512], own[400], home[1024];
	struct cgroup cgroup = {.fd = -1};
	struct stat st;
	int err;

	if (!find_mount(mount, sizeof(mount)) || !own_path(own, sizeof(own))) {
		strbuf_puts(ret_error,
			"no cgroup file system of version 2 is mounted here "
			"(CONFIG_CGROUPS; mount -t cgroup2 none /sys/fs/cgroup)");
		return -ENOENT;
	}
	snprintf(home, sizeof(home), "%s%s", mount, strcmp(own, "/") ? own : "");
	snprintf(cgroup.path, sizeof(cgroup.path), "%.990s/hachi-%d", home, (int)getpid());
	err = keeper_cgroup(keeper, cgroup.path, home);
	if (!err && mkdir(cgroup.path, 0755))
		err = -errno;
	if (!err) {
		cgroup.fd = open(cgroup.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (cgroup.fd < 0 || fstat(cgroup.fd, &st))
			err = -errno;
	}
	if (err) {
		strbuf_printf(ret_error, "%s: no cgroup for the command: %s", cgroup.path,
			strerror(-err));
		cgroup_close(&cgroup);
		return err;
	}
	cgroup.id = st.st_ino;
	cgroup.level = level_of(own);
	*ret_cgroup = cgroup;
	return 0;
}

void cgroup_close(struct cgroup *cgroup)
{
	if (cgroup->fd >= 0)
		close(cgroup->fd);
	cgroup->fd = -1;
}

int cgroup_add(const struct cgroup *cgroup, pid_t pid)
{
	int fd = openat(cgroup->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC), err = 0;
	char text[16];

	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%d", (int)pid);
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}
