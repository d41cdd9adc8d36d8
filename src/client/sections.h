/* SPDX-License-Identifier: BSD-2-Clause */
/* Section names that libbpf came to know after Debian 12's version, so that objects load here. */
#ifndef CLIENT_SECTIONS_H
#define CLIENT_SECTIONS_H

/* Once a process; more calls do nothing. 0 or -errno. */
int sections_register(void);

#endif
