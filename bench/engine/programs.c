// SPDX-License-Identifier: BSD-2-Clause
/*
 * The programs that `make bench-engine` measures. Compiled twice from here: for the BPF target, and
 * as native functions of the same shape (NATIVE). Each works on a packet of PACKET_BYTES; every
 * loop is bounded so that the kernel's verifier takes it.
 */
#include "bench/engine/programs.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#ifdef NATIVE
#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define PROGRAM(name)                                                                              \
	int PASTE(NATIVE, name)(struct bench_ctx * ctx);                                           \
	int PASTE(NATIVE, name)(struct bench_ctx * ctx)
#define STORAGE	     static
#define CTX	     struct bench_ctx
#define DATA(ctx)    ((u8 *)(ctx)->data)
#define DATAEND(ctx) ((u8 *)(ctx)->data_end)
#else
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define STORAGE
#define PROGRAM(name) SEC("xdp") int name(struct xdp_md *ctx)
#define DATA(ctx)     ((u8 *)(long)(ctx)->data)
#define DATAEND(ctx)  ((u8 *)(long)(ctx)->data_end)
char LICENSE[] SEC("license") = "Dual BSD/GPL";
#endif

#define NOINLINE    __attribute__((noinline))
#define INLINE	    static inline __attribute__((always_inline))
#define ROL32(x, n) ((u32)((x) << (n) | (x) >> (32 - (n))))
#define ROL64(x, n) ((u64)((x) << (n) | (x) >> (64 - (n))))
#define PACKET(ctx, p, bytes)                                                                      \
	u8 *p = DATA(ctx);                                                                         \
	if (p + (bytes) > DATAEND(ctx))                                                            \
	return -1

/* BPF has no unaligned wide loads that clang would choose: it goes byte by byte, as native does
 * not. */
struct unaligned32 {
	u32 v;
} __attribute__((packed));
struct unaligned64 {
	u64 v;
} __attribute__((packed));
#define LOAD32(p) (((struct unaligned32 *)(p))->v)
#define LOAD64(p) (((struct unaligned64 *)(p))->v)

PROGRAM(bit_ops)
{
	PACKET(ctx, p, 64);
	u64 x = LOAD64(p), sum = 0;

	for (int i = 0; i < 200; i++) {
		u64 v = x;

		v = (v & 0x5555555555555555ULL) + (v >> 1 & 0x5555555555555555ULL);
		v = (v & 0x3333333333333333ULL) + (v >> 2 & 0x3333333333333333ULL);
		v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
		sum += v * 0x0101010101010101ULL >> 56;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return (int)(sum ^ x);
}

#define QUARTER(a, b, c, d)                                                                        \
	a += b, d ^= a, d = ROL32(d, 16);                                                          \
	c += d, b ^= c, b = ROL32(b, 12);                                                          \
	a += b, d ^= a, d = ROL32(d, 8);                                                           \
	c += d, b ^= c, b = ROL32(b, 7)

PROGRAM(chacha)
{
	PACKET(ctx, p, 128);
	u32 *in = (u32 *)p, *out = (u32 *)(p + 64);
	u32 x0 = in[0], x1 = in[1], x2 = in[2], x3 = in[3], x4 = in[4], x5 = in[5], x6 = in[6],
	    x7 = in[7], x8 = in[8], x9 = in[9], x10 = in[10], x11 = in[11], x12 = in[12],
	    x13 = in[13], x14 = in[14], x15 = in[15];

	for (int i = 0; i < 10; i++) {
		QUARTER(x0, x4, x8, x12);
		QUARTER(x1, x5, x9, x13);
		QUARTER(x2, x6, x10, x14);
		QUARTER(x3, x7, x11, x15);
		QUARTER(x0, x5, x10, x15);
		QUARTER(x1, x6, x11, x12);
		QUARTER(x2, x7, x8, x13);
		QUARTER(x3, x4, x9, x14);
	}
	out[0] = x0 + in[0], out[1] = x1 + in[1], out[2] = x2 + in[2], out[3] = x3 + in[3];
	out[4] = x4 + in[4], out[5] = x5 + in[5], out[6] = x6 + in[6], out[7] = x7 + in[7];
	out[8] = x8 + in[8], out[9] = x9 + in[9], out[10] = x10 + in[10], out[11] = x11 + in[11];
	out[12] = x12 + in[12], out[13] = x13 + in[13], out[14] = x14 + in[14];
	out[15] = x15 + in[15];
	return (int)(out[0] ^ out[15]);
}

PROGRAM(division)
{
	PACKET(ctx, p, 64);
	u64 x = LOAD64(p) | 1, sum = 0;
	u32 d = LOAD32(p + 8) | 1;

	for (int i = 0; i < 100; i++) {
		sum += x / d + x % (d >> 3 | 1);
		sum ^= (u32)x / (d >> 7 | 1);
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		d = (u32)(x >> 33) | 1;
	}
	return (int)sum;
}

PROGRAM(empty)
{
	return 2;
}

PROGRAM(fibonacci)
{
	PACKET(ctx, p, 64);
	u64 a = p[0], b = 1;

	for (u32 i = 0; i < 500; i++) {
		u64 next = a + b;

		a = b;
		b = next;
	}
	return (int)a;
}

INLINE u32 fnv(const u8 *p, u32 bytes)
{
	u64 h = 0xcbf29ce484222325ULL;

	for (u32 i = 0; i < bytes; i++) {
		h ^= p[i];
		h *= 0x100000001b3ULL;
	}
	return (u32)(h ^ h >> 32);
}

PROGRAM(fnv_64)
{
	PACKET(ctx, p, 64);

	return (int)fnv(p, 64);
}

PROGRAM(fnv_1500)
{
	PACKET(ctx, p, 1500);

	return (int)fnv(p, 1500);
}

PROGRAM(state_machine)
{
	PACKET(ctx, p, 512);
	u32 state = 0, words = 0, numbers = 0, other = 0;

	for (u32 i = 0; i < 512; i++) {
		u8 c = p[i];

		switch (state) {
		case 0:
			if (c >= 'a' && c <= 'z')
				state = 1, words++;
			else if (c >= '0' && c <= '9')
				state = 2, numbers++;
			else if (c == '"')
				state = 3;
			else if (c == '\\')
				state = 4;
			else
				other++;
			break;
		case 1: state = c >= 'a' && c <= 'z' ? 1 : c == '-' ? 5 : 0; break;
		case 2: state = c >= '0' && c <= '9' ? 2 : c == '.' ? 6 : 0; break;
		case 3: state = c == '"' ? 0 : c == '\\' ? 7 : 3; break;
		case 4: state = 0; break;
		case 5: state = c >= 'a' && c <= 'z' ? 1 : 0; break;
		case 6: state = c >= '0' && c <= '9' ? 2 : 0; break;
		case 7: state = 3; break;
		default: state = 0; break;
		}
	}
	return (int)(words << 20 | numbers << 10 | other);
}

PROGRAM(ip_checksum)
{
	PACKET(ctx, p, 1200);
	u64 total = 0;

	for (u32 h = 0; h < 20; h++) {
		const u16 *w = (const u16 *)(p + h * 60);
		u32 sum = 0;

		for (u32 i = 0; i < 10; i++)
			sum += w[i];
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		total += (u16)~sum;
	}
	return (int)total;
}

#define JHASH_MIX(a, b, c)                                                                         \
	a -= c, a ^= ROL32(c, 4), c += b;                                                          \
	b -= a, b ^= ROL32(a, 6), a += c;                                                          \
	c -= b, c ^= ROL32(b, 8), b += a;                                                          \
	a -= c, a ^= ROL32(c, 16), c += b;                                                         \
	b -= a, b ^= ROL32(a, 19), a += c;                                                         \
	c -= b, c ^= ROL32(b, 4), b += a

PROGRAM(jhash)
{
	PACKET(ctx, p, 1200);
	u32 a = 0xdeadbeef + 1200, b = a, c = a;

	for (u32 i = 0; i < 1200; i += 12) {
		a += LOAD32(p + i);
		b += LOAD32(p + i + 4);
		c += LOAD32(p + i + 8);
		JHASH_MIX(a, b, c);
	}
	c ^= b, c -= ROL32(b, 14);
	a ^= c, a -= ROL32(c, 11);
	b ^= a, b -= ROL32(a, 25);
	c ^= b, c -= ROL32(b, 16);
	return (int)c;
}

INLINE u32 log2_u32(u32 v)
{
	u32 r, shift;

	r = (v > 0xffff) << 4;
	v >>= r;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | v >> 1;
}

PROGRAM(log_2)
{
	PACKET(ctx, p, 1024);
	u64 sum = 0;

	for (u32 i = 0; i < 1024; i += 8) {
		u64 v = *(u64 *)(p + i);
		u32 hi = (u32)(v >> 32);

		sum += hi ? log2_u32(hi) + 32 : log2_u32((u32)v);
	}
	return (int)sum;
}

/* all zero in every engine: what counts is the way to it */
enum { TABLE_SIZE = 65537 };
STORAGE u32 maglev_table[TABLE_SIZE];

PROGRAM(maglev)
{
	PACKET(ctx, p, 1200);
	u64 sum = 0;

	for (u32 i = 0; i < 50; i++) {
		const u8 *t = p + i * 16;
		u32 a = 0x9e3779b9 + LOAD32(t), b = 0x9e3779b9 + LOAD32(t + 4), c = LOAD32(t + 8);
		u32 slot;

		JHASH_MIX(a, b, c);
		slot = c % TABLE_SIZE;
		__asm__ volatile(""
				 : "+r"(slot)); /* or clang drops the check that verifiers want */
		if (slot >= TABLE_SIZE)
			return -1;
		sum += maglev_table[slot] + slot;
	}
	return (int)sum;
}

enum { SIEVE_SIZE = 2048 };
STORAGE u8 sieve_marks[SIEVE_SIZE];

PROGRAM(sieve)
{
	u32 count = 0;

	for (u32 i = 0; i < SIEVE_SIZE; i++)
		sieve_marks[i] = i & 1;
	for (u32 i = 2; i < 46; i++) {
		if (!sieve_marks[i])
			continue;
		for (u32 k = i * i; k < SIEVE_SIZE; k += i)
			sieve_marks[k] = 0;
	}
	for (u32 i = 2; i < SIEVE_SIZE; i++)
		count += sieve_marks[i];
	return (int)count;
}

PROGRAM(string_compare)
{
	PACKET(ctx, p, 1024);
	u32 i;

	/* the harness makes the two halves equal */
	for (i = 0; i < 511; i++) {
		u8 a = p[i], b = p[512 + i];

		if (a != b)
			return a < b ? -1 : 1;
		if (!a)
			break;
	}
	return (int)i;
}

NOINLINE static u32 mix_step(u32 x, u32 k)
{
	x ^= k;
	x *= 0x85ebca6b;
	return x ^ x >> 13;
}

NOINLINE static u32 mix_two(u32 x, u32 k)
{
	return mix_step(x, k) + mix_step(x + k, k ^ 0x1234567);
}

PROGRAM(calls)
{
	PACKET(ctx, p, 512);
	u32 h = 0;

	for (u32 i = 0; i < 256; i += 4)
		h = mix_two(h, *(u32 *)(p + i));
	return (int)h;
}

PROGRAM(xor_copy)
{
	PACKET(ctx, p, 1024);
	u64 key = 0x0123456789abcdefULL;

	for (u32 i = 0; i < 512; i += 8)
		*(u64 *)(p + 512 + i) = *(u64 *)(p + i) ^ key;
	return p[512];
}

#define XXH_P1 11400714785074694791ULL
#define XXH_P2 14029467366897019727ULL
#define XXH_P3 1609587929392839161ULL
#define XXH_P4 9650029242287828579ULL
#define XXH_P5 2870177450012600261ULL

INLINE u64 xxh_round(u64 acc, u64 in)
{
	acc += in * XXH_P2;
	return ROL64(acc, 31) * XXH_P1;
}

INLINE u64 xxh_merge(u64 h, u64 v)
{
	h ^= xxh_round(0, v);
	return h * XXH_P1 + XXH_P4;
}

PROGRAM(xxh64)
{
	PACKET(ctx, p, 1024);
	u64 v1 = XXH_P1 + XXH_P2, v2 = XXH_P2, v3 = 0, v4 = -XXH_P1, h;

	for (u32 i = 0; i < 1024; i += 32) {
		v1 = xxh_round(v1, LOAD64(p + i));
		v2 = xxh_round(v2, LOAD64(p + i + 8));
		v3 = xxh_round(v3, LOAD64(p + i + 16));
		v4 = xxh_round(v4, LOAD64(p + i + 24));
	}
	h = ROL64(v1, 1) + ROL64(v2, 7) + ROL64(v3, 12) + ROL64(v4, 18);
	h = xxh_merge(h, v1);
	h = xxh_merge(h, v2);
	h = xxh_merge(h, v3);
	h = xxh_merge(h, v4);
	h += 1024;
	h ^= h >> 33;
	h *= XXH_P2;
	h ^= h >> 29;
	h *= XXH_P3;
	h ^= h >> 32;
	return (int)(h ^ h >> 32);
}
