// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the verifier says. A refusal is said once, in the kernel's words, and kept as data: the
 * reason's id, the instruction, and that line. Checks that are tried and may fail without
 * consequence leave a verdict behind too; only the one that ends the load counts (verify.c).
 */
#include "verify/env.h"

#include <errno.h>
#include <stdio.h>

void verify_say(struct verify_env *env, const char *format, ...)
{
	va_list args;

	if (!log_is_on(env->log))
		return;
	va_start(args, format);
	log_vprintf(env->log, format, args);
	va_end(args);
}

static const struct {
	const char *id, *category, *sentence;
	int err;
} reasons[REASON_COUNT] = {
	[REASON_NONE] = {"NONE", "", "", 0},
#define REASON(id, category, err, sentence) [REASON_##id] = {#id, category, sentence, err},
#include "verify/reasons.def"
#undef REASON
};

const char *reason_id(enum reason reason)
{
	return (unsigned int)reason < REASON_COUNT ? reasons[reason].id : "NONE";
}

const char *reason_category(enum reason reason)
{
	return (unsigned int)reason < REASON_COUNT ? reasons[reason].category : "";
}

const char *reason_sentence(enum reason reason)
{
	return (unsigned int)reason < REASON_COUNT ? reasons[reason].sentence : "";
}

static void keep(struct verify_env *env, enum reason reason, const char *line)
{
	size_t len = strlen(line);
	char *copy = arena_strdup(env->arena, line);

	while (copy && len && copy[len - 1] == '\n')
		copy[--len] = 0;
	env->verdict = (struct verdict){
		.reason = reason,
		.err = -reasons[reason].err,
		.insn = env->cur ? (u32)env->insn : UINT32_MAX,
		.regs = {-1, -1},
		.detail = copy,
	};
}

int verify_refuse(struct verify_env *env, enum reason reason, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_puts(env->log, line, strlen(line));
	keep(env, reason, line);
	return env->verdict.err;
}

int verify_as(struct verify_env *env, enum reason reason)
{
	env->verdict.reason = reason;
	env->verdict.err = -reasons[reason].err;
	return env->verdict.err;
}

int verify_unsupported(struct verify_env *env, const char *what)
{
	return verify_refuse(
		env, REASON_UNSUPPORTED, "%s is not supported by this verifier yet\n", what);
}

void verify_blame(struct verify_env *env, s32 reg, const char *hint)
{
	env->verdict.regs[env->verdict.regs[0] >= 0] = (s8)reg;
	if (hint)
		env->verdict.hint = hint;
}

const char *tnum_text(struct tnum t, char buf[TNUM_TEXT])
{
	unsigned long long value = t.value, mask = t.mask;

	if (mask)
		snprintf(buf, TNUM_TEXT, "(0x%llx; 0x%llx)", value, mask);
	else
		snprintf(buf, TNUM_TEXT, value <= UINT16_MAX ? "%llu" : "0x%llx", value);
	return buf;
}
