/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_raw: ping and raw sockets that may have sent a packet. */
#include "sockowner_raw.h"

#include <errno.h>
#include <netinet/in.h>

bool sockowner_raw_sends(const struct sockowner_query *q)
{
	return q->fragment ||
	       !(sockdiag_is_connected(q->protocol) ||
		 q->protocol == IPPROTO_UDP || q->protocol == IPPROTO_UDPLITE);
}

/* IPPROTO_RAW has any protocol in its headers, IP_HDRINCL on another one, too
 * (raw_send_hdrinc in net/ipv4/raw.c); who can have that is not always told. */
static bool may_send(const struct sockdiag_row *row,
		     const struct sockowner_query *q)
{
	return (row->wqueue > 0 || q->orphaned) &&
	       (row->local_port == q->protocol || !row->payload_only);
}

static size_t keep_raw(struct sockdiag_row *rows, size_t n,
		       const struct sockowner_query *q)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (may_send(&rows[i], q))
			rows[kept++] = rows[i];
	return kept;
}

/* The kernel writes the socket's id into each echo request. */
static size_t keep_pings(struct sockdiag_row *rows, size_t n, uint16_t id)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (rows[i].local_port == id)
			rows[kept++] = rows[i];
	return kept;
}

static bool is_icmp(const struct sockowner_query *q, bool ipv6)
{
	return !q->fragment &&
	       q->protocol == (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

int sockowner_raw_find(const struct sockraw *sr, struct sockdiag *sd,
		       const struct sockowner_query *q,
		       const struct sockdiag_query *d,
		       struct sockdiag_row *rows, size_t max)
{
	bool ipv6 = d->local.family == AF_INET6;
	int n = sockdiag_find_raw(sd, d->local.family, rows, max), pings;
	size_t kept;

	if (n == -EOPNOTSUPP)
		n = sockraw_read(sr, ipv6 ? SOCKRAW_RAW6 : SOCKRAW_RAW, rows,
				 max);
	if (n < 0 || (size_t)n > max)
		return n;
	kept = keep_raw(rows, (size_t)n, q);
	if (!is_icmp(q, ipv6))
		return (int)kept;
	pings = sockraw_read(sr, ipv6 ? SOCKRAW_ICMP6 : SOCKRAW_ICMP,
			     rows + kept, max - kept);
	/* A kernel may have no ping sockets. */
	if (pings == -EOPNOTSUPP)
		return (int)kept;
	if (pings < 0 || (size_t)pings > max - kept)
		return pings < 0 ? pings : (int)max + 1;
	return (int)(kept +
		     keep_pings(rows + kept, (size_t)pings, d->local_port));
}

bool sockowner_raw_is_told_apart(const struct sockowner_query *q,
				 const struct sockdiag_row *row)
{
	return !row->raw || row->local_port == q->protocol || !q->held_others;
}
