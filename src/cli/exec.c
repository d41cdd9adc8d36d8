// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi exec`: an unmodified program on the user backend. The program is replaced by itself with
 * libhachi-preload.so before it, which is the same in-process door that this command uses.
 */
#include "cli/cli.h"

#include <elf.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help_text[] =
	"Usage: hachi exec [OPTIONS] -- PROGRAM [ARG...]\n"
	"\n"
	"Runs an unmodified, dynamically linked program that uses bpf(2) (through libbpf or on "
	"its\n"
	"own) against hachi instead of the kernel. Nothing of it needs root.\n"
	"\n"
	"      --engine NAME     interp or jit\n"
	"      --harden WHICH    machine code of off, unprivileged (default) or all programs\n"
	"      --kernel VERSION  judge as this kernel does: 5.15, 6.1, 6.12, 6.18 (default)\n"
	"      --pin-dir DIR     keep pinned objects under this directory\n"
	"  -h, --help\n"
	"\n"
	"Examples:\n"
	"  hachi exec -- bpftool prog load program.bpf.o /sys/fs/bpf/p\n"
	"  hachi exec -- ./my_loader\n"
	"\n"
	"The exit status is the program's own; 125 when hachi itself fails.\n";

enum { OPT_PIN_DIR = OPT_VERB };

static const struct option options[] = {
	{"pin-dir", required_argument, NULL, OPT_PIN_DIR},
	{"help", no_argument, NULL, 'h'},
	CLI_INSTANCE_OPTIONS,
	{NULL, 0, NULL, 0},
};

/* Beside the command (a build), or where `make install` puts it. */
static bool find_preload(char *ret_path, size_t size)
{
	static const char *const places[] = {
		"libhachi-preload.so", "../lib/hachi/libhachi-preload.so"};
	char own[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (len <= 0)
		return false;
	own[len] = 0;
	slash = strrchr(own, '/');
	if (!slash)
		return false;
	slash[1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char path[PATH_MAX + 64];

		snprintf(path, sizeof(path), "%s%s", own, places[i]);
		if (realpath(path, own) && access(own, R_OK) == 0)
			return str_copy(ret_path, size, own);
		own[slash - own + 1] = 0;
	}
	return false;
}

static bool find_program(const char *name, char *ret_path, size_t size)
{
	const char *dirs = getenv("PATH");
	struct stat st;

	if (strchr(name, '/'))
		return str_copy(ret_path, size, name) && stat(ret_path, &st) == 0;
	for (const char *dir = dirs ? dirs : "/usr/bin:/bin"; dir;) {
		const char *end = strchr(dir, ':');
		int len = (int)(end ? end - dir : (long)strlen(dir));

		snprintf(ret_path, size, "%.*s/%s", len, dir, name);
		if (stat(ret_path, &st) == 0 && S_ISREG(st.st_mode) && access(ret_path, X_OK) == 0)
			return true;
		dir = end ? end + 1 : NULL;
	}
	return false;
}

/* Whether a preloaded library would reach it: an error is printed if not. */
static bool can_be_preloaded(const char *path)
{
	bool has_interpreter = false;
	struct stat st;
	Elf64_Ehdr head;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		cli_error("%s: %s", path, strerror(errno));
		return false;
	}
	if (read(fd, &head, sizeof(head)) != (ssize_t)sizeof(head) ||
		memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
		close(fd);
		return true; /* a script: its interpreter is what gets preloaded */
	}
	for (u32 i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr ph;

		if (pread(fd, &ph, sizeof(ph), (off_t)(head.e_phoff + (u64)i * sizeof(ph))) !=
			(ssize_t)sizeof(ph))
			break;
		has_interpreter |= ph.p_type == PT_INTERP;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID)) && getuid() != 0)
		cli_warn("%s is set-uid: the loader will ignore the preloaded library", path);
	close(fd);
	if (!has_interpreter)
		cli_error("%s is statically linked: its system calls cannot be served from inside "
			  "the process",
			path);
	return has_interpreter;
}

/* After the user's own, so that those see what the program calls before the door answers it. */
static void preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	struct strbuf list = {0};

	if (old && *old)
		strbuf_printf(&list, "%s:", old);
	strbuf_puts(&list, library);
	setenv("LD_PRELOAD", strbuf_cstr(&list), 1);
	strbuf_release(&list);
}

int cli_exec(int argc, char **argv)
{
	char library[PATH_MAX], path[PATH_MAX];
	int option, err;

	optind = 1;
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (option) {
		case OPT_ENGINE: setenv("HACHI_ENGINE", optarg, 1); break;
		case OPT_KERNEL: setenv("HACHI_KERNEL", optarg, 1); break;
		case OPT_HARDEN:
			if (cli_instance_option(&(struct hachi_opts){0}, option, optarg))
				return EXIT_HACHI;
			setenv("HACHI_HARDEN", optarg, 1);
			break;
		case OPT_PIN_DIR: setenv("HACHI_PIN_DIR", optarg, 1); break;
		case 'h': fputs(help_text, stdout); return 0;
		default:
			fprintf(stderr, "`hachi exec --help` lists the options.\n");
			return EXIT_HACHI;
		}
	}
	if (optind == argc) {
		cli_error("no PROGRAM given; `hachi exec --help` tells more");
		return EXIT_HACHI;
	}
	if (!find_preload(library, sizeof(library))) {
		cli_error("libhachi-preload.so is neither beside this command nor in ../lib/hachi");
		return EXIT_HACHI;
	}
	if (!find_program(argv[optind], path, sizeof(path))) {
		cli_error("%s: no such program", argv[optind]);
		return EXIT_HACHI;
	}
	if (!can_be_preloaded(path))
		return EXIT_HACHI;
	preload(library);
	execv(path, argv + optind);
	err = errno;
	cli_error("%s: %s", path, strerror(err));
	return EXIT_HACHI;
}
