/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nat: does this network namespace rewrite what is sent from here? */
#include "nat.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "nl.h"

#define TRIES 10 /* a dump that others' changes have interrupted */

static void note_chain(const struct nftnl_chain *c, struct nat *nat)
{
	const char *type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);

	if (type == NULL || strcmp(type, "nat") != 0)
		return;
	switch (nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM)) {
	case NF_INET_LOCAL_OUT:
		nat->output = true;
		break;
	case NF_INET_POST_ROUTING:
		nat->postrouting = true;
		break;
	}
}

static int take_chain(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_chain *c;

	if ((nlh->nlmsg_type & 0xff) != NFT_MSG_NEWCHAIN)
		return 0;
	c = nftnl_chain_alloc();
	if (c == NULL)
		return -ENOMEM;
	if (nftnl_chain_nlmsg_parse(nlh, c) == 0)
		note_chain(c, data);
	nftnl_chain_free(c);
	return 0;
}

static int look_at_chains(struct nl *nl, struct nat *nat)
{
	char buf[256] __attribute__((aligned(8)));
	int err = -EAGAIN;

	for (int i = 0; i < TRIES && err == -EAGAIN; i++)
		err = nl_request(nl,
				 nftnl_nlmsg_build_hdr(
					 buf, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC,
					 NLM_F_DUMP, nl_next_seq(nl)),
				 take_chain, nat);
	return err;
}

/* One name a line. */
static bool has_table(const char *path)
{
	char line[64];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strcmp(line, "nat\n") == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

int nat_detect(struct nat *nat)
{
	struct nl *nl;
	int err = nl_open(&nl, NETLINK_NETFILTER);

	*nat = (struct nat){0};
	nat->output = has_table("/proc/thread-self/net/ip_tables_names") ||
		      has_table("/proc/thread-self/net/ip6_tables_names");
	nat->postrouting = nat->output;
	if (err < 0)
		return err;
	err = look_at_chains(nl, nat);
	nl_close(nl);
	return err;
}
