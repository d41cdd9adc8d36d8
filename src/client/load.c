// SPDX-License-Identifier: BSD-2-Clause
/*
 * libbpf does the loading; this file keeps what it says and makes one sentence of it. libbpf's
 * print callback is global, so the messages go to the load that is under way.
 */
#include "client/load.h"
#include "base/alloc.h"
#include "client/compile.h"
#include "client/sections.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_SIZE (256u << 10)

static _Thread_local struct load *current;

static int keep_message(enum libbpf_print_level level, const char *format, va_list args)
{
	va_list again;

	if (!current || (level == LIBBPF_DEBUG && !current->opts.verbose))
		return 0;
	if (current->opts.verbose) {
		va_copy(again, args);
		vfprintf(stderr, format, again);
		va_end(again);
	}
	strbuf_vprintf(&current->messages, format, args);
	return 0;
}

/* The most telling line that libbpf printed: its last warning that is not a summary. */
static void add_libbpf_reason(const struct load *load, struct strbuf *out)
{
	const char *text = strbuf_cstr(&load->messages), *line = text, *best = NULL;
	size_t best_len = 0;

	while (*line) {
		size_t len = strcspn(line, "\n");

		if (len && !str_starts_with(line, "libbpf: failed to load object") && !best) {
			best = line;
			best_len = len;
		}
		line += len + (line[len] == '\n');
	}
	if (!best)
		return;
	if (str_starts_with(best, "libbpf: ")) {
		best += strlen("libbpf: ");
		best_len -= strlen("libbpf: ");
	}
	strbuf_puts(out, ": ");
	strbuf_add(out, best, best_len);
}

/* Says what is wrong with a file that libbpf would only call invalid; 0 = it looks like BPF ELF. */
static int check_elf(const char *path, struct strbuf *ret_error)
{
	Elf64_Ehdr head;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		int err = -errno;

		strbuf_printf(ret_error, "%s: %s", path, strerror(-err));
		return err;
	}
	n = read(fd, &head, sizeof(head));
	close(fd);
	if (n < 0) {
		strbuf_printf(ret_error, "%s: %s", path, strerror(errno));
		return -EISDIR;
	}
	if (n < SELFMAG || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
		strbuf_printf(ret_error,
			"%s: not an ELF file (give a .bpf.o, or C source whose name ends in .c)",
			path);
		return -ENOEXEC;
	}
	if (n < (ssize_t)sizeof(head) || head.e_ident[EI_CLASS] != ELFCLASS64) {
		strbuf_printf(ret_error, "%s: %s", path,
			n < (ssize_t)sizeof(head) ? "the ELF header is cut off"
						  : "a 32-bit ELF file, not a BPF object");
		return -ENOEXEC;
	}
	if (head.e_ident[EI_DATA] != ELFDATA2LSB) {
		strbuf_printf(ret_error, "%s: compiled for big-endian BPF (-target bpfeb)", path);
		return -ENOEXEC;
	}
	if (head.e_machine != EM_BPF) {
		strbuf_printf(ret_error,
			"%s: compiled for another machine (ELF machine %u, not BPF): use clang "
			"-target bpf",
			path, head.e_machine);
		return -ENOEXEC;
	}
	return 0;
}

/* "examples/hello.bpf.c" -> "hello": names the object's internal maps. */
static void name_object(const char *path, char *ret_name, size_t size)
{
	const char *slash = strrchr(path, '/');
	char *dot;

	str_copy(ret_name, size, slash ? slash + 1 : path);
	dot = strchr(ret_name, '.');
	if (dot)
		*dot = 0;
}

int load_open(
	struct load *load, const char *path, const struct load_opts *opts, struct strbuf *ret_error)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_opts, .kernel_log_level = opts->log_level);
	const char *object = path;
	char name[64];
	struct bpf_program *prog;
	int err;

	memset(load, 0, sizeof(*load));
	load->opts = *opts;
	load->path = path;
	libbpf_set_print(keep_message);
	err = sections_register();
	if (err) {
		strbuf_printf(ret_error, "libbpf takes no section names: %s", strerror(-err));
		return err;
	}
	if (str_ends_with(path, ".c")) {
		err = compile_bpf(
			path, opts->flags, load->object_path, sizeof(load->object_path), ret_error);
		if (err) {
			load->object_path[0] = 0;
			return err;
		}
		object = load->object_path;
	}
	err = check_elf(object, ret_error);
	if (err)
		return err;
	name_object(path, name, sizeof(name));
	open_opts.object_name = name;
	/*
	 * A log of our own size: libbpf would try again and again with larger ones, and each try
	 * verifies the whole program. The instance tells the reason without it.
	 */
	load->log = opts->h ? mem_zalloc(LOG_SIZE) : NULL;
	open_opts.kernel_log_buf = load->log;
	open_opts.kernel_log_size = load->log ? LOG_SIZE : 0;
	current = load;
	load->object = bpf_object__open_file(object, &open_opts);
	err = load->object ? 0 : -errno;
	current = NULL;
	if (err) {
		strbuf_printf(ret_error, "%s: cannot be opened as a BPF object", path);
		add_libbpf_reason(load, ret_error);
		return err;
	}
	prog = bpf_object__next_program(load->object, NULL);
	if (!prog) {
		strbuf_printf(ret_error,
			"%s: holds no BPF program (a function in a section such as "
			"SEC(\"tp/syscalls/sys_enter_openat\"))",
			path);
		return -ENOENT;
	}
	return 0;
}

#define LOG_BEGIN "-- BEGIN PROG LOAD LOG --\n"
#define LOG_END	  "-- END PROG LOAD LOG --"
#define LOG_LINES 6

/* The end of the kernel's verifier log, which libbpf prints between two marks. */
static void explain_kernel_log(const struct load *load, struct strbuf *out)
{
	const char *text = strbuf_cstr(&load->messages), *begin = strstr(text, LOG_BEGIN), *end, *p;
	int lines = 0;

	if (!begin)
		return;
	begin += strlen(LOG_BEGIN);
	end = strstr(begin, LOG_END);
	if (!end)
		end = begin + strlen(begin);
	while (end > begin && end[-1] != '\n')
		end--; /* "libbpf: " before the mark */
	for (p = end; p > begin && lines <= LOG_LINES; p--)
		if (p[-1] == '\n' && ++lines > LOG_LINES)
			break;
	while (p < end) {
		size_t len = strcspn(p, "\n");

		if (!str_starts_with(p, "processed ") && len)
			strbuf_printf(out, "\n  verifier: %.*s", (int)len, p);
		p += len + 1;
	}
}

bool load_has_verdict(const struct load *load)
{
	return strstr(strbuf_cstr(&load->messages), LOG_BEGIN) != NULL;
}

/* Verified, but nothing here can carry it out: the last line of the log names what that is. */
static void explain_missing(const struct load *load, struct strbuf *out)
{
	const char *end = load->log ? strstr(load->log, " is not available in user space") : NULL;
	const char *line = end;

	if (!end)
		return;
	while (line > load->log && line[-1] != '\n')
		line--;
	strbuf_printf(out, "\n  %.*s is not available in user space; --backend kernel has it",
		(int)(end - line), line);
}

void load_explain(const struct load *load, struct strbuf *out)
{
	struct hachi_refusal why = {0};

	if (load->opts.h)
		hachi_last_refusal(load->opts.h, &why);
	else
		explain_kernel_log(load, out);
	if (!why.reason || !*why.reason) {
		if (load->opts.h)
			explain_missing(load, out);
		return;
	}
	if (*why.file)
		strbuf_printf(out, "\n  %s:%u:%u", why.file, why.line, why.column);
	if (why.insn != UINT32_MAX)
		strbuf_printf(out, "%sinstruction %u", *why.file ? ", " : "\n  ", why.insn);
	if (*why.source)
		strbuf_printf(out, "\n    %s", why.source);
	strbuf_printf(out, "\n  %s (%s)", why.sentence, why.reason);
	if (*why.detail)
		strbuf_printf(out, "\n  verifier: %s", why.detail);
	if (*why.hint)
		strbuf_printf(out, "\n  hint: %s", why.hint);
}

/* The program that libbpf's messages say failed, or NULL. */
static const char *failed_program(const struct load *load, char *buf, size_t size)
{
	const char *text = strbuf_cstr(&load->messages);
	const char *line = strstr(text, "prog '"), *end;

	while (line) {
		end = strchr(line + 6, '\'');
		if (end &&
			(str_starts_with(end, "': BPF program load failed") ||
				str_starts_with(end, "': failed to load"))) {
			snprintf(buf, size, "%.*s", (int)(end - line - 6), line + 6);
			return buf;
		}
		line = strstr(line + 6, "prog '");
	}
	return NULL;
}

int load_load(struct load *load, struct strbuf *ret_error)
{
	const char *name;
	char buf[128];
	int err;

	current = load;
	err = bpf_object__load(load->object);
	current = NULL;
	if (!err)
		return 0;
	name = failed_program(load, buf, sizeof(buf));
	if (!name) {
		strbuf_printf(ret_error, "%s: cannot be loaded", load->path);
		if (load->opts.h && strstr(strbuf_cstr(&load->messages), "trivial BPF program"))
			strbuf_puts(ret_error,
				": this process may not execute code that it made "
				"itself; --engine interp makes none");
		else
			add_libbpf_reason(load, ret_error);
		return err;
	}
	str_copy(load->failed, sizeof(load->failed), name);
	strbuf_printf(ret_error, "%s: program %s was refused", load->path, name);
	if (err != -ENOSPC) /* which only says that the log is longer than its buffer */
		strbuf_printf(ret_error, ": %s", strerror(-err));
	load_explain(load, ret_error);
	return err;
}

const void *load_btf(const struct load *load, u32 *ret_size)
{
	const struct btf *btf = bpf_object__btf(load->object);

	return btf ? btf__raw_data(btf, ret_size) : NULL;
}

int load_keep_link(struct load *load, struct bpf_program *prog, struct bpf_link *own_link)
{
	struct load_attached attached = {prog, own_link};

	if (vec_push(&load->attached, attached) == 0)
		return 0;
	bpf_link__destroy(own_link);
	return -ENOMEM;
}

int load_attach_program(struct load *load, struct bpf_program *prog, struct strbuf *ret_error)
{
	struct bpf_link *link;
	int err;

	strbuf_reset(&load->messages);
	current = load;
	link = bpf_program__attach(prog);
	err = link ? 0 : -errno;
	current = NULL;
	if (!err)
		err = load_keep_link(load, prog, link);
	if (!err)
		return 0;
	strbuf_printf(ret_error, "%s: program %s: section \"%s\" cannot be attached", load->path,
		bpf_program__name(prog), bpf_program__section_name(prog));
	if (load->messages.len)
		add_libbpf_reason(load, ret_error);
	else
		strbuf_printf(ret_error, ": %s", strerror(-err));
	return err;
}

int load_attach(struct load *load, bool (*skip)(const struct bpf_program *prog, void *arg),
	void *arg, struct strbuf *ret_error)
{
	struct bpf_program *prog;
	int err;

	bpf_object__for_each_program(prog, load->object)
	{
		if (!bpf_program__autoload(prog) || (skip && skip(prog, arg)))
			continue;
		err = load_attach_program(load, prog, ret_error);
		if (err)
			return err;
	}
	return 0;
}

void load_detach(struct load *load)
{
	while (load->attached.len)
		bpf_link__destroy(vec_pop(&load->attached).link);
}

void load_close(struct load *load)
{
	load_detach(load);
	vec_release(&load->attached);
	if (load->object)
		bpf_object__close(load->object);
	load->object = NULL;
	compile_remove(load->object_path);
	strbuf_release(&load->messages);
	mem_free(load->log);
	load->log = NULL;
}

struct bpf_program *load_program_by_id(const struct load *load, u32 id)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, load->object)
	{
		struct bpf_prog_info info = {0};
		u32 len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
			bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) == 0 &&
			info.id == id)
			return prog;
	}
	return NULL;
}

bool load_is_tail_target(const struct load *load, const struct bpf_program *prog)
{
	struct bpf_prog_info info = {0};
	u32 len = sizeof(info), id;
	struct bpf_map *map;

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return false;
	bpf_object__for_each_map(map, load->object)
	{
		if (bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY)
			continue;
		for (u32 key = 0; key < bpf_map__max_entries(map); key++)
			if (bpf_map_lookup_elem(bpf_map__fd(map), &key, &id) == 0 && id == info.id)
				return true;
	}
	return false;
}
