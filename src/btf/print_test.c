// SPDX-License-Identifier: BSD-2-Clause
#include "test/tap.h"
#include "test/btf_build.h"
#include "btf/print.h"

static struct build b;
static struct strbuf out;

static struct btf *parsed(void)
{
	struct btf *btf = NULL;

	build_blob(&b);
	REQUIRE_EQ(btype_parse(b.blob, b.size, NULL, NULL, NULL, &btf), 0);
	return btf;
}

static const char *text(
	const struct btf *btf, u32 id, const void *data, u32 size, enum btype_style style)
{
	strbuf_reset(&out);
	CHECK_EQ(btype_print(btf, id, data, size, style, &out), 0);
	return strbuf_cstr(&out);
}

static const char *declared(const struct btf *btf, u32 id, const char *name)
{
	strbuf_reset(&out);
	btype_declare(btf, id, name, &out);
	return strbuf_cstr(&out);
}

struct event {
	int pid;
	char comm[8];
	u32 state;
	u64 ptr;
	u16 low : 3, mid : 9;
	bool ok;
	struct {
		s8 x;
		u8 y;
	};
	u32 v[2];
	u8 tail[];
};

/* The type above; id of the struct is 12. */
static struct btf *build_event(void)
{
	build_init(&b);
	build_int(&b, "int", 4, BTF_INT_SIGNED);
	build_int(&b, "char", 1, BTF_INT_SIGNED);
	build_int(&b, "unsigned short", 2, 0);
	build_int(&b, "_Bool", 1, BTF_INT_BOOL);
	build_int(&b, "signed char", 1, BTF_INT_SIGNED);
	build_int(&b, "unsigned char", 1, 0);
	build_array(&b, 2, 1, 8);
	build_type(&b, BTF_KIND_ENUM, "state", 2, false, 4);
	build_pair(&b, "IDLE", 0);
	build_pair(&b, "RUNNING", 1);
	build_ptr(&b, 0);
	build_type(&b, BTF_KIND_STRUCT, NULL, 2, false, 2);
	build_member(&b, "x", 5, 0);
	build_member(&b, "y", 6, 8);
	build_array(&b, 13, 1, 2);
	build_type(&b, BTF_KIND_STRUCT, "event", 10, true, sizeof(struct event));
	build_member(&b, "pid", 1, 0);
	build_member(&b, "comm", 7, 32);
	build_member(&b, "state", 8, 96);
	build_member(&b, "ptr", 9, 128);
	build_member(&b, "low", 3, 3u << 24 | 192);
	build_member(&b, "mid", 3, 9u << 24 | 195);
	build_member(&b, "ok", 4, offsetof(struct event, ok) * 8);
	build_member(&b, "", 10, offsetof(struct event, x) * 8);
	build_member(&b, "v", 11, offsetof(struct event, v) * 8);
	build_member(&b, "tail", 14, offsetof(struct event, tail) * 8);
	build_int(&b, "unsigned int", 4, 0);
	build_array(&b, 6, 1, 0);
	return parsed();
}

TEST(a_struct_prints_in_both_styles)
{
	struct btf *btf = build_event();
	struct event e = {-1, "ba\"sh", 1, 0xffff888000000000, 5, 300, true, {-2, 200}, {7, 8}};

	CHECK_STR(text(btf, 12, &e, sizeof(e), BTYPE_STYLE_C),
		"{.pid = -1, .comm = \"ba\\\"sh\", .state = RUNNING, .ptr = 0xffff888000000000, "
		".low = 5, .mid = 300, .ok = true, .x = -2, .y = 200, .v = {7, 8}, .tail = {}}");
	CHECK_STR(text(btf, 12, &e, sizeof(e), BTYPE_STYLE_JSON),
		"{\"pid\":-1,\"comm\":\"ba\\\"sh\",\"state\":\"RUNNING\","
		"\"ptr\":18446612682070032384,\"low\":5,\"mid\":300,\"ok\":true,\"x\":-2,"
		"\"y\":200,\"v\":[7,8],\"tail\":[]}");
	btype_unref(btf);
}

TEST(what_is_cut_off_is_not_read)
{
	struct btf *btf = build_event();
	struct event e = {.pid = 3};

	CHECK_STR(text(btf, 12, &e, 4, BTYPE_STYLE_JSON),
		"{\"pid\":3,\"comm\":[null],\"state\":null,\"ptr\":null,\"low\":null,\"mid\":null,"
		"\"ok\":null,\"x\":null,\"y\":null,\"v\":[null],\"tail\":[]}");
	CHECK_EQ(btype_print(btf, 0, &e, 4, BTYPE_STYLE_C, &out), -EINVAL);
	CHECK_EQ(btype_print(btf, 999, &e, 4, BTYPE_STYLE_C, &out), -EINVAL);
	btype_unref(btf);
}

TEST(a_flexible_array_takes_the_rest)
{
	struct btf *btf = build_event();
	u8 bytes[sizeof(struct event) + 3] = {0};

	memcpy(bytes + sizeof(struct event), "\1\2\3", 3);
	CHECK(strstr(text(btf, 12, bytes, sizeof(bytes), BTYPE_STYLE_C), ".tail = {") != NULL);
	CHECK(strstr(strbuf_cstr(&out), "1, 2, 3}}") != NULL);
	btype_unref(btf);
}

TEST(strings_are_text_only_when_they_are)
{
	struct btf *btf = build_event();

	CHECK_STR(text(btf, 7, "abc\0zzzz", 8, BTYPE_STYLE_C), "\"abc\"");
	CHECK_STR(text(btf, 7, "abcdefgh", 8, BTYPE_STYLE_C), "\"abcdefgh\"");
	CHECK_STR(text(btf, 7, "h\xc3\xa9\0\0\0\0", 8, BTYPE_STYLE_JSON), "\"h\xc3\xa9\"");
	CHECK_STR(text(btf, 7, "\1\xff\0\0\0\0\0", 8, BTYPE_STYLE_C), "{1, -1, 0, 0, 0, 0, 0, 0}");
	strbuf_reset(&out);
	btype_json_string(&out, "a\x80\"\\\n\x01", 6);
	CHECK_STR(strbuf_cstr(&out), "\"a\xef\xbf\xbd\\\"\\\\\\n\\u0001\"");
	btype_unref(btf);
}

TEST(numbers_of_every_width_are_exact)
{
	struct btf *btf;
	u64 wide[2] = {~0ull, 1}, minus = (u64)-2, value;
	double d = 0.1;
	bool is_signed;

	build_init(&b);
	build_int(&b, "u64", 8, 0);
	build_int(&b, "s64", 8, BTF_INT_SIGNED);
	build_int(&b, "u128", 16, 0);
	build_type(&b, BTF_KIND_FLOAT, "double", 0, false, 8);
	build_int(&b, "char", 1, BTF_INT_CHAR);
	build_type(&b, BTF_KIND_ENUM64, "e", 1, true, 8);
	build_triple(&b, build_str(&b, "MINUS"), ~1u, ~0u);
	btf = parsed();
	CHECK_STR(text(btf, 1, wide, 8, BTYPE_STYLE_JSON), "18446744073709551615");
	CHECK_STR(text(btf, 2, wide, 8, BTYPE_STYLE_JSON), "-1");
	CHECK_STR(text(btf, 3, wide, 16, BTYPE_STYLE_C), "0x1ffffffffffffffff");
	CHECK_STR(text(btf, 4, &d, 8, BTYPE_STYLE_C), "0.10000000000000001");
	CHECK_STR(text(btf, 5, "A", 1, BTYPE_STYLE_C), "'A'");
	CHECK_STR(text(btf, 5, "\n", 1, BTYPE_STYLE_JSON), "\"\\n\"");
	CHECK_STR(text(btf, 6, &minus, 8, BTYPE_STYLE_C), "MINUS");
	CHECK_EQ(btype_read_number(btf, 2, &minus, 8, 0, 0, &value, &is_signed), 0);
	CHECK(value == minus && is_signed);
	CHECK_EQ(btype_read_number(btf, 2, &minus, 7, 0, 0, &value, &is_signed), -EINVAL);
	CHECK_EQ(btype_read_number(btf, 4, &d, 8, 0, 0, &value, &is_signed), -EINVAL);
	btype_unref(btf);
}

TEST(hostile_types_print_little)
{
	struct btf *btf;
	u32 last = 1;

	/* Unions of eight unions, 12 levels deep: 8^12 leaves. */
	build_init(&b);
	build_int(&b, "int", 4, 0);
	for (u32 i = 0; i < 12; i++) {
		u32 id = build_type(&b, BTF_KIND_UNION, NULL, 8, false, 4);

		for (u32 k = 0; k < 8; k++)
			build_member(&b, "m", last, 0);
		last = id;
	}
	build_array(&b, 1, 1, 1u << 29);
	btf = parsed();
	text(btf, last, "\1\0\0\0", 4, BTYPE_STYLE_JSON);
	CHECK(out.len < 4 << 20);
	CHECK_STR(text(btf, last + 1, "\1\0\0\0", 4, BTYPE_STYLE_C), "{1, ...}");
	btype_unref(btf);
}

TEST(types_are_declared_as_c_writes_them)
{
	struct btf *btf;

	build_init(&b);
	build_int(&b, "int", 4, BTF_INT_SIGNED); /* 1 */
	build_int(&b, "char", 1, 0);		 /* 2 */
	build_ref(&b, BTF_KIND_CONST, NULL, 2);	 /* 3 const char */
	build_ptr(&b, 3);			 /* 4 const char * */
	build_ref(&b, BTF_KIND_CONST, NULL, 4);	 /* 5 const char *const */
	build_array(&b, 4, 1, 3);		 /* 6 */
	build_ptr(&b, 6);			 /* 7 */
	build_type(&b, BTF_KIND_FUNC_PROTO, NULL, 2, false, 1);
	build_pair(&b, "fmt", 4);
	build_pair(&b, NULL, 0);
	build_ptr(&b, 8);				      /* 9 */
	build_type(&b, BTF_KIND_FUNC, "printf", 1, false, 8); /* 10 */
	build_type(&b, BTF_KIND_STRUCT, "s", 0, false, 4);    /* 11 */
	build_ptr(&b, 11);
	btf = parsed();
	CHECK_STR(declared(btf, 4, "x"), "const char *x");
	CHECK_STR(declared(btf, 5, "x"), "const char *const x");
	CHECK_STR(declared(btf, 6, "x"), "const char *x[3]");
	CHECK_STR(declared(btf, 7, "x"), "const char *(*x)[3]");
	CHECK_STR(declared(btf, 9, ""), "int (*)(const char *fmt, ...)");
	CHECK_STR(declared(btf, 10, ""), "int printf(const char *fmt, ...)");
	CHECK_STR(declared(btf, 12, ""), "struct s *");
	CHECK_STR(declared(btf, 0, ""), "void");
	btype_unref(btf);
}
