// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pinning objects and finding pinned ones: in BPF file systems, and for the user backend below the
 * folder that stands for one (--pin-dir).
 */
#include "cli/objects.h"

#include <bpf/bpf.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BPFFS	    "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (u64)fs.f_type == BPFFS_MAGIC;
}

/* The folder that a path lies in, into buf. */
static const char *parent_of(const char *path, char buf[PATH_MAX])
{
	str_copy(buf, PATH_MAX, path);
	return dirname(buf);
}

static int mount_bpffs(struct words *w, const char *dir)
{
	bool is_bound = false;

	/* not seen by the rest of the machine, as bpftool does it */
	while (mount("", dir, "none", MS_PRIVATE | MS_REC, NULL)) {
		if (errno != EINVAL || is_bound)
			return words_error(w,
				"can't mount BPF file system on %s: mount "
				"--make-private: %s",
				dir, strerror(errno));
		if (mount(dir, dir, "none", MS_BIND, NULL))
			return words_error(w, "can't mount BPF file system on %s: mount --bind: %s",
				dir, strerror(errno));
		is_bound = true;
	}
	if (mount("bpf", dir, "bpf", 0, "mode=0700"))
		return words_error(
			w, "can't mount BPF file system on %s: %s", dir, strerror(errno));
	return 0;
}

static int prepare_dir(struct words *w, const char *dir)
{
	char buf[PATH_MAX];
	const char *parent;
	bool exists = access(dir, F_OK) == 0;

	if (is_bpffs(dir))
		return 0;
	if (!exists) {
		parent = parent_of(dir, buf);
		if (is_bpffs(parent))
			return 0; /* libbpf makes the folder */
		if (access(parent, F_OK))
			return words_error(w,
				"can't create dir '%s' to pin BPF object: parent dir '%s' doesn't "
				"exist",
				dir, parent);
	}
	if (w->no_mount)
		return words_error(
			w, "no BPF file system found, not mounting it due to --nomount option");
	if (!exists && mkdir(dir, S_IRWXU))
		return words_error(w, "failed to create dir '%s': %s", dir, strerror(errno));
	if (mount_bpffs(w, dir) == 0)
		return 0;
	if (!exists)
		rmdir(dir);
	return WORDS_FAILED;
}

static int prepare_file(struct words *w, const char *path)
{
	char buf[PATH_MAX];
	const char *dir = parent_of(path, buf);

	if (access(path, F_OK) == 0)
		return words_error(w, "can't pin BPF object: path '%s' already exists", path);
	if (is_bpffs(dir))
		return 0;
	if (access(dir, F_OK))
		return words_error(w, "can't pin BPF object: dir '%s' doesn't exist", dir);
	if (w->no_mount)
		return words_error(
			w, "no BPF file system found, not mounting it due to --nomount option");
	return mount_bpffs(w, dir);
}

/*
 * The instance says itself whether it takes a path; what it leaves to others is the folder when
 * its pins are files below --pin-dir.
 */
static int prepare_user_dir(struct words *w, const char *dir)
{
	const char *below = str_starts_with(dir, BPFFS) ? dir + strlen(BPFFS) : NULL;
	char path[PATH_MAX];

	if (!w->instance.pin_dir)
		return 0;
	if (snprintf(path, sizeof(path), "%s%s", below ? w->instance.pin_dir : "",
		    below ? below : dir) >= (int)sizeof(path))
		return words_error(w, "%s: %s", dir, strerror(ENAMETOOLONG));
	if (!below && !str_starts_with(dir, w->instance.pin_dir))
		return object_pin_refused(w, dir);
	if (mkdir(path, S_IRWXU) && errno != EEXIST)
		return words_error(w, "failed to create dir '%s': %s", path, strerror(errno));
	return 0;
}

int object_prepare_pin(struct words *w, const char *path, bool is_dir)
{
	if (w->h)
		return is_dir ? prepare_user_dir(w, path) : 0;
	return is_dir ? prepare_dir(w, path) : prepare_file(w, path);
}

int object_pin_refused(struct words *w, const char *path)
{
	const char *dir = w->instance.pin_dir;

	return words_error(w,
		"can't pin the object (%s): the user backend pins below /sys/fs/bpf%s%s only", path,
		dir ? " and " : "", dir ? dir : "");
}

int object_pin(struct words *w, int fd, const char *path)
{
	int err = object_prepare_pin(w, path, false);

	if (err)
		return err;
	if (bpf_obj_pin(fd, path) == 0)
		return 0;
	if (w->h && errno == EPERM)
		return object_pin_refused(w, path);
	return words_error_errno(w, errno, "can't pin the object (%s)", path);
}

int object_pin_command(struct words *w, enum object_kind kind)
{
	const char *path;
	int fd, err;

	if (!words_need(w, 3))
		return -EINVAL;
	fd = object_parse(w, kind);
	if (fd < 0)
		return WORDS_FAILED;
	path = words_next(w);
	err = path ? object_pin(w, fd, path) : words_error(w, "expected the path to pin at");
	object_close(w, fd);
	return err ? err : words_done(w);
}

/* ---- what is pinned where ------------------------------------------------------------------- */

/* nftw() has no argument for its callback. */
static struct {
	enum object_kind kind;
	struct object_index *index;
	struct hachi *h;
	int err;
} walk;

static bool is_walked_kind(int fd)
{
	static const enum hachi_fd_kind user_kinds[] = {
		[OBJECT_PROG] = HACHI_FD_PROG,
		[OBJECT_MAP] = HACHI_FD_MAP,
		[OBJECT_LINK] = HACHI_FD_LINK,
	};
	static const char *const names[] = {
		[OBJECT_PROG] = "bpf-prog",
		[OBJECT_MAP] = "bpf-map",
		[OBJECT_LINK] = "bpf-link",
	};
	char path[64], target[128];
	ssize_t n;

	if (walk.h)
		return hachi_fd_kind(walk.h, fd) == (int)user_kinds[walk.kind];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return strstr(target, names[walk.kind]) != NULL;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	u32 id[64] = {0}; /* every info record has the id within its first 8 bytes */
	u32 len = sizeof(id);
	int fd;

	(void)st, (void)ftw;
	if (type != FTW_F)
		return 0;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	/* type and id are the first two words of the records of programs, maps and links */
	if (is_walked_kind(fd) && bpf_obj_get_info_by_fd(fd, id, &len) == 0)
		walk.err = object_index_add(walk.index, id[1], 0, path);
	close(fd);
	return walk.err;
}

int object_pinned(struct words *w, enum object_kind kind, struct object_index *ret_index)
{
	struct mntent *mount;
	FILE *mounts;

	if (!w->show_pinned)
		return 0;
	walk.kind = kind;
	walk.index = ret_index;
	walk.h = w->h;
	walk.err = 0;
	if (w->h) {
		if (w->instance.pin_dir)
			nftw(w->instance.pin_dir, visit, 16, FTW_PHYS);
		return walk.err;
	}
	mounts = setmntent("/proc/mounts", "re");
	if (!mounts)
		return -errno;
	while (!walk.err && (mount = getmntent(mounts)))
		if (strncmp(mount->mnt_type, "bpf", 3) == 0)
			nftw(mount->mnt_dir, visit, 16, FTW_PHYS);
	endmntent(mounts);
	return walk.err;
}

void object_print_pinned(struct words *w, const struct object_index *index, u32 id)
{
	const struct object_index_entry *entry = NULL;

	if (object_index_is_empty(index))
		return;
	if (w->is_json) {
		show_json_key(&w->json, "pinned");
		show_json_open(&w->json, '[');
	}
	while ((entry = object_index_next(index, entry, id))) {
		if (w->is_json)
			show_json_string(&w->json, entry->text);
		else
			printf("\n\tpinned %s", entry->text);
	}
	if (w->is_json)
		show_json_close(&w->json, ']');
}
