/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_connect: who connected, where the witness sees sockets and no packets. */
#ifndef TRAP_CONNECT_H
#define TRAP_CONNECT_H

#include <stdbool.h>

#include "catch.h"
#include "flow.h"
#include "inbox.h"
#include "packet.h"
#include "trap_judge.h"

/*
 * A connection's first packet: who connected its socket becomes the answer.  A
 * socket that is gone must be the only one that had these addresses, and the
 * packet's user the one who opened it.  A raw socket of the same user may have
 * forged the packet while that one was connecting.
 */
bool trap_take_connect(struct trap *t, struct catch *c,
		       const struct inbox_item *item);

/* The same socket, disconnected and connected anew by another process, has the
 * same addresses: that is no SYN sent once more. */
bool trap_is_anothers_attempt(const struct trap *t, const struct flow *f,
			      const struct sockowner_query *q,
			      const struct packet *p);

#endif
