/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ruleset_chain: the chains of our table and the rules in each. */
#ifndef RULESET_CHAIN_H
#define RULESET_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "rule.h"
#include "ruleset.h"

/* After conntrack, before local DNAT: the packet has its socket's own tuple. */
#define RULESET_CHAIN_PRIORITY	    (-150)
#define RULESET_CHAIN_PRIORITY_NAME "mangle"	/* nft's word for it */

/* After local DNAT (-100): it has the destination that the wire will see. */
#define RULESET_CHAIN_NAT_PRIORITY	(-50)
#define RULESET_CHAIN_NAT_PRIORITY_NAME "-50"

struct ruleset_chain {
	const char *name;
	const char *hook_name;	/* nft's word for the hook */
	uint32_t hook;		/* NF_INET_LOCAL_OUT, ... */
	bool nat;		/* behind NAT */
};

int32_t ruleset_chain_priority(const struct ruleset_chain *chain);

/* The chains that cfg asks for: the first after NULL, NULL after the last. */
const struct ruleset_chain *
ruleset_chain_next(const struct ruleset_config *cfg,
		   const struct ruleset_chain *chain);

typedef void (*ruleset_rule_cb)(const struct rule *r, void *data);

/* Hands the chain's rules to cb, in their order. */
void ruleset_chain_each_rule(const struct ruleset_config *cfg,
			     const struct ruleset_chain *chain,
			     ruleset_rule_cb cb, void *data);

#endif
