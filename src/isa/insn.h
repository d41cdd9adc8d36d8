/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions: the 8-byte encoding, its meaning by table (insns.def), and constructors.
 * insn_decode() is the only place that tells one kind from another; everyone else switches on
 * enum insn_kind, which is dense, or on the family and operation of its row. Codes of linux/bpf.h
 * are used as they are; those newer than the header have an INSN_ name here.
 */
#ifndef ISA_INSN_H
#define ISA_INSN_H

#include "base/types.h"

#include <linux/bpf.h>

struct insn {
	u8 op;
	u8 dst : 4, src : 4;
	s16 off;
	s32 imm;
};
STATIC_ASSERT(sizeof(struct insn) == 8);
STATIC_ASSERT(sizeof(struct insn) == sizeof(struct bpf_insn));

/* A program that grows; use the macros of base/vec.h. */
struct insn_vec {
	struct insn *data; /* owned */
	size_t len, cap;
};

enum {
	INSN_MEMSX = 0x80,	    /* mode: sign-extending load */
	INSN_LOAD_ACQ = 0x100,	    /* atomic operation */
	INSN_STORE_REL = 0x110,	    /* atomic operation */
	INSN_JCOND = 0xe0,	    /* jump operation: may_goto */
	INSN_MAY_GOTO = 0,	    /* src of INSN_JCOND */
	INSN_ADDR_SPACE_CAST = 1,   /* off of a MOV */
	INSN_PERCPU_ADDR = -1,	    /* off of a MOV, internal */
	INSN_PROBE_MEM = 0x20,	    /* mode, internal: LDX that may fault */
	INSN_PROBE_MEMSX = 0x40,    /* mode, internal */
	INSN_PROBE_MEM32 = 0xa0,    /* mode, internal: arena */
	INSN_PROBE_MEM32SX = 0xc0,  /* mode of LDX, internal: arena */
	INSN_PROBE_ATOMIC = 0xe0,   /* mode of STX, internal: arena */
	INSN_NOSPEC = 0xc0,	    /* mode of ST, internal */
	INSN_PSEUDO_CALL = 1,	    /* src of a call: a function of the program */
	INSN_PSEUDO_KFUNC_CALL = 2, /* src of a call */
	INSN_FUNC_TAIL_CALL = 12,
	INSN_REG_COUNT = 11, /* r0 to r10 */
};

enum insn_kind {
#define INSN(id, ...) INSN_KIND_##id,
#include "isa/insns.def"
	INSN_KIND_COUNT,
};

/* Kinds whose operands have the same shape. */
enum insn_family {
	INSN_FAMILY_ALU,   /* dst = dst op (src or imm); includes SDIV and SMOD */
	INSN_FAMILY_MOV,   /* dst = src or imm; includes the internal ZEXT and PERCPU */
	INSN_FAMILY_MOVSX, /* dst = sign-extended low `off` bits of src */
	INSN_FAMILY_NEG,
	INSN_FAMILY_END,      /* LE, BE, BSWAP of `imm` bits */
	INSN_FAMILY_CAST,     /* addr_space_cast */
	INSN_FAMILY_LD_IMM64, /* two slots */
	INSN_FAMILY_LD_ABS,
	INSN_FAMILY_LD_IND,
	INSN_FAMILY_LDX,
	INSN_FAMILY_LDX_SX,
	INSN_FAMILY_ST,
	INSN_FAMILY_STX,
	INSN_FAMILY_NOSPEC,
	INSN_FAMILY_ATOMIC, /* read-modify-write */
	INSN_FAMILY_LOAD_ACQ,
	INSN_FAMILY_STORE_REL,
	INSN_FAMILY_JA,
	INSN_FAMILY_JCC,
	INSN_FAMILY_MAY_GOTO,
	INSN_FAMILY_CALL,
	INSN_FAMILY_EXIT,
};

/* What is done, whatever the width and wherever the operand comes from. */
enum insn_do {
	INSN_DO_ADD,
	INSN_DO_SUB,
	INSN_DO_MUL,
	INSN_DO_DIV,
	INSN_DO_OR,
	INSN_DO_AND,
	INSN_DO_LSH,
	INSN_DO_RSH,
	INSN_DO_MOD,
	INSN_DO_XOR,
	INSN_DO_ARSH,
	INSN_DO_SDIV,
	INSN_DO_SMOD,
	INSN_DO_NEG,
	INSN_DO_MOV,
	INSN_DO_MOVSX,
	INSN_DO_CAST_KERN,
	INSN_DO_CAST_USER,
	INSN_DO_PERCPU,
	INSN_DO_ZEXT,
	INSN_DO_LE,
	INSN_DO_BE,
	INSN_DO_BSWAP,
	INSN_DO_LD_IMM64,
	INSN_DO_LD_MAP_FD,
	INSN_DO_LD_MAP_VALUE,
	INSN_DO_LD_BTF_ID,
	INSN_DO_LD_FUNC,
	INSN_DO_LD_MAP_IDX,
	INSN_DO_LD_MAP_IDX_VALUE,
	INSN_DO_LD_ABS,
	INSN_DO_LD_IND,
	INSN_DO_LOAD,
	INSN_DO_LOAD_SX,
	INSN_DO_PROBE_LOAD,
	INSN_DO_PROBE_LOAD_SX,
	INSN_DO_ARENA_LOAD,
	INSN_DO_ARENA_LOAD_SX,
	INSN_DO_STORE,
	INSN_DO_ARENA_STORE,
	INSN_DO_NOSPEC,
	INSN_DO_ATOMIC_ADD,
	INSN_DO_ATOMIC_OR,
	INSN_DO_ATOMIC_AND,
	INSN_DO_ATOMIC_XOR,
	INSN_DO_ATOMIC_FETCH_ADD,
	INSN_DO_ATOMIC_FETCH_OR,
	INSN_DO_ATOMIC_FETCH_AND,
	INSN_DO_ATOMIC_FETCH_XOR,
	INSN_DO_ATOMIC_XCHG,
	INSN_DO_ATOMIC_CMPXCHG,
	INSN_DO_LOAD_ACQ,
	INSN_DO_STORE_REL,
	INSN_DO_JA,
	INSN_DO_MAY_GOTO,
	INSN_DO_JEQ,
	INSN_DO_JGT,
	INSN_DO_JGE,
	INSN_DO_JSET,
	INSN_DO_JNE,
	INSN_DO_JSGT,
	INSN_DO_JSGE,
	INSN_DO_JLT,
	INSN_DO_JLE,
	INSN_DO_JSLT,
	INSN_DO_JSLE,
	INSN_DO_CALL,
	INSN_DO_CALL_FUNC,
	INSN_DO_CALL_KFUNC,
	INSN_DO_TAIL_CALL,
	INSN_DO_CALLX,
	INSN_DO_EXIT,
};

/* Bits of insn_desc.reads and .writes. */
enum insn_uses {
	INSN_USES_DST = 1 << 0,
	INSN_USES_SRC = 1 << 1,
	INSN_USES_R0 = 1 << 2,
	INSN_USES_R6 = 1 << 3,
	INSN_USES_ARGS = 1 << 4, /* r1 to r5 */
	INSN_USES_MEM = 1 << 5,
	INSN_USES_PKT = 1 << 6,
};

/* The conformance groups of RFC 9669 section 2.4; KERNEL: none of them. */
enum insn_group {
	INSN_GROUP_KERNEL,
	INSN_GROUP_BASE32,
	INSN_GROUP_BASE64,
	INSN_GROUP_DIVMUL32,
	INSN_GROUP_DIVMUL64,
	INSN_GROUP_ATOMIC32,
	INSN_GROUP_ATOMIC64,
	INSN_GROUP_PACKET,
};

enum insn_scope {
	INSN_SCOPE_UAPI,     /* programs may contain it */
	INSN_SCOPE_INTERNAL, /* only rewriting makes it */
	INSN_SCOPE_REFUSED,  /* known by name, refused everywhere */
};

enum insn_field_use {
	INSN_FIELD_EQ, /* must be `value` */
	INSN_FIELD_REG,
	INSN_FIELD_ANY,
	INSN_FIELD_UNCHECKED, /* unused, and nobody looks */
};

struct insn_field {
	s32 value;
	u8 use; /* enum insn_field_use */
};

/* A row of insns.def. */
struct insn_desc {
	const char *id;	      /* "ADD64_IMM" */
	const char *mnemonic; /* "add" */
	struct insn_field dst, src, off, imm;
	u8 op;
	u8 family, operation, group, scope;
	u8 width; /* bits */
	u8 isa;	  /* LLVM -mcpu=vN; 0 = no version */
	u8 reads, writes;
	u16 since; /* kernel, INSN_KV(major, minor); 0 = none */
};

#define INSN_KV(major, minor) ((major) << 8 | (minor))

extern const struct insn_desc insn_descs[INSN_KIND_COUNT];

/* The kernel that first knew any form of the opcode, INSN_KV(); 0xffff = none does. */
u16 insn_op_since(u8 op);

static inline const struct insn_desc *insn_desc(enum insn_kind kind)
{
	return &insn_descs[kind];
}

/* Why bytes are no instruction; texts and order are the kernel's (insn_errors.def). */
enum insn_error {
	INSN_OK,
#define INSN_ERROR(id, ...) INSN_ERROR_##id,
#include "isa/insn_errors.def"
	INSN_ERROR_COUNT,
};

struct insn_decoded {
	enum insn_kind kind;
	enum insn_error error; /* INSN_OK when decoding returned 0 */
	const struct insn_desc *desc;
	u8 dst, src;
	s16 off;
	s32 imm;
	u64 imm64;   /* of the two slots of LD_IMM64; else imm sign-extended */
	u8 slots;    /* 1 or 2 */
	bool is_imm; /* the second operand is imm and not src (ALU, MOV, JCC, ST) */
};

/*
 * Reads the instruction at insn; `left` slots are readable from there. 0 and ret filled, or -EINVAL
 * and ret->error. insn_decode takes what a program may contain; insn_decode_any also the internal
 * and refused kinds.
 */
int insn_decode(const struct insn *insn, size_t left, struct insn_decoded *ret);
int insn_decode_any(const struct insn *insn, size_t left, struct insn_decoded *ret);

/* The same of any kind, for those who read much: what matters of its row stands beside it. */
struct insn_brief {
	u8 family, operation, width, scope, reads, writes; /* as in insn_desc */
	u8 slots;
	bool is_imm;
	u8 dst, src;
	s16 off;
	s32 imm;
};

int insn_decode_brief(const struct insn *insn, size_t left, struct insn_brief *ret);

/*
 * What the kernel checks in one pass over the program before it follows any path: opcode known,
 * LDX fields, the slots of LD_IMM64. INSN_OK or the error; registers and the fields of other
 * classes are looked at only where a path comes by (insn_decode).
 */
enum insn_error insn_check_early(const struct insn *insn, size_t left);

/* The kernel's sentence, without the newline, into buf. */
void insn_error_text(enum insn_error error, const struct insn *insn, char *buf, size_t size);

/*
 * Writes decoded->slots slots to ret from kind, dst, src, off, imm (imm64 for two slots), taking
 * fixed fields from the row. -EINVAL when an operand does not fit the kind.
 */
int insn_encode(const struct insn_decoded *decoded, struct insn *ret);

static inline u8 insn_class(const struct insn *insn)
{
	return BPF_CLASS(insn->op);
}

static inline bool insn_is_ld_imm64(const struct insn *insn)
{
	return insn->op == (BPF_LD | BPF_IMM | BPF_DW);
}

static inline u64 insn_imm64(const struct insn insn[2])
{
	return (u64)(u32)insn[1].imm << 32 | (u32)insn[0].imm;
}

static inline bool insn_is_call_func(const struct insn *insn)
{
	return insn->op == (BPF_JMP | BPF_CALL) && insn->src == INSN_PSEUDO_CALL;
}

static inline bool insn_is_call_kfunc(const struct insn *insn)
{
	return insn->op == (BPF_JMP | BPF_CALL) && insn->src == INSN_PSEUDO_KFUNC_CALL;
}

static inline bool insn_is_call_helper(const struct insn *insn)
{
	return insn->op == (BPF_JMP | BPF_CALL) && insn->src == 0;
}

/* JA, JA32, conditional jumps and may_goto; calls and exit are none. */
static inline bool insn_is_jump(const struct insn *insn)
{
	u8 class = BPF_CLASS(insn->op), op = BPF_OP(insn->op);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* Distance of a jump's target from the instruction after it. */
static inline s32 insn_jump_offset(const struct insn *insn)
{
	return insn->op == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off;
}

/* Bytes that the size bits of a load or store opcode mean. */
static inline u32 insn_size_bytes(u8 op)
{
	static const u8 bytes[] = {4, 2, 1, 8};

	return bytes[BPF_SIZE(op) >> 3];
}

/*
 * Constructors. `bits` of a memory access is BPF_B, BPF_H, BPF_W or BPF_DW; `oper` is BPF_ADD,
 * BPF_JEQ and so on. INSN_LD_* of a wide immediate make two slots, for use in array initialisers.
 */
#define INSN_RAW(op_, dst_, src_, off_, imm_)                                                      \
	((struct insn){.op = (op_), .dst = (dst_), .src = (src_), .off = (off_), .imm = (imm_)})

#define INSN_ALU64_IMM(oper, dst, imm) INSN_RAW(BPF_ALU64 | (oper) | BPF_K, dst, 0, 0, imm)
#define INSN_ALU64_REG(oper, dst, src) INSN_RAW(BPF_ALU64 | (oper) | BPF_X, dst, src, 0, 0)
#define INSN_ALU32_IMM(oper, dst, imm) INSN_RAW(BPF_ALU | (oper) | BPF_K, dst, 0, 0, imm)
#define INSN_ALU32_REG(oper, dst, src) INSN_RAW(BPF_ALU | (oper) | BPF_X, dst, src, 0, 0)
/* Signed: oper is BPF_DIV or BPF_MOD. */
#define INSN_SALU64_IMM(oper, dst, imm) INSN_RAW(BPF_ALU64 | (oper) | BPF_K, dst, 0, 1, imm)
#define INSN_SALU64_REG(oper, dst, src) INSN_RAW(BPF_ALU64 | (oper) | BPF_X, dst, src, 1, 0)
#define INSN_SALU32_IMM(oper, dst, imm) INSN_RAW(BPF_ALU | (oper) | BPF_K, dst, 0, 1, imm)
#define INSN_SALU32_REG(oper, dst, src) INSN_RAW(BPF_ALU | (oper) | BPF_X, dst, src, 1, 0)
#define INSN_MOV64_IMM(dst, imm)	INSN_ALU64_IMM(BPF_MOV, dst, imm)
#define INSN_MOV64_REG(dst, src)	INSN_ALU64_REG(BPF_MOV, dst, src)
#define INSN_MOV32_IMM(dst, imm)	INSN_ALU32_IMM(BPF_MOV, dst, imm)
#define INSN_MOV32_REG(dst, src)	INSN_ALU32_REG(BPF_MOV, dst, src)
/* from: 8, 16, or (64 bits only) 32. */
#define INSN_MOVSX64(dst, src, from) INSN_RAW(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, from, 0)
#define INSN_MOVSX32(dst, src, from) INSN_RAW(BPF_ALU | BPF_MOV | BPF_X, dst, src, from, 0)
#define INSN_NEG64(dst)		     INSN_RAW(BPF_ALU64 | BPF_NEG, dst, 0, 0, 0)
#define INSN_NEG32(dst)		     INSN_RAW(BPF_ALU | BPF_NEG, dst, 0, 0, 0)
#define INSN_LE(dst, width)	     INSN_RAW(BPF_ALU | BPF_END | BPF_TO_LE, dst, 0, 0, width)
#define INSN_BE(dst, width)	     INSN_RAW(BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, width)
#define INSN_BSWAP(dst, width)	     INSN_RAW(BPF_ALU64 | BPF_END, dst, 0, 0, width)
#define INSN_ZEXT(dst)		     INSN_RAW(BPF_ALU | BPF_MOV | BPF_X, dst, dst, 0, 1)
/* imm: destination address space << 16 | source address space. */
#define INSN_ADDR_CAST(dst, src, imm)                                                              \
	INSN_RAW(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, INSN_ADDR_SPACE_CAST, imm)

#define INSN_LD_IMM64_RAW(dst, src, lo, hi)                                                        \
	INSN_RAW(BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, lo), INSN_RAW(0, 0, 0, 0, hi)
#define INSN_LD_IMM64(dst, v)		   INSN_LD_IMM64_RAW(dst, 0, (s32)(u64)(v), (s32)((u64)(v) >> 32))
#define INSN_LD_MAP_FD(dst, fd)		   INSN_LD_IMM64_RAW(dst, BPF_PSEUDO_MAP_FD, fd, 0)
#define INSN_LD_MAP_VALUE(dst, fd, offset) INSN_LD_IMM64_RAW(dst, BPF_PSEUDO_MAP_VALUE, fd, offset)
#define INSN_LD_MAP_IDX(dst, idx)	   INSN_LD_IMM64_RAW(dst, BPF_PSEUDO_MAP_IDX, idx, 0)
#define INSN_LD_MAP_IDX_VALUE(dst, idx, offset)                                                    \
	INSN_LD_IMM64_RAW(dst, BPF_PSEUDO_MAP_IDX_VALUE, idx, offset)
#define INSN_LD_BTF_ID(dst, id, btf_fd) INSN_LD_IMM64_RAW(dst, BPF_PSEUDO_BTF_ID, id, btf_fd)
#define INSN_LD_FUNC(dst, distance)	INSN_LD_IMM64_RAW(dst, BPF_PSEUDO_FUNC, distance, 0)

#define INSN_LD_ABS(bits, imm)		  INSN_RAW(BPF_LD | BPF_ABS | (bits), 0, 0, 0, imm)
#define INSN_LD_IND(bits, src, imm)	  INSN_RAW(BPF_LD | BPF_IND | (bits), 0, src, 0, imm)
#define INSN_LDX_MEM(bits, dst, src, off) INSN_RAW(BPF_LDX | BPF_MEM | (bits), dst, src, off, 0)
#define INSN_LDX_MEMSX(bits, dst, src, off)                                                        \
	INSN_RAW(BPF_LDX | INSN_MEMSX | (bits), dst, src, off, 0)
#define INSN_ST_MEM(bits, dst, off, imm)  INSN_RAW(BPF_ST | BPF_MEM | (bits), dst, 0, off, imm)
#define INSN_STX_MEM(bits, dst, src, off) INSN_RAW(BPF_STX | BPF_MEM | (bits), dst, src, off, 0)
/* oper: BPF_ADD, BPF_ADD | BPF_FETCH, ..., BPF_XCHG, BPF_CMPXCHG, INSN_LOAD_ACQ, INSN_STORE_REL. */
#define INSN_ATOMIC(bits, oper, dst, src, off)                                                     \
	INSN_RAW(BPF_STX | BPF_ATOMIC | (bits), dst, src, off, oper)
#define INSN_LOAD_ACQUIRE(bits, dst, src, off)	INSN_ATOMIC(bits, INSN_LOAD_ACQ, dst, src, off)
#define INSN_STORE_RELEASE(bits, dst, src, off) INSN_ATOMIC(bits, INSN_STORE_REL, dst, src, off)
#define INSN_NOSPEC_BARRIER()			INSN_RAW(BPF_ST | INSN_NOSPEC, 0, 0, 0, 0)

#define INSN_JA(off)			    INSN_RAW(BPF_JMP | BPF_JA, 0, 0, off, 0)
#define INSN_JA32(distance)		    INSN_RAW(BPF_JMP32 | BPF_JA, 0, 0, 0, distance)
#define INSN_MAYGOTO(off)		    INSN_RAW(BPF_JMP | INSN_JCOND, 0, 0, off, 0)
#define INSN_JMP_IMM(oper, dst, imm, off)   INSN_RAW(BPF_JMP | (oper) | BPF_K, dst, 0, off, imm)
#define INSN_JMP_REG(oper, dst, src, off)   INSN_RAW(BPF_JMP | (oper) | BPF_X, dst, src, off, 0)
#define INSN_JMP32_IMM(oper, dst, imm, off) INSN_RAW(BPF_JMP32 | (oper) | BPF_K, dst, 0, off, imm)
#define INSN_JMP32_REG(oper, dst, src, off) INSN_RAW(BPF_JMP32 | (oper) | BPF_X, dst, src, off, 0)
#define INSN_CALL(helper)		    INSN_RAW(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define INSN_CALL_FUNC(distance)	    INSN_RAW(BPF_JMP | BPF_CALL, 0, INSN_PSEUDO_CALL, 0, distance)
#define INSN_CALL_KFUNC(id, btf_off)                                                               \
	INSN_RAW(BPF_JMP | BPF_CALL, 0, INSN_PSEUDO_KFUNC_CALL, btf_off, id)
#define INSN_EXIT() INSN_RAW(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#endif
