/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of gen_engine.c that knows maps, helpers, callbacks, tail calls and packets. A pointer
 * lives in r8 (and r0 to r5) for a few instructions; afterwards all of them hold numbers again, so
 * that whatever follows may use them. The context stands in the frame at CTX_OFF.
 */
enum {
	KEY_OFF = -144,	  /* 16 bytes */
	VALUE_OFF = -184, /* 40 bytes */
	CTX_OFF = -192,
	PACKET_BYTES = 32, /* that a program looks at */
};

const struct gen_map_shape gen_map_shapes[GEN_MAP_COUNT] = {
	[GEN_MAP_DATA] = {BPF_MAP_TYPE_ARRAY, 4, GEN_VALUE_BYTES, 1, 0},
	[GEN_MAP_ARRAY] = {BPF_MAP_TYPE_ARRAY, 4, 32, 4, 0},
	[GEN_MAP_HASH] = {BPF_MAP_TYPE_HASH, 4, 24, 6, 0},
	[GEN_MAP_HASH8] = {BPF_MAP_TYPE_HASH, 8, 8, 4, 0},
	[GEN_MAP_HASH16] = {BPF_MAP_TYPE_HASH, 16, 40, 5, 0},
	[GEN_MAP_LRU] = {BPF_MAP_TYPE_LRU_HASH, 4, 8, 64, 0},
	[GEN_MAP_PERCPU_HASH] = {BPF_MAP_TYPE_PERCPU_HASH, 4, 16, 5, 0},
	[GEN_MAP_PERCPU] = {BPF_MAP_TYPE_PERCPU_ARRAY, 4, 16, 2, 0},
	[GEN_MAP_LPM] = {BPF_MAP_TYPE_LPM_TRIE, 8, 8, 8, BPF_F_NO_PREALLOC},
	[GEN_MAP_QUEUE] = {BPF_MAP_TYPE_QUEUE, 0, 8, 3, 0},
	[GEN_MAP_PROGS] = {BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3, 0},
};

void gen_set_maps(struct gen_prog *prog, const int fds[GEN_MAP_COUNT])
{
	u32 i;

	for (i = 0; i < prog->count; i++) {
		struct insn *insn = &prog->insns[i];

		if (!insn_is_ld_imm64(insn))
			continue;
		if (insn->src == BPF_PSEUDO_MAP_FD || insn->src == BPF_PSEUDO_MAP_VALUE)
			insn->imm = fds[insn->imm];
		i++;
	}
}

static void put_map(struct gen *g, u8 reg, u32 map)
{
	const struct insn wide[] = {INSN_LD_MAP_FD(reg, (s32)map)};

	put2(g, wide);
}

static void put_frame(struct gen *g, u8 reg, s32 off)
{
	put(g, INSN_MOV64_REG(reg, 10));
	put(g, INSN_ALU64_IMM(BPF_ADD, reg, off));
}

static void put_numbers(struct gen *g, u8 first, u8 last)
{
	for (; first <= last; first++)
		put_imm64(g, first);
}

/* A key that is there about as often as not; of 4, 8 or 16 bytes. */
static void put_key(struct gen *g, u32 map)
{
	u8 reg = any_reg(g);
	u32 limit = MIN(gen_map_shapes[map].entries + 2, 8u);

	if (map == GEN_MAP_LPM) {
		put(g, INSN_ST_MEM(BPF_W, 10, KEY_OFF, (s32)(chance(g, 50) ? 32 : below(g, 33))));
		put(g, INSN_ST_MEM(BPF_W, 10, KEY_OFF + 4, (s32)(below(g, 4) << below(g, 31))));
		return;
	}
	if (gen_map_shapes[map].key_size == 16)
		put(g, INSN_ST_MEM(BPF_DW, 10, KEY_OFF + 8, chance(g, 80) ? 0 : -1));
	if (chance(g, 50)) {
		put(g, INSN_ST_MEM(BPF_DW, 10, KEY_OFF, (s32)below(g, limit)));
		return;
	}
	put(g, INSN_ALU64_IMM(BPF_AND, reg, chance(g, 50) ? 3 : 7));
	put(g, INSN_STX_MEM(BPF_DW, 10, reg, KEY_OFF));
}

static u32 keyed_map(struct gen *g)
{
	return GEN_MAP_ARRAY + below(g, GEN_MAP_LPM - GEN_MAP_ARRAY + 1);
}

/* A few accesses to size bytes behind base; a packet takes no atomics. */
static void put_accesses(struct gen *g, u8 base, u32 size, bool is_packet)
{
	u32 n = 1 + below(g, 3);

	while (n--) {
		s16 off = (s16)(8 * below(g, size / 8));
		u8 reg = base == 5 ? 6 + (u8)below(g, 2) : 1 + (u8)below(g, 7);

		if (!is_packet && chance(g, 20))
			put(g,
				INSN_ATOMIC(BPF_DW, chance(g, 50) ? BPF_ADD : BPF_ADD | BPF_FETCH,
					base, reg, off));
		else if (chance(g, 50))
			put(g, INSN_LDX_MEM(sizes[below(g, 4)], reg, base, off));
		else if (base == 5) /* which must not become data itself */
			put(g, INSN_STX_MEM(sizes[below(g, 4)], base, reg, off));
		else
			put_store(g, base, off);
	}
}

/* r0 is the element or 0 for one branch, a number behind it. */
static void put_lookup(struct gen *g)
{
	u32 map = keyed_map(g), jump;
	bool is_percpu = map == GEN_MAP_PERCPU || map == GEN_MAP_PERCPU_HASH;

	put_key(g, map);
	put_map(g, 1, map);
	put_frame(g, 2, KEY_OFF);
	if (is_percpu && chance(g, 30)) {
		put(g, INSN_MOV64_IMM(3, chance(g, 80) ? 0 : 1000));
		put(g, INSN_CALL(BPF_FUNC_map_lookup_percpu_elem));
	} else {
		put(g, INSN_CALL(BPF_FUNC_map_lookup_elem));
	}
	put_numbers(g, 1, 5);
	jump = g->p->count;
	put(g, INSN_JMP_IMM(BPF_JEQ, 0, 0, 0));
	put(g, INSN_MOV64_REG(SCRATCH_REG, 0));
	put_imm64(g, 0);
	put_accesses(g, SCRATCH_REG, gen_map_shapes[map].value_size, false);
	if (chance(g, 30))
		put_alu(g);
	if (g->p->count < GEN_MAX_INSNS)
		g->p->insns[jump].off = (s16)(g->p->count - jump - 1);
	put_imm64(g, SCRATCH_REG);
	if (chance(g, 70))
		put_imm64(g, 0);
	else /* whether it was there: only where r0 is a number on both ways */
		put(g, INSN_MOV64_IMM(0, 7));
}

/* A constant key that an array has: nobody need ask whether the element is there. */
static void put_certain_lookup(struct gen *g)
{
	u32 map = chance(g, 50) ? GEN_MAP_ARRAY : GEN_MAP_PERCPU;
	const struct gen_map_shape *shape = &gen_map_shapes[map];

	put(g, INSN_ST_MEM(BPF_W, 10, KEY_OFF, (s32)below(g, shape->entries)));
	put_map(g, 1, map);
	put_frame(g, 2, KEY_OFF);
	put(g, INSN_CALL(BPF_FUNC_map_lookup_elem));
	put_numbers(g, 1, 5);
	put(g, INSN_MOV64_REG(SCRATCH_REG, 0));
	put_imm64(g, 0);
	put_accesses(g, SCRATCH_REG, shape->value_size, false);
	put_imm64(g, SCRATCH_REG);
}

static void put_value(struct gen *g, u32 size)
{
	u32 i;

	for (i = 0; i < size; i += 8)
		put(g, INSN_STX_MEM(BPF_DW, 10, any_reg(g), (s16)(VALUE_OFF + (s32)i)));
}

static void put_map_update(struct gen *g)
{
	u32 map = keyed_map(g);

	put_key(g, map);
	put_value(g, gen_map_shapes[map].value_size);
	put_map(g, 1, map);
	put_frame(g, 2, KEY_OFF);
	put_frame(g, 3, VALUE_OFF);
	put(g, INSN_MOV64_IMM(4, chance(g, 60) ? 0 : (s32)below(g, 3)));
	put(g, INSN_CALL(BPF_FUNC_map_update_elem));
	put_numbers(g, 1, 5);
}

static void put_delete(struct gen *g)
{
	static const u8 maps[] = {GEN_MAP_HASH, GEN_MAP_HASH8, GEN_MAP_HASH16, GEN_MAP_LRU,
		GEN_MAP_PERCPU_HASH, GEN_MAP_LPM};
	u32 map = maps[below(g, ARRAY_SIZE(maps))];

	put_key(g, map);
	put_map(g, 1, map);
	put_frame(g, 2, KEY_OFF);
	put(g, INSN_CALL(BPF_FUNC_map_delete_elem));
	put_numbers(g, 1, 5);
}

static void put_queue(struct gen *g)
{
	u32 what = below(g, 3);

	put_value(g, 8);
	put_map(g, 1, GEN_MAP_QUEUE);
	put_frame(g, 2, VALUE_OFF);
	put(g, INSN_MOV64_IMM(3, chance(g, 50) ? BPF_EXIST : 0));
	put(g,
		INSN_CALL(what == 0	    ? BPF_FUNC_map_push_elem
				: what == 1 ? BPF_FUNC_map_pop_elem
					    : BPF_FUNC_map_peek_elem));
	put_numbers(g, 1, 5);
	if (what)
		put(g, INSN_LDX_MEM(BPF_DW, any_reg(g), 10, VALUE_OFF));
}

/* Helpers that compute: a checksum, a string, bytes of the packet. */
static void put_helper(struct gen *g)
{
	switch (below(g, 3)) {
	case 0:
		put_frame(g, 1, MEM_OFF);
		put(g, INSN_MOV64_IMM(2, (s32)(4 * below(g, 5))));
		put_frame(g, 3, MEM_OFF);
		put(g, INSN_MOV64_IMM(4, (s32)(4 * below(g, 5))));
		put(g, INSN_MOV64_REG(5, (u8)(6 + below(g, 2))));
		put(g, INSN_CALL(BPF_FUNC_csum_diff));
		break;
	case 1:
		put(g, INSN_LDX_MEM(BPF_DW, 1, 10, CTX_OFF));
		put(g, INSN_MOV64_IMM(2, (s32)below(g, 60)));
		put_frame(g, 3, MEM_OFF);
		put(g, INSN_MOV64_IMM(4, (s32)(1 + below(g, 16))));
		put(g, INSN_CALL(BPF_FUNC_skb_load_bytes));
		break;
	default:
		put(g, INSN_LDX_MEM(BPF_DW, 1, 10, CTX_OFF));
		put(g, INSN_MOV64_IMM(2, (s32)(14 + below(g, 40))));
		put_frame(g, 3, MEM_OFF);
		put(g, INSN_MOV64_IMM(4, (s32)(1 + below(g, 16))));
		put(g, INSN_MOV64_IMM(5, 0));
		put(g, INSN_CALL(BPF_FUNC_skb_store_bytes));
		break;
	}
	put_numbers(g, 1, 5);
}

/* Fields of the context, and the packet after a look at its end. */
static void put_context(struct gen *g)
{
	static const s16 fields[] = {offsetof(struct __sk_buff, len),
		offsetof(struct __sk_buff, mark), offsetof(struct __sk_buff, cb),
		offsetof(struct __sk_buff, cb) + 8, offsetof(struct __sk_buff, protocol)};
	u32 jump;

	put(g, INSN_LDX_MEM(BPF_DW, SCRATCH_REG, 10, CTX_OFF));
	if (chance(g, 30)) {
		put(g,
			INSN_LDX_MEM(BPF_W, any_reg(g), SCRATCH_REG,
				fields[below(g, ARRAY_SIZE(fields))]));
		put_imm64(g, SCRATCH_REG);
		return;
	}
	if (chance(g, 20)) {
		put(g, INSN_STX_MEM(BPF_W, SCRATCH_REG, any_reg(g), fields[1 + below(g, 3)]));
		put_imm64(g, SCRATCH_REG);
		return;
	}
	put(g, INSN_LDX_MEM(BPF_W, 2, SCRATCH_REG, offsetof(struct __sk_buff, data_end)));
	put(g, INSN_LDX_MEM(BPF_W, SCRATCH_REG, SCRATCH_REG, offsetof(struct __sk_buff, data)));
	put(g, INSN_MOV64_REG(1, SCRATCH_REG));
	put(g, INSN_ALU64_IMM(BPF_ADD, 1, PACKET_BYTES));
	jump = g->p->count;
	put(g, INSN_JMP_REG(BPF_JGT, 1, 2, 0));
	put_numbers(g, 1, 2);
	put_accesses(g, SCRATCH_REG, PACKET_BYTES, true);
	if (g->p->count < GEN_MAX_INSNS)
		g->p->insns[jump].off = (s16)(g->p->count - jump - 1);
	put_numbers(g, 1, 2);
	put_imm64(g, SCRATCH_REG);
}

enum { CALLBACK_LOOP, CALLBACK_ARRAY, CALLBACK_HASH };

static void put_callback_call(struct gen *g)
{
	const struct insn func[] = {INSN_LD_FUNC(2, 0)};
	u32 kind = below(g, 3), at = g->callback_count;

	if (at == GEN_MAX_CALLBACKS)
		return;
	g->callback_count++;
	g->callback_kinds[at] = kind;
	if (kind == CALLBACK_LOOP)
		put(g, INSN_MOV64_IMM(1, (s32)below(g, 5)));
	else
		put_map(g, 1,
			kind == CALLBACK_HASH	? GEN_MAP_HASH
				: chance(g, 50) ? GEN_MAP_ARRAY
						: GEN_MAP_PERCPU);
	g->callback_targets[at] = g->p->count;
	put2(g, func);
	put_frame(g, 3, MEM_OFF);
	put(g, INSN_MOV64_IMM(4, 0));
	put(g, INSN_CALL(kind == CALLBACK_LOOP ? BPF_FUNC_loop : BPF_FUNC_for_each_map_elem));
	put_numbers(g, 1, 5);
}

static void put_tail_call(struct gen *g)
{
	if (!(g->flags & GEN_TAIL))
		return;
	put(g, INSN_LDX_MEM(BPF_DW, 1, 10, CTX_OFF));
	put_map(g, 2, GEN_MAP_PROGS);
	if (chance(g, 50)) {
		put(g, INSN_MOV64_IMM(3, (s32)below(g, 5)));
	} else {
		put(g, INSN_MOV64_REG(3, (u8)(6 + below(g, 2))));
		put(g, INSN_ALU64_IMM(BPF_AND, 3, 7));
	}
	put(g, INSN_CALL(INSN_FUNC_TAIL_CALL));
	put_numbers(g, 0, 5);
}

static void put_maps(struct gen *g)
{
	u32 what = below(g, 100);

	if (what < 29)
		put_lookup(g);
	else if (what < 35)
		put_certain_lookup(g);
	else if (what < 50)
		put_map_update(g);
	else if (what < 58)
		put_delete(g);
	else if (what < 66)
		put_queue(g);
	else if (what < 76)
		put_helper(g);
	else if (what < 86)
		put_context(g);
	else if (what < 95)
		put_callback_call(g);
	else
		put_tail_call(g);
}

/*
 * The functions that helpers call. Over a hash the order is nobody's business, so that callback
 * only adds; the others do anything, and may say that it is enough.
 */
static void put_callback(struct gen *g, u32 kind)
{
	const struct insn value[] = {INSN_LD_MAP_VALUE(9, GEN_MAP_DATA, 0)};

	g->p->funcs[g->p->func_count++] = (struct code_subprog){
		.start = g->p->count, .stack_bytes = STACK_BYTES, .is_callback = true};
	if (kind == CALLBACK_HASH) {
		put(g, INSN_LDX_MEM(BPF_W, 0, 2, 0));
		put(g, INSN_LDX_MEM(BPF_DW, 1, 3, 8));
		put(g, INSN_ALU64_REG(BPF_MUL, 0, 1));
		put(g, INSN_ATOMIC(BPF_DW, BPF_ADD, 4, 0, 0));
		put(g, INSN_MOV64_IMM(0, 0));
		put(g, INSN_EXIT());
		return;
	}
	put2(g, value);
	if (kind == CALLBACK_LOOP) {
		put(g, INSN_LDX_MEM(BPF_DW, 0, 2, 0));
		put(g, INSN_ALU64_REG(BPF_ADD, 0, 1));
		put(g, INSN_STX_MEM(BPF_DW, 2, 0, 8));
	} else {
		put(g, INSN_LDX_MEM(BPF_W, 0, 2, 0));
		put(g, INSN_LDX_MEM(BPF_DW, 1, 4, 0));
		put(g, INSN_ALU64_REG(BPF_ADD, 0, 1));
		put(g, INSN_STX_MEM(sizes[below(g, 4)], 3, 0, 8));
	}
	put_numbers(g, 1, 8);
	put(g, INSN_STX_MEM(BPF_DW, 10, 3, MEM_OFF));
	put(g, INSN_STX_MEM(BPF_DW, 10, 0, MEM_OFF + 8));
	{
		u32 i, n = 1 + below(g, 5);

		for (i = 1; i <= STACK_SLOTS; i++)
			put(g, INSN_STX_MEM(BPF_DW, 10, any_reg(g), (s16)(-8 * (s32)i)));
		for (i = 0; i < n; i++) {
			if (chance(g, 60))
				put_alu(g);
			else if (chance(g, 50))
				put_memory(g);
			else
				put_stack(g);
		}
	}
	put(g, INSN_ALU64_IMM(BPF_AND, 0, chance(g, 50) ? 1 : 0));
	put(g, INSN_EXIT());
}

static void put_callbacks(struct gen *g)
{
	u32 i;

	for (i = 0; i < g->callback_count; i++) {
		u32 at = g->callback_targets[i];

		g->p->insns[at].imm = (s32)(g->p->count - at - 1);
		put_callback(g, g->callback_kinds[i]);
	}
}
