/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel_kind: what a packet is that no process sent. */
#ifndef KERNEL_KIND_H
#define KERNEL_KIND_H

#include <stdbool.h>

#include "event.h"
#include "sockowner.h"

/* "rst", "icmp error", ...: what only the kernel sends, by the packet and the
 * state of the socket that was found; a packet with a uid may be a raw socket's.
 * Static; NULL: no such packet. */
const char *kernel_kind_of(const struct event *e,
			   const struct sockowner_answer *a);

/* Is it from no socket that a process has open, by the answer? */
bool kernel_kind_is_nobodys(const struct event *e,
			    const struct sockowner_answer *a);

/* What it is then; static, never NULL. */
const char *kernel_kind_of_nobodys(const struct event *e,
				   const struct sockowner_answer *a);

#endif
