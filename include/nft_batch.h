/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_batch: one nf_tables transaction on one table of the inet family. */
#ifndef NFT_BATCH_H
#define NFT_BATCH_H

#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nl.h"

/*
 * Messages are added one after the other and sent at once: all of it happens,
 * or nothing.  The first error of an addition stays in `err` and comes back
 * from nft_batch_send; what is added after it is dropped.
 */
struct nft_batch {
	struct nl *nl;		/* borrowed */
	const char *table;	/* borrowed */
	char *mem;
	size_t len, size;
	uint32_t first_seq;
	unsigned n;
	uint32_t nsets;
	int err;
};

/* The elements of an anonymous set of constants: n keys of len bytes, stride
 * bytes apart, no two of them equal. */
struct nft_batch_keys {
	uint32_t type;		/* NFT_BATCH_TYPE_... */
	uint32_t len;
	const void *first;
	size_t stride, n;
};

/* Datatypes as nft numbers them, so that it can list the set. */
enum nft_batch_type {
	NFT_BATCH_TYPE_IPV4 = 7,
	NFT_BATCH_TYPE_IPV6 = 8,
	NFT_BATCH_TYPE_PROTO = 12,
};

void nft_batch_begin(struct nft_batch *b, struct nl *nl, const char *table);
void nft_batch_free(struct nft_batch *b);

/* flags: NFT_TABLE_F_...  A table that is there already is an error. */
void nft_batch_add_table(struct nft_batch *b, uint32_t flags);
void nft_batch_delete_table(struct nft_batch *b);

/* A base chain, type filter, policy accept. */
void nft_batch_add_chain(struct nft_batch *b, const char *name, uint32_t hook,
			 int32_t priority);

/* Returns the set's id in this transaction, for the rule that uses it. */
uint32_t nft_batch_add_set(struct nft_batch *b,
			   const struct nft_batch_keys *keys);

/* A rule of that chain, to be filled and given back: nft_batch_add_rule takes
 * it over (NULL too), with the error of filling it or 0. */
struct nftnl_rule *nft_batch_new_rule(struct nft_batch *b, const char *chain);
void nft_batch_add_rule(struct nft_batch *b, struct nftnl_rule *r, int err);

/* Deletes all rules of all chains. */
void nft_batch_delete_rules(struct nft_batch *b);

/*
 * Sends it, once.  0 or -errno; *failed is the message that the error is about,
 * within the batch's memory, or NULL for all of it.  -ETIMEDOUT, -ENOBUFS and
 * the like with *failed NULL: what the kernel did is not known.
 */
int nft_batch_send(struct nft_batch *b, const struct nlmsghdr **failed);

/* NFT_MSG_... of one of its messages, or of one of a dump. */
int nft_batch_type(const struct nlmsghdr *nlh);

#endif
