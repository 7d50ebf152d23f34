/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_expr: one function per nf_tables match or statement that our rules use. */
#ifndef NFT_EXPR_H
#define NFT_EXPR_H

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipaddr.h"

/* What an anonymous set is called until the kernel has numbered it. */
#define NFT_EXPR_SET_NAME "__set%d"

/*
 * Each adds the expressions of one match or statement to the rule; the comment
 * is what nft prints for it.  -ENOMEM is the only error.  Registers are used
 * within one match only.  An address needs nft_expr_nfproto before it and a
 * port nft_expr_l4proto (or its set), as in nft itself.
 */

/* meta nfproto ipv4 (nft leaves it out before an address) */
int nft_expr_nfproto(struct nftnl_rule *r, uint8_t family);
/* meta l4proto udp, or meta l4proto != udp */
int nft_expr_l4proto(struct nftnl_rule *r, uint8_t proto, bool is);
/* meta l4proto { tcp, udp, ... } */
int nft_expr_l4proto_set(struct nftnl_rule *r, uint32_t set_id);
/* ip saddr 10.0.0.1 */
int nft_expr_saddr(struct nftnl_rule *r, const struct ipaddr *addr);
/* ip daddr 10.0.0.0/8 */
int nft_expr_daddr(struct nftnl_rule *r, const struct ipnet *net);
/* ip daddr { 10.0.0.1, 10.0.0.2 } */
int nft_expr_daddr_set(struct nftnl_rule *r, uint8_t family, uint32_t set_id);
/* tcp sport 22 */
int nft_expr_sport(struct nftnl_rule *r, uint16_t port);
/* udp dport 53, or udp dport 53-54 */
int nft_expr_dport(struct nftnl_rule *r, uint16_t low, uint16_t high);
/* tcp flags & (syn | ack) == syn */
int nft_expr_tcp_syn(struct nftnl_rule *r);
/* ct state new */
int nft_expr_ct_new(struct nftnl_rule *r);
/* ct status dnat */
int nft_expr_ct_dnat(struct nftnl_rule *r);
/* ct status ! dnat */
int nft_expr_ct_not_dnat(struct nftnl_rule *r);
/* ct direction reply */
int nft_expr_ct_reply(struct nftnl_rule *r);
/* ct original ip daddr 10.0.0.0/8: where the connection's first packet went */
int nft_expr_ct_daddr(struct nftnl_rule *r, const struct ipnet *net);
/* ct original ip daddr { 10.0.0.1, 10.0.0.2 } */
int nft_expr_ct_daddr_set(struct nftnl_rule *r, uint8_t family,
			  uint32_t set_id);
/* ct original proto-dst 53, or ct original proto-dst 53-54 */
int nft_expr_ct_dport(struct nftnl_rule *r, uint16_t low, uint16_t high);

/* counter packets 0 bytes 0 */
int nft_expr_counter(struct nftnl_rule *r);
/* return */
int nft_expr_return(struct nftnl_rule *r);
/* queue flags bypass to 7.  Kernels without nft_queue answer the rule ENOENT. */
int nft_expr_queue(struct nftnl_rule *r, uint16_t num, bool bypass);
/* queue num 7 bypass: xt_NFQUEUE revision 3 through nft_compat. */
int nft_expr_xt_queue(struct nftnl_rule *r, uint16_t num, bool bypass);

#endif
