// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi filter`: tcpdump's filter language, and seccomp's filters. Prints them as tcpdump does or
 * as eBPF, and runs them. Compiled by libpcap with tcpdump's settings (no netmask), so that the
 * bytes are tcpdump's.
 */
#include "cli/filter.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "isa/disasm.h"

#include <getopt.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
/* libpcap has a struct bpf_insn of its own, which is a struct sock_filter. */
#define bpf_insn pcap_insn
#include <pcap/pcap.h>
#undef bpf_insn
STATIC_ASSERT(sizeof(struct sock_filter) == sizeof(struct pcap_insn));

#define SNAPLEN_MAX 262144 /* tcpdump's MAXIMUM_SNAPLEN */

static const char usage[] =
	"Usage: hachi filter [OPTIONS] EXPRESSION...\n"
	"       hachi filter --seccomp FILE [OPTIONS] [-- COMMAND [ARG...]]\n"
	"\n"
	"Compiles a tcpdump expression and prints or runs it.\n"
	"\n"
	"  -d, -dd, -ddd     print as tcpdump -d, -dd (C) or -ddd (decimal) does\n"
	"      --ebpf        print the translation to eBPF\n"
	"  -y LINKTYPE       compile for this link type (EN10MB; with -r the file's)\n"
	"  -s SNAPLEN        what a matching filter returns (262144)\n"
	"  -O                do not optimize\n"
	"  -r FILE           run it on the packets of a pcap or pcapng file and count\n"
	"  -w FILE           with -r: write the packets that match\n"
	"      --seccomp FILE    check and print a seccomp filter (struct sock_filter[])\n"
	"                        with COMMAND: run it in the kernel with this filter (seccomp(2))\n"
	"      --call NR[,ARG..] with --seccomp: what the filter says to a system call;\n"
	"                        NR is a number or a name\n"
	"      --engine NAME     interp or jit\n"
	"      --kernel VERSION  whose verifier to ask\n"
	"\n"
	"Examples:\n"
	"  hachi filter -d 'tcp port 80'\n"
	"  hachi filter --ebpf -y RAW icmp\n"
	"  hachi filter -r all.pcap -w dns.pcap udp port 53\n"
	"  hachi filter --seccomp policy.bpf --call ptrace,16\n"
	"  hachi filter --seccomp policy.bpf -- ls /\n";

struct request {
	u32 dump; /* how many -d */
	bool is_ebpf, is_optimized;
	const char *link, *in_path, *out_path, *seccomp_path, *call;
	int snaplen;
	struct hachi_opts opts;
	char *expression; /* owned */
	char **command;	  /* to run with a seccomp filter, or NULL */
};

enum { OPT_EBPF = OPT_VERB, OPT_SECCOMP, OPT_CALL, OPT_HELP };

static int read_snaplen(const char *text, int *ret_snaplen)
{
	u64 value;

	if (str_to_u64(text, &value) || value > SNAPLEN_MAX) {
		cli_error("-s %s: not a length from 0 to %d", text, SNAPLEN_MAX);
		return EXIT_TROUBLE;
	}
	*ret_snaplen = value ? (int)value : SNAPLEN_MAX;
	return 0;
}

/* One option; 0, an exit status, or -1 for --help. */
static int read_option(struct request *rq, int option, const char *value)
{
	switch (option) {
	case 'd': rq->dump++; return 0;
	case 'y': rq->link = value; return 0;
	case 's': return read_snaplen(value, &rq->snaplen);
	case 'O': rq->is_optimized = false; return 0;
	case 'r': rq->in_path = value; return 0;
	case 'w': rq->out_path = value; return 0;
	case OPT_EBPF: rq->is_ebpf = true; return 0;
	case OPT_SECCOMP: rq->seccomp_path = value; return 0;
	case OPT_CALL: rq->call = value; return 0;
	case OPT_HELP:
	case 'h': return -1;
	case '?': return EXIT_TROUBLE;
	default: return cli_instance_option(&rq->opts, option, value);
	}
}

static int check_request(const struct request *rq)
{
	if (rq->out_path && !rq->in_path)
		cli_error("-w needs the packets of -r FILE");
	else if (rq->call && !rq->seccomp_path)
		cli_error("--call needs the filter of --seccomp FILE");
	else if (rq->seccomp_path && (rq->in_path || rq->link))
		cli_error("--seccomp takes no packets");
	else if (rq->command && (rq->call || rq->dump || rq->is_ebpf))
		cli_error("--seccomp: either a command, or something to print");
	else if (rq->is_ebpf && rq->dump)
		cli_error("--ebpf and -d are two formats; choose one");
	else if (rq->dump > 3)
		cli_error("there is -d, -dd and -ddd");
	else
		return 0;
	return EXIT_TROUBLE;
}

/* tcpdump joins what is left of the command line by blanks. */
static char *join(char **words, int count)
{
	struct strbuf text = {0};

	for (int i = 0; i < count; i++) {
		if (i)
			strbuf_putc(&text, ' ');
		strbuf_puts(&text, words[i]);
	}
	if (text.failed || !text.data) {
		strbuf_release(&text);
		return mem_strdup("");
	}
	return text.data;
}

static int parse_options(struct request *rq, int argc, char **argv)
{
	static const struct option options[] = {
		{"ebpf", no_argument, NULL, OPT_EBPF},
		{"seccomp", required_argument, NULL, OPT_SECCOMP},
		{"call", required_argument, NULL, OPT_CALL},
		{"engine", required_argument, NULL, OPT_ENGINE},
		{"kernel", required_argument, NULL, OPT_KERNEL},
		{"help", no_argument, NULL, OPT_HELP},
		{NULL, 0, NULL, 0},
	};
	int option, status;

	optind = 0;
	while ((option = getopt_long(argc, argv, "+dy:s:Or:w:h", options, NULL)) != -1) {
		status = read_option(rq, option, optarg);
		if (status)
			return status;
	}
	if (rq->seccomp_path && optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		cli_error("--seccomp takes no expression; a command goes behind --");
		return EXIT_TROUBLE;
	}
	if (rq->seccomp_path && optind < argc)
		rq->command = argv + optind;
	status = check_request(rq);
	if (status || rq->command)
		return status;
	rq->expression = join(argv + optind, argc - optind);
	if (!rq->expression) {
		cli_error("out of memory");
		return EXIT_TROUBLE;
	}
	return 0;
}

/* ---- printing ---------------------------------------------------------------------------------*/

static int print_ebpf(
	const struct sock_filter *filter, u32 len, enum cbpf_kind kind, struct strbuf *out)
{
	struct insn_vec program = {0};
	struct cbpf_error error;
	int err = cbpf_translate(filter, len, kind, &program, &error);

	if (err == -EINVAL || err == -EOPNOTSUPP)
		cli_error("instruction %u: %s", error.insn, error.text);
	else if (err)
		cli_error("cannot translate the filter: %s", strerror(-err));
	else
		disasm_program(NULL, program.data, program.len, out);
	vec_release(&program);
	return err ? EXIT_REFUSED : 0;
}

static int print_filter(
	const struct request *rq, const struct sock_filter *filter, u32 len, enum cbpf_kind kind)
{
	struct strbuf text = {0};
	int status = 0;

	if (rq->is_ebpf)
		status = print_ebpf(filter, len, kind, &text);
	else
		cbpf_print(filter, len, (enum cbpf_style)(rq->dump ? rq->dump - 1 : 0), &text);
	if (text.failed) {
		cli_error("out of memory");
		status = EXIT_TROUBLE;
	} else if (!status) {
		fputs(strbuf_cstr(&text), stdout);
	}
	strbuf_release(&text);
	return status;
}

/* ---- expressions ------------------------------------------------------------------------------*/

/* The handle to compile with: the capture's link type and length, or the options'. */
static pcap_t *open_link(const struct request *rq)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	int dlt = DLT_EN10MB;
	pcap_t *pcap;

	if (rq->link) {
		dlt = pcap_datalink_name_to_val(rq->link);
		if (dlt < 0) {
			cli_error("-y %s: no such link type", rq->link);
			return NULL;
		}
	} else if (rq->in_path && strcmp(rq->in_path, "-") != 0) {
		pcap = pcap_open_offline(rq->in_path, error);
		if (!pcap) {
			cli_error("%s%s%s", strstr(error, rq->in_path) ? "" : rq->in_path,
				strstr(error, rq->in_path) ? "" : ": ", error);
			return NULL;
		}
		dlt = pcap_datalink(pcap);
		pcap_close(pcap);
	}
	pcap = pcap_open_dead(dlt, rq->snaplen);
	if (!pcap)
		cli_error("out of memory");
	return pcap;
}

static int run_capture(const struct request *rq, const struct sock_filter *filter, u32 len)
{
	struct filter_counts counts;
	char error[512];

	if (filter_run_capture(&rq->opts, filter, len, rq->in_path, rq->out_path, &counts, error,
		    sizeof(error))) {
		cli_error("%s", error);
		return EXIT_TROUBLE;
	}
	printf("%llu of %llu packets match\n", (unsigned long long)counts.passed,
		(unsigned long long)counts.packets);
	return 0;
}

static int filter_expression(const struct request *rq)
{
	struct bpf_program program;
	const struct sock_filter *filter;
	pcap_t *pcap = open_link(rq);
	int status;

	if (!pcap)
		return EXIT_TROUBLE;
	if (pcap_compile(pcap, &program, rq->expression, rq->is_optimized, 0)) {
		cli_error("can't parse filter expression: %s", pcap_geterr(pcap));
		pcap_close(pcap);
		return EXIT_TROUBLE;
	}
	filter = (const struct sock_filter *)program.bf_insns;
	if (rq->in_path && !rq->dump && !rq->is_ebpf)
		status = run_capture(rq, filter, program.bf_len);
	else
		status = print_filter(rq, filter, program.bf_len, CBPF_SOCKET);
	pcap_freecode(&program);
	pcap_close(pcap);
	return status;
}

/* ---- seccomp ----------------------------------------------------------------------------------*/

/* A file of struct sock_filter; its length in instructions, or -1 after an error was printed. */
static int read_seccomp(const char *path, struct sock_filter *filter)
{
	FILE *file = fopen(path, "rb");
	size_t got;
	bool is_bad;

	if (!file) {
		cli_error("%s: %s", path, strerror(errno));
		return -1;
	}
	got = fread(filter, 1, (BPF_MAXINSNS + 1) * sizeof(*filter), file);
	is_bad = ferror(file);
	if (is_bad)
		cli_error("%s: %s", path, strerror(errno));
	fclose(file);
	if (is_bad)
		return -1;
	if (!got || got % sizeof(*filter) || got > BPF_MAXINSNS * sizeof(*filter)) {
		cli_error("%s: not 1 to %d instructions of 8 bytes", path, BPF_MAXINSNS);
		return -1;
	}
	return (int)(got / sizeof(*filter));
}

/* "ptrace,16,0x10": the number or name, then up to six arguments. */
static int read_call(const char *text, struct seccomp_data *ret_data)
{
	char *copy = mem_strdup(text), *next = copy, *word;
	u64 value;
	bool is_good = false;
	int count = -1;

	memset(ret_data, 0, sizeof(*ret_data));
#ifdef __aarch64__
	ret_data->arch = AUDIT_ARCH_AARCH64;
#else
	ret_data->arch = AUDIT_ARCH_X86_64;
#endif
	while (copy && (word = strsep(&next, ","))) {
		int number = count < 0 ? hachi_syscall_number(word) : -1;

		is_good = false;
		if (number >= 0)
			value = (u64)number;
		else if (str_to_u64(word, &value) || count == 6)
			break;
		if (count < 0)
			ret_data->nr = (int)value;
		else
			ret_data->args[count] = value;
		count++;
		is_good = true;
	}
	mem_free(copy);
	if (is_good)
		return 0;
	cli_error("--call %s: not a system call and up to six numbers", text);
	return EXIT_TROUBLE;
}

static void print_action(u32 action)
{
	static const struct {
		u32 action;
		const char *name;
	} names[] = {
		{SECCOMP_RET_KILL_PROCESS, "KILL_PROCESS"},
		{SECCOMP_RET_KILL_THREAD, "KILL_THREAD"},
		{SECCOMP_RET_TRAP, "TRAP"},
		{SECCOMP_RET_ERRNO, "ERRNO"},
		{SECCOMP_RET_USER_NOTIF, "USER_NOTIF"},
		{SECCOMP_RET_TRACE, "TRACE"},
		{SECCOMP_RET_LOG, "LOG"},
		{SECCOMP_RET_ALLOW, "ALLOW"},
	};
	u32 data = action & SECCOMP_RET_DATA;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].action == (action & SECCOMP_RET_ACTION_FULL)) {
			printf("%s", names[i].name);
			if (data)
				printf("(%u)", data);
			printf("\n");
			return;
		}
	printf("KILL_PROCESS (unknown action 0x%08x)\n", action);
}

static int filter_seccomp(const struct request *rq)
{
	struct sock_filter *filter = mem_calloc(BPF_MAXINSNS + 1, sizeof(*filter));
	struct seccomp_data data;
	struct cbpf_error error;
	char sentence[512];
	int len, err, status = EXIT_TROUBLE;
	u32 action;

	if (!filter) {
		cli_error("out of memory");
		return EXIT_TROUBLE;
	}
	len = read_seccomp(rq->seccomp_path, filter);
	if (len < 0)
		goto out;
	err = cbpf_check(filter, (u32)len, CBPF_SECCOMP, &error);
	if (err) {
		if (err == -EINVAL)
			cli_error(
				"%s: instruction %u: %s", rq->seccomp_path, error.insn, error.text);
		else
			cli_error("%s", strerror(-err));
		status = EXIT_REFUSED;
		goto out;
	}
	if (rq->command) {
		filter_exec(filter, (u32)len, rq->command, sentence, sizeof(sentence));
		cli_error("%s", sentence);
		status = EXIT_HACHI;
		goto out;
	}
	if (!rq->call) {
		status = print_filter(rq, filter, (u32)len, CBPF_SECCOMP);
		goto out;
	}
	if (read_call(rq->call, &data))
		goto out;
	if (filter_run_seccomp(
		    &rq->opts, filter, (u32)len, &data, &action, sentence, sizeof(sentence))) {
		cli_error("%s: %s", rq->seccomp_path, sentence);
		goto out;
	}
	print_action(action);
	status = 0;
out:
	mem_free(filter);
	return status;
}

int cli_filter(int argc, char **argv)
{
	struct request rq = {
		.is_optimized = true,
		.snaplen = SNAPLEN_MAX,
		.opts = {.size = sizeof(rq.opts)},
	};
	int status = parse_options(&rq, argc, argv);

	if (status < 0) {
		fputs(usage, stdout);
		status = 0;
	} else if (!status) {
		status = rq.seccomp_path ? filter_seccomp(&rq) : filter_expression(&rq);
	}
	mem_free(rq.expression);
	return status;
}
