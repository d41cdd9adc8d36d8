// SPDX-License-Identifier: BSD-2-Clause
/*
 * jit/validate.h for x86-64: one pass from the first byte to the last. Of each function the pass
 * knows which registers it has pushed and how large its frame is; both are read from its first
 * instructions, and everything behind is held against them. Two bitmaps, of where a jump may go and
 * of where jumps go, are compared at the end.
 */
#include "jit/validate.h"

#include "base/bitset.h"
#include "jit/x86_64/decode.h"

enum reg { RAX = 0, RBX = 3, RSP = 4, RBP = 5, RSI = 6, R12 = 12, R13, R14, R15 };

enum {
	CALLEE_SAVED = 1 << RBX | 1 << RBP | 1 << R12 | 1 << R13 | 1 << R14 | 1 << R15,
	MAX_PUSHES = 6,
	RED_ZONE = 128,
	MAX_FRAME = 1 << 20,
	FAR_CALL_BYTES = 10, /* of the mov before it */
};

enum state {
	ENTERING, /* landing pad, pushes, frame */
	BODY,
	LEAVING, /* what undoes it, up to the ret or jmp */
};

struct check {
	struct validate *v;
	u64 *starts, *targets; /* where jumps may go; where they go */
	u32 func;	       /* index */
	u32 start, end;	       /* of the function */
	enum state state;
	u8 pushes[MAX_PUSHES];
	u32 push_count, pops_left;
	s32 frame;
	u32 forbidden;	/* registers that must not be written */
	u32 calls_done; /* addresses outside */
	u32 far_at;	/* behind `mov rax, imm64` */
	/* A tail call: behind the store of rax to run->image; and what stands before `at`, too. */
	u32 tail_from, tail_at;
	u32 loaded_at; /* behind the load of that image's entry */
	u64 far_address;
	bool has_call, uses_red_zone, has_ended;
};

static const u8 landing[] = {0xf3, 0x0f, 0x1e, 0xfa};

/* call 1f; 2: pause; lfence; jmp 2b; 1: mov [rsp], rax; ret */
static const u8 retpoline[] = {
	0xe8, 7, 0, 0, 0, 0xf3, 0x90, 0x0f, 0xae, 0xe8, 0xeb, 0xf9, 0x48, 0x89, 0x04, 0x24, 0xc3};

static int fail(const struct check *c, u32 at, const char *why)
{
	return validate_fail(c->v, at, why);
}

static bool has_landing(const struct validate *v, u32 at)
{
	return v->size - at >= sizeof(landing) && !memcmp(v->code + at, landing, sizeof(landing));
}

/* ---- functions ----------------------------------------------------------------------------- */

static int begin_func(struct check *c, u32 func)
{
	const struct validate *v = c->v;

	c->func = func;
	c->start = v->funcs[func];
	c->end = func + 1 < v->func_count ? v->funcs[func + 1] : v->size;
	c->state = ENTERING;
	c->push_count = 0;
	c->frame = 0;
	c->forbidden = CALLEE_SAVED | 1u << RSP;
	c->far_at = c->tail_at = c->loaded_at = UINT32_MAX;
	c->has_call = c->uses_red_zone = c->has_ended = false;
	if (func == 0 && !has_landing(v, 0))
		return fail(c, 0, "the entry is no landing pad");
	return 0;
}

static int end_func(const struct check *c)
{
	if (!c->has_ended || c->state != BODY)
		return fail(c, c->start, "the function runs on into the next one");
	if (c->has_call && c->uses_red_zone)
		return fail(c, c->start, "calls overwrite what lies below the stack pointer");
	if (c->has_call && (8 + 8 * c->push_count + (u32)c->frame) % 16)
		return fail(c, c->start, "the stack is not aligned at calls");
	return 0;
}

static bool is_rsp_by(const struct x86_insn *insn, u8 digit)
{
	return (insn->opcode == 0x81 || insn->opcode == 0x83) && !insn->is_0f && !insn->has_mem &&
		insn->rm == RSP && insn->reg == digit && insn->width == 64;
}

/* Whether this still sets the frame up. */
static bool enter(struct check *c, const struct x86_insn *insn, u32 at, int *err)
{
	*err = 0;
	if (insn->kind == X86_KIND_LANDING) {
		if (at != c->start)
			*err = fail(c, at, "a landing pad that is no entry");
		return true;
	}
	if (insn->kind == X86_KIND_PUSH) {
		if (!(CALLEE_SAVED & c->forbidden & 1u << insn->rm))
			*err = fail(c, at, "this register need not be saved");
		else
			c->pushes[c->push_count++] = insn->rm;
		c->forbidden &= ~(1u << insn->rm);
		return true;
	}
	c->state = BODY;
	if (!is_rsp_by(insn, 5))
		return false;
	if (insn->imm <= 0 || insn->imm > MAX_FRAME || insn->imm % 8)
		*err = fail(c, at, "no frame has this size");
	c->frame = (s32)insn->imm;
	return true;
}

/* The first instruction of what leaves the frame, which a jump may reach. */
static bool begins_leaving(struct check *c, const struct x86_insn *insn)
{
	if (insn->kind != X86_KIND_RET && insn->kind != X86_KIND_POP &&
		insn->kind != X86_KIND_JUMP_MEM && !is_rsp_by(insn, 0))
		return false;
	c->state = LEAVING;
	c->pops_left = c->push_count;
	return true;
}

static bool is_left(const struct check *c)
{
	return c->state == LEAVING ? c->pops_left == 0 : !c->push_count && !c->frame;
}

/* No jump may come between the store of an image and the jump to it. */
static void seal_tail_call(struct check *c, u32 end)
{
	u32 at;

	for (at = c->tail_from; at < end; at++)
		bitset_clear(c->starts, at);
}

static int tail_jump(struct check *c, const struct x86_insn *insn, u32 at)
{
	bool is_entry = insn->base == RAX && insn->index == X86_DECODE_NONE &&
		insn->disp == (s32)offsetof(struct image, entry);

	if (c->tail_at != at || !is_entry)
		return fail(c, at, "an indirect jump that is no tail call");
	seal_tail_call(c, at + insn->length);
	return 0;
}

static int leave(struct check *c, const struct x86_insn *insn, u32 at, bool is_first)
{
	bool is_freed = !c->frame || !is_first;

	if (c->tail_at == at && insn->kind != X86_KIND_JUMP_MEM)
		c->tail_at = at + insn->length; /* the image is still what was stored */
	if (is_rsp_by(insn, 0)) {
		if (!is_first || insn->imm != c->frame)
			return fail(c, at, "the stack pointer changes");
		return 0;
	}
	if (!is_freed)
		return fail(c, at, "the frame is not given back");
	if (insn->kind == X86_KIND_POP) {
		if (!c->pops_left || c->pushes[--c->pops_left] != insn->rm)
			return fail(c, at, "a register does not come back from where it was saved");
		return 0;
	}
	if (c->pops_left)
		return fail(c, at, "saved registers are left on the stack");
	c->has_ended = true;
	c->state = BODY;
	if (insn->kind == X86_KIND_RET)
		return 0;
	if (insn->kind == X86_KIND_JUMP_MEM)
		return tail_jump(c, insn, at);
	return fail(c, at, "the stack pointer changes");
}

/* ---- branches ------------------------------------------------------------------------------ */

static int jump_to(struct check *c, u32 at, s64 to)
{
	if (to < c->start || to >= c->end)
		return fail(c, at, "a jump out of the function");
	bitset_set(c->targets, (size_t)to);
	return 0;
}

static int call_outside(struct check *c, u32 at, u64 address)
{
	c->has_call = true;
	if (c->calls_done == c->v->call_count || c->v->calls[c->calls_done] != address)
		return fail(c, at, "a call of something else");
	c->calls_done++;
	return 0;
}

static int call_near(struct check *c, u32 at, s64 to)
{
	if (to < 0 || to >= c->v->size)
		return call_outside(c, at, c->v->base + (u64)to);
	c->has_call = true;
	return validate_func_at(c->v, (u64)to) < 0 ? fail(c, at, "a call into a function") : 0;
}

static int branch(struct check *c, const struct x86_insn *insn, u32 at)
{
	s64 to = (s64)at + insn->length + insn->imm;

	switch (insn->kind) {
	case X86_KIND_BRANCH: return jump_to(c, at, to);
	case X86_KIND_JUMP: c->has_ended = true; return jump_to(c, at, to);
	case X86_KIND_CALL: return call_near(c, at, to);
	case X86_KIND_CALL_REG:
		if (insn->rm != RAX || c->far_at != at)
			return fail(c, at, "an indirect call");
		bitset_clear(c->starts, at); /* it needs the constant before it */
		return call_outside(c, at, c->far_address);
	case X86_KIND_TRAP: c->has_ended = true; return 0;
	case X86_KIND_LEA_LABEL:
		to = (s64)at + insn->length + insn->disp;
		if (insn->width != 64 || to < 0 || validate_func_at(c->v, (u64)to) < 0 ||
			!has_landing(c->v, (u32)to))
			return fail(c, at, "the address of no function that may be called by it");
		return 0;
	case X86_KIND_LANDING: return fail(c, at, "a landing pad that is no entry");
	default: return fail(c, at, "the stack pointer changes");
	}
}

/* ---- memory and constants ------------------------------------------------------------------ */

static int check_stack(struct check *c, const struct x86_insn *insn, u32 at)
{
	if (insn->index != X86_DECODE_NONE)
		return 0; /* the verifier knows where */
	if (insn->disp < 0) {
		c->uses_red_zone = true;
		if (insn->disp < -RED_ZONE || insn->disp + insn->access_bytes > 0)
			return fail(c, at, "an access below the frame");
	} else if (insn->disp + insn->access_bytes > c->frame) {
		return fail(c, at, "an access above the frame");
	}
	return 0;
}

static int check_constants(const struct check *c, const struct x86_insn *insn, u32 at)
{
	bool is_seen = false;

	if (insn->kind != X86_KIND_PLAIN)
		return 0;
	if (insn->imm_bytes >= 4)
		is_seen = validate_is_secret(c->v, (u32)insn->imm);
	if (insn->imm_bytes == 8)
		is_seen |= validate_is_secret(c->v, (u32)((u64)insn->imm >> 32));
	if (insn->disp_bytes == 4)
		is_seen |= validate_is_secret(c->v, (u32)insn->disp);
	return is_seen ? validate_fail_shown(c->v, at) : 0;
}

/* What far calls and tail calls look back at. */
static void remember(struct check *c, const struct x86_insn *insn, u32 at)
{
	bool has_disp = insn->has_mem && insn->index == X86_DECODE_NONE && insn->width == 64 &&
		insn->reg == RAX && !insn->is_0f;

	if (insn->imm_bytes == 8 && insn->rm == RAX) {
		c->far_at = at + insn->length;
		c->far_address = (u64)insn->imm;
	} else if (has_disp && insn->opcode == 0x89 && insn->base == RSI &&
		insn->disp == (s32)offsetof(struct run, image)) {
		c->tail_from = c->tail_at = at + insn->length;
	} else if (has_disp && insn->opcode == 0x8b && insn->base == RAX &&
		insn->disp == (s32)offsetof(struct image, entry) && c->tail_at == at) {
		c->loaded_at = at + insn->length;
	}
}

/* ---- the pass ------------------------------------------------------------------------------ */

/* Bytes of a retpoline that makes a tail call here, or 0. */
static u32 tail_retpoline(const struct check *c, u32 at)
{
	const struct validate *v = c->v;

	if (c->loaded_at != at || !is_left(c) || c->end - at < sizeof(retpoline) ||
		memcmp(v->code + at, retpoline, sizeof(retpoline)))
		return 0;
	return sizeof(retpoline);
}

static int check_plain(struct check *c, const struct x86_insn *insn, u32 at)
{
	bitset_set(c->starts, at);
	c->has_ended = false;
	if (insn->width == 64 && !insn->reg)
		remember(c, insn, at);
	if (insn->base == RSP && insn->access_bytes)
		return check_stack(c, insn, at);
	return 0;
}

static int check_insn(struct check *c, const struct x86_insn *insn, u32 at)
{
	bool is_first = false;
	int err;

	if (likely(c->state == BODY && insn->kind == X86_KIND_PLAIN &&
		    !(insn->writes & c->forbidden)))
		return check_plain(c, insn, at);
	if (c->state == ENTERING && enter(c, insn, at, &err))
		return err;
	if (c->state == LEAVING && insn->kind == X86_KIND_PLAIN && c->pops_left == 0) {
		remember(c, insn, at);
		if (c->loaded_at == at + insn->length)
			return 0;
	}
	if (c->state == BODY)
		bitset_set(c->starts, at);
	if (c->state == BODY)
		is_first = begins_leaving(c, insn);
	if (c->state == LEAVING)
		return leave(c, insn, at, is_first);
	if (insn->writes & c->forbidden)
		return fail(c, at, "a register of the caller, or the stack pointer, is written");
	if (insn->kind == X86_KIND_PLAIN)
		return check_plain(c, insn, at);
	c->has_ended = false;
	return branch(c, insn, at);
}

static int check_jumps(const struct check *c)
{
	u32 i, words = (u32)BITSET_WORDS(c->v->size);

	for (i = 0; i < words; i++) {
		u64 wrong = c->targets[i] & ~c->starts[i];

		if (wrong)
			return fail(c, 64 * i + (u32)__builtin_ctzll(wrong),
				"a jump leads where no instruction may be jumped to");
	}
	return 0;
}

static int check_func(struct check *c)
{
	const struct validate *v = c->v;
	u8 tail[2 * X86_DECODE_BYTES];
	u32 at = c->start;

	while (at < c->end) {
		const u8 *bytes = v->code + at;
		struct x86_insn insn;
		int err;
		u32 skip = tail_retpoline(c, at);

		if (skip) {
			seal_tail_call(c, at + skip);
			c->state = BODY;
			c->has_ended = true;
			at += skip;
			continue;
		}
		if (v->size - at < X86_DECODE_BYTES) {
			memset(tail, 0, sizeof(tail));
			memcpy(tail, bytes, v->size - at);
			bytes = tail;
		}
		if (!x86_decode(bytes, &insn))
			return fail(c, at, "an instruction that images do not contain");
		if (insn.length > c->end - at)
			return fail(c, at, "an instruction that goes on behind the end");
		err = check_insn(c, &insn, at);
		if (!err && v->secrets)
			err = check_constants(c, &insn, at);
		if (err)
			return err;
		at += insn.length;
	}
	return end_func(c);
}

int validate_x86_64(struct validate *v)
{
	struct check c = {.v = v};
	int err = validate_begin(v);
	u32 i;

	if (err)
		return err;
	c.starts = arena_calloc(v->arena, 2 * BITSET_WORDS(v->size), sizeof(u64));
	if (!c.starts)
		return -ENOMEM;
	c.targets = c.starts + BITSET_WORDS(v->size);
	for (i = 0; i < v->func_count && !err; i++) {
		err = begin_func(&c, i);
		if (!err)
			err = check_func(&c);
	}
	if (!err && c.calls_done != v->call_count)
		err = fail(&c, v->size, "a call is missing");
	return err ? err : check_jumps(&c);
}
