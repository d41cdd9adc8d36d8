/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FILE.bpf.c to FILE.bpf.o with clang, where clang is installed. vmlinux.h is generated from the
 * machine's BTF and cached; libbpf's headers come from the system.
 */
#ifndef CLIENT_COMPILE_H
#define CLIENT_COMPILE_H

#include "base/str.h"

/*
 * Compiles path into a temporary object and gives its path (the caller removes it with
 * compile_remove()). On failure the message says what is missing or ends with clang's own output:
 * -ENOENT no such file, -ENOPKG no clang, -EINVAL clang refused it.
 */
int compile_bpf(const char *path, const char *const *extra_flags, char *ret_object, size_t size,
	struct strbuf *ret_message);
void compile_remove(const char *object);

/* Writes the C declarations of all types of a BTF file to path ("bpftool btf dump format c"). */
int compile_vmlinux_header(const char *btf_path, const char *out_path, struct strbuf *ret_message);
/* Directory that holds the cached vmlinux.h, generated now if it is not there. */
int compile_header_dir(char *ret_dir, size_t size, struct strbuf *ret_message);

#endif
