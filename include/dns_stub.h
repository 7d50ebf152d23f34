/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_stub: does a process that asks DNS questions answer them, too? */
#ifndef DNS_STUB_H
#define DNS_STUB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipaddr.h"

#define DNS_STUB_PORT 53

/*
 * A resolver that serves others, on this machine or elsewhere: it asks for them,
 * and who they are only a look at its own address can tell.  What makes it one
 * is a UDP socket of its own that is bound to port 53 and has no peer, in the
 * network namespace of who opened this; never its name.
 */
struct dns_stub;

/* proc_rootfd is borrowed.  -errno. */
int dns_stub_open(struct dns_stub **s, int proc_rootfd);
void dns_stub_close(struct dns_stub *s);

/*
 * True: it is one, and *addr is where to ask it (of several addresses a loopback
 * one; 127.0.0.1 or ::1 where the socket has any).  Costs a dump of that port's
 * sockets, which is kept for a second, and, if there are any, up to 1024
 * readlinks in /proc/PID/fd for each process that is not the last one.
 */
bool dns_stub_find(struct dns_stub *s, pid_t pid, uint64_t starttime,
		   struct ipaddr *addr);

#endif
