/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule: what a target becomes in the kernel, before it is netlink or text. */
#ifndef RULE_H
#define RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strbuf.h"
#include "target.h"

/*
 * One nftables rule of ours: the matches in this order, then counter and queue.
 * A family of 0 means both; ports need either a protocol or the set of all that
 * have ports.
 */
struct rule {
	uint8_t family;			/* AF_INET, AF_INET6, 0 */
	const struct ipnet *nets;	/* borrowed from the target; one family */
	size_t nnets;			/* 0 any, 1 a match, more: a set */
	int proto;			/* PROTO_ANY or number */
	bool not_proto;			/* every protocol but that one */
	bool any_with_ports;		/* meta l4proto { tcp, udp, ... } */
	uint16_t port_low, port_high;	/* 0: any */
	bool syn;			/* tcp flags & (syn | ack) == syn */
	bool ct_new;			/* ct state new */
	size_t target;			/* index of the target it counts for */
};

#define RULE_PER_TARGET_MAX 4

/* The rules of one target: one, or two where its host has both families, twice
 * that where -c and "any protocol" need a rule for TCP and one for the rest.
 * Returns how many. */
size_t rule_expand(const struct target *t, size_t index, bool new_only,
		   struct rule rules[RULE_PER_TARGET_MAX]);

/* The matches as nft prints them (no counter, no queue). */
void rule_format(const struct rule *r, struct strbuf *out);

#endif
