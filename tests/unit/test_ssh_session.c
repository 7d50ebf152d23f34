/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ssh_session: $SSH_CONNECTION read as the tuple of our packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "ssh_session.h"

static void expect_address(const struct ipaddr *a, const char *text)
{
	char buf[IPADDR_TEXT_MAX];

	assert_string_equal(ipaddr_format(a, buf), text);
}

static void test_read(void **state)
{
	struct tuple t;

	(void)state;
	assert_int_equal(ssh_session_read("192.0.2.7 51022 192.0.2.1 22", &t),
			 0);
	expect_address(&t.saddr, "192.0.2.1");
	expect_address(&t.daddr, "192.0.2.7");
	assert_int_equal(t.sport, 22);
	assert_int_equal(t.dport, 51022);
	assert_int_equal(t.family, AF_INET);
	assert_int_equal(t.proto, IPPROTO_TCP);
}

static void test_read_v6(void **state)
{
	struct tuple t;

	(void)state;
	assert_int_equal(
		ssh_session_read("fe80::1%eth0 51022 fe80::2%eth0 22", &t), 0);
	expect_address(&t.daddr, "fe80::1");
	assert_int_equal(
		ssh_session_read("::ffff:192.0.2.7 5 ::ffff:192.0.2.1 22", &t),
		0);
	assert_int_equal(t.family, AF_INET);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"192.0.2.7",
		"192.0.2.7 51022",
		"192.0.2.7 51022 192.0.2.1",
		"192.0.2.7 51022 192.0.2.1 65536",
		"192.0.2.7 51022 192.0.2.1 x",
		"host 51022 192.0.2.1 22",
		"192.0.2.7 51022 fd00::1 22",
		"%eth0 51022 192.0.2.1 22",
	};
	struct tuple t;

	(void)state;
	assert_int_equal(ssh_session_read(NULL, &t), -ENOENT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ssh_session_read(bad[i], &t), -EINVAL);
}

static void test_is_target(void **state)
{
	static const struct {
		const char *target;
		bool named;
	} cases[] = {
		{"192.0.2.7", true},	 {"192.0.2.7/32", true},
		{"192.0.2.0/24", false}, {"any", false},
		{"192.0.2.8", false},	 {":22", false},
	};
	struct target_error err;
	struct target target;
	struct tuple t;

	(void)state;
	ssh_session_read("192.0.2.7 51022 192.0.2.1 22", &t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(target_parse(cases[i].target, IPPROTO_TCP,
					      &target, &err),
				 0);
		assert_int_equal(ssh_session_is_target(&t, &target, 1),
				 cases[i].named);
	}
	assert_false(ssh_session_is_target(&t, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_v6),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_is_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
