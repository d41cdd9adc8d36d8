// SPDX-License-Identifier: BSD-2-Clause
/*
 * One packet at a time: copied into a buffer with room before and behind it, as a driver or the
 * stack would have it, the context built around it, the program run, the verdict counted, the
 * packet written as it is afterwards.
 */
#include "source/packets.h"
#include "base/alloc.h"
#include "base/os.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
/* libpcap has a struct of its own by the name of the ABI's struct bpf_insn */
#define bpf_insn pcap_filter_insn
#include <pcap/pcap.h>
#undef bpf_insn
#include <stdio.h>
#include <sys/stat.h>

#define HEADROOM      256 /* XDP_PACKET_HEADROOM */
#define TAILROOM      512
#define TICK_PACKETS  64
#define VERDICT_OTHER (PACKET_VERDICTS - 1)

struct replay {
	struct hachi_prog *prog;
	u32 type;
	const struct packets_opts *opts;
	struct packets_stats *stats;
	pcap_t *in;
	pcap_dumper_t *out;
	u8 *buf;
	size_t buf_size;
	u64 time_ns;	 /* of the packet under way */
	u64 ns_per_tick; /* of the file's stamps */
	u32 wire_len;	 /* its length before the capture cut it */
	struct hachi_world world;
};

bool packets_can_feed(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT: return true;
	default: return false;
	}
}

const char *packets_verdict_name(u32 prog_type, u32 value)
{
	static const char *const xdp[] = {
		"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"};
	static const char *const tc[] = {"TC_ACT_OK", "TC_ACT_RECLASSIFY", "TC_ACT_SHOT",
		"TC_ACT_PIPE", "TC_ACT_STOLEN", "TC_ACT_QUEUED", "TC_ACT_REPEAT", "TC_ACT_REDIRECT",
		"TC_ACT_TRAP"};

	switch (prog_type) {
	case BPF_PROG_TYPE_XDP: return value < ARRAY_SIZE(xdp) ? xdp[value] : NULL;
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		return value == UINT32_MAX	 ? "TC_ACT_UNSPEC"
			: value < ARRAY_SIZE(tc) ? tc[value]
						 : NULL;
	case BPF_PROG_TYPE_SOCKET_FILTER: return value ? "pass" : "drop";
	case BPF_PROG_TYPE_CGROUP_SKB: return value & 1 ? "pass" : "drop";
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
		return value == 0    ? "BPF_OK"
			: value == 2 ? "BPF_DROP"
			: value == 7 ? "BPF_REDIRECT"
				     : NULL;
	default: return NULL;
	}
}

static bool passes(u32 type, u32 verdict)
{
	switch (type) {
	case BPF_PROG_TYPE_XDP: return verdict >= XDP_PASS && verdict <= XDP_REDIRECT;
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		return verdict != TC_ACT_SHOT && verdict != TC_ACT_STOLEN &&
			verdict != TC_ACT_QUEUED && verdict != TC_ACT_TRAP;
	case BPF_PROG_TYPE_SOCKET_FILTER: return verdict != 0;
	case BPF_PROG_TYPE_CGROUP_SKB: return verdict & 1;
	default: return verdict == BPF_OK || verdict == BPF_REDIRECT;
	}
}

/* Values that a table of verdicts can index; socket filters return lengths: pass or drop. */
static u32 verdict_index(u32 type, u32 verdict)
{
	if (type == BPF_PROG_TYPE_SOCKET_FILTER)
		return verdict != 0;
	if (verdict == UINT32_MAX)
		return PACKET_VERDICTS - 2; /* TC_ACT_UNSPEC */
	return verdict < PACKET_VERDICTS - 2 ? verdict : VERDICT_OTHER;
}

static uint64_t capture_time(const struct hachi_world *w, enum hachi_clock clock)
{
	const struct replay *replay = w->priv;

	(void)clock;
	return replay->time_ns;
}

static const struct hachi_world_ops replay_world_ops = {.time_ns = capture_time};

static int run_xdp(struct replay *r, u32 len, u64 *ret_verdict, u8 **ret_data, u32 *ret_len)
{
	struct hachi_xdp xdp = {
		.data = (u64)(uintptr_t)(r->buf + HEADROOM),
		.data_end = (u64)(uintptr_t)(r->buf + HEADROOM + len),
		.data_meta = (u64)(uintptr_t)(r->buf + HEADROOM),
		.hard_start = (u64)(uintptr_t)r->buf,
		.hard_end = (u64)(uintptr_t)(r->buf + r->buf_size),
		.ingress_ifindex = r->opts->ifindex,
	};
	int err = hachi_prog_run(r->prog, &xdp, sizeof(xdp), &r->world, ret_verdict);

	*ret_data = (u8 *)(uintptr_t)xdp.data;
	*ret_len = (u32)(xdp.data_end - xdp.data);
	return err;
}

static int run_skb(struct replay *r, u32 len, u64 *ret_verdict, u8 **ret_data, u32 *ret_len)
{
	u8 *data = r->buf + HEADROOM;
	bool is_ethernet = r->stats->link_type == DLT_EN10MB && len >= sizeof(struct ethhdr);
	struct hachi_skb skb = {
		.data = (u64)(uintptr_t)data,
		.data_end = (u64)(uintptr_t)(data + len),
		.data_meta = (u64)(uintptr_t)data,
		.head = (u64)(uintptr_t)r->buf,
		.end = (u64)(uintptr_t)(r->buf + r->buf_size),
		.len = r->wire_len, /* as a socket sees it: cut packets keep their length */
		.ifindex = r->opts->ifindex,
		.ingress_ifindex = r->opts->ifindex,
		.tstamp = r->time_ns,
		.wire_len = r->wire_len,
		.mac_header = HEADROOM,
		.network_header = HEADROOM + (is_ethernet ? (u32)sizeof(struct ethhdr) : 0),
	};
	int err;

	if (is_ethernet)
		skb.protocol = load_u16(data + offsetof(struct ethhdr, h_proto));
	else if (len)
		skb.protocol = htons(data[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
	err = hachi_prog_run(r->prog, &skb, sizeof(skb), &r->world, ret_verdict);
	*ret_data = (u8 *)(uintptr_t)skb.data;
	*ret_len = (u32)(skb.data_end - skb.data);
	/* a socket gets at most as many bytes as its filter says */
	if (r->type == BPF_PROG_TYPE_SOCKET_FILTER)
		*ret_len = (u32)MIN(*ret_verdict, (u64)*ret_len);
	return err;
}

static int run_packet(struct replay *r, const struct pcap_pkthdr *head, const u8 *bytes)
{
	struct pcap_pkthdr out = *head;
	u64 verdict = 0;
	u8 *data;
	u32 len;
	int err;

	if (head->caplen > r->buf_size - HEADROOM - TAILROOM)
		return -EMSGSIZE;
	memcpy(r->buf + HEADROOM, bytes, head->caplen);
	memset(r->buf + HEADROOM + head->caplen, 0, TAILROOM);
	r->time_ns = (u64)head->ts.tv_sec * 1000000000u + (u64)head->ts.tv_usec * r->ns_per_tick;
	r->wire_len = MAX(head->len, head->caplen);
	if (r->type == BPF_PROG_TYPE_XDP)
		err = run_xdp(r, head->caplen, &verdict, &data, &len);
	else
		err = run_skb(r, head->caplen, &verdict, &data, &len);
	if (err)
		return err;
	r->stats->packets++;
	r->stats->bytes += head->caplen;
	r->stats->cut += head->caplen < head->len;
	r->stats->verdicts[verdict_index(r->type, (u32)verdict)]++;
	if (!passes(r->type, (u32)verdict))
		return 0;
	r->stats->passed++;
	r->stats->passed_bytes += len;
	if (r->out) {
		out.len = head->len - head->caplen + len;
		out.caplen = len;
		if (r->type == BPF_PROG_TYPE_SOCKET_FILTER)
			out.len = head->len;
		pcap_dump((u_char *)r->out, &out, data);
		if (ferror(pcap_dump_file(r->out)))
			return -errno;
	}
	return 0;
}

static int replay_all(struct replay *r, char *ret_error, size_t size)
{
	struct pcap_pkthdr *head;
	const u8 *bytes;
	int got, err = 0;

	while ((got = pcap_next_ex(r->in, &head, &bytes)) == 1) {
		err = run_packet(r, head, bytes);
		if (err) {
			snprintf(ret_error, size, "%s: packet %llu: %s",
				err == -ENOSPC || err == -EIO ? r->opts->out_path
							      : r->opts->in_path,
				(unsigned long long)r->stats->packets + 1, strerror(-err));
			return err;
		}
		if (r->opts->tick && r->stats->packets % TICK_PACKETS == 0)
			r->opts->tick(r->opts->tick_arg);
		if (r->opts->cancel && *r->opts->cancel) {
			r->stats->is_cancelled = true;
			return 0;
		}
	}
	if (got == PCAP_ERROR) {
		snprintf(ret_error, size, "%s: after %llu packets: %s", r->opts->in_path,
			(unsigned long long)r->stats->packets, pcap_geterr(r->in));
		return -EINVAL;
	}
	return 0;
}

/*
 * The precision of the file's stamps, so that what is written has the same: by its magic. What
 * cannot be looked into (a pipe), and pcapng, is taken as nanoseconds.
 */
static bool has_microseconds(const char *path)
{
	FILE *in = strcmp(path, "-") == 0 ? NULL : fopen(path, "re");
	u32 magic = 0;
	struct stat st;

	if (in && fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) &&
		fread(&magic, sizeof(magic), 1, in) != 1)
		magic = 0;
	if (in)
		fclose(in);
	return magic == 0xa1b2c3d4 || magic == 0xd4c3b2a1;
}

static int open_files(struct replay *r, char *ret_error, size_t size)
{
	char pcap_error[PCAP_ERRBUF_SIZE] = "";
	bool is_micro = has_microseconds(r->opts->in_path);
	int snaplen;

	r->ns_per_tick = is_micro ? 1000 : 1;
	r->in = pcap_open_offline_with_tstamp_precision(r->opts->in_path,
		is_micro ? PCAP_TSTAMP_PRECISION_MICRO : PCAP_TSTAMP_PRECISION_NANO, pcap_error);
	if (!r->in) {
		bool names_file =
			strncmp(pcap_error, r->opts->in_path, strlen(r->opts->in_path)) == 0;

		snprintf(ret_error, size, "%s%s%s", names_file ? "" : r->opts->in_path,
			names_file ? "" : ": ", pcap_error);
		return -EINVAL;
	}
	r->stats->link_type = pcap_datalink(r->in);
	snaplen = pcap_snapshot(r->in);
	if (snaplen < 65535 || snaplen > 262144)
		snaplen = 262144;
	r->buf_size = HEADROOM + (size_t)snaplen + TAILROOM;
	r->buf = mem_zalloc(r->buf_size);
	if (!r->buf)
		return -ENOMEM;
	if (!r->opts->out_path)
		return 0;
	r->out = pcap_dump_open(r->in, r->opts->out_path);
	if (!r->out) {
		snprintf(ret_error, size, "%s", pcap_geterr(r->in));
		return -EACCES;
	}
	return 0;
}

int packets_run(struct hachi_prog *prog, u32 prog_type, const struct packets_opts *opts,
	struct packets_stats *ret_stats, char *ret_error, size_t size)
{
	struct replay r = {.prog = prog, .type = prog_type, .opts = opts, .stats = ret_stats};
	int err;

	memset(ret_stats, 0, sizeof(*ret_stats));
	snprintf(ret_error, size, "out of memory");
	r.world = (struct hachi_world){
		.size = sizeof(r.world),
		.ops = &replay_world_ops,
		.priv = &r,
		.pid = os_tid(),
		.tgid = os_pid(),
		.cpu = -1,
	};
	err = open_files(&r, ret_error, size);
	if (!err)
		err = replay_all(&r, ret_error, size);
	if (r.out) {
		if (!err && (pcap_dump_flush(r.out) || ferror(pcap_dump_file(r.out)))) {
			err = errno ? -errno : -EIO;
			snprintf(ret_error, size, "%s: %s", opts->out_path, strerror(-err));
		}
		pcap_dump_close(r.out);
	}
	if (r.in)
		pcap_close(r.in);
	mem_free(r.buf);
	return err;
}
