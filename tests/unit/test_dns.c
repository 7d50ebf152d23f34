/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dns: questions, and what only looks like one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns.h"

#define HEADER_LEN  12
#define PARSE(name) parse(name, sizeof(name) - 1)
#define LABEL_63 \
	"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define LABEL_61 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy"
#define WIRE_63	 "\x3f" LABEL_63

static struct dns_question q;
static uint8_t msg[512];

/* A query for that name in wire form, type A, class IN; returns its length. */
static size_t build(const char *name, size_t len)
{
	memcpy(msg, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
	memcpy(msg + HEADER_LEN, name, len);
	memcpy(msg + HEADER_LEN + len, "\x00\x01\x00\x01", 4);
	return HEADER_LEN + len + 4;
}

/* From a copy of exactly that size, so that a sanitizer sees one too many. */
static int parse_msg(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, msg, len);
	err = dns_parse_query(copy, len, &q);
	free(copy);
	return err;
}

static int parse(const char *name, size_t len)
{
	return parse_msg(build(name, len));
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(PARSE("\7example\3org\0"), 0);
	assert_string_equal(q.name, "example.org");
	assert_int_equal(q.type, 1);
	assert_int_equal(PARSE("\0"), 0);
	assert_string_equal(q.name, ".");
	assert_int_equal(PARSE("\4_dns\4_udp\1A\0"), 0);
	assert_string_equal(q.name, "_dns._udp.A");
}

static void test_type(void **state)
{
	size_t len = build("\1a\0", 3);

	(void)state;
	msg[len - 4] = 0xff;
	msg[len - 3] = 0x01;
	assert_int_equal(parse_msg(len), 0);
	assert_int_equal(q.type, 0xff01);
}

static void test_escapes(void **state)
{
	(void)state;
	assert_int_equal(PARSE("\3a.b\1c\0"), 0);
	assert_string_equal(q.name, "a\\.b.c"); /* not a.b.c */
	assert_int_equal(PARSE("\3a\\b\0"), 0);
	assert_string_equal(q.name, "a\\\\b");
	assert_int_equal(PARSE("\5\0\n\x1b \xff\1a\0"), 0);
	assert_string_equal(q.name, "\\000\\010\\027\\032\\255.a");
	assert_int_equal(PARSE("\4\\032\0"), 0);
	assert_string_equal(q.name, "\\\\032"); /* not a blank */
	assert_int_equal(PARSE("\2~!\0"), 0);
	assert_string_equal(q.name, "~!");
	assert_int_equal(PARSE("\1\x7f\0"), 0);
	assert_string_equal(q.name, "\\127");
}

static void test_longest(void **state)
{
	char name[255];
	size_t at = 0;

	(void)state;
	assert_int_equal(PARSE(WIRE_63 WIRE_63 WIRE_63 "\x3d" LABEL_61 "\0"),
			 0);
	assert_int_equal(strlen(q.name), 253);
	assert_int_equal(PARSE(WIRE_63 WIRE_63 WIRE_63 "\x3e" LABEL_61 "x\0"),
			 -EBADMSG);
	/* all of it escaped: the longest text that there can be */
	for (int i = 0; i < 4; i++) {
		size_t len = i < 3 ? 63 : 61;

		name[at++] = (char)len;
		memset(name + at, 0xff, len);
		at += len;
	}
	name[at++] = 0;
	assert_int_equal(at, 255);
	assert_int_equal(parse(name, at), 0);
	assert_int_equal(strlen(q.name), 4 * 250 + 3);
	assert_string_equal(q.name + strlen(q.name) - 4, "\\255");
}

static void test_cut_short(void **state)
{
	size_t len = build("\7example\3org\0", 13);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(parse_msg(n), -EBADMSG);
	assert_int_equal(parse_msg(len), 0);
	assert_int_equal(parse_msg(len + 20), 0); /* EDNS and the like */
}

static void test_hostile_names(void **state)
{
	(void)state;
	assert_int_equal(PARSE("\xc0\x0c"), -EBADMSG); /* at itself */
	assert_int_equal(PARSE("\3www\xc0\x0c"), -EBADMSG);
	assert_int_equal(PARSE("\xc0\x00"), -EBADMSG);
	assert_int_equal(PARSE("\x40" LABEL_63 "x\0"), -EBADMSG);
	assert_int_equal(PARSE("\x80\0"), -EBADMSG);
	assert_int_equal(PARSE("\xff\0"), -EBADMSG);
	assert_int_equal(PARSE("\x3f"
			       "abc"),
			 -EBADMSG); /* past the end */
}

static void test_header(void **state)
{
	size_t len = build("\1a\0", 3);

	(void)state;
	msg[2] = 0x81; /* an answer */
	assert_int_equal(parse_msg(len), -EBADMSG);
	for (unsigned opcode = 1; opcode < 16; opcode++) {
		msg[2] = (uint8_t)(opcode << 3 | 1);
		assert_int_equal(parse_msg(len), -EBADMSG);
	}
	msg[2] = 0x07; /* AA, TC, RD: odd in a query, but one */
	msg[3] = 0xff;
	assert_int_equal(parse_msg(len), 0);
	msg[5] = 0; /* no question */
	assert_int_equal(parse_msg(len), -EBADMSG);
	msg[4] = 1; /* 256 of them: the first is asked for */
	assert_int_equal(parse_msg(len), 0);
}

static void test_type_names(void **state)
{
	static const struct {
		uint16_t type;
		const char *name;
	} types[] = {{1, "A"},
		     {28, "AAAA"},
		     {65, "HTTPS"},
		     {255, "ANY"},
		     {12, "PTR"},
		     {16, "TXT"},
		     {45, "IPSECKEY"},
		     {0, "TYPE0"},
		     {65280, "TYPE65280"},
		     {65535, "TYPE65535"}};
	char buf[12];

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_string_equal(dns_type_format(types[i].type, buf, 10),
				    types[i].name);
	/* ten characters do not fit ten bytes: the number does */
	assert_string_equal(dns_type_format(51, buf, 10), "TYPE51");
	assert_string_equal(dns_type_format(51, buf, 11), "NSEC3PARAM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_type),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_type_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
