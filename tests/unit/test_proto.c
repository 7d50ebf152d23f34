/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_proto: protocol names and numbers, both ways. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto.h"

static const struct {
	const char *name, *nft;
	int number;
	bool ports;
} known[] = {
	{"tcp", "tcp", 6, true},	   {"udp", "udp", 17, true},
	{"udplite", "udplite", 136, true}, {"sctp", "sctp", 132, true},
	{"dccp", "dccp", 33, true},	   {"icmp", "icmp", 1, false},
	{"icmp6", "ipv6-icmp", 58, false},
};

static int parse(const char *text, int *proto)
{
	*proto = -4711;
	return proto_parse(text, strlen(text), proto);
}

static void test_known(void **state)
{
	char buf[8];
	int proto;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(parse(known[i].name, &proto), 0);
		assert_int_equal(proto, known[i].number);
		assert_string_equal(proto_name(proto), known[i].name);
		assert_string_equal(proto_nft_name(proto), known[i].nft);
		assert_string_equal(proto_format(proto, buf, sizeof(buf)),
				    known[i].name);
		assert_true(proto_has_ports(proto) == known[i].ports);
	}
}

static void test_any(void **state)
{
	int proto;

	(void)state;
	assert_int_equal(parse("any", &proto), 0);
	assert_int_equal(proto, PROTO_ANY);
	assert_string_equal(proto_name(PROTO_ANY), "any");
	assert_null(proto_nft_name(PROTO_ANY));
	assert_false(proto_has_ports(PROTO_ANY));
}

static void test_numbers(void **state)
{
	char buf[4];
	int proto;

	(void)state;
	assert_int_equal(parse("47", &proto), 0);
	assert_int_equal(proto, 47);
	assert_null(proto_name(47));
	assert_null(proto_nft_name(47));
	assert_false(proto_has_ports(47));
	assert_string_equal(proto_format(47, buf, sizeof(buf)), "47");
	assert_int_equal(parse("6", &proto), 0);
	assert_string_equal(proto_name(proto), "tcp");
	assert_int_equal(parse("0", &proto), 0);
	assert_int_equal(parse("255", &proto), 0);
	assert_string_equal(proto_format(255, buf, sizeof(buf)), "255");
}

static void test_connected(void **state)
{
	(void)state;
	assert_true(proto_is_connected(6));
	assert_true(proto_is_connected(33));
	assert_true(proto_is_connected(132));
	assert_false(proto_is_connected(17));
	assert_false(proto_is_connected(PROTO_ANY));
}

static void test_neither(void **state)
{
	static const char *const bad[] = {"",
					  "TCP",
					  "tc",
					  "tcpp",
					  "256",
					  "-1",
					  "0x6",
					  "6 ",
					  "icmpv6",
					  "4294967302",
					  "18446744073709551622"};
	int proto;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i], &proto), -EINVAL);
		assert_int_equal(proto, -4711);
	}
	/* exactly len bytes */
	assert_int_equal(proto_parse("tcpx", 3, &proto), 0);
	assert_int_equal(proto_parse("tcp", 4, &proto), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_connected),
		cmocka_unit_test(test_neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
