/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_forward: packets of other network namespaces that this one forwards. */
#include "trap_forward.h"

#include <linux/netfilter.h>
#include <string.h>

#include "log.h"
#include "netns.h"
#include "proto.h"
#include "trap_count.h"
#include "util.h"

/* From its send until it is here, through devices, queues and neighbour
 * discovery. */
#define ON_ITS_WAY_US 200000

void trap_forward_find_origin(struct trap *t, const struct inbox_item *item)
{
	memset(&t->origin, 0, sizeof(t->origin));
	if (item->queued.hook == NF_INET_FORWARD && t->cfg.netns != NULL)
		netns_find_origin(t->cfg.netns, &item->packet.tuple.saddr,
				  item->queued.indev, &t->origin);
}

/* One of them sent it, and all of them are watched. */
static bool is_watched(const struct netns_origin *o)
{
	return o->n > 0 && o->sure && o->watched;
}

static bool is_in(const struct netns_origin *o, uint32_t net_ns)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->list[i].inode == net_ns)
			return true;
	return false;
}

/* Where the packet can only be of that one, like packets of others are none of
 * its. */
static uint32_t only_one(const struct netns_origin *o)
{
	return o->shared ? 0 : o->list[0].inode;
}

/* Seen as it was sent by who has not that address: but anybody who is not seen
 * may have sent one like it. */
static bool is_forger(const struct trap *t, const struct witness_record *r)
{
	bool told = r->class == WITNESS_KERNEL ||
		    (r->class == WITNESS_SENDER && r->pid != 0);

	return told && netns_watches_all(t->cfg.netns, r->time_ns / 1000);
}

bool trap_forward_find_record(struct trap *t, const struct inbox_item *item,
			      struct witness_record *r)
{
	const struct netns_origin *o = &t->origin;

	if (!is_watched(o) && !(o->shared && o->n == 0))
		return false;
	if (!witness_find_forwarded(t->cfg.witness, &item->packet,
				    item->received_us, only_one(o), r))
		return false;
	if (is_in(o, r->net_ns))
		return r->time_ns / 1000 >= o->watched_us;
	return is_forger(t, r);
}

enum sockowner_reason trap_forward_doubt(const struct trap *t,
					 uint64_t received_us)
{
	const struct netns_origin *o = &t->origin;

	if (is_watched(o) && received_us >= o->watched_us + ON_ITS_WAY_US)
		return SOCKOWNER_REASON_NO_WITNESS;
	return o->shared && o->n > 0 ? SOCKOWNER_REASON_ORPHANED
				     : SOCKOWNER_REASON_NONE;
}

void trap_forward_aim(const struct trap *t, struct sockowner_query *q)
{
	if (!q->orphaned || t->origin.n != 1 || !t->origin.sure)
		return;
	q->net = t->origin.list[0].id;
	q->ifindex = t->origin.device;
}

bool trap_forward_is_apart(const struct trap *t, const struct catch *c,
			   const struct inbox_item *item)
{
	struct sockowner_query q = {.orphaned = item->queued.hook ==
						NF_INET_FORWARD};

	trap_forward_aim(t, &q);
	return q.orphaned != c->query.orphaned || q.net != c->query.net ||
	       t->doubt != c->doubt;
}

bool trap_forward_is_silent(const struct trap *t, const struct flow *f,
			    const struct packet *p)
{
	if (f->doubted)
		return true;
	return proto_is_connected(p->tuple.proto) && !packet_is_syn(p) &&
	       !t->cfg.answers;
}

static int give_up(struct catch *c, enum sockowner_reason reason)
{
	c->answer.grade = SOCKOWNER_UNKNOWN;
	c->answer.reason = reason;
	return 1;
}

/* Sockets that fit in several namespaces that have the address. */
static int list_twins(struct trap *t, struct catch *c)
{
	const struct netns_origin *o = &t->origin;
	struct sockowner_answer *a = &c->answer, found;
	struct sockowner_query q = c->query;

	for (size_t i = 0; i < o->n; i++) {
		q.net = o->list[i].id;
		if (sockowner_find(t->cfg.sockowner, &q, &found) != 1)
			continue;
		a->ntwins_total++;
		if (a->ntwins < SOCKOWNER_HOLDERS_MAX)
			a->twins[a->ntwins++] = found.socket;
	}
	if (a->ntwins < 2) {
		a->ntwins = a->ntwins_total = 0;
		return give_up(c, SOCKOWNER_REASON_MANY_NETS);
	}
	a->grade = SOCKOWNER_TWINS;
	a->reason = SOCKOWNER_REASON_MANY_SOCKETS;
	return 1;
}

int trap_forward_ask(struct trap *t, struct catch *c)
{
	const struct netns_origin *o = &t->origin;

	if (c->query.net != 0)
		return sockowner_ask(t->cfg.sockowner, &c->query,
				     catch_token(c), &c->answer);
	if (t->cfg.netns == NULL || o->outside)
		return give_up(c, SOCKOWNER_REASON_NO_NET);
	if (o->n > 1)
		return list_twins(t, c);
	if (o->n == 1)
		return give_up(c, SOCKOWNER_REASON_MANY_NETS);
	/* Once only. */
	if (c->state == CATCH_OWNER)
		c->list = netns_refresh(t->cfg.netns);
	if (c->state != CATCH_OWNER || c->list == 0)
		return give_up(c, SOCKOWNER_REASON_NO_NET);
	c->state = CATCH_ORIGIN;
	return 0;
}

/* ------------------------------------------------------------------- waiting
 */

static void resume(struct trap *t, struct catch *c)
{
	int r;

	netns_find_origin(t->cfg.netns, &c->event.tuple.saddr, c->indev,
			  &t->origin);
	trap_forward_aim(t, &c->query);
	c->doubt = trap_forward_doubt(t, c->received_us);
	r = trap_forward_ask(t, c);
	c->state = CATCH_OWNER;
	if (r == 0)
		t->sweeping = true;
	else
		trap_conclude(t, c, r);
}

static void say_blind(struct trap *t)
{
	if (!netns_is_blind(t->cfg.netns) || t->told_blind)
		return;
	t->told_blind = true;
	log_warnx("the helper for other network namespaces has ended, or does "
		  "not "
		  "answer: what new ones send is not known any more");
}

void trap_forward_turn(struct trap *t, unsigned budget_us)
{
	if (t->cfg.netns == NULL)
		return;
	netns_step(t->cfg.netns, util_now_us() + budget_us);
	say_blind(t);
	if (t->listed == netns_listed(t->cfg.netns))
		return;
	t->listed = netns_listed(t->cfg.netns);
	for (uint32_t i = 0; i < CATCH_MAX; i++) {
		struct catch *c = catch_at(t->catches, i);

		if (c != NULL && c->state == CATCH_ORIGIN &&
		    c->list <= t->listed)
			resume(t, c);
	}
}
