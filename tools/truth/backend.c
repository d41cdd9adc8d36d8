// SPDX-License-Identifier: BSD-2-Clause
/*
 * What libbpf calls for bpf(2) and on its descriptors (syscall, close, fcntl, mmap) is defined
 * here, in the executable, and so comes before libc's.
 */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <hachi/hachi.h>

static struct backend config = {.is_kernel = true};
static struct hachi *instance;

static long raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#endif
}

static long libc_result(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static bool is_ours(int fd)
{
	return instance && fd >= 0 && hachi_fd_kind(instance, fd);
}

long syscall(long number, ...)
{
	long arg[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (number == __NR_bpf && instance)
		return libc_result(hachi_bpf(
			instance, (int)arg[0], (union bpf_attr *)arg[1], (unsigned int)arg[2]));
	if (number == __NR_dup3 && is_ours((int)arg[0]))
		return libc_result(hachi_dup(instance, (int)arg[0], (int)arg[1], (int)arg[2]));
	return libc_result(raw_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]));
}

int close(int fd)
{
	if (is_ours(fd))
		return (int)libc_result(hachi_close(instance, fd));
	return (int)libc_result(raw_syscall(__NR_close, fd, 0, 0, 0, 0, 0));
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && is_ours(fd))
		return (int)libc_result(hachi_dup(instance, fd, -1, O_CLOEXEC));
	return (int)libc_result(raw_syscall(__NR_fcntl, fd, command, arg, 0, 0, 0));
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	if (is_ours(fd))
		return (void *)libc_result(hachi_mmap(instance, addr, len, prot, flags, fd, off));
	return (void *)libc_result(
		raw_syscall(__NR_mmap, (long)addr, (long)len, prot, flags, fd, off));
}

/* ---- the kernel's way -------------------------------------------------------------------- */

static int set_effective(unsigned int caps)
{
	static const struct {
		unsigned int bit, cap;
	} map[] = {{CAPS_BPF, CAP_BPF}, {CAPS_PERFMON, CAP_PERFMON},
		{CAPS_NET_ADMIN, CAP_NET_ADMIN}, {CAPS_SYS_ADMIN, CAP_SYS_ADMIN}};
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	unsigned int i;

	if (syscall(__NR_capget, &header, data))
		return -errno;
	for (i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		unsigned int word = map[i].cap / 32, bit = 1u << map[i].cap % 32;

		data[word].effective &= ~bit;
		if (caps & map[i].bit)
			data[word].effective |= bit & data[word].permitted;
	}
	return syscall(__NR_capset, &header, data) ? -errno : 0;
}

static bool file_has(const char *path, const char *text)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	buf[n] = 0;
	return strstr(buf, text) != NULL;
}

/* ---- both -------------------------------------------------------------------------------- */

void backend_init(const struct backend *backend)
{
	config = *backend;
}

const char *backend_unpriv_is_off(void)
{
	if (!config.is_kernel)
		return NULL;
	if (!file_has("/proc/sys/kernel/unprivileged_bpf_disabled", "0"))
		return "kernel.unprivileged_bpf_disabled";
	return file_has("/proc/cmdline", "mitigations=off") ? "mitigations=off" : NULL;
}

int backend_begin(unsigned int caps)
{
	struct hachi_opts opts = {.size = sizeof(opts),
		.kernel = config.version,
		.caps = caps,
		.no_caps = caps == 0,
		.judges_only = true};

	if (config.is_kernel)
		return set_effective(caps);
	return hachi_new(&opts, &instance);
}

void backend_all_caps(void)
{
	if (config.is_kernel)
		set_effective(CAPS_ALL);
}

void backend_end(void)
{
	struct hachi *h = instance;

	backend_all_caps();
	instance = NULL;
	if (h)
		hachi_free(h);
}
