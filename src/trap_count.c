/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_count: what else is held now that a socket may have to answer for. */
#include "trap_count.h"

#include "catch_witness.h"
#include "proto.h"

/* How often what is held is counted where the count does not agree: a sender
 * goes on sending meanwhile. */
#define COUNTS_MAX 3

struct count {
	const struct trap *trap;
	const struct tuple *of;
	struct sockowner_query *query;
};

void trap_add_held(const struct trap *t, struct sockowner_held *held,
		   const struct inbox_item *item)
{
	const struct packet *p = &item->packet;
	unsigned ifindex = item->queued.outdev;
	struct sockaddr_storage to;

	if (item->rewritten || item->unsure || item->queued.indev != 0 ||
	    proto_is_connected(p->tuple.proto))
		ifindex = 0;
	ipaddr_to_sockaddr(&p->tuple.daddr, p->tuple.dport, ifindex, &to);
	sockowner_held_add(t->cfg.sockowner, held, p->len, &to, ifindex);
}

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

	trap_add_held(n->trap, &held, item);
	add(n, &item->packet.tuple, item->queued.has_uid, &held);
}

void trap_count_held(const struct trap *t, struct sockowner_query *q,
		     const struct tuple *tuple)
{
	struct count n = {t, tuple, q};

	/* What was passed and waits for its verdict is in a queue, too, and
	 * would make room there for what another one sent. */
	verdict_flush(t->cfg.verdict);
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

/* The same socket has sent a SYN of another number: it sends that one once
 * more, but no other, unless it was connected anew.  So a raw socket may have.
 * Not where only what is new is told: there it was connected anew. */
static bool is_second_attempt(struct trap *t, const struct catch *c)
{
	const struct sockowner_answer *a = &c->answer;
	const struct flow *f = trap_flow_of(t, c);
	uint64_t cookie = a->has_socket ? a->socket.cookie : 0;

	if (!c->quiet || f == NULL || !f->has_syn || f->tcp_seq == c->tcp_seq)
		return false;
	if (c->by_socket)
		cookie = c->record.cookie;
	return cookie != 0 && cookie == f->cookie &&
	       (!c->by_socket || catch_flow_has_connect(f, &c->record));
}

void trap_look_ahead(struct trap *t, struct catch *c)
{
	if (!c->query.connecting || c->nids == 0)
		return;
	if (!inbox_fill(t->inbox, INBOX_MAX))
		c->hurried = true;
	if (inbox_has_rival(t->inbox, &c->event.packet) ||
	    is_second_attempt(t, c))
		c->rival = true;
}

void trap_conclude(struct trap *t, struct catch *c, int r)
{
	if (r < 0) {
		c->answer.grade = SOCKOWNER_UNKNOWN;
		c->answer.reason = SOCKOWNER_REASON_SYSTEM;
		c->answer.error = -r;
	}
	trap_look_ahead(t, c);
	trap_judge(t, c);
}

/* All that is on its way from that port must be in that socket's send queue,
 * and nothing else. */
static bool is_accounted_for(struct trap *t, struct catch *c)
{
	struct sockowner_query q = c->query;

	if (!inbox_fill(t->inbox, INBOX_MAX))
		c->hurried = true;
	trap_count_held(t, &q, &c->event.tuple);
	q.held_all = true;
	return sockowner_recheck(t->cfg.sockowner, &q, &c->answer.socket) == 1;
}

/* Still more may come while we count. */
void trap_doubt_datagram(struct trap *t, struct catch *c)
{
	const struct sockowner_query *q = &c->query;

	if ((proto_is_connected(q->protocol) && !q->fragment) || q->listener ||
	    q->orphaned || c->nids == 0 || !c->answer.has_socket)
		return;
	for (int i = 0; i < COUNTS_MAX; i++)
		if (is_accounted_for(t, c))
			return;
	c->answer.grade = SOCKOWNER_UNKNOWN;
	c->answer.reason = SOCKOWNER_REASON_NOT_QUEUED;
}
