/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_raw: ping and raw sockets that may have sent a packet. */
#ifndef SOCKOWNER_RAW_H
#define SOCKOWNER_RAW_H

#include <stdbool.h>
#include <stddef.h>

#include "sockdiag.h"
#include "sockowner.h"
#include "sockraw.h"

/* Is it for these to send, and for no socket with ports? */
bool sockowner_raw_sends(const struct sockowner_query *q);

/*
 * Those that may have sent the packet: raw sockets that have something in their
 * send queue (the packet is charged to it while it is held; nothing else ties a
 * raw socket to a packet), of the packet's protocol or free to write any header;
 * and for ICMP the ping sockets with its echo id.  Returns how many, the first
 * max of them in rows; -EOPNOTSUPP: the kernel tells of none; -errno.
 */
int sockowner_raw_find(const struct sockraw *sr, struct sockdiag *sd,
		       const struct sockowner_query *q,
		       const struct sockdiag_query *d,
		       struct sockdiag_row *rows, size_t max);

/* Can the only one that was found have sent more than the packet asked about,
 * or others than it did?  Then its queue says nothing of this one. */
bool sockowner_raw_is_told_apart(const struct sockowner_query *q,
				 const struct sockdiag_row *row);

#endif
