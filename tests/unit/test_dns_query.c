/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dns_query: which packets ask, and what. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns_query.h"

#define HEADER_LEN 12

static uint8_t payload[1024];
static size_t len;
static struct packet p;
static struct dns_question q;
static bool any_port;

static int set_up(void **state)
{
	(void)state;
	len = 0;
	any_port = false;
	memset(&p, 0, sizeof(p));
	p.tuple.proto = IPPROTO_TCP;
	p.tuple.dport = 53;
	p.has_ports = true;
	return 0;
}

static void add(const void *bytes, size_t n)
{
	memcpy(payload + len, bytes, n);
	len += n;
}

#define ADD(bytes) add(bytes, sizeof(bytes) - 1)

/* A query for that name in wire form; over TCP its length is before it. */
static void ask(const char *name, size_t n, uint8_t type)
{
	const uint8_t tail[] = {0, type, 0, 1};
	size_t message = HEADER_LEN + n + sizeof(tail);

	if (p.tuple.proto == IPPROTO_TCP)
		add((uint8_t[]){(uint8_t)(message >> 8), (uint8_t)message}, 2);
	ADD("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00");
	add(name, n);
	add(tail, sizeof(tail));
}

#define ASK(name, type) ask(name, sizeof(name), type)

/* How many questions there are, q the last of them; from a copy of exactly that
 * size, so that a sanitizer sees one too many. */
static unsigned count(void)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct dns_query d;
	unsigned n = 0;

	assert_non_null(copy);
	memcpy(copy, payload, len);
	p.payload = copy;
	p.payload_len = len;
	dns_query_begin(&d, &p, any_port);
	while (dns_query_next(&d, &q))
		n++;
	assert_false(dns_query_next(&d, &q));
	free(copy);
	return n;
}

static void test_udp(void **state)
{
	(void)state;
	p.tuple.proto = IPPROTO_UDP;
	ASK("\7example\3org", 28);
	assert_int_equal(count(), 1);
	assert_string_equal(q.name, "example.org");
	assert_int_equal(q.type, 28);
	ASK("\1a", 1); /* behind it: no second one */
	assert_int_equal(count(), 1);
}

static void test_tcp(void **state)
{
	(void)state;
	ASK("\7example\3org", 1);
	assert_int_equal(count(), 1);
	assert_string_equal(q.name, "example.org");
	assert_int_equal(q.type, 1);
	/* glibc's "use-vc" has both in one segment */
	ASK("\7example\3org", 28);
	assert_int_equal(count(), 2);
	assert_int_equal(q.type, 28);
	ADD("\0\1\0");
	assert_int_equal(count(), 2);
}

static void test_other_packets(void **state)
{
	(void)state;
	ASK("\1a", 1);
	assert_int_equal(count(), 1);
	p.tuple.dport = 54;
	assert_int_equal(count(), 0);
	any_port = true;
	assert_int_equal(count(), 1);
	p.tuple.dport = 53;
	p.has_ports = false;
	assert_int_equal(count(), 0);
	p.has_ports = true;
	p.tuple.proto = IPPROTO_SCTP;
	assert_int_equal(count(), 0);
	p.tuple.proto = IPPROTO_UDP; /* the length is no header */
	assert_int_equal(count(), 0);
	p.tuple.proto = IPPROTO_TCP;
	len = 0;
	assert_int_equal(count(), 0);
}

/* No payload at all is a NULL view. */
static void test_no_view(void **state)
{
	struct dns_query d;

	(void)state;
	dns_query_begin(&d, &p, true);
	assert_false(dns_query_next(&d, &q));
}

/* As far as the question is there it is read, and not a byte before. */
static void test_split(void **state)
{
	size_t whole;

	(void)state;
	ASK("\7example\3org", 1);
	whole = len;
	for (len = 0; len < whole; len++)
		assert_int_equal(count(), 0);
	/* of EDNS behind it only the beginning */
	payload[1] = (uint8_t)(payload[1] + 11);
	assert_int_equal(count(), 1);
	ADD("\0\0\x29");
	assert_int_equal(count(), 1);
	/* the length alone, and the rest without it */
	len = 2;
	assert_int_equal(count(), 0);
	len = whole - 2;
	memmove(payload, payload + 2, len);
	assert_int_equal(count(), 0);
}

/* The message ends where its length says. */
static void test_short_length(void **state)
{
	size_t whole;

	(void)state;
	ASK("\7example\3org", 1);
	whole = payload[1];
	for (size_t n = 0; n < whole; n++) {
		payload[1] = (uint8_t)n;
		assert_int_equal(count(), 0);
	}
	payload[1] = (uint8_t)whole;
	assert_int_equal(count(), 1);
}

/* What is no lone question is none, over TCP. */
static void test_strict(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {
		{4, 0x81}, /* an answer */
		{4, 0x29}, /* an update */
		{6, 1},	   /* 257 questions */
		{7, 0},	   /* none */
		{7, 2},	   /* two */
		{8, 1},	   /* 256 answers */
		{9, 1},	   /* one */
		{14, 0xc0} /* a pointer */
	};

	(void)state;
	ASK("\7example\3org", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t was = payload[cases[i].at];

		payload[cases[i].at] = cases[i].value;
		assert_int_equal(count(), 0);
		payload[cases[i].at] = was;
	}
	payload[11] = 1; /* an authority record: IXFR has one */
	payload[13] = 2; /* additional ones: EDNS, TSIG */
	assert_int_equal(count(), 1);
}

/* A web server on that port, a TLS hello, zeros. */
static void test_other_protocols(void **state)
{
	(void)state;
	ADD("GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n");
	assert_int_equal(count(), 0);
	len = 0;
	ADD("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x5e\x11\x22\x33\x44"
	    "\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00\x11\x22\x33\x44");
	assert_int_equal(count(), 0);
	memset(payload, 0, sizeof(payload));
	len = 100;
	assert_int_equal(count(), 0);
}

/* Any of the questions, any of the names; at any port. */
static void test_match(void **state)
{
	struct dns_pattern names[2];
	const char *why;
	size_t pos;

	(void)state;
	dns_pattern_parse("evil.example", &names[0], &pos, &why);
	dns_pattern_parse("*.bad.example", &names[1], &pos, &why);
	p.tuple.dport = 5353;
	p.payload = payload;
	ASK("\7example\3org", 1);
	p.payload_len = len;
	assert_false(dns_query_match(&p, names, 2));
	assert_false(dns_query_match(&p, names, 0));
	ASK("\3bad\7example", 1);
	p.payload_len = len;
	assert_false(dns_query_match(&p, names, 2));
	ASK("\1x\3BAD\7example", 1);
	p.payload_len = len;
	assert_true(dns_query_match(&p, names, 2));
	assert_false(dns_query_match(&p, names, 1));
	p.tuple.proto = IPPROTO_UDP;
	p.payload += len - HEADER_LEN - 15 - 4; /* the last message alone */
	p.payload_len = HEADER_LEN + 15 + 4;
	assert_true(dns_query_match(&p, names, 2));
	p.payload_len--;
	assert_false(dns_query_match(&p, names, 2));
}

static void test_hash(void **state)
{
	struct dns_question a = {.name = "Example.ORG", .type = 1}, b = a;

	(void)state;
	memcpy(b.name, "eXAMPLE.org", 12);
	assert_true(dns_query_hash(&a) == dns_query_hash(&b));
	b.type = 28;
	assert_false(dns_query_hash(&a) == dns_query_hash(&b));
	memcpy(b.name, "eXAMPLE.orh", 12);
	b.type = 1;
	assert_false(dns_query_hash(&a) == dns_query_hash(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_udp, set_up),
		cmocka_unit_test_setup(test_tcp, set_up),
		cmocka_unit_test_setup(test_other_packets, set_up),
		cmocka_unit_test_setup(test_no_view, set_up),
		cmocka_unit_test_setup(test_split, set_up),
		cmocka_unit_test_setup(test_short_length, set_up),
		cmocka_unit_test_setup(test_strict, set_up),
		cmocka_unit_test_setup(test_other_protocols, set_up),
		cmocka_unit_test_setup(test_match, set_up),
		cmocka_unit_test_setup(test_hash, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
