// SPDX-License-Identifier: BSD-2-Clause
#include "client/tracefs.c"

#include "test/tap.h"

static bool read_line(const char *text, struct tracefs_line *ret_line)
{
	static char line[512];

	memset(ret_line, 0, sizeof(*ret_line));
	str_copy(line, sizeof(line), text);
	return parse(line, ret_line);
}

TEST(a_line_of_printk_is_taken_apart)
{
	struct tracefs_line l;

	CHECK(read_line("            bash-9709    [001] d..21  1814.873593: bpf_trace_printk: "
			"Hello, World!",
		&l));
	CHECK_STR(l.comm, "bash");
	CHECK_EQ(l.pid, 9709);
	CHECK_EQ(l.cpu, 1);
	CHECK_STR(l.flags, "d..21");
	CHECK_EQ(l.time_ns, 1814873593000);
	CHECK_STR(l.text, "Hello, World!");
}

TEST(names_with_spaces_and_dashes_keep_them)
{
	struct tracefs_line l;

	CHECK(read_line(
		" Web Content-12-x-77   [000] .....     1.000002: bpf_trace_printk: a: b", &l));
	CHECK_STR(l.comm, "Web Content-12-x");
	CHECK_EQ(l.pid, 77);
	CHECK_STR(l.text, "a: b");
}

TEST(options_of_the_trace_change_the_columns)
{
	struct tracefs_line l;

	/* record-tgid */
	CHECK(read_line("  sh-5  (      5) [003] d..1.  2.000001: bpf_trace_printk: x", &l));
	CHECK_STR(l.comm, "sh");
	CHECK_EQ(l.pid, 5);
	CHECK_EQ(l.cpu, 3);
	/* no irq-info */
	CHECK(read_line("  sh-5  [003]  2.000001: bpf_trace_printk: x", &l));
	CHECK_STR(l.comm, "sh");
	CHECK_EQ(l.cpu, 3);
	CHECK_STR(l.flags, ".....");
}

TEST(other_events_and_rubbish_are_no_lines)
{
	struct tracefs_line l;

	CHECK(!read_line("  sh-5  [003] d..1.  2.000001: sched_switch: prev=1", &l));
	CHECK(!read_line("CPU:0 [LOST 12 EVENTS]", &l));
	CHECK(!read_line(": bpf_trace_printk: ", &l));
	CHECK(!read_line("x: bpf_trace_printk: x", &l));
	CHECK(!read_line("", &l));
}
