/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_hook: the netfilter program at the output hook of a network namespace. */
#ifndef WITNESS_HOOK_H
#define WITNESS_HOOK_H

#include <stdbool.h>

/* Newer than some distributions' headers, and than their libbpf. */
#define WITNESS_HOOK_PROG_TYPE	 32
#define WITNESS_HOOK_ATTACH_TYPE 45

#define WITNESS_HOOK_LINKS 2

/* In the caller's network namespace, for IPv4 and, where there is such a thing,
 * IPv6; gone with the links, which keep the namespace as long as they are.
 * Returns how many there are, or -errno (and then some of them may be open: set
 * them to -1 before).  behind_dnat: after local DNAT, just before the chain at -50;
 * else before it, and the chain at -150. */
int witness_hook_attach(int prog_fd, bool behind_dnat,
			int links[WITNESS_HOOK_LINKS]);

#endif
