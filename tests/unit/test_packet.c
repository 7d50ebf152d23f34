/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_packet: packets that are short, exact, long, and packets that lie. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet.h"

#define IPV4_LEN 20
#define IPV6_LEN 40

static uint8_t pkt[2048];
static struct packet p;

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* An IPv4 header with no options; returns where the rest goes. */
static uint8_t *ipv4(uint8_t proto, size_t l4_len)
{
	memset(pkt, 0, sizeof(pkt));
	pkt[0] = 0x45;
	put16(pkt + 2, (unsigned)(IPV4_LEN + l4_len));
	put16(pkt + 4, 0xbeef);
	pkt[9] = proto;
	memcpy(pkt + 12, "\x0a\x00\x00\x01\xc0\xa8\x01\x01", 8);
	return pkt + IPV4_LEN;
}

static uint8_t *ipv6(uint8_t next, size_t payload_len)
{
	memset(pkt, 0, sizeof(pkt));
	pkt[0] = 0x60;
	put16(pkt + 4, (unsigned)payload_len);
	pkt[6] = next;
	pkt[8] = 0x20;
	pkt[23] = 1;
	pkt[24] = 0x20;
	pkt[39] = 2;
	return pkt + IPV6_LEN;
}

static void ports(uint8_t *l4, uint16_t sport, uint16_t dport)
{
	put16(l4, sport);
	put16(l4 + 2, dport);
}

/* Parses a copy of exactly that size, so that a sanitizer sees one too many. */
static int parse(size_t caplen, size_t len)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(caplen ? caplen : 1);
	assert_non_null(copy);
	memcpy(copy, pkt, caplen);
	memset(&p, 0xff, sizeof(p));
	return packet_parse(&p, copy, caplen, len);
}

static void assert_zeros(const struct packet *q)
{
	static const struct packet zero;

	assert_memory_equal(&q->tuple, &zero.tuple, sizeof(zero.tuple));
	assert_false(q->has_ports);
	assert_null(q->l4);
	assert_null(q->payload);
	assert_int_equal(q->l4_len + q->payload_len + q->len, 0);
}

static void assert_addresses(const char *saddr, const char *daddr)
{
	char buf[IPADDR_TEXT_MAX];

	assert_string_equal(ipaddr_format(&p.tuple.saddr, buf), saddr);
	assert_string_equal(ipaddr_format(&p.tuple.daddr, buf), daddr);
}

static void assert_no_transport(uint8_t proto)
{
	assert_int_equal(p.tuple.proto, proto);
	assert_false(p.has_ports);
	assert_int_equal(p.tuple.sport, 0);
	assert_int_equal(p.tuple.dport, 0);
	assert_null(p.l4);
	assert_null(p.payload);
}

static void assert_dns_ports(uint8_t proto)
{
	assert_int_equal(p.tuple.proto, proto);
	assert_true(p.has_ports);
	assert_int_equal(p.tuple.sport, 40112);
	assert_int_equal(p.tuple.dport, 53);
}

static void test_udp(void **state)
{
	uint8_t *udp = ipv4(IPPROTO_UDP, 12);

	(void)state;
	ports(udp, 40112, 53);
	put16(udp + 4, 12);
	memcpy(udp + 8, "data", 4);
	assert_int_equal(parse(32, 32), 0);
	assert_int_equal(p.tuple.family, AF_INET);
	assert_addresses("10.0.0.1", "192.168.1.1");
	assert_dns_ports(IPPROTO_UDP);
	assert_int_equal(p.len, 32);
	assert_int_equal(p.ip_id, 0xbeef);
	assert_int_equal(p.l4_len, 12);
	assert_int_equal(p.payload_len, 4);
	assert_memory_equal(p.payload, "data", 4);
	assert_false(p.fragment);
}

static void test_tcp(void **state)
{
	uint8_t *tcp = ipv6(IPPROTO_TCP, 26);

	(void)state;
	ports(tcp, 40112, 53);
	memcpy(tcp + 4, "\xde\xad\xbe\xef", 4);
	tcp[12] = 6 << 4;
	tcp[13] = PACKET_TCP_SYN | PACKET_TCP_ACK;
	assert_int_equal(parse(IPV6_LEN + 26, 0), 0);
	assert_int_equal(p.tuple.family, AF_INET6);
	assert_addresses("2000::1", "2000::2");
	assert_dns_ports(IPPROTO_TCP);
	assert_true(p.tcp_seq == 0xdeadbeef);
	assert_int_equal(p.tcp_flags, PACKET_TCP_SYN | PACKET_TCP_ACK);
	assert_int_equal(p.len, IPV6_LEN + 26);
	assert_int_equal(p.payload_len, 2);
	assert_ptr_equal(p.payload, p.l4 + 24);
}

static void test_no_ip(void **state)
{
	(void)state;
	ipv4(IPPROTO_UDP, 8);
	for (size_t n = 0; n < IPV4_LEN; n++) {
		assert_int_equal(parse(n, 28), -EBADMSG);
		assert_zeros(&p);
	}
	ipv6(IPPROTO_UDP, 8);
	for (size_t n = 0; n < IPV6_LEN; n++) {
		assert_int_equal(parse(n, 48), -EBADMSG);
		assert_zeros(&p);
	}
	for (unsigned version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		ipv4(IPPROTO_UDP, 8);
		pkt[0] = (uint8_t)(version << 4 | 5);
		assert_int_equal(parse(100, 100), -EBADMSG);
		assert_zeros(&p);
	}
	ipv4(IPPROTO_UDP, 8);
	pkt[0] = 0x44; /* a header of 16 bytes */
	assert_int_equal(parse(100, 100), -EBADMSG);
	assert_zeros(&p);
}

/* Each prefix of a packet gives what is there and never more. */
static void test_cut_short(void **state)
{
	uint8_t *tcp = ipv4(IPPROTO_TCP, 24);

	(void)state;
	ports(tcp, 40112, 53);
	tcp[7] = 9;
	tcp[12] = 5 << 4;
	tcp[13] = PACKET_TCP_SYN;
	for (size_t n = 0; n <= 24; n++) {
		assert_int_equal(parse(IPV4_LEN + n, IPV4_LEN + 24), 0);
		assert_int_equal(p.len, IPV4_LEN + 24);
		assert_int_equal(p.l4_len, n);
		assert_true(p.has_ports == (n >= 4));
		assert_int_equal(p.tuple.dport, n >= 4 ? 53 : 0);
		assert_int_equal(p.tcp_seq, n >= 8 ? 9 : 0);
		assert_int_equal(p.tcp_flags, n >= 14 ? PACKET_TCP_SYN : 0);
		assert_true((p.payload != NULL) == (n >= 20));
		assert_int_equal(p.payload_len, n >= 20 ? n - 20 : 0);
	}
}

static void test_ipv4_options(void **state)
{
	uint8_t *udp = ipv4(IPPROTO_UDP, 48) + 40;

	(void)state;
	pkt[0] = 0x4f;
	ports(pkt + IPV4_LEN, 1, 2); /* in the options: not ports */
	ports(udp, 40112, 53);
	assert_int_equal(parse(68, 0), 0);
	assert_dns_ports(IPPROTO_UDP);
	/* the options go on where the copy ends */
	for (size_t n = IPV4_LEN; n <= 60; n++) {
		assert_int_equal(parse(n, 68), 0);
		assert_no_transport(IPPROTO_UDP);
		assert_addresses("10.0.0.1", "192.168.1.1");
	}
}

static void test_ipv4_length_lies(void **state)
{
	uint8_t *udp = ipv4(IPPROTO_UDP, 8);

	(void)state;
	ports(udp, 40112, 53);
	/* what follows the packet is padding */
	assert_int_equal(parse(64, 64), 0);
	assert_int_equal(p.l4_len, 8);
	assert_int_equal(p.payload_len, 0);
	put16(pkt + 2, IPV4_LEN);
	assert_int_equal(parse(64, 64), 0);
	assert_no_transport(IPPROTO_UDP);
	put16(pkt + 2, 7); /* shorter than its own header */
	assert_int_equal(parse(64, 64), 0);
	assert_no_transport(IPPROTO_UDP);
	put16(pkt + 2, 0xffff);
	assert_int_equal(parse(28, 28), 0);
	assert_dns_ports(IPPROTO_UDP);
	assert_int_equal(p.l4_len, 8);
	put16(pkt + 2, 0); /* larger than the field can say */
	assert_int_equal(parse(28, 100000), 0);
	assert_dns_ports(IPPROTO_UDP);
	assert_int_equal(p.len, 100000);
	/* more copied than the packet is long */
	put16(pkt + 2, 64);
	assert_int_equal(parse(64, 24), 0);
	assert_int_equal(p.l4_len, 4);
}

static void test_ipv4_fragments(void **state)
{
	uint8_t *udp = ipv4(IPPROTO_UDP, 16);

	(void)state;
	ports(udp, 40112, 53);
	put16(pkt + 6, 0x2000); /* the first: more follow */
	assert_int_equal(parse(36, 0), 0);
	assert_dns_ports(IPPROTO_UDP);
	assert_false(p.fragment);
	put16(pkt + 6, 0x4000); /* don't fragment */
	assert_int_equal(parse(36, 0), 0);
	assert_dns_ports(IPPROTO_UDP);
	for (unsigned offset = 1; offset <= 0x1fff; offset <<= 1) {
		put16(pkt + 6, offset | 0x2000);
		assert_int_equal(parse(36, 0), 0);
		assert_true(p.fragment);
		assert_no_transport(IPPROTO_UDP);
		assert_addresses("10.0.0.1", "192.168.1.1");
	}
}

static void test_tcp_offset_lies(void **state)
{
	uint8_t *tcp = ipv4(IPPROTO_TCP, 40);

	(void)state;
	ports(tcp, 40112, 53);
	for (unsigned words = 0; words < 16; words++) {
		tcp[12] = (uint8_t)(words << 4);
		assert_int_equal(parse(60, 0), 0);
		assert_dns_ports(IPPROTO_TCP);
		if (words < 5 || words > 10) {
			assert_null(p.payload);
			assert_int_equal(p.payload_len, 0);
		} else {
			assert_int_equal(p.payload_len, 40 - 4 * words);
		}
	}
}

static void test_udp_length_lies(void **state)
{
	static const struct {
		unsigned declared;
		size_t payload_len;
	} cases[] = {{0, 12}, {1, 0},	{7, 0},	  {8, 0},
		     {9, 1},  {20, 12}, {21, 12}, {65535, 12}};
	uint8_t *udp = ipv4(IPPROTO_UDP, 20);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put16(udp + 4, cases[i].declared);
		assert_int_equal(parse(40, 0), 0);
		assert_int_equal(p.payload_len, cases[i].payload_len);
	}
}

static void test_other_transports(void **state)
{
	static const struct {
		uint8_t proto;
		size_t header_len;
		bool ports;
	} cases[] = {{IPPROTO_UDPLITE, 8, true},
		     {IPPROTO_SCTP, 12, true},
		     {IPPROTO_DCCP, 16, true},
		     {IPPROTO_GRE, 0, false},
		     {IPPROTO_ESP, 0, false},
		     {IPPROTO_AH, 0, false},
		     {255, 0, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *l4 = ipv4(cases[i].proto, 24);

		ports(l4, 40112, 53);
		l4[4] = 4; /* DCCP: its header in words */
		assert_int_equal(parse(44, 0), 0);
		assert_int_equal(p.tuple.proto, cases[i].proto);
		assert_int_equal(p.l4_len, 24);
		assert_true(p.has_ports == cases[i].ports);
		assert_int_equal(p.tuple.dport, cases[i].ports ? 53 : 0);
		assert_int_equal(p.payload_len,
				 cases[i].header_len ? 24 - cases[i].header_len
						     : 0);
	}
	ipv4(IPPROTO_DCCP, 24)[4] = 7; /* 28 bytes of 24 */
	assert_int_equal(parse(44, 0), 0);
	assert_null(p.payload);
}

static void test_icmp(void **state)
{
	uint8_t *icmp = ipv4(IPPROTO_ICMP, 10);

	(void)state;
	icmp[0] = 8;
	put16(icmp + 4, 771);
	assert_int_equal(parse(30, 0), 0);
	assert_int_equal(p.icmp_type, 8);
	assert_int_equal(p.tuple.sport, 771);
	assert_int_equal(p.tuple.dport, 771);
	assert_false(p.has_ports);
	assert_int_equal(p.payload_len, 2);
	icmp[0] = 3; /* no echo: no id */
	icmp[1] = 13;
	assert_int_equal(parse(30, 0), 0);
	assert_int_equal(p.icmp_code, 13);
	assert_int_equal(p.tuple.sport, 0);
	icmp[0] = 8;
	assert_int_equal(parse(IPV4_LEN + 5, 0), 0);
	assert_int_equal(p.icmp_type, 8);
	assert_int_equal(p.tuple.sport, 0);
	assert_int_equal(parse(IPV4_LEN + 1, 0), 0);
	assert_int_equal(p.icmp_type, 0);
}

static void test_icmp6(void **state)
{
	uint8_t *icmp = ipv6(IPPROTO_ICMPV6, 8);

	(void)state;
	icmp[0] = 129;
	put16(icmp + 4, 771);
	assert_int_equal(parse(IPV6_LEN + 8, 0), 0);
	assert_int_equal(p.tuple.sport, 771);
	icmp[0] = 8; /* ICMP's echo is not ICMPv6's */
	assert_int_equal(parse(IPV6_LEN + 8, 0), 0);
	assert_int_equal(p.tuple.sport, 0);
}

/* Every kind of extension, one after the other. */
static size_t chain(void)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING,
					IPPROTO_DSTOPTS, IPPROTO_AH,
					IPPROTO_FRAGMENT};
	static const size_t lens[] = {8, 24, 16, 12, 8};
	static const uint8_t fields[] = {0, 2, 1, 1, 0};
	uint8_t *at = ipv6(IPPROTO_HOPOPTS, 0);

	for (size_t i = 0; i < 5; i++) {
		at[0] = i < 4 ? kinds[i + 1] : IPPROTO_UDP;
		at[1] = fields[i];
		at += lens[i];
	}
	ports(at, 40112, 53);
	return (size_t)(at + 8 - pkt);
}

static void test_extensions(void **state)
{
	size_t whole = chain();

	(void)state;
	assert_int_equal(parse(whole, 0), 0);
	assert_dns_ports(IPPROTO_UDP);
	assert_int_equal(p.l4_len, 8);
	assert_false(p.fragment);
	for (size_t n = IPV6_LEN; n < whole - 4; n++) {
		assert_int_equal(parse(n, whole), 0);
		assert_false(p.has_ports);
		assert_int_equal(p.tuple.dport, 0);
		assert_addresses("2000::1", "2000::2");
	}
	/* the header's own length ends before the ports */
	put16(pkt + 4, (unsigned)(whole - IPV6_LEN - 8));
	assert_int_equal(parse(whole, 0), 0);
	assert_no_transport(IPPROTO_UDP);
}

static void test_extension_length_lies(void **state)
{
	uint8_t *opt = ipv6(IPPROTO_DSTOPTS, 0);

	(void)state;
	opt[0] = IPPROTO_UDP;
	opt[1] = 255;
	ports(opt + 8, 40112, 53);
	assert_int_equal(parse(IPV6_LEN + 64, 0), 0);
	assert_no_transport(IPPROTO_UDP);
	opt = ipv6(IPPROTO_AH, 0);
	opt[0] = IPPROTO_UDP;
	opt[1] = 0; /* 8 bytes: the least there is */
	ports(opt + 8, 40112, 53);
	assert_int_equal(parse(IPV6_LEN + 16, 0), 0);
	assert_dns_ports(IPPROTO_UDP);
}

static void test_extensions_many(void **state)
{
	(void)state;
	for (size_t n = 15; n <= 18; n++) {
		uint8_t *at = ipv6(IPPROTO_DSTOPTS, 0);

		for (size_t i = 0; i < n; i++, at += 8)
			at[0] = i + 1 < n ? IPPROTO_DSTOPTS : IPPROTO_UDP;
		ports(at, 40112, 53);
		assert_int_equal(parse((size_t)(at + 8 - pkt), 0), 0);
		if (n <= 16)
			assert_dns_ports(IPPROTO_UDP);
		else
			assert_no_transport(IPPROTO_DSTOPTS);
	}
}

static void test_ipv6_fragments(void **state)
{
	uint8_t *frag = ipv6(IPPROTO_FRAGMENT, 16);

	(void)state;
	frag[0] = IPPROTO_UDP;
	ports(frag + 8, 40112, 53);
	put16(frag + 2, 1); /* the first: more follow */
	assert_int_equal(parse(IPV6_LEN + 16, 0), 0);
	assert_dns_ports(IPPROTO_UDP);
	assert_false(p.fragment);
	put16(frag + 2, 6); /* reserved bits are no offset */
	assert_int_equal(parse(IPV6_LEN + 16, 0), 0);
	assert_dns_ports(IPPROTO_UDP);
	for (unsigned offset = 8; offset <= 0xfff8; offset <<= 1) {
		put16(frag + 2, offset);
		assert_int_equal(parse(IPV6_LEN + 16, 0), 0);
		assert_true(p.fragment);
		assert_no_transport(IPPROTO_UDP);
	}
	/* an extension in a later fragment is not walked: it is data */
	frag[0] = IPPROTO_DSTOPTS;
	frag[8] = IPPROTO_UDP;
	put16(frag + 2, 8);
	assert_int_equal(parse(IPV6_LEN + 40, 0), 0);
	assert_no_transport(IPPROTO_DSTOPTS);
}

/* As the kernel has it: these are protocols, what follows is theirs. */
static void test_walk_ends(void **state)
{
	static const uint8_t ends[] = {IPPROTO_ESP, IPPROTO_MH, 139, 140};

	(void)state;
	for (size_t i = 0; i < sizeof(ends); i++) {
		uint8_t *at = ipv6(ends[i], 16);

		at[0] = IPPROTO_UDP;
		ports(at + 8, 40112, 53);
		assert_int_equal(parse(IPV6_LEN + 16, 0), 0);
		assert_int_equal(p.tuple.proto, ends[i]);
		assert_false(p.has_ports);
		assert_int_equal(p.l4_len, 16);
	}
	ipv6(IPPROTO_NONE, 16);
	assert_int_equal(parse(IPV6_LEN + 16, 0), 0);
	assert_no_transport(IPPROTO_NONE);
}

static void test_ipv6_jumbo(void **state)
{
	uint8_t *udp = ipv6(IPPROTO_UDP, 0);

	(void)state;
	ports(udp, 40112, 53);
	assert_int_equal(parse(IPV6_LEN + 100, 70000), 0);
	assert_dns_ports(IPPROTO_UDP);
	assert_int_equal(p.l4_len, 100);
	assert_int_equal(p.len, 70000);
}

/* An ICMP error about a UDP packet of the other direction. */
static void make_error(uint8_t type)
{
	uint8_t inner[28];

	ports(ipv4(IPPROTO_UDP, 8), 40112, 53);
	memcpy(inner, pkt, sizeof(inner));
	memcpy(ipv4(IPPROTO_ICMP, 36) + 8, inner, sizeof(inner));
	pkt[IPV4_LEN] = type;
}

static void test_inner(void **state)
{
	struct packet inner;

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		bool error =
			(type >= 3 && type <= 5) || type == 11 || type == 12;

		make_error((uint8_t)type);
		assert_int_equal(parse(56, 0), 0);
		memset(&inner, 0xff, sizeof(inner));
		assert_int_equal(packet_parse_inner(&p, &inner),
				 error ? 0 : -ENOMSG);
		if (error)
			assert_int_equal(inner.tuple.dport, 53);
		else
			assert_zeros(&inner);
	}
}

static void test_inner_short(void **state)
{
	struct packet inner;

	(void)state;
	for (size_t n = 0; n <= 36; n++) {
		make_error(3);
		assert_int_equal(parse(IPV4_LEN + n, 56), 0);
		memset(&inner, 0xff, sizeof(inner));
		assert_int_equal(packet_parse_inner(&p, &inner),
				 n >= 28  ? 0
				 : n >= 2 ? -EBADMSG
					  : -ENOMSG);
		if (n < 28)
			assert_zeros(&inner);
		assert_true(inner.has_ports == (n >= 32));
	}
}

static void test_inner_hostile(void **state)
{
	struct packet inner;

	(void)state;
	make_error(3);
	pkt[IPV4_LEN + 8] = 0x60; /* an IPv6 packet in an IPv4 error */
	assert_int_equal(parse(100, 0), 0);
	assert_int_equal(packet_parse_inner(&p, &inner), -EBADMSG);
	assert_zeros(&inner);
	make_error(3);
	put16(pkt + 6, 1); /* a later fragment has no type */
	assert_int_equal(parse(56, 0), 0);
	assert_int_equal(packet_parse_inner(&p, &inner), -ENOMSG);
	make_error(3);
	pkt[9] = IPPROTO_ICMPV6; /* ICMPv6's errors stand in IPv6 */
	assert_int_equal(parse(56, 0), 0);
	assert_int_equal(packet_parse_inner(&p, &inner), -ENOMSG);
	ipv4(IPPROTO_UDP, 8);
	assert_int_equal(parse(28, 0), 0);
	assert_int_equal(packet_parse_inner(&p, &inner), -ENOMSG);
	/* of an error about an error, the inner one is no further error */
	make_error(3);
	pkt[IPV4_LEN + 8 + 9] = IPPROTO_ICMP;
	pkt[IPV4_LEN + 8 + IPV4_LEN] = 3;
	assert_int_equal(parse(56, 0), 0);
	assert_int_equal(packet_parse_inner(&p, &inner), 0);
	assert_int_equal(packet_parse_inner(&inner, &p), -EBADMSG);
}

static void test_inner_ipv6(void **state)
{
	struct packet inner;
	uint8_t quoted[48];

	(void)state;
	ports(ipv6(IPPROTO_UDP, 8), 40112, 53);
	memcpy(quoted, pkt, sizeof(quoted));
	for (unsigned type = 0; type < 256; type++) {
		uint8_t *icmp = ipv6(IPPROTO_ICMPV6, 8 + sizeof(quoted));

		icmp[0] = (uint8_t)type;
		memcpy(icmp + 8, quoted, sizeof(quoted));
		assert_int_equal(parse(IPV6_LEN + 56, 0), 0);
		assert_int_equal(packet_parse_inner(&p, &inner),
				 type >= 1 && type <= 4 ? 0 : -ENOMSG);
	}
	pkt[IPV6_LEN] = 1;
	assert_int_equal(parse(IPV6_LEN + 56, 0), 0);
	assert_int_equal(packet_parse_inner(&p, &inner), 0);
	assert_int_equal(inner.tuple.sport, 40112);
	assert_int_equal(inner.tuple.family, AF_INET6);
}

static void test_tuples(void **state)
{
	struct tuple a, b;

	(void)state;
	ports(ipv4(IPPROTO_UDP, 8), 40112, 53);
	assert_int_equal(parse(28, 0), 0);
	a = p.tuple;
	memset(pkt + 28, 0x55, 100); /* other bytes, the same flow */
	put16(pkt + 4, 1);
	assert_int_equal(parse(128, 0), 0);
	b = p.tuple;
	assert_true(tuple_equal(&a, &b));
	assert_true(tuple_hash(&a) == tuple_hash(&b));
	for (size_t i = 0; i < sizeof(b); i++) {
		((uint8_t *)&b)[i] ^= 1;
		assert_false(tuple_equal(&a, &b));
		assert_true(tuple_hash(&a) != tuple_hash(&b));
		((uint8_t *)&b)[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_no_ip),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_ipv4_options),
		cmocka_unit_test(test_ipv4_length_lies),
		cmocka_unit_test(test_ipv4_fragments),
		cmocka_unit_test(test_tcp_offset_lies),
		cmocka_unit_test(test_udp_length_lies),
		cmocka_unit_test(test_other_transports),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_icmp6),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_extension_length_lies),
		cmocka_unit_test(test_extensions_many),
		cmocka_unit_test(test_ipv6_fragments),
		cmocka_unit_test(test_walk_ends),
		cmocka_unit_test(test_ipv6_jumbo),
		cmocka_unit_test(test_inner),
		cmocka_unit_test(test_inner_short),
		cmocka_unit_test(test_inner_hostile),
		cmocka_unit_test(test_inner_ipv6),
		cmocka_unit_test(test_tuples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
