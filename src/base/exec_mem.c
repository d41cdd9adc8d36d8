// SPDX-License-Identifier: BSD-2-Clause
#include "base/exec_mem.h"

#include <sys/mman.h>
#include <unistd.h>

/* How far below our text code goes: where a call of our functions reaches. */
#ifdef __aarch64__
#include <sys/auxv.h>
enum { GAP = 1 << 25, REACH = 1 << 26 };
#else
enum { GAP = 1 << 26, REACH = 1 << 30 };
#endif

void (*exec_mem_observer)(void);

static void observe(void)
{
	if (unlikely(exec_mem_observer))
		exec_mem_observer();
}

/* Code may only be entered at landing pads, where the processor knows of them. */
static int landing_pads(void)
{
#ifdef __aarch64__
	enum { HAS_BTI = 1 << 17, PAGES_WITH_BTI = 0x10 };

	return getauxval(AT_HWCAP2) & HAS_BTI ? PAGES_WITH_BTI : 0;
#else
	return 0; /* x86-64: a matter of the thread, not of the page */
#endif
}

/*
 * Where to ask for memory: below our own text, so that calls of our functions are short, and each
 * time lower, so that an address that once held code is not soon code of somebody else.
 */
static void *next_place(size_t size)
{
	enum { HUGE = 1 << 21 };
	static u64 taken;
	u64 text = (u64)(uintptr_t)&exec_mem_new & ~(u64)(HUGE - 1);
	u64 used = __atomic_add_fetch(&taken, ALIGN_UP(size, (size_t)4096), __ATOMIC_RELAXED);

	if (text < GAP + (u64)REACH)
		return NULL;
	return (void *)(uintptr_t)(text - GAP - used % REACH);
}

int exec_mem_new(size_t size, struct exec_mem *ret_mem)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t usable = ALIGN_UP(size ? size : 1, page);
	u8 *whole;

	if (usable < size || usable > SIZE_MAX - 2 * page)
		return -ENOMEM;
	whole = mmap(next_place(usable + 2 * page), usable + 2 * page, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (whole == MAP_FAILED)
		return -errno;
	observe();
	if (mprotect(whole + page, usable, PROT_READ | PROT_WRITE)) {
		int err = -errno;

		munmap(whole, usable + 2 * page);
		return err;
	}
	observe();
	*ret_mem = (struct exec_mem){.base = whole + page, .size = usable};
	return 0;
}

int exec_mem_seal(struct exec_mem *mem)
{
	if (mprotect(mem->base, mem->size, PROT_READ | PROT_EXEC | landing_pads()))
		return -errno;
	observe();
	__builtin___clear_cache((char *)mem->base, (char *)mem->base + mem->size);
	mem->is_sealed = true;
	return 0;
}

void exec_mem_free(struct exec_mem *mem)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (mem->base) {
		munmap(mem->base - page, mem->size + 2 * page);
		observe();
	}
	memset(mem, 0, sizeof(*mem));
}
