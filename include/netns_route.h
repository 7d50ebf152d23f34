/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns_route: what the kernel knows of addresses and devices that lead elsewhere. */
#ifndef NETNS_ROUTE_H
#define NETNS_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "ipaddr.h"
#include "nl.h"

enum netns_link_kind {
	NETNS_LINK_OTHER,	/* several may send through it (a bridge), or it
				 * does not tell */
	NETNS_LINK_PEER,	/* whatever comes from it was sent in, or through,
				 * the network namespace at its other end */
	NETNS_LINK_OUTSIDE,	/* a real one: no namespace of this machine's */
};

struct netns_link {
	enum netns_link_kind kind;
	int32_t nsid;		/* of the peer, as our namespace counts them */
	uint32_t peer;		/* its index there */
	bool port;		/* of a bridge or the like */
};

/* All ask by a NETLINK_ROUTE socket: of the namespace that it was made in. */

/* Is it an address of that namespace's own?  1 yes, 0 no, -errno. */
int netns_route_is_local(struct nl *nl, const struct ipaddr *a);

/* -ENODEV: there is none with that index; -errno. */
int netns_route_read_link(struct nl *nl, uint32_t ifindex,
			  struct netns_link *link);

/* Does that namespace forward IPv6?  1 yes, 0 no, -errno. */
int netns_route_forwards6(struct nl *nl);

/* The number that the namespace of ns_fd has in that of the socket; -ENOENT: it
 * has none; -errno. */
int netns_route_read_id(struct nl *nl, int ns_fd, int32_t *nsid);

/* From now on the socket gets messages when devices come, go or change; read by
 * nobody but netns_route_drain.  -errno. */
int netns_route_watch_links(struct nl *nl);
/* Reads them, as many as there are. */
void netns_route_drain(struct nl *nl);

#endif
