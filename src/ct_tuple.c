/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ct_tuple: a connection's addresses as connection tracking tells them. */
#include "ct_tuple.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

static void store_address(const struct nlattr *attr, uint8_t family,
			  struct ipaddr *addr)
{
	const void *bytes = mnl_attr_get_payload(attr);
	struct ipaddr a = {.family = family};

	if (mnl_attr_get_payload_len(attr) == ipaddr_len(&a))
		*addr = ipaddr_from_bytes(family, bytes);
}

static int store_ip(const struct nlattr *attr, void *data)
{
	struct tuple *t = data;

	switch (mnl_attr_get_type(attr)) {
	case CTA_IP_V4_SRC:
		store_address(attr, AF_INET, &t->saddr);
		break;
	case CTA_IP_V4_DST:
		store_address(attr, AF_INET, &t->daddr);
		break;
	case CTA_IP_V6_SRC:
		store_address(attr, AF_INET6, &t->saddr);
		break;
	case CTA_IP_V6_DST:
		store_address(attr, AF_INET6, &t->daddr);
		break;
	}
	return MNL_CB_OK;
}

static void store_u16(const struct nlattr *attr, uint16_t *value)
{
	if (mnl_attr_get_payload_len(attr) == sizeof(uint16_t))
		*value = ntohs(mnl_attr_get_u16(attr));
}

/* A message has no ports; its id counts for both. */
static int store_proto(const struct nlattr *attr, void *data)
{
	struct tuple *t = data;

	switch (mnl_attr_get_type(attr)) {
	case CTA_PROTO_NUM:
		if (mnl_attr_get_payload_len(attr) == sizeof(uint8_t))
			t->proto = mnl_attr_get_u8(attr);
		break;
	case CTA_PROTO_SRC_PORT:
		store_u16(attr, &t->sport);
		break;
	case CTA_PROTO_DST_PORT:
		store_u16(attr, &t->dport);
		break;
	case CTA_PROTO_ICMP_ID:
	case CTA_PROTO_ICMPV6_ID:
		store_u16(attr, &t->sport);
		t->dport = t->sport;
		break;
	}
	return MNL_CB_OK;
}

static int store_part(const struct nlattr *attr, void *data)
{
	switch (mnl_attr_get_type(attr)) {
	case CTA_TUPLE_IP:
		return mnl_attr_parse_nested(attr, store_ip, data);
	case CTA_TUPLE_PROTO:
		return mnl_attr_parse_nested(attr, store_proto, data);
	}
	return MNL_CB_OK;
}

bool ct_tuple_parse(const struct nlattr *attr, struct tuple *t)
{
	*t = (struct tuple){0};
	if (mnl_attr_parse_nested(attr, store_part, t) < 0)
		return false;
	t->family = t->saddr.family;
	return t->family && t->family == t->daddr.family && t->proto;
}

bool ct_tuple_is_rewritten(const struct tuple *seen, const struct tuple *own)
{
	return own->family == seen->family && own->proto == seen->proto &&
	       own->sport == seen->sport &&
	       ipaddr_equal(&own->saddr, &seen->saddr) &&
	       !tuple_equal(own, seen);
}
