/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_query: the DNS questions that a packet asks. */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns.h"
#include "packet.h"

#define DNS_QUERY_PORT 53

/* A packet's payload while it is read; a view. */
struct dns_query {
	const uint8_t *bytes;
	size_t len;
};

/* Of a packet to port 53; of any other one there is nothing to read. */
void dns_query_begin(struct dns_query *d, const struct packet *p);

/* The next question; false: no more. */
bool dns_query_next(struct dns_query *d, struct dns_question *q);

/* The same for the same name and type. */
uint64_t dns_query_hash(const struct dns_question *q);

#endif
