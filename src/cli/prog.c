// SPDX-License-Identifier: BSD-2-Clause
/* `hachi prog`: its commands and its help. */
#include "cli/prog.h"

static const char help_text[] =
	"Usage: hachi prog { show | list } [PROG]\n"
	"       hachi prog dump xlated PROG [{ file FILE | [opcodes] [linum] | visual }]\n"
	"       hachi prog dump jited  PROG [{ file FILE | [opcodes] [linum] }]\n"
	"       hachi prog dump SOURCE NAME [--after STAGE]\n"
	"       hachi prog dump { xlated | jited } SOURCE NAME [...]\n"
	"       hachi prog run { PROG | SOURCE NAME } [data_in FILE]\n"
	"                      [data_out FILE [data_size_out L]]\n"
	"                      [ctx_in FILE [ctx_out FILE [ctx_size_out M]]] [repeat N]\n"
	"       hachi prog { load | loadall } SOURCE PATH [type TYPE] [dev NAME]\n"
	"                      [map { idx IDX | name NAME } MAP] [pinmaps MAP_DIR] [autoattach]\n"
	"       hachi prog pin PROG FILE\n"
	"       hachi prog { attach | detach } PROG ATTACH_TYPE [MAP]\n"
	"       hachi prog tracelog\n"
	"       hachi prog help\n"
	"\n"
	"       PROG := { id PROG_ID | pinned FILE | tag PROG_TAG | name PROG_NAME }\n"
	"       MAP := { id MAP_ID | pinned FILE | name MAP_NAME }\n"
	"       SOURCE := FILE.bpf.o | FILE.bpf.c (compiled with clang)\n"
	"       ATTACH_TYPE := { sk_msg_verdict | sk_skb_verdict | sk_skb_stream_verdict |\n"
	"                        sk_skb_stream_parser | flow_dissector }\n"
	"\n"
	"Looks at BPF programs and runs them, in the words of bpftool; words may be abbreviated.\n"
	"FILE may be - for standard input or output of run.\n"
	"\n"
	"  -j, --json            JSON\n"
	"  -p, --pretty          JSON over several lines\n"
	"  -f, --bpffs           show where objects are pinned\n"
	"  -m, --mapcompat       accepted and ignored, as by bpftool since libbpf 1.0\n"
	"  -n, --nomount         never mount a BPF file system\n"
	"  -d, --debug           what libbpf and the verifier say\n"
	"  -D, -I FLAG           passed to clang when SOURCE is C\n"
	"      --backend NAME    user, kernel or auto (see below)\n"
	"      --pin-dir DIR     the user backend pins below DIR instead of in memory\n"
	"      --after STAGE     the program after load, verify or rewrite, or after a pass of "
	"the\n"
	"                        compiler: build phi select bits idioms frame dce "
	"addresses\n"
	"                        narrow mask operands step registers (user backend)\n"
	"      --engine NAME     interp or jit (user backend)\n"
	"      --harden WHICH    machine code of off, unprivileged or all programs (user backend)\n"
	"      --kernel VERSION  judge as this kernel does: 5.15, 6.1, 6.12, 6.18 (user backend)\n"
	"  -h, --help\n"
	"\n"
	"Backends: a program of a SOURCE is run and dumped on the user backend, with no rights "
	"and\n"
	"without the kernel. Objects that outlive the command (PROG, load, pin) are the kernel's.\n"
	"The user backend's objects live as long as its instance: one command, or all commands of\n"
	"one `hachi batch`.\n"
	"\n"
	"Examples:\n"
	"  hachi prog run examples/xdp_drop.bpf.c xdp_drop data_in packet.bin data_out -\n"
	"  hachi prog dump examples/hello.bpf.c hello_clone --after rewrite\n"
	"  hachi prog list\n"
	"  hachi prog dump xlated name xdp_drop linum\n"
	"  hachi prog load xdp.bpf.o /sys/fs/bpf/xdp\n";

static const struct words_command commands[] = {
	{"show", cli_prog_show},
	{"list", cli_prog_show},
	{"dump", cli_prog_dump},
	{"pin", cli_prog_pin},
	{"load", cli_prog_load},
	{"loadall", cli_prog_loadall},
	{"attach", cli_prog_attach},
	{"detach", cli_prog_detach},
	{"tracelog", cli_prog_tracelog},
	{"run", cli_prog_run},
	{NULL, NULL},
};

const struct words_noun cli_prog_noun = {"prog", help_text, commands};

int cli_prog(int argc, char **argv)
{
	return words_main(&cli_prog_noun, argc, argv);
}
