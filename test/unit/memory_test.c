// SPDX-License-Identifier: BSD-2-Clause
/*
 * Memory that runs out anywhere: every sequence of system calls of fuzz/corpus/syscall (maps of all
 * kinds, batches, loads with either engine, runs, links, events, pins) is repeated with its n-th
 * allocation failing. Whatever the calls then answer, nothing crashes, and when the descriptors are
 * closed no object, no file and (under asan) no byte is left.
 */
#include "fuzz/syscall_fuzz.c"

#include "test/btf_build.h"
#include "test/tap.h"

#include <dirent.h>

#define FOLDER "fuzz/corpus/syscall"

/* How often the input was tried until nothing failed any more. */
static u32 torture(const u8 *data, size_t size)
{
	u32 count = 0;

	for (fail_nth = 1; fail_nth < 1000000; fail_nth++, count++) {
		LLVMFuzzerTestOneInput(data, size);
		if (!has_failed)
			break;
	}
	fail_nth = 0;
	return count;
}

TEST(sequences_of_calls_survive_every_allocation_that_fails)
{
	struct dirent *entry;
	u32 files = 0, failures = 0;
	DIR *dir = opendir(FOLDER);

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir))) {
		char path[512];
		size_t size;
		void *data;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), FOLDER "/%s", entry->d_name);
		REQUIRE_EQ(os_read_file(path, 1 << 20, &data, &size), 0);
		failures += torture(data, size);
		mem_free(data);
		files++;
	}
	closedir(dir);
	tap_note("%u sequences, %u failures", files, failures);
	CHECK(files > 50);
	CHECK(failures > 1000);
}

/* A struct with members and a pointer to itself: each record kind's checks allocate. */
static void small_btf(struct build *b)
{
	u32 integer;

	build_init(b);
	integer = build_int(b, "int", 4, BTF_INT_SIGNED);
	build_type(b, BTF_KIND_STRUCT, "pair", 2, false, 8);
	for (u32 i = 0; i < 2; i++) {
		build_word(b, build_str(b, i ? "second" : "first"));
		build_word(b, integer);
		build_word(b, i * 32);
	}
	build_ptr(b, 2);
	build_blob(b);
}

TEST(a_btf_load_survives_every_allocation_that_fails)
{
	struct hachi_opts opts = {.size = sizeof(opts), .engine = "interp", .btf_path = ""};
	static struct build b;
	struct hachi *h;
	u32 before;
	u64 n;

	small_btf(&b);
	REQUIRE_EQ(hachi_new(&opts, &h), 0);
	before = open_files();
	for (n = 1; n < 1000; n++) {
		union bpf_attr attr = {.btf = (uintptr_t)b.blob, .btf_size = b.size};
		long fd;

		mem_fail_nth(n);
		fd = hachi_bpf(h, BPF_BTF_LOAD, &attr, sizeof(attr));
		if (!mem_has_failed()) {
			mem_fail_nth(0);
			CHECK(fd >= 0);
			hachi_close(h, (int)fd);
			break;
		}
		mem_fail_nth(0);
		CHECK(fd == -ENOMEM || fd >= 0); /* some of it is only for speed */
		if (fd >= 0)
			hachi_close(h, (int)fd);
	}
	CHECK(n > 3);
	CHECK_EQ(open_files(), before);
	hachi_free(h);
}
