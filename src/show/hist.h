/* SPDX-License-Identifier: BSD-2-Clause */
/* Histograms as BCC and libbpf-tools draw them, and maps that hold them. */
#ifndef SHOW_HIST_H
#define SHOW_HIST_H

#include "show/table.h"

/*
 * slots[0] counts 0 and 1, slots[n] the values of n + 1 bits. Slots behind the last that is not
 * zero are not drawn; nothing is when all are zero.
 */
void show_hist_log2(FILE *f, const u64 *slots, u32 count, const char *unit);
/* slots[n] counts the value n. */
void show_hist_linear(FILE *f, const u64 *slots, u32 count, const char *unit);

enum show_hist_kind {
	SHOW_HIST_NONE,
	SHOW_HIST_KEYS,	 /* key = slot, value = count; the map's name has "hist" in it */
	SHOW_HIST_SLOTS, /* a struct value with an integer array "slots": a histogram a key */
};

#define SHOW_HIST_SLOTS_MAX 1024

enum show_hist_kind show_hist_kind(const struct show_map *map);
/*
 * Draws what show_hist_kind() recognised; linear when "lhist" or "linear" is in the name. Several
 * keys get a line "key = ..." before each. unit NULL: guessed from the name (usecs, nsecs, msecs,
 * bytes), else "value". -EINVAL: not a histogram.
 */
int show_hist_print(const struct show_table *table, FILE *f, const char *unit);

#endif
