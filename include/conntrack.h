/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conntrack: what connection tracking knows of a packet that has left. */
#ifndef CONNTRACK_H
#define CONNTRACK_H

#include <stdbool.h>

#include "packet.h"

struct conntrack;

/* -EOPNOTSUPP: not built in, or the kernel does not tell; -errno. */
int conntrack_open(struct conntrack **ct);
void conntrack_close(struct conntrack *ct);	/* NULL is fine */
bool conntrack_is_built_in(void);

/*
 * What a packet of these addresses becomes on the wire: both NATs, that of the
 * destination and that of the source.  Only of a connection whose first packet
 * has left; while it is held nothing is known (its entry is not confirmed).
 * -ENOENT: not tracked, or not yet.  One question to the kernel, answered within
 * its own call; zone 0 only.
 */
int conntrack_find_wire(struct conntrack *ct, const struct tuple *own,
			struct tuple *wire);

/*
 * The other way round: what the socket sent of that which is `wire` on its way
 * out.  Right behind DNAT, too, where the source is not rewritten afterwards;
 * else -ENOENT.
 */
int conntrack_find_own(struct conntrack *ct, const struct tuple *wire,
		       struct tuple *own);

#endif
