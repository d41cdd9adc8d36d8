// SPDX-License-Identifier: BSD-2-Clause
#include "base/exec_mem.h"

#include <sys/mman.h>
#include <unistd.h>

int exec_mem_new(size_t size, struct exec_mem *ret_mem)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t usable = ALIGN_UP(size ? size : 1, page);
	u8 *whole;

	if (usable < size || usable > SIZE_MAX - 2 * page)
		return -ENOMEM;
	whole = mmap(NULL, usable + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (whole == MAP_FAILED)
		return -errno;
	if (mprotect(whole + page, usable, PROT_READ | PROT_WRITE)) {
		int err = -errno;

		munmap(whole, usable + 2 * page);
		return err;
	}
	*ret_mem = (struct exec_mem){.base = whole + page, .size = usable};
	return 0;
}

int exec_mem_seal(struct exec_mem *mem)
{
	if (mprotect(mem->base, mem->size, PROT_READ | PROT_EXEC))
		return -errno;
	__builtin___clear_cache((char *)mem->base, (char *)mem->base + mem->size);
	mem->is_sealed = true;
	return 0;
}

void exec_mem_free(struct exec_mem *mem)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (mem->base)
		munmap(mem->base - page, mem->size + 2 * page);
	memset(mem, 0, sizeof(*mem));
}
