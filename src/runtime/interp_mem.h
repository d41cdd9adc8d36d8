/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's code for memory: loads, stores, atomics, legacy packet loads. Included by
 * interp_loop.h only. GUARD(addr, bytes, is_write) ends the run when the guard refuses; it is empty
 * in the loop without checks.
 */

#define MEM(width, addr) (((struct interp_mem##width *)(uintptr_t)(addr))->v)

#define ADDR_LOAD(reg)	      (R[reg] + (s64)o->off)
#define ADDR_ARENA_LOAD(reg)  (func->owner->arena_base + (u32)R[reg] + (s64)o->off)
#define ADDR_STORE(reg)	      ADDR_LOAD(reg)
#define ADDR_ARENA_STORE(reg) ADDR_ARENA_LOAD(reg)
#define ADDR_UAPI(reg)	      ADDR_LOAD(reg)
#define ADDR_INTERNAL(reg)    ADDR_ARENA_LOAD(reg)

#define BODY_LDX(id, operation, width, src_, off_, scope)                                          \
	LDX_##operation(operation, width, u##width)
#define BODY_LDX_SX(id, operation, width, src_, off_, scope)                                       \
	LDX_##operation(operation, width, s##width)
#define LDX_LOAD(operation, width, type)                                                           \
	{                                                                                          \
		u64 addr = ADDR_LOAD(o->src);                                                      \
                                                                                                   \
		GUARD(addr, width / 8, false);                                                     \
		R[o->dst] = (u64)(s64)(type)MEM(width, addr);                                      \
	}
#define LDX_LOAD_SX(operation, width, type) LDX_LOAD(operation, width, type)
#define LDX_PROBE_LOAD(operation, width, type)                                                     \
	R[o->dst] = (u64)(s64)(type)run_probe_load(run, ADDR_LOAD(o->src), width / 8);
#define LDX_PROBE_LOAD_SX(operation, width, type) LDX_PROBE_LOAD(operation, width, type)
#define LDX_ARENA_LOAD(operation, width, type)                                                     \
	R[o->dst] = (u64)(s64)(type)MEM(width, ADDR_ARENA_LOAD(o->src));
#define LDX_ARENA_LOAD_SX(operation, width, type) LDX_ARENA_LOAD(operation, width, type)

#define BODY_ST(id, operation, width, src_, off_, scope)                                           \
	{                                                                                          \
		u64 addr = ADDR_##operation(o->dst);                                               \
                                                                                                   \
		GUARD_##operation(addr, width / 8);                                                \
		MEM(width, addr) = (u##width)(OPERAND_##src_);                                     \
	}
#define BODY_STX(id, operation, width, src_, off_, scope)                                          \
	BODY_ST(id, operation, width, src_, off_, scope)
#define GUARD_STORE(addr, bytes)       GUARD(addr, bytes, true)
#define GUARD_ARENA_STORE(addr, bytes) /* the arena is mapped whole */
#define GUARD_UAPI(addr, bytes)	       GUARD(addr, bytes, true)
#define GUARD_INTERNAL(addr, bytes)    /* arena */

#define BODY_NOSPEC(id, operation, width, src_, off_, scope) INTERP_SPECULATION_BARRIER();

#define BODY_ATOMIC(id, operation, width, src_, off_, scope)                                       \
	{                                                                                          \
		u##width *at = (u##width *)(uintptr_t)ADDR_##scope(o->dst);                        \
		u##width value = (u##width)R[o->src];                                              \
                                                                                                   \
		GUARD_##scope((u64)(uintptr_t)at, width / 8);                                      \
		operation(width)                                                                   \
	}
#define ATOMIC_ADD(width)	__atomic_fetch_add(at, value, __ATOMIC_RELAXED);
#define ATOMIC_OR(width)	__atomic_fetch_or(at, value, __ATOMIC_RELAXED);
#define ATOMIC_AND(width)	__atomic_fetch_and(at, value, __ATOMIC_RELAXED);
#define ATOMIC_XOR(width)	__atomic_fetch_xor(at, value, __ATOMIC_RELAXED);
#define ATOMIC_FETCH_ADD(width) R[o->src] = __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);
#define ATOMIC_FETCH_OR(width)	R[o->src] = __atomic_fetch_or(at, value, __ATOMIC_SEQ_CST);
#define ATOMIC_FETCH_AND(width) R[o->src] = __atomic_fetch_and(at, value, __ATOMIC_SEQ_CST);
#define ATOMIC_FETCH_XOR(width) R[o->src] = __atomic_fetch_xor(at, value, __ATOMIC_SEQ_CST);
#define ATOMIC_XCHG(width)	R[o->src] = __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
#define ATOMIC_CMPXCHG(width)                                                                      \
	u##width old = (u##width)R[0];                                                             \
                                                                                                   \
	__atomic_compare_exchange_n(at, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);   \
	R[0] = old;

#define BODY_LOAD_ACQ(id, operation, width, src_, off_, scope)                                     \
	{                                                                                          \
		u64 addr = ADDR_##scope(o->src);                                                   \
                                                                                                   \
		GUARD(addr, width / 8, false);                                                     \
		R[o->dst] = __atomic_load_n((u##width *)(uintptr_t)addr, __ATOMIC_ACQUIRE);        \
	}
#define BODY_STORE_REL(id, operation, width, src_, off_, scope)                                    \
	{                                                                                          \
		u64 addr = ADDR_##scope(o->dst);                                                   \
                                                                                                   \
		GUARD_##scope(addr, width / 8);                                                    \
		__atomic_store_n(                                                                  \
			(u##width *)(uintptr_t)addr, (u##width)R[o->src], __ATOMIC_RELEASE);       \
	}

/* Beyond the packet: the function returns 0. r1 to r5 are lost in the kernel; here they stay. */
#define BODY_LD_ABS(id, operation, width, src_, off_, scope)                                       \
	if (!run_load_packet(run, R[6], (s32)o->imm, width / 8, &R[0])) {                          \
		R[0] = 0;                                                                          \
		goto leave;                                                                        \
	}
#define BODY_LD_IND(id, operation, width, src_, off_, scope)                                       \
	if (!run_load_packet(run, R[6], (s32)((u32)R[o->src] + (u32)o->imm), width / 8, &R[0])) {  \
		R[0] = 0;                                                                          \
		goto leave;                                                                        \
	}
