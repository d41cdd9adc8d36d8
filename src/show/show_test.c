// SPDX-License-Identifier: BSD-2-Clause
#include "test/tap.h"
#include "test/btf_build.h"
#include "show/event.h"
#include "show/hist.h"
#include "show/json.h"
#include "show/table.h"
#include "show/trace.h"

#include <json-c/json.h>
#include <stdlib.h>

static struct build b;
static char *text;
static size_t text_len;
static FILE *out;

static void begin(void)
{
	free(text);
	text = NULL;
	out = open_memstream(&text, &text_len);
	REQUIRE(out != NULL);
}

static const char *end(void)
{
	fclose(out);
	return text;
}

/*
 * 1 u32, 2 u64, 3 char, 4 char[16], 5 enum op, 6 struct addr {u32 ip; u16-less}, 7 struct event,
 * 8 u32[27], 9 struct hist
 */
static struct btf *types(void)
{
	struct btf *btf = NULL;

	build_init(&b);
	build_int(&b, "unsigned int", 4, 0);
	build_int(&b, "unsigned long long", 8, 0);
	build_int(&b, "char", 1, BTF_INT_SIGNED);
	build_array(&b, 3, 1, 16);
	build_type(&b, BTF_KIND_ENUM, "op", 2, false, 4);
	build_pair(&b, "READ", 0);
	build_pair(&b, "WRITE", 1);
	build_type(&b, BTF_KIND_STRUCT, "addr", 2, false, 8);
	build_member(&b, "ip", 1, 0);
	build_member(&b, "port", 1, 32);
	build_type(&b, BTF_KIND_STRUCT, "event", 5, false, 40);
	build_member(&b, "pid", 1, 0);
	build_member(&b, "comm", 4, 32);
	build_member(&b, "op", 5, 160);
	build_member(&b, "bytes", 2, 192);
	build_member(&b, "to", 6, 256);
	build_array(&b, 1, 1, 8);
	build_type(&b, BTF_KIND_STRUCT, "hist", 2, false, 40);
	build_member(&b, "total", 2, 0);
	build_member(&b, "slots", 8, 64);
	build_blob(&b);
	REQUIRE_EQ(btype_parse(b.blob, b.size, NULL, NULL, NULL, &btf), 0);
	return btf;
}

struct event {
	u32 pid;
	char comm[16];
	u32 op;
	u64 bytes;
	u32 ip, port;
};

TEST(a_trace_line_is_the_kernels)
{
	struct show_trace trace = {"bash", 9709, 1, "d..21", 1814873592600, "Hello, World!"};
	struct show_trace live = {"tp", 5211, 0, "...2.", 2997157105000, "Hello!\n"};

	begin();
	show_trace_line(out, &trace);
	CHECK_STR(end(),
		"            bash-9709    [001] d..21  1814.873593: bpf_trace_printk: Hello, "
		"World!\n");
	begin();
	show_trace_line(out, &live); /* what a 6.18 kernel wrote */
	CHECK_STR(end(),
		"              tp-5211    [000] ...2.  2997.157105: bpf_trace_printk: Hello!\n\n");
	begin();
	CHECK_EQ(show_trace_json(out, &trace), 0);
	CHECK_STR(end(),
		"{\"comm\":\"bash\",\"pid\":9709,\"cpu\":1,\"time_ns\":1814873592600,"
		"\"text\":\"Hello, World!\"}\n");
}

TEST(events_are_lines_under_one_header)
{
	struct btf *btf = types();
	struct show_event_format format = {"events", btf, 7, false};
	struct event one = {1, "init", 0, 10, 0x7f000001, 80};
	struct event two = {4194304, "a\x1b[31m", 1, ~0ull, 0, 65535};
	struct show_event *event;

	REQUIRE_EQ(show_event_new(&format, &event), 0);
	begin();
	CHECK_EQ(show_event_print(event, out, 0, &one, sizeof(one)), 0);
	CHECK_EQ(show_event_print(event, out, 0, &two, sizeof(two)), 0);
	CHECK_EQ(show_event_print(event, out, 0, &one, 4), 0); /* cut off */
	CHECK_STR(end(),
		"     PID COMM             OP             BYTES    TO.IP  TO.PORT\n"
		"       1 init             READ              10 2130706433       80\n"
		" 4194304 a\\x1b[31m        WRITE 18446744073709551615        0    65535\n"
		"       1 ?                ?                  ?        ?        ?\n");
	show_event_free(event);
	btype_unref(btf);
}

TEST(text_of_any_length_may_end_an_event)
{
	struct show_event_format format = {"lines", NULL, 2, false};
	struct show_event *event;
	struct btf *btf = NULL;

	build_init(&b);
	build_int(&b, "char", 1, BTF_INT_SIGNED);
	build_type(&b, BTF_KIND_STRUCT, "line", 2, false, 1);
	build_member(&b, "kind", 1, 0);
	build_member(&b, "text", 3, 8);
	build_array(&b, 1, 1, 0);
	build_blob(&b);
	REQUIRE_EQ(btype_parse(b.blob, b.size, NULL, NULL, NULL, &btf), 0);
	format.btf = btf;
	REQUIRE_EQ(show_event_new(&format, &event), 0);
	begin();
	CHECK_EQ(show_event_print(event, out, 0, "\1hello", 6), 0);
	CHECK_EQ(show_event_print(event, out, 0, "\1", 1), 0);
	CHECK_EQ(show_event_print(event, out, 0, "", 0), 0);
	CHECK_STR(end(), "KIND TEXT\n   1 hello\n   1 \n   ? \n");
	show_event_free(event);
	btype_unref(btf);
}

TEST(a_member_may_name_its_column)
{
	struct show_event_format format = {"events", NULL, 2, false};
	struct show_event *event;
	struct btf *btf = NULL;
	u32 value = 843;

	build_init(&b);
	build_int(&b, "unsigned int", 4, 0);
	build_type(&b, BTF_KIND_STRUCT, "sent", 1, false, 4);
	build_member(&b, "bytes", 1, 0);
	build_tag(&b, "column=UDS(stream)_txB,18", 2, 0);
	build_blob(&b);
	REQUIRE_EQ(btype_parse(b.blob, b.size, NULL, NULL, NULL, &btf), 0);
	format.btf = btf;
	REQUIRE_EQ(show_event_new(&format, &event), 0);
	begin();
	CHECK_EQ(show_event_print(event, out, 0, &value, 4), 0);
	CHECK_STR(end(), "   UDS(stream)_txB\n               843\n");
	show_event_free(event);
	btype_unref(btf);
}

TEST(events_may_say_when)
{
	struct show_event_format format = {"events", NULL, 0, false, true};
	struct show_event *event;
	const char *line;

	REQUIRE_EQ(show_event_new(&format, &event), 0);
	begin();
	CHECK_EQ(show_event_print(event, out, 0, "\1", 1), 0);
	line = end();
	CHECK_EQ(strlen(line), strlen("21:20:32 01\n"));
	CHECK_EQ(line[2], ':');
	CHECK_EQ(line[5], ':');
	CHECK_STR(line + 8, " 01\n");
	show_event_free(event);
}

TEST(events_without_a_type_are_bytes)
{
	struct show_event_format format = {"events", NULL, 0, false};
	struct show_event *event;

	REQUIRE_EQ(show_event_new(&format, &event), 0);
	begin();
	CHECK_EQ(show_event_print(event, out, 0, "\x01\xff", 2), 0);
	CHECK_STR(end(), "01 ff\n");
	show_event_free(event);
	format.is_json = true;
	REQUIRE_EQ(show_event_new(&format, &event), 0);
	begin();
	CHECK_EQ(show_event_print(event, out, -1, "\x01\xff", 2), 0);
	CHECK_STR(end(), "{\"map\":\"events\",\"event\":[\"0x01\",\"0xff\"]}\n");
	show_event_free(event);
}

TEST(events_as_json_are_one_object_a_line)
{
	struct btf *btf = types();
	struct show_event_format format = {"ev\"1", btf, 7, true};
	struct event one = {1, "in\"it", 1, ~0ull, 1, 2};
	struct show_event *event;
	struct json_object *parsed;

	REQUIRE_EQ(show_event_new(&format, &event), 0);
	begin();
	CHECK_EQ(show_event_print(event, out, 3, &one, sizeof(one)), 0);
	CHECK_EQ(show_event_print(event, out, 3, &one, sizeof(one)), 0);
	CHECK_STR(end(),
		"{\"map\":\"ev\\\"1\",\"cpu\":3,\"event\":{\"pid\":1,\"comm\":\"in\\\"it\","
		"\"op\":\"WRITE\",\"bytes\":18446744073709551615,"
		"\"to\":{\"ip\":1,\"port\":2}}}\n"
		"{\"map\":\"ev\\\"1\",\"cpu\":3,\"event\":{\"pid\":1,\"comm\":\"in\\\"it\","
		"\"op\":\"WRITE\",\"bytes\":18446744073709551615,"
		"\"to\":{\"ip\":1,\"port\":2}}}\n");
	parsed = json_tokener_parse(text); /* another's reader takes the first of them */
	CHECK(parsed != NULL);
	json_object_put(parsed);
	show_event_free(event);
	btype_unref(btf);
}

TEST(a_map_is_a_table_in_order_of_its_keys)
{
	struct btf *btf = types();
	struct show_map map = {"sent", btf, 1, 2, 4, 8, 0};
	struct show_table table;
	u32 keys[] = {1109, 843};
	u64 values[] = {10260, 760};

	show_table_init(&table, &map);
	for (u32 i = 0; i < 2; i++)
		REQUIRE_EQ(show_table_add(&table, &keys[i], &values[i]), 0);
	show_table_sort(&table);
	begin();
	CHECK_EQ(show_table_print(&table, out), 0);
	CHECK_STR(end(),
		" KEY VALUE\n"
		" 843   760\n"
		"1109 10260\n");
	show_table_clear(&table);
	begin();
	CHECK_EQ(show_table_json(&table, out), 0);
	CHECK_STR(end(), "[]\n");
	show_table_release(&table);
	btype_unref(btf);
}

TEST(a_map_is_json_as_bpftool_writes_it)
{
	struct btf *btf = types();
	struct show_map map = {"sent", btf, 1, 6, 4, 8, 0};
	struct show_table table;
	u32 key = 1, value[2] = {2, 3};
	struct json_object *parsed;

	show_table_init(&table, &map);
	REQUIRE_EQ(show_table_add(&table, &key, value), 0);
	begin();
	CHECK_EQ(show_table_json(&table, out), 0);
	CHECK_STR(end(),
		"[{\"key\":[\"0x01\",\"0x00\",\"0x00\",\"0x00\"],"
		"\"value\":[\"0x02\",\"0x00\",\"0x00\",\"0x00\",\"0x03\",\"0x00\",\"0x00\","
		"\"0x00\"],\"formatted\":{\"key\":1,\"value\":{\"ip\":2,\"port\":3}}}]\n");
	parsed = json_tokener_parse(text);
	CHECK(parsed && json_object_array_length(parsed) == 1);
	json_object_put(parsed);
	begin();
	CHECK_EQ(show_table_print(&table, out), 0);
	CHECK_STR(end(), "KEY IP PORT\n  1  2    3\n");
	show_table_release(&table);
	btype_unref(btf);
}

TEST(numbers_of_all_cpus_are_summed_in_a_table)
{
	struct btf *btf = types();
	struct show_map map = {"sent", btf, 1, 6, 4, 8, 3};
	struct show_table table;
	u32 key = 1, values[3][2] = {{1, 10}, {2, 20}, {3, 0xffffffff}};

	show_table_init(&table, &map);
	REQUIRE_EQ(show_table_add(&table, &key, values), 0);
	begin();
	CHECK_EQ(show_table_print(&table, out), 0);
	CHECK_STR(end(), "KEY IP PORT\n  1  6   29\n");
	begin();
	CHECK_EQ(show_table_json(&table, out), 0);
	CHECK(strstr(end(),
		      "\"formatted\":{\"key\":1,\"values\":[{\"cpu\":0,\"value\":{\"ip\":1,"
		      "\"port\":10}},{\"cpu\":1,") != NULL);
	show_table_release(&table);

	/* Without types, counters of 4 and 8 bytes still are; a queue has no key. */
	map = (struct show_map){"raw", NULL, 0, 0, 0, 4, 2};
	show_table_init(&table, &map);
	REQUIRE_EQ(show_table_add(&table, NULL, values), 0);
	show_table_sort(&table);
	begin();
	CHECK_EQ(show_table_print(&table, out), 0);
	CHECK_STR(end(), "VALUE\n03 00 00 00\n");
	show_table_release(&table);
	btype_unref(btf);
}

TEST(a_log2_histogram_is_drawn_as_bcc_draws_it)
{
	u64 slots[64] = {[7] = 23, [8] = 16};

	begin();
	show_hist_log2(out, slots, 64, "usecs");
	CHECK_STR(end(),
		"     usecs               : count     distribution\n"
		"         0 -> 1          : 0        |                                        |\n"
		"         2 -> 3          : 0        |                                        |\n"
		"         4 -> 7          : 0        |                                        |\n"
		"         8 -> 15         : 0        |                                        |\n"
		"        16 -> 31         : 0        |                                        |\n"
		"        32 -> 63         : 0        |                                        |\n"
		"        64 -> 127        : 0        |                                        |\n"
		"       128 -> 255        : 23       |****************************************|\n"
		"       256 -> 511        : 16       |***************************             |\n");
	begin();
	show_hist_log2(out, slots, 7, "usecs"); /* nothing counted, nothing drawn */
	CHECK_STR(end(), "");
	memset(slots, 0, sizeof(slots));
	slots[33] = slots[63] = ~0ull; /* wide labels, no overflow */
	begin();
	show_hist_log2(out, slots, 64, "nsecs");
	CHECK(strstr(end(),
		      "               nsecs                         : count     "
		      "distribution\n") == text);
	CHECK(strstr(text,
		      " 9223372036854775808 -> 18446744073709551615 : 18446744073709551615 "
		      "|********************|\n") != NULL);
}

TEST(a_linear_histogram_is_drawn_as_bcc_draws_it)
{
	u64 slots[4] = {1, 0, 4};

	begin();
	show_hist_linear(out, slots, 4, "depth");
	CHECK_STR(end(),
		"     depth         : count     distribution\n"
		"        0          : 1        |**********                              |\n"
		"        1          : 0        |                                        |\n"
		"        2          : 4        |****************************************|\n");
}

TEST(maps_that_are_histograms_are_recognised_and_drawn)
{
	struct btf *btf = types();
	struct show_map keys = {"usecs_hist", btf, 1, 2, 4, 8, 0};
	struct show_map slots = {"start", btf, 1, 9, 4, 40, 0};
	struct show_map plain = {"sent", btf, 1, 2, 4, 8, 0};
	struct show_table table;
	u64 value[5] = {3, 0x100000000 /* slots[1] = 1 */};

	CHECK_EQ(show_hist_kind(&keys), SHOW_HIST_KEYS);
	CHECK_EQ(show_hist_kind(&slots), SHOW_HIST_SLOTS);
	CHECK_EQ(show_hist_kind(&plain), SHOW_HIST_NONE);

	show_table_init(&table, &keys);
	for (u32 key = 1; key < 3; key++)
		REQUIRE_EQ(show_table_add(&table, &key, &(u64){key}), 0);
	begin();
	CHECK_EQ(show_hist_print(&table, out, NULL), 0);
	CHECK_STR(end(),
		"     usecs               : count     distribution\n"
		"         0 -> 1          : 0        |                                        |\n"
		"         2 -> 3          : 1        |********************                    |\n"
		"         4 -> 7          : 2        |****************************************|\n");
	show_table_release(&table);

	show_table_init(&table, &slots);
	for (u32 key = 1; key < 3; key++)
		REQUIRE_EQ(show_table_add(&table, &key, value), 0);
	begin();
	CHECK_EQ(show_hist_print(&table, out, "us"), 0);
	CHECK_STR(end(),
		"\nkey = 1\n"
		"     us                  : count     distribution\n"
		"         0 -> 1          : 0        |                                        |\n"
		"         2 -> 3          : 1        |****************************************|\n"
		"\nkey = 2\n"
		"     us                  : count     distribution\n"
		"         0 -> 1          : 0        |                                        |\n"
		"         2 -> 3          : 1        |****************************************|\n");
	show_table_release(&table);

	show_table_init(&table, &plain);
	begin();
	CHECK_EQ(show_hist_print(&table, out, NULL), -EINVAL);
	end();
	show_table_release(&table);
	btype_unref(btf);
}

TEST(a_full_disk_is_told)
{
	FILE *full = fopen("/dev/full", "w");
	struct show_json json = {0};

	if (!full)
		SKIP_HERE("there is no /dev/full");
	setvbuf(full, NULL, _IONBF, 0);
	show_json_open(&json, '[');
	show_json_bool(&json, true);
	show_json_null(&json);
	show_json_s64(&json, INT64_MIN);
	show_json_close(&json, ']');
	CHECK_STR(strbuf_cstr(&json.text), "[true,null,-9223372036854775808]");
	CHECK_EQ(show_json_line(&json, full), -EIO);
	show_json_release(&json);
	fclose(full);
}
