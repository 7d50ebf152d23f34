/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_connect: who connected, where the witness sees sockets and no packets.
 */
#include "trap_connect.h"

#include <netinet/tcp.h>

#include "catch_witness.h"

/* Or in another namespace of this machine. */
static bool is_sent_here(const struct catch *c)
{
	return c->event.direction == EVENT_EGRESS || c->query.net != 0;
}

static bool find_connect(struct witness *w, const struct sockowner_query *q,
			 uint64_t cookie, const struct packet *p,
			 struct witness_record *r)
{
	return q->net != 0 ? witness_find_forwarded_connect(w, cookie, p, r)
			   : witness_find_connect(w, cookie, p, r);
}

bool trap_take_connect(struct trap *t, struct catch *c,
		       const struct inbox_item *item)
{
	struct witness *w = t->cfg.witness;
	struct sockowner_answer found;
	struct witness_record r, creator;
	uint64_t cookie = 0;

	if (w == NULL || witness_sees_packets(w) || !c->query.connecting ||
	    c->doubt != SOCKOWNER_REASON_NONE || !is_sent_here(c) ||
	    packet_is_fast_open(&item->packet))
		return false;
	if (sockowner_find(t->cfg.sockowner, &c->query, &found) == 1) {
		if (found.socket.state != TCP_SYN_SENT || found.rewritten)
			return false;
		cookie = found.socket.cookie;
	} else if (c->unsure || c->query.net != 0 ||
		   found.reason != SOCKOWNER_REASON_NO_SOCKET ||
		   !c->query.has_uid ||
		   !witness_find_creator(w, 0, &item->packet, &creator) ||
		   creator.euid != c->query.uid) {
		return false;
	}
	if (!find_connect(w, &c->query, cookie, &item->packet, &r) ||
	    r.pid == 0)
		return false;
	catch_take_connect(c, &found, &r);
	return true;
}

bool trap_is_anothers_attempt(const struct trap *t, const struct flow *f,
			      const struct sockowner_query *q,
			      const struct packet *p)
{
	struct witness *w = t->cfg.witness;
	struct witness_record r;

	if (w == NULL || witness_sees_packets(w) || !packet_is_syn(p) ||
	    f->grade != SOCKOWNER_PROVED)
		return false;
	return !find_connect(w, q, f->cookie, p, &r) ||
	       !catch_flow_has_connect(f, &r);
}
