/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing the command to life: found in PATH, forked, seized, kept waiting on a pipe, moved onto
 * the tracer's CPU where that pays, and let go to its exec.
 */
#ifndef SOURCE_START_H
#define SOURCE_START_H

#include "source/internal.h"

int start_command(struct trace *trace);
int start_go(struct trace *trace);
/* After the end: -errno when the command's exec had failed, else 0. */
int start_exec_error(struct trace *trace);
/* Ends a child that never got its go-ahead; closes the pipes. */
void start_cancel(struct trace *trace);

#endif
