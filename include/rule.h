/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule: what a target becomes in the kernel, as netlink and as text. */
#ifndef RULE_H
#define RULE_H

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipaddr.h"
#include "packet.h"
#include "strbuf.h"
#include "target.h"

/* What a rule asks connection tracking for, beside the state. */
enum rule_ct {
	RULE_CT_NONE,
	RULE_CT_NO_DNAT,	/* ct status ! dnat: nothing else */
	RULE_CT_REPLY,		/* ct direction reply: nothing else */
	RULE_CT_ORIGINAL,	/* nets and ports are of where the connection's
				 * first packet went before any NAT */
	RULE_CT_DNAT,		/* ct status dnat, before all other matches */
};

/*
 * The matches of one nftables rule of ours, in this order.  A family of 0 means
 * both; ports need either a protocol or the set of all that have ports.
 */
struct rule {
	enum rule_ct ct;
	uint8_t family;			/* AF_INET, AF_INET6, 0 */
	struct ipaddr saddr;		/* of family, or AF_UNSPEC: any */
	struct ipnet nets[TARGET_NETS_MAX];	/* sorted, each once */
	size_t nnets;			/* 0 any, 1 a match, more: a set */
	int proto;			/* PROTO_ANY or number */
	bool not_proto;			/* every protocol but that one */
	uint16_t sport;			/* 0: any */
	uint16_t port_low, port_high;	/* both 0: any */
	bool syn;			/* tcp flags & (syn | ack) == syn */
	bool ct_new;			/* ct state new */
	bool exempt;			/* return; else counter and queue */
	size_t target;			/* index of the target it counts for */
};

#define RULE_PER_TARGET_MAX 4
#define RULE_PROTOS_MAX	    5

/*
 * The rules of one target: one, or two where its host has both families, twice
 * that where -c and "any protocol" need a rule for TCP and one for the rest.
 * Returns how many; 0 for a target that no rule can express: a name that is not
 * resolved, several networks wider than an address, ports without a protocol
 * that has them.
 */
size_t rule_expand(const struct target *t, size_t index, bool new_only,
		   struct rule rules[RULE_PER_TARGET_MAX]);

/* The rule that lets a TCP session of ours pass: t is of the packets that we
 * send; incoming: the rule is for the other side's. */
void rule_exempt(struct rule *r, const struct tuple *t, bool incoming);

/* What was rewritten on its way out, to one of the rule's destinations. */
void rule_behind_nat(struct rule *r);

/* The rule, as rule_expand makes it without new_only, returns for connections
 * that it has caught before their destination was rewritten. */
void rule_seen_before_nat(struct rule *r);

/* The rule that returns for what has its own destination still: NO_DNAT, or what
 * answers a connection (REPLY). */
void rule_return(struct rule *r, enum rule_ct ct);

/* The protocols of the set that the rule needs, ascending; returns how many, 0
 * where it needs none (a protocol is given, or no ports are). */
size_t rule_protos(const struct rule *r, uint8_t protos[RULE_PROTOS_MAX]);

/* Adds the matches to nr.  The sets are those of its addresses (nnets > 1) and
 * of its protocols (rule_protos), by their ids in the transaction.  -ENOMEM. */
int rule_put(const struct rule *r, struct nftnl_rule *nr, uint32_t addr_set,
	     uint32_t proto_set);

/* The matches as nft prints them: no counter, no queue, no blank at the end. */
void rule_format(const struct rule *r, struct strbuf *out);

#endif
