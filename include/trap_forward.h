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

/* The record of the packet, if it was seen in the only namespace that it can be
 * of. */
bool trap_forward_find_record(struct trap *t, const struct inbox_item *item,
			      struct witness_record *r);

/* The question is for that namespace then, of which the packet is; it stays as it
 * is where that is not known. */
void trap_forward_aim(const struct trap *t, struct sockowner_query *q);

/* As sockowner_ask.  0: for a sweep, or in state CATCH_ORIGIN for a newer list of
 * namespaces. */
int trap_forward_ask(struct trap *t, struct catch *c);

/* Goes on with the list, and with those that wait for it. */
void trap_forward_turn(struct trap *t, unsigned budget_us);

#endif
