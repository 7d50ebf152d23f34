/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_room: what a packet may take in its socket's send queue. */
#ifndef SOCKOWNER_ROOM_H
#define SOCKOWNER_ROOM_H

#include <stdint.h>
#include <sys/socket.h>

#define SOCKOWNER_DEVICES_MAX 8

/* What was measured; by sockets of our own, which send nothing. */
struct sockowner_rooms {
	uint32_t small; /* charged for the smallest datagram, in bytes; 0: not known */
	struct {
		unsigned ifindex;
		sa_family_t family;
		uint32_t headroom; /* bytes before the network header, at most */
		uint64_t until_us; /* ports of a bridge, say, may change it */
	} devices[SOCKOWNER_DEVICES_MAX];
	unsigned next;
};

void sockowner_rooms_open(struct sockowner_rooms *r);

/* What a packet of that length, to there and by that device (0: not known), is
 * charged to its socket, at most. */
uint32_t sockowner_room(struct sockowner_rooms *r, uint32_t len,
			const struct sockaddr_storage *to, unsigned ifindex);

#endif
