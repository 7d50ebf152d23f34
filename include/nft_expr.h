/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_expr: one function per nf_tables expression that our rules are made of. */
#ifndef NFT_EXPR_H
#define NFT_EXPR_H

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipaddr.h"

/*
 * Each adds the expressions of one match or statement to the rule; the comment
 * is what nft prints for it.  -ENOMEM is the only error.  Registers are used
 * within one match only.
 */
int nft_expr_nfproto(struct nftnl_rule *r, uint8_t nfproto);	/* meta nfproto ipv4 */
int nft_expr_l4proto(struct nftnl_rule *r, uint8_t proto, bool is);	/* meta l4proto [!=] udp */
int nft_expr_daddr(struct nftnl_rule *r, const struct ipnet *net);	/* ip daddr 10.0.0.0/8 */
int nft_expr_saddr(struct nftnl_rule *r, const struct ipnet *net);	/* ip saddr 10.0.0.1 */
int nft_expr_sport(struct nftnl_rule *r, uint16_t port);	/* th sport 22 */
int nft_expr_dport(struct nftnl_rule *r, uint16_t low, uint16_t high);	/* udp dport 53-54 */
int nft_expr_tcp_syn(struct nftnl_rule *r);	/* tcp flags & (syn | ack) == syn */
int nft_expr_ct_new(struct nftnl_rule *r);	/* ct state new */
int nft_expr_daddr_set(struct nftnl_rule *r, uint8_t family,
		       const char *set, uint32_t set_id);	/* ip daddr { ... } */
int nft_expr_l4proto_set(struct nftnl_rule *r, const char *set,
			 uint32_t set_id);	/* meta l4proto { tcp, udp, ... } */
int nft_expr_counter(struct nftnl_rule *r);	/* counter */
int nft_expr_return(struct nftnl_rule *r);	/* return */
/* The native expression: kernels without nft_queue answer ENOENT to the rule. */
int nft_expr_queue(struct nftnl_rule *r, uint16_t num, bool bypass);	/* queue flags bypass to 7 */
/* xt_NFQUEUE revision 3 through nft_compat (linux/netfilter/xt_NFQUEUE.h). */
int nft_expr_xt_queue(struct nftnl_rule *r, uint16_t num, bool bypass);

#endif
