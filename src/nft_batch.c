/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_batch: nf_tables messages laid one behind the other and sent as one. */
#include "nft_batch.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>

/* After netinet/in.h, whose structs it would redefine. */
#include <linux/netfilter.h>

#include "nft_expr.h"

#define MESSAGE_MAX 16384 /* the longest: a set of 64 IPv6 addresses, 3 KiB */

static void fail(struct nft_batch *b, int err)
{
	if (!b->err)
		b->err = err;
}

/* Where the next message begins, MESSAGE_MAX bytes at least. */
static char *room(struct nft_batch *b)
{
	size_t size = 2 * b->size + MESSAGE_MAX;
	char *mem;

	if (b->err)
		return NULL;
	if (b->size - b->len >= MESSAGE_MAX)
		return b->mem + b->len;
	mem = realloc(b->mem, size);
	if (!mem) {
		fail(b, -ENOMEM);
		return NULL;
	}
	b->mem = mem;
	b->size = size;
	return mem + b->len;
}

void nft_batch_begin(struct nft_batch *b, struct nl *nl, const char *table)
{
	char *mem;

	*b = (struct nft_batch){.nl = nl, .table = table};
	mem = room(b);
	if (mem)
		b->len += nftnl_batch_begin(mem, nl_next_seq(nl))->nlmsg_len;
}

void nft_batch_free(struct nft_batch *b)
{
	free(b->mem);
	b->mem = NULL;
}

/* The next message's header; NULL after an error.  It counts when it is
 * closed. */
static struct nlmsghdr *open_message(struct nft_batch *b, int type,
				     unsigned flags)
{
	char *mem = room(b);
	uint32_t seq;

	if (!mem)
		return NULL;
	seq = nl_next_seq(b->nl);
	if (b->n == 0)
		b->first_seq = seq;
	return nftnl_nlmsg_build_hdr(mem, (uint16_t)type, NFPROTO_INET,
				     (uint16_t)(NLM_F_ACK | flags), seq);
}

static void close_message(struct nft_batch *b, const struct nlmsghdr *nlh)
{
	b->len += NLMSG_ALIGN(nlh->nlmsg_len);
	b->n++;
}

/* ------------------------------------------------------------------- tables */

static void put_table(struct nft_batch *b, int type, unsigned message_flags,
		      uint32_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh;

	if (!t || nftnl_table_set_str(t, NFTNL_TABLE_NAME, b->table) < 0)
		fail(b, -ENOMEM);
	else if (flags)
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, flags);
	nlh = open_message(b, type, message_flags);
	if (nlh) {
		nftnl_table_nlmsg_build_payload(nlh, t);
		close_message(b, nlh);
	}
	if (t)
		nftnl_table_free(t);
}

void nft_batch_add_table(struct nft_batch *b, uint32_t flags)
{
	put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, flags);
}

void nft_batch_delete_table(struct nft_batch *b)
{
	put_table(b, NFT_MSG_DELTABLE, 0, 0);
}

/* ------------------------------------------------------------------- chains */

static int set_chain_names(struct nftnl_chain *c, const char *table,
			   const char *name)
{
	if (nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table) < 0 ||
	    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name) < 0 ||
	    nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter") < 0)
		return -ENOMEM;
	return 0;
}

void nft_batch_add_chain(struct nft_batch *b, const char *name, uint32_t hook,
			 int32_t priority)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *nlh;

	if (!c || set_chain_names(c, b->table, name))
		fail(b, -ENOMEM);
	nlh = open_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	if (nlh) {
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
		nftnl_chain_nlmsg_build_payload(nlh, c);
		close_message(b, nlh);
	}
	if (c)
		nftnl_chain_free(c);
}

/* --------------------------------------------------------------------- sets */

static int fill_set(struct nftnl_set *s, const struct nft_batch_keys *keys)
{
	const char *key = keys->first;

	for (size_t i = 0; i < keys->n; i++, key += keys->stride) {
		struct nftnl_set_elem *e = nftnl_set_elem_alloc();

		if (!e)
			return -ENOMEM;
		nftnl_set_elem_add(s, e);
		if (nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, keys->len) <
		    0)
			return -ENOMEM;
	}
	return 0;
}

static struct nftnl_set *make_set(const char *table, uint32_t id,
				  const struct nft_batch_keys *keys)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return NULL;
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_ID, id);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS,
			  NFT_SET_ANONYMOUS | NFT_SET_CONSTANT);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, keys->type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, keys->len);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, (uint32_t)keys->n);
	if (nftnl_set_set_str(s, NFTNL_SET_TABLE, table) < 0 ||
	    nftnl_set_set_str(s, NFTNL_SET_NAME, NFT_EXPR_SET_NAME) < 0 ||
	    fill_set(s, keys)) {
		nftnl_set_free(s);
		return NULL;
	}
	return s;
}

uint32_t nft_batch_add_set(struct nft_batch *b,
			   const struct nft_batch_keys *keys)
{
	struct nftnl_set *s = make_set(b->table, ++b->nsets, keys);
	struct nlmsghdr *nlh;

	if (!s)
		fail(b, -ENOMEM);
	nlh = open_message(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	if (nlh) {
		nftnl_set_nlmsg_build_payload(nlh, s);
		close_message(b, nlh);
	}
	nlh = open_message(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	if (nlh) {
		nftnl_set_elems_nlmsg_build_payload(nlh, s);
		close_message(b, nlh);
	}
	if (s)
		nftnl_set_free(s);
	return b->nsets;
}

/* -------------------------------------------------------------------- rules */

struct nftnl_rule *nft_batch_new_rule(struct nft_batch *b, const char *chain)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (!r)
		return NULL;
	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_INET);
	if (nftnl_rule_set_str(r, NFTNL_RULE_TABLE, b->table) < 0 ||
	    (chain && nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain) < 0)) {
		nftnl_rule_free(r);
		return NULL;
	}
	return r;
}

static void put_rule(struct nft_batch *b, int type, unsigned flags,
		     struct nftnl_rule *r)
{
	struct nlmsghdr *nlh;

	if (!r)
		fail(b, -ENOMEM);
	nlh = open_message(b, type, flags);
	if (nlh) {
		nftnl_rule_nlmsg_build_payload(nlh, r);
		close_message(b, nlh);
	}
	if (r)
		nftnl_rule_free(r);
}

void nft_batch_add_rule(struct nft_batch *b, struct nftnl_rule *r, int err)
{
	if (err)
		fail(b, err);
	put_rule(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, r);
}

void nft_batch_delete_rules(struct nft_batch *b)
{
	put_rule(b, NFT_MSG_DELRULE, 0, nft_batch_new_rule(b, NULL));
}

/* ------------------------------------------------------------------ sending */

/* NULL for the sequence number of the batch's begin. */
static const struct nlmsghdr *find_message(const struct nft_batch *b,
					   uint32_t seq)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)b->mem;
	int left = (int)b->len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (nlh->nlmsg_seq == seq && seq - b->first_seq < b->n)
			return nlh;
	return NULL;
}

int nft_batch_send(struct nft_batch *b, const struct nlmsghdr **failed)
{
	uint32_t end_seq = b->first_seq + b->n, seq = end_seq;
	char *mem = room(b);

	*failed = NULL;
	if (!mem)
		return b->err;
	b->len += nftnl_batch_end(mem, nl_next_seq(b->nl))->nlmsg_len;
	fail(b, nl_batch(b->nl, b->mem, b->len, b->first_seq, b->n, &seq));
	*failed = find_message(b, seq);
	return b->err;
}

int nft_batch_type(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_type & 0xff;
}
