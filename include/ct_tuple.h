/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ct_tuple: a connection's addresses as connection tracking tells them. */
#ifndef CT_TUPLE_H
#define CT_TUPLE_H

#include <stdbool.h>

#include "packet.h"

struct nlattr;

/* Of an attribute like CTA_TUPLE_ORIG (linux/netfilter/nfnetlink_conntrack.h).
 * False: not one of both addresses and a protocol. */
bool ct_tuple_parse(const struct nlattr *attr, struct tuple *t);

/* The packet says `seen`, its connection began as `own`: is that the same
 * packet before NAT gave it another destination? */
bool ct_tuple_is_rewritten(const struct tuple *seen, const struct tuple *own);

#endif
