/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch_nat: what NAT makes of a caught packet, and had made of it before. */
#include "catch_nat.h"

#include <errno.h>

#include "ct_tuple.h"

/* The packet was found as `seen`, and sent as `own`. */
static void set_own(struct event *e, const struct tuple *own,
		    const struct tuple *seen)
{
	e->tuple = e->packet.tuple = *own;
	e->wire = *seen;
	e->has_nat = !tuple_equal(own, seen);
}

/* The addresses of the socket that was found by the local one alone. */
static bool get_socket_tuple(const struct catch *c, struct tuple *own)
{
	const struct sockowner_answer *a = &c->answer;

	*own = c->key;
	return a->has_socket && a->rewritten &&
	       ipaddr_from_sockaddr((const struct sockaddr *)&a->remote,
				    &own->daddr, &own->dport) == 0;
}

void catch_undo_nat(struct catch *c)
{
	struct tuple own;

	if (catch_names_one(c) && get_socket_tuple(c, &own))
		set_own(&c->event, &own, &c->key);
}

/* The wrong socket: nobody is named. */
static void doubt(struct event *e, const struct users *users)
{
	e->grade = SOCKOWNER_UNKNOWN;
	e->reason = SOCKOWNER_REASON_REWRITTEN;
	e->has_process = e->has_socket = e->alive = false;
	e->user = e->has_packet_uid ? users_find(users, e->packet_uid) : NULL;
	e->nholders = e->nholders_total = 0;
	e->lineage.n = 0;
}

static bool has_destination(const struct tuple *t, const struct tuple *other)
{
	return t->dport == other->dport &&
	       ipaddr_equal(&t->daddr, &other->daddr);
}

/* What the packet was before it was rewritten.  -ENOENT: it shows neither by
 * where its answers come to (the source is rewritten, too), nor by what became
 * of the socket that was found; -ESTALE: that one has sent something else. */
static int find_own(const struct catch *c, struct conntrack *ct,
		    struct tuple *own)
{
	const struct tuple *seen = &c->key;
	struct tuple sent, wire;
	bool found = get_socket_tuple(c, &sent);

	if (conntrack_find_own(ct, seen, own) == 0 &&
	    (tuple_equal(own, seen) || ct_tuple_is_rewritten(seen, own)))
		return found && !tuple_equal(own, &sent) ? -ESTALE : 0;
	if (!found || conntrack_find_wire(ct, &sent, &wire) < 0)
		return -ENOENT;
	*own = sent;
	return has_destination(&wire, seen) ? 0 : -ESTALE;
}

/* Who was found by the local address alone is named only if it shows now that
 * it was its packet: another one may have had the port before. */
static void settle(struct catch *c, struct conntrack *ct,
		   const struct users *users)
{
	struct event *e = &c->event;
	struct tuple own;
	int err = ct != NULL ? find_own(c, ct, &own) : -ENOENT;

	if (err == 0) {
		set_own(e, &own, &c->key);
	} else if (c->answer.rewritten && catch_names_one(c)) {
		doubt(e, users);
		set_own(e, &c->key, &c->key);
	}
}

void catch_find_wire(struct catch *c, struct conntrack *ct,
		     const struct users *users)
{
	struct event *e = &c->event;
	struct tuple wire;

	if (c->unsure)
		settle(c, ct, users);
	if (ct == NULL || e->direction == EVENT_INGRESS ||
	    conntrack_find_wire(ct, &e->tuple, &wire) < 0)
		return;
	e->wire = wire;
	e->has_nat = !tuple_equal(&wire, &e->tuple);
}
