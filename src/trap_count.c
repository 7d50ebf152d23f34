/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_count: what else is held now that a socket may have to answer for. */
#include "trap_count.h"

struct count {
	const struct tuple *of;
	struct sockowner_query *query;
};

static void add(struct count *n, const struct tuple *tuple, bool has_uid,
		unsigned packets, uint32_t bytes)
{
	struct sockowner_query *q = n->query;
	bool same = tuple->proto == n->of->proto;

	/* What the kernel sent itself (an echo's reply, say) is in nobody's. */
	if (q->has_uid && !has_uid)
		return;
	if (same && tuple->sport == n->of->sport) {
		q->held_packets += packets;
		q->held_bytes += bytes;
	}
	if (same) {
		q->wide_packets += packets;
		q->wide_bytes += bytes;
	} else if (tuple->family == n->of->family) {
		q->held_others = true;
	}
}

static void add_item(const struct inbox_item *item, void *data)
{
	add(data, &item->packet.tuple, item->queued.has_uid, 1,
	    item->packet.len);
}

void trap_count_held(const struct trap *t, struct sockowner_query *q,
		     const struct tuple *tuple)
{
	struct count n = {tuple, q};

	q->held_packets = q->wide_packets = 0;
	q->held_bytes = q->wide_bytes = 0;
	q->held_others = false;
	inbox_each(t->inbox, add_item, &n);
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		const struct catch *c = catch_at(t->catches, i);

		if (c != NULL && c->nids > 0)
			add(&n, &c->event.tuple, c->event.has_packet_uid,
			    c->nids, c->held_bytes);
	}
}
