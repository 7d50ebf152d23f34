/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_forward: packets of other network namespaces that this one forwards. */
#ifndef TRAP_FORWARD_H
#define TRAP_FORWARD_H

#include <stdbool.h>

#include "catch.h"
#include "inbox.h"
#include "trap_judge.h"

/* Before all else of each packet: whose it can be (t->origin). */
void trap_forward_find_origin(struct trap *t, const struct inbox_item *item);

/* The record of the packet, if it was seen as it was sent: in a namespace that
 * has its address, or in another one, which has lied then. */
bool trap_forward_find_record(struct trap *t, const struct inbox_item *item,
			      struct witness_record *r);

/* Without a record: why the socket that has the packet's addresses need not have
 * sent it.  NONE: nobody else can have. */
enum sockowner_reason trap_forward_doubt(const struct trap *t,
					 uint64_t received_us);

/* The question is for that namespace then, of which the packet is; it stays as it
 * is where that is not known, or the packet is not forwarded. */
void trap_forward_aim(const struct trap *t, struct sockowner_query *q);

/* The packet has the catch's tuple, and is not of the same namespace, or not known
 * to be as the other is. */
bool trap_forward_is_apart(const struct trap *t, const struct catch *c,
			   const struct inbox_item *item);

/* A packet in doubt, of a flow that was told with a name: only the first of them
 * is told, and of a connection only what begins one. */
bool trap_forward_is_silent(const struct trap *t, const struct flow *f,
			    const struct packet *p);

/* As sockowner_ask.  0: for a sweep, or in state CATCH_ORIGIN for a newer list of
 * namespaces. */
int trap_forward_ask(struct trap *t, struct catch *c);

/* Goes on with the list, and with those that wait for it. */
void trap_forward_turn(struct trap *t, unsigned budget_us);

#endif
