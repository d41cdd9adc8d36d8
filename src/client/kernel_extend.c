// SPDX-License-Identifier: BSD-2-Clause
#include "client/kernel_extend.h"

#include "base/types.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <unistd.h>

/* The only one of the name, -ENOENT, or -ENOTUNIQ. */
static int program_by_name(const char *name)
{
	int found = -ENOENT;
	u32 id = 0;

	while (bpf_prog_get_next_id(id, &id) == 0) {
		struct bpf_prog_info info = {0};
		u32 size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue; /* gone meanwhile */
		if (bpf_obj_get_info_by_fd(fd, &info, &size) ||
			strncmp(info.name, name, sizeof(info.name) - 1) != 0) {
			close(fd);
			continue;
		}
		if (found >= 0) {
			close(fd);
			close(found);
			return -ENOTUNIQ;
		}
		found = fd;
	}
	return found;
}

static int open_target(const char *target)
{
	char *end;
	unsigned long id = strtoul(target, &end, 10);
	int fd;

	if (*target && !*end)
		fd = id <= UINT32_MAX ? bpf_prog_get_fd_by_id((u32)id) : -ENOENT;
	else if (strchr(target, '/'))
		fd = bpf_obj_get(target);
	else
		return program_by_name(target);
	return fd < 0 ? -errno : fd;
}

int kernel_extend(struct load *load, const char *target, int *ret_fd, struct strbuf *ret_error)
{
	struct bpf_program *prog;
	int err;

	*ret_fd = -1;
	bpf_object__for_each_program(prog, load->object)
	{
		if (bpf_program__type(prog) != BPF_PROG_TYPE_EXT)
			continue;
		if (!target) {
			strbuf_printf(ret_error,
				"%s: program %s: section \"%s\" replaces a function of another "
				"program: give --extend PROG, its id, name or pinned path",
				load->path, bpf_program__name(prog),
				bpf_program__section_name(prog));
			return -EINVAL;
		}
		if (*ret_fd < 0) {
			err = open_target(target);
			if (err < 0) {
				strbuf_printf(ret_error, "--extend %s: %s", target,
					err == -ENOTUNIQ
						? "several programs have this name; give an id"
						: strerror(-err));
				return err;
			}
			*ret_fd = err;
		}
		err = bpf_program__set_attach_target(prog, *ret_fd, NULL);
		if (err) {
			strbuf_printf(ret_error, "%s: program %s: --extend %s: %s", load->path,
				bpf_program__name(prog), target, strerror(-err));
			return err;
		}
	}
	return 0;
}
