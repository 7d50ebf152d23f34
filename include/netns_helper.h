/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns_helper: a process of ours that enters other network namespaces. */
#ifndef NETNS_HELPER_H
#define NETNS_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

#define NETNS_HELPER_TABLES 4
#define NETNS_HELPER_LINKS  2

/*
 * What is made in a network namespace stays there: a socket asks that one, and a
 * BPF link is attached to it, whoever has them.  So a helper makes them and hands
 * them over, and this process, which never leaves its own, may drop the
 * capability to do so (CAP_SYS_ADMIN).  Between two questions the helper is back
 * in its own, too, so that it keeps none alive.
 */
struct netns_helper;

struct netns_sockets {
	int diag, route;	/* NETLINK_SOCK_DIAG, NETLINK_ROUTE; not bound */
	int tables[NETNS_HELPER_TABLES];	/* /proc/net/icmp, icmp6, raw, raw6;
						 * -1: not there */
};

/* Before there are threads, or anything open that is not for it: it keeps no
 * descriptor but its own end.  It ends with us.  -errno. */
int netns_helper_open(struct netns_helper **h);
void netns_helper_close(struct netns_helper *h);	/* NULL is fine */

pid_t netns_helper_pid(const struct netns_helper *h);
/* Readable when it has ended. */
int netns_helper_fd(const struct netns_helper *h);

/* It has not answered, was killed for that, and is not asked again. */
bool netns_helper_is_lost(const struct netns_helper *h);

/* ns_fd is an open /proc/PID/ns/net.  Some ten microseconds.  -EPERM: the
 * namespace is not ours to enter; -EPIPE: the helper has ended, or has not
 * answered for a second; other -errno. */
int netns_helper_enter(struct netns_helper *h, int ns_fd,
		       struct netns_sockets *s);

/* witness_hook_attach there: how many links, or -errno; those that are not there
 * are -1. */
int netns_helper_attach(struct netns_helper *h, int ns_fd, int prog_fd,
			int links[NETNS_HELPER_LINKS]);

#endif
