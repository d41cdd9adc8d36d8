// SPDX-License-Identifier: BSD-2-Clause
/* `hachi filter` as a command: what it prints, refuses and selects, beside tcpdump. */
#include "cli/cli.h"
#include "test/tap.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#define bpf_insn pcap_insn
#include <pcap/pcap.h>
#undef bpf_insn

static char out[1 << 16], err_out[4096];

static void read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t got;

	lseek(fd, 0, SEEK_SET);
	while (len < size - 1 && (got = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)got;
	buf[len] = '\0';
	close(fd);
}

static int temp_file(char *path)
{
	memcpy(path, "/tmp/hachi-filter-XXXXXX", sizeof("/tmp/hachi-filter-XXXXXX"));
	return mkstemp(path);
}

/* Runs the verb in a child; its exit status, its output in out and err_out. */
static int run(const char *const *args)
{
	char paths[2][32];
	int fds[2], status, argc = 1;
	char *argv[32] = {(char *)"filter"};
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		fds[i] = temp_file(paths[i]);
		unlink(paths[i]);
	}
	for (; args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(fds[0], 1);
		dup2(fds[1], 2);
		status = cli_filter(argc, argv);
		fflush(stdout);
		fflush(stderr);
		_exit(status);
	}
	waitpid(pid, &status, 0);
	read_all(fds[0], out, sizeof(out));
	read_all(fds[1], err_out, sizeof(err_out));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static const char *shell(const char *command)
{
	static char text[1 << 16];
	FILE *pipe = popen(command, "r");
	size_t got = pipe ? fread(text, 1, sizeof(text) - 1, pipe) : 0;

	text[got] = '\0';
	if (pipe)
		pclose(pipe);
	return text;
}

static void need_tcpdump(void)
{
	if (system("tcpdump --version >/dev/null 2>&1") != 0)
		SKIP("tcpdump is not installed");
}

TEST(the_printing_options_are_tcpdumps)
{
	need_tcpdump();
	CHECK_EQ(RUN("-d", "tcp", "port", "80"), 0);
	CHECK_STR(out, shell("tcpdump -d -y EN10MB tcp port 80 2>&1"));
	CHECK_EQ(RUN("-dd", "-y", "RAW", "icmp"), 0);
	CHECK_STR(out, shell("tcpdump -dd -y RAW icmp 2>&1"));
	CHECK_EQ(RUN("-ddd", "-s", "96", "ip6"), 0);
	CHECK_STR(out, shell("tcpdump -ddd -s 96 -y EN10MB ip6 2>&1"));
	CHECK_EQ(RUN("-d", "-O", "tcp port 80 and host 10.0.0.1"), 0);
	CHECK_STR(out, shell("tcpdump -d -O -y EN10MB 'tcp port 80 and host 10.0.0.1' 2>&1"));
	CHECK_EQ(RUN("-d"), 0);
	CHECK_STR(out, shell("tcpdump -d -y EN10MB 2>&1"));
}

TEST(the_translation_prints_as_the_kernel_prints_programs)
{
	CHECK_EQ(RUN("--ebpf", "ip"), 0);
	CHECK_STR(out,
		"   0: (bf) r6 = r1\n"
		"   1: (b4) w0 = 0\n"
		"   2: (b4) w7 = 0\n"
		"   3: (28) r0 = *(u16 *)skb[12]\n"
		"   4: (56) if w0 != 0x800 goto pc+2\n"
		"   5: (b4) w0 = 262144\n"
		"   6: (95) exit\n"
		"   7: (b4) w0 = 0\n"
		"   8: (95) exit\n");
}

TEST(bad_requests_are_refused_in_a_sentence)
{
	CHECK_EQ(RUN("-y", "BOGUS", "ip"), EXIT_TROUBLE);
	CHECK_STR(err_out, "Error: -y BOGUS: no such link type\n");
	CHECK_EQ(RUN("-d", "tcp port ("), EXIT_TROUBLE);
	CHECK(strstr(err_out, "can't parse filter expression: syntax error"));
	CHECK_EQ(RUN("-s", "300000", "ip"), EXIT_TROUBLE);
	CHECK_STR(err_out, "Error: -s 300000: not a length from 0 to 262144\n");
	CHECK_EQ(RUN("-w", "x", "ip"), EXIT_TROUBLE);
	CHECK_STR(err_out, "Error: -w needs the packets of -r FILE\n");
	CHECK_EQ(RUN("-r", "/nonexistent", "ip"), EXIT_TROUBLE);
	CHECK(strstr(err_out, "Error: /nonexistent: No such file or directory"));
	CHECK_EQ(RUN("--seccomp", "/nonexistent"), EXIT_TROUBLE);
	CHECK_STR(err_out, "Error: /nonexistent: No such file or directory\n");
	CHECK_EQ(RUN("--seccomp", "/dev/null"), EXIT_TROUBLE);
	CHECK_STR(err_out, "Error: /dev/null: not 1 to 4096 instructions of 8 bytes\n");
	CHECK_EQ(RUN("--ebpf", "-d", "ip"), EXIT_TROUBLE);
	CHECK_EQ(RUN("--help"), 0);
	CHECK(strstr(out, "Usage: hachi filter"));
}

/* Frames of several protocols and lengths, some of them cut by the capture. */
static void write_capture(const char *path, u32 count)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(pcap, path);
	u8 frame[1600];

	srand(7);
	for (u32 i = 0; dumper && i < count; i++) {
		struct pcap_pkthdr head = {.ts = {1700000000 + i, i}};

		for (size_t j = 0; j < sizeof(frame); j++)
			frame[j] = (u8)rand();
		frame[12] = i % 7 == 3 ? 0x86 : 8;
		frame[13] = i % 7 == 3 ? 0xdd : i % 11 == 5 ? 6 : 0;
		frame[14] = i % 7 == 3 ? 0x60 : 0x45 + (i % 5 == 4);
		frame[20] = frame[23] = (u8[]){6, 17, 1, 6}[i % 4];
		if (i % 7 != 3)
			frame[20] = i % 13 == 0 ? 0x20 : 0;
		frame[21] = 0;
		frame[34] = frame[36] = frame[54] = frame[56] = 0;
		frame[35] = (u8[]){80, 53, 22}[rand() % 3];
		frame[37] = (u8[]){80, 53, 22}[rand() % 3];
		frame[57] = 53;
		head.len = 60 + (u32)rand() % 1400;
		head.caplen = i % 6 == 0 ? MIN(head.len, 20 + (u32)rand() % 50) : head.len;
		pcap_dump((u_char *)dumper, &head, frame);
	}
	if (dumper)
		pcap_dump_close(dumper);
	pcap_close(pcap);
}

TEST(the_packets_selected_are_tcpdumps)
{
	static const char *const expressions[] = {"", "ip", "ip6", "arp", "tcp", "udp port 53",
		"port 80", "icmp", "len > 700", "less 200", "ip[6:2] & 0x1fff = 0",
		"tcp[13] & 2 != 0", "udp[8:4] > 0x80000000", "ip6 and udp",
		"src port 22 and not dst port 22", "ether[100] = 7"};
	char in[32], ours[32], theirs[32], command[512];
	u32 compared = 0;

	need_tcpdump();
	close(temp_file(in));
	close(temp_file(ours));
	close(temp_file(theirs));
	write_capture(in, 400);
	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
		snprintf(command, sizeof(command),
			"tcpdump -r %s -w %s '%s' 2>/dev/null && cmp %s %s 2>&1", in, theirs,
			expressions[i], ours, theirs);
		CHECK_EQ(RUN("-r", in, "-w", ours, expressions[i]), 0);
		CHECK_STR(err_out, "");
		CHECK_MSG(strstr(out, " of 400 packets match"), "%s", out);
		CHECK_MSG(shell(command)[0] == '\0', "%s: %s", expressions[i], shell(command));
		compared++;
	}
	CHECK(compared == ARRAY_SIZE(expressions));
	unlink(in);
	unlink(ours);
	unlink(theirs);
}

TEST(a_filter_of_libseccomp_prints_and_answers)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	char path[32];
	int fd = temp_file(path);

	REQUIRE(ctx && fd >= 0);
	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(getppid), 0);
	seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ptrace), 1, SCMP_A0(SCMP_CMP_EQ, 16));
	REQUIRE_EQ(seccomp_export_bpf(ctx, fd), 0);
	seccomp_release(ctx);
	close(fd);
	CHECK_EQ(RUN("--seccomp", path), 0);
	CHECK_MSG(strstr(out, "(000) ld       [4]\n(001) jeq      #0x"), "%s", out);
	CHECK_EQ(RUN("--seccomp", path, "--ebpf"), 0);
	CHECK_MSG(strstr(out, "(61) r0 = *(u32 *)(r6 +4)\n"), "%s", out);
	CHECK_EQ(RUN("--seccomp", path, "--call", "getppid"), 0);
	CHECK_STR(out, "ERRNO(1)\n");
	CHECK_EQ(RUN("--seccomp", path, "--call", "ptrace,16"), 0);
	CHECK_STR(out, "KILL_PROCESS\n");
	CHECK_EQ(RUN("--seccomp", path, "--call", "ptrace,17"), 0);
	CHECK_STR(out, "ALLOW\n");
	CHECK_EQ(RUN("--seccomp", path, "--call", "ptrace,x"), EXIT_TROUBLE);
	unlink(path);
}
