// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes examples/sample.pcap: a small capture with ICMP, TCP, UDP, ARP and IPv6 packets, the same
 * bytes every time.
 *
 *	cc -o /tmp/make_capture examples/make_capture.c && /tmp/make_capture /tmp/sample.pcap
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static FILE *out;
static uint32_t packet_count;

static void put(const void *data, size_t len)
{
	fwrite(data, 1, len, out);
}

static void put_packet(const uint8_t *data, uint32_t len)
{
	uint32_t head[4] = {1700000000 + packet_count / 10, packet_count % 10 * 100000, len, len};

	put(head, sizeof(head));
	put(data, len);
	packet_count++;
}

static uint16_t checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Ethernet, IPv4, then `payload` bytes of 0, 1, 2, ... behind the first `head_len` given ones. */
static void put_ipv4(uint8_t protocol, const uint8_t *head, uint32_t head_len, uint32_t payload)
{
	uint8_t packet[1514] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	uint8_t *ip = packet + 14;
	uint32_t total = 20 + head_len + payload;
	uint16_t sum;

	ip[0] = 0x45;
	ip[2] = (uint8_t)(total >> 8);
	ip[3] = (uint8_t)total;
	ip[5] = (uint8_t)packet_count;
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	sum = checksum(ip, 20);
	memcpy(ip + 10, &sum, 2);
	memcpy(ip + 20, head, head_len);
	for (uint32_t i = 0; i < payload; i++)
		ip[20 + head_len + i] = (uint8_t)i;
	put_packet(packet, 14 + total);
}

static void put_icmp(uint16_t sequence)
{
	uint8_t icmp[8] = {8, 0, 0, 0, 0, 1, (uint8_t)(sequence >> 8), (uint8_t)sequence};

	put_ipv4(1, icmp, sizeof(icmp), 56);
}

static void put_tcp(uint16_t port, uint32_t payload)
{
	uint8_t tcp[20] = {0x9c, 0x40, (uint8_t)(port >> 8), (uint8_t)port, 0, 0, 0, 1, 0, 0, 0, 1,
		0x50, 0x18, 0x20, 0};

	put_ipv4(6, tcp, sizeof(tcp), payload);
}

static void put_udp(uint16_t port, uint32_t payload)
{
	uint8_t udp[8] = {0x9c, 0x40, (uint8_t)(port >> 8), (uint8_t)port,
		(uint8_t)((8 + payload) >> 8), (uint8_t)(8 + payload)};

	put_ipv4(17, udp, sizeof(udp), payload);
}

static void put_arp(void)
{
	uint8_t arp[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0,
		6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

	put_packet(arp, sizeof(arp));
}

static void put_ipv6(void)
{
	uint8_t packet[14 + 40 + 8] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60};

	packet[14 + 5] = 8;
	packet[14 + 6] = 17;
	packet[14 + 7] = 64;
	packet[14 + 8] = packet[14 + 24] = 0xfd;
	packet[14 + 23] = 1;
	packet[14 + 39] = 2;
	memcpy(packet + 54, (uint8_t[]){0x9c, 0x40, 0, 53, 0, 8, 0, 0}, 8);
	put_packet(packet, sizeof(packet));
}

int main(int argc, char **argv)
{
	/* magic, version 2.4, zone, accuracy, snapshot length, Ethernet */
	uint32_t head[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};

	out = argc == 2 ? fopen(argv[1], "wb") : NULL;
	if (!out) {
		fprintf(stderr, "usage: make_capture FILE.pcap\n");
		return 1;
	}
	put(head, sizeof(head));
	for (uint16_t i = 0; i < 10; i++) {
		put_icmp(i);
		put_tcp(i % 2 ? 80 : 443, 10u * i);
		put_tcp(22, 0);
		put_udp(i % 3 ? 53 : 123, 20u + i);
		if (i % 5 == 0)
			put_arp();
		if (i % 4 == 0)
			put_ipv6();
	}
	return fclose(out) ? 1 : 0;
}
