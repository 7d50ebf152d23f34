/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_count: what else is held now that a socket may have to answer for. */
#ifndef TRAP_COUNT_H
#define TRAP_COUNT_H

#include "inbox.h"
#include "packet.h"
#include "sockowner.h"
#include "trap_judge.h"

/* One more packet is held, or will be. */
void trap_add_held(const struct trap *t, struct sockowner_held *held,
		   const struct inbox_item *item);

/*
 * Datagrams from the tuple's port or echo id that are held now, those not worked
 * on yet among them: all must be in the send queue of the socket that is named
 * for one of them.  Else a socket that is gone sent some, and nobody knows which.
 * For a raw socket, which has neither port nor id: all of that protocol, and
 * whether there are others.  Sets the query's held and wide members.
 */
void trap_count_held(const struct trap *t, struct sockowner_query *q,
		     const struct tuple *tuple);

/* Of an answer that took time: more datagrams of that port may have come than were
 * known when it was asked for.  Weakens it where they are not all the socket's. */
void trap_doubt_datagram(struct trap *t, struct catch *c);

/* Before a connection attempt is given a name: has another one of its tuple come
 * meanwhile, or of its socket before?  Where not all could be read, nobody knows.
 * Sets rival, hurried. */
void trap_look_ahead(struct trap *t, struct catch *c);

/* Its owner was asked for, with that result: 1, the answer is there, or -errno,
 * which is the answer then.  Judged after a look ahead. */
void trap_conclude(struct trap *t, struct catch *c, int r);

#endif
