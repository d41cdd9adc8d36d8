/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values and signatures by BTF in the form that bpftool gives them: values as JSON (also in text
 * mode, where pointers and odd characters are hexadecimal), signatures as C without its spacing.
 */
#ifndef CLI_TYPED_H
#define CLI_TYPED_H

#include "base/types.h"
#include "show/json.h"

/* libbpf's; "btf/btf.h" has another struct of this name, so these are void. */
typedef const void libbpf_btf;

/* 0, or -EINVAL for a type that has no values or is larger than size. */
int typed_print(struct show_json *json, libbpf_btf *btf, u32 type, const void *data, u32 size,
	bool is_plain);
/* "int handle(struct xdp_md * ctx)"; "" when it cannot be told. */
void typed_signature(libbpf_btf *btf, u32 type, struct strbuf *out);

#endif
