/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conntrack: what connection tracking knows of a packet that has left. */
#include "conntrack.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"
#include "proto.h"

struct conntrack {
	struct nl *nl;
};

/* Of one entry: as its first packet was sent, and as the answer comes back. */
struct entry {
	struct tuple original, reply;
};

/* Where each value of a tuple stands in the library's object. */
static const struct place {
	enum nf_conntrack_attr l3, l4, v4_src, v4_dst, v6_src, v6_dst, sport,
		dport;
} original = {ATTR_ORIG_L3PROTO,  ATTR_ORIG_L4PROTO,  ATTR_ORIG_IPV4_SRC,
	      ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST,
	      ATTR_ORIG_PORT_SRC, ATTR_ORIG_PORT_DST},
  reply = {ATTR_REPL_L3PROTO,  ATTR_REPL_L4PROTO,  ATTR_REPL_IPV4_SRC,
	   ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST,
	   ATTR_REPL_PORT_SRC, ATTR_REPL_PORT_DST};

bool conntrack_is_built_in(void)
{
	return true;
}

/* ------------------------------------------------------------ the question */

static struct tuple swap(const struct tuple *t)
{
	struct tuple s = *t;

	s.saddr = t->daddr;
	s.daddr = t->saddr;
	s.sport = t->dport;
	s.dport = t->sport;
	return s;
}

static void set_tuple(struct nf_conntrack *ct, const struct tuple *t)
{
	const struct place *at = &original;
	bool v6 = t->family == AF_INET6;

	nfct_set_attr_u8(ct, at->l3, t->family);
	nfct_set_attr_u8(ct, at->l4, t->proto);
	nfct_set_attr(ct, v6 ? at->v6_src : at->v4_src, t->saddr.bytes);
	nfct_set_attr(ct, v6 ? at->v6_dst : at->v4_dst, t->daddr.bytes);
	nfct_set_attr_u16(ct, at->sport, htons(t->sport));
	nfct_set_attr_u16(ct, at->dport, htons(t->dport));
}

/* ------------------------------------------------------------ the answer */

static void get_tuple(const struct nf_conntrack *ct, const struct place *at,
		      uint8_t family, struct tuple *t)
{
	bool v6 = family == AF_INET6;
	const void *src = nfct_get_attr(ct, v6 ? at->v6_src : at->v4_src);
	const void *dst = nfct_get_attr(ct, v6 ? at->v6_dst : at->v4_dst);

	*t = (struct tuple){.family = family,
			    .proto = nfct_get_attr_u8(ct, at->l4)};
	if (src != NULL)
		t->saddr = ipaddr_from_bytes(family, src);
	if (dst != NULL)
		t->daddr = ipaddr_from_bytes(family, dst);
	t->sport = ntohs(nfct_get_attr_u16(ct, at->sport));
	t->dport = ntohs(nfct_get_attr_u16(ct, at->dport));
}

static int take_entry(const struct nlmsghdr *nlh, void *data)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct nf_conntrack *ct;
	struct entry *e = data;

	if (nlh->nlmsg_type !=
		    (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*nfg)))
		return 0;
	ct = nfct_new();
	if (ct == NULL)
		return -ENOMEM;
	if (nfct_nlmsg_parse(nlh, ct) == 0) {
		get_tuple(ct, &original, nfg->nfgen_family, &e->original);
		get_tuple(ct, &reply, nfg->nfgen_family, &e->reply);
	}
	nfct_destroy(ct);
	return 0;
}

/* The entry that has t in either direction: the kernel looks for both,
 * whichever is asked for (ctnetlink_get_conntrack). */
static int find(struct conntrack *c, const struct tuple *t, struct entry *e)
{
	char buf[1024] __attribute__((aligned(8)));
	struct nf_conntrack *ct = nfct_new();
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	if (ct == NULL)
		return -ENOMEM;
	*e = (struct entry){0};
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = nl_next_seq(c->nl);
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = t->family;
	nfg->version = NFNETLINK_V0;
	set_tuple(ct, t);
	nfct_nlmsg_build(nlh, ct);
	nfct_destroy(ct);
	return nl_request(c->nl, nlh, take_entry, e);
}

/* The first question may have a kernel module loaded, which takes time: asked
 * before there are packets.  Nobody is at port 9. */
static int try(struct conntrack *ct)
{
	struct tuple t = {.sport = 9,
			  .dport = 9,
			  .family = AF_INET,
			  .proto = IPPROTO_UDP};
	struct entry e;
	int err;

	ipaddr_parse("127.0.0.1", strlen("127.0.0.1"), &t.saddr);
	t.daddr = t.saddr;
	err = find(ct, &t, &e);
	if (err == -EINVAL)
		return -EOPNOTSUPP;
	return err == -ENOENT ? 0 : err;
}

int conntrack_open(struct conntrack **out)
{
	struct conntrack *ct = calloc(1, sizeof(*ct));
	int err;

	if (ct == NULL)
		return -ENOMEM;
	err = nl_open(&ct->nl, NETLINK_NETFILTER);
	if (err == -EPROTONOSUPPORT)
		err = -EOPNOTSUPP;
	if (err == 0)
		err = try(ct);
	if (err < 0) {
		conntrack_close(ct);
		return err;
	}
	*out = ct;
	return 0;
}

void conntrack_close(struct conntrack *ct)
{
	if (ct == NULL)
		return;
	nl_close(ct->nl);
	free(ct);
}

/* Messages of ICMP have no ports, and no answer that says where they went. */
static bool is_asked_for(const struct tuple *t)
{
	return proto_has_ports(t->proto) && t->sport != 0;
}

int conntrack_find_wire(struct conntrack *ct, const struct tuple *own,
			struct tuple *wire)
{
	struct entry e;
	int err = is_asked_for(own) ? find(ct, own, &e) : -ENOENT;

	if (err < 0)
		return err;
	if (tuple_equal(&e.original, own))
		*wire = swap(&e.reply);
	else if (tuple_equal(&e.reply, own))
		*wire = swap(&e.original);
	else
		return -ENOENT;
	return 0;
}

int conntrack_find_own(struct conntrack *ct, const struct tuple *wire,
		       struct tuple *own)
{
	struct tuple back = swap(wire);
	struct entry e;
	int err = is_asked_for(wire) ? find(ct, &back, &e) : -ENOENT;

	if (err < 0)
		return err;
	if (!tuple_equal(&e.reply, &back))
		return -ENOENT;
	*own = e.original;
	return 0;
}
