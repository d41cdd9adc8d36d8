// SPDX-License-Identifier: BSD-2-Clause
/*
 * libhachi as a plug-in engine: a pretended web server lets a user's program decide on requests.
 *
 * The server registers its own program type (what the program sees), its own helper (what the
 * program may call), creates a map that both sides share, loads the program, which is verified
 * first, and calls it for each request.
 *
 *	cc -Iinclude -o /tmp/embed examples/embed.c build/libhachi.a -lpthread && /tmp/embed
 */
#include <hachi/hachi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The context: the program sees these fields, and the bytes from path to path_end. */
struct request {
	uint64_t path, path_end;
	uint32_t method; /* 0 GET, 1 POST */
	uint32_t size;
};

static const struct hachi_ctx_field request_fields[] = {
	{"path", offsetof(struct request, path), 8, HACHI_FIELD_MEM, HACHI_FIELD_READ},
	{"path_end", offsetof(struct request, path_end), 8, HACHI_FIELD_MEM_END, HACHI_FIELD_READ},
	{"method", offsetof(struct request, method), 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
	{"size", offsetof(struct request, size), 4, HACHI_FIELD_SCALAR, HACHI_FIELD_READ},
};

/* The helper: a program may note why it refuses. */
static uint64_t note(uint64_t code, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, void *user)
{
	(void)r2;
	(void)r3;
	(void)r4;
	(void)r5;
	printf("%s: note %u\n", (const char *)user, (unsigned)code);
	return 0;
}

static long create_map(struct hachi *h)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(uint64_t);
	attr.max_entries = 2;
	return hachi_bpf(h, BPF_MAP_CREATE, &attr, sizeof(attr));
}

#define INSN(op, d, s, o, i)                                                                       \
	(struct bpf_insn)                                                                          \
	{                                                                                          \
		.code = (op), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)               \
	}

/*
 * What clang -target bpf makes of:
 *
 *	int decide(struct request *r)
 *	{
 *		__u32 method = r->method;
 *		__u64 *count = bpf_map_lookup_elem(&counts, &method);
 *
 *		if (count)
 *			(*count)++;
 *		if (r->path + 2 > r->path_end)
 *			return 1;
 *		if (r->path[1] == '.') {
 *			note(403);
 *			return 0;
 *		}
 *		return 1;
 *	}
 */
static long load_program(
	struct hachi *h, int type, int helper, int map_fd, char *log, uint32_t size)
{
	struct bpf_insn program[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct request, method), 0),
		INSN(BPF_STX | BPF_MEM | BPF_W, 10, 2, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, offsetof(struct request, path), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 6, offsetof(struct request, path_end), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 1, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, 2),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 3, 2, 6, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_B, 4, 1, 1, 0),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 4, '.'),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 403),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = (uint32_t)type;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = sizeof(program) / sizeof(program[0]);
	attr.license = (uint64_t)(uintptr_t) "Dual BSD/GPL";
	attr.log_level = 1;
	attr.log_buf = (uint64_t)(uintptr_t)log;
	attr.log_size = size;
	return hachi_bpf(h, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static void serve(struct hachi_prog *program, const char *path, uint32_t method)
{
	struct request request = {
		.path = (uint64_t)(uintptr_t)path,
		.path_end = (uint64_t)(uintptr_t)(path + strlen(path)),
		.method = method,
	};
	uint64_t verdict = 0;
	int err = hachi_prog_run(program, &request, sizeof(request), NULL, &verdict);

	if (err)
		printf("%s: cannot run: %s\n", path, strerror(-err));
	else
		printf("%s: %s\n", path, verdict ? "served" : "refused");
}

static void must(long result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "embed: %s: %s\n", what, strerror((int)-result));
	exit(1);
}

int main(void)
{
	static char server_name[] = "server", log[65536];
	struct hachi_prog_type type = {
		.size = sizeof(type),
		.name = "request",
		.ctx_size = sizeof(struct request),
		.fields = request_fields,
		.field_count = sizeof(request_fields) / sizeof(request_fields[0]),
		.ret_min = 0,
		.ret_max = 1,
	};
	struct hachi_helper helper = {
		.size = sizeof(helper),
		.name = "note",
		.args = {HACHI_ARG_ANYTHING},
		.fn = note,
		.user = server_name,
	};
	struct hachi_prog *program;
	long map_fd, prog_fd;
	int type_id, helper_id;
	struct hachi *h;

	must(hachi_new(NULL, &h), "new instance");
	must(helper_id = hachi_helper_register(h, &helper), "register helper");
	type.helpers = (const uint32_t *)&helper_id;
	type.helper_count = 1;
	must(type_id = hachi_prog_type_register(h, &type), "register program type");
	must(map_fd = create_map(h), "create map");
	prog_fd = load_program(h, type_id, helper_id, (int)map_fd, log, sizeof(log));
	if (prog_fd < 0)
		fprintf(stderr, "%s", log);
	must(prog_fd, "load program");
	must(hachi_prog_get(h, (int)prog_fd, &program), "take program");

	serve(program, "/index.html", 0);
	serve(program, "/.git/config", 0);
	serve(program, "/form", 1);
	for (uint32_t method = 0; method < 2; method++) {
		uint64_t *count = hachi_map_lookup(h, (int)map_fd, &method);

		printf("%s requests: %llu\n", method ? "POST" : "GET",
			count ? (unsigned long long)*count : 0);
	}
	hachi_prog_put(program);
	hachi_close(h, (int)prog_fd);
	hachi_close(h, (int)map_fd);
	hachi_free(h);
	return 0;
}
