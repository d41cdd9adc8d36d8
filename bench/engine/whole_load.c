// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads whole.c's programs twice: into the kernel, by libbpf, and into an instance of hachi, whose
 * maps have the same shapes and contents. Native code shares hachi's maps.
 */
#include "base/epoch.h"
#include "base/os.h"
#include "bench/engine/contest.h"
#include "bench/engine/whole.h"
#include "helper/helper.h"
#include "prog/prog.h"
#include <hachi/hachi.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

#define DECLARE(name)                                                                              \
	int gcc_##name(void *);                                                                    \
	int clang_##name(void *);                                                                  \
	int scalar_##name(void *);
BENCH_WHOLE(DECLARE)

static const struct program {
	const char *name;
	native_fn native[3];
} programs[] = {
#define ROW(name) {#name, {scalar_##name, gcc_##name, clang_##name}},
	BENCH_WHOLE(ROW)};

enum { ETH = 14, IPV4 = 20, FRAME = 128, TCP = 6, UDP = 17, PACKETS = 8 };

/* ---- what native code calls ------------------------------------------------------------------ */

#define DEFINE_MAP(name, ...) struct bench_map native_##name;
BENCH_MAPS(DEFINE_MAP)

static struct run native_run;
static helper_fn update_fn, remove_fn, time_fn;

void *native_lookup(const struct bench_map *map, const void *key)
{
	helper_fn fn = (helper_fn)map->lookup;

	return (void *)(uintptr_t)fn(
		(u64)(uintptr_t)map->map, (u64)(uintptr_t)key, 0, 0, 0, &native_run);
}

long native_update(const struct bench_map *map, const void *key, const void *value)
{
	return (long)update_fn((u64)(uintptr_t)map->map, (u64)(uintptr_t)key, (u64)(uintptr_t)value,
		0, 0, &native_run);
}

long native_remove(const struct bench_map *map, const void *key)
{
	return (long)remove_fn((u64)(uintptr_t)map->map, (u64)(uintptr_t)key, 0, 0, 0, &native_run);
}

unsigned long long native_time_ns(void)
{
	return time_fn(0, 0, 0, 0, 0, &native_run);
}

unsigned int native_cpu(void)
{
	return native_run.cpu;
}

/* ---- maps, in both worlds -------------------------------------------------------------------- */

static struct twin {
	const char *name;
	struct bench_map *native;
	int kernel_fd, fd;
} twins[] = {
#define TWIN(name, ...) {#name, &native_##name, -1, -1},
	BENCH_MAPS(TWIN)};

static struct hachi *instance;

static struct twin *twin_of(const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(twins); i++) {
		if (strcmp(twins[i].name, name) == 0)
			return &twins[i];
	}
	return NULL;
}

static bool make_twin(const struct bpf_map *map)
{
	struct twin *t = twin_of(bpf_map__name(map));
	union bpf_attr attr = {
		.map_type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.map_flags = bpf_map__map_flags(map),
	};

	if (!t)
		return false;
	memcpy(attr.map_name, t->name, strnlen(t->name, sizeof(attr.map_name) - 1));
	t->kernel_fd = bpf_map__fd(map);
	t->fd = (int)hachi_bpf(instance, BPF_MAP_CREATE, &attr, sizeof(attr));
	return t->fd >= 0;
}

static void put(const char *name, const void *key, const void *value)
{
	const struct twin *t = twin_of(name);
	union bpf_attr attr = {
		.map_fd = (u32)t->fd,
		.key = (u64)(uintptr_t)key,
		.value = (u64)(uintptr_t)value,
	};

	if (bpf_map_update_elem(t->kernel_fd, key, value, BPF_ANY) ||
		hachi_bpf(instance, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
		printf("# %s: no entry\n", name);
}

/* ---- contents -------------------------------------------------------------------------------- */

static u32 addr(u32 a, u32 b, u32 c, u32 d)
{
	return a | b << 8 | c << 16 | d << 24; /* network order on little endian */
}

/* Flow number n: from 10.0.n.7, ports 1024 + n to SERVICE_PORT. */
static struct flow_key flow_of(u32 n, u32 proto)
{
	return (struct flow_key){
		.saddr = addr(10, n >> 8, n & 255, 7),
		.sport = __builtin_bswap16((u16)(1024 + n)),
		.dport = __builtin_bswap16(SERVICE_PORT),
		.proto = proto,
	};
}

static void fill_maps(void)
{
	u32 i, port = TCP << 16 | SERVICE_PORT, one = 1;

	/* 192.0.x/24 to 195.255.x/24 and single hosts */
	for (i = 0; i < 800; i++) {
		struct net_key net = {i % 5 ? 24 : 32, {192 + i % 4, i >> 2, i * 7, i % 5 ? 0 : i}};

		put("blocked_nets", &net, &one);
	}
	for (i = 0; i < 32; i++) {
		u32 other = (i & 1 ? TCP : UDP) << 16 | (8000 + i);

		put("open_ports", &other, &one);
		put("services", &other, &one);
	}
	put("open_ports", &port, &one);
	put("services", &port, &one);
	port = UDP << 16 | SERVICE_PORT;
	put("services", &port, &one);
	for (i = 0; i < 8192; i++) {
		struct flow_key key = flow_of(i, TCP);
		struct flow flow = {0};
		u32 backend = i % BACKENDS;

		put("flows", &key, &flow);
		put("connections", &key, &backend);
	}
	for (i = 0; i < RING_SIZE; i++) {
		u32 backend = i * 2654435761u >> 24;

		put("ring", &i, &backend);
	}
	for (i = 0; i < BACKENDS; i++) {
		struct backend b = {addr(172, 16, 0, i), {2, 0, 0, 0, 1, (u8)i}};

		put("backends", &i, &b);
	}
}

static void fill_packet(struct packet *p, const struct flow_key *flow, u32 dport)
{
	u8 *ip = p->bytes + ETH, *l4 = ip + IPV4;
	u16 to = __builtin_bswap16((u16)dport);
	u32 daddr = addr(198, 51, 100, 1);

	memset(p, 0, sizeof(*p));
	p->size = FRAME;
	p->bytes[12] = 8; /* IPv4 */
	ip[0] = 0x45;
	ip[3] = FRAME - ETH;
	ip[8] = 64;
	ip[9] = (u8)flow->proto;
	memcpy(ip + 12, &flow->saddr, 4);
	memcpy(ip + 16, &daddr, 4);
	memcpy(l4, &flow->sport, 2);
	memcpy(l4 + 2, &to, 2);
}

/*
 * Of eight packets: five of known connections, one from a blocked network, one to a closed port,
 * one of UDP, for which the balancer keeps no connection.
 */
static void fill_packets(struct packet *packets)
{
	struct flow_key flow;
	u32 i;

	for (i = 0; i < PACKETS; i++) {
		flow = flow_of(i * 1001 + 5, i == 7 ? UDP : TCP);
		if (i == 5)
			flow.saddr = addr(193, 50, 89, 9); /* i = 201 of fill_maps() */
		fill_packet(&packets[i], &flow, i == 6 ? CLOSED_PORT : SERVICE_PORT);
	}
}

/* ---- programs -------------------------------------------------------------------------------- */

/* The loaded program's instructions name the kernel's descriptors: ours instead. */
static int load_here(const struct bpf_program *prog)
{
	static struct insn insns[4096];
	static char log[1 << 16];
	u32 count = (u32)bpf_program__insn_cnt(prog), i, k;
	union bpf_attr attr = {
		.prog_type = bpf_program__type(prog),
		.insns = (u64)(uintptr_t)insns,
		.insn_cnt = count,
		.license = (u64)(uintptr_t) "Dual BSD/GPL",
	};
	int fd;

	if (count > ARRAY_SIZE(insns))
		return -E2BIG;
	memcpy(insns, bpf_program__insns(prog), count * sizeof(*insns));
	for (i = 0; i < count; i++) {
		if (!insn_is_ld_imm64(&insns[i]))
			continue;
		for (k = 0; k < ARRAY_SIZE(twins) && insns[i].src == BPF_PSEUDO_MAP_FD; k++) {
			if (twins[k].kernel_fd == insns[i].imm) {
				insns[i].imm = twins[k].fd;
				break;
			}
		}
		i++;
	}
	fd = (int)hachi_bpf(instance, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0) {
		attr.log_buf = (u64)(uintptr_t)log;
		attr.log_size = sizeof(log);
		attr.log_level = 1;
		hachi_bpf(instance, BPF_PROG_LOAD, &attr, sizeof(attr));
		printf("# %s: %d\n%s\n", bpf_program__name(prog), fd, log);
	}
	return fd;
}

/* The prog array: each world's own programs. */
static bool load_steps(const struct bpf_object *object)
{
#define NAME(name) #name,
	static const char *const names[] = {BENCH_STEPS(NAME)};
	const struct twin *t = twin_of("steps");
	u32 i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const struct bpf_program *prog = bpf_object__find_program_by_name(object, names[i]);
		int theirs = bpf_program__fd(prog), ours = load_here(prog);
		union bpf_attr attr = {
			.map_fd = (u32)t->fd,
			.key = (u64)(uintptr_t)&i,
			.value = (u64)(uintptr_t)&ours,
		};

		if (ours < 0 || bpf_map_update_elem(t->kernel_fd, &i, &theirs, BPF_ANY) ||
			hachi_bpf(instance, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
			return false;
	}
	return true;
}

/* Where native code finds a map: in a program that uses it. */
static void find_maps(const struct prog *prog)
{
	u32 i, k;

	for (i = 0; i < prog->map_count; i++) {
		for (k = 0; k < ARRAY_SIZE(twins); k++) {
			struct map *map = prog->maps[i];
			helper_fn fn = helper_lookup_for(map);

			if (strcmp(map->params.name, twins[k].name))
				continue;
			*twins[k].native = (struct bench_map){
				.map = map,
				.values = map->values,
				.elem_size = map->elem_size,
				.cpu_stride = map->cpu_stride,
				.lookup = (void *)(fn
						?: helper_fn_for(
							   BPF_FUNC_map_lookup_elem, prog->type)),
			};
		}
	}
}

/* A program that test runs call once: the whole system call is timed. */
static double time_calls(const struct contest *c, struct packet *packet, u32 repeat, int *ret)
{
	u64 args[2] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	double start = bench_now_ns();
	u32 i;

	for (i = 0; i < repeat; i++) {
		if (bpf_prog_test_run_opts(c->kernel_fd, &opts))
			return -1;
	}
	*ret = (int)opts.retval;
	return (bench_now_ns() - start) / repeat;
}

static u32 jited_bytes(int fd)
{
	struct bpf_prog_info info = {0};
	u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.jited_prog_len;
}

static double empty_call_ns(const struct bpf_object *object)
{
	struct contest c = {.kernel_fd = bpf_program__fd(
				    bpf_object__find_program_by_name(object, "no_events"))};
	double t[9];
	int ret;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = time_calls(&c, NULL, 2000, &ret);
	return bench_median(t, ARRAY_SIZE(t));
}

static void bench(const struct program *p, const struct bpf_object *object, double loop_ns,
	const struct hachi_world *world, struct score *score)
{
	static struct packet packets[PACKETS];
	const struct bpf_program *in_kernel = bpf_object__find_program_by_name(object, p->name);
	bool is_xdp = bpf_program__type(in_kernel) == BPF_PROG_TYPE_XDP;
	struct hachi_prog *handle;
	struct contest c = {
		.name = p->name,
		.native = {p->native[0], p->native[1], p->native[2]},
		.kernel_fd = bpf_program__fd(in_kernel),
		.time_kernel = is_xdp ? contest_kernel_packet : time_calls,
		.kernel_loop_ns = is_xdp ? loop_ns : empty_call_ns(object),
		.packets = packets,
		.packet_count = is_xdp ? PACKETS : 1,
	};
	int fd = load_here(in_kernel);
	const struct prog *prog;

	if (fd < 0 || hachi_prog_get(instance, fd, &handle))
		return;
	prog = (struct prog *)handle;
	c.kernel_bytes = jited_bytes(c.kernel_fd);
	c.code = &prog->code;
	c.run = (struct run){
		.world = world,
		.services = prog->services,
		.owner = prog->owner,
		.cpu = os_cpu(),
		.fuel = -1,
	};
	native_run = c.run;
	c.has_tail_calls = strcmp(p->name, "chain") == 0;
	find_maps(prog);
	fill_packets(packets);
	epoch_enter();
	/* a tail call is too short for the kernel's whole nanoseconds to count in a mean */
	contest_hold(&c, c.has_tail_calls ? NULL : score);
	epoch_leave();
	hachi_prog_put(handle);
}

void whole_bench(const char *path, const char *only, double kernel_loop_ns)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct score score = {0};
	struct hachi_world world;
	struct bpf_map *map;
	u32 i;

	if (!object || bpf_object__load(object) || hachi_new(NULL, &instance)) {
		printf("# %s is not loaded\n", path);
		return;
	}
	bpf_object__for_each_map(map, object)
	{
		if (!make_twin(map))
			printf("# %s: no such map here\n", bpf_map__name(map));
	}
	world_init_self(&world);
	update_fn = helper_fn_for(BPF_FUNC_map_update_elem, BPF_PROG_TYPE_XDP);
	remove_fn = helper_fn_for(BPF_FUNC_map_delete_elem, BPF_PROG_TYPE_XDP);
	time_fn = helper_fn_for(BPF_FUNC_ktime_get_ns, BPF_PROG_TYPE_XDP);
	fill_maps();
	if (!load_steps(object))
		printf("# steps: not loaded\n");
	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		if (strstr(programs[i].name, only))
			bench(&programs[i], object, kernel_loop_ns, &world, &score);
	}
	score_print("whole programs", &score);
	hachi_free(instance);
	bpf_object__close(object);
}
