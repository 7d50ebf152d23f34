/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule: a target's matches, once as expressions and once as nft's words. */
#include "rule.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "nft_expr.h"
#include "proto.h"
#include "util.h"

/* Those that proto_has_ports(), in the order of their numbers, as nft lists
 * them. */
static const uint8_t ports_protos[RULE_PROTOS_MAX] = {
	IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_UDPLITE,
};

static bool has_ports(const struct rule *r)
{
	return r->port_low || r->port_high;
}

/* ----------------------------------------------------- from target to rules */

static int compare_nets(const void *a, const void *b)
{
	const struct ipnet *x = a, *y = b;
	int order = memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));

	return order ? order : x->prefix - y->prefix;
}

/* The target's networks of the family.  A set of networks would need intervals,
 * whose overlaps the kernel refuses; a name resolves to addresses only. */
static bool collect_nets(const struct target *t, struct rule *r)
{
	size_t n = 0;
	bool wide = false;

	for (size_t i = 0; i < t->nnets && i < ARRAY_SIZE(t->nets); i++)
		if (t->nets[i].addr.family == r->family)
			r->nets[n++] = t->nets[i];
	if (n)
		qsort(r->nets, n, sizeof(r->nets[0]), compare_nets);
	for (size_t i = 0; i < n; i++) {
		struct ipnet *last = r->nnets ? &r->nets[r->nnets - 1] : NULL;

		if (last && compare_nets(last, &r->nets[i]) == 0)
			continue;
		wide |= r->nets[i].prefix < 8 * ipaddr_len(&r->nets[i].addr);
		r->nets[r->nnets++] = r->nets[i];
	}
	return r->nnets <= 1 || !wide;
}

/* Appends r, or with -c what it takes to see first packets only.  For TCP that
 * is the SYN: conntrack would be switched on by "ct". */
static size_t append(struct rule *rules, const struct rule *r, bool new_only)
{
	rules[0] = *r;
	if (!new_only)
		return 1;
	rules[0].syn = r->proto == IPPROTO_TCP || r->proto == PROTO_ANY;
	rules[0].ct_new = !rules[0].syn;
	if (r->proto != PROTO_ANY)
		return 1;
	rules[0].proto = IPPROTO_TCP;
	rules[1] = *r;
	rules[1].proto = IPPROTO_TCP;
	rules[1].not_proto = true;
	rules[1].ct_new = true;
	return 2;
}

size_t rule_expand(const struct target *t, size_t index, bool new_only,
		   struct rule rules[RULE_PER_TARGET_MAX])
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct rule r = {
		.proto = t->proto,
		.port_low = t->port_low,
		.port_high = t->port_high,
		.target = index,
	};
	size_t n = 0;

	if (has_ports(&r) && r.proto != PROTO_ANY && !proto_has_ports(r.proto))
		return 0;
	if (t->nnets == 0)
		return t->host[0] ? 0 : append(rules, &r, new_only);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		r.family = families[i];
		r.nnets = 0;
		if (!collect_nets(t, &r))
			return 0;
		if (r.nnets)
			n += append(rules + n, &r, new_only);
	}
	return n;
}

void rule_exempt(struct rule *r, const struct tuple *t, bool incoming)
{
	const struct ipaddr *daddr = incoming ? &t->saddr : &t->daddr;

	*r = (struct rule){
		.family = daddr->family,
		.saddr = incoming ? t->daddr : t->saddr,
		.nets[0].addr = *daddr,
		.nets[0].prefix = (uint8_t)(8 * ipaddr_len(daddr)),
		.nnets = 1,
		.proto = IPPROTO_TCP,
		.sport = incoming ? t->dport : t->sport,
		.port_low = incoming ? t->sport : t->dport,
		.port_high = incoming ? t->sport : t->dport,
		.exempt = true,
	};
}

void rule_behind_nat(struct rule *r)
{
	r->ct = RULE_CT_DNAT;
}

void rule_seen_before_nat(struct rule *r)
{
	r->ct = RULE_CT_ORIGINAL;
	r->exempt = true;
}

void rule_return(struct rule *r, enum rule_ct ct)
{
	*r = (struct rule){
		.ct = ct,
		.proto = PROTO_ANY,
		.exempt = true,
	};
}

size_t rule_protos(const struct rule *r, uint8_t protos[RULE_PROTOS_MAX])
{
	size_t n = 0;

	if (!has_ports(r) || (r->proto != PROTO_ANY && !r->not_proto))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(ports_protos); i++)
		if (!r->not_proto || ports_protos[i] != r->proto)
			protos[n++] = ports_protos[i];
	return n;
}

/* --------------------------------------------------------------- as netlink */

static int put_ct_addr(const struct rule *r, struct nftnl_rule *nr,
		       uint32_t set)
{
	return r->nnets == 1 ? nft_expr_ct_daddr(nr, &r->nets[0])
			     : nft_expr_ct_daddr_set(nr, r->family, set);
}

static int put_addr(const struct rule *r, struct nftnl_rule *nr, uint32_t set)
{
	int ret;

	if (!r->family)
		return 0;
	if (r->ct == RULE_CT_ORIGINAL)
		return put_ct_addr(r, nr, set);
	ret = nft_expr_nfproto(nr, r->family);
	if (!ret && r->saddr.family)
		ret = nft_expr_saddr(nr, &r->saddr);
	if (ret || !r->nnets)
		return ret;
	return r->nnets == 1 ? nft_expr_daddr(nr, &r->nets[0])
			     : nft_expr_daddr_set(nr, r->family, set);
}

static int put_proto(const struct rule *r, struct nftnl_rule *nr, uint32_t set)
{
	uint8_t protos[RULE_PROTOS_MAX];

	if (rule_protos(r, protos))
		return nft_expr_l4proto_set(nr, set);
	if (r->proto == PROTO_ANY)
		return 0;
	return nft_expr_l4proto(nr, (uint8_t)r->proto, !r->not_proto);
}

static int put_dport(const struct rule *r, struct nftnl_rule *nr)
{
	return r->ct == RULE_CT_ORIGINAL
		       ? nft_expr_ct_dport(nr, r->port_low, r->port_high)
		       : nft_expr_dport(nr, r->port_low, r->port_high);
}

static int put_ct(const struct rule *r, struct nftnl_rule *nr)
{
	switch (r->ct) {
	case RULE_CT_NONE:
	case RULE_CT_ORIGINAL:
		break;
	case RULE_CT_NO_DNAT:
		return nft_expr_ct_not_dnat(nr);
	case RULE_CT_REPLY:
		return nft_expr_ct_reply(nr);
	case RULE_CT_DNAT:
		return nft_expr_ct_dnat(nr);
	}
	return 0;
}

int rule_put(const struct rule *r, struct nftnl_rule *nr, uint32_t addr_set,
	     uint32_t proto_set)
{
	int ret = put_ct(r, nr);

	if (!ret)
		ret = put_addr(r, nr, addr_set);
	if (!ret)
		ret = put_proto(r, nr, proto_set);
	if (!ret && r->sport)
		ret = nft_expr_sport(nr, r->sport);
	if (!ret && has_ports(r))
		ret = put_dport(r, nr);
	if (!ret && r->syn)
		ret = nft_expr_tcp_syn(nr);
	if (!ret && r->ct_new)
		ret = nft_expr_ct_new(nr);
	return ret;
}

/* ------------------------------------------------------------------ as text */

static void add_net(struct strbuf *out, const struct ipnet *net)
{
	char text[IPADDR_TEXT_MAX];

	strbuf_puts(out, ipaddr_format(&net->addr, text));
	if (net->prefix < 8 * ipaddr_len(&net->addr))
		strbuf_printf(out, "/%u", net->prefix);
}

static void format_addr(const struct rule *r, struct strbuf *out)
{
	const char *ip = r->family == AF_INET ? "ip" : "ip6";
	char text[IPADDR_TEXT_MAX];

	if (!r->family)
		return;
	if (r->saddr.family)
		strbuf_printf(out, " %s saddr %s", ip,
			      ipaddr_format(&r->saddr, text));
	strbuf_printf(out, " %s%s daddr ",
		      r->ct == RULE_CT_ORIGINAL ? "ct original " : "", ip);
	strbuf_puts(out, r->nnets > 1 ? "{ " : "");
	for (size_t i = 0; i < r->nnets; i++) {
		strbuf_puts(out, i ? ", " : "");
		add_net(out, &r->nets[i]);
	}
	strbuf_puts(out, r->nnets > 1 ? " }" : "");
}

/* nft has the names of /etc/protocols for those that it does not know itself.
 */
static void add_proto(struct strbuf *out, int proto)
{
	const char *name = proto_nft_name(proto);
	const struct protoent *entry = name ? NULL : getprotobynumber(proto);

	if (entry)
		name = entry->p_name;
	if (name)
		strbuf_puts(out, name);
	else
		strbuf_printf(out, "%d", proto);
}

static void format_proto_set(const uint8_t *protos, size_t n,
			     struct strbuf *out)
{
	strbuf_puts(out, " meta l4proto { ");
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(out, i ? ", " : "");
		add_proto(out, protos[i]);
	}
	strbuf_puts(out, " }");
}

static void add_port_range(const struct rule *r, struct strbuf *out)
{
	strbuf_printf(out, "%u", r->port_low);
	if (r->port_high != r->port_low)
		strbuf_printf(out, "-%u", r->port_high);
}

static void add_ports(const struct rule *r, const char *header,
		      struct strbuf *out)
{
	if (r->sport)
		strbuf_printf(out, " %s sport %u", header, r->sport);
	strbuf_printf(out, " %s dport ", header);
	add_port_range(r, out);
}

static void add_meta_proto(const struct rule *r, struct strbuf *out)
{
	strbuf_printf(out, " meta l4proto %s", r->not_proto ? "!= " : "");
	add_proto(out, r->proto);
}

/* Of a connection, nothing of the packet's own header. */
static void format_ct_proto(const struct rule *r, struct strbuf *out)
{
	uint8_t protos[RULE_PROTOS_MAX];
	size_t n = rule_protos(r, protos);

	if (n)
		format_proto_set(protos, n, out);
	else if (r->proto != PROTO_ANY)
		add_meta_proto(r, out);
	if (!has_ports(r))
		return;
	strbuf_puts(out, " ct original proto-dst ");
	add_port_range(r, out);
}

/* A match in a protocol's own header says the protocol: nft then leaves "meta
 * l4proto" out. */
static void format_proto(const struct rule *r, struct strbuf *out)
{
	uint8_t protos[RULE_PROTOS_MAX];
	size_t n = rule_protos(r, protos);

	if (n) {
		format_proto_set(protos, n, out);
		add_ports(r, "th", out);
	} else if (has_ports(r)) {
		add_ports(r, proto_nft_name(r->proto), out);
	} else if (r->proto != PROTO_ANY && !r->syn) {
		add_meta_proto(r, out);
	}
	/* Newer versions print "tcp flags & (syn | ack) == syn", and read
	 * this. */
	if (r->syn)
		strbuf_puts(out, " tcp flags syn / syn,ack");
}

static const char *ct_words(enum rule_ct ct)
{
	switch (ct) {
	case RULE_CT_NONE:
	case RULE_CT_ORIGINAL:
		break;
	case RULE_CT_NO_DNAT:
		return " ct status ! dnat";
	case RULE_CT_REPLY:
		return " ct direction reply";
	case RULE_CT_DNAT:
		return " ct status dnat";
	}
	return "";
}

void rule_format(const struct rule *r, struct strbuf *out)
{
	char mem[TARGET_NETS_MAX * (IPADDR_TEXT_MAX + 2) + 256];
	struct strbuf words;

	strbuf_init(&words, mem, sizeof(mem));
	strbuf_puts(&words, ct_words(r->ct));
	format_addr(r, &words);
	if (r->ct == RULE_CT_ORIGINAL)
		format_ct_proto(r, &words);
	else
		format_proto(r, &words);
	if (r->ct_new)
		strbuf_puts(&words, " ct state new");
	/* Each match brings its own blank before it. */
	strbuf_puts(out, words.len ? mem + 1 : mem);
}
