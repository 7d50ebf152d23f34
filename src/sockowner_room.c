/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_room: what a packet may take in its socket's send queue. */
#include "sockowner_room.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* struct sk_buff and skb_shared_info (SKB_TRUESIZE in include/linux/skbuff.h),
 * rounded up: 576 bytes on 64-bit kernels from 4.9 to 6.18. */
#define SKB_SIZE   256U
#define SKB_SHARED 320U
/* Before the network header there is room for the device's own ones: 31 bytes
 * for Ethernet, more for wireless and tunnels (LL_RESERVED_SPACE; alloc_extra
 * in __ip_append_data). */
#define SKB_HEADROOM_MAX 143U
/* A head comes from a cache of its own up to some size (Linux 6.3), else in
 * powers of two, from 512 on. */
#define SKB_HEAD_MIN 512U
/* Where that cache's size is not known, its heads may be larger by this. */
#define SKB_CACHE_MORE 192U
/* A datagram that is longer comes in pieces, one for each packet to be. */
#define SKB_PIECE     1480U
#define SKB_PIECE_MAX (SKB_SIZE + 2048U)

/* Of one that is begun (MSG_MORE) and never sent. */
uint32_t sockowner_room_measure(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t mem[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(mem);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return 0;
	if (connect(fd, (const void *)&to, sizeof(to)) < 0 ||
	    send(fd, "", 1, MSG_MORE | MSG_DONTWAIT) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len) < 0)
		mem[SK_MEMINFO_WMEM_ALLOC] = 0;
	close(fd);
	return mem[SK_MEMINFO_WMEM_ALLOC];
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = SKB_HEAD_MIN;

	while (p < n)
		p *= 2;
	return p;
}

uint32_t sockowner_room(uint32_t small, uint32_t len)
{
	uint32_t head = len + SKB_HEADROOM_MAX + SKB_SHARED, room, pieces;

	if (small > SKB_SIZE && head <= small - SKB_SIZE)
		return small;
	room = SKB_SIZE + power_of_two(head);
	pieces = len / SKB_PIECE * SKB_PIECE_MAX;
	if (pieces > room)
		return pieces;
	return small != 0 ? room : room + SKB_CACHE_MORE;
}
