/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns_route: what the kernel knows of addresses and devices that lead
 * elsewhere. */
#include "netns_route.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#define REQUEST_MAX 256
#define DRAIN_MAX   4096

union request {
	struct nlmsghdr nlh;
	char mem[REQUEST_MAX];
};

static struct nlmsghdr *begin(struct nl *nl, union request *r, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(r->mem);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = nl_next_seq(nl);
	return nlh;
}

/* --------------------------------------------------------------- an address */

static int route_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return -EBADMSG;
	*(bool *)data = rtm->rtm_type == RTN_LOCAL;
	return 0;
}

/* The way to one's own address is a local one (inet_rtm_getroute). */
int netns_route_is_local(struct nl *nl, const struct ipaddr *a)
{
	union request r;
	struct nlmsghdr *nlh = begin(nl, &r, RTM_GETROUTE);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	bool local = false;
	int err;

	rtm->rtm_family = a->family;
	rtm->rtm_dst_len = (uint8_t)(ipaddr_len(a) * 8);
	mnl_attr_put(nlh, RTA_DST, ipaddr_len(a), a->bytes);
	err = nl_request(nl, nlh, route_cb, &local);
	/* No way there at all. */
	if (err == -ENETUNREACH || err == -EHOSTUNREACH || err == -EINVAL ||
	    err == -EACCES)
		return 0;
	return err < 0 ? err : local;
}

/* ----------------------------------------------------------------- a device */

/* Both ends of these pairs are devices, and nothing else is between them. */
static bool is_pair(const char *kind, size_t len)
{
	return (len == 4 && memcmp(kind, "veth", 4) == 0) ||
	       (len == 6 && memcmp(kind, "netkit", 6) == 0);
}

struct seen {
	struct netns_link *link;
	bool has_nsid, has_kind, pair;
};

static int info_cb(const struct nlattr *attr, void *data)
{
	size_t len = mnl_attr_get_payload_len(attr);
	const char *kind = mnl_attr_get_payload(attr);
	struct seen *s = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND) {
		s->has_kind = true;
		s->pair = is_pair(kind, strnlen(kind, len));
	}
	return MNL_CB_OK;
}

static int link_attr_cb(const struct nlattr *attr, void *data)
{
	bool word = mnl_attr_get_payload_len(attr) >= sizeof(uint32_t);
	struct seen *s = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, info_cb, s);
	case IFLA_LINK:
		s->link->peer = word ? mnl_attr_get_u32(attr) : 0;
		break;
	case IFLA_MASTER:
		s->link->port = true;
		break;
	case IFLA_LINK_NETNSID:
		s->has_nsid = word;
		s->link->nsid = word ? (int32_t)mnl_attr_get_u32(attr) : -1;
		break;
	}
	return MNL_CB_OK;
}

static int link_cb(const struct nlmsghdr *nlh, void *data)
{
	struct seen *s = data;
	struct ifinfomsg ifi;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(ifi))
		return -EBADMSG;
	memcpy(&ifi, mnl_nlmsg_get_payload(nlh), sizeof(ifi));
	if ((ifi.ifi_flags & IFF_LOOPBACK) != 0)
		s->has_kind = true;
	return mnl_attr_parse(nlh, sizeof(ifi), link_attr_cb, s) < 0 ? -EBADMSG
								     : 0;
}

int netns_route_read_link(struct nl *nl, uint32_t ifindex,
			  struct netns_link *link)
{
	union request r;
	struct nlmsghdr *nlh = begin(nl, &r, RTM_GETLINK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	struct seen s = {.link = link};
	int err;

	*link = (struct netns_link){.nsid = -1};
	ifi->ifi_index = (int)ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_request(nl, nlh, link_cb, &s);
	if (err < 0)
		return err;
	if (s.pair && s.has_nsid)
		link->kind = NETNS_LINK_PEER;
	else if (!s.has_kind)
		link->kind = NETNS_LINK_OUTSIDE;
	return 0;
}

/* --------------------------------------------------------------- forwarding */

static int conf_attr_cb(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NETCONFA_FORWARDING &&
	    mnl_attr_get_payload_len(attr) >= sizeof(int32_t))
		*(int *)data = mnl_attr_get_u32(attr) != 0;
	return MNL_CB_OK;
}

static int conf_cb(const struct nlmsghdr *nlh, void *data)
{
	if (nlh->nlmsg_type != RTM_NEWNETCONF ||
	    mnl_attr_parse(nlh, sizeof(struct netconfmsg), conf_attr_cb, data) <
		    0)
		return -EBADMSG;
	return 0;
}

/* inet6_netconf_get_devconf */
int netns_route_forwards6(struct nl *nl)
{
	union request r;
	struct nlmsghdr *nlh = begin(nl, &r, RTM_GETNETCONF);
	struct netconfmsg *conf =
		mnl_nlmsg_put_extra_header(nlh, sizeof(*conf));
	int forwards = -EBADMSG, err;

	conf->ncm_family = AF_INET6;
	mnl_attr_put_u32(nlh, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
	err = nl_request(nl, nlh, conf_cb, &forwards);
	return err < 0 ? err : forwards;
}

/* ------------------------------------------------------ a namespace's number
 */

static int id_attr_cb(const struct nlattr *attr, void *data)
{
	int32_t *nsid = data;

	if (mnl_attr_get_type(attr) == NETNSA_NSID &&
	    mnl_attr_get_payload_len(attr) >= sizeof(*nsid))
		*nsid = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int id_cb(const struct nlmsghdr *nlh, void *data)
{
	if (nlh->nlmsg_type != RTM_NEWNSID ||
	    mnl_attr_parse(nlh, sizeof(struct rtgenmsg), id_attr_cb, data) < 0)
		return -EBADMSG;
	return 0;
}

int netns_route_read_id(struct nl *nl, int ns_fd, int32_t *nsid)
{
	union request r;
	struct nlmsghdr *nlh = begin(nl, &r, RTM_GETNSID);
	int err;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)ns_fd);
	*nsid = -1;
	err = nl_request(nl, nlh, id_cb, nsid);
	if (err < 0)
		return err;
	return *nsid < 0 ? -ENOENT : 0;
}

/* ------------------------------------------------------------------- changes
 */

int netns_route_watch_links(struct nl *nl)
{
	int group = RTNLGRP_LINK;

	return mnl_socket_setsockopt(nl_socket(nl), NETLINK_ADD_MEMBERSHIP,
				     &group, sizeof(group)) < 0
		       ? -errno
		       : 0;
}

void netns_route_drain(struct nl *nl)
{
	int fd = mnl_socket_get_fd(nl_socket(nl));
	unsigned n = 0;
	char byte;

	while (n < DRAIN_MAX &&
	       (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0 ||
		errno == ENOBUFS || errno == EINTR))
		n++;
}
