// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random classic filters: their translation, run by the interpreter, returns what the definition
 * says, on packets with every extension that translates and on system calls.
 */
#include "base/vec.h"
#include "cbpf/cbpf.h"
#include "runtime/image.h"
#include "test/tap.h"

#include <hachi/context.h>
#include <linux/seccomp.h>
#include <stdlib.h>

enum { CPU = 5, RANDOM = 0x12345678 };

static u64 helper_cpu(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return CPU;
}

static u64 helper_random(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return RANDOM;
}

static helper_fn find_helper(void *ctx, u32 id)
{
	return id == BPF_FUNC_get_smp_processor_id ? helper_cpu
		: id == BPF_FUNC_get_prandom_u32   ? helper_random
						   : NULL;
}

/* The verifier's rewrite of context loads, for the fields that classic filters have. */
static s16 skb_offset(s16 off)
{
	static const struct {
		u16 uapi, ours;
	} fields[] = {
#define FIELD(name) {offsetof(struct __sk_buff, name), offsetof(struct hachi_skb, name)}
		FIELD(len),
		FIELD(pkt_type),
		FIELD(mark),
		FIELD(queue_mapping),
		FIELD(protocol),
		FIELD(vlan_present),
		FIELD(vlan_tci),
		FIELD(vlan_proto),
		FIELD(ifindex),
		FIELD(hash),
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].uapi == off)
			return (s16)fields[i].ours;
	return -1;
}

static void rewrite_context(struct insn_vec *program)
{
	struct insn *insn;

	vec_for_each (insn, program) {
		if (BPF_CLASS(insn->op) != BPF_LDX || insn->src != 6)
			continue;
		insn->off = skb_offset(insn->off);
		REQUIRE(insn->off >= 0);
	}
}

static u64 run_program(const struct insn_vec *program, void *ctx)
{
	struct code code = {
		.insns = program->data, .insn_count = (u32)program->len, .helper = find_helper};
	struct run run = {.fuel = -1};
	struct image *image;
	u64 result;

	REQUIRE_EQ(engine_interp.compile(&code, NULL, &image), 0);
	run.image = image;
	result = image->entry(ctx, &run);
	engine_interp.free(image);
	return result;
}

static u32 random_filter(struct sock_filter *filter, u32 max)
{
	static const u16 codes[] = {
#define CBPF(id, code, ...) code,
#include "cbpf/codes.def"
	};
	static const u32 ks[] = {0, 1, 3, 4, 12, 15, 31, 60, 0xffff, 0xfff00000, 0xfff00004,
		0xffe00000, 0xffe0000c, 0x80000000, UINT32_MAX};
	u32 len = 1 + (u32)rand() % max;

	for (u32 i = 0; i < len; i++) {
		filter[i].code = codes[(u32)rand() % ARRAY_SIZE(codes)];
		filter[i].k = ks[(u32)rand() % ARRAY_SIZE(ks)];
		if (BPF_CLASS(filter[i].code) == BPF_LD && rand() % 4 == 0)
			filter[i].k = (u32)SKF_AD_OFF + (u32)(rand() % 16) * 4;
		else if (BPF_CLASS(filter[i].code) == BPF_ALU || rand() % 2)
			filter[i].k = (u32)rand() % 20;
		if (filter[i].code == (BPF_JMP | BPF_JA))
			filter[i].k = (u32)rand() % 3;
		filter[i].jt = (u8)(rand() % 3);
		filter[i].jf = (u8)(rand() % 3);
	}
	filter[len - 1] = (struct sock_filter){
		rand() % 4 ? BPF_RET | BPF_A : BPF_RET | BPF_K, 0, 0, (u32)rand()};
	return len;
}

static void note_difference(const struct sock_filter *filter, u32 len, u64 engine, u32 definition)
{
	struct strbuf text = {0};

	cbpf_print(filter, len, CBPF_TEXT, &text);
	CHECK_MSG(false, "engine 0x%llx, definition 0x%x:\n%s", (unsigned long long)engine,
		definition, strbuf_cstr(&text));
	strbuf_release(&text);
}

#define HEAD  8	 /* room in front of the packet that filters must not see */
#define START 14 /* of the network layer, behind the mac header */

TEST(translated_socket_filters_return_what_the_definition_says)
{
	struct sock_filter filter[14];
	u32 compared = 0, nonzero = 0;

	srand(5);
	for (int i = 0; i < 40000; i++) {
		u32 len = random_filter(filter, 14), size = START + (u32)rand() % 50, want;
		struct insn_vec program = {0};
		struct cbpf_error error;
		u8 buf[HEAD + 64];
		struct hachi_skb skb = {
			.head = (u64)(uintptr_t)buf,
			.data = (u64)(uintptr_t)buf + HEAD,
			.data_end = (u64)(uintptr_t)buf + HEAD + size,
			.end = (u64)(uintptr_t)buf + sizeof(buf),
			.mac_header = HEAD,
			.network_header = HEAD + START,
			.len = size,
			.pkt_type = 3,
			.mark = 0xdeadbeef,
			.queue_mapping = 2,
			.protocol = 0x0008,
			.vlan_present = 1,
			.vlan_tci = 100,
			.vlan_proto = 0x0081,
			.ifindex = (u32)rand() % 2,
			.hash = 0x87654321,
		};
		struct cbpf_packet packet = {
			.data = buf + HEAD,
			.size = size,
			.net_offset = START,
			.ancillary =
				{
					[CBPF_AD_PROTOCOL] = 0x0800,
					[CBPF_AD_PKTTYPE] = 3,
					[CBPF_AD_IFINDEX] = skb.ifindex,
					[CBPF_AD_MARK] = 0xdeadbeef,
					[CBPF_AD_QUEUE] = 2,
					[CBPF_AD_RXHASH] = 0x87654321,
					[CBPF_AD_CPU] = CPU,
					[CBPF_AD_VLAN_TAG] = 100,
					[CBPF_AD_VLAN_TAG_PRESENT] = 1,
					[CBPF_AD_RANDOM] = RANDOM,
					[CBPF_AD_VLAN_TPID] = 0x8100,
				},
		};
		u64 got;

		for (size_t j = 0; j < sizeof(buf); j++)
			buf[j] = (u8)(rand() % 2 ? rand() : rand() % 8);
		if (cbpf_translate(filter, len, CBPF_SOCKET, &program, &error) == 0) {
			rewrite_context(&program);
			want = cbpf_eval(filter, len, CBPF_SOCKET, &packet);
			got = run_program(&program, &skb);
			if ((u32)got != want)
				note_difference(filter, len, got, want);
			compared++;
			nonzero += want != 0;
		}
		vec_release(&program);
	}
	tap_note("%u filters compared, %u return something", compared, nonzero);
	CHECK(compared > 5000 && nonzero > 1000);
}

TEST(translated_seccomp_filters_return_what_the_definition_says)
{
	struct sock_filter filter[14];
	u32 compared = 0, nonzero = 0;

	srand(6);
	for (int i = 0; i < 40000; i++) {
		u32 len = random_filter(filter, 14), want;
		struct insn_vec program = {0};
		struct cbpf_error error;
		struct seccomp_data data;
		struct cbpf_packet packet = {.data = (const u8 *)&data, .size = sizeof(data)};
		u64 got;

		for (size_t j = 0; j < sizeof(data); j++)
			((u8 *)&data)[j] = (u8)(rand() % 2 ? rand() : rand() % 8);
		if (cbpf_translate(filter, len, CBPF_SECCOMP, &program, &error) == 0) {
			want = cbpf_eval(filter, len, CBPF_SECCOMP, &packet);
			got = run_program(&program, &data);
			if ((u32)got != want)
				note_difference(filter, len, got, want);
			compared++;
			nonzero += want != 0;
		}
		vec_release(&program);
	}
	tap_note("%u filters compared, %u return something", compared, nonzero);
	CHECK(compared > 5000 && nonzero > 1000);
}
