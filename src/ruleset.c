/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ruleset: the transaction that makes our table, and the ways to be rid of it.
 */
#include "ruleset.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft_batch.h"
#include "nft_expr.h"
#include "nl.h"
#include "rule.h"
#include "ruleset_chain.h"

#define TABLE_F_OWNER 0x2  /* NFT_TABLE_F_OWNER, Linux 5.12 */
#define TRIES	      10   /* of what the kernel asks us to repeat */
#define UDATA_TYPE    0x70 /* nft's own types of a rule count from 0 */

struct ruleset {
	struct nl *nl; /* the table's owner: open as long as it lives */
	char name[RULESET_NAME_MAX];
	enum ruleset_queue kind;
	bool owner;
	bool stopped;
	size_t ntargets;
	uint64_t counts[]; /* as last read */
};

/* --------------------------------------------------------- one rule of ours */

/* Which target a rule counts for is kept in the rule itself, as one of nft's
 * type-length-value records of a type that nft has not. */
static int set_target(struct nftnl_rule *r, size_t target)
{
	uint32_t value = (uint32_t)target;
	uint8_t udata[2 + sizeof(value)] = {UDATA_TYPE, sizeof(value)};
	int ret;

	memcpy(udata + 2, &value, sizeof(value));
	ret = nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, udata, sizeof(udata));
	return ret < 0 ? -ENOMEM : 0;
}

static bool get_target(const struct nftnl_rule *r, size_t *target)
{
	uint32_t len = 0, value;
	const uint8_t *udata = NULL;

	if (nftnl_rule_is_set(r, NFTNL_RULE_USERDATA))
		udata = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
	if (!udata || len != 2 + sizeof(value) || udata[0] != UDATA_TYPE ||
	    udata[1] != sizeof(value))
		return false;
	memcpy(&value, udata + 2, sizeof(value));
	*target = value;
	return true;
}

static int put_statements(struct nftnl_rule *r, enum ruleset_queue kind,
			  const struct ruleset_config *cfg)
{
	int err = nft_expr_counter(r);

	if (err)
		return err;
	switch (kind) {
	case RULESET_QUEUE_NATIVE:
		return nft_expr_queue(r, cfg->queue_num, cfg->bypass);
	case RULESET_QUEUE_XT:
		return nft_expr_xt_queue(r, cfg->queue_num, cfg->bypass);
	}
	return -EINVAL;
}

static uint32_t add_addr_set(struct nft_batch *b, const struct rule *rule)
{
	const struct nft_batch_keys keys = {
		.type = rule->family == AF_INET ? NFT_BATCH_TYPE_IPV4
						: NFT_BATCH_TYPE_IPV6,
		.len = (uint32_t)ipaddr_len(&rule->nets[0].addr),
		.first = rule->nets[0].addr.bytes,
		.stride = sizeof(rule->nets[0]),
		.n = rule->nnets,
	};

	return keys.n > 1 ? nft_batch_add_set(b, &keys) : 0;
}

static uint32_t add_proto_set(struct nft_batch *b, const struct rule *rule)
{
	uint8_t protos[RULE_PROTOS_MAX];
	const struct nft_batch_keys keys = {
		.type = NFT_BATCH_TYPE_PROTO,
		.len = sizeof(protos[0]),
		.first = protos,
		.stride = sizeof(protos[0]),
		.n = rule_protos(rule, protos),
	};

	return keys.n ? nft_batch_add_set(b, &keys) : 0;
}

/* What it takes to add the rules of one chain. */
struct addition {
	struct nft_batch *b;
	const struct ruleset *rs;
	const struct ruleset_config *cfg;
	const char *chain;
};

/* ip daddr 192.168.1.1 udp dport 53 counter queue flags bypass to 40000 */
static void add_rule(const struct rule *rule, void *data)
{
	const struct addition *a = data;
	struct nftnl_rule *r = nft_batch_new_rule(a->b, a->chain);
	uint32_t addr_set = add_addr_set(a->b, rule);
	uint32_t proto_set = add_proto_set(a->b, rule);
	int err = r ? rule_put(rule, r, addr_set, proto_set) : -ENOMEM;

	if (!err && (!rule->exempt || rule->ct == RULE_CT_ORIGINAL))
		err = set_target(r, rule->target);
	if (!err)
		err = rule->exempt ? nft_expr_return(r)
				   : put_statements(r, a->rs->kind, a->cfg);
	nft_batch_add_rule(a->b, r, err);
}

/* ------------------------------------------------------------- installation */

static void add_all(struct nft_batch *b, const struct ruleset *rs,
		    const struct ruleset_config *cfg)
{
	const struct ruleset_chain *c = NULL;

	nft_batch_add_table(b, rs->owner ? TABLE_F_OWNER : 0);
	while ((c = ruleset_chain_next(cfg, c)))
		nft_batch_add_chain(b, c->name, c->hook,
				    ruleset_chain_priority(c));
	while ((c = ruleset_chain_next(cfg, c))) {
		struct addition a = {b, rs, cfg, c->name};

		ruleset_chain_each_rule(cfg, c, add_rule, &a);
	}
}

static void describe_target(const struct ruleset_config *cfg, size_t target,
			    struct ruleset_error *err)
{
	char text[sizeof(err->buf) - sizeof("rule for ")];

	err->what = "rule";
	if (target >= cfg->ntargets)
		return;
	target_format(&cfg->targets[target], text, sizeof(text));
	snprintf(err->buf, sizeof(err->buf), "rule for %s", text);
	err->what = err->buf;
}

static void describe_rule(const struct ruleset_config *cfg,
			  const struct nlmsghdr *nlh, struct ruleset_error *err)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	size_t target;

	err->what = cfg->exempt_ssh ? "rule for the ssh session" : "rule";
	if (r && nftnl_rule_nlmsg_parse(nlh, r) == 0 && get_target(r, &target))
		describe_target(cfg, target, err);
	if (r)
		nftnl_rule_free(r);
}

/* -1 for what is no message of ours, but all of the batch. */
static int failed_type(const struct nlmsghdr *failed)
{
	return failed ? nft_batch_type(failed) : -1;
}

static void describe(const struct ruleset_config *cfg,
		     const struct nlmsghdr *failed, struct ruleset_error *err)
{
	switch (failed_type(failed)) {
	case NFT_MSG_NEWCHAIN:
		err->what = "chain";
		break;
	case NFT_MSG_NEWSET:
	case NFT_MSG_NEWSETELEM:
		err->what = "set";
		break;
	case NFT_MSG_NEWRULE:
		describe_rule(cfg, failed, err);
		break;
	default:
		err->what = "table";
		break;
	}
}

/* Is there another way?  Then rs is changed to it. */
static bool fall_back(struct ruleset *rs, int type, int err)
{
	if (type == NFT_MSG_NEWTABLE && rs->owner &&
	    (err == -EINVAL || err == -EOPNOTSUPP)) {
		rs->owner = false;
		return true;
	}
	if (type == NFT_MSG_NEWRULE && rs->kind == RULESET_QUEUE_NATIVE &&
	    err == -ENOENT) {
		rs->kind = RULESET_QUEUE_XT;
		return true;
	}
	return false;
}

/* nf_tables asks for a repetition when it had to load a module. */
static bool is_transient(int err)
{
	return err == -EAGAIN || err == -ERESTART || err == -EINTR;
}

/* No answer came: the table may be there. */
static bool is_unknown(int err)
{
	return err == -ETIMEDOUT || err == -ENOBUFS || err == -EMSGSIZE;
}

/* What the kernel's errno means here. */
static int translate(int type, int err)
{
	/* A table of that name that another process owns. */
	if (type == NFT_MSG_NEWTABLE && err == -EPERM)
		return -EEXIST;
	if (type == NFT_MSG_NEWRULE && err == -ENOENT)
		return -EOPNOTSUPP;
	return err;
}

/* A transaction of one message. */
static int send_one(struct ruleset *rs, void (*add)(struct nft_batch *b))
{
	const struct nlmsghdr *failed;
	struct nft_batch b;
	int err, tries = TRIES;

	do {
		nft_batch_begin(&b, rs->nl, rs->name);
		add(&b);
		err = nft_batch_send(&b, &failed);
		nft_batch_free(&b);
	} while (is_transient(err) && --tries > 0);
	return err;
}

static int install(struct ruleset *rs, const struct ruleset_config *cfg,
		   struct ruleset_error *error)
{
	int err, type, tries = TRIES;
	bool again;

	do {
		const struct nlmsghdr *failed;
		struct nft_batch b;

		nft_batch_begin(&b, rs->nl, rs->name);
		add_all(&b, rs, cfg);
		err = nft_batch_send(&b, &failed);
		type = failed_type(failed);
		if (err)
			describe(cfg, failed, error);
		nft_batch_free(&b);
		again = fall_back(rs, type, err) || is_transient(err);
	} while (again && --tries > 0);
	if (is_unknown(err) && type < 0)
		send_one(rs, nft_batch_delete_table);
	return translate(type, err);
}

/* A target that makes no rule would silently catch nothing. */
static int check_targets(const struct ruleset_config *cfg,
			 struct ruleset_error *err)
{
	struct rule rules[RULE_PER_TARGET_MAX];

	for (size_t i = 0; i < cfg->ntargets; i++) {
		if (rule_expand(&cfg->targets[i], i, cfg->new_only, rules))
			continue;
		describe_target(cfg, i, err);
		return -EINVAL;
	}
	return 0;
}

static struct ruleset *alloc(const struct ruleset_config *cfg)
{
	struct ruleset *rs =
		calloc(1, sizeof(*rs) + cfg->ntargets * sizeof(rs->counts[0]));

	if (!rs)
		return NULL;
	snprintf(rs->name, sizeof(rs->name), RULESET_NAME_FORMAT,
		 cfg->queue_num);
	rs->kind = RULESET_QUEUE_NATIVE;
	rs->owner = true;
	rs->ntargets = cfg->ntargets;
	return rs;
}

int ruleset_install(struct ruleset **out, const struct ruleset_config *cfg,
		    struct ruleset_error *error)
{
	struct ruleset *rs;
	int err = check_targets(cfg, error);

	if (err)
		return err;
	error->what = "table";
	rs = alloc(cfg);
	if (!rs)
		return -ENOMEM;
	err = nl_open(&rs->nl, NETLINK_NETFILTER);
	if (err == -EPROTONOSUPPORT || err == -EAFNOSUPPORT)
		err = -EOPNOTSUPP;
	if (!err)
		err = install(rs, cfg, error);
	if (err) {
		nl_close(rs->nl);
		free(rs);
		return err;
	}
	*out = rs;
	return 0;
}

/* ----------------------------------------------------------------- counters */

/* What one dump has told so far. */
struct tally {
	const struct ruleset *rs;
	uint64_t *counts; /* ntargets */
	bool found;	  /* a rule of ours */
};

static int add_counter(struct nftnl_expr *e, void *data)
{
	uint64_t *count = data;

	if (strcmp(nftnl_expr_get_str(e, NFTNL_EXPR_NAME), "counter") == 0)
		*count += nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
	return 0;
}

static int tally_rule(const struct nlmsghdr *nlh, void *data)
{
	struct tally *tally = data;
	struct nftnl_rule *r;
	size_t target;

	if (nft_batch_type(nlh) != NFT_MSG_NEWRULE)
		return 0;
	r = nftnl_rule_alloc();
	if (!r)
		return -ENOMEM;
	if (nftnl_rule_nlmsg_parse(nlh, r) == 0 && get_target(r, &target) &&
	    target < tally->rs->ntargets) {
		tally->found = true;
		nftnl_expr_foreach(r, add_counter, &tally->counts[target]);
	}
	nftnl_rule_free(r);
	return 0;
}

static int request_rules(struct ruleset *rs, struct tally *tally)
{
	char buf[256] __attribute__((aligned(8)));
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nlmsghdr *nlh;

	if (!r || nftnl_rule_set_str(r, NFTNL_RULE_TABLE, rs->name) < 0) {
		if (r)
			nftnl_rule_free(r);
		return -ENOMEM;
	}
	nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETRULE, NFPROTO_INET,
				    NLM_F_DUMP, nl_next_seq(rs->nl));
	nftnl_rule_nlmsg_build_payload(nlh, r);
	nftnl_rule_free(r);
	return nl_request(rs->nl, nlh, tally_rule, tally);
}

/* Reads the live counters into rs->counts, all of them or none. */
static int update_counts(struct ruleset *rs)
{
	size_t size = rs->ntargets * sizeof(rs->counts[0]);
	struct tally tally = {.rs = rs};
	int err = -EAGAIN;

	if (!size)
		return 0;
	tally.counts = malloc(size);
	if (!tally.counts)
		return -ENOMEM;
	/* Anybody's change of any table interrupts a dump. */
	for (int i = 0; i < TRIES && err == -EAGAIN; i++) {
		memset(tally.counts, 0, size);
		tally.found = false;
		err = request_rules(rs, &tally);
	}
	if (!err && !tally.found)
		err = -ENOENT;
	if (!err)
		memcpy(rs->counts, tally.counts, size);
	free(tally.counts);
	return err;
}

int ruleset_read_counters(struct ruleset *rs, uint64_t *total, uint64_t *counts)
{
	int err = rs->stopped ? 0 : update_counts(rs);

	if (err)
		return err;
	*total = 0;
	for (size_t i = 0; i < rs->ntargets; i++)
		*total += rs->counts[i];
	if (counts)
		memcpy(counts, rs->counts,
		       rs->ntargets * sizeof(rs->counts[0]));
	return 0;
}

/* ---------------------------------------------------------------------- end */

int ruleset_stop(struct ruleset *rs)
{
	int err;

	if (rs->stopped)
		return 0;
	update_counts(rs);
	err = send_one(rs, nft_batch_delete_rules);
	/* Without the owner flag somebody else may have been faster. */
	rs->stopped = !err || err == -ENOENT;
	return rs->stopped ? 0 : err;
}

void ruleset_close(struct ruleset *rs)
{
	if (!rs)
		return;
	send_one(rs, nft_batch_delete_table);
	nl_close(rs->nl);
	free(rs);
}

const char *ruleset_name(const struct ruleset *rs)
{
	return rs->name;
}

enum ruleset_queue ruleset_queue_kind(const struct ruleset *rs)
{
	return rs->kind;
}

bool ruleset_has_owner(const struct ruleset *rs)
{
	return rs->owner;
}
