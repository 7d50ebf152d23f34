/* SPDX-License-Identifier: GPL-2.0-or-later */
/* community_id: the Community ID v1 flow hash, shared with Zeek and Suricata.
 */
#include "community_id.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdbool.h>
#include <string.h>

#include "util.h"

/* What is hashed: seed, two addresses, protocol, padding, two ports. */
#define INPUT_MAX (2 + 2 * 16 + 2 + 2 * 2)

_Static_assert(2 + BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) <
		       COMMUNITY_ID_MAX,
	       "the text must fit");

/* The two ends as they are hashed; ICMP has types in the place of ports. */
struct ends {
	const struct ipaddr *addr[2];
	uint16_t port[2];
	bool has_ports;
	bool one_way; /* no answer belongs to it: keep the order */
};

/* A query and its answer: the types are each other's port. */
struct pair {
	uint8_t query, answer;
};

static const struct pair icmp_pairs[] = {
	{ICMP_ECHO, ICMP_ECHOREPLY},
	{10, 9}, /* router solicitation, advertisement */
	{ICMP_TIMESTAMP, ICMP_TIMESTAMPREPLY},
	{ICMP_INFO_REQUEST, ICMP_INFO_REPLY},
	{ICMP_ADDRESS, ICMP_ADDRESSREPLY},
};

static const struct pair icmp6_pairs[] = {
	{ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY},
	{MLD_LISTENER_QUERY, MLD_LISTENER_REPORT},
	{ND_ROUTER_SOLICIT, ND_ROUTER_ADVERT},
	{ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT},
	{139, 140}, /* who are you */
	{144, 145}, /* home agent address discovery */
};

static void set_icmp_ports(struct ends *e, const struct packet *p,
			   const struct pair *pairs, size_t n)
{
	e->has_ports = true;
	e->port[0] = p->icmp_type;
	e->port[1] = p->icmp_code;
	e->one_way = true;
	for (size_t i = 0; i < n; i++) {
		if (p->icmp_type == pairs[i].query)
			e->port[1] = pairs[i].answer;
		else if (p->icmp_type == pairs[i].answer)
			e->port[1] = pairs[i].query;
		else
			continue;
		e->one_way = false;
		return;
	}
}

/* False where the packet does not hold what the ID is made of. */
static bool set_ends(struct ends *e, const struct packet *p)
{
	const struct tuple *t = &p->tuple;

	*e = (struct ends){.addr = {&t->saddr, &t->daddr}};
	switch (t->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		e->port[0] = t->sport;
		e->port[1] = t->dport;
		e->has_ports = true;
		return p->has_ports;
	case IPPROTO_ICMP:
		set_icmp_ports(e, p, icmp_pairs, ARRAY_SIZE(icmp_pairs));
		return p->l4_len >= 2;
	case IPPROTO_ICMPV6:
		set_icmp_ports(e, p, icmp6_pairs, ARRAY_SIZE(icmp6_pairs));
		return p->l4_len >= 2;
	}
	return true;
}

/* The smaller end comes first, so that both directions have one ID. */
static bool must_swap(const struct ends *e)
{
	int order = memcmp(e->addr[0]->bytes, e->addr[1]->bytes,
			   sizeof(e->addr[0]->bytes));

	if (e->one_way)
		return false;
	return order > 0 || (order == 0 && e->port[0] > e->port[1]);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static size_t build_input(const struct ends *e, uint8_t proto, uint8_t *input)
{
	size_t first = must_swap(e), second = !first;
	size_t len = ipaddr_len(e->addr[0]);
	uint8_t *at = input;

	at = put(at, (uint8_t[]){0, 0}, 2); /* the seed */
	at = put(at, e->addr[first]->bytes, len);
	at = put(at, e->addr[second]->bytes, len);
	at = put(at, (uint8_t[]){proto, 0}, 2);
	if (e->has_ports) {
		uint16_t ports[] = {htons(e->port[first]),
				    htons(e->port[second])};

		at = put(at, ports, sizeof(ports));
	}
	return (size_t)(at - input);
}

const char *community_id_format(const struct packet *p, char *buf, size_t size)
{
	uint8_t input[INPUT_MAX], digest[SHA1_DIGEST_SIZE];
	const size_t text_len = BASE64_ENCODE_RAW_LENGTH(sizeof(digest));
	struct sha1_ctx sha1;
	struct ends e;

	buf[0] = '\0';
	if (size < 2 + text_len + 1 || !ipaddr_len(&p->tuple.saddr) ||
	    !set_ends(&e, p))
		return buf;
	sha1_init(&sha1);
	sha1_update(&sha1, build_input(&e, p->tuple.proto, input), input);
	sha1_digest(&sha1, sizeof(digest), digest);
	buf[0] = '1';
	buf[1] = ':';
	base64_encode_raw(buf + 2, sizeof(digest), digest);
	buf[2 + text_len] = '\0';
	return buf;
}
