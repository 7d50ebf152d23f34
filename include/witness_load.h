/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_load: the program brought into the kernel, by a child that goes again. */
#ifndef WITNESS_LOAD_H
#define WITNESS_LOAD_H

#include "witness.h"

/* What is left of it.  The links hold the program. */
enum witness_fd {
	WITNESS_FD_RING,
	WITNESS_FD_TOLD,
	WITNESS_FD_LOST,
	WITNESS_FD_IPV4,
	WITNESS_FD_IPV6,
	WITNESS_FDS,
};

/* Through a child (bpf_child).  Errors as witness_open's; -1 for a descriptor
 * that there is none of (no IPv6). */
int witness_load(const struct witness_config *cfg, int fds[WITNESS_FDS]);

#endif
