// SPDX-License-Identifier: BSD-2-Clause
/* The programs of kfuncs.bpf.c, each run on a packet. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
	struct bpf_program *prog;
	char packet[64] = {[12] = 8, [14] = 0x45, [23] = 6};

	if (!object || bpf_object__load(object)) {
		printf("load: %s\n", strerror(errno));
		return 1;
	}
	bpf_object__for_each_program(prog, object)
	{
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
			.data_size_in = sizeof(packet), .repeat = 1);
		int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

		printf("%s: %d, %u\n", bpf_program__name(prog), err, opts.retval);
	}
	bpf_object__close(object);
	return 0;
}
