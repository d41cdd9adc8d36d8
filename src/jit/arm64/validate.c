// SPDX-License-Identifier: BSD-2-Clause
/*
 * jit/validate.h for arm64: one pass from the first word to the last. Of each function the pass
 * knows where its first instructions saved which registers and how large its frame is; everything
 * behind is held against that. Two bitmaps, of where a jump may go and of where jumps go, are
 * compared at the end.
 */
#include "jit/validate.h"

#include "base/bitset.h"
#include "jit/arm64/decode.h"

enum { RUN_REG = 1, TAIL_REG = 16, FAR_REG = 16, PLATFORM = 18, FP = 29, LR = 30, SP = 31 };

enum {
	CALLEE_SAVED = 0x3ff << 19 | 1 << FP | 1 << LR,
	MAX_FRAME = 1 << 24,
	MAX_SAVES = 128,
	BTI_C = 0xd503245fu,
};

enum state {
	ENTERING, /* landing pad, saved registers, frame */
	BODY,
	LEAVING, /* what undoes it, up to the ret or br */
};

struct check {
	struct validate *v;
	u64 *starts, *targets; /* words where jumps may go; where they go */
	u32 start, end;	       /* of the function, in words */
	enum state state;
	s32 save_bytes, frame; /* the frame lies below the saved registers */
	s32 freed;	       /* of both, while leaving */
	s16 saved_at[32];      /* in the saved registers' part */
	u32 saved, restored;   /* registers */
	u32 forbidden;	       /* registers that must not be written; bit 31 is sp */
	u32 calls_done;	       /* addresses outside */
	/* A constant that instructions in a row put together: from, behind the last one. */
	u32 const_from, const_at;
	u64 const_value;
	u8 const_reg;
	u32 tail_from, tail_at; /* behind the store to run->image, and what stands before at */
	u32 loaded_at;		/* behind the load of that image's entry */
	u32 page_at;		/* behind an adrp */
	u8 page_reg;
	s64 page_to;
	bool has_ended;
};

static u32 word_at(const struct validate *v, u32 at)
{
	return load_u32(v->code + 4 * (size_t)at);
}

static int fail(const struct check *c, u32 at, const char *why)
{
	return validate_fail(c->v, 4 * at, why);
}

/* No jump may come between from and end. */
static void seal(struct check *c, u32 from, u32 end)
{
	u32 at;

	for (at = from; at < end; at++)
		bitset_clear(c->starts, at);
}

/* ---- functions ----------------------------------------------------------------------------- */

static int begin_func(struct check *c, u32 func)
{
	const struct validate *v = c->v;
	u32 end = func + 1 < v->func_count ? v->funcs[func + 1] : v->size;

	c->start = v->funcs[func] / 4;
	c->end = end / 4;
	if (v->funcs[func] % 4 || end % 4)
		return fail(c, c->start, "a function that does not start at an instruction");
	c->state = ENTERING;
	c->save_bytes = c->frame = 0;
	c->saved = 0;
	c->forbidden = CALLEE_SAVED | 1u << PLATFORM | 1u << SP;
	c->const_at = c->tail_at = c->loaded_at = c->page_at = UINT32_MAX;
	c->has_ended = false;
	if (func == 0 && word_at(v, 0) != BTI_C)
		return fail(c, 0, "the entry is no landing pad");
	return 0;
}

static int end_func(const struct check *c)
{
	if (!c->has_ended || c->state != BODY)
		return fail(c, c->start, "the function runs on into the next one");
	if ((c->frame + c->save_bytes) % 16)
		return fail(c, c->start, "the stack is not aligned");
	return 0;
}

static bool is_sp_by(const struct a64_insn *insn, u32 word, bool is_sub)
{
	return insn->constant == A64_CONST_ADDED && insn->rt == SP && insn->rn == SP &&
		insn->is_wide && insn->writes >> SP && (word >> 30 & 1) == is_sub;
}

static bool save(struct check *c, u8 reg, s32 at)
{
	if (!(CALLEE_SAVED >> reg & 1) || c->saved >> reg & 1 || at < 0 || at + 8 > c->save_bytes)
		return false;
	c->saved |= 1u << reg;
	c->saved_at[reg] = (s16)at;
	return true;
}

static int enter_push(struct check *c, const struct a64_insn *insn, u32 at)
{
	if (insn->rn != SP || c->save_bytes || c->frame || insn->disp >= 0 || insn->disp % 16 ||
		insn->disp < -MAX_SAVES)
		return fail(c, at, "the stack pointer changes");
	c->save_bytes = -insn->disp;
	return save(c, insn->rt, 0) && save(c, insn->rt2, 8)
		? 0
		: fail(c, at, "these registers need not be saved");
}

/* Whether this stores registers of the caller where there is room for them. */
static bool enter_store(struct check *c, const struct a64_insn *insn)
{
	bool is_pair = insn->access_bytes == 16;

	if (!insn->writes_mem || insn->rn != SP || insn->has_index || insn->writes ||
		insn->access_bytes < 8 || !(CALLEE_SAVED >> insn->rt & 1) ||
		c->saved >> insn->rt & 1)
		return false;
	if (!c->save_bytes && c->frame == 16 && !insn->disp) { /* what looked like the frame */
		c->save_bytes = c->frame;
		c->frame = 0;
	}
	return !c->frame && save(c, insn->rt, insn->disp) &&
		(!is_pair || save(c, insn->rt2, insn->disp + 8));
}

/* Whether this still sets the frame up. */
static bool enter(struct check *c, const struct a64_insn *insn, u32 at, int *err)
{
	u32 word = word_at(c->v, at);

	*err = 0;
	if (insn->kind == A64_KIND_LANDING) {
		if (at != c->start)
			*err = fail(c, at, "a landing pad that is no entry");
		return true;
	}
	if (insn->kind == A64_KIND_PUSH) {
		*err = enter_push(c, insn, at);
		return true;
	}
	if (is_sp_by(insn, word, true)) {
		c->frame += (s32)insn->imm;
		if (!insn->imm || insn->imm % 16 || c->frame > MAX_FRAME)
			*err = fail(c, at, "no frame has this size");
		return true;
	}
	if (insn->constant == A64_CONST_ADDED && insn->rt == FP && insn->rn == SP &&
		insn->imm == 0 && insn->is_wide && c->saved >> FP & 1)
		return true;
	if (insn->kind == A64_KIND_PLAIN && enter_store(c, insn))
		return true;
	c->state = BODY;
	c->forbidden &= ~c->saved;
	return false;
}

/* The first instruction of what leaves the frame, which a jump may reach. */
static bool begins_leaving(struct check *c, const struct a64_insn *insn, u32 at)
{
	bool is_load = insn->has_mem && !insn->writes_mem && insn->rn == SP && !insn->has_index;

	if (insn->kind != A64_KIND_RET && insn->kind != A64_KIND_POP &&
		insn->kind != A64_KIND_JUMP_REG && !is_sp_by(insn, word_at(c->v, at), false) &&
		!(is_load && !c->frame && c->save_bytes))
		return false;
	c->state = LEAVING;
	c->freed = 0;
	c->restored = 0;
	return true;
}

static bool restore(struct check *c, u8 reg, s32 at)
{
	if (!(c->saved >> reg & 1) || c->saved_at[reg] != at || c->freed != c->frame)
		return false;
	c->restored |= 1u << reg;
	return true;
}

static int leave_load(struct check *c, const struct a64_insn *insn, u32 at)
{
	bool is_pair = insn->access_bytes == 16;

	if (!insn->has_mem || insn->writes_mem || insn->rn != SP || insn->has_index ||
		insn->access_bytes < 8 || !restore(c, insn->rt, insn->disp) ||
		(is_pair && !restore(c, insn->rt2, insn->disp + 8)))
		return fail(c, at, "a register does not come back from where it was saved");
	return 0;
}

static bool is_left(const struct check *c)
{
	return c->freed == c->frame + c->save_bytes && c->restored == c->saved;
}

static int leave_pop(struct check *c, const struct a64_insn *insn, u32 at)
{
	if (insn->rn != SP || insn->disp != c->save_bytes || !restore(c, insn->rt, 0) ||
		!restore(c, insn->rt2, 8))
		return fail(c, at, "a register does not come back from where it was saved");
	c->freed += insn->disp;
	return 0;
}

static int leave_jump(struct check *c, const struct a64_insn *insn, u32 at)
{
	if (!is_left(c))
		return fail(c, at, "the frame is not given back");
	c->has_ended = true;
	c->state = BODY;
	if (insn->kind == A64_KIND_RET)
		return 0;
	if (insn->rn != TAIL_REG || c->loaded_at != at)
		return fail(c, at, "an indirect jump that is no tail call");
	seal(c, c->tail_from, at + 1);
	return 0;
}

/* x16 = its entry, where x16 is the image that was just stored. */
static bool loads_entry(struct check *c, const struct a64_insn *insn, u32 at)
{
	if (c->tail_at != at || !insn->has_mem || insn->writes_mem || insn->has_index ||
		insn->access_bytes != 8 || insn->rt != TAIL_REG || insn->rn != TAIL_REG ||
		insn->disp != (s32)offsetof(struct image, entry))
		return false;
	c->loaded_at = at + 1;
	return true;
}

static int leave(struct check *c, const struct a64_insn *insn, u32 at)
{
	if (insn->kind == A64_KIND_RET || insn->kind == A64_KIND_JUMP_REG)
		return leave_jump(c, insn, at);
	if (is_left(c) && loads_entry(c, insn, at))
		return 0;
	if (c->tail_at == at)
		c->tail_at = at + 1; /* the image is still what was stored */
	if (insn->kind == A64_KIND_POP)
		return leave_pop(c, insn, at);
	if (is_sp_by(insn, word_at(c->v, at), false)) {
		c->freed += (s32)insn->imm;
		return c->freed > c->frame &&
				(c->freed != c->frame + c->save_bytes || c->restored != c->saved)
			? fail(c, at, "the stack pointer changes")
			: 0;
	}
	return leave_load(c, insn, at);
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
	if (c->calls_done == c->v->call_count || c->v->calls[c->calls_done] != address)
		return fail(c, at, "a call of something else");
	c->calls_done++;
	return 0;
}

static int call(struct check *c, const struct a64_insn *insn, u32 at)
{
	s64 to = 4ll * at + insn->to;

	if (c->forbidden >> LR & 1)
		return fail(c, at, "the way back is lost");
	if (insn->kind == A64_KIND_CALL_REG) {
		if (insn->rn != FAR_REG || c->const_at != at || c->const_reg != FAR_REG)
			return fail(c, at, "an indirect call");
		seal(c, c->const_from + 1, at + 1);
		return call_outside(c, at, c->const_value);
	}
	if (to < 0 || to >= c->v->size)
		return call_outside(c, at, c->v->base + (u64)to);
	return validate_func_at(c->v, (u64)to) < 0 ? fail(c, at, "a call into a function") : 0;
}

static int address(struct check *c, s64 to, u32 at)
{
	if (to < 0 || validate_func_at(c->v, (u64)to) < 0 || word_at(c->v, (u32)to / 4) != BTI_C)
		return fail(c, at, "the address of no function that may be called by it");
	return 0;
}

static int branch(struct check *c, const struct a64_insn *insn, u32 at)
{
	u64 pc = c->v->base + 4ull * at;

	switch (insn->kind) {
	case A64_KIND_JUMP: c->has_ended = true; FALLTHROUGH;
	case A64_KIND_BRANCH: return jump_to(c, at, at + insn->to / 4);
	case A64_KIND_CALL:
	case A64_KIND_CALL_REG: return call(c, insn, at);
	case A64_KIND_TRAP: c->has_ended = true; return 0;
	case A64_KIND_ADR: return address(c, 4ll * at + insn->to, at);
	case A64_KIND_ADRP: /* the next one adds the rest */
		c->page_at = at + 1;
		c->page_reg = insn->rt;
		c->page_to = insn->to + (s64)(pc & ~4095ull) - (s64)c->v->base;
		return 0;
	case A64_KIND_LANDING: return fail(c, at, "a landing pad that is no entry");
	default: return fail(c, at, "the stack pointer changes");
	}
}

/* ---- memory and constants ------------------------------------------------------------------ */

static int check_stack(const struct check *c, const struct a64_insn *insn, u32 at)
{
	if (insn->has_index)
		return 0; /* the verifier knows where */
	if (insn->disp < 0)
		return fail(c, at, "an access below the frame");
	if (insn->disp + insn->access_bytes > c->frame)
		return fail(c, at, "an access above the frame");
	return 0;
}

static bool is_seen(const struct check *c, u64 value)
{
	return validate_is_secret(c->v, (u32)value) || validate_is_secret(c->v, (u32)(value >> 32));
}

/* Constants that the program chose must not be seen, also when several instructions make them. */
static int check_constant(const struct check *c, const struct a64_insn *insn, u32 at)
{
	bool goes_on = c->const_at == at && insn->constant == A64_CONST_KEPT &&
		insn->rt == c->const_reg,
	     is_bad = false;

	if (c->const_at == at && !goes_on)
		is_bad = is_seen(c, c->const_value);
	if (insn->constant == A64_CONST_ADDED)
		is_bad |= is_seen(c, insn->imm) || is_seen(c, (u32)-insn->imm);
	else if (insn->constant == A64_CONST_MASK)
		is_bad |= is_seen(c, insn->imm);
	return is_bad ? validate_fail_shown(c->v, at) : 0;
}

/* What far calls, tail calls and addresses look back at. */
static void remember(struct check *c, const struct a64_insn *insn, u32 at)
{
	if (insn->constant == A64_CONST_MOVED) {
		c->const_from = at;
		c->const_at = at + 1;
		c->const_reg = insn->rt;
		c->const_value = insn->imm;
	} else if (insn->constant == A64_CONST_KEPT && c->const_at == at &&
		c->const_reg == insn->rt) {
		c->const_at = at + 1;
		c->const_value = (c->const_value & ~(0xffffull << insn->shift)) | insn->imm;
		if (!insn->is_wide)
			c->const_value = (u32)c->const_value;
	} else if (insn->writes_mem && !insn->has_index && insn->access_bytes == 8 &&
		!insn->writes && insn->rt == TAIL_REG && insn->rn == RUN_REG &&
		insn->disp == (s32)offsetof(struct run, image)) {
		c->tail_from = c->tail_at = at + 1;
	}
}

/* ---- the pass ------------------------------------------------------------------------------ */

static int check_insn(struct check *c, const struct a64_insn *insn, u32 at)
{
	int err;

	if (c->state == ENTERING && enter(c, insn, at, &err))
		return err;
	if (c->state == BODY) {
		bitset_set(c->starts, at);
		/* of a function that has nothing to leave */
		if (c->tail_at == at && !c->frame && !c->save_bytes && loads_entry(c, insn, at))
			return 0;
		if (insn->kind != A64_KIND_PLAIN || insn->writes >> SP ||
			(insn->has_mem && insn->rn == SP))
			begins_leaving(c, insn, at);
	}
	if (c->state == LEAVING)
		return leave(c, insn, at);
	c->has_ended = false;
	if (c->page_at == at) {
		if (insn->constant != A64_CONST_ADDED || !insn->is_wide || insn->imm >= 4096 ||
			word_at(c->v, at) >> 29 != 4 || insn->rt != c->page_reg ||
			insn->rn != c->page_reg)
			return fail(c, at, "a page without the rest of the address");
		bitset_clear(c->starts, at);
		return address(c, c->page_to + (s64)insn->imm, at);
	}
	if (insn->writes & c->forbidden)
		return fail(c, at, "a register of the caller, or the stack pointer, is written");
	if (insn->kind != A64_KIND_PLAIN)
		return branch(c, insn, at);
	remember(c, insn, at);
	return insn->has_mem && insn->rn == SP ? check_stack(c, insn, at) : 0;
}

static int check_jumps(const struct check *c)
{
	u32 i, words = (u32)BITSET_WORDS(c->v->size / 4);

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
	struct a64_insn insn;
	u32 at;

	for (at = c->start; at < c->end; at++) {
		int err = 0;

		if (!a64_decode(word_at(c->v, at), &insn))
			return fail(c, at, "an instruction that images do not contain");
		if (c->v->secrets)
			err = check_constant(c, &insn, at);
		if (!err)
			err = check_insn(c, &insn, at);
		if (err)
			return err;
	}
	return end_func(c);
}

int validate_arm64(struct validate *v)
{
	struct check c = {.v = v};
	int err = validate_begin(v);
	u32 i;

	if (err)
		return err;
	c.starts = arena_calloc(v->arena, 2 * BITSET_WORDS(v->size / 4), sizeof(u64));
	if (!c.starts)
		return -ENOMEM;
	c.targets = c.starts + BITSET_WORDS(v->size / 4);
	for (i = 0; i < v->func_count && !err; i++) {
		err = begin_func(&c, i);
		if (!err)
			err = check_func(&c);
	}
	if (!err && c.calls_done != v->call_count)
		err = fail(&c, v->size / 4, "a call is missing");
	return err ? err : check_jumps(&c);
}
