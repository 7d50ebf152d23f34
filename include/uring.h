/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uring: the sockets that are registered with an io_uring. */
#ifndef URING_H
#define URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who has a ring open can send through its registered ("fixed") files, though
 * they are in no table of descriptors.  /proc/PID/fdinfo/FD of the ring lists
 * them (io_uring/fdinfo.c): as "socket:[30041]" on new kernels (6.18; not yet
 * 6.12), by no more than the protocol's name ("UDP", "TCPv6") before; and not at
 * all while somebody holds the ring's lock.
 */

/* Sockets of these kinds may be in it, which ones is not told. */
#define URING_TCP     1U
#define URING_UDP     2U	/* and UDP-Lite */
#define URING_OTHER   4U	/* raw, ping, SCTP, ... */
#define URING_UNKNOWN (URING_TCP | URING_UDP | URING_OTHER)

/* Is that the link of a ring's descriptor? */
bool uring_is_link(const char *text, size_t len);

/* Which of them a packet of that protocol may be from; fragment: all of it that
 * is there is addresses, so that it is a raw socket's. */
unsigned uring_kind_of(int protocol, bool fragment);

/*
 * The sockets of the ring whose fdinfo is `name` below dirfd, each to cb, and in
 * *unnamed the kinds of those that are not told.  0; -ENOENT, -ESRCH: gone;
 * -EACCES: not ours to see; -errno.
 */
typedef void (*uring_cb)(uint64_t inode, void *data);
int uring_list(int dirfd, const char *name, uring_cb cb, void *data,
	       unsigned *unnamed);

/* The same from text, for tests and fuzzers.  told_whole: the kernel lists all of
 * them, or nothing (since 6.16), so that none listed means that there is none. */
void uring_parse(const char *text, size_t len, bool told_whole, uring_cb cb,
		 void *data, unsigned *unnamed);

#endif
