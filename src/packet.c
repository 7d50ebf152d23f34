/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet: the bytes of an IP packet turned into a tuple, with checked views. */
#include "packet.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>

#include "proto.h"
#include "util.h"

#define IPV4_HEADER_LEN	  20
#define IPV4_OFFSET_MASK  0x1fff
#define IPV6_HEADER_LEN	  40
#define IPV6_OFFSET_MASK  0xfff8
#define EXTENSIONS_MAX	  16
#define TCP_HEADER_LEN	  20
#define TCPOPT_FAST_OPEN  34  /* RFC 7413 */
#define TCPOPT_EXPERIMENT 254 /* RFC 6994 */
#define UDP_HEADER_LEN	  8
#define SCTP_HEADER_LEN	  12
#define DCCP_HEADER_LEN	  12
#define ICMP_HEADER_LEN	  8

_Static_assert(sizeof(struct tuple) == 2 * sizeof(struct ipaddr) + 6,
	       "padding in struct tuple would break its hash");

/* The bytes not yet read. */
struct view {
	const uint8_t *p;
	size_t len;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* False, with nothing left to see, where the view is shorter than that. */
static bool skip(struct view *v, size_t len)
{
	if (len > v->len) {
		v->len = 0;
		return false;
	}
	v->p += len;
	v->len -= len;
	return true;
}

/* What follows the length that a header declares is padding. */
static void cut(struct view *v, size_t len)
{
	if (len < v->len)
		v->len = len;
}

static void set_payload(struct packet *p, size_t header_len)
{
	struct view v = {p->l4, p->l4_len};

	if (skip(&v, header_len)) {
		p->payload = v.p;
		p->payload_len = v.len;
	}
}

static void parse_tcp(struct packet *p)
{
	size_t header_len;

	if (p->l4_len >= 8)
		p->tcp_seq = get32(p->l4 + 4);
	if (p->l4_len < 14)
		return;
	p->tcp_flags = p->l4[13];
	header_len = (size_t)(p->l4[12] >> 4) * 4;
	if (header_len >= TCP_HEADER_LEN)
		set_payload(p, header_len);
}

static void parse_udp(struct packet *p)
{
	size_t declared;

	set_payload(p, UDP_HEADER_LEN);
	if (!p->payload)
		return;
	/* 0 is a jumbogram's; a short one promises no payload at all. */
	declared = get16(p->l4 + 4);
	if (declared && declared < UDP_HEADER_LEN + p->payload_len)
		p->payload_len = declared < UDP_HEADER_LEN
					 ? 0
					 : declared - UDP_HEADER_LEN;
}

static void parse_sctp(struct packet *p)
{
	set_payload(p, SCTP_HEADER_LEN);
	if (p->payload_len > 0)
		p->message = p->payload[0];
}

static void parse_dccp(struct packet *p)
{
	size_t header_len;

	if (p->l4_len < DCCP_HEADER_LEN)
		return;
	p->message = p->l4[8] >> 1 & 0xf;
	header_len = (size_t)p->l4[4] * 4;
	if (header_len >= DCCP_HEADER_LEN)
		set_payload(p, header_len);
}

static bool icmp_has_id(uint8_t proto, uint8_t type)
{
	if (proto == IPPROTO_ICMPV6)
		return type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY;
	switch (type) {
	case ICMP_ECHO:
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMP:
	case ICMP_TIMESTAMPREPLY:
	case ICMP_INFO_REQUEST:
	case ICMP_INFO_REPLY:
	case ICMP_ADDRESS:
	case ICMP_ADDRESSREPLY:
		return true;
	}
	return false;
}

static void parse_icmp(struct packet *p)
{
	if (p->l4_len < 2)
		return;
	p->icmp_type = p->l4[0];
	p->icmp_code = p->l4[1];
	if (p->l4_len >= 6 && icmp_has_id(p->tuple.proto, p->icmp_type))
		p->tuple.sport = p->tuple.dport = get16(p->l4 + 4);
	set_payload(p, ICMP_HEADER_LEN);
}

static void parse_transport(struct packet *p, struct view v)
{
	if (!v.len)
		return;
	p->l4 = v.p;
	p->l4_len = v.len;
	if (proto_has_ports(p->tuple.proto) && v.len >= 4) {
		p->tuple.sport = get16(v.p);
		p->tuple.dport = get16(v.p + 2);
		p->has_ports = true;
	}
	switch (p->tuple.proto) {
	case IPPROTO_TCP:
		parse_tcp(p);
		break;
	case IPPROTO_UDP:
		parse_udp(p);
		break;
	case IPPROTO_UDPLITE:
		set_payload(p, UDP_HEADER_LEN);
		break;
	case IPPROTO_SCTP:
		parse_sctp(p);
		break;
	case IPPROTO_DCCP:
		parse_dccp(p);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		parse_icmp(p);
		break;
	}
}

static int parse_ipv4(struct packet *p, struct view v)
{
	const uint8_t *h = v.p;
	size_t header_len, total;

	if (v.len < IPV4_HEADER_LEN)
		return -EBADMSG;
	header_len = (size_t)(h[0] & 0xf) * 4;
	if (header_len < IPV4_HEADER_LEN)
		return -EBADMSG;
	p->tuple.family = AF_INET;
	p->tuple.saddr = ipaddr_from_bytes(AF_INET, h + 12);
	p->tuple.daddr = ipaddr_from_bytes(AF_INET, h + 16);
	p->tuple.proto = h[9];
	p->ip_id = get16(h + 4);
	p->fragment = get16(h + 6) & IPV4_OFFSET_MASK;
	total = get16(h + 2);
	if (total) /* 0: larger than the field can say (BIG TCP) */
		cut(&v, total);
	if (skip(&v, header_len) && !p->fragment)
		parse_transport(p, v);
	return 0;
}

/* What the kernel's ipv6_ext_hdr() calls one, but for "no next header".  The
 * rest are protocols with sockets of their own, mobility (135) among them. */
static bool is_extension(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
		return true;
	}
	return false;
}

/* Goes past one extension header; false where the walk ends before the
 * transport header. */
static bool skip_extension(struct packet *p, struct view *v)
{
	uint8_t kind = p->tuple.proto;
	size_t len = 8;

	if (v->len < 8)
		return false;
	if (kind == IPPROTO_AH)
		len = ((size_t)v->p[1] + 2) * 4;
	else if (kind != IPPROTO_FRAGMENT)
		len = ((size_t)v->p[1] + 1) * 8;
	else
		p->fragment = get16(v->p + 2) & IPV6_OFFSET_MASK;
	p->tuple.proto = v->p[0];
	return !p->fragment && skip(v, len);
}

static int parse_ipv6(struct packet *p, struct view v)
{
	const uint8_t *h = v.p;
	size_t payload_len;

	if (!skip(&v, IPV6_HEADER_LEN))
		return -EBADMSG;
	p->tuple.family = AF_INET6;
	p->tuple.saddr = ipaddr_from_bytes(AF_INET6, h + 8);
	p->tuple.daddr = ipaddr_from_bytes(AF_INET6, h + 24);
	p->tuple.proto = h[6];
	payload_len = get16(h + 4);
	if (payload_len) /* 0: a jumbogram */
		cut(&v, payload_len);
	for (int n = 0; is_extension(p->tuple.proto); n++)
		if (n == EXTENSIONS_MAX || !skip_extension(p, &v))
			return 0;
	if (p->tuple.proto != IPPROTO_NONE)
		parse_transport(p, v);
	return 0;
}

int packet_parse(struct packet *p, const void *bytes, size_t caplen, size_t len)
{
	struct view v = {bytes, caplen};
	int err = -EBADMSG;

	*p = (struct packet){0};
	if (len)
		cut(&v, len);
	if (v.len && v.p[0] >> 4 == 4)
		err = parse_ipv4(p, v);
	else if (v.len && v.p[0] >> 4 == 6)
		err = parse_ipv6(p, v);
	if (!err)
		p->len = (uint32_t)(len ? len : caplen);
	return err;
}

static bool is_icmp_error(const struct packet *p)
{
	if (!p->l4)
		return false;
	if (p->tuple.family == AF_INET6)
		return p->tuple.proto == IPPROTO_ICMPV6 &&
		       p->icmp_type >= ICMP6_DST_UNREACH &&
		       p->icmp_type <= ICMP6_PARAM_PROB;
	if (p->tuple.proto != IPPROTO_ICMP)
		return false;
	switch (p->icmp_type) {
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return true;
	}
	return false;
}

int packet_parse_inner(const struct packet *p, struct packet *inner)
{
	int err;

	*inner = (struct packet){0};
	if (!is_icmp_error(p))
		return -ENOMSG;
	err = packet_parse(inner, p->payload, p->payload_len, 0);
	if (!err && inner->tuple.family != p->tuple.family) {
		*inner = (struct packet){0};
		err = -EBADMSG;
	}
	return err;
}

bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint64_t tuple_hash(const struct tuple *t)
{
	return util_hash(t, sizeof(*t));
}

static bool has_syn_ack(const struct packet *p, uint8_t flags)
{
	return p->tuple.proto == IPPROTO_TCP && p->has_ports &&
	       (p->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) == flags;
}

bool packet_is_syn(const struct packet *p)
{
	return has_syn_ack(p, PACKET_TCP_SYN);
}

bool packet_is_syn_ack(const struct packet *p)
{
	return has_syn_ack(p, PACKET_TCP_SYN | PACKET_TCP_ACK);
}

bool packet_is_reset(const struct packet *p)
{
	return p->tuple.proto == IPPROTO_TCP && p->has_ports &&
	       (p->tcp_flags & PACKET_TCP_RST) != 0;
}

bool packet_is_fast_open(const struct packet *p)
{
	size_t at = TCP_HEADER_LEN, end;

	if (p->tuple.proto != IPPROTO_TCP || !(p->tcp_flags & PACKET_TCP_SYN) ||
	    p->l4_len < TCP_HEADER_LEN)
		return false;
	end = (size_t)(p->l4[12] >> 4) * 4;
	if (end > p->l4_len || p->payload == NULL || p->payload_len > 0)
		return true;
	while (at < end && p->l4[at] != TCPOPT_EOL) {
		uint8_t kind = p->l4[at];

		if (kind == TCPOPT_FAST_OPEN || kind == TCPOPT_EXPERIMENT)
			return true;
		if (kind == TCPOPT_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= end || p->l4[at + 1] < 2)
			return true;
		at += p->l4[at + 1];
	}
	return false;
}
