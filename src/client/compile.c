// SPDX-License-Identifier: BSD-2-Clause
/*
 * The compiler is run as a child with its output captured. The header cache is keyed by the
 * kernel's release and the size of its BTF, so that another kernel gets another vmlinux.h.
 */
#include "client/compile.h"
#include "base/hash.h"

#include <bpf/btf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

static const char *const compilers[] = {"clang-19", "clang", "clang-20", "clang-18", "clang-17",
	"clang-16", "clang-15", "clang-14"};

static bool is_in_path(const char *name)
{
	const char *dirs = getenv("PATH");
	char path[PATH_MAX];

	for (const char *dir = dirs ? dirs : "/usr/bin:/bin"; dir;) {
		const char *end = strchr(dir, ':');
		int len = (int)(end ? end - dir : (long)strlen(dir));

		snprintf(path, sizeof(path), "%.*s/%s", len, dir, name);
		if (access(path, X_OK) == 0)
			return true;
		dir = end ? end + 1 : NULL;
	}
	return false;
}

static const char *find_compiler(void)
{
	const char *chosen = getenv("CLANG");

	if (chosen && *chosen)
		return chosen;
	for (size_t i = 0; i < ARRAY_SIZE(compilers); i++)
		if (is_in_path(compilers[i]))
			return compilers[i];
	return NULL;
}

/* ---- vmlinux.h ---- */

static void print_to_file(void *ctx, const char *format, va_list args)
{
	vfprintf(ctx, format, args);
}

static int dump_types(const struct btf *btf, FILE *out)
{
	struct btf_dump *dump = btf_dump__new(btf, print_to_file, out, NULL);
	int err = 0;

	if (!dump)
		return -errno;
	fputs("#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n"
	      "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
	      "#pragma clang attribute push (__attribute__((preserve_access_index)), "
	      "apply_to = record)\n#endif\n\n",
		out);
	for (u32 id = 1; !err && id < btf__type_cnt(btf); id++)
		err = btf_dump__dump_type(dump, id);
	fputs("#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n"
	      "#endif /* __VMLINUX_H__ */\n",
		out);
	btf_dump__free(dump);
	return err;
}

int compile_vmlinux_header(const char *btf_path, const char *out_path, struct strbuf *ret_message)
{
	char temporary[PATH_MAX];
	struct btf *btf;
	FILE *out;
	int err;

	btf = btf__parse(btf_path, NULL);
	if (!btf) {
		err = -errno;
		strbuf_printf(ret_message,
			"%s: no kernel BTF to make vmlinux.h from: %s (a program that includes its "
			"own headers, or a compiled .bpf.o, does not need it)",
			btf_path, strerror(-err));
		return err;
	}
	snprintf(temporary, sizeof(temporary), "%s.%d", out_path, (int)getpid());
	out = fopen(temporary, "we");
	if (!out) {
		err = -errno;
	} else {
		err = dump_types(btf, out);
		if (ferror(out))
			err = err ? err : -EIO;
		if (fclose(out) && !err)
			err = -errno;
		if (!err && rename(temporary, out_path))
			err = -errno;
		if (err)
			unlink(temporary);
	}
	if (err)
		strbuf_printf(ret_message, "%s: %s", out_path, strerror(-err));
	btf__free(btf);
	return err;
}

static int make_dirs(const char *path)
{
	char part[PATH_MAX];

	for (const char *p = strchr(path + 1, '/');; p = strchr(p + 1, '/')) {
		int len = (int)(p ? p - path : (long)strlen(path));

		snprintf(part, sizeof(part), "%.*s", len, path);
		if (mkdir(part, 0777) && errno != EEXIST)
			return -errno;
		if (!p)
			return 0;
	}
}

static int cache_dir(char *ret_dir, size_t size)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int err;

	if (xdg && xdg[0] == '/')
		snprintf(ret_dir, size, "%s/hachi", xdg);
	else if (home && home[0] == '/')
		snprintf(ret_dir, size, "%s/.cache/hachi", home);
	else
		snprintf(ret_dir, size, "/tmp/hachi-%u", (unsigned)getuid());
	err = make_dirs(ret_dir);
	if (err) {
		/* a home that cannot be written to */
		snprintf(ret_dir, size, "/tmp/hachi-%u", (unsigned)getuid());
		err = make_dirs(ret_dir);
	}
	return err;
}

int compile_header_dir(char *ret_dir, size_t size, struct strbuf *ret_message)
{
	char cache[PATH_MAX / 2], header[PATH_MAX];
	struct utsname uts;
	struct stat st;
	int err;

	if (stat(VMLINUX_BTF, &st))
		st.st_size = 0;
	uname(&uts);
	err = cache_dir(cache, sizeof(cache));
	if (err) {
		strbuf_printf(ret_message, "%s: %s", cache, strerror(-err));
		return err;
	}
	snprintf(ret_dir, size, "%s/vmlinux-%s-%08x", cache, uts.release,
		hash_bytes(uts.version, strlen(uts.version), (u32)st.st_size));
	err = make_dirs(ret_dir);
	if (err) {
		strbuf_printf(ret_message, "%s: %s", ret_dir, strerror(-err));
		return err;
	}
	snprintf(header, sizeof(header), "%s/vmlinux.h", ret_dir);
	if (access(header, R_OK) == 0)
		return 0;
	return compile_vmlinux_header(VMLINUX_BTF, header, ret_message);
}

/* ---- clang ---- */

/* Runs argv and collects what it prints; its wait status, or -errno. */
static int run_and_collect(char *const *argv, struct strbuf *output)
{
	int ends[2], status;
	char buf[4096];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(ends[0]);
		close(ends[1]);
		return err;
	}
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execvp(argv[0], argv);
		dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			strbuf_add(output, buf, (size_t)n);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static bool wants_vmlinux(const char *path)
{
	char line[1024];
	FILE *in = fopen(path, "re");
	bool found = false;

	while (in && !found && fgets(line, sizeof(line), in)) {
		const char *p = line + strspn(line, " \t");

		found = *p == '#' && strstr(p, "include") && strstr(p, "vmlinux.h");
	}
	if (in)
		fclose(in);
	return found;
}

static const char *target_arch(void)
{
#if defined(__x86_64__)
	return "-D__TARGET_ARCH_x86";
#elif defined(__aarch64__)
	return "-D__TARGET_ARCH_arm64";
#endif
}

static const char *system_include(void)
{
#if defined(__x86_64__)
	return "-I/usr/include/x86_64-linux-gnu";
#elif defined(__aarch64__)
	return "-I/usr/include/aarch64-linux-gnu";
#endif
}

static int run_compiler(const char *clang, const char *path, const char *object,
	const char *header_dir, const char *const *extra_flags, struct strbuf *message)
{
	char include[PATH_MAX + 8], own_dir[PATH_MAX + 8];
	const char *slash = strrchr(path, '/');
	const char *argv[64] = {clang, "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall",
		"-fno-stack-protector", target_arch()};
	int n = 9, status;

	snprintf(own_dir, sizeof(own_dir), "-I%.*s", slash ? (int)(slash - path) : 1,
		slash ? path : ".");
	argv[n++] = own_dir;
	if (*header_dir) {
		snprintf(include, sizeof(include), "-I%s", header_dir);
		argv[n++] = include;
	}
	argv[n++] = system_include();
	for (; extra_flags && *extra_flags && n < 58; extra_flags++)
		argv[n++] = *extra_flags;
	argv[n++] = "-c";
	argv[n++] = path;
	argv[n++] = "-o";
	argv[n++] = object;
	argv[n] = NULL;
	status = run_and_collect((char *const *)(uintptr_t)argv, message);
	if (status < 0)
		return status;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOPKG : -EINVAL;
}

int compile_bpf(const char *path, const char *const *extra_flags, char *ret_object, size_t size,
	struct strbuf *ret_message)
{
	const char *clang, *tmp = getenv("TMPDIR");
	char header_dir[PATH_MAX] = "";
	int fd, err;

	if (access(path, R_OK)) {
		err = -errno;
		strbuf_printf(ret_message, "%s: %s", path, strerror(-err));
		return err;
	}
	clang = find_compiler();
	if (!clang) {
		strbuf_printf(ret_message,
			"%s: no clang to compile it with (install the package clang-19, or compile "
			"elsewhere with `clang -g -O2 -target bpf -c` and give the .bpf.o)",
			path);
		return -ENOPKG;
	}
	if (wants_vmlinux(path)) {
		err = compile_header_dir(header_dir, sizeof(header_dir), ret_message);
		if (err)
			return err;
	}
	snprintf(ret_object, size, "%s/hachi-XXXXXX.bpf.o", tmp && *tmp ? tmp : "/tmp");
	fd = mkostemps(ret_object, (int)strlen(".bpf.o"), O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		strbuf_printf(ret_message, "%s: %s", ret_object, strerror(-err));
		return err;
	}
	close(fd);
	err = run_compiler(clang, path, ret_object, header_dir, extra_flags, ret_message);
	if (err)
		compile_remove(ret_object);
	return err;
}

void compile_remove(const char *object)
{
	if (*object)
		unlink(object);
}
