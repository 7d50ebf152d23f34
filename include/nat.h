/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nat: does this network namespace rewrite what is sent from here? */
#ifndef NAT_H
#define NAT_H

#include <stdbool.h>

/* Who may do so: base chains of type nat, and the nat tables of the older
 * iptables, which are there once somebody has asked for them. */
struct nat {
	bool output;		/* destinations, of what is sent from here */
	bool postrouting;	/* sources */
};

/* As it is now.  -errno: nf_tables does not tell (-EPERM: no CAP_NET_ADMIN); what
 * the other tables tell is there all the same. */
int nat_detect(struct nat *nat);

#endif
