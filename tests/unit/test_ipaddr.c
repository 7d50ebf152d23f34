/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ipaddr: addresses and networks from text, bytes and sockaddrs. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ipaddr.h"

static struct ipaddr addr(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct ipnet net(const char *text, unsigned prefix)
{
	struct ipaddr a = addr(text);
	struct ipnet n;

	assert_int_equal(ipnet_make(&a, prefix, &n), 0);
	return n;
}

static const char *text_of(struct ipaddr a)
{
	static char buf[IPADDR_TEXT_MAX];

	return ipaddr_format(&a, buf);
}

static void test_text(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0",
		"255.255.255.255",
		"192.168.1.1",
		"::",
		"::1",
		"2001:db8::1",
		"ff02::1:ff00:1",
		"::ffff:1.2.3.4",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(text_of(addr(texts[i])), texts[i]);
}

static void test_bad_text(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"1.2.3",
		"1.2.3.4.5",
		"256.1.1.1",
		"01.2.3.4",
		"1.2.3.4 ",
		"1..2.3",
		"0x7f.0.0.1",
		"[::1]",
		"fe80::1%lo",
		":::",
		"1::2::3",
		"12345::",
		"1.2.3.4/8",
		"localhost",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};
	struct ipaddr a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ipaddr_parse(bad[i], strlen(bad[i]), &a),
				 -EINVAL);
	assert_int_equal(ipaddr_parse("1.2.3.4\0x", 9, &a), -EINVAL);
	assert_int_equal(ipaddr_parse("::1\0", 4, &a), -EINVAL);
	/* exactly len bytes */
	assert_int_equal(ipaddr_parse("1.2.3.45", 7, &a), 0);
	assert_string_equal(text_of(a), "1.2.3.4");
}

static void test_bytes(void **state)
{
	static const uint8_t bytes[16] = {10, 1, 2, 3, 99};
	struct ipaddr a = ipaddr_from_bytes(AF_INET, bytes);
	struct ipaddr b = addr("10.1.2.3");

	(void)state;
	assert_int_equal(ipaddr_len(&a), 4);
	assert_memory_equal(&a, &b, sizeof(a)); /* the rest is zero */
	assert_true(ipaddr_equal(&a, &b));
	b = ipaddr_from_bytes(AF_INET6, bytes);
	assert_int_equal(ipaddr_len(&b), 16);
	assert_int_equal(b.bytes[4], 99);
	assert_false(ipaddr_equal(&a, &b));
	a = ipaddr_from_bytes(AF_UNIX, bytes);
	assert_int_equal(a.family, AF_UNSPEC);
	assert_int_equal(ipaddr_len(&a), 0);
	assert_string_equal(text_of(a), "");
}

static void test_equal(void **state)
{
	struct ipaddr a = addr("2001:db8::1"), b = addr("2001:db8::2");
	struct ipaddr none = {0}, zero4 = addr("0.0.0.0"), zero6 = addr("::");

	(void)state;
	assert_true(ipaddr_equal(&a, &a));
	assert_false(ipaddr_equal(&a, &b));
	assert_false(ipaddr_equal(&zero4, &zero6));
	assert_false(ipaddr_equal(&none, &zero4));
}

static void test_kinds(void **state)
{
	struct ipaddr a, none = {0};

	(void)state;
	assert_true((a = addr("0.0.0.0"), ipaddr_is_any(&a)));
	assert_true((a = addr("::"), ipaddr_is_any(&a)));
	assert_false((a = addr("0.0.0.1"), ipaddr_is_any(&a)));
	assert_false((a = addr("::1"), ipaddr_is_any(&a)));
	assert_false(ipaddr_is_any(&none));
	assert_true((a = addr("fe80::1"), ipaddr_is_link_local(&a)));
	assert_true((a = addr("febf::1"), ipaddr_is_link_local(&a)));
	assert_false((a = addr("fec0::1"), ipaddr_is_link_local(&a)));
	assert_true((a = addr("169.254.9.9"), ipaddr_is_link_local(&a)));
	assert_false((a = addr("169.255.0.1"), ipaddr_is_link_local(&a)));
	assert_false((a = addr("a9fe::"), ipaddr_is_link_local(&a)));
	assert_false(ipaddr_is_link_local(&none));
}

static void test_unmap(void **state)
{
	struct ipaddr a = addr("::ffff:10.0.0.1");

	(void)state;
	a = ipaddr_unmap(&a);
	assert_string_equal(text_of(a), "10.0.0.1");
	a = ipaddr_unmap(&a);
	assert_string_equal(text_of(a), "10.0.0.1");
	a = addr("::10.0.0.1"); /* compatible, not mapped */
	a = ipaddr_unmap(&a);
	assert_int_equal(a.family, AF_INET6);
	a = addr("1::ffff:a00:1");
	a = ipaddr_unmap(&a);
	assert_int_equal(a.family, AF_INET6);
}

static void test_sockaddr(void **state)
{
	static const char *const texts[] = {"192.0.2.7", "2001:db8::7"};
	struct sockaddr_storage ss;
	struct ipaddr a, b, none = {0};
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		a = addr(texts[i]);
		assert_int_equal(ipaddr_to_sockaddr(&a, 53, 9, &ss),
				 i ? sizeof(struct sockaddr_in6)
				   : sizeof(struct sockaddr_in));
		assert_int_equal(ss.ss_family, a.family);
		assert_int_equal(
			ipaddr_from_sockaddr((struct sockaddr *)&ss, &b, &port),
			0);
		assert_true(ipaddr_equal(&a, &b));
		assert_int_equal(port, 53);
	}
	assert_int_equal(((struct sockaddr_in6 *)&ss)->sin6_scope_id, 9);
	assert_int_equal(((struct sockaddr_in6 *)&ss)->sin6_port, htons(53));
	ss.ss_family = AF_UNIX;
	assert_int_equal(
		ipaddr_from_sockaddr((struct sockaddr *)&ss, &b, &port),
		-EAFNOSUPPORT);
	assert_int_equal(ipaddr_to_sockaddr(&none, 1, 0, &ss), 0);
}

static void test_net_make(void **state)
{
	struct ipaddr v4 = addr("10.1.2.3"), v6 = addr("2001:db8::1");
	struct ipaddr none = {0};
	struct ipnet n;

	(void)state;
	assert_int_equal(ipnet_make(&v4, 33, &n), -ERANGE);
	assert_int_equal(ipnet_make(&v4, 4294967295U, &n), -ERANGE);
	assert_int_equal(ipnet_make(&v6, 129, &n), -ERANGE);
	assert_int_equal(ipnet_make(&none, 0, &n), -EAFNOSUPPORT);
	assert_string_equal(text_of(net("10.1.2.3", 8).addr), "10.0.0.0");
	assert_string_equal(text_of(net("10.1.2.3", 31).addr), "10.1.2.2");
	assert_string_equal(text_of(net("10.1.2.3", 32).addr), "10.1.2.3");
	assert_string_equal(text_of(net("10.1.2.3", 0).addr), "0.0.0.0");
	assert_string_equal(text_of(net("2001:db8:ffff::1", 33).addr),
			    "2001:db8:8000::");
	assert_string_equal(text_of(net("2001:db8::1", 128).addr),
			    "2001:db8::1");
}

static bool contains(struct ipnet n, const char *text)
{
	struct ipaddr a = addr(text);

	return ipnet_contains(&n, &a);
}

static void test_net_contains(void **state)
{
	(void)state;
	assert_true(contains(net("10.1.2.3", 8), "10.255.255.255"));
	assert_false(contains(net("10.1.2.3", 8), "11.0.0.0"));
	assert_true(contains(net("10.1.2.2", 31), "10.1.2.3"));
	assert_false(contains(net("10.1.2.2", 31), "10.1.2.4"));
	assert_true(contains(net("0.0.0.0", 0), "255.255.255.255"));
	assert_false(contains(net("0.0.0.0", 0), "::1"));
	assert_false(contains(net("::", 0), "1.2.3.4"));
	assert_true(contains(net("2001:db8::", 33), "2001:db8:7fff::1"));
	assert_false(contains(net("2001:db8::", 33), "2001:db8:8000::1"));
	assert_true(contains(net("::1", 128), "::1"));
	assert_false(contains(net("::1", 128), "::2"));
}

static void test_net_mask(void **state)
{
	struct ipnet n = net("10.1.2.3", 20);
	uint8_t mask[16];

	(void)state;
	memset(mask, 0xaa, sizeof(mask));
	ipnet_mask(&n, mask);
	assert_memory_equal(mask, "\xff\xff\xf0\x00\xaa", 5);
	n = net("::", 0);
	ipnet_mask(&n, mask);
	assert_memory_equal(mask, (uint8_t[16]){0}, 16);
	n = net("::", 121);
	ipnet_mask(&n, mask);
	assert_int_equal(mask[14], 0xff);
	assert_int_equal(mask[15], 0x80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_net_make),
		cmocka_unit_test(test_net_contains),
		cmocka_unit_test(test_net_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
