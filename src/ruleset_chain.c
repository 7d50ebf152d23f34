/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ruleset_chain: what stands in which chain, and all of it as nft's text. */
#include "ruleset_chain.h"

#include <linux/netfilter.h>
#include <stdio.h>

#include "util.h"

static const struct ruleset_chain chains[] = {
	{"output", "output", NF_INET_LOCAL_OUT, false},
	{"output-nat", "output", NF_INET_LOCAL_OUT, true},
	{"input", "input", NF_INET_LOCAL_IN, false},
	{"forward", "forward", NF_INET_FORWARD, false},
};

static bool is_wanted(const struct ruleset_config *cfg,
		      const struct ruleset_chain *chain)
{
	if (chain->nat)
		return cfg->nat;
	switch (chain->hook) {
	case NF_INET_LOCAL_IN:
		return cfg->input;
	case NF_INET_FORWARD:
		return cfg->forward;
	}
	return true;
}

const struct ruleset_chain *
ruleset_chain_next(const struct ruleset_config *cfg,
		   const struct ruleset_chain *chain)
{
	const struct ruleset_chain *end = chains + ARRAY_SIZE(chains);

	for (chain = chain ? chain + 1 : chains; chain < end; chain++)
		if (is_wanted(cfg, chain))
			return chain;
	return NULL;
}

int32_t ruleset_chain_priority(const struct ruleset_chain *chain)
{
	return chain->nat ? RULESET_CHAIN_NAT_PRIORITY : RULESET_CHAIN_PRIORITY;
}

/* Most packets have not been rewritten.  What the other chain has caught is not
 * queued a second time: each rule is that chain's, of what was the destination
 * then. */
static void skip_seen(const struct ruleset_config *cfg, ruleset_rule_cb cb,
		      void *data)
{
	struct rule rules[RULE_PER_TARGET_MAX];

	rule_return(&rules[0], RULE_CT_NO_DNAT);
	cb(&rules[0], data);
	rule_return(&rules[0], RULE_CT_REPLY);
	cb(&rules[0], data);
	for (size_t i = 0; i < cfg->ntargets; i++) {
		size_t n = rule_expand(&cfg->targets[i], i, false, rules);

		for (size_t k = 0; k < n; k++) {
			rule_seen_before_nat(&rules[k]);
			cb(&rules[k], data);
		}
	}
}

void ruleset_chain_each_rule(const struct ruleset_config *cfg,
			     const struct ruleset_chain *chain,
			     ruleset_rule_cb cb, void *data)
{
	struct rule rules[RULE_PER_TARGET_MAX];

	if (chain->nat)
		skip_seen(cfg, cb, data);
	if (cfg->exempt_ssh && chain->hook != NF_INET_FORWARD) {
		rule_exempt(&rules[0], &cfg->ssh,
			    chain->hook == NF_INET_LOCAL_IN);
		cb(&rules[0], data);
	}
	for (size_t i = 0; i < cfg->ntargets; i++) {
		size_t n =
			rule_expand(&cfg->targets[i], i, cfg->new_only, rules);

		for (size_t k = 0; k < n; k++) {
			if (chain->nat)
				rule_behind_nat(&rules[k]);
			cb(&rules[k], data);
		}
	}
}

/* ------------------------------------------------------------------ as text */

struct print {
	const struct ruleset_config *cfg;
	enum ruleset_queue kind;
	struct strbuf *out;
};

static void print_queue(const struct print *p)
{
	switch (p->kind) {
	case RULESET_QUEUE_NATIVE:
		strbuf_printf(p->out, "queue %sto %u\n",
			      p->cfg->bypass ? "flags bypass " : "",
			      p->cfg->queue_num);
		break;
	case RULESET_QUEUE_XT:
		strbuf_printf(p->out, "queue num %u%s\n", p->cfg->queue_num,
			      p->cfg->bypass ? " bypass" : "");
		break;
	}
}

static void print_rule(const struct rule *r, void *data)
{
	const struct print *p = data;
	size_t start;

	strbuf_puts(p->out, "\t\t");
	start = p->out->len;
	rule_format(r, p->out);
	if (p->out->len > start)
		strbuf_puts(p->out, " ");
	if (r->exempt) {
		strbuf_puts(p->out, "return\n");
		return;
	}
	strbuf_puts(p->out, "counter packets 0 bytes 0 ");
	print_queue(p);
}

void ruleset_print(const struct ruleset_config *cfg, enum ruleset_queue kind,
		   bool owner, struct strbuf *out)
{
	struct print p = {.cfg = cfg, .kind = kind, .out = out};
	const struct ruleset_chain *chain = NULL;
	bool gap = owner;

	strbuf_printf(out, "table inet " RULESET_NAME_FORMAT " {\n",
		      cfg->queue_num);
	strbuf_puts(out, owner ? "\tflags owner\n" : "");
	while ((chain = ruleset_chain_next(cfg, chain))) {
		strbuf_puts(out, gap ? "\n" : "");
		strbuf_printf(out, "\tchain %s {\n\t\ttype filter hook %s ",
			      chain->name, chain->hook_name);
		strbuf_printf(out, "priority %s; policy accept;\n",
			      chain->nat ? RULESET_CHAIN_NAT_PRIORITY_NAME
					 : RULESET_CHAIN_PRIORITY_NAME);
		ruleset_chain_each_rule(cfg, chain, print_rule, &p);
		strbuf_puts(out, "\t}\n");
		gap = true;
	}
	strbuf_puts(out, "}\n");
}
