/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_parts: what every kind of witness consists of. */
#ifndef WITNESS_PARTS_H
#define WITNESS_PARTS_H

#include <stdint.h>

/* What is left of a program that was loaded.  The links hold the program. */
#define WITNESS_LINKS_MAX 4

enum witness_fd {
	WITNESS_FD_RING,
	WITNESS_FD_TOLD,
	WITNESS_FD_SHARED,
	WITNESS_FD_PROG,
	WITNESS_FD_LINKS,
	WITNESS_FDS = WITNESS_FD_LINKS + WITNESS_LINKS_MAX,
};

/* Of a ring for so many KiB (0: the default): a power of two, and whole pages. */
uint32_t witness_ring_bytes(uint32_t kib);

/* The inode numbers of our own namespaces; -errno. */
int witness_read_namespaces(uint32_t *pid_ns, uint32_t *net_ns);

#endif
