/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole programs by name, and what stands behind their maps and helpers when they are compiled as
 * native code: hachi's own maps and functions, called directly, so that natively and in hachi the
 * maps are the same and only the code around them differs. (The kernel's maps are the kernel's.)
 */
#ifndef BENCH_ENGINE_WHOLE_H
#define BENCH_ENGINE_WHOLE_H

#define BENCH_WHOLE(X) X(firewall) X(balancer) X(chain) X(histogram)
/* What chain goes on with, by tail calls, in this order. */
#define BENCH_STEPS(X) X(chain_ip) X(chain_port)

/* name, kind, key, value, entries, flags */
#define BENCH_MAPS(X)                                                                              \
	X(blocked_nets, LPM_TRIE, struct net_key, unsigned int, 1024, 1 /* NO_PREALLOC */)         \
	X(open_ports, HASH, unsigned int, unsigned int, 64, 0)                                     \
	X(flows, HASH, struct flow_key, struct flow, 16384, 0)                                     \
	X(verdicts, PERCPU_ARRAY, unsigned int, unsigned long long, 4, 0)                          \
	X(services, HASH, unsigned int, unsigned int, 64, 0)                                       \
	X(connections, LRU_HASH, struct flow_key, unsigned int, 16384, 0)                          \
	X(ring, ARRAY, unsigned int, unsigned int, 65537, 0)                                       \
	X(backends, ARRAY, unsigned int, struct backend, 256, 0)                                   \
	X(starts, HASH, unsigned long long, unsigned long long, 1024, 0)                           \
	X(slots, ARRAY, unsigned int, unsigned long long, 64, 0)                                   \
	X(steps, PROG_ARRAY, unsigned int, unsigned int, 4, 0)

struct net_key {
	unsigned int bits;
	unsigned char addr[4];
};

struct flow_key {
	unsigned int saddr;
	unsigned short sport, dport;
	unsigned int proto, zero;
};

struct flow {
	unsigned long long packets, bytes;
};

struct backend {
	unsigned int addr;
	unsigned char mac[8];
};

enum { CHAIN_IP, CHAIN_PORT };

enum { RING_SIZE = 65537, BACKENDS = 256, EVENTS = 64 };

/* What the packets of the bench have: see whole_packets.c. */
enum { SERVICE_PORT = 443, CLOSED_PORT = 23 };

/* A map as native code sees it. */
struct bench_map {
	void *map;
	unsigned char *values; /* arrays */
	unsigned int elem_size;
	unsigned long long cpu_stride;
	void *lookup; /* what hachi's JIT calls, a helper_fn */
};

#define BENCH_DECLARE_MAP(name, ...) extern struct bench_map native_##name;
BENCH_MAPS(BENCH_DECLARE_MAP)

void *native_lookup(const struct bench_map *map, const void *key);
long native_update(const struct bench_map *map, const void *key, const void *value);
long native_remove(const struct bench_map *map, const void *key);
unsigned long long native_time_ns(void);
unsigned int native_cpu(void);

#endif
