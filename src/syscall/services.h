/* SPDX-License-Identifier: BSD-2-Clause */
/* What helpers ask of the instance that owns the program; see runtime/run.h. */
#ifndef SYSCALL_SERVICES_H
#define SYSCALL_SERVICES_H

#include "runtime/run.h"

extern const struct run_services hachi_services;

#endif
