// SPDX-License-Identifier: BSD-2-Clause
/* Runs files, and the files of directories, through a fuzz target: its corpus as a plain test. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static unsigned int count;

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, got;
	int err = 0;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	do {
		uint8_t *more = realloc(data, size + 65536);

		if (!more) {
			err = -1;
			break;
		}
		data = more;
		got = fread(data + size, 1, 65536, file);
		size += got;
	} while (got);
	fclose(file);
	if (!err) {
		/* An exact copy, so that asan sees a read past the end. */
		uint8_t *exact = malloc(size ? size : 1);

		if (exact) {
			memcpy(exact, data, size);
			LLVMFuzzerTestOneInput(exact, size);
			free(exact);
		}
		count++;
	}
	free(data);
	return err;
}

static int run_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (!err && (entry = readdir(dir))) {
		char file[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		err = run_file(file);
	}
	closedir(dir);
	return err;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	int err = 0;

	for (int i = 1; i < argc && !err; i++) {
		struct stat st;

		if (stat(argv[i], &st)) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		err = S_ISDIR(st.st_mode) ? run_dir(argv[i]) : run_file(argv[i]);
	}
	if (err || !count) {
		printf("not ok - %s: %s\n", name ? name + 1 : argv[0],
			err ? "cannot read the corpus" : "the corpus is empty");
		return 1;
	}
	printf("ok - %s: %u inputs\n", name ? name + 1 : argv[0], count);
	return 0;
}
