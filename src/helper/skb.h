/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files about packets share. */
#ifndef HELPER_SKB_H
#define HELPER_SKB_H

#include "base/hash.h"
#include "helper/impl.h"

/* In hachi_skb.redirect_flags beside BPF_F_INGRESS; the kernel's BPF_F_NEIGH, BPF_F_PEER. */
#define HACHI_REDIRECT_NEIGH (1u << 1)
#define HACHI_REDIRECT_PEER  (1u << 2)

#endif
