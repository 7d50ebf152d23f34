/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_query: the DNS questions that a packet asks. */
#include "dns_query.h"

#include <netinet/in.h>

#include "util.h"

void dns_query_begin(struct dns_query *d, const struct packet *p, bool any_port)
{
	const struct tuple *t = &p->tuple;

	*d = (struct dns_query){0};
	if ((t->proto != IPPROTO_UDP && t->proto != IPPROTO_TCP) ||
	    !p->has_ports || (t->dport != DNS_QUERY_PORT && !any_port))
		return;
	d->stream = t->proto == IPPROTO_TCP;
	d->bytes = p->payload;
	d->len = p->payload_len;
}

bool dns_query_next(struct dns_query *d, struct dns_question *q)
{
	size_t used = d->len;
	int err = d->stream ? dns_parse_stream(d->bytes, d->len, q, &used)
			    : dns_parse_query(d->bytes, d->len, q);

	/* Behind what is no question nothing can be told apart. */
	if (err < 0) {
		d->len = 0;
		return false;
	}
	d->bytes += used;
	d->len -= used;
	return true;
}

bool dns_query_match(const struct packet *p, const struct dns_pattern *names,
		     size_t n)
{
	struct dns_question q;
	struct dns_query d;

	dns_query_begin(&d, p, true);
	while (dns_query_next(&d, &q))
		for (size_t i = 0; i < n; i++)
			if (dns_pattern_match(&names[i], q.name))
				return true;
	return false;
}

uint64_t dns_query_hash(const struct dns_question *q)
{
	char name[DNS_NAME_MAX];
	size_t n = 0;

	/* Not tolower(): a locale may know more letters. */
	for (; q->name[n] != '\0'; n++) {
		name[n] = q->name[n];
		if (name[n] >= 'A' && name[n] <= 'Z')
			name[n] = (char)(name[n] | 0x20);
	}
	return util_hash(name, n) ^ q->type;
}
