// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a folder of test files in bpf_conformance's format: test/conformance, or what the variable
 * CONFORMANCE of the environment names (test/conformance/README.md has the format). A program runs
 *
 *	bare	  on each engine as it is, where it has no maps and calls none of Linux' helpers
 *	verified  as an instance loads it, on each engine, where it has plain instructions only
 *	kernel	  in the live kernel, where bpf(2) is permitted; the verdicts must be the same
 *
 * and the result must be the file's each time. Nobody verified what runs bare, so it does that in
 * a child, which it may crash. Our own files cover every row of insns.def.
 */
#include "jit/engine.h"
#include "test/btf_build.h"
#include "test/kernel.h"
#include "test/tap.h"

#include "base/str.h"
#include "base/vec.h"
#include "isa/asm.h"

#include <dirent.h>
#include <hachi/hachi.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define OWN_FOLDER "test/conformance"

enum {
	MAX_BYTES = 2048,
	MAX_MAPS = 8,
	MAX_FUNCS = 16,
	STACK_BYTES = 512,
	MAX_SECONDS = 10,  /* of a bare run: emulators are slow */
	HELPER_SUM = 1000, /* of our own files: the weighted sum of five arguments */
	HELPER_LOOP,	   /* r1 times the callback r2, with i and r3 */
};

struct file_map {
	char name[32];
	u32 type, key_size, value_size, entries;
	int fd;
};

struct file {
	const char *path;
	struct strbuf text, tail_text;
	struct insn_vec insns, raw, tail;
	u8 mem[MAX_BYTES], packet[MAX_BYTES], arena[MAX_BYTES];
	u32 mem_len, packet_len, arena_len;
	struct file_map maps[MAX_MAPS];
	u32 map_count;
	u64 result;
	bool has_result, has_error, has_failed;
	u32 runs; /* that gave the result */
};

#define CHECK_FILE(f, cond, format, ...)                                                           \
	(CHECK_MSG(cond, "%s: " format, (f)->path, __VA_ARGS__) || ((f)->has_failed = true, false))

static u8 covered[INSN_KIND_COUNT];
static u32 refused_count, kernel_count;

/* Where results come from. */
enum way { BARE_INTERP, BARE_JIT, VERIFIED_INTERP, VERIFIED_JIT, IN_KERNEL, WAY_COUNT };
static const char *const way_names[] = {
	"interp", "jit", "verified, interp", "verified, jit", "the kernel"};
static u32 right_count[WAY_COUNT];
static const char *const engine_names[] = {"interp", "jit"};

/* ---- reading ----------------------------------------------------------------------------- */

static const char *const section_names[] = {"asm", "raw", "mem", "result", "error", "map", "packet",
	"arena", "tail", "c", "no register offset"};
enum section { ASM, RAW, MEM, RESULT, ERROR, MAP, PACKET, ARENA, TAIL, IN_C, NO_OFFSET, NONE };

static enum section section_of(const char *line)
{
	u32 i;

	line += strspn(line, "- ");
	for (i = 0; i < NONE; i++)
		if (!strncmp(line, section_names[i], strlen(section_names[i])))
			return (enum section)i;
	return NONE;
}

static void add_bytes(const char *line, u8 *bytes, u32 *len)
{
	unsigned int byte;
	int n;

	for (; sscanf(line, " %x%n", &byte, &n) == 1 && *len < MAX_BYTES; line += n)
		bytes[(*len)++] = (u8)byte;
}

/* No leading zero makes a number octal. */
static int number_base(const char *text)
{
	return strstr(text, "0x") ? 16 : 10;
}

static void add_raw(struct file *f, const char *line)
{
	char *end;

	for (;; line = end) {
		u64 value = strtoull(line, &end, number_base(line));
		struct insn insn;

		if (end == line)
			return;
		memcpy(&insn, &value, sizeof(insn));
		if (vec_push(&f->raw, insn))
			tap_stop();
	}
}

static void add_map(struct file *f, const char *line)
{
	struct file_map *m = &f->maps[f->map_count];

	REQUIRE(f->map_count < MAX_MAPS);
	REQUIRE(sscanf(line, "%31s %u %u %u %u", m->name, &m->type, &m->key_size, &m->value_size,
			&m->entries) == 5);
	m->fd = (int)f->map_count++;
}

static void add_line(struct file *f, enum section section, char *line)
{
	size_t len = strlen(line);

	if (len && line[len - 1] == '\r')
		line[--len] = 0;
	if (section != ASM && section != TAIL && (!len || *line == '#'))
		return;
	switch (section) {
	case ASM: strbuf_printf(&f->text, "%s\n", line); break;
	case TAIL: strbuf_printf(&f->tail_text, "%s\n", line); break;
	case RAW: add_raw(f, line); break;
	case MEM: add_bytes(line, f->mem, &f->mem_len); break;
	case PACKET: add_bytes(line, f->packet, &f->packet_len); break;
	case ARENA: add_bytes(line, f->arena, &f->arena_len); break;
	case MAP: add_map(f, line); break;
	case RESULT:
		f->result = strtoull(line, NULL, number_base(line));
		f->has_result = true;
		break;
	case ERROR:
	case IN_C:
	case NO_OFFSET:
	case NONE: break;
	}
}

static bool read_file(struct file *f)
{
	enum section section = NONE;
	char line[1024];
	FILE *in = fopen(f->path, "r");

	if (!CHECK_MSG(in != NULL, "%s: %s", f->path, strerror(errno)))
		return false;
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		if (str_starts_with(line, "--")) {
			section = section_of(line);
			f->has_error |= section == ERROR;
			if (section == NONE)
				tap_note("%s: section \"%s\" is not known", f->path, line);
		} else {
			add_line(f, section, line);
		}
	}
	fclose(in);
	return CHECK_MSG(f->has_result || f->has_error, "%s: neither result nor error", f->path);
}

static int map_number(void *ctx, const char *name, size_t len)
{
	const struct file *f = ctx;
	u32 i;

	for (i = 0; i < f->map_count; i++)
		if (strlen(f->maps[i].name) == len && !memcmp(f->maps[i].name, name, len))
			return f->maps[i].fd;
	return -ENOENT;
}

static bool assemble(struct file *f, const struct strbuf *text, struct insn_vec *out)
{
	struct asm_opts opts = {.map_fd = map_number, .ctx = f, .has_wrapping_imm = true};
	struct asm_error error;

	if (!text->len)
		return true;
	if (!asm_parse(text->data, text->len, &opts, out, &error))
		return true;
	return CHECK_MSG(
		f->has_error, "%s:%u:%u: %s", f->path, error.line, error.column, error.text);
}

/* Numbers stand for themselves, or beside text that must mean the same. */
static bool take_raw(struct file *f)
{
	if (!f->raw.len)
		return true;
	if (f->insns.len)
		return CHECK_MSG(f->raw.len == f->insns.len &&
				!memcmp(f->raw.data, f->insns.data,
					f->raw.len * sizeof(struct insn)),
			"%s: asm and raw are different programs", f->path);
	vec_release(&f->insns);
	f->insns = f->raw;
	f->raw = (struct insn_vec){0};
	f->text.len = 0;
	return true;
}

static void release(struct file *f)
{
	strbuf_release(&f->text);
	strbuf_release(&f->tail_text);
	vec_release(&f->insns);
	vec_release(&f->raw);
	vec_release(&f->tail);
}

/* ---- what a program is made of ------------------------------------------------------------ */

struct shape {
	bool is_internal, has_helpers, has_own, has_arena, has_tail_call, has_callx;
	bool leaves_frame; /* engines do not expect that */
	u32 starts[MAX_FUNCS];
	bool is_callback[MAX_FUNCS];
	u32 func_count;
};

static void add_func(struct shape *s, u32 start, bool is_callback)
{
	u32 at = 0, i;

	while (at < s->func_count && s->starts[at] < start)
		at++;
	if (at < s->func_count && s->starts[at] == start) {
		s->is_callback[at] |= is_callback;
		return;
	}
	REQUIRE(s->func_count < MAX_FUNCS);
	for (i = s->func_count++; i > at; i--) {
		s->starts[i] = s->starts[i - 1];
		s->is_callback[i] = s->is_callback[i - 1];
	}
	s->starts[at] = start;
	s->is_callback[at] = is_callback;
}

/* Whether it accesses what r10 does not point below, or too far below. */
static bool is_outside_frame(const struct insn *insn)
{
	u8 class = BPF_CLASS(insn->op);
	u8 base = class == BPF_LDX ? insn->src : insn->dst;

	if ((class != BPF_LDX && class != BPF_ST && class != BPF_STX) || base != BPF_REG_10)
		return false;
	return insn->off < -STACK_BYTES || insn->off + (s32)insn_size_bytes(insn->op) > 0;
}

/* Verifiers have a say in these. */
static bool is_for_verifiers(const struct file *f, const struct shape *s)
{
	return f->insns.len && !s->is_internal && !s->has_own && !s->has_arena;
}

/* Also notes which instructions the file covers. */
static struct shape shape_of(const struct insn_vec *insns)
{
	struct shape s = {.func_count = 1};
	struct insn_decoded d;
	u32 i;

	for (i = 0; i < insns->len; i += d.slots) {
		if (insn_decode_any(&insns->data[i], insns->len - i, &d)) {
			d.slots = 1;
			continue;
		}
		covered[d.kind] = 1;
		s.is_internal |= d.desc->scope == INSN_SCOPE_INTERNAL;
		s.has_arena |= str_starts_with(d.desc->mnemonic, "arena") ||
			d.desc->family == INSN_FAMILY_CAST;
		s.has_callx |= d.kind == INSN_KIND_CALLX;
		s.leaves_frame |= is_outside_frame(&insns->data[i]);
		s.has_tail_call |= d.kind == INSN_KIND_TAIL_CALL;
		s.has_own |= (d.kind == INSN_KIND_CALL && d.imm >= HELPER_SUM) ||
			d.kind == INSN_KIND_CALL_KFUNC;
		s.has_helpers |= d.kind == INSN_KIND_CALL && d.imm < HELPER_SUM;
		if (d.kind == INSN_KIND_CALL_FUNC || d.kind == INSN_KIND_LD_FUNC) {
			u32 to = i + 1 + (u32)d.imm;

			if (to < insns->len)
				add_func(&s, to, d.kind == INSN_KIND_LD_FUNC);
		}
	}
	return s;
}

/* ---- bare -------------------------------------------------------------------------------- */

static u64 helper_sum(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return r1 + 2 * r2 + 3 * r3 + 4 * r4 + 5 * r5;
}

static u64 helper_loop(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	u64 i;

	for (i = 0; i < r1; i++)
		if (run_callback(run, r2, i, r3, 0, 0, 0) || run->fault)
			break;
	return i;
}

static helper_fn find_helper(void *ctx, u32 id)
{
	return id == HELPER_SUM ? helper_sum : id == HELPER_LOOP ? helper_loop : NULL;
}

static const helper_fn kfuncs[] = {helper_sum};

/* 4 GiB and what displacements reach on both sides; only the start may be touched. */
static u8 *arena_base(void)
{
	static u8 *base;
	const size_t margin = 64 << 10;
	u8 *at;

	if (base)
		return base;
	at = mmap(NULL, (4ull << 30) + 2 * margin, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(at != MAP_FAILED);
	REQUIRE_EQ(mprotect(at + margin, margin, PROT_READ | PROT_WRITE), 0);
	return base = at + margin;
}

/* As rewritten programs are: the size of the memory in r2, functions by index. */
static struct insn *rewrite(
	const struct file *f, const struct shape *s, struct code_subprog subprogs[MAX_FUNCS])
{
	u32 count = (u32)f->insns.len + 1, i, k;
	struct insn *insns = malloc(count * sizeof(*insns));

	insns[0] = INSN_MOV64_IMM(2, (s32)f->mem_len);
	memcpy(insns + 1, f->insns.data, f->insns.len * sizeof(*insns));
	for (k = 0; k < s->func_count; k++)
		subprogs[k] = (struct code_subprog){.start = s->starts[k] + (k > 0),
			.stack_bytes = STACK_BYTES,
			.is_callback = s->is_callback[k],
			.has_tail_call = s->has_tail_call};
	for (i = 1; i < count; i++) {
		if (!insn_is_ld_imm64(&insns[i]))
			continue;
		for (k = 0; insns[i].src == BPF_PSEUDO_FUNC && k < s->func_count; k++) {
			if (subprogs[k].start == i + 1 + (u32)insns[i].imm) {
				insns[i].imm = (s32)k;
				break;
			}
		}
		i++;
	}
	return insns;
}

static int run_bare(
	const struct engine *engine, const struct file *f, const struct shape *s, u64 *ret_value)
{
	static u8 mem[MAX_BYTES];
	struct code_subprog subprogs[MAX_FUNCS];
	struct insn *insns = rewrite(f, s, subprogs);
	struct hachi_skb skb = {.data = (u64)(uintptr_t)f->packet,
		.data_end = (u64)(uintptr_t)f->packet + f->packet_len,
		.len = f->packet_len};
	struct code code = {.insns = insns,
		.insn_count = (u32)f->insns.len + 1,
		.subprogs = subprogs,
		.subprog_count = s->func_count,
		.kfuncs = kfuncs,
		.kfunc_count = ARRAY_SIZE(kfuncs),
		.helper = find_helper,
		.arena_user_base = 0x700000000000};
	struct run run = {.fuel = -1};
	struct image *image;
	int err;

	memcpy(mem, f->mem, sizeof(mem));
	if (s->has_arena) {
		code.arena_base = (u64)(uintptr_t)arena_base();
		memcpy(arena_base(), f->arena, sizeof(f->arena));
	}
	err = engine->compile(&code, NULL, &image);
	free(insns);
	if (err)
		return err;
	run.image = image;
	*ret_value = image->entry(f->packet_len ? (void *)&skb : f->mem_len ? mem : NULL, &run);
	engine->free(image);
	return run.fault ? -EFAULT : 0;
}

static void check_value(struct file *f, enum way way, u64 got, u64 want)
{
	if (!CHECK_FILE(f, f->has_result, "%s takes what should be refused", way_names[way]))
		return;
	if (CHECK_FILE(f, got == want, "%s gives %#llx, not %#llx", way_names[way],
		    (unsigned long long)got, (unsigned long long)want)) {
		f->runs++;
		right_count[way]++;
	}
}

struct bare_outcome {
	int err, status; /* of the run, of the process */
	u64 value;
};

static struct bare_outcome run_in_child(
	const struct engine *engine, const struct file *f, const struct shape *s)
{
	static struct bare_outcome *shared;
	struct bare_outcome outcome;
	pid_t child;

	if (!shared) {
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		REQUIRE(shared != MAP_FAILED);
	}
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		alarm(MAX_SECONDS);
		signal(SIGSEGV, SIG_DFL); /* no sanitizer's report of it */
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		shared->err = run_bare(engine, f, s, &shared->value);
		_exit(0);
	}
	REQUIRE_EQ(waitpid(child, &outcome.status, 0), child);
	outcome.err = shared->err;
	outcome.value = shared->value;
	return outcome;
}

/* Of programs that must be refused, engines need not refuse those that verifiers do. */
static void try_bare(struct file *f, const struct shape *s)
{
	enum way way;

	if (f->map_count || s->has_helpers || s->has_tail_call || s->leaves_frame)
		return;
	for (way = BARE_INTERP; way <= BARE_JIT; way++) {
		const struct engine *engine = engine_by_name(engine_names[way]);
		struct bare_outcome o;

		if (!engine)
			continue;
		o = run_in_child(engine, f, s);
		if ((o.status || !o.err) && f->has_error && is_for_verifiers(f, s))
			continue;
		if (!CHECK_FILE(f, o.status == 0, "%s dies: %s", way_names[way],
			    WIFSIGNALED(o.status) ? strsignal(WTERMSIG(o.status)) : "exit"))
			continue;
		if (!o.err)
			check_value(f, way, o.value, f->result);
		else if (CHECK_FILE(f, f->has_error || s->has_callx, "%s gives error %d",
				 way_names[way], o.err))
			f->runs++;
	}
}

/* ---- verified, here and in the kernel ------------------------------------------------------- */

static struct hachi *instance; /* NULL = the kernel */

static int do_bpf(int cmd, union bpf_attr *attr)
{
	if (instance)
		return (int)hachi_bpf(instance, cmd, attr, sizeof(*attr));
	return kernel_bpf(cmd, attr, sizeof(*attr));
}

static void do_close(int fd)
{
	if (fd < 0)
		return;
	if (instance)
		hachi_close(instance, fd);
	else
		close(fd);
}

static int make_map(u32 type, u32 key_size, u32 value_size, u32 entries)
{
	union bpf_attr attr = {.map_type = type,
		.key_size = key_size,
		.value_size = value_size,
		.max_entries = entries};

	return do_bpf(BPF_MAP_CREATE, &attr);
}

static int element(int cmd, int map, u32 key, void *value)
{
	union bpf_attr attr = {
		.map_fd = (u32)map, .key = (u64)(uintptr_t)&key, .value = (u64)(uintptr_t)value};

	return do_bpf(cmd, &attr);
}

/* Every function is int f(void *), which callbacks want to have said. */
static int make_btf(const struct shape *s, struct bpf_func_info funcs[MAX_FUNCS])
{
	static struct build b;
	union bpf_attr attr = {0};
	u32 i, number, ptr, proto;
	char name[16];

	build_init(&b);
	number = build_int(&b, "int", 4, BTF_INT_SIGNED);
	ptr = build_ptr(&b, 0);
	proto = build_type(&b, BTF_KIND_FUNC_PROTO, NULL, 1, false, number);
	build_pair(&b, "ctx", ptr);
	for (i = 0; i < s->func_count; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		funcs[i].insn_off = s->starts[i];
		funcs[i].type_id = build_ref(&b, BTF_KIND_FUNC, name, proto);
	}
	build_blob(&b);
	attr.btf = (uintptr_t)b.blob;
	attr.btf_size = b.size;
	return do_bpf(BPF_BTF_LOAD, &attr);
}

static int load(const struct insn_vec *insns, const int fds[MAX_MAPS])
{
	struct bpf_func_info funcs[MAX_FUNCS] = {0};
	struct shape s = shape_of(insns);
	int btf = make_btf(&s, funcs), fd;
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)insns->data,
		.insn_cnt = (u32)insns->len,
		.license = (uintptr_t) "GPL",
		.fd_array = (uintptr_t)fds,
		.prog_btf_fd = btf < 0 ? 0 : (u32)btf,
		.func_info = (uintptr_t)funcs,
		.func_info_cnt = btf < 0 ? 0 : s.func_count,
		.func_info_rec_size = sizeof(funcs[0])};

	fd = do_bpf(BPF_PROG_LOAD, &attr);
	do_close(btf);
	return fd;
}

/* Calls the program as a function, on the value of map mem, and keeps its result in map out. */
static int wrap(const struct file *f, int mem, int out, struct insn_vec *ret)
{
	const struct insn head[] = {INSN_LD_MAP_VALUE(6, out, 0), INSN_LD_MAP_VALUE(1, mem, 0),
		INSN_MOV64_IMM(2, (s32)f->mem_len), INSN_CALL_FUNC(3),
		INSN_STX_MEM(BPF_DW, 6, 0, 0), INSN_MOV64_IMM(0, 0), INSN_EXIT()};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(head); i++)
		if (vec_push(ret, head[i]))
			return -ENOMEM;
	for (i = 0; i < f->insns.len; i++)
		if (vec_push(ret, f->insns.data[i]))
			return -ENOMEM;
	return 0;
}

/* A socket filter's packet begins behind the link layer's header. */
static int run_loaded(const struct file *f, int prog, int out, u64 *ret_value)
{
	enum { LINK_HEADER = 14 };
	u8 packet[LINK_HEADER + MAX_BYTES] = {0};
	union bpf_attr attr = {.test = {.prog_fd = (u32)prog,
				       .data_in = (uintptr_t)packet,
				       .data_size_in = LINK_HEADER + MAX(f->packet_len, 1u)}};
	int err;

	memcpy(packet + LINK_HEADER, f->packet, f->packet_len);
	err = do_bpf(BPF_PROG_TEST_RUN, &attr);
	if (err)
		return err;
	*ret_value = attr.test.retval;
	return f->packet_len ? 0 : element(BPF_MAP_LOOKUP_ELEM, out, 0, ret_value);
}

struct loaded {
	int fds[MAX_MAPS], mem, out, prog, tail;
};

static int load_file(struct file *f, struct loaded *l)
{
	struct insn_vec wrapped = {0};
	u32 i;
	int err = 0;

	for (i = 0; i < f->map_count; i++) {
		const struct file_map *m = &f->maps[i];

		f->maps[i].fd = l->fds[i] =
			make_map(m->type, m->key_size, m->value_size, m->entries);
	}
	if (f->map_count && f->text.len) { /* once more, with the descriptors in it */
		f->insns.len = 0;
		assemble(f, &f->text, &f->insns);
	}
	l->mem = make_map(BPF_MAP_TYPE_ARRAY, 4, MAX(f->mem_len, 8u), 1);
	l->out = make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	if (l->mem < 0 || l->out < 0)
		return MIN(l->mem, l->out);
	element(BPF_MAP_UPDATE_ELEM, l->mem, 0, f->mem);
	if (f->packet_len)
		l->prog = load(&f->insns, l->fds);
	else
		err = wrap(f, l->mem, l->out, &wrapped);
	if (!err && !f->packet_len)
		l->prog = load(&wrapped, l->fds);
	vec_release(&wrapped);
	if (f->tail.len && l->prog >= 0) {
		l->tail = load(&f->tail, l->fds);
		err = l->tail < 0 ? l->tail : element(BPF_MAP_UPDATE_ELEM, l->fds[0], 0, &l->tail);
	}
	return err ? err : MIN(l->prog, 0);
}

static void close_file(struct file *f, struct loaded *l)
{
	u32 i;

	do_close(l->prog);
	do_close(l->tail);
	do_close(l->mem);
	do_close(l->out);
	for (i = 0; i < f->map_count; i++)
		do_close(l->fds[i]);
}

/* 0 and the result, or the error of the load. */
static int run_verified(struct file *f, u64 *ret_value)
{
	struct loaded l = {.mem = -1, .out = -1, .prog = -1, .tail = -1};
	int err = load_file(f, &l);

	if (!err) {
		err = run_loaded(f, l.prog, l.out, ret_value);
		CHECK_FILE(f, err == 0, "the run gives error %d", err);
	}
	close_file(f, &l);
	return err;
}

static bool has_kernel(void)
{
	static int known;

	if (!known) {
		int fd = kernel_bpf(BPF_MAP_CREATE,
			&(union bpf_attr){.map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 4,
				.max_entries = 1},
			sizeof(union bpf_attr));

		known = fd < 0 ? -1 : 1;
		if (fd >= 0)
			close(fd);
	}
	return known > 0;
}

/* Results of packet programs are those of a test run, 32 bits. */
static void try_verified(struct file *f, const struct shape *s)
{
	u64 value = 0, want = f->packet_len ? (u32)f->result : f->result;
	bool is_taken;
	int err = 0;
	u32 i;

	if (!is_for_verifiers(f, s))
		return;
	for (i = 0; i < ARRAY_SIZE(engine_names); i++) {
		struct hachi_opts opts = {
			.size = sizeof(opts), .engine = engine_names[i], .btf_path = ""};

		if (!engine_by_name(engine_names[i]))
			continue;
		REQUIRE_EQ(hachi_new(&opts, &instance), 0);
		err = run_verified(f, &value);
		hachi_free(instance);
		instance = NULL;
		if (!err)
			check_value(f, VERIFIED_INTERP + i, value, want);
		else
			f->runs += f->has_error;
	}
	refused_count += err != 0;
	if (!has_kernel())
		return;
	kernel_count++;
	is_taken = run_verified(f, &value) == 0;
	CHECK_FILE(f, is_taken == !err, "%s by the kernel, %s here (%d)",
		is_taken ? "accepted" : "refused", err ? "refused" : "accepted", err);
	if (is_taken)
		check_value(f, IN_KERNEL, value, want);
}

/* ---- a folder ---------------------------------------------------------------------------- */

static u32 file_count, passed_count, skipped_count;

/* Why nobody can be asked for the result of a program. */
static const char *why_skipped(const struct file *f, const struct shape *s)
{
	if (f->has_error)
		return NULL;
	if (s->has_callx)
		return "calls through registers exist nowhere";
	return s->leaves_frame && !f->runs ? "it leaves its frame, and verifiers refuse it" : NULL;
}

static void run_file(struct file *f)
{
	struct shape s = shape_of(&f->insns);
	const char *why;

	shape_of(&f->tail);
	try_bare(f, &s);
	try_verified(f, &s);
	why = why_skipped(f, &s);
	if (why) {
		skipped_count++;
		tap_note("%s: skipped: %s", f->path, why);
	} else if (CHECK_FILE(f, f->runs > 0 || f->has_failed, "%s", "nobody ran it")) {
		passed_count += !f->has_failed;
	}
}

static void try_file(const char *path)
{
	struct file f = {.path = path};

	file_count++;
	if (read_file(&f) && assemble(&f, &f.text, &f.insns) &&
		assemble(&f, &f.tail_text, &f.tail) && take_raw(&f)) {
		if (!f.insns.len && f.has_error)
			passed_count++; /* the assembler's refusal */
		else
			run_file(&f);
	}
	release(&f);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void try_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char *names[2048];
	u32 count = 0, i;

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) && count < ARRAY_SIZE(names))
		if (entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, count, sizeof(*names), by_name);
	for (i = 0; i < count; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (str_ends_with(path, ".data"))
			try_file(path);
		else if (!strchr(names[i], '.'))
			try_folder(path);
		free(names[i]);
	}
}

static const char *folder_wanted(void)
{
	const char *folder = getenv("CONFORMANCE");

	return folder && *folder ? folder : OWN_FOLDER;
}

TEST(every_file_gives_its_result_on_every_engine)
{
	u32 way;

	try_folder(folder_wanted());
	tap_note("%u files: %u passed, %u skipped; %u refused by the verifier, %u in the kernel",
		file_count, passed_count, skipped_count, refused_count, kernel_count);
	for (way = 0; way < WAY_COUNT; way++)
		tap_note("%u results by %s", right_count[way], way_names[way]);
	CHECK(file_count > 0);
}

TEST(a_program_that_crashes_an_engine_ends_only_its_child)
{
	static const char text[] = "mov %r0, 4096\nldxdw %r0, [%r0+0]\nexit\n";
	struct file f = {.path = "crash"};
	struct shape s;
	u32 i;

	strbuf_printf(&f.text, "%s", text);
	REQUIRE(assemble(&f, &f.text, &f.insns));
	s = shape_of(&f.insns);
	for (i = 0; i < ARRAY_SIZE(engine_names); i++) {
		const struct engine *engine = engine_by_name(engine_names[i]);

		if (engine)
			CHECK(run_in_child(engine, &f, &s).status != 0);
	}
	release(&f);
}

TEST(the_files_cover_every_instruction)
{
	u32 i, missing = 0;

	if (strcmp(folder_wanted(), OWN_FOLDER) != 0)
		SKIP_HERE("the files are somebody else's");
	for (i = 0; i < INSN_KIND_COUNT; i++) {
		missing += !covered[i];
		CHECK_MSG(covered[i], "no file has %s (%s)", insn_desc((enum insn_kind)i)->id,
			insn_desc((enum insn_kind)i)->mnemonic);
	}
	tap_note("%u of %u instructions", INSN_KIND_COUNT - missing, (u32)INSN_KIND_COUNT);
}
