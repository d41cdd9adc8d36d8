// SPDX-License-Identifier: BSD-2-Clause
/* Runs its corpus, or the files and directories named, through a fuzz target, as a plain test. */
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

/* ".../replay/NAME_fuzz" without arguments: fuzz/corpus/NAME. */
static int run_default(const char *name)
{
	char path[256];
	size_t len = strlen(name);

	if (len > 5 && strcmp(name + len - 5, "_fuzz") == 0)
		len -= 5;
	snprintf(path, sizeof(path), "fuzz/corpus/%.*s", (int)len, name);
	return run_dir(path);
}

static int run_argument(const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	return S_ISDIR(st.st_mode) ? run_dir(path) : run_file(path);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	int err = 0;

	printf("TAP version 13\n");
	fflush(stdout);
	if (argc < 2)
		err = run_default(name);
	for (int i = 1; i < argc && !err; i++)
		err = run_argument(argv[i]);
	if (err || !count)
		printf("not ok 1 - %s: %s\n", name,
			err ? "cannot read the corpus" : "the corpus is empty");
	else
		printf("ok 1 - the %u inputs of %s hold\n", count, name);
	printf("1..1\n");
	return err || !count;
}
