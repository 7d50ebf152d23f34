/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_expr: matches and statements as lists of nf_tables expressions. */
#include "nft_expr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>

#define REG	      NFT_REG_1
#define TCP_FLAGS_OFF 13 /* RFC 9293; the struct has it as bit-fields */
#define SPORT_OFF     0	 /* the same in every protocol that has ports */
#define DPORT_OFF     2

/* ------------------------------------------------------- single expressions */

/* The rule owns the expression from the start: nothing to free on errors. */
static struct nftnl_expr *put(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(r, e);
	return e;
}

static int put_meta(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = put(r, "meta");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, REG);
	return 0;
}

static int put_payload(struct nftnl_rule *r, uint32_t base, uint32_t offset,
		       uint32_t len)
{
	struct nftnl_expr *e = put(r, "payload");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, REG);
	return 0;
}

static int put_cmp(struct nftnl_rule *r, uint32_t op, const void *data,
		   uint32_t len)
{
	struct nftnl_expr *e = put(r, "cmp");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
	return 0;
}

static int put_mask(struct nftnl_rule *r, const void *mask, uint32_t len)
{
	static const uint8_t zero[16];
	struct nftnl_expr *e = put(r, "bitwise");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
	return 0;
}

static int put_lookup(struct nftnl_rule *r, uint32_t set_id)
{
	struct nftnl_expr *e = put(r, "lookup");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, set_id);
	if (nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, NFT_EXPR_SET_NAME) < 0)
		return -ENOMEM;
	return 0;
}

/* ------------------------------------------------------------------ matches */

int nft_expr_nfproto(struct nftnl_rule *r, uint8_t family)
{
	uint8_t nfproto = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
	int ret = put_meta(r, NFT_META_NFPROTO);

	return ret ? ret : put_cmp(r, NFT_CMP_EQ, &nfproto, sizeof(nfproto));
}

int nft_expr_l4proto(struct nftnl_rule *r, uint8_t proto, bool is)
{
	int ret = put_meta(r, NFT_META_L4PROTO);

	if (ret)
		return ret;
	return put_cmp(r, is ? NFT_CMP_EQ : NFT_CMP_NEQ, &proto, sizeof(proto));
}

int nft_expr_l4proto_set(struct nftnl_rule *r, uint32_t set_id)
{
	int ret = put_meta(r, NFT_META_L4PROTO);

	return ret ? ret : put_lookup(r, set_id);
}

/* Whole bytes need no mask, only a shorter load or comparison: nft does the
 * same. */
static uint32_t compared_len(const struct ipnet *net)
{
	if (net->prefix && net->prefix % 8 == 0)
		return net->prefix / 8;
	return (uint32_t)ipaddr_len(&net->addr);
}

static int put_net_cmp(struct nftnl_rule *r, const struct ipnet *net)
{
	uint32_t len = compared_len(net);
	uint8_t mask[16];
	int ret = 0;

	if (!net->prefix || net->prefix % 8) {
		ipnet_mask(net, mask);
		ret = put_mask(r, mask, len);
	}
	return ret ? ret : put_cmp(r, NFT_CMP_EQ, net->addr.bytes, len);
}

static int put_net(struct nftnl_rule *r, const struct ipnet *net,
		   uint32_t offset)
{
	int ret = put_payload(r, NFT_PAYLOAD_NETWORK_HEADER, offset,
			      compared_len(net));

	return ret ? ret : put_net_cmp(r, net);
}

static uint32_t saddr_offset(uint8_t family)
{
	return family == AF_INET ? offsetof(struct iphdr, saddr)
				 : offsetof(struct ip6_hdr, ip6_src);
}

static uint32_t daddr_offset(uint8_t family)
{
	return family == AF_INET ? offsetof(struct iphdr, daddr)
				 : offsetof(struct ip6_hdr, ip6_dst);
}

int nft_expr_saddr(struct nftnl_rule *r, const struct ipaddr *addr)
{
	const struct ipnet net = {
		.addr = *addr,
		.prefix = (uint8_t)(8 * ipaddr_len(addr)),
	};

	return put_net(r, &net, saddr_offset(addr->family));
}

int nft_expr_daddr(struct nftnl_rule *r, const struct ipnet *net)
{
	return put_net(r, net, daddr_offset(net->addr.family));
}

int nft_expr_daddr_set(struct nftnl_rule *r, uint8_t family, uint32_t set_id)
{
	uint32_t len = family == AF_INET ? sizeof(struct in_addr)
					 : sizeof(struct in6_addr);
	int ret = put_payload(r, NFT_PAYLOAD_NETWORK_HEADER,
			      daddr_offset(family), len);

	return ret ? ret : put_lookup(r, set_id);
}

static int put_port_cmp(struct nftnl_rule *r, uint16_t low, uint16_t high)
{
	uint16_t from = htons(low), to = htons(high);
	int ret;

	if (low == high)
		return put_cmp(r, NFT_CMP_EQ, &from, sizeof(from));
	ret = put_cmp(r, NFT_CMP_GTE, &from, sizeof(from));
	return ret ? ret : put_cmp(r, NFT_CMP_LTE, &to, sizeof(to));
}

static int put_port(struct nftnl_rule *r, uint32_t offset, uint16_t low,
		    uint16_t high)
{
	int ret = put_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, offset,
			      sizeof(low));

	return ret ? ret : put_port_cmp(r, low, high);
}

int nft_expr_sport(struct nftnl_rule *r, uint16_t port)
{
	return put_port(r, SPORT_OFF, port, port);
}

int nft_expr_dport(struct nftnl_rule *r, uint16_t low, uint16_t high)
{
	return put_port(r, DPORT_OFF, low, high);
}

int nft_expr_tcp_syn(struct nftnl_rule *r)
{
	static const uint8_t mask = TH_SYN | TH_ACK;
	static const uint8_t syn = TH_SYN;
	int ret;

	ret = put_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFF,
			  sizeof(mask));
	if (!ret)
		ret = put_mask(r, &mask, sizeof(mask));
	return ret ? ret : put_cmp(r, NFT_CMP_EQ, &syn, sizeof(syn));
}

static struct nftnl_expr *put_ct(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = put(r, "ct");

	if (e) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
		nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, REG);
	}
	return e;
}

/* One of the bits is set (NEQ), or none (EQ). */
static int put_ct_bits(struct nftnl_rule *r, uint32_t key, uint32_t bits,
		       uint32_t op)
{
	static const uint32_t zero;
	int ret = put_ct(r, key) ? 0 : -ENOMEM;

	if (!ret)
		ret = put_mask(r, &bits, sizeof(bits));
	return ret ? ret : put_cmp(r, op, &zero, sizeof(zero));
}

int nft_expr_ct_new(struct nftnl_rule *r)
{
	return put_ct_bits(r, NFT_CT_STATE, 1U << (IP_CT_NEW + 1), NFT_CMP_NEQ);
}

int nft_expr_ct_dnat(struct nftnl_rule *r)
{
	return put_ct_bits(r, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_NEQ);
}

int nft_expr_ct_not_dnat(struct nftnl_rule *r)
{
	return put_ct_bits(r, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_EQ);
}

int nft_expr_ct_reply(struct nftnl_rule *r)
{
	static const uint8_t reply = IP_CT_DIR_REPLY;

	if (!put_ct(r, NFT_CT_DIRECTION))
		return -ENOMEM;
	return put_cmp(r, NFT_CMP_EQ, &reply, sizeof(reply));
}

static int put_ct_original(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *e = put_ct(r, key);

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
	return 0;
}

/* Of the other family there is none, and the rule does not match. */
static int put_ct_daddr(struct nftnl_rule *r, uint8_t family)
{
	return put_ct_original(r, family == AF_INET ? NFT_CT_DST_IP
						    : NFT_CT_DST_IP6);
}

int nft_expr_ct_daddr(struct nftnl_rule *r, const struct ipnet *net)
{
	int ret = put_ct_daddr(r, net->addr.family);

	return ret ? ret : put_net_cmp(r, net);
}

int nft_expr_ct_daddr_set(struct nftnl_rule *r, uint8_t family, uint32_t set_id)
{
	int ret = put_ct_daddr(r, family);

	return ret ? ret : put_lookup(r, set_id);
}

int nft_expr_ct_dport(struct nftnl_rule *r, uint16_t low, uint16_t high)
{
	int ret = put_ct_original(r, NFT_CT_PROTO_DST);

	return ret ? ret : put_port_cmp(r, low, high);
}

/* --------------------------------------------------------------- statements */

int nft_expr_counter(struct nftnl_rule *r)
{
	return put(r, "counter") ? 0 : -ENOMEM;
}

int nft_expr_return(struct nftnl_rule *r)
{
	struct nftnl_expr *e = put(r, "immediate");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)NFT_RETURN);
	return 0;
}

int nft_expr_queue(struct nftnl_rule *r, uint16_t num, bool bypass)
{
	struct nftnl_expr *e = put(r, "queue");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, num);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
	if (bypass)
		nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS,
				   NFT_QUEUE_FLAG_BYPASS);
	return 0;
}

/* The expression keeps the pointer to the target's data and frees it, which its
 * prototype does not say. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
int nft_expr_xt_queue(struct nftnl_rule *r, uint16_t num, bool bypass)
{
	uint32_t len = XT_ALIGN(sizeof(struct xt_NFQ_info_v3));
	struct nftnl_expr *e = put(r, "target");
	struct xt_NFQ_info_v3 *info = calloc(1, len);

	if (!e || !info ||
	    nftnl_expr_set_str(e, NFTNL_EXPR_TG_NAME, "NFQUEUE") < 0) {
		free(info);
		return -ENOMEM;
	}
	info->queuenum = num;
	info->queues_total = 1;
	info->flags = bypass ? NFQ_FLAG_BYPASS : 0;
	nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, 3);
	nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, info, len);
	return 0; /* NOLINT(clang-analyzer-unix.Malloc) */
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
