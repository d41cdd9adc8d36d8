// SPDX-License-Identifier: BSD-2-Clause
/* Who this thread and process are, as Linux tells it: name, user, cgroup. */
#include "base/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

void os_thread_name(char name[16])
{
	memset(name, 0, 16);
	prctl(PR_GET_NAME, name, 0, 0, 0);
}

u64 os_uid_gid(void)
{
	return (u64)getgid() << 32 | getuid();
}

/* Cuts path after its level-th component; false when it has not so many. */
static bool cut_path(char *path, int level)
{
	char *p = path;

	while (level-- > 0) {
		if (*p != '/' || !p[1])
			return false;
		p += 1 + strcspn(p + 1, "/");
	}
	*p = '\0';
	return true;
}

/* The line of version 2 in /proc/self/cgroup is "0::/path". */
static bool read_cgroup_path(char *path, size_t size)
{
	char line[4200], *v2;
	ssize_t len;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	len = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (len <= 0)
		return false;
	line[len] = '\0';
	v2 = strncmp(line, "0::", 3) == 0 ? line : strstr(line, "\n0::");
	if (!v2)
		return false;
	v2 = strchr(v2, '/');
	if (!v2)
		return false;
	v2[strcspn(v2, "\n")] = '\0';
	snprintf(path, size, "%s", v2[1] ? v2 : "");
	return true;
}

u64 os_cgroup_id(int level)
{
	char path[4200], full[4300];
	struct stat st;

	if (!read_cgroup_path(path, sizeof(path)) || (level >= 0 && !cut_path(path, level)))
		return 0;
	snprintf(full, sizeof(full), "/sys/fs/cgroup%s", path);
	return stat(full, &st) == 0 ? st.st_ino : 0; /* kernfs: the id is the inode */
}
