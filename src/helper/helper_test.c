// SPDX-License-Identifier: BSD-2-Clause
/* Helpers called as engines call them: maps, callbacks, records, dynptrs, the world. */
#include "helper/impl.h"

#include "base/os.h"
#include "map/ringbuf.h"
#include "map/stack_trace.h"
#include "runtime/image.h"
#include "spec/helper.h"
#include "test/tap.h"

#include <stdlib.h>
#include <sys/mman.h>

/* ---- a world that answers what the test wants ------------------------------------------------ */

static const char user_memory[] = "user text";
#define USER_ADDR   0x10000ull
#define KERNEL_ADDR 0xffff800000000000ull
static char kernel_memory[8192];
static int last_signal;

static u64 fake_time(const struct hachi_world *w, enum hachi_clock clock)
{
	return 1000000000ull * (1 + clock);
}

static u32 fake_random(const struct hachi_world *w)
{
	return 4;
}

static void fake_comm(const struct hachi_world *w, char comm[16])
{
	memcpy(comm, "a-rather-long-na", 16);
	comm[15] = 0;
}

static int read_range(
	void *dst, size_t len, u64 addr, u64 start, const char *memory, size_t memory_size)
{
	if (addr < start || len > memory_size || addr - start > memory_size - len)
		return -EFAULT;
	memcpy(dst, memory + (addr - start), len);
	return 0;
}

static int fake_read_user(const struct hachi_world *w, void *dst, size_t len, uint64_t addr)
{
	return read_range(dst, len, addr, USER_ADDR + 4096 - sizeof(user_memory), user_memory,
		sizeof(user_memory));
}

static int fake_read_kernel(const struct hachi_world *w, void *dst, size_t len, uint64_t addr)
{
	return read_range(dst, len, addr, KERNEL_ADDR, kernel_memory, sizeof(kernel_memory));
}

static int fake_stack(const struct hachi_world *w, uint64_t *ret_ips, uint32_t max)
{
	for (u32 i = 0; i < MIN(max, 5u); i++)
		ret_ips[i] = 100 + i;
	return (int)MIN(max, 5u);
}

static int fake_signal(const struct hachi_world *w, int sig, int whole_process)
{
	last_signal = whole_process ? sig : -sig;
	return 0;
}

static const struct hachi_world_ops fake_ops = {
	.time_ns = fake_time,
	.random = fake_random,
	.comm = fake_comm,
	.read_user = fake_read_user,
	.read_kernel = fake_read_kernel,
	.user_stack = fake_stack,
	.send_signal = fake_signal,
};

static struct hachi_world fake_world = {
	.size = sizeof(fake_world), .ops = &fake_ops, .pid = 12, .tgid = 10, .numa_node = 3};

/* ---- an engine whose callbacks are C functions ----------------------------------------------- */

static u64 fake_callback(struct run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	return ((helper_fn)(uintptr_t)func)(r1, r2, r3, r4, r5, run);
}

static const struct engine fake_engine = {.name = "test", .callback = fake_callback};
static const struct image fake_image = {.engine = &fake_engine};

static struct run new_run(void)
{
	return (struct run){
		.world = &fake_world, .image = &fake_image, .cpu = 0, .fuel = -1, .cookie = 55};
}

static u64 call(u32 id, struct run *run, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	helper_fn fn = helper_fn_for(id, BPF_PROG_TYPE_KPROBE);

	REQUIRE(fn != NULL);
	return fn(r1, r2, r3, r4, r5, run);
}

#define P(x) (u64)(uintptr_t)(x)

static struct map *new_map(u32 type, u32 key, u32 value, u32 entries)
{
	struct map_params params = {type, key, value, entries, .caps = CAP_ALL};
	struct map *map = NULL;

	REQUIRE_EQ(map_new(&params, &map), 0);
	return map;
}

TEST(map_helpers_reach_the_element_of_this_cpu)
{
	struct map *map = new_map(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4);
	struct run run = new_run();
	u32 key = 7, cpus = os_cpu_count();
	u64 value = 42;

	run.cpu = cpus - 1;
	CHECK_EQ(call(BPF_FUNC_map_lookup_elem, &run, P(map), P(&key), 0, 0, 0), 0);
	CHECK_EQ(call(BPF_FUNC_map_update_elem, &run, P(map), P(&key), P(&value), BPF_EXIST, 0),
		(u64)-ENOENT);
	CHECK_EQ(call(BPF_FUNC_map_update_elem, &run, P(map), P(&key), P(&value), 0, 0), 0);
	CHECK_EQ(*(u64 *)call(BPF_FUNC_map_lookup_elem, &run, P(map), P(&key), 0, 0, 0), 42);
	CHECK_EQ(*(u64 *)call(
			 BPF_FUNC_map_lookup_percpu_elem, &run, P(map), P(&key), cpus - 1, 0, 0),
		42);
	if (cpus > 1)
		CHECK_EQ(*(u64 *)call(
				 BPF_FUNC_map_lookup_percpu_elem, &run, P(map), P(&key), 0, 0, 0),
			0);
	CHECK_EQ(call(BPF_FUNC_map_lookup_percpu_elem, &run, P(map), P(&key), cpus, 0, 0), 0);
	CHECK_EQ(call(BPF_FUNC_map_delete_elem, &run, P(map), P(&key), 0, 0, 0), 0);
	CHECK_EQ(call(BPF_FUNC_map_delete_elem, &run, P(map), P(&key), 0, 0, 0), (u64)-ENOENT);
	map_unref(map);
}

static u64 sum_until_3(u64 map, u64 key, u64 value, u64 arg, u64 r5, struct run *run)
{
	u64 *sum = (u64 *)arg;

	*sum += *(u64 *)value;
	return *(u32 *)key == 3;
}

static u64 count_loops(u64 index, u64 arg, u64 r3, u64 r4, u64 r5, struct run *run)
{
	u64 *count = (u64 *)arg;

	(*count)++;
	return index == 1000;
}

TEST(callbacks_run_until_they_say_stop_or_the_fuel_ends)
{
	struct map *map = new_map(BPF_MAP_TYPE_ARRAY, 4, 8, 10);
	struct run run = new_run();
	u64 value, sum = 0, count = 0;

	for (u32 key = 0; key < 10; key++) {
		value = 1ull << key;
		map->ops->update(map, &key, &value, 0, 0);
	}
	CHECK_EQ(call(BPF_FUNC_for_each_map_elem, &run, P(map), P(sum_until_3), P(&sum), 0, 0), 4);
	CHECK_EQ(sum, 15);
	CHECK_EQ(call(BPF_FUNC_for_each_map_elem, &run, P(map), P(sum_until_3), P(&sum), 1, 0),
		(u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_loop, &run, 10, P(count_loops), P(&count), 0, 0), 10);
	CHECK_EQ(call(BPF_FUNC_loop, &run, 5000, P(count_loops), P(&count), 0, 0), 1001);
	CHECK_EQ(count, 1011);
	CHECK_EQ(call(BPF_FUNC_loop, &run, 0, P(count_loops), P(&count), 0, 0), 0);
	CHECK_EQ(call(BPF_FUNC_loop, &run, 8388609, P(count_loops), P(&count), 0, 0), (u64)-E2BIG);
	CHECK_EQ(call(BPF_FUNC_loop, &run, 1, P(count_loops), P(&count), 1, 0), (u64)-EINVAL);
	run.fuel = 3;
	count = 0;
	call(BPF_FUNC_loop, &run, 100, P(count_loops), P(&count), 0, 0);
	CHECK_EQ(run.fault, RUN_OUT_OF_FUEL);
	CHECK(count <= 4);
	map_unref(map);
}

TEST(records_are_lent_until_they_are_submitted)
{
	struct map *map = new_map(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	struct run run = new_run();
	struct helper_dynptr d;
	u64 data = 0x1122334455667788ull, sample;
	u8 *at;

	CHECK_EQ(call(BPF_FUNC_ringbuf_reserve, &run, P(map), 8, 1, 0, 0), 0);
	sample = call(BPF_FUNC_ringbuf_reserve, &run, P(map), 8, 0, 0, 0);
	REQUIRE(sample != 0);
	CHECK_EQ(run.lent_count, 1);
	CHECK_EQ(run.lent[0].addr, sample);
	CHECK_EQ(call(BPF_FUNC_ringbuf_query, &run, P(map), BPF_RB_AVAIL_DATA, 0, 0, 0), 16);
	call(BPF_FUNC_ringbuf_submit, &run, sample, 0, 0, 0, 0);
	CHECK_EQ(run.lent_count, 0);
	CHECK_EQ(call(BPF_FUNC_ringbuf_output, &run, P(map), P(&data), 8, 0, 0), 0);
	CHECK_EQ(call(BPF_FUNC_ringbuf_output, &run, P(map), P(&data), 8, 8, 0), (u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_ringbuf_output, &run, P(map), P(&data), 9000, 0, 0), (u64)-EAGAIN);

	CHECK_EQ(call(BPF_FUNC_ringbuf_reserve_dynptr, &run, P(map), 1u << 24, 0, P(&d), 0),
		(u64)-E2BIG);
	CHECK(d.data == NULL);
	CHECK_EQ(call(BPF_FUNC_ringbuf_reserve_dynptr, &run, P(map), 100, 0, P(&d), 0), 0);
	CHECK_EQ(call(BPF_FUNC_dynptr_write, &run, P(&d), 92, P(&data), 8, 0), 0);
	CHECK_EQ(call(BPF_FUNC_dynptr_write, &run, P(&d), 93, P(&data), 8, 0), (u64)-E2BIG);
	CHECK_EQ(call(BPF_FUNC_dynptr_write, &run, P(&d), 0, P(&data), 8, 1), (u64)-EINVAL);
	at = (u8 *)call(BPF_FUNC_dynptr_data, &run, P(&d), 92, 8, 0, 0);
	REQUIRE(at != NULL);
	CHECK_EQ(load_u64(at), data);
	CHECK_EQ(call(BPF_FUNC_dynptr_data, &run, P(&d), 93, 8, 0, 0), 0);
	call(BPF_FUNC_ringbuf_discard_dynptr, &run, P(&d), 0, 0, 0, 0);
	CHECK(d.data == NULL);
	CHECK_EQ(call(BPF_FUNC_dynptr_read, &run, P(&data), 8, P(&d), 0, 0), (u64)-EINVAL);
	CHECK_EQ(run.lent_count, 0);
	map_unref(map);
}

TEST(local_dynptrs_are_bounded)
{
	struct run run = new_run();
	struct helper_dynptr d;
	char memory[20] = "0123456789", part[4];

	CHECK_EQ(call(BPF_FUNC_dynptr_from_mem, &run, P(memory), 20, 1, P(&d), 0), (u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_dynptr_from_mem, &run, P(memory), 20, 0, P(&d), 0), 0);
	CHECK_EQ(call(BPF_FUNC_dynptr_read, &run, P(part), 4, P(&d), 5, 0), 0);
	CHECK_MEM(part, "5678", 4);
	CHECK_EQ(call(BPF_FUNC_dynptr_read, &run, P(part), 4, P(&d), 17, 0), (u64)-E2BIG);
	CHECK_EQ(call(BPF_FUNC_dynptr_read, &run, P(part), 4, P(&d), 0xffffffff, 0), (u64)-E2BIG);
	CHECK_EQ(call(BPF_FUNC_dynptr_read, &run, P(part), 4, P(&d), 0, 1), (u64)-EINVAL);
}

TEST(strings_stop_at_their_nul_and_faults_zero_everything)
{
	struct run run = new_run();
	u64 text = USER_ADDR + 4096 - sizeof(user_memory); /* ends where the page does */
	char dst[32], zeroes[32] = {0};

	memset(dst, 0xff, sizeof(dst));
	CHECK_EQ(call(BPF_FUNC_probe_read_user_str, &run, P(dst), 32, text, 0, 0), 10);
	CHECK_STR(dst, "user text");
	CHECK_EQ(call(BPF_FUNC_probe_read_user_str, &run, P(dst), 5, text, 0, 0), 5);
	CHECK_STR(dst, "user");
	CHECK_EQ(call(BPF_FUNC_probe_read_user_str, &run, P(dst), 0, text, 0, 0), 0);
	CHECK_EQ(call(BPF_FUNC_probe_read_user, &run, P(dst), 4, text + 5, 0, 0), 0);
	CHECK_MEM(dst, "text", 4);
	memset(dst, 0xff, sizeof(dst));
	CHECK_EQ(call(BPF_FUNC_probe_read_user, &run, P(dst), 32, text, 0, 0), (u64)-EFAULT);
	CHECK_MEM(dst, zeroes, 32);
	CHECK_EQ(call(BPF_FUNC_probe_read_user, &run, P(dst), 32, 0, 0, 0), (u64)-EFAULT);
	CHECK_EQ(call(BPF_FUNC_probe_read_user, &run, P(dst), 0, 0, 0, 0), 0);
	memset(kernel_memory, 'k', sizeof(kernel_memory));
	memset(dst, 0xff, sizeof(dst));
	CHECK_EQ(call(BPF_FUNC_probe_read_kernel_str, &run, P(dst), 32, KERNEL_ADDR + 8190, 0, 0),
		(u64)-EFAULT);
	CHECK_MEM(dst, zeroes, 32);
	CHECK_EQ(call(BPF_FUNC_probe_read_kernel_str, &run, P(dst), 32, KERNEL_ADDR + 4090, 0, 0),
		32);
	CHECK_EQ(dst[31], 0);
	CHECK_EQ(call(BPF_FUNC_probe_read_str, &run, P(dst), 32, text, 0, 0), 10);
	CHECK_EQ(call(BPF_FUNC_probe_read_str, &run, P(dst), 8, KERNEL_ADDR, 0, 0), 8);
	CHECK_EQ(call(BPF_FUNC_copy_from_user, &run, P(dst), 4, text, 0, 0), 0);
}

TEST(the_current_task_is_the_worlds)
{
	struct run run = new_run();
	char comm[20];
	u64 args[3] = {11, 22, 33}, got = 0;

	CHECK_EQ(call(BPF_FUNC_get_current_pid_tgid, &run, 0, 0, 0, 0, 0), 10ull << 32 | 12);
	memset(comm, 0xff, sizeof(comm));
	CHECK_EQ(call(BPF_FUNC_get_current_comm, &run, P(comm), 20, 0, 0, 0), 0);
	CHECK_STR(comm, "a-rather-long-n");
	CHECK_EQ(comm[19], 0);
	CHECK_EQ(call(BPF_FUNC_get_current_comm, &run, P(comm), 4, 0, 0, 0), 0);
	CHECK_STR(comm, "a-r");
	CHECK_EQ(call(BPF_FUNC_ktime_get_ns, &run, 0, 0, 0, 0, 0), 1000000000);
	CHECK_EQ(call(BPF_FUNC_ktime_get_boot_ns, &run, 0, 0, 0, 0, 0), 2000000000);
	CHECK_EQ(call(BPF_FUNC_get_prandom_u32, &run, 0, 0, 0, 0, 0), 4);
	CHECK_EQ(call(BPF_FUNC_get_numa_node_id, &run, 0, 0, 0, 0, 0), 3);
	CHECK_EQ(call(BPF_FUNC_get_attach_cookie, &run, 0, 0, 0, 0, 0), 55);
	CHECK_EQ(call(BPF_FUNC_send_signal, &run, 9, 0, 0, 0, 0), 0);
	CHECK_EQ(last_signal, 9);
	CHECK_EQ(call(BPF_FUNC_send_signal_thread, &run, 10, 0, 0, 0, 0), 0);
	CHECK_EQ(last_signal, -10);
	CHECK_EQ(call(BPF_FUNC_send_signal, &run, 65, 0, 0, 0, 0), (u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_override_return, &run, 0, 0, 0, 0, 0), (u64)-EOPNOTSUPP);
	CHECK_EQ(call(BPF_FUNC_get_func_arg, &run, 0, 0, P(&got), 0, 0), (u64)-EINVAL);
	run.func_args = P(args);
	run.func_arg_count = 2;
	CHECK_EQ(call(BPF_FUNC_get_func_arg, &run, 0, 1, P(&got), 0, 0), 0);
	CHECK_EQ(got, 22);
	CHECK_EQ(call(BPF_FUNC_get_func_arg, &run, 0, 2, P(&got), 0, 0), (u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_get_func_ret, &run, 0, P(&got), 0, 0, 0), 0);
	CHECK_EQ(got, 33);
	CHECK_EQ(call(BPF_FUNC_get_func_arg_cnt, &run, 0, 0, 0, 0, 0), 2);
}

TEST(stacks_are_skipped_cut_and_named)
{
	struct map *map = new_map(BPF_MAP_TYPE_STACK_TRACE, 4, 3 * 8, 16);
	struct run run = new_run();
	u64 ips[8], zero = 0;
	u32 id;

	CHECK_EQ(call(BPF_FUNC_get_stack, &run, 0, P(ips), 64, BPF_F_USER_STACK, 0), 40);
	CHECK_EQ(ips[0], 100);
	CHECK_EQ(ips[4], 104);
	CHECK_EQ(ips[5], 0);
	CHECK_EQ(call(BPF_FUNC_get_stack, &run, 0, P(ips), 16, BPF_F_USER_STACK | 2, 0), 16);
	CHECK_EQ(ips[0], 102);
	CHECK_EQ(call(BPF_FUNC_get_stack, &run, 0, P(ips), 64, BPF_F_USER_STACK | 6, 0),
		(u64)-EFAULT);
	CHECK_MEM(ips, &zero, 8);
	CHECK_EQ(call(BPF_FUNC_get_stack, &run, 0, P(ips), 63, BPF_F_USER_STACK, 0), (u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_get_stack, &run, 0, P(ips), 64, BPF_F_USER_BUILD_ID, 0),
		(u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_get_stack, &run, 0, P(ips), 64,
			 BPF_F_USER_BUILD_ID | BPF_F_USER_STACK, 0),
		64);
	CHECK_EQ(load_u32(ips), BPF_STACK_BUILD_ID_IP);
	id = (u32)call(BPF_FUNC_get_stackid, &run, 0, P(map), BPF_F_USER_STACK, 0, 0);
	CHECK_EQ(map->ops->copy_out(map, &id, ips, 0), 0);
	CHECK_EQ(ips[0], 100);
	CHECK_EQ(ips[2], 102);
	CHECK_EQ(call(BPF_FUNC_get_stackid, &run, 0, P(map), BPF_F_USER_STACK, 0, 0), id);
	CHECK_EQ(call(BPF_FUNC_get_stackid, &run, 0, P(map), BPF_F_USER_STACK | 5, 0, 0),
		(u64)-EFAULT);
	CHECK_EQ(call(BPF_FUNC_get_stackid, &run, 0, P(map), 1 << 14, 0, 0), (u64)-EINVAL);
	map_unref(map);
}

static u64 stop_at_second(u64 dynptr, u64 arg, u64 r3, u64 r4, u64 r5, struct run *run)
{
	u64 *sum = (u64 *)arg, value = 0;

	helper_dynptr_read(P(&value), 8, dynptr, 0, 0, run);
	*sum += value;
	return value == 2;
}

TEST(user_rings_are_drained_sample_by_sample)
{
	struct map *map = new_map(BPF_MAP_TYPE_USER_RINGBUF, 0, 0, 4096);
	u64 *produced = (u64 *)(map->region + os_page_size()), sum = 0;
	u8 *data = map->region + 2 * os_page_size();
	struct run run = new_run();

	for (u64 i = 0; i < 4; i++) {
		store_u32(data + i * 16, 8 | (i == 0 ? BPF_RINGBUF_DISCARD_BIT : 0));
		store_u64(data + i * 16 + 8, i);
	}
	*produced = 64;
	CHECK_EQ(call(BPF_FUNC_user_ringbuf_drain, &run, P(map), P(stop_at_second), P(&sum), 0, 0),
		2);
	CHECK_EQ(sum, 3);
	CHECK_EQ(call(BPF_FUNC_user_ringbuf_drain, &run, P(map), P(stop_at_second), P(&sum), 0, 0),
		1);
	CHECK_EQ(sum, 6);
	CHECK_EQ(call(BPF_FUNC_user_ringbuf_drain, &run, P(map), P(stop_at_second), P(&sum), 0, 0),
		0);
	CHECK_EQ(call(BPF_FUNC_user_ringbuf_drain, &run, P(map), P(stop_at_second), P(&sum), 8, 0),
		(u64)-EINVAL);
	map_unref(map);
}

/* ---- what goes out ------------------------------------------------------------------------------
 */

static char last_trace[1100];
static u8 last_event[64];
static u64 last_event_size, last_event_flags;

static void keep_trace(struct run *run, const char *text, size_t len)
{
	memcpy(last_trace, text, len);
	last_trace[len] = 0;
}

static int keep_event(struct run *run, u64 map, u64 flags, const void *data, u64 size)
{
	memcpy(last_event, data, MIN(size, sizeof(last_event)));
	last_event_size = size;
	last_event_flags = flags;
	return 0;
}

static const struct run_services services = {.trace = keep_trace, .perf_output = keep_event};

TEST(trace_lines_come_out_whole)
{
	struct run run = new_run();
	static const char fmt[] = "a=%d b=%s c=%x\n", bad[] = {'n', 'o', ' ', 'e', 'n', 'd'};
	u64 args[2] = {1, 2};

	run.services = &services;
	CHECK_EQ(call(BPF_FUNC_trace_printk, &run, P(fmt), sizeof(fmt), -5,
			 USER_ADDR + 4096 - sizeof(user_memory), 255),
		22);
	CHECK_STR(last_trace, "a=-5 b=user text c=ff\n");
	CHECK_EQ(call(BPF_FUNC_trace_printk, &run, P(bad), sizeof(bad), 0, 0, 0), (u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_trace_vprintk, &run, P("%d %d"), 6, P(args), 16, 0), 3);
	CHECK_STR(last_trace, "1 2");
	CHECK_EQ(call(BPF_FUNC_trace_vprintk, &run, P("%d %d"), 6, P(args), 8, 0), (u64)-EINVAL);
	CHECK_EQ(call(BPF_FUNC_trace_vprintk, &run, P("%d"), 3, P(args), 9, 0), (u64)-EINVAL);
}

TEST(events_carry_the_packet_when_asked)
{
	struct run run = new_run();
	u8 packet[20] = "0123456789";
	struct hachi_skb skb = {.data = P(packet), .len = 20};
	helper_fn fn = helper_fn_for(BPF_FUNC_perf_event_output, BPF_PROG_TYPE_SCHED_CLS);

	run.services = &services;
	CHECK_EQ(call(BPF_FUNC_perf_event_output, &run, 0, 1, BPF_F_CURRENT_CPU, P("abcd"), 4), 0);
	CHECK_EQ(last_event_size, 4);
	CHECK_EQ(last_event_flags, BPF_F_CURRENT_CPU);
	CHECK_EQ(call(BPF_FUNC_perf_event_output, &run, 0, 1, 1ull << 32, P("abcd"), 4),
		(u64)-EINVAL);
	CHECK_EQ(fn(P(&skb), 1, 6ull << 32 | 3, P("abcd"), 4, &run), 0);
	CHECK_EQ(last_event_size, 10);
	CHECK_EQ(last_event_flags, 3);
	CHECK_MEM(last_event, "abcd012345", 10);
	CHECK_EQ(fn(P(&skb), 1, 21ull << 32, P("abcd"), 4, &run), (u64)-EFAULT);
}

TEST(redirects_are_left_in_the_context)
{
	struct hachi_skb skb = {0};
	struct hachi_xdp xdp = {0};
	struct run run = new_run();
	helper_fn tc = helper_fn_for(BPF_FUNC_redirect, BPF_PROG_TYPE_SCHED_CLS);
	helper_fn frame = helper_fn_for(BPF_FUNC_redirect, BPF_PROG_TYPE_XDP);

	run.ctx = &skb;
	CHECK_EQ(tc(5, BPF_F_INGRESS, 0, 0, 0, &run), 7);
	CHECK_EQ(skb.redirect_ifindex, 5);
	CHECK_EQ(skb.redirect_flags, BPF_F_INGRESS);
	CHECK_EQ(tc(5, 8, 0, 0, 0, &run), 2);
	run.ctx = &xdp;
	CHECK_EQ(frame(6, 0, 0, 0, 0, &run), XDP_REDIRECT);
	CHECK_EQ(xdp.redirect_ifindex, 6);
	CHECK_EQ(frame(6, 1, 0, 0, 0, &run), XDP_ABORTED);
}

TEST(direct_lookups_find_what_the_helper_finds)
{
	static const u32 sizes[] = {4, 8, 16, 20};
	struct run run = new_run();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct map *map = new_map(BPF_MAP_TYPE_HASH, sizes[i], 8, 4);
		helper_fn direct = helper_lookup_for(map);
		u8 key[20] = {1, 2, 3};
		u64 value = 5;

		CHECK_EQ(direct != NULL, sizes[i] <= 16);
		CHECK_EQ(map->ops->update(map, key, &value, 0, 0), 0);
		if (direct) {
			CHECK_EQ(direct(P(map), P(key), 0, 0, 0, &run),
				call(BPF_FUNC_map_lookup_elem, &run, P(map), P(key), 0, 0, 0));
			key[0] = 7;
			CHECK_EQ(direct(P(map), P(key), 0, 0, 0, &run), 0);
		}
		map_unref(map);
	}
}

TEST(number_iterators_count_from_start_to_end)
{
	struct run run = new_run();
	s32 it[2] = {9, 9}, sum = 0, *at;

#define KCALL(name, ...) helper_kfunc(name)(__VA_ARGS__, &run)
	CHECK_EQ(KCALL("bpf_iter_num_new", P(it), (u64)-2, 4, 0, 0), 0);
	while ((at = (s32 *)KCALL("bpf_iter_num_next", P(it), 0, 0, 0, 0)))
		sum += *at;
	CHECK_EQ(sum, -2 - 1 + 0 + 1 + 2 + 3);
	CHECK_EQ(KCALL("bpf_iter_num_next", P(it), 0, 0, 0, 0), 0);
	CHECK_EQ(KCALL("bpf_iter_num_new", P(it), 4, 3, 0, 0), (u64)-EINVAL);
	CHECK_EQ(KCALL("bpf_iter_num_new", P(it), 0, 8388609, 0, 0), (u64)-E2BIG);
	CHECK_EQ(KCALL("bpf_iter_num_next", P(it), 0, 0, 0, 0), 0);
	CHECK(helper_kfunc("bpf_no_such_function") == NULL);
}

TEST(slices_and_adjusted_dynptrs_stay_inside)
{
	u8 packet[40] = "0123456789";
	struct hachi_skb skb = {.data = P(packet), .len = 40};
	struct run run = new_run();
	struct helper_dynptr d, copy;

	CHECK_EQ(KCALL("bpf_dynptr_from_skb", P(&skb), 1, P(&d), 0, 0), (u64)-EINVAL);
	CHECK_EQ(KCALL("bpf_dynptr_is_null", P(&d), 0, 0, 0, 0), 1);
	CHECK_EQ(KCALL("bpf_dynptr_from_skb", P(&skb), 0, P(&d), 0, 0), 0);
	CHECK_EQ(KCALL("bpf_dynptr_size", P(&d), 0, 0, 0, 0), 40);
	CHECK_EQ(KCALL("bpf_dynptr_slice", P(&d), 2, 0, 38, 0), P(packet + 2));
	CHECK_EQ(KCALL("bpf_dynptr_slice", P(&d), 2, 0, 39, 0), 0);
	CHECK_EQ(KCALL("bpf_dynptr_clone", P(&d), P(&copy), 0, 0, 0), 0);
	CHECK_EQ(KCALL("bpf_dynptr_adjust", P(&copy), 10, 20, 0, 0), 0);
	CHECK_EQ(KCALL("bpf_dynptr_size", P(&copy), 0, 0, 0, 0), 10);
	CHECK_EQ(KCALL("bpf_dynptr_slice_rdwr", P(&copy), 0, 0, 10, 0), P(packet + 10));
	CHECK_EQ(KCALL("bpf_dynptr_slice", P(&copy), 1, 0, 10, 0), 0);
	CHECK_EQ(KCALL("bpf_dynptr_adjust", P(&copy), 5, 11, 0, 0), (u64)-ERANGE);
	CHECK_EQ(KCALL("bpf_dynptr_adjust", P(&copy), 5, 4, 0, 0), (u64)-EINVAL);
	/* the packet may have shrunk since */
	skb.len = 15;
	CHECK_EQ(KCALL("bpf_dynptr_slice", P(&copy), 0, 0, 10, 0), 0);
	skb.len = 40;
	CHECK_EQ(KCALL("bpf_dynptr_from_skb_rdonly", P(&skb), 1, P(&d), 0, 0), (u64)-EINVAL);
	CHECK_EQ(KCALL("bpf_dynptr_from_skb_rdonly", P(&skb), 0, P(&d), 0, 0), 0);
	CHECK_EQ(KCALL("bpf_dynptr_is_rdonly", P(&d), 0, 0, 0, 0), 1);
	CHECK_EQ(KCALL("bpf_dynptr_slice", P(&d), 2, 0, 38, 0), P(packet + 2));
	CHECK_EQ(KCALL("bpf_dynptr_slice_rdwr", P(&d), 2, 0, 38, 0), 0);
	CHECK_EQ(call(BPF_FUNC_dynptr_write, &run, P(&d), 0, P("x"), 1, 0), (u64)-EINVAL);
	CHECK_EQ(packet[0], '0');
	CHECK_EQ(KCALL("bpf_throw", 42, 0, 0, 0, 0), 0);
	CHECK_EQ(run.fault, RUN_THROWN);
	CHECK_EQ(run.thrown, 42);
}
