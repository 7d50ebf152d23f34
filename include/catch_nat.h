/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch_nat: what NAT makes of a caught packet, and had made of it before. */
#ifndef CATCH_NAT_H
#define CATCH_NAT_H

#include "catch.h"
#include "conntrack.h"
#include "users.h"

/* The answer's socket is connected to somewhere else than the packet says: the
 * event has the socket's addresses. */
void catch_undo_nat(struct catch *c);

/* After the packet's release: what it has become on the wire; and where nobody
 * knew before whether its destination was rewritten, what it was.  Who was found
 * by the local address alone is named only if this shows that it was the one.
 * ct may be NULL. */
void catch_find_wire(struct catch *c, struct conntrack *ct,
		     const struct users *users);

#endif
