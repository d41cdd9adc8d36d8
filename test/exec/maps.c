// SPDX-License-Identifier: BSD-2-Clause
/* bpf(2) by libbpf's own wrappers: maps, batches, mmap, freezing, descriptors, fork, pins, info. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long result)
{
	printf("%s: %ld %s\n", what, result < 0 ? -1 : result, result < 0 ? strerror(errno) : "");
}

static void use_hash(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "counts", 4, 8, 8, NULL);
	__u32 key, keys[4] = {1, 2, 3, 4}, count = 4, batch = 0, out_keys[8], sum_keys = 0;
	__u64 value = 0, values[4] = {10, 20, 30, 40}, out_values[8], sum = 0;
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	say("update batch", bpf_map_update_batch(fd, keys, values, &count, NULL));
	key = 3;
	say("lookup", bpf_map_lookup_elem(fd, &key, &value));
	printf("value %llu\n", value);
	key = 9;
	say("lookup of what is not there", bpf_map_lookup_elem(fd, &key, &value));
	count = 8;
	say("lookup batch",
		bpf_map_lookup_batch(fd, NULL, &batch, out_keys, out_values, &count, NULL));
	for (__u32 i = 0; i < count; i++) {
		sum_keys += out_keys[i];
		sum += out_values[i];
	}
	printf("%u elements, keys %u, values %llu\n", count, sum_keys, sum);
	count = 2;
	say("delete batch", bpf_map_delete_batch(fd, keys, &count, NULL));
	key = 1;
	say("delete of what is gone", bpf_map_delete_elem(fd, &key));
	key = 3;
	say("lookup and delete", bpf_map_lookup_and_delete_elem(fd, &key, &value));
	say("info", bpf_obj_get_info_by_fd(fd, &info, &len));
	printf("%s: type %u, key %u, value %u, max %u\n", info.name, info.type, info.key_size,
		info.value_size, info.max_entries);
	say("too many", bpf_map_create(BPF_MAP_TYPE_HASH, "none", 4, 8, 0, NULL));
	say("no such type", bpf_map_create(200, "none", 4, 8, 1, NULL));
	close(fd);
	say("after close", bpf_map_lookup_elem(fd, &key, &value));
}

static void use_mmap(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "shared", 4, 8, 4, &opts), copy, status;
	__u64 *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), value = 0;
	__u32 key = 2;

	p[2] = 7;
	say("lookup of what was stored", bpf_map_lookup_elem(fd, &key, &value));
	printf("value %llu\n", value);
	say("freeze while mapped", bpf_map_freeze(fd));
	if (fork() == 0) {
		value = 8;
		_exit(bpf_map_update_elem(fd, &key, &value, 0) ? 1 : 0);
	}
	wait(&status);
	printf("child %d, value %llu\n", status, p[2]);
	munmap(p, 4096);
	say("freeze", bpf_map_freeze(fd));
	say("update of what is frozen", bpf_map_update_elem(fd, &key, &value, 0));
	copy = dup(fd);
	close(fd);
	say("by the duplicate", bpf_map_lookup_elem(copy, &key, &value));
	fd = fcntl(copy, F_DUPFD_CLOEXEC, 100);
	close(copy);
	say("by fcntl's duplicate", bpf_map_lookup_elem(fd, &key, &value));
	say("map it writable",
		mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	dup2(1, fd);
	say("after dup2 over it", bpf_map_lookup_elem(fd, &key, &value));
	close(fd);
}

static void use_pins(void)
{
	const char *path = "/sys/fs/bpf/hachi-test-exec";
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pinned", 4, 4, 1, NULL);
	__u32 key = 0, value = 5;

	bpf_map_update_elem(fd, &key, &value, 0);
	unlink(path);
	say("pin", bpf_obj_pin(fd, path));
	say("pin again", bpf_obj_pin(fd, path));
	close(fd);
	fd = bpf_obj_get(path);
	value = 0;
	say("lookup by the pin", bpf_map_lookup_elem(fd, &key, &value));
	printf("value %u\n", value);
	close(fd);
	say("unlink", unlink(path));
	say("get of what is gone", bpf_obj_get(path));
}

int main(void)
{
	use_hash();
	use_mmap();
	use_pins();
	return 0;
}
