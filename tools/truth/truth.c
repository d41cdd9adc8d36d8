// SPDX-License-Identifier: BSD-2-Clause
/*
 * Measures a verifier against the kernel's own selftests: every program of the objects that
 * objects.sh builds is loaded alone, as the selftests' loader does it, in each mode that its tags
 * ask for, and its verdict compared with what the kernel says (test/truth/verdicts.csv). A looser
 * verdict is an error; stricter ones, texts, instruction counts and results are counted. With
 * --live what the running kernel says takes the table's place, and nothing is run.
 *
 * Each object is worked on in a child, so that a crash costs one program: it is told, and counted
 * as a failure.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "classes.h"
#include "spec.h"

#define LOG_SIZE (256u << 20) /* a rotated log is an error of the load */
/* Verified, and then refused since no engine of user space can run it. */
#define NOT_CARRIED_OUT "is not available in user space"
#define DATA_LEN	64
#define MAX_CHILDREN	64

/* Of a line of --out: object program mode verdict insns text result last-line type. */
#define FIELD_COUNT 9

static const char *const mode_names[] = {"priv", "unpriv"};

struct options {
	struct backend backend;
	const char *table, *excuses, *filter, *out;
	int jobs, time_limit, level;
	bool verbose, dump_log;
	bool is_live; /* the table is what the running kernel says now; nothing is run */
	bool is_priv_only;
};

static struct options options = {.table = "test/truth/verdicts.csv",
	.excuses = "test/truth/live.csv",
	.jobs = 2,
	.time_limit = 120};

/* As the selftests' testing_prog_flags(): those that the kernel, or whose rules are ours, knows. */
static unsigned int test_flags(void)
{
	const char *version = options.backend.version;
	unsigned int major = 0, minor = 0;
	struct utsname machine;

	if (!version || options.backend.is_kernel)
		version = uname(&machine) ? "" : machine.release;
	sscanf(version, "%u.%u", &major, &minor);
	return BPF_F_TEST_RND_HI32 |
		(major * 100 + minor >= 608 ? 1u << 7 /* BPF_F_TEST_REG_INVARIANTS */ : 0);
}

/* ---- one program, in the child ----------------------------------------------------------- */

struct outcome {
	const char *verdict; /* accept, reject, load-error */
	const char *text; /* ok, or "-" when there was nothing to compare, else what is missing */
	const char *result;
	unsigned int insns;
	char last_line[512];
	const char *type; /* of the program */
};

static char *log_buf;

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	if (options.verbose && level <= LIBBPF_WARN)
		return vfprintf(stderr, format, args);
	return 0;
}

/* The array that two objects want filled before their programs run. */
static void fill_maps(struct bpf_object *obj, const char *object)
{
	const char *name = !strcmp(object, "verifier_array_access") ? "map_array_ro"
		: !strcmp(object, "verifier_value_ptr_arith")	    ? "map_array_48b"
								    : NULL;
	struct bpf_map *map = name ? bpf_object__find_map_by_name(obj, name) : NULL;
	int value[12] = {[0] = (6 + 1) * sizeof(int), [7] = (int)0xabcdef12}, key = 0;

	if (map)
		bpf_map_update_elem(bpf_map__fd(map), &key, value, 0);
}

static const char *run(struct bpf_program *prog, int want)
{
	static char text[64];
	unsigned char in[DATA_LEN] = {0}, out[DATA_LEN * 4];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		.data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	LIBBPF_OPTS(bpf_test_run_opts, empty);
	bool is_syscall = bpf_program__type(prog) == BPF_PROG_TYPE_SYSCALL;
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), is_syscall ? &empty : &opts);
	int got = (int)(is_syscall ? empty.retval : opts.retval);

	if (err)
		snprintf(text, sizeof(text), "run: %s", strerror(errno));
	else if (got != want && want != RETVAL_ANY)
		snprintf(text, sizeof(text), "returns %d, not %d", got, want);
	else
		return "ok";
	return text;
}

/* The last line of the verifier that is no figure, and how many instructions it processed. */
static void read_log(struct outcome *o)
{
	const char *line, *end, *last = log_buf;
	size_t len;

	for (line = log_buf; *line; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		/* not sscanf: it would measure the rest of the log for each line */
		if (!strncmp(line, "processed ", 10))
			o->insns = (unsigned int)strtoul(line + 10, NULL, 10);
		else if (*line != '\n' && strncmp(line, "verification time", 17) &&
			strncmp(line, "stack depth", 11))
			last = line;
	}
	len = strcspn(last, "\n");
	len = len < sizeof(o->last_line) ? len : sizeof(o->last_line) - 1;
	memcpy(o->last_line, last, len);
	o->last_line[len] = 0;
}

static bool map_is_for_unpriv(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS: return !(bpf_map__map_flags(map) & BPF_F_ZERO_SEED);
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_USER_RINGBUF:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY: return true;
	default: return false;
	}
}

static void prepare(struct bpf_object *obj, const struct spec *specs, size_t which, enum mode mode)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	size_t i = 0;

	bpf_object__for_each_program(prog, obj)
	{
		const struct spec *spec = &specs[i];
		int level = options.level ? options.level : spec->log_level ? spec->log_level : 1;
		bool is_it = i++ == which;

		bpf_program__set_autoload(prog, is_it || spec->is_auxiliary[mode]);
		if (!is_it)
			continue;
		bpf_program__set_log_buf(prog, log_buf, LOG_SIZE);
		bpf_program__set_log_level(prog, (unsigned int)level);
		bpf_program__set_flags(prog,
			(bpf_program__flags(prog) | test_flags() | spec->flags_set) &
				~spec->flags_cleared);
	}
	bpf_object__for_each_map(map, obj)
		bpf_map__set_autocreate(map, mode == MODE_PRIV || map_is_for_unpriv(map));
}

static struct bpf_program *nth_program(struct bpf_object *obj, size_t n)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) if (!n--) return prog;
	return NULL;
}

/* The verifier has spoken when it has told how many instructions it processed. */
static void judge(struct bpf_object *obj, const char *object, const struct spec *spec, size_t which,
	enum mode mode, struct outcome *o)
{
	const struct expectation *e = &spec->mode[mode];
	struct bpf_program *prog = nth_program(obj, which);
	const char *missing;
	int err = bpf_object__load(obj);

	backend_all_caps();
	read_log(o);
	if (!err || strstr(log_buf, NOT_CARRIED_OUT))
		o->verdict = "accept";
	else
		o->verdict = strstr(log_buf, "processed ") ? "reject" : "load-error";
	if (err && !strcmp(o->verdict, "accept"))
		o->result = "not carried out";
	if (!strcmp(o->verdict, "load-error") && !o->last_line[0])
		snprintf(o->last_line, sizeof(o->last_line), "%s", strerror(-err));
	missing = spec_unmatched(e, log_buf);
	if (e->message_count && strcmp(o->verdict, "load-error"))
		o->text = missing ? missing : "ok";
	o->type = libbpf_bpf_prog_type_str(bpf_program__type(prog));
	if (!err && e->runs && !e->fails && !options.is_live) {
		fill_maps(obj, object);
		o->result = run(prog, e->retval);
	}
}

static unsigned int caps_of(const char *object, enum mode mode)
{
	if (mode == MODE_UNPRIV)
		return 0;
	if (!strcmp(object, "verifier_mtu"))
		return CAPS_BPF | CAPS_NET_ADMIN;
	if (!strncmp(object, "verifier_", 9))
		return CAPS_ALL & ~(unsigned int)CAPS_SYS_ADMIN;
	return CAPS_ALL;
}

/* The selftests name objects x.bpf.o; ours are x.o, in the folder of the object itself. */
static const char *btf_path(const char *object_path, const char *name, char *out, size_t size)
{
	const char *slash = strrchr(object_path, '/'), *end = name ? strstr(name, ".bpf.o") : NULL;

	if (!end)
		return NULL;
	snprintf(out, size, "%.*s%.*s.o", slash ? (int)(slash - object_path + 1) : 0, object_path,
		(int)(end - name), name);
	return out;
}

static void try_one(const char *path, const char *object, const struct spec *specs, size_t which,
	const char *name, enum mode mode)
{
	struct outcome o = {.verdict = "load-error", .text = "-", .result = "-", .type = "-"};
	LIBBPF_OPTS(bpf_object_open_opts, open_opts, .object_name = object);
	struct bpf_object *obj;
	char relocation_btf[512];
	int err;

	open_opts.btf_custom_path =
		btf_path(path, specs[which].btf_path, relocation_btf, sizeof(relocation_btf));
	printf("%s\t%s\t%s\t", object, name, mode_names[mode]);
	fflush(stdout);
	log_buf[0] = 0;
	err = backend_begin(caps_of(object, mode));
	obj = err ? NULL : bpf_object__open_file(path, &open_opts);
	if (obj) {
		prepare(obj, specs, which, mode);
		judge(obj, object, &specs[which], which, mode, &o);
		bpf_object__close(obj);
	} else {
		snprintf(
			o.last_line, sizeof(o.last_line), "open: %s", strerror(err ? -err : errno));
	}
	backend_end();
	if (options.dump_log)
		fprintf(stderr, "== %s/%s (%s)\n%s\n", object, name, mode_names[mode], log_buf);
	printf("%s\t%u\t%s\t%s\t%s\t%s\n", o.verdict, o.insns, o.text, o.result, o.last_line,
		o.type);
	fflush(stdout);
}

static void object_name(const char *path, char *out, size_t size)
{
	const char *base = strrchr(path, '/');
	char *dot;

	snprintf(out, size, "%s", base ? base + 1 : path);
	dot = strrchr(out, '.');
	if (dot)
		*dot = 0;
}

/* All programs of an object. Specs are read with full rights, as the selftests do. */
static int do_object(const char *path)
{
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct spec *specs;
	const char **names;
	char object[128];
	size_t count = 0, i;
	int mode;

	object_name(path, object, sizeof(object));
	libbpf_set_print(say_nothing);
	log_buf = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	obj = bpf_object__open_file(path, NULL);
	if (!obj || log_buf == MAP_FAILED)
		return 2;
	bpf_object__for_each_program(prog, obj) count++;
	specs = calloc(count + 1, sizeof(*specs));
	names = calloc(count + 1, sizeof(*names));
	if (!specs || !names)
		return 2;
	i = 0;
	bpf_object__for_each_program(prog, obj)
	{
		names[i] = bpf_program__name(prog);
		if (spec_read(bpf_object__btf(obj), names[i], &specs[i]))
			specs[i].is_other_arch = true;
		i++;
	}
	for (i = 0; i < count; i++) {
		if (specs[i].is_other_arch || specs[i].is_auxiliary[MODE_PRIV] ||
			specs[i].is_auxiliary[MODE_UNPRIV])
			continue;
		if (options.filter && !strstr(names[i], options.filter) &&
			!strstr(object, options.filter))
			continue;
		for (mode = 0; mode < MODE_COUNT; mode++)
			if (specs[i].mode[mode].is_wanted &&
				(mode == MODE_PRIV ||
					(!options.is_priv_only && !backend_unpriv_is_off())))
				try_one(path, object, specs, i, names[i], (enum mode)mode);
	}
	return 0;
}

/* ---- children ---------------------------------------------------------------------------- */

struct child {
	pid_t pid;
	int fd; /* its output, a memfd */
	const char *path;
};

static int start(struct child *c, const char *path)
{
	c->path = path;
	c->fd = memfd_create("truth", MFD_CLOEXEC);
	if (c->fd < 0)
		return -errno;
	c->pid = fork();
	if (c->pid < 0)
		return -errno;
	if (c->pid == 0) {
		dup2(c->fd, STDOUT_FILENO);
		alarm((unsigned int)options.time_limit);
		exit(do_object(path));
	}
	return 0;
}

/* ---- the table --------------------------------------------------------------------------- */

struct row {
	char *object, *program, *mode, *verdict, *verdict_618;
	char *words; /* --live: the last line of the kernel's log */
	unsigned int insns, insns_618;
	bool was_tried;
};

static struct row *rows;
static size_t row_count;

static char *field(char **at)
{
	char *start = *at, *end = start + strcspn(start, ",\n");

	*at = *end ? end + 1 : end;
	*end = 0;
	return start;
}

static int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->object, y->object);

	order = order ? order : strcmp(x->program, y->program);
	return order ? order : strcmp(x->mode, y->mode);
}

static int read_table(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		char *at = strdup(line);
		struct row r;

		rows = realloc(rows, (row_count + 1) * sizeof(*rows));
		if (!at || !rows)
			return -ENOMEM;
		r.object = field(&at);
		r.program = field(&at);
		r.mode = field(&at);
		r.verdict = field(&at);
		r.insns = (unsigned int)atoi(field(&at));
		r.verdict_618 = field(&at);
		r.insns_618 = (unsigned int)atoi(field(&at));
		r.was_tried = false;
		/* an empty column is as before; of another verdict the count is not known */
		if (!r.insns_618 && !*r.verdict_618)
			r.insns_618 = r.insns;
		if (!*r.verdict_618)
			r.verdict_618 = r.verdict;
		if (strcmp(r.object, "object"))
			rows[row_count++] = r;
	}
	free(line);
	fclose(f);
	qsort(rows, row_count, sizeof(*rows), row_compare);
	return 0;
}

/* What the live kernel says, as a row of the table. */
static void add_row(char *f[FIELD_COUNT])
{
	struct row r = {0};

	rows = realloc(rows, (row_count + 1) * sizeof(*rows));
	r.object = strdup(f[0]);
	r.program = strdup(f[1]);
	r.mode = strdup(f[2]);
	r.verdict = r.verdict_618 = strdup(f[3]);
	r.words = strdup(f[7]);
	r.insns = r.insns_618 = (unsigned int)atoi(f[4]);
	if (!rows || !r.object || !r.program || !r.mode || !r.verdict || !r.words)
		abort();
	rows[row_count++] = r;
}

/* ---- comparing --------------------------------------------------------------------------- */

struct tally {
	unsigned int total, shared, looser, stricter, untried, crashed;
	unsigned int texts, texts_ok, insns, insns_equal, results, results_ok, not_carried_out;
};

static struct tally tallies[MODE_COUNT];

/* --live: what each side alone accepts, by the words of the one that refuses. */
static struct {
	unsigned int accepted, refused, same_words, same_insns, looser, excused, stricter;
	struct classes outside, strict;
} live;

static bool is_618(void)
{
	return !options.backend.version || !strcmp(options.backend.version, "6.18");
}

/* Their verdict hangs on struct bpf_map in this machine's BTF, whichever rules are chosen. */
static bool follows_btf(char *f[FIELD_COUNT])
{
	struct utsname machine;

	return !strcmp(f[0], "verifier_map_ptr") &&
		!strcmp(f[1], "read_non_existent_field_rejected") && !uname(&machine) &&
		strncmp(machine.release, "6.12", 4) != 0;
}

static void compare(const struct row *want, struct tally *t, char *f[FIELD_COUNT])
{
	bool is_new = is_618() || follows_btf(f);
	const char *verdict = is_new ? want->verdict_618 : want->verdict;
	unsigned int insns = is_new ? want->insns_618 : want->insns;

	if (!strcmp(f[3], "load-error") && strcmp(verdict, "load-error")) {
		t->untried++;
		printf("UNTRIED  %s/%s (%s): %s\n", f[0], f[1], f[2], f[7]);
		return;
	}
	if (!strcmp(f[3], verdict) || (!strcmp(verdict, "load-error") && strcmp(f[3], "accept"))) {
		t->shared++;
	} else if (!strcmp(f[3], "accept")) {
		t->looser++;
		printf("LOOSER   %s/%s (%s): accepted%s%s\n", f[0], f[1], f[2],
			strcmp(f[5], "-") && strcmp(f[5], "ok") ? "; want: " : "",
			strcmp(f[5], "-") && strcmp(f[5], "ok") ? f[5] : "");
		return;
	} else {
		t->stricter++;
		printf("STRICTER %s/%s (%s): %s\n", f[0], f[1], f[2], f[7]);
		return;
	}
	if (strcmp(f[5], "-")) {
		t->texts++;
		t->texts_ok += !strcmp(f[5], "ok");
		if (strcmp(f[5], "ok"))
			printf("TEXT     %s/%s (%s): no \"%s\"; last: %s\n", f[0], f[1], f[2], f[5],
				f[7]);
	}
	if (insns) {
		t->insns++;
		t->insns_equal += (unsigned int)atoi(f[4]) == insns;
		if ((unsigned int)atoi(f[4]) != insns)
			printf("INSNS    %s/%s (%s): %s, the kernel %u\n", f[0], f[1], f[2], f[4],
				insns);
	}
	if (!strcmp(f[6], "not carried out")) {
		t->not_carried_out++;
		if (options.verbose)
			printf("NOT RUN  %s/%s (%s): %s\n", f[0], f[1], f[2], f[7]);
	} else if (strcmp(f[6], "-")) {
		t->results++;
		t->results_ok += !strcmp(f[6], "ok");
		if (strcmp(f[6], "ok"))
			printf("RESULT   %s/%s (%s): %s\n", f[0], f[1], f[2], f[6]);
	}
}

static void compare_live(const struct row *theirs, char *f[FIELD_COUNT])
{
	bool kernel = !strcmp(theirs->verdict, "accept"), mine = !strcmp(f[3], "accept");
	const char *reason;

	if (kernel && mine) {
		live.accepted++;
		live.same_insns += theirs->insns == (unsigned int)atoi(f[4]);
		if (options.verbose && theirs->insns != (unsigned int)atoi(f[4]))
			printf("INSNS    %s/%s (%s): %s, the kernel %u\n", f[0], f[1], f[2], f[4],
				theirs->insns);
	} else if (!kernel && !mine) {
		live.refused++;
		live.same_words += !strcmp(theirs->words, f[7]);
		if (options.verbose && strcmp(theirs->words, f[7]))
			printf("TEXT     %s/%s (%s): %s; the kernel: %s\n", f[0], f[1], f[2], f[7],
				theirs->words);
	} else if (kernel) {
		live.stricter++;
		classes_add(&live.strict, f[7]);
		if (options.verbose)
			printf("STRICTER %s/%s (%s): %s\n", f[0], f[1], f[2], f[7]);
	} else {
		reason = classes_reason(f[0], f[1], f[8], theirs->words);
		live.excused += reason != NULL;
		live.looser += reason == NULL;
		if (reason)
			classes_add(&live.outside, reason);
		else
			printf("LOOSER   %s/%s (%s, %s): the kernel says: %s\n", f[0], f[1], f[2],
				f[8], theirs->words);
	}
}

static void take_line(char *line, FILE *out)
{
	char *f[FIELD_COUNT] = {0}, *at = line;
	struct row key, *want;
	int i;

	line[strcspn(line, "\n")] = 0;
	if (out)
		fprintf(out, "%s\n", line);
	for (i = 0; i < FIELD_COUNT && at; i++)
		f[i] = strsep(&at, "\t");
	if (i < 3)
		return;
	if (options.is_live && options.backend.is_kernel) {
		if (i == FIELD_COUNT)
			add_row(f);
		return;
	}
	key.object = f[0];
	key.program = f[1];
	key.mode = f[2];
	want = bsearch(&key, rows, row_count, sizeof(*rows), row_compare);
	if (i < FIELD_COUNT) {
		tallies[!strcmp(f[2], "unpriv")].crashed++;
		printf("CRASHED  %s/%s (%s)\n", f[0], f[1], f[2]);
	}
	if (!want) {
		if (i == FIELD_COUNT && (options.verbose || !strncmp(f[0], "verifier_", 9)))
			printf("UNKNOWN  %s/%s (%s): %s\n", f[0], f[1], f[2], f[3]);
		return;
	}
	want->was_tried = true;
	if (i == FIELD_COUNT && options.is_live)
		compare_live(want, f);
	else if (i == FIELD_COUNT)
		compare(want, &tallies[!strcmp(f[2], "unpriv")], f);
}

static void take_child(const struct child *c, int status, FILE *out)
{
	FILE *f = fdopen(c->fd, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		return;
	rewind(f);
	while (getline(&line, &cap, f) > 0)
		take_line(line, out);
	if (WIFSIGNALED(status))
		printf("KILLED   %s: %s\n", c->path, strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		printf("KILLED   %s: cannot be opened\n", c->path);
	free(line);
	fclose(f);
}

static void run_all(char **paths, int count, FILE *out)
{
	struct child children[MAX_CHILDREN] = {0};
	int next = 0, running = 0, i, status;

	while (next < count || running) {
		pid_t pid;

		if (out)
			fflush(out); /* or each child writes it once more */
		for (i = 0; i < options.jobs && next < count; i++) {
			if (!children[i].pid && !start(&children[i], paths[next])) {
				next++;
				running++;
			}
		}
		pid = wait(&status);
		for (i = 0; i < options.jobs; i++) {
			if (children[i].pid != pid)
				continue;
			take_child(&children[i], status, out);
			children[i].pid = 0;
			running--;
		}
	}
}

static void summary(void)
{
	size_t i;
	int mode;

	for (i = 0; i < row_count; i++)
		tallies[!strcmp(rows[i].mode, "unpriv")].total++;
	for (mode = 0; mode < MODE_COUNT; mode++) {
		const struct tally *t = &tallies[mode];

		printf("%s: verdicts shared: %u of %u; looser: %u; stricter: %u; untried: %u; "
		       "crashed: %u\n",
			mode_names[mode], t->shared, t->total, t->looser, t->stricter,
			t->total - t->shared - t->looser - t->stricter - t->crashed, t->crashed);
		printf("%s: texts as annotated: %u of %u; instruction counts equal: %u of %u; "
		       "results: %u of %u; accepted, but not carried out: %u\n",
			mode_names[mode], t->texts_ok, t->texts, t->insns_equal, t->insns,
			t->results_ok, t->results, t->not_carried_out);
	}
}

static void live_summary(void)
{
	printf("alike: accepted %u (instruction counts equal: %u), refused %u (words equal: %u)\n",
		live.accepted, live.same_insns, live.refused, live.same_words);
	printf("looser: %u; refused by this kernel for reasons outside its verifier: %u\n",
		live.looser, live.excused);
	classes_print(&live.outside, "  outside ");
	printf("stricter: %u\n", live.stricter);
	classes_print(&live.strict, "  stricter");
}

static void usage(void)
{
	fprintf(stderr,
		"usage: truth [--backend hachi|kernel | --live] [--kernel VERSION] [--table CSV]\n"
		"             [--filter TEXT] [--out FILE] [--jobs N] [--time SECONDS]\n"
		"             [--level N] [--verbose] [--log] OBJECT...\n");
	exit(2);
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {{"backend", 1, NULL, 'b'}, {"kernel", 1, NULL, 'k'},
		{"table", 1, NULL, 't'}, {"filter", 1, NULL, 'f'}, {"out", 1, NULL, 'o'},
		{"jobs", 1, NULL, 'j'}, {"time", 1, NULL, 'T'}, {"verbose", 0, NULL, 'v'},
		{"log", 0, NULL, 'l'}, {"level", 1, NULL, 'L'}, {"live", 0, NULL, 'i'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "b:k:t:f:o:j:T:L:vli", longs, NULL)) != -1) {
		switch (c) {
		case 'b': options.backend.is_kernel = !strcmp(optarg, "kernel"); break;
		case 'k': options.backend.version = optarg; break;
		case 't': options.table = optarg; break;
		case 'f': options.filter = optarg; break;
		case 'o': options.out = optarg; break;
		case 'j': options.jobs = atoi(optarg); break;
		case 'T': options.time_limit = atoi(optarg); break;
		case 'L': options.level = atoi(optarg); break;
		case 'v': options.verbose = true; break;
		case 'l': options.dump_log = true; break;
		case 'i': options.is_live = true; break;
		default: usage();
		}
	}
	if (optind == argc || options.jobs < 1 || options.jobs > MAX_CHILDREN)
		usage();
}

/* Every program in the running kernel, then in ours. */
static int live_main(char **paths, int count, FILE *out)
{
	size_t i, accepted = 0;

	if (classes_read(options.excuses)) {
		fprintf(stderr, "truth: cannot read %s\n", options.excuses);
		return 2;
	}
	options.backend.is_kernel = true;
	backend_init(&options.backend);
	options.is_priv_only = backend_unpriv_is_off() != NULL;
	run_all(paths, count, NULL);
	qsort(rows, row_count, sizeof(*rows), row_compare);
	for (i = 0; i < row_count; i++)
		accepted += !strcmp(rows[i].verdict, "accept");
	if (!accepted) {
		fprintf(stderr, "truth: the running kernel lets us load nothing\n");
		return 77;
	}
	options.backend.is_kernel = false;
	backend_init(&options.backend);
	run_all(paths, count, out);
	live_summary();
	return live.looser || tallies[MODE_PRIV].crashed || tallies[MODE_UNPRIV].crashed;
}

static int table_main(char **paths, int count, FILE *out)
{
	bool failed = false;
	int mode;

	if (read_table(options.table)) {
		fprintf(stderr, "truth: cannot read %s\n", options.table);
		return 2;
	}
	backend_init(&options.backend);
	run_all(paths, count, out);
	summary();
	for (mode = 0; mode < MODE_COUNT; mode++)
		failed |= tallies[mode].looser || tallies[mode].crashed;
	return failed;
}

int main(int argc, char **argv)
{
	FILE *out = NULL;
	int result;

	parse(argc, argv);
	if (options.out && !(out = fopen(options.out, "w"))) {
		fprintf(stderr, "truth: cannot write %s\n", options.out);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	result = (options.is_live ? live_main : table_main)(argv + optind, argc - optind, out);
	if (out)
		fclose(out);
	return result;
}
