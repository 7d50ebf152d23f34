/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_packet: a packet's bytes, the packet within an ICMP error, the question
 * in its payload, and both as text. */
#include <string.h>

#include "community_id.h"
#include "dns_query.h"
#include "fuzz.h"
#include "packet.h"
#include "proto.h"
#include "strbuf.h"

struct bounds {
	const uint8_t *start;
	size_t len;
};

static void check_view(struct bounds b, const uint8_t *p, size_t len)
{
	if (!p) {
		FUZZ_CHECK(!len);
		return;
	}
	FUZZ_CHECK(p >= b.start && p <= b.start + b.len);
	FUZZ_CHECK(len <= b.len - (size_t)(p - b.start));
}

/* Nothing that a terminal obeys, and valid as far as it goes. */
static void check_escaped(const uint8_t *bytes, size_t len)
{
	char text[200];
	struct strbuf sb;

	strbuf_init(&sb, text, sizeof(text));
	strbuf_add_escaped(&sb, bytes, len);
	FUZZ_CHECK(strlen(text) == sb.len);
	FUZZ_CHECK(strbuf_utf8_span(text, sb.len) == sb.len);
	for (size_t i = 0; i < sb.len; i++)
		FUZZ_CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static void check_question(const struct dns_question *q)
{
	char type[10];

	FUZZ_CHECK(strlen(q->name) > 0 && strlen(q->name) <= 4 * 250 + 3);
	for (const char *p = q->name; *p; p++)
		FUZZ_CHECK(*p > 0x20 && *p < 0x7f);
	FUZZ_CHECK(dns_type_format(q->type, type, sizeof(type)) == type);
	dns_query_hash(q);
}

static void check_questions(const struct packet *p)
{
	struct dns_question q;
	struct dns_query d;
	size_t left;

	dns_query_begin(&d, p, false);
	for (left = d.len; dns_query_next(&d, &q); left = d.len) {
		FUZZ_CHECK(d.len < left);
		check_question(&q);
	}
	FUZZ_CHECK(!d.len);
}

/* The bytes as what DNS over UDP and TCP would carry. */
static void check_payload(const uint8_t *bytes, size_t len)
{
	struct packet p = {
		.has_ports = true, .payload = bytes, .payload_len = len};

	p.tuple.dport = DNS_QUERY_PORT;
	p.tuple.proto = 6;
	check_questions(&p);
	p.tuple.proto = 17;
	check_questions(&p);
}

static void check_packet(struct bounds b, const struct packet *p)
{
	const struct tuple *t = &p->tuple;
	struct tuple copy = *t;
	char id[COMMUNITY_ID_MAX];

	check_view(b, p->l4, p->l4_len);
	check_view((struct bounds){p->l4, p->l4_len}, p->payload,
		   p->payload_len);
	FUZZ_CHECK(t->family == t->saddr.family &&
		   t->family == t->daddr.family);
	FUZZ_CHECK(!p->has_ports || (proto_has_ports(t->proto) && p->l4));
	FUZZ_CHECK(!p->fragment || !p->l4);
	FUZZ_CHECK(tuple_equal(t, &copy) && tuple_hash(t) == tuple_hash(&copy));
	community_id_format(p, id, sizeof(id));
	FUZZ_CHECK(id[0] == '\0' || strlen(id) == 30);
	check_questions(p);
	check_payload(p->payload, p->payload_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bounds b = {data, size};
	struct packet p, inner;

	check_escaped(data, size);
	check_payload(data, size);
	for (size_t len = 0; len <= 2 * size; len += size ? size : 1) {
		if (packet_parse(&p, data, size, len))
			break;
		check_packet(b, &p);
		if (packet_parse_inner(&p, &inner) == 0)
			check_packet((struct bounds){p.payload, p.payload_len},
				     &inner);
	}
	return 0;
}
