/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_count: what else is held now that a socket may have to answer for. */
#include "trap_count.h"

struct count {
	const struct trap *trap;
	const struct tuple *of;
	struct sockowner_query *query;
};

static void add(struct count *n, const struct tuple *tuple, bool has_uid,
		const struct sockowner_held *held)
{
	struct sockowner_query *q = n->query;
	bool same = tuple->proto == n->of->proto;

	/* What the kernel sent itself (an echo's reply, say) is in nobody's. */
	if (q->has_uid && !has_uid)
		return;
	if (same && tuple->sport == n->of->sport)
		sockowner_held_join(&q->held, held);
	if (same)
		sockowner_held_join(&q->wide, held);
	else if (tuple->family == n->of->family)
		q->held_others = true;
}

static void add_item(const struct inbox_item *item, void *data)
{
	struct sockowner_held held = {0};
	struct count *n = data;

	sockowner_held_add(n->trap->cfg.sockowner, &held, item->packet.len);
	add(n, &item->packet.tuple, item->queued.has_uid, &held);
}

void trap_count_held(const struct trap *t, struct sockowner_query *q,
		     const struct tuple *tuple)
{
	struct count n = {t, tuple, q};

	q->held = q->wide = (struct sockowner_held){0};
	q->held_others = false;
	inbox_each(t->inbox, add_item, &n);
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		const struct catch *c = catch_at(t->catches, i);

		if (c != NULL && c->nids > 0)
			add(&n, &c->event.tuple, c->event.has_packet_uid,
			    &c->held);
	}
}

void trap_look_ahead(struct trap *t, struct catch *c)
{
	if (!c->query.connecting || c->nids == 0)
		return;
	if (!inbox_fill(t->inbox, INBOX_MAX))
		c->hurried = true;
	if (inbox_has_rival(t->inbox, &c->event.packet))
		c->rival = true;
}
