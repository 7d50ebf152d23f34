/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet: the bytes of an IP packet turned into a tuple, with checked views. */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipaddr.h"

enum packet_tcp_flag {		/* as in the header, RFC 9293 */
	PACKET_TCP_FIN = 0x01,
	PACKET_TCP_SYN = 0x02,
	PACKET_TCP_RST = 0x04,
	PACKET_TCP_PSH = 0x08,
	PACKET_TCP_ACK = 0x10,
};

/* Who talks to whom.  Without padding surprises: make it with = {0} and fill
 * it, then two of them compare and hash as bytes. */
struct tuple {
	struct ipaddr saddr, daddr;
	uint16_t sport, dport;	/* host order; ICMP: the id in both, else 0 */
	uint8_t family;		/* AF_INET, AF_INET6 */
	uint8_t proto;		/* the final header's protocol */
};

struct packet {
	struct tuple tuple;
	uint32_t len;		/* on the wire, headers included */
	uint16_t ip_id;		/* IPv4 only */
	uint8_t icmp_type, icmp_code;
	uint8_t message;	/* SCTP: the first chunk's type; DCCP: the packet's */
	uint8_t tcp_flags;
	uint32_t tcp_seq;
	bool has_ports;		/* false: first fragment absent, cut short, or
				 * a protocol without (ICMP with an id too) */
	bool fragment;		/* a fragment other than the first: no l4 */
	const uint8_t *l4;	/* view: the transport header on, */
	size_t l4_len;		/* as far as it was copied */
	const uint8_t *payload;	/* view: behind the transport header, NULL if
				 * that is cut short or lies about its length */
	size_t payload_len;
};

/*
 * bytes/caplen is what was copied, len the true length (0: as caplen).  Walks
 * IPv6 extension headers (at most 16).  Views point into bytes.  Returns 0 with
 * whatever is there (has_ports tells), or -EBADMSG for what is no IP packet at
 * all (*p then holds zeros).
 */
int packet_parse(struct packet *p, const void *bytes, size_t caplen,
		 size_t len);

/* The packet that an ICMP or ICMPv6 error is about (p is parsed already).
 * -ENOMSG: not an error message.  inner->len is what the error quotes. */
int packet_parse_inner(const struct packet *p, struct packet *inner);

/* TCP: the first segment of a connection; the answer to it; a reset. */
bool packet_is_syn(const struct packet *p);
bool packet_is_syn_ack(const struct packet *p);
bool packet_is_reset(const struct packet *p);
/* A SYN with data or with a Fast Open cookie (RFC 7413, or by the experimental
 * option of RFC 6994), or one whose options are cut short: it may go out with the
 * first write, not in connect(2).  Reads p->l4. */
bool packet_is_fast_open(const struct packet *p);

bool tuple_equal(const struct tuple *a, const struct tuple *b);
uint64_t tuple_hash(const struct tuple *t);

#endif
