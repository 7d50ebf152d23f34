/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_room: what a packet may take in its socket's send queue. */
#ifndef SOCKOWNER_ROOM_H
#define SOCKOWNER_ROOM_H

#include <stdint.h>

/* What the kernel charges for the smallest datagram, in bytes; 0: not known. */
uint32_t sockowner_room_measure(void);

/* What a packet of that length is charged to its socket, at most; small is what
 * was measured. */
uint32_t sockowner_room(uint32_t small, uint32_t len);

#endif
