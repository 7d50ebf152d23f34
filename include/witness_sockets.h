/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_sockets: who opened and connected which socket, by its cookie. */
#ifndef WITNESS_SOCKETS_H
#define WITNESS_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "packet.h"
#include "witness_record.h"

#define WITNESS_SOCKETS_MAX 8192	/* then the least recent goes */

/* Another queue's reader may have held a packet back before it came to ours. */
#define WITNESS_SOCKETS_BACK_NS 1000000000ULL

struct witness_sockets;

/* -ENOMEM. */
int witness_sockets_open(struct witness_sockets **s);
void witness_sockets_close(struct witness_sockets *s);	/* NULL is fine */

/* One of CREATED, CONNECTED, CLOSED. */
void witness_sockets_add(struct witness_sockets *s,
			 const struct witness_record *r);

/* Who opened that socket: that one never changes. */
bool witness_sockets_creator(const struct witness_sockets *s, uint64_t cookie,
			     struct witness_record *r);

/*
 * Who connected that socket last, if that was to where the packet goes and nobody
 * else ever did.  lost_ns: when a record was last lost (0: never): a later
 * connect(2) may be among them.
 */
bool witness_sockets_connect(const struct witness_sockets *s, uint64_t cookie,
			     const struct tuple *t, uint64_t lost_ns,
			     struct witness_record *r);

/*
 * The cookie of the only socket that can have sent the packet and was closed at
 * since_ns or later; 0: none, several (those that were closed a little earlier
 * count as well), or nobody knows.  Of a datagram only the port counts, a sender
 * may choose its other addresses for each.
 */
uint64_t witness_sockets_closed(const struct witness_sockets *s,
				const struct tuple *t, uint64_t since_ns,
				uint64_t lost_ns);

/* Is it certain that no socket but the one with that cookie, of those closed at
 * since_ns or a little earlier, can have sent the packet? */
bool witness_sockets_is_alone(const struct witness_sockets *s, uint64_t cookie,
			      const struct tuple *t, uint64_t since_ns,
			      uint64_t lost_ns);

#endif
