// SPDX-License-Identifier: BSD-2-Clause
/* What compile.sh looks at: things that the compiler carries out without a call. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u64);
	__type(value, __u64);
} totals SEC(".maps");

__u64 packets, bytes;

static int add(__u32 i, void *ctx)
{
	__u64 *sum = ctx;

	*sum += i * i;
	return i == 90;
}

static int visit(__u32 i, void *ctx)
{
	return bpf_loop(3, add, ctx, 0) != 3;
}

SEC("xdp") int turns(struct xdp_md *ctx)
{
	__u64 sum = 0;
	long n = bpf_loop(100, add, &sum, 0);

	n = n * 100 + bpf_loop(ctx->data_end - ctx->data, add, &sum, 0);
	n = n * 100 + bpf_loop(2, visit, &sum, 0);
	if (bpf_loop((1 << 23) + 1, add, &sum, 0) != -7)
		return -1;
	return n * 1000 + sum;
}

SEC("xdp") int counted(struct xdp_md *ctx)
{
	__u32 one = 1;
	__u64 key = 5, value = 40, *v = bpf_map_lookup_elem(&counts, &one), *w;

	packets++;
	bytes += ctx->data_end - ctx->data;
	if (!v || bpf_map_update_elem(&totals, &key, &value, BPF_ANY))
		return -1;
	*v += packets;
	w = bpf_map_lookup_elem(&totals, &key);
	return w ? *w + *v + (bpf_get_smp_processor_id() > 4096) +
			2 * (bpf_get_current_pid_tgid() >> 32 == 0)
		 : -2;
}

SEC("xdp") int looked_up(struct xdp_md *ctx)
{
	__u32 key = ctx->data_end - ctx->data > 9;
	__u64 *v = bpf_map_lookup_elem(&counts, &key);

	return v ? *v : -1;
}

/* Which power of two, as histograms want it. */
static __always_inline __u32 log2_of(__u32 v)
{
	__u32 result, shift;

	result = (v > 0xffff) << 4;
	v >>= result;
	shift = (v > 0xff) << 3;
	v >>= shift;
	result |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	result |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	result |= shift;
	return result | v >> 1;
}

SEC("xdp") int measured(struct xdp_md *ctx)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 x, sum = 0;

	if (p + 64 > end)
		return -1;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 64; i += 8)
		sum += *(__u64 *)(p + i) ^ i;
	x = sum >> (p[3] & 63);
	return (x >> 32 ? log2_of(x >> 32) + 32 : log2_of(x)) + 100 * __builtin_popcountll(sum);
}

SEC("xdp") int rewritten(struct xdp_md *ctx)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 x;

	if (p + 32 > end)
		return -1;
	x = *(__u64 *)p * 0x123456789abcdefULL;
	p[16] = x >> 24;
	p[17] = x >> 16;
	p[18] = x >> 8;
	p[19] = x;
	p[20] = 0;
	p[21] = 1;
	p[22] = 2;
	p[23] = 3;
	return 2;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
