/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzz target is fuzz/NAME_fuzz.c with this one function; its corpus is fuzz/corpus/NAME/.
 * `make MODE=fuzz build/fuzz/fuzz/NAME_fuzz` builds the fuzzer, `make fuzz-replay` runs every
 * corpus through its target in any mode. An oracle that fails calls FUZZ_CHECK.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond);   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
