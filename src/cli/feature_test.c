// SPDX-License-Identifier: BSD-2-Clause
/*
 * `hachi feature`: for the build, what is listed is what the instance takes; for the kernel,
 * libbpf's probes and bpftool agree on what they know.
 */
#include "cli/feature.h"
#include "cli/cli.h"
#include "spec/helper.h"
#include "spec/progtype.h"
#include "test/kernel.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>

static struct feature_door door;

TEST(types_are_there_when_libbpf_finds_them)
{
	u32 known = 0;

	kernel_or_skip();
	feature_door_kernel(&door);
	libbpf_set_print(NULL);
	CHECK(feature_has_syscall(&door));
	for (u32 i = 0; i < progtype_spec_count(); i++) {
		const struct progtype_spec *spec = progtype_spec_at(i);

		if (!libbpf_bpf_prog_type_str(spec->type))
			continue; /* newer than libbpf */
		CHECK_STR(spec->name, libbpf_bpf_prog_type_str(spec->type));
		known++;
		CHECK_MSG(feature_has_prog_type(&door, spec->type) ==
				(libbpf_probe_bpf_prog_type(spec->type, NULL) > 0),
			"program type %s", spec->name);
	}
	for (u32 i = 0; i < maptype_spec_count(); i++) {
		const struct maptype_spec *spec = maptype_spec_at(i);

		if (!libbpf_bpf_map_type_str(spec->type))
			continue;
		CHECK_STR(spec->name, libbpf_bpf_map_type_str(spec->type));
		known++;
		CHECK_MSG(feature_has_map_type(&door, spec->type) ==
				(libbpf_probe_bpf_map_type(spec->type, NULL) > 0),
			"map type %s", spec->name);
	}
	for (u32 i = 0; i < attachtype_spec_count(); i++) {
		const struct attachtype_spec *spec = attachtype_spec_at(i);

		if (libbpf_bpf_attach_type_str(spec->type))
			CHECK_STR(spec->name, libbpf_bpf_attach_type_str(spec->type));
	}
	CHECK(known > 55);
}

TEST(helpers_are_those_of_the_tables)
{
	kernel_or_skip();
	feature_door_kernel(&door);
	CHECK(feature_has_helper(&door, BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_adjust_head));
	CHECK(!feature_has_helper(&door, BPF_PROG_TYPE_XDP, BPF_FUNC_skb_load_bytes));
	CHECK(!feature_has_helper(&door, BPF_PROG_TYPE_XDP, 100000));
	CHECK_EQ(feature_can_ask_helpers(&door, BPF_PROG_TYPE_STRUCT_OPS), -EOPNOTSUPP);
	CHECK_EQ(feature_can_ask_helpers(&door, BPF_PROG_TYPE_XDP), 0);
	CHECK(feature_has_command(&door, BPF_MAP_CREATE));
	CHECK(!feature_has_command(&door, 1000));
	CHECK(!feature_has_map_type(&door, 1000));
	CHECK(!feature_has_prog_type(&door, 1000));
}

/* ---- the instance */
static struct hachi *instance;

static long user_bpf(void *arg, int cmd, union bpf_attr *attr, u32 size)
{
	return hachi_bpf(instance, cmd, attr, size);
}

static void user_close(void *arg, int fd)
{
	hachi_close(instance, fd);
}

/* What is listed of a type whose helpers do not depend on the attach type, a load takes. */
static void compare_with_loads(struct feature_door *user, u32 prog_type)
{
	struct feature_door by_loads = *user;

	by_loads.has_helper = NULL;
	for (u32 id = 1; id <= helper_spec_count(); id++) {
		bool listed = feature_has_helper(user, prog_type, id);
		bool loads = hachi_has_helper(id) && feature_has_helper(&by_loads, prog_type, id);

		CHECK_MSG(listed == loads, "%s in program type %u: listed %d, a load %d",
			helper_name(id), prog_type, listed, loads);
	}
}

TEST(the_build_lists_what_its_instance_takes)
{
	struct hachi_opts opts = {.size = sizeof(opts), .btf_path = ""};
	struct feature_door user = {.bpf = user_bpf,
		.close = user_close,
		.kernel = kernel_profile_by_name(NULL)->version,
		.has_helper = hachi_has_helper,
		.has_command = hachi_has_command};

	REQUIRE_EQ(hachi_new(&opts, &instance), 0);
	CHECK(feature_has_syscall(&user));
	CHECK(feature_has_prog_type(&user, BPF_PROG_TYPE_XDP));
	CHECK(feature_has_map_type(&user, BPF_MAP_TYPE_HASH));
	CHECK(feature_has_map_type(&user, BPF_MAP_TYPE_HASH_OF_MAPS));
	CHECK(feature_has_map_type(&user, BPF_MAP_TYPE_RINGBUF));
	for (u32 type = 1; type <= maptype_spec_count(); type++)
		CHECK_MSG(feature_has_map_type(&user, type) == hachi_has_map_type(type),
			"map type %u", type);
	for (const struct feature_misc *misc = feature_miscs; misc->key; misc++)
		CHECK_MSG(misc->probe(&user), "%s", misc->key);
	compare_with_loads(&user, BPF_PROG_TYPE_SOCKET_FILTER);
	compare_with_loads(&user, BPF_PROG_TYPE_KPROBE);
	compare_with_loads(&user, BPF_PROG_TYPE_SCHED_CLS);
	compare_with_loads(&user, BPF_PROG_TYPE_XDP);
	compare_with_loads(&user, BPF_PROG_TYPE_LWT_XMIT);
	hachi_free(instance);
}

TEST(an_older_kernel_has_less)
{
	struct hachi_opts opts = {.size = sizeof(opts), .btf_path = "", .kernel = "5.15"};
	struct feature_door user = {.bpf = user_bpf,
		.close = user_close,
		.kernel = KERNEL(5, 15),
		.has_helper = hachi_has_helper,
		.has_command = hachi_has_command};
	u32 missing = 0;

	REQUIRE_EQ(hachi_new(&opts, &instance), 0);
	CHECK(feature_has_prog_type(&user, BPF_PROG_TYPE_XDP));
	CHECK(!feature_has_prog_type(&user, HACHI_BPF_PROG_TYPE_NETFILTER));
	CHECK(!feature_has_map_type(&user, BPF_MAP_TYPE_USER_RINGBUF));
	CHECK(!feature_has_helper(&user, BPF_PROG_TYPE_XDP, BPF_FUNC_loop));
	CHECK(feature_has_helper(&user, BPF_PROG_TYPE_XDP, BPF_FUNC_map_lookup_elem));
	CHECK(!feature_has_command(&user, HACHI_BPF_TOKEN_CREATE));
	for (const struct feature_misc *misc = feature_miscs; misc->key; misc++)
		missing += !misc->probe(&user);
	CHECK_EQ(missing, 1); /* ISA v4 */
	hachi_free(instance);
}

/* ---- bpftool */
static char *read_all(FILE *f)
{
	size_t size = 4u << 20, len;
	char *text = malloc(size);

	if (!text)
		return NULL;
	len = fread(text, 1, size - 1, f);
	text[len] = 0;
	return text;
}

static json_object *bpftool_says(void)
{
	FILE *f = popen("bpftool -j feature probe full 2>/dev/null", "r");
	char *text = f ? read_all(f) : NULL;
	json_object *object = text && *text ? json_tokener_parse(text) : NULL;

	if (f)
		pclose(f);
	free(text);
	return object;
}

static json_object *we_say(void)
{
	char path[] = "/tmp/hachi-feature-XXXXXX";
	int fd = mkstemp(path), saved = dup(STDOUT_FILENO);
	json_object *object;
	FILE *f;
	char *text;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	cli_set_json(true, true);
	CHECK_EQ(feature_print(&door), 0);
	cli_set_json(false, false);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	lseek(fd, 0, SEEK_SET);
	f = fdopen(fd, "r");
	text = read_all(f);
	object = json_tokener_parse(text);
	free(text);
	fclose(f);
	unlink(path);
	return object;
}

/* Every yes or no of theirs is ours too. */
static u32 compare_section(json_object *ours, json_object *theirs, const char *name)
{
	json_object *our_part, *their_part;
	u32 compared = 0;

	REQUIRE(json_object_object_get_ex(ours, name, &our_part));
	REQUIRE(json_object_object_get_ex(theirs, name, &their_part));
	json_object_object_foreach(their_part, key, value)
	{
		json_object *our_value;

		if (!CHECK_MSG(json_object_object_get_ex(our_part, key, &our_value), "no %s", key))
			continue;
		CHECK_MSG(json_object_get_boolean(our_value) == json_object_get_boolean(value),
			"%s: bpftool %d", key, json_object_get_boolean(value));
		compared++;
	}
	return compared;
}

TEST(the_answers_are_those_of_bpftool)
{
	json_object *ours, *theirs;
	u32 compared = 0;

	kernel_or_skip();
	feature_door_kernel(&door);
	theirs = bpftool_says();
	if (!theirs)
		SKIP("bpftool is not here");
	ours = we_say();
	REQUIRE(ours != NULL);
	compared += compare_section(ours, theirs, "syscall_config");
	compared += compare_section(ours, theirs, "program_types");
	compared += compare_section(ours, theirs, "map_types");
	compared += compare_section(ours, theirs, "misc");
	CHECK(compared > 60);
	json_object_put(ours);
	json_object_put(theirs);
}

static bool lists(json_object *array, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(array, i)), name) == 0)
			return true;
	return false;
}

/* An old bpftool takes every refusal by a new kernel for a yes: ours is a part of its list. */
TEST(helpers_that_we_list_are_listed_by_bpftool)
{
	json_object *ours, *theirs, *our_part, *their_part;
	u32 compared = 0;

	kernel_or_skip();
	feature_door_kernel(&door);
	theirs = bpftool_says();
	if (!theirs)
		SKIP("bpftool is not here");
	ours = we_say();
	REQUIRE(json_object_object_get_ex(ours, "helpers", &our_part));
	REQUIRE(json_object_object_get_ex(theirs, "helpers", &their_part));
	json_object_object_foreach(our_part, key, list)
	{
		json_object *their_list;

		if (!json_object_object_get_ex(their_part, key, &their_list))
			continue; /* a program type that bpftool does not know */
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			const char *name =
				json_object_get_string(json_object_array_get_idx(list, i));
			u32 id = 1;

			while (id <= helper_spec_count() && strcmp(helper_name(id), name) != 0)
				id++;
			if (id > BPF_FUNC_user_ringbuf_drain)
				continue; /* newer than bpftool */
			compared++;
			CHECK_MSG(lists(their_list, name), "%s: %s", key, name);
		}
	}
	CHECK(compared > 1500);
	json_object_put(ours);
	json_object_put(theirs);
}
