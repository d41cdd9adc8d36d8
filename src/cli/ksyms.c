// SPDX-License-Identifier: BSD-2-Clause
#include "cli/prog.h"

#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct ksym *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

int ksyms_load(struct ksyms *syms)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		struct ksym sym;
		unsigned long long address;

		if (sscanf(line, "%llx %*c %255s", &address, sym.name) != 2 || !address)
			continue;
		sym.address = address;
		if (strcmp(sym.name, "__bpf_call_base") == 0)
			syms->call_base = address;
		if (vec_push(&syms->list, sym)) {
			fclose(f);
			ksyms_release(syms);
			return -ENOMEM;
		}
	}
	fclose(f);
	if (syms->list.len)
		qsort(syms->list.data, syms->list.len, sizeof(struct ksym), compare);
	return 0;
}

const struct ksym *ksyms_find(const struct ksyms *syms, u64 address)
{
	struct ksym key = {.address = address};

	if (!syms->list.len)
		return NULL;
	return bsearch(&key, syms->list.data, syms->list.len, sizeof(key), compare);
}

void ksyms_release(struct ksyms *syms)
{
	vec_release(&syms->list);
	syms->call_base = 0;
}
