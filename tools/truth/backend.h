/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who answers bpf(2): the live kernel, with the process's capabilities lowered, or an instance of
 * ours made with those. libbpf, which is linked in, does not see the difference.
 */
#ifndef TRUTH_BACKEND_H
#define TRUTH_BACKEND_H

#include <stdbool.h>

enum backend_caps {
	CAPS_BPF = 1,
	CAPS_PERFMON = 2,
	CAPS_NET_ADMIN = 4,
	CAPS_SYS_ADMIN = 8,
	CAPS_ALL = 15,
};

struct backend {
	bool is_kernel;
	const char *version; /* whose verdicts ours are to be */
};

void backend_init(const struct backend *backend);
/* Why loading with no capability cannot be tried here, or NULL. */
const char *backend_unpriv_is_off(void);
/* Makes what follows a loader with these capabilities (enum backend_caps); 0 or -errno. */
int backend_begin(unsigned int caps);
/* The loader's full rights again, for running what it loaded. */
void backend_all_caps(void);
void backend_end(void);

#endif
