/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_room: what a packet may take in its socket's send queue. */
#include "sockowner_room.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

/* struct sk_buff and skb_shared_info (SKB_TRUESIZE in include/linux/skbuff.h),
 * rounded up: 576 bytes on 64-bit kernels from 4.9 to 6.18. */
#define SKB_SIZE   256U
#define SKB_SHARED 320U
/* Before the network header there is room for the device's own ones: 31 bytes
 * for Ethernet, more for wireless and tunnels (LL_RESERVED_SPACE; alloc_extra
 * in __ip_append_data), 8 more for IPv6. */
#define SKB_HEADROOM_MAX 151U
#define DEVICE_US	 1000000
/* A head comes from a cache of its own up to some size (Linux 6.3), else in
 * powers of two, from 512 on. */
#define SKB_HEAD_MIN 512U
/* Where that cache's size is not known, its heads may be larger by this. */
#define SKB_CACHE_MORE 192U
/* A datagram that is longer comes in pieces, one for each packet to be. */
#define SKB_PIECE     1480U
#define SKB_PIECE_MAX (SKB_SIZE + 2048U)

/* Of a datagram that is begun (MSG_MORE) and never sent; 0: not to be had. */
static uint32_t measure(const struct sockaddr_storage *to, unsigned ifindex,
			uint32_t len)
{
	static const char zeros[1024];
	uint32_t mem[SK_MEMINFO_VARS] = {0};
	socklen_t size = sizeof(mem);
	int fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if ((ifindex != 0 && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX,
					&ifindex, sizeof(ifindex)) < 0) ||
	    connect(fd, (const void *)to, sizeof(*to)) < 0 ||
	    send(fd, zeros, len, MSG_MORE | MSG_DONTWAIT) != (ssize_t)len ||
	    getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &size) < 0)
		mem[SK_MEMINFO_WMEM_ALLOC] = 0;
	close(fd);
	return mem[SK_MEMINFO_WMEM_ALLOC];
}

void sockowner_rooms_open(struct sockowner_rooms *r)
{
	const struct sockaddr_in localhost = {.sin_family = AF_INET,
					      .sin_port = htons(9),
					      .sin_addr.s_addr =
						      htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage to = {0};

	memcpy(&to, &localhost, sizeof(localhost));
	*r = (struct sockowner_rooms){.small = measure(&to, 0, 1)};
}

/* The longest packet that takes no more than the smallest one leaves no byte of
 * the small head unused. */
static uint32_t measure_headroom(uint32_t small,
				 const struct sockaddr_storage *to,
				 unsigned ifindex)
{
	uint32_t headers = to->ss_family == AF_INET ? 20 + 8 : 40 + 8;
	uint32_t most = small - SKB_SIZE - SKB_SHARED, fits = 1, over;

	if (most <= headers + 1 || measure(to, ifindex, 1) != small)
		return SKB_HEADROOM_MAX;
	for (over = most - headers + 1; over - fits > 1;) {
		uint32_t n = (fits + over) / 2;

		if (measure(to, ifindex, n) == small)
			fits = n;
		else
			over = n;
	}
	return most - headers - fits;
}

/* Of a device that is not known, or not told by a small head: the most. */
static uint32_t find_headroom(struct sockowner_rooms *r,
			      const struct sockaddr_storage *to,
			      unsigned ifindex)
{
	uint64_t now = util_now_us();
	size_t i;

	if (ifindex == 0 || r->small <= SKB_SIZE + SKB_SHARED)
		return SKB_HEADROOM_MAX;
	for (i = 0; i < SOCKOWNER_DEVICES_MAX; i++)
		if (r->devices[i].ifindex == ifindex &&
		    r->devices[i].family == to->ss_family)
			break;
	if (i < SOCKOWNER_DEVICES_MAX && now < r->devices[i].until_us)
		return r->devices[i].headroom;
	if (i == SOCKOWNER_DEVICES_MAX)
		i = r->next++ % SOCKOWNER_DEVICES_MAX;
	r->devices[i].ifindex = ifindex;
	r->devices[i].family = to->ss_family;
	r->devices[i].headroom = measure_headroom(r->small, to, ifindex);
	r->devices[i].until_us = now + DEVICE_US;
	return r->devices[i].headroom;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = SKB_HEAD_MIN;

	while (p < n)
		p *= 2;
	return p;
}

uint32_t sockowner_room(struct sockowner_rooms *r, uint32_t len,
			const struct sockaddr_storage *to, unsigned ifindex)
{
	uint32_t head = len + SKB_SHARED + find_headroom(r, to, ifindex);
	uint32_t room, pieces;

	if (r->small > SKB_SIZE && head <= r->small - SKB_SIZE)
		return r->small;
	room = SKB_SIZE + power_of_two(head);
	pieces = len / SKB_PIECE * SKB_PIECE_MAX;
	if (pieces > room)
		return pieces;
	return r->small != 0 ? room : room + SKB_CACHE_MORE;
}
