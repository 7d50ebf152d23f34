/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch_about: the flow that a caught ICMP error is about, and whose that is.
 */
#include "catch_about.h"

#include <string.h>

void catch_set_about(struct catch *c, const struct packet *p)
{
	struct event_about *about = &c->event.about;
	struct packet inner;

	if (packet_parse_inner(p, &inner) < 0)
		return;
	about->known = true;
	about->tuple = inner.tuple;
	about->has_ports = inner.has_ports;
	about->grade = SOCKOWNER_UNKNOWN;
}

bool catch_ask_about(const struct catch *c, struct sockowner_query *q)
{
	const struct event *e = &c->event;
	const struct tuple *t = &e->about.tuple;
	bool in = e->direction == EVENT_INGRESS;

	if (!e->about.known || c->late || e->direction == EVENT_FORWARD ||
	    (!in && e->grade != SOCKOWNER_KERNEL))
		return false;
	*q = (struct sockowner_query){.protocol = t->proto, .listener = true};
	ipaddr_to_sockaddr(&t->saddr, t->sport, c->query.ifindex,
			   in ? &q->local : &q->remote);
	ipaddr_to_sockaddr(&t->daddr, t->dport, c->query.ifindex,
			   in ? &q->remote : &q->local);
	return true;
}

void catch_take_about(struct catch *c, const struct sockowner_answer *a)
{
	struct event_about *about = &c->event.about;

	about->asked = true;
	about->grade = a->grade;
	about->reason = a->reason;
	about->nholders_total = a->nholders_total;
	for (size_t i = 0; i < a->nholders; i++)
		if (about->nholders < EVENT_ABOUT_MAX &&
		    catch_read_holder(&a->holders[i], &c->event.pool,
				      &about->holders[about->nholders]))
			about->nholders++;
}

bool catch_hash_about(const struct catch *c, uint64_t *hash)
{
	const struct event_about *about = &c->event.about;

	*hash = about->known ? tuple_hash(&about->tuple) : 0;
	return about->known;
}
