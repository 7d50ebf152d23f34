/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event: making an event empty, and its words. */
#include "event.h"

#include <stdio.h>
#include <string.h>

/* The questions and the pool's memory stay as they are: their counts guard
 * them, and they are most of the bytes. */
void event_reset(struct event *e)
{
	memset(e, 0, offsetof(struct event, questions));
	memset(&e->nquestions, 0,
	       offsetof(struct event, pool) -
		       offsetof(struct event, nquestions));
	strpool_init(&e->pool, e->pool_mem, sizeof(e->pool_mem));
}

const char *event_stub_target(const struct event *e, char buf[EVENT_STUB_MAX])
{
	char addr[IPADDR_TEXT_MAX];

	snprintf(buf, EVENT_STUB_MAX,
		 e->stub.family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		 ipaddr_format(&e->stub, addr), EVENT_STUB_PORT);
	return buf;
}

const char *event_action_name(enum event_action a)
{
	switch (a) {
	case EVENT_RELEASED:
		return "released";
	case EVENT_DROPPED:
		return "dropped";
	case EVENT_REJECTED:
		return "rejected";
	}
	return "unknown";
}

const char *event_direction_name(enum event_direction d)
{
	switch (d) {
	case EVENT_EGRESS:
		return "egress";
	case EVENT_INGRESS:
		return "ingress";
	case EVENT_FORWARD:
		return "forward";
	}
	return "unknown";
}

bool event_has_other_source(const struct event *e)
{
	return e->has_nat && (!ipaddr_equal(&e->wire.saddr, &e->tuple.saddr) ||
			      e->wire.sport != e->tuple.sport);
}

bool event_has_other_destination(const struct event *e)
{
	return e->has_nat && (!ipaddr_equal(&e->wire.daddr, &e->tuple.daddr) ||
			      e->wire.dport != e->tuple.dport);
}
