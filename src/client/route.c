// SPDX-License-Identifier: BSD-2-Clause
/* One request, one acknowledgement; nested attributes as linux/lwtunnel.h lays them out. */
#include "client/route.h"

#include <arpa/inet.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* A route of ours is told from others by who made it. */
#define ROUTE_PROTOCOL 0xbe

struct request {
	struct nlmsghdr head;
	struct rtmsg route;
	u8 attributes[512];
};

int route_parse(const char *text, struct route *ret_route)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct route route = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	u64 bits, most = route.family == AF_INET6 ? 128 : 32;
	char address[64];

	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = 0;
	bits = most;
	if (slash && (str_to_u64(slash + 1, &bits) || bits > most))
		return -EINVAL;
	if (inet_pton(route.family, address, route.prefix) != 1)
		return -EINVAL;
	route.prefix_len = (u8)bits;
	*ret_route = route;
	return 0;
}

static struct rtattr *add(struct request *request, u16 type, const void *data, size_t size)
{
	u8 *at = (u8 *)request + NLMSG_ALIGN(request->head.nlmsg_len);
	struct rtattr *attr = (struct rtattr *)at;

	attr->rta_type = type;
	attr->rta_len = (u16)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), data, size);
	request->head.nlmsg_len =
		NLMSG_ALIGN(request->head.nlmsg_len) + (u32)RTA_ALIGN(attr->rta_len);
	return attr;
}

static void close_nest(struct request *request, struct rtattr *nest)
{
	nest->rta_len = (u16)((u8 *)request + request->head.nlmsg_len - (u8 *)nest);
}

static void add_program(struct request *request, u16 type, int fd)
{
	struct rtattr *nest;
	u32 number = (u32)fd;

	if (fd < 0)
		return;
	nest = add(request, type | NLA_F_NESTED, NULL, 0);
	add(request, LWT_BPF_PROG_FD, &number, sizeof(number));
	add(request, LWT_BPF_PROG_NAME, "hachi", sizeof("hachi"));
	close_nest(request, nest);
}

static int transact(struct request *request)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		u8 rest[1024];
	} answer;
	ssize_t n;
	int fd, err = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (sendto(fd, request, request->head.nlmsg_len, 0, (void *)&kernel, sizeof(kernel)) < 0)
		err = -errno;
	n = err ? 0 : recv(fd, &answer, sizeof(answer), 0);
	if (n < 0)
		err = -errno;
	else if (!err)
		err = n >= (ssize_t)(sizeof(answer.head) + sizeof(answer.error)) &&
				answer.head.nlmsg_type == NLMSG_ERROR
			? answer.error.error
			: -EPROTO;
	close(fd);
	return err;
}

static void start(struct request *request, const struct route *route, u16 type, u16 flags)
{
	*request = (struct request){
		.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
			.nlmsg_type = type,
			.nlmsg_flags = (u16)(NLM_F_REQUEST | NLM_F_ACK | flags)},
		.route = {.rtm_family = route->family,
			.rtm_dst_len = route->prefix_len,
			.rtm_table = RT_TABLE_MAIN,
			.rtm_protocol = ROUTE_PROTOCOL,
			.rtm_scope = RT_SCOPE_LINK,
			.rtm_type = RTN_UNICAST},
	};
	add(request, RTA_DST, route->prefix, route->family == AF_INET6 ? 16 : 4);
	add(request, RTA_OIF, &route->ifindex, sizeof(route->ifindex));
}

int route_add(const struct route *route, const struct route_programs *programs)
{
	u16 type = LWTUNNEL_ENCAP_BPF;
	struct request request;
	struct rtattr *nest;

	start(&request, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	nest = add(&request, RTA_ENCAP | NLA_F_NESTED, NULL, 0);
	add_program(&request, LWT_BPF_IN, programs->in_fd);
	add_program(&request, LWT_BPF_OUT, programs->out_fd);
	add_program(&request, LWT_BPF_XMIT, programs->xmit_fd);
	if (programs->headroom)
		add(&request, LWT_BPF_XMIT_HEADROOM, &programs->headroom,
			sizeof(programs->headroom));
	close_nest(&request, nest);
	add(&request, RTA_ENCAP_TYPE, &type, sizeof(type));
	return transact(&request);
}

int route_delete(const struct route *route)
{
	struct request request;

	start(&request, route, RTM_DELROUTE, 0);
	return transact(&request);
}
