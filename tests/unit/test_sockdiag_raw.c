/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockdiag_raw: raw sockets, where the kernel has raw_diag. */
#include "sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "sockdiag.h"

static void check(struct sockdiag *sd, int family)
{
	struct sockdiag_row rows[8];
	int icmp = open_socket(family, SOCK_RAW, 253);
	int any = open_socket(family, SOCK_RAW, IPPROTO_RAW);
	int n = sockdiag_find_raw(sd, (uint8_t)family, rows, 8), seen = 0;

	need(n != -EOPNOTSUPP, "the kernel has no raw_diag");
	assert_int_equal(n, 2);
	for (int i = 0; i < n; i++) {
		bool is_any = rows[i].local_port == IPPROTO_RAW;

		assert_int_equal(rows[i].family, family);
		assert_true(rows[i].raw);
		assert_int_equal(rows[i].wqueue, 0);
		assert_true(rows[i].inode > 0);
		assert_true(rows[i].cookie == cookie_of(is_any ? any : icmp));
		assert_true(is_any || rows[i].local_port == 253);
		assert_int_equal(rows[i].payload_only, !is_any);
		seen |= 1 << is_any;
	}
	assert_int_equal(seen, 3);
	assert_int_equal(sockdiag_find_raw(sd, (uint8_t)family, rows, 1), 2);
	close(any);
	close(icmp);
	assert_int_equal(sockdiag_find_raw(sd, (uint8_t)family, rows, 8), 0);
}

static void test_raw(void **state)
{
	struct sockdiag *sd;

	(void)state;
	need(enter_netns(), "network namespaces");
	assert_int_equal(sockdiag_open(&sd), 0);
	check(sd, AF_INET);
	check(sd, AF_INET6);
	sockdiag_close(sd);
}

/* They have no addresses to look for. */
static void test_no_tuple(void **state)
{
	struct sockdiag_query q = {.proto = IPPROTO_RAW};
	struct sockdiag_row row = {.raw = true};
	struct sockdiag *sd;

	(void)state;
	ipaddr_parse("127.0.0.1", 9, &q.local);
	q.remote = q.local;
	assert_int_equal(sockdiag_open(&sd), 0);
	assert_int_equal(sockdiag_get(sd, &q, &row), -EOPNOTSUPP);
	assert_int_equal(sockdiag_find_all(sd, &q, &row, 1), -EOPNOTSUPP);
	assert_false(sockdiag_row_fits(&row, &q));
	sockdiag_close(sd);
}

static void test_connected(void **state)
{
	(void)state;
	assert_true(sockdiag_is_connected(IPPROTO_TCP));
	assert_true(sockdiag_is_connected(IPPROTO_SCTP));
	assert_true(sockdiag_is_connected(IPPROTO_DCCP));
	assert_false(sockdiag_is_connected(IPPROTO_UDP));
	assert_false(sockdiag_is_connected(IPPROTO_RAW));
	assert_false(sockdiag_is_connected(253));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_no_tuple),
		cmocka_unit_test(test_connected),
	};

	return cmocka_run_group_tests_name("sockdiag_raw", tests, NULL, NULL);
}
