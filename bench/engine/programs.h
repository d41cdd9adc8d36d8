/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs of programs.c by name, and what the native ones run on. */
#ifndef BENCH_ENGINE_PROGRAMS_H
#define BENCH_ENGINE_PROGRAMS_H

/* The start of struct hachi_xdp. */
struct bench_ctx {
	unsigned long data, data_end;
};

/* clang-format off */
#define BENCH_PROGRAMS(X)                                                                          \
	X(bit_ops)                                                                                 \
	X(chacha)                                                                                  \
	X(division)                                                                                \
	X(empty) X(fibonacci) X(fnv_64) X(fnv_1500) X(state_machine) X(ip_checksum) X(jhash)       \
		X(log_2) X(maglev) X(sieve) X(string_compare) X(calls) X(xor_copy) X(xxh64)
/* clang-format on */

enum { PACKET_BYTES = 1500 };

#endif
