/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_query: the DNS questions that a packet asks. */
#include "dns_query.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

void dns_query_begin(struct dns_query *d, const struct packet *p)
{
	const struct tuple *t = &p->tuple;

	*d = (struct dns_query){0};
	if (t->proto != IPPROTO_UDP || !p->has_ports ||
	    t->dport != DNS_QUERY_PORT)
		return;
	d->bytes = p->payload;
	d->len = p->payload_len;
}

bool dns_query_next(struct dns_query *d, struct dns_question *q)
{
	int err = dns_parse_query(d->bytes, d->len, q);

	d->len = 0;
	return err == 0;
}

uint64_t dns_query_hash(const struct dns_question *q)
{
	return util_hash(q->name, strlen(q->name)) ^ q->type;
}
