/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short integer names, and the few macros that every file uses. Knows nothing of BPF.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define ARRAY_SIZE(a)		      (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)		      ((a) < (b) ? (a) : (b))
#define MAX(a, b)		      ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)		      (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define IS_POWER_OF_2(x)	      ((x) != 0 && ((x) & ((x)-1)) == 0)
#define likely(x)		      __builtin_expect(!!(x), 1)
#define unlikely(x)		      __builtin_expect(!!(x), 0)
#define FALLTHROUGH		      __attribute__((fallthrough))
#define PRINTF_LIKE(f, a)	      __attribute__((format(printf, f, a)))
#define UNUSED			      __attribute__((unused))
#define STATIC_ASSERT(e)	      _Static_assert(e, #e)
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/*
 * An invariant of ours is broken. dev, asan, tsan and fuzz builds abort with the place; release
 * builds report once to the handler and go on, and the caller must then fail closed:
 *	if (bug_on(x > limit)) return -EFAULT;
 */
#define bug_on(cond) (unlikely(cond) ? (bug_report(#cond, __FILE__, __LINE__), true) : false)

void bug_report(const char *what, const char *file, int line);

/* Unaligned, aliasing-safe loads and stores in host order. */
#define DEFINE_UNALIGNED(T)                                                                        \
	static inline T load_##T(const void *p)                                                    \
	{                                                                                          \
		T v;                                                                               \
		memcpy(&v, p, sizeof(v));                                                          \
		return v;                                                                          \
	}                                                                                          \
	static inline void store_##T(void *p, T v)                                                 \
	{                                                                                          \
		memcpy(p, &v, sizeof(v));                                                          \
	}
DEFINE_UNALIGNED(u16)
DEFINE_UNALIGNED(u32)
DEFINE_UNALIGNED(u64)

#endif
