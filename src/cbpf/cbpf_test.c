// SPDX-License-Identifier: BSD-2-Clause
/*
 * Classic BPF against its three oracles: tcpdump for the text, libpcap's printer for every code,
 * the live kernel for what is taken and for what a filter returns.
 */
#include "base/alloc.h"
#include "base/vec.h"
#include "cbpf/cbpf.h"
#include "test/kernel.h"
#include "test/tap.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* libpcap has a struct bpf_insn of its own, which is a struct sock_filter. */
#define bpf_insn pcap_insn
#include <pcap/pcap.h>
#undef bpf_insn

STATIC_ASSERT(sizeof(struct sock_filter) == sizeof(struct pcap_insn));

#define INSN(code, k)                                                                              \
	{                                                                                          \
		(code), 0, 0, (k)                                                                  \
	}
#define JUMP(code, k, jt, jf)                                                                      \
	{                                                                                          \
		(code), (jt), (jf), (k)                                                            \
	}
#define RETURN(k) INSN(BPF_RET | BPF_K, k)

/* ---- text ------------------------------------------------------------------------------------ */

TEST(every_code_prints_as_libpcap_prints_it)
{
	static const u32 ks[] = {0, 1, 15, 0x80000005, 0xfffff000, 0xfffff00c, 0xfffff03c,
		0xfffff040, 0xfffff001, 0xfff00000, UINT32_MAX};
	struct strbuf text = {0};

	for (u32 code = 0; code < 0x400; code++)
		for (size_t i = 0; i < ARRAY_SIZE(ks); i++) {
			struct sock_filter ours = {(u16)code, 3, 250, ks[i]};
			struct pcap_insn theirs = {(u16)code, 3, 250, ks[i]};

			strbuf_reset(&text);
			cbpf_print_insn(&ours, 41, &text);
			CHECK_STR(strbuf_cstr(&text), bpf_image(&theirs, 41));
		}
	strbuf_release(&text);
}

static const struct {
	const char *name;
	int dlt;
} links[] = {{"EN10MB", DLT_EN10MB}, {"RAW", DLT_RAW}, {"LINUX_SLL", DLT_LINUX_SLL},
	{"IEEE802_11_RADIO", DLT_IEEE802_11_RADIO}, {"PPP", DLT_PPP}};

static const char *const expressions[] = {
	"",
	"ip",
	"ip6",
	"arp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"tcp port 80",
	"udp port 53",
	"port 53",
	"src port 22",
	"dst port 443",
	"portrange 1000-2000",
	"host 10.0.0.1",
	"src host 192.168.1.1",
	"dst host 192.168.1.1 and tcp",
	"net 10.0.0.0/8",
	"not net 192.168.0.0/16",
	"host ::1",
	"ip6 net fe80::/10",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[13] = 2",
	"ip[0] & 0xf != 5",
	"ip[2:2] > 576",
	"ip[6:2] & 0x1fff = 0",
	"icmp[icmptype] = icmp-echo",
	"len > 100",
	"less 64",
	"greater 1000",
	"ip proto 47",
	"ip proto 132 or ip proto 33",
	"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
	"ip6[40] = 128",
	"udp[8:4] = 0x01020304",
	"tcp and not port 22 and not port 23",
	"(tcp or udp) and (port 53 or port 5353)",
	"ip and ip[8] < 5",
	"tcp[2:2] % 2 = 0",
	"ip[9] * 2 = 12",
	"udp[4:2] / 8 > 4",
	"ip[4:2] ^ 0xffff = 0",
	"ip broadcast",
	"ip multicast",
	"ether proto 0x88cc",
	"ether host 00:11:22:33:44:55",
	"vlan",
	"vlan 100 and ip",
	"mpls",
	"pppoes",
	"ether[0] & 1 = 1",
};

/* What tcpdump prints; false when it refuses the expression. */
static bool run_tcpdump(
	const char *option, const char *link, const char *expression, struct strbuf *out)
{
	char command[1024], chunk[4096];
	FILE *pipe;
	size_t got;

	snprintf(command, sizeof(command), "tcpdump %s -y %s '%s' 2>/dev/null", option, link,
		expression);
	pipe = popen(command, "r");
	if (!pipe)
		return false;
	while ((got = fread(chunk, 1, sizeof(chunk), pipe)) > 0)
		strbuf_add(out, chunk, got);
	return pclose(pipe) == 0;
}

static bool compile(int dlt, const char *expression, struct bpf_program *ret_program)
{
	pcap_t *pcap = pcap_open_dead(dlt, 262144);
	int err = -1;

	if (pcap) {
		err = pcap_compile(pcap, ret_program, expression, 1, 0);
		pcap_close(pcap);
	}
	return err == 0;
}

TEST(all_three_formats_are_what_tcpdump_prints)
{
	static const char *const options[] = {"-d", "-dd", "-ddd"};
	u32 compared = 0;

	if (system("tcpdump --version >/dev/null 2>&1") != 0)
		SKIP("tcpdump is not installed");
	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
		size_t link = i % 4 == 3 ? i / 4 % ARRAY_SIZE(links) : 0;
		struct bpf_program program;
		bool is_theirs = true;

		bool is_ours = compile(links[link].dlt, expressions[i], &program);

		for (size_t style = 0; style < 3; style++) {
			struct strbuf ours = {0}, theirs = {0};

			is_theirs = run_tcpdump(
				options[style], links[link].name, expressions[i], &theirs);
			CHECK_MSG(
				is_ours == is_theirs, "%s on %s", expressions[i], links[link].name);
			if (is_ours && is_theirs) {
				cbpf_print((const struct sock_filter *)program.bf_insns,
					program.bf_len, (enum cbpf_style)style, &ours);
				CHECK_STR(strbuf_cstr(&ours), strbuf_cstr(&theirs));
				compared += style == 0;
			}
			strbuf_release(&ours);
			strbuf_release(&theirs);
		}
		if (is_ours)
			pcap_freecode(&program);
	}
	tap_note("%u expressions compared", compared);
	CHECK(compared >= 40);
}

/* ---- check ----------------------------------------------------------------------------------- */

static void check_refused(const char *file, int line, const struct sock_filter *filter, u32 len,
	enum cbpf_kind kind, u32 insn, const char *text)
{
	struct cbpf_error error = {0};

	tap_check_eq(cbpf_check(filter, len, kind, &error), -EINVAL, text, "-EINVAL", file, line);
	tap_check_eq(error.insn, insn, "instruction", text, file, line);
	tap_check_str(error.text, text, "text", file, line);
}

#define CHECK_REFUSED(kind, insn, text, ...)                                                       \
	do {                                                                                       \
		struct sock_filter filter_[] = {__VA_ARGS__};                                      \
		check_refused(__FILE__, __LINE__, filter_, ARRAY_SIZE(filter_), kind, insn, text); \
	} while (0)

TEST(refusals_name_instruction_and_reason)
{
	CHECK_REFUSED(CBPF_SOCKET, 0, "there is no such instruction", INSN(0xff, 0), RETURN(0));
	CHECK_REFUSED(CBPF_SOCKET, 0, "division by zero", INSN(0x34, 0), RETURN(0));
	CHECK_REFUSED(CBPF_SOCKET, 0, "the shift is 32 or more", INSN(0x64, 32), RETURN(0));
	CHECK_REFUSED(CBPF_SOCKET, 0, "there is no such memory word", INSN(0x02, 16), RETURN(0));
	CHECK_REFUSED(CBPF_SOCKET, 0, "the jump leaves the filter", INSN(0x05, 1), RETURN(0));
	CHECK_REFUSED(CBPF_SOCKET, 0, "the jump leaves the filter", JUMP(0x15, 0, 0, 1), RETURN(0));
	CHECK_REFUSED(
		CBPF_SOCKET, 0, "there is no such extension", INSN(0x20, 0xfffff040), RETURN(0));
	CHECK_REFUSED(CBPF_SOCKET, 1, "the last instruction must return", RETURN(0), INSN(0x07, 0));
	CHECK_REFUSED(CBPF_SOCKET, 2, "the memory word may not be written yet", JUMP(0x15, 0, 1, 0),
		INSN(0x02, 3), INSN(0x60, 3), RETURN(0));
	CHECK_REFUSED(CBPF_SECCOMP, 0, "the load is not of a word of struct seccomp_data",
		INSN(0x20, 64), RETURN(0));
	CHECK_REFUSED(CBPF_SECCOMP, 0, "seccomp does not take this instruction", INSN(0x30, 0),
		RETURN(0));
}

/* Random, but of the known codes mostly, so that every check is met. */
static u32 random_filter(struct sock_filter *filter, u32 max)
{
	static const u16 codes[] = {
#define CBPF(id, code, ...) code,
#include "cbpf/codes.def"
	};
	static const u32 ks[] = {0, 1, 2, 3, 4, 8, 12, 14, 15, 16, 31, 32, 60, 64, 0xffff,
		0xfffff000, 0xfffff004, 0xfffff028, 0xfffff040, 0xfff00000, 0xfff00004, 0xffe00000,
		0xffe0000c, 0x80000000, UINT32_MAX};
	u32 len = 1 + (u32)rand() % max;

	for (u32 i = 0; i < len; i++) {
		filter[i].code = codes[(u32)rand() % ARRAY_SIZE(codes)];
		if (rand() % 400 == 0)
			filter[i].code = (u16)rand();
		if (filter[i].code == 0x05)
			filter[i].k = (u32)rand() % 3;
		else
			filter[i].k = ks[(u32)rand() % ARRAY_SIZE(ks)];
		if (BPF_CLASS(filter[i].code) == BPF_ALU || rand() % 3 == 0)
			filter[i].k = (u32)rand() % 20;
		filter[i].jt = (u8)(rand() % 3);
		filter[i].jf = (u8)(rand() % 3);
	}
	if (rand() % 20)
		filter[len - 1] = (struct sock_filter){
			rand() % 2 ? BPF_RET | BPF_A : BPF_RET | BPF_K, 0, 0, 77};
	return len;
}

static int attach(int fd, struct sock_filter *filter, u32 len)
{
	struct sock_fprog prog = {(u16)len, filter};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

TEST(the_live_kernel_takes_the_same_socket_filters)
{
	struct sock_filter filter[12];
	u32 taken = 0, refused = 0;
	int fds[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	srand(1);
	for (int i = 0; i < 20000; i++) {
		u32 len = random_filter(filter, i % 2 ? 3 : 12);
		struct cbpf_error error = {0};
		int ours = cbpf_check(filter, len, CBPF_SOCKET, &error);
		int theirs = attach(fds[0], filter, len);

		if (ours != theirs) {
			struct strbuf text = {0};

			cbpf_print(filter, len, CBPF_TEXT, &text);
			CHECK_MSG(false, "ours %d (%s), kernel %d:\n%s", ours,
				error.text ? error.text : "taken", theirs, text.data);
			strbuf_release(&text);
		}
		*(theirs ? &refused : &taken) += 1;
	}
	tap_note("%u taken, %u refused", taken, refused);
	CHECK(taken > 2000 && refused > 2000);
	close(fds[0]);
	close(fds[1]);
}

/*
 * Installs every filter in one child, each ending in "allow" so that the next call works: the code
 * in front of it may do what it likes. The answers come back by a pipe.
 */
static bool seccomp_takes(struct sock_filter *filter, u32 len)
{
	struct sock_fprog prog = {(u16)len, filter};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0;
}

TEST(the_live_kernel_takes_the_same_seccomp_instructions)
{
	u8 theirs[0x100][3] = {0};
	int fds[2], status;
	pid_t pid;

	REQUIRE_EQ(pipe(fds), 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		for (u32 code = 0; code < 0x100; code++)
			for (u32 k = 0; k < 3; k++) {
				static const u32 ks[] = {1, 60, 64};
				struct sock_filter filter[] = {
					INSN(BPF_LDX | BPF_IMM, 1),
					/* Skipped, yet checked. */
					INSN(BPF_JMP | BPF_JA, 2),
					INSN(BPF_ST, 1),
					{(u16)code, 0, 0, ks[k]},
					RETURN(SECCOMP_RET_ALLOW),
				};

				theirs[code][k] = seccomp_takes(filter, ARRAY_SIZE(filter)) ? 1 : 2;
			}
		status = write(fds[1], theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1;
		_exit(status);
	}
	close(fds[1]);
	if (read(fds[0], theirs, sizeof(theirs)) != sizeof(theirs))
		theirs[0][0] = 0;
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (!theirs[0][0])
		SKIP("seccomp filters cannot be installed here");
	for (u32 code = 0; code < 0x100; code++)
		for (u32 k = 0; k < 3; k++) {
			static const u32 ks[] = {1, 60, 64};
			struct sock_filter filter[] = {
				INSN(BPF_LDX | BPF_IMM, 1),
				INSN(BPF_JMP | BPF_JA, 2),
				INSN(BPF_ST, 1),
				{(u16)code, 0, 0, ks[k]},
				RETURN(SECCOMP_RET_ALLOW),
			};
			struct cbpf_error error;
			int ours = cbpf_check(filter, ARRAY_SIZE(filter), CBPF_SECCOMP, &error);

			CHECK_MSG((ours == 0) == (theirs[code][k] == 1),
				"code %02x k %u: ours %d, the kernel %s", code, ks[k], ours,
				theirs[code][k] == 1 ? "takes it" : "refuses it");
		}
}

/* ---- meaning --------------------------------------------------------------------------------- */

static u32 eval_packet(const struct sock_filter *filter, u32 len, const u8 *data, u32 size)
{
	struct cbpf_packet packet = {.data = data, .size = size};

	return cbpf_eval(filter, len, CBPF_SOCKET, &packet);
}

#define EVAL(data, ...)                                                                            \
	({                                                                                         \
		struct sock_filter filter_[] = {__VA_ARGS__};                                      \
		struct cbpf_error error_ = {0};                                                    \
		CHECK_EQ(cbpf_check(filter_, ARRAY_SIZE(filter_), CBPF_SOCKET, &error_), 0);       \
		eval_packet(filter_, ARRAY_SIZE(filter_), data, sizeof(data));                     \
	})

TEST(the_evaluator_follows_the_definition)
{
	static const u8 data[] = {0x45, 1, 2, 3, 4, 5, 6, 7};

	CHECK_EQ(EVAL(data, INSN(0x20, 1), INSN(0x16, 0)), 0x01020304);
	CHECK_EQ(EVAL(data, INSN(0x20, 5), RETURN(1)), 0);
	CHECK_EQ(EVAL(data, INSN(0xb1, 0), INSN(0x87, 0), INSN(0x16, 0)), 20);
	CHECK_EQ(EVAL(data, INSN(0x00, 7), INSN(0x3c, 0), RETURN(1)), 0);
	CHECK_EQ(EVAL(data, INSN(0x80, 0), INSN(0x16, 0)), 8);
	CHECK_EQ(EVAL(data, INSN(0x01, 3), INSN(0x50, 1), INSN(0x16, 0)), 4);
	CHECK_EQ(EVAL(data, INSN(0x00, 5), INSN(0x84, 0), INSN(0x16, 0)), (u32)-5);
	CHECK_EQ(EVAL(data, INSN(0x30, 0), JUMP(0x45, 0x40, 1, 0), RETURN(1), RETURN(2)), 2);
}

/* The length that a socket with the filter lets through of a datagram: min(result, size). */
static int kernel_length(const int fds[2], const u8 *data, u32 size)
{
	u8 buf[2048];
	ssize_t got;

	if (send(fds[1], data, size, MSG_DONTWAIT) != (ssize_t)size)
		return -errno;
	got = recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT);
	return got < 0 && errno == EAGAIN ? 0 : (int)got;
}

/* What depends on the world (ifindex, hash, random ...) cannot be compared; offsets can. */
static bool is_closed(const struct sock_filter *filter, u32 len)
{
	for (u32 i = 0; i < len; i++) {
		enum cbpf_ancillary which = cbpf_ancillary(&filter[i]);

		if (which != CBPF_AD_COUNT && which != CBPF_AD_ALU_XOR_X)
			return false;
		/* A datagram of a local socket has no headers to count from. */
		if (BPF_CLASS(filter[i].code) != BPF_LD && BPF_CLASS(filter[i].code) != BPF_LDX)
			continue;
		if (BPF_MODE(filter[i].code) == BPF_IND ||
			((BPF_MODE(filter[i].code) == BPF_ABS ||
				 BPF_MODE(filter[i].code) == BPF_MSH) &&
				which == CBPF_AD_COUNT && (s32)filter[i].k < 0))
			return false;
	}
	return true;
}

TEST(the_live_kernel_returns_what_the_evaluator_returns)
{
	struct sock_filter filter[12];
	u8 data[64];
	int fds[2];
	u32 compared = 0, passed = 0;

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	srand(2);
	for (int i = 0; i < 60000; i++) {
		u32 len = random_filter(filter, 12), size = 1 + (u32)rand() % sizeof(data), want;
		struct cbpf_error error;
		int got;

		for (u32 j = 0; j < size; j++)
			data[j] = (u8)(rand() % 2 ? rand() : rand() % 8);
		if (cbpf_check(filter, len, CBPF_SOCKET, &error) || !is_closed(filter, len))
			continue;
		REQUIRE_EQ(attach(fds[0], filter, len), 0);
		want = eval_packet(filter, len, data, size);
		want = MIN(want, size);
		got = kernel_length(fds, data, size);
		if (got == -EPERM)
			got = 0;
		CHECK_EQ(got, want);
		compared++;
		passed += want > 0;
	}
	tap_note("%u filters compared, %u let something through", compared, passed);
	CHECK(compared > 1000 && passed > 300);
	close(fds[0]);
	close(fds[1]);
}

/* ---- translation ----------------------------------------------------------------------------- */

static int load_program(const struct insn_vec *program, char *log, u32 log_size)
{
	struct kernel_load load = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (const struct bpf_insn *)program->data,
		.insn_count = (u32)program->len,
		.log = log,
		.log_size = log_size,
	};

	return kernel_prog_load(&load);
}

static int kernel_run(int fd, const u8 *data, u32 size, u32 *ret_result)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)data;
	attr.test.data_size_in = size;
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)))
		return -errno;
	*ret_result = attr.test.retval;
	return 0;
}

/* The test run strips the mac header first, so filters see what is behind byte 14. */
static bool run_both(const struct sock_filter *filter, u32 len, const u8 *frame, u32 size,
	u32 *ret_ours, u32 *ret_theirs)
{
	struct cbpf_packet packet = {.data = frame, .size = size, .start = 14, .net_offset = 14};
	struct insn_vec program = {0};
	struct cbpf_error error = {0};
	static char log[65536];
	int fd, err = cbpf_translate(filter, len, CBPF_SOCKET, &program, &error);

	log[0] = '\0';
	if (err == -EOPNOTSUPP)
		return false;
	CHECK_EQ(err, 0);
	packet.ancillary[CBPF_AD_PROTOCOL] = (u32)frame[12] << 8 | frame[13];
	packet.ancillary[CBPF_AD_IFINDEX] = 1; /* loopback */
	fd = load_program(&program, NULL, 0);
	if (fd < 0)
		fd = load_program(&program, log, sizeof(log));
	vec_release(&program);
	if (!CHECK_MSG(fd >= 0, "refused: %s", log)) {
		struct strbuf text = {0};

		cbpf_print(filter, len, CBPF_TEXT, &text);
		tap_note("%s", text.data);
		strbuf_release(&text);
		return false;
	}
	err = kernel_run(fd, frame, size, ret_theirs);
	close(fd);
	CHECK_EQ(err, 0);
	*ret_ours = cbpf_eval(filter, len, CBPF_SOCKET, &packet);
	return err == 0;
}

static bool is_foreseeable(const struct sock_filter *filter, u32 len)
{
	for (u32 i = 0; i < len; i++)
		switch (cbpf_ancillary(&filter[i])) {
		case CBPF_AD_COUNT:
		case CBPF_AD_PROTOCOL:
		case CBPF_AD_IFINDEX:
		case CBPF_AD_MARK:
		case CBPF_AD_VLAN_TAG:
		case CBPF_AD_VLAN_TAG_PRESENT:
		case CBPF_AD_ALU_XOR_X: break;
		default: return false;
		}
	return true;
}

TEST(translations_pass_the_kernels_verifier_and_return_the_same)
{
	struct sock_filter filter[16];
	u8 frame[64];
	u32 compared = 0, nonzero = 0;

	kernel_or_skip();
	srand(3);
	for (int i = 0; i < 12000 && compared < 2500; i++) {
		u32 len = random_filter(filter, 16), ours = 0, theirs = 0;
		struct cbpf_error error;

		for (u32 j = 0; j < sizeof(frame); j++)
			frame[j] = (u8)(rand() % 2 ? rand() : rand() % 8);
		frame[12] = 0x88; /* no protocol that the kernel would parse */
		frame[13] = 0xb5;
		if (cbpf_check(filter, len, CBPF_SOCKET, &error) || !is_foreseeable(filter, len))
			continue;
		if (!run_both(filter, len, frame, sizeof(frame), &ours, &theirs))
			continue;
		if (!CHECK_EQ(theirs, ours)) {
			struct strbuf text = {0};

			cbpf_print(filter, len, CBPF_TEXT, &text);
			tap_note("%s", text.data);
			strbuf_release(&text);
		}
		compared++;
		nonzero += ours != 0;
	}
	tap_note("%u filters compared, %u return something", compared, nonzero);
	CHECK(compared > 1000 && nonzero > 200);
}

TEST(tcpdump_filters_translate_and_return_the_same)
{
	u8 frame[128];

	kernel_or_skip();
	srand(4);
	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
		struct bpf_program program;

		/* The test run takes the frame's mac header away, so filters for raw IP fit. */
		if (!compile(DLT_RAW, expressions[i], &program))
			continue;
		for (int round = 0; round < 8; round++) {
			u32 ours = 0, theirs = 0;

			memset(frame, 0, sizeof(frame));
			frame[12] = 8;
			frame[14] = 0x45;
			frame[23] = (u8[]){6, 17, 1, 47}[round % 4];
			frame[26] = 10;
			frame[36] = 0;
			frame[37] = (u8[]){80, 53, 22, 8}[rand() % 4];
			frame[47] = 2;
			CHECK(run_both((const struct sock_filter *)program.bf_insns, program.bf_len,
				frame, sizeof(frame), &ours, &theirs));
			CHECK_EQ(theirs, ours);
		}
		pcap_freecode(&program);
	}
}

TEST(extensions_without_a_way_in_ebpf_are_refused_with_their_place)
{
	static const u32 offsets[] = {
		SKF_AD_NLATTR, SKF_AD_NLATTR_NEST, SKF_AD_HATYPE, SKF_AD_PAY_OFFSET};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct sock_filter filter[] = {INSN(BPF_LD | BPF_IMM, 1),
			INSN(BPF_LD | BPF_ABS | BPF_W, (u32)SKF_AD_OFF + offsets[i]), RETURN(1)};
		struct insn_vec program = {0};
		struct cbpf_error error = {0};

		CHECK_EQ(cbpf_translate(filter, 3, CBPF_SOCKET, &program, &error), -EOPNOTSUPP);
		CHECK_EQ(error.insn, 1);
		CHECK_EQ(program.len, 0);
		vec_release(&program);
	}
}

TEST(every_translatable_extension_passes_the_kernels_verifier)
{
	kernel_or_skip();
	for (u32 which = 0; which < CBPF_AD_COUNT; which++) {
		struct sock_filter filter[] = {
			INSN(BPF_LD | BPF_ABS | BPF_B, (u32)SKF_AD_OFF + 4 * which),
			INSN(BPF_RET | BPF_A, 0)};
		struct insn_vec program = {0};
		struct cbpf_error error = {0};
		char log[4096] = "";
		int fd;

		if (cbpf_translate(filter, 2, CBPF_SOCKET, &program, &error) == 0) {
			fd = load_program(&program, log, sizeof(log));
			CHECK_MSG(fd >= 0, "extension %u: %s", which, log);
			if (fd >= 0)
				close(fd);
		}
		vec_release(&program);
	}
}

TEST(the_longest_filter_translates_with_far_jumps)
{
	struct sock_filter *filter = mem_calloc(BPF_MAXINSNS, sizeof(*filter));
	struct insn_vec program = {0};
	struct cbpf_error error = {0};
	u32 far = 0;

	REQUIRE(filter);
	/* Either path into the long stretch, so that nothing is unreachable. */
	filter[0] = (struct sock_filter)JUMP(BPF_JMP | BPF_JEQ, 1, 1, 0);
	filter[1] = (struct sock_filter)INSN(BPF_JMP | BPF_JA, BPF_MAXINSNS - 4);
	for (u32 i = 2; i < BPF_MAXINSNS - 1; i++)
		filter[i] = (struct sock_filter)INSN(BPF_LDX | BPF_MSH | BPF_B, 0);
	for (u32 i = 3; i < BPF_MAXINSNS - 1; i += 2)
		filter[i] = (struct sock_filter)INSN(BPF_ALU | BPF_DIV | BPF_X, 0);
	filter[BPF_MAXINSNS - 1] = (struct sock_filter)RETURN(7);
	REQUIRE_EQ(cbpf_translate(filter, BPF_MAXINSNS, CBPF_SOCKET, &program, &error), 0);
	for (size_t i = 0; i < program.len; i++) {
		s64 target = (s64)i + 1 + insn_jump_offset(&program.data[i]);

		if (!insn_is_jump(&program.data[i]))
			continue;
		CHECK(target > (s64)i && target < (s64)program.len);
		far += target - (s64)i > 10000;
	}
	CHECK_EQ(far, 1);
	vec_release(&program);
	mem_free(filter);
}

TEST(unreachable_instructions_are_left_out)
{
	struct sock_filter filter[] = {INSN(BPF_JMP | BPF_JA, 1), INSN(BPF_LD | BPF_IMM, 99),
		RETURN(1), INSN(BPF_LD | BPF_IMM, 98), RETURN(2)};
	struct insn_vec program = {0};
	struct cbpf_error error = {0};

	REQUIRE_EQ(cbpf_translate(filter, 5, CBPF_SOCKET, &program, &error), 0);
	for (size_t i = 0; i < program.len; i++)
		CHECK(program.data[i].imm < 98);
	vec_release(&program);
}

TEST(any_failing_allocation_is_reported)
{
	struct sock_filter filter[] = {
		INSN(BPF_LD | BPF_LEN, 0), JUMP(BPF_JMP | BPF_JGT, 60, 0, 1), RETURN(1), RETURN(0)};

	for (u64 n = 1; n < 50; n++) {
		struct insn_vec program = {0};
		struct cbpf_error error = {0};
		int err;

		mem_fail_nth(n);
		err = cbpf_translate(filter, 4, CBPF_SOCKET, &program, &error);
		vec_release(&program);
		if (!mem_has_failed()) {
			mem_fail_nth(0);
			CHECK_EQ(err, 0);
			CHECK(n > 3);
			return;
		}
		CHECK_EQ(err, -ENOMEM);
	}
	CHECK_MSG(false, "it never runs to the end");
}

/* ---- seccomp --------------------------------------------------------------------------------- */

/* The filter that libseccomp makes of a context. */
static u32 export_filter(scmp_filter_ctx ctx, struct sock_filter *filter, u32 max)
{
	FILE *file = tmpfile();
	size_t got = 0;

	if (file && seccomp_export_bpf(ctx, fileno(file)) == 0) {
		rewind(file);
		got = fread(filter, sizeof(*filter), max, file);
	}
	if (file)
		fclose(file);
	return (u32)got;
}

static u32 eval_seccomp(const struct sock_filter *filter, u32 len, int nr, u64 arg0)
{
	struct seccomp_data data = {.nr = nr, .arch = 0xc000003e, .args = {arg0}};
	struct cbpf_packet packet = {.data = (const u8 *)&data, .size = sizeof(data)};

	return cbpf_eval(filter, len, CBPF_SECCOMP, &packet);
}

TEST(filters_of_libseccomp_check_translate_and_decide)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct sock_filter filter[BPF_MAXINSNS];
	struct insn_vec program = {0};
	struct cbpf_error error = {0};
	u32 len;

	REQUIRE(ctx);
	seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
	seccomp_arch_add(ctx, SCMP_ARCH_X86_64);
	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), __NR_getppid, 0);
	seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, __NR_ptrace, 0);
	seccomp_rule_add(
		ctx, SCMP_ACT_ERRNO(5), __NR_close, 1, SCMP_A0(SCMP_CMP_GT, 0x100000002ull));
	len = export_filter(ctx, filter, BPF_MAXINSNS);
	seccomp_release(ctx);
	REQUIRE(len > 5);
	REQUIRE_EQ(cbpf_check(filter, len, CBPF_SECCOMP, &error), 0);
	CHECK_EQ(eval_seccomp(filter, len, __NR_getppid, 0), SECCOMP_RET_ERRNO | EPERM);
	CHECK_EQ(eval_seccomp(filter, len, __NR_ptrace, 0), SECCOMP_RET_KILL_PROCESS);
	CHECK_EQ(eval_seccomp(filter, len, __NR_close, 3), SECCOMP_RET_ALLOW);
	CHECK_EQ(eval_seccomp(filter, len, __NR_close, 0x100000003), SECCOMP_RET_ERRNO | 5);
	CHECK_EQ(eval_seccomp(filter, len, __NR_getpid, 0), SECCOMP_RET_ALLOW);
	REQUIRE_EQ(cbpf_translate(filter, len, CBPF_SECCOMP, &program, &error), 0);
	for (size_t i = 0; i < program.len; i++) {
		struct insn_decoded d;

		CHECK_EQ(insn_decode(&program.data[i], program.len - i, &d), 0);
		if (d.desc->family == INSN_FAMILY_LDX)
			CHECK(d.src == 6 && d.off >= 0 && d.off <= 60 && d.off % 4 == 0);
	}
	vec_release(&program);
}
