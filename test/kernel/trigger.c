// SPDX-License-Identifier: BSD-2-Clause
/*
 * What makes every program of the hook matrix run: system calls, sockets of all kinds on the
 * loopback device, and some work. Fails when one of its own calls does.
 *
 *	hachi-trigger [congestion-control]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *congestion;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "hachi-trigger: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void read_file(const char *path)
{
	char buf[64];
	int fd = open(path, O_RDONLY);

	must(fd >= 0 && read(fd, buf, sizeof(buf)) >= 0, path);
	close(fd);
}

static socklen_t loopback(int family, struct sockaddr_storage *address)
{
	struct sockaddr_in *in4 = (void *)address;
	struct sockaddr_in6 *in6 = (void *)address;

	memset(address, 0, sizeof(*address));
	address->ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		in6->sin6_addr = in6addr_loopback;
		return sizeof(*in6);
	}
	in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*in4);
}

static void use_options(int fd)
{
	int value = 1;
	socklen_t size = sizeof(value);

	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)) == 0, "setsockopt");
	must(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &size) == 0, "getsockopt");
}

static void use_tcp(int family)
{
	struct sockaddr_storage address, other;
	socklen_t size = loopback(family, &address), other_size = sizeof(other);
	int server = socket(family, SOCK_STREAM, 0), client = socket(family, SOCK_STREAM, 0), peer;
	char buf[8192] = "", back[8192];
	size_t got = 0;

	must(server >= 0 && client >= 0, "socket");
	use_options(server);
	if (congestion)
		must(setsockopt(client, IPPROTO_TCP, TCP_CONGESTION, congestion,
			     (socklen_t)strlen(congestion)) == 0,
			congestion);
	must(bind(server, (void *)&address, size) == 0, "bind");
	must(getsockname(server, (void *)&address, &size) == 0, "getsockname");
	must(listen(server, 1) == 0, "listen");
	must(connect(client, (void *)&address, size) == 0, "connect");
	must(getpeername(client, (void *)&other, &other_size) == 0, "getpeername");
	peer = accept(server, NULL, NULL);
	must(peer >= 0, "accept");
	for (int i = 0; i < 8; i++, got = 0) {
		must(send(client, buf, sizeof(buf), 0) == sizeof(buf), "send");
		while (got < sizeof(back)) {
			ssize_t n = recv(peer, back, sizeof(back) - got, 0);

			must(n > 0, "recv");
			got += (size_t)n;
		}
	}
	close(peer);
	close(client);
	close(server);
}

static void use_udp(int family)
{
	struct sockaddr_storage address, from;
	socklen_t size = loopback(family, &address), from_size = sizeof(from);
	int a = socket(family, SOCK_DGRAM, 0), b = socket(family, SOCK_DGRAM, 0);
	char byte;

	must(a >= 0 && b >= 0, "socket");
	must(bind(a, (void *)&address, size) == 0, "bind");
	must(getsockname(a, (void *)&address, &size) == 0, "getsockname");
	must(sendto(b, "x", 1, 0, (void *)&address, size) == 1, "sendto");
	must(recvfrom(a, &byte, 1, 0, (void *)&from, &from_size) == 1, "recvfrom");
	close(a);
	close(b);
}

static void use_unix(void)
{
	int ends[2];
	char buf[20] = "";

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	must(send(ends[0], buf, sizeof(buf), 0) == sizeof(buf), "send");
	must(recv(ends[1], buf, sizeof(buf), 0) == sizeof(buf), "recv");
}

/*
 * The probe hachi:work, as <sys/sdt.h> would write it: a nop, and a note that says where it is.
 */
static void probe_work(void)
{
	__asm__ volatile("990: nop\n"
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"
			 ".balign 4\n"
			 ".4byte 992f-991f, 994f-993f, 3\n"
			 "991: .asciz \"stapsdt\"\n"
			 "992: .balign 4\n"
			 "993: .8byte 990b\n"
			 ".8byte _.stapsdt.base\n"
			 ".8byte 0\n"
			 ".asciz \"hachi\"\n"
			 ".asciz \"work\"\n"
			 ".asciz \"\"\n"
			 "994: .balign 4\n"
			 ".popsection\n"
			 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
			 ".weak _.stapsdt.base\n"
			 ".hidden _.stapsdt.base\n"
			 "_.stapsdt.base: .space 1\n"
			 ".size _.stapsdt.base, 1\n"
			 ".popsection\n");
}

static void work(long ms)
{
	struct timespec start, now;
	volatile unsigned long sum = 0;

	probe_work();
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		for (int i = 0; i < 100000; i++)
			sum += (unsigned long)i;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

int main(int argc, char **argv)
{
	void *volatile p = malloc(100);

	congestion = argc > 1 ? argv[1] : NULL;
	free(p);
	read_file("/dev/null");
	read_file("/proc/sys/kernel/ostype");
	use_tcp(AF_INET);
	use_tcp(AF_INET6);
	use_udp(AF_INET);
	use_udp(AF_INET6);
	use_unix();
	work(100);
	return 0;
}
