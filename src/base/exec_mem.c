// SPDX-License-Identifier: BSD-2-Clause
/*
 * One range of addresses is reserved for all images: below our own text, so that calls of our
 * functions are short. An image takes the next pages of it that are free, and one more, which stays
 * inaccessible; the page before them is the last one of another image, or the first of the range.
 * The place moves on with each image, so that an address that once held code is not soon code of
 * somebody else. What finds no place there gets a range of its own.
 */
#include "base/exec_mem.h"

#include "base/bitset.h"

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

enum { AREA_PAGES = REACH / 4096 };

static u8 *area;				 /* reserved, or NULL */
static u64 area_taken[BITSET_WORDS(AREA_PAGES)]; /* bits of pages */
static u64 area_next;				 /* counts pages; modulo AREA_PAGES */

static size_t page_size(void)
{
	static size_t known;
	size_t size = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (unlikely(!size)) {
		size = (size_t)sysconf(_SC_PAGESIZE);
		__atomic_store_n(&known, size, __ATOMIC_RELAXED);
	}
	return size;
}

/* Where `size` bytes, and `below` bytes between them and the gap, would lie well; or NULL. */
static void *near_text(size_t size, size_t below)
{
	enum { HUGE = 1 << 21 };
	u64 text = (u64)(uintptr_t)&exec_mem_new & ~(u64)(HUGE - 1);

	if (size > SIZE_MAX - below - GAP || text < GAP + size + below)
		return NULL;
	return (void *)(uintptr_t)((text - GAP - size - below) & ~(u64)(HUGE - 1));
}

static void *reserve(void *at, size_t size, int flags)
{
	void *p = mmap(
		at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* The range for all; NULL when there is none. */
static u8 *get_area(void)
{
	size_t size = (AREA_PAGES + 1) * page_size();
	u8 *old = __atomic_load_n(&area, __ATOMIC_ACQUIRE), *mine;

	if (likely(old))
		return old;
	mine = reserve(near_text(size, 0), size, 0);
	if (!mine)
		return NULL;
	if (__atomic_compare_exchange_n(
		    &area, &old, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return mine;
	munmap(mine, size); /* another thread has made it meanwhile */
	return old;
}

/* Sets the bits of so many pages, or none of them when one is set already. */
static bool take_pages(u64 first, u64 count)
{
	u64 i, bit;

	for (i = 0; i < count; i++) {
		bit = 1ull << (first + i) % 64;
		if (__atomic_fetch_or(&area_taken[(first + i) / 64], bit, __ATOMIC_ACQUIRE) & bit)
			break;
	}
	if (i == count)
		return true;
	while (i-- > 0) {
		bit = 1ull << (first + i) % 64;
		__atomic_fetch_and(&area_taken[(first + i) / 64], ~bit, __ATOMIC_RELEASE);
	}
	return false;
}

static void give_pages_back(u64 first, u64 count)
{
	u64 i;

	for (i = first; i < first + count; i++)
		__atomic_fetch_and(&area_taken[i / 64], ~(1ull << i % 64), __ATOMIC_RELEASE);
}

/* So many bytes of the area and a guard page behind them; the page before is one, too. */
static u8 *take_from_area(size_t size)
{
	u64 pages = size / page_size() + 1, tried;
	u8 *base = pages <= AREA_PAGES ? get_area() : NULL;

	for (tried = 0; base && tried <= AREA_PAGES; tried += pages) {
		u64 first = __atomic_fetch_add(&area_next, pages, __ATOMIC_RELAXED) % AREA_PAGES;

		if (first + pages <= AREA_PAGES && take_pages(first, pages))
			return base + (first + 1) * page_size();
	}
	return NULL;
}

static bool is_in_area(const u8 *base)
{
	const u8 *start = __atomic_load_n(&area, __ATOMIC_ACQUIRE);

	return start && base >= start && base < start + AREA_PAGES * page_size();
}

static void give_back(u8 *base, size_t size)
{
	size_t page = page_size();

	if (!is_in_area(base))
		munmap(base - page, size + 2 * page);
	else if (reserve(base, size, MAP_FIXED))
		give_pages_back((u64)(base - area) / page - 1, size / page + 1);
	/* else it stays taken for good */
}

int exec_mem_new(size_t size, struct exec_mem *ret_mem)
{
	size_t page = page_size();
	size_t usable = ALIGN_UP(size ? size : 1, page);
	u8 *base;

	if (usable < size || usable > SIZE_MAX - 2 * page)
		return -ENOMEM;
	base = take_from_area(usable);
	if (!base) {
		base = reserve(near_text(usable + 2 * page,
				       __atomic_load_n(&area, __ATOMIC_RELAXED) ? REACH : 0),
			usable + 2 * page, 0);
		if (!base)
			return -errno;
		base += page;
	}
	if (mprotect(base, usable, PROT_READ | PROT_WRITE)) {
		int err = -errno;

		give_back(base, usable);
		return err;
	}
	observe();
	*ret_mem = (struct exec_mem){.base = base, .size = usable};
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
	if (mem->base) {
		give_back(mem->base, mem->size);
		observe();
	}
	memset(mem, 0, sizeof(*mem));
}
