/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_query: the DNS questions that a packet asks. */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns.h"
#include "dns_pattern.h"
#include "packet.h"

#define DNS_QUERY_PORT 53

/* A packet's payload while it is read; a view. */
struct dns_query {
	const uint8_t *bytes;
	size_t len;
	bool stream;	/* TCP: each message has its length before it */
};

/* Of a datagram or segment to port 53, or where any port may be DNS; of any other
 * packet there is nothing to read.  A question that is split between segments is
 * not put together. */
void dns_query_begin(struct dns_query *d, const struct packet *p,
		     bool any_port);

/* The next question; false: no more. */
bool dns_query_next(struct dns_query *d, struct dns_question *q);

/* Does it ask, at any port, for one of these names? */
bool dns_query_match(const struct packet *p, const struct dns_pattern *names,
		     size_t n);

/* The same for the same name and type; resolvers play with the case of letters
 * (0x20), which says nothing. */
uint64_t dns_query_hash(const struct dns_question *q);

#endif
