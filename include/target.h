/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target: what the user wants to catch, from text to addresses and ports. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipaddr.h"
#include "packet.h"

#define TARGET_NETS_MAX 64	/* addresses of one host name */
#define TARGET_HOST_MAX 254

struct target {
	int proto;			/* PROTO_ANY or a number */
	char host[TARGET_HOST_MAX];	/* set while a name is not resolved */
	struct ipnet nets[TARGET_NETS_MAX];
	size_t nnets;			/* 0 with no host: any address */
	uint16_t port_low, port_high;	/* both 0: any port */
};

/* Where and why a text was refused; msg is static. */
struct target_error {
	size_t pos;			/* byte offset in the text */
	const char *msg;
};

/*
 * ADDR, ADDR/LEN, :PORT, ADDR:PORT, ADDR:LOW-HIGH, [V6]:PORT, HOST, HOST:PORT,
 * any.  A bare IPv6 address needs no brackets, and ::1:80 is one.  ::ffff:A.B.C.D
 * is A.B.C.D, as its packets are.  Ports need a protocol that has
 * them, or PROTO_ANY.  -EINVAL with *err.
 */
int target_parse(const char *text, int proto, struct target *t,
		 struct target_error *err);

/*
 * The address and the port of the old spelling (-i, -p), either may be NULL for
 * any.  Each sets its own fields of a target whose proto is set already.
 */
int target_parse_address(const char *text, struct target *t,
			 struct target_error *err);
int target_parse_ports(const char *text, struct target *t,
		       struct target_error *err);

/* Asks the name service for t->host (may block, may send packets: before the
 * rules are there).  Returns 0 and t->host is empty, or getaddrinfo's error
 * (gai_strerror; EAI_OVERFLOW: more than TARGET_NETS_MAX addresses). */
int target_resolve(struct target *t);

/* The target in the command line's own words: "udp 192.168.1.1:53"; no protocol
 * for PROTO_ANY; a resolved host is its addresses, with commas. */
void target_format(const struct target *t, char *buf, size_t size);

/* Does the packet's destination fit? */
bool target_match(const struct target *t, const struct packet *p);

#endif
