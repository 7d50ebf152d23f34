/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockdiag_row: the parser and the filter, on rows made by hand. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nl.h"
#include "sockdiag.h"
#include "util.h"

/* ---- the parser ---- */

static struct inet_diag_msg sample(uint8_t family)
{
	return (struct inet_diag_msg){
		.idiag_family = family,
		.idiag_state = TCP_ESTABLISHED,
		.id = {.idiag_sport = htons(1000),
		       .idiag_dport = htons(53),
		       .idiag_src = {htonl(0x7f000001)},
		       .idiag_dst = {htonl(0xc0000201)},
		       .idiag_if = 7,
		       .idiag_cookie = {0x89abcdef, 0x01234567}},
		.idiag_rqueue = 11,
		.idiag_wqueue = 12,
		.idiag_uid = 13,
		.idiag_inode = 0xfedcba98,
	};
}

/* Parses a copy that ends where the message ends, so that ASan sees a step
 * beyond it. */
static int parse(const struct inet_diag_msg *m, uint16_t type, const void *rest,
		 size_t restlen, size_t cut, struct sockdiag_row *row)
{
	size_t len = sizeof(struct nlmsghdr) + sizeof(*m) + restlen - cut;
	char whole[512] = {0};
	struct nlmsghdr nlh = {.nlmsg_len = (uint32_t)len, .nlmsg_type = type};
	void *copy = malloc(len);
	int err;

	assert_non_null(copy);
	memcpy(whole, &nlh, sizeof(nlh));
	memcpy(whole + sizeof(nlh), m, sizeof(*m));
	if (restlen)
		memcpy(whole + sizeof(nlh) + sizeof(*m), rest, restlen);
	memcpy(copy, whole, len);
	memset(row, 0xaa, sizeof(*row));
	err = sockdiag_parse(copy, row);
	free(copy);
	return err;
}

static int parse_with(const void *attrs, size_t len, struct sockdiag_row *row)
{
	struct inet_diag_msg m = sample(AF_INET);

	return parse(&m, SOCK_DIAG_BY_FAMILY, attrs, len, 0, row);
}

static void test_parse_exact(void **state)
{
	struct inet_diag_msg m = sample(AF_INET);
	struct sockdiag_row row;
	char text[IPADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(parse(&m, SOCK_DIAG_BY_FAMILY, NULL, 0, 0, &row), 0);
	assert_int_equal(row.family, AF_INET);
	assert_int_equal(row.state, TCP_ESTABLISHED);
	assert_string_equal(ipaddr_format(&row.local, text), "127.0.0.1");
	assert_string_equal(ipaddr_format(&row.remote, text), "192.0.2.1");
	assert_int_equal(row.local_port, 1000);
	assert_int_equal(row.remote_port, 53);
	assert_int_equal(row.ifindex, 7);
	assert_int_equal(row.rqueue, 11);
	assert_int_equal(row.wqueue, 12);
	assert_int_equal(row.uid, 13);
	assert_true(row.inode == 0xfedcba98);
	assert_true(row.cookie == 0x0123456789abcdef);
	assert_true(row.cgroup_id == 0);
	assert_false(row.v6only);
}

static void test_parse_ipv6(void **state)
{
	struct inet_diag_msg m = sample(AF_INET6);
	struct sockdiag_row row;
	char text[IPADDR_TEXT_MAX];

	(void)state;
	inet_pton(AF_INET6, "2001:db8::1", m.id.idiag_src);
	inet_pton(AF_INET6, "::ffff:192.0.2.9", m.id.idiag_dst);
	assert_int_equal(parse(&m, SOCK_DIAG_BY_FAMILY, NULL, 0, 0, &row), 0);
	assert_int_equal(row.family, AF_INET6);
	assert_string_equal(ipaddr_format(&row.local, text), "2001:db8::1");
	assert_int_equal(row.remote.family, AF_INET);
	assert_string_equal(ipaddr_format(&row.remote, text), "192.0.2.9");
}

static void test_parse_short(void **state)
{
	struct inet_diag_msg m = sample(AF_INET);
	struct sockdiag_row row;

	(void)state;
	for (size_t cut = 1; cut <= sizeof(m); cut++) {
		assert_int_equal(
			parse(&m, SOCK_DIAG_BY_FAMILY, NULL, 0, cut, &row),
			-EBADMSG);
		assert_true(row.inode == 0 && row.local_port == 0);
	}
}

static void test_parse_wrong_kind(void **state)
{
	static const uint8_t families[] = {AF_UNSPEC, AF_UNIX, AF_NETLINK, 255};
	struct sockdiag_row row;
	struct inet_diag_msg m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		m = sample(families[i]);
		assert_int_equal(
			parse(&m, SOCK_DIAG_BY_FAMILY, NULL, 0, 0, &row),
			-EBADMSG);
		assert_true(row.inode == 0);
	}
	m = sample(AF_INET);
	assert_int_equal(parse(&m, NLMSG_DONE, NULL, 0, 0, &row), -EBADMSG);
}

static void test_parse_attrs(void **state)
{
	struct {
		struct nlattr unknown;
		uint8_t pad[4];
		struct nlattr v6only;
		uint8_t one[4];
		struct nlattr cgroup;
		uint32_t id[2];
		struct nlattr empty;
	} a = {
		.unknown = {.nla_len = 7, .nla_type = 99},
		.v6only = {.nla_len = 5, .nla_type = INET_DIAG_SKV6ONLY},
		.one = {1},
		.cgroup = {.nla_len = 12, .nla_type = INET_DIAG_CGROUP_ID},
		.id = {0x1234, 1},
		.empty = {.nla_len = 4, .nla_type = 98},
	};
	struct sockdiag_row row;

	(void)state;
	assert_int_equal(parse_with(&a, sizeof(a), &row), 0);
	assert_true(row.v6only);
	assert_true(row.cgroup_id == 0x100001234);
	a.one[0] = 0;
	assert_int_equal(parse_with(&a, sizeof(a), &row), 0);
	assert_false(row.v6only);
	/* A newer kernel may append to what it tells today. */
	a.cgroup.nla_len = 16;
	assert_int_equal(parse_with(&a, sizeof(a), &row), 0);
	assert_true(row.cgroup_id == 0x100001234);
}

static void test_parse_more_attrs(void **state)
{
	struct {
		struct nlattr mem;
		uint32_t values[SK_MEMINFO_VARS];
		struct nlattr opt;
		uint8_t bits[4];
	} a = {
		.mem = {.nla_len = 4 + sizeof(a.values),
			.nla_type = INET_DIAG_SKMEMINFO},
		.values = {[SK_MEMINFO_WMEM_ALLOC] = 4711},
		.opt = {.nla_len = 6, .nla_type = INET_DIAG_SOCKOPT},
		.bits = {1 << 3}, /* hdrincl */
	};
	struct sockdiag_row row;

	(void)state;
	assert_int_equal(parse_with(&a, sizeof(a), &row), 0);
	assert_int_equal(row.wmem, 4711);
	assert_false(row.payload_only);
	assert_true(row.no_mc_loop);
	a.bits[0] = 0xf7;
	assert_int_equal(parse_with(&a, sizeof(a), &row), 0);
	assert_true(row.payload_only);
	assert_false(row.no_mc_loop);
	a.mem.nla_len = 4 + SK_MEMINFO_WMEM_ALLOC * 4;
	assert_int_equal(parse_with(&a, sizeof(a), &row), -EBADMSG);
}

static void test_parse_bad_attrs(void **state)
{
	struct {
		struct nlattr attr;
		uint8_t bytes[8];
	} a = {.attr = {.nla_type = INET_DIAG_CGROUP_ID}};
	struct sockdiag_row row;

	(void)state;
	for (unsigned len = 0; len < 12; len++) {
		a.attr.nla_len = (uint16_t)len;
		assert_int_equal(parse_with(&a, sizeof(a), &row), -EBADMSG);
	}
	a.attr.nla_len = 12;
	assert_int_equal(parse_with(&a, sizeof(a), &row), 0);
	for (unsigned cut = 1; cut < 12; cut++)
		assert_int_equal(parse_with(&a, sizeof(a) - cut, &row),
				 -EBADMSG);
	a.attr.nla_len = 0xffff;
	assert_int_equal(parse_with(&a, sizeof(a), &row), -EBADMSG);
	a.attr = (struct nlattr){.nla_len = 4, .nla_type = INET_DIAG_SKV6ONLY};
	assert_int_equal(parse_with(&a, 4, &row), -EBADMSG);
}

/* ---- which row fits ---- */

static struct ipaddr addr(const char *text)
{
	struct ipaddr a = {0};

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct sockdiag_query query(uint8_t proto, const char *local,
				   uint16_t lport, const char *remote,
				   uint16_t rport)
{
	return (struct sockdiag_query){.proto = proto,
				       .local = addr(local),
				       .local_port = lport,
				       .remote = addr(remote),
				       .remote_port = rport};
}

static struct sockdiag_row row_of(uint8_t family, const char *local,
				  uint16_t lport, const char *remote,
				  uint16_t rport)
{
	return (struct sockdiag_row){.family = family,
				     .state = rport ? TCP_ESTABLISHED
						    : TCP_CLOSE,
				     .local = addr(local),
				     .local_port = lport,
				     .remote = addr(remote),
				     .remote_port = rport};
}

static void test_fits_udp(void **state)
{
	const struct {
		struct sockdiag_row row;
		bool fits;
	} cases[] = {
		{row_of(AF_INET, "192.0.2.1", 9, "192.0.2.2", 53), true},
		{row_of(AF_INET, "192.0.2.1", 9, "0.0.0.0", 0), true},
		{row_of(AF_INET, "0.0.0.0", 9, "0.0.0.0", 0), true},
		{row_of(AF_INET, "0.0.0.0", 9, "192.0.2.2", 53), true},
		{row_of(AF_INET6, "::", 9, "::", 0), true},
		{row_of(AF_INET6, "192.0.2.1", 9, "::", 0), true},
		{row_of(AF_INET6, "192.0.2.1", 9, "192.0.2.2", 53), true},
		{row_of(AF_INET, "192.0.2.1", 8, "192.0.2.2", 53), false},
		{row_of(AF_INET, "192.0.2.3", 9, "192.0.2.2", 53), false},
		{row_of(AF_INET, "192.0.2.1", 9, "192.0.2.3", 53), false},
		{row_of(AF_INET, "192.0.2.1", 9, "192.0.2.2", 54), false},
		{row_of(AF_INET6, "::1", 9, "::", 0), false},
		{row_of(AF_INET6, "::", 9, "2001:db8::2", 53), false},
	};
	struct sockdiag_query q =
		query(IPPROTO_UDP, "192.0.2.1", 9, "192.0.2.2", 53);
	struct sockdiag_row row = cases[4].row;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(sockdiag_row_fits(&cases[i].row, &q),
				 cases[i].fits);
	row.v6only = true;
	assert_false(sockdiag_row_fits(&row, &q));
	q = query(IPPROTO_UDP, "::1", 9, "::1", 53);
	assert_true(sockdiag_row_fits(&row, &q));
	assert_false(sockdiag_row_fits(&cases[2].row, &q));
}

static void test_fits_device(void **state)
{
	struct sockdiag_query q =
		query(IPPROTO_UDP, "192.0.2.1", 9, "192.0.2.2", 53);
	struct sockdiag_row row =
		row_of(AF_INET, "192.0.2.1", 9, "192.0.2.2", 53);

	(void)state;
	row.ifindex = 3;
	assert_true(sockdiag_row_fits(&row, &q));
	q.ifindex = 3;
	assert_true(sockdiag_row_fits(&row, &q));
	q.ifindex = 4;
	assert_false(sockdiag_row_fits(&row, &q));
	row.ifindex = 0;
	assert_true(sockdiag_row_fits(&row, &q));
}

static void test_fits_in_flight(void **state)
{
	struct sockdiag_query q =
		query(IPPROTO_UDP, "192.0.2.1", 9, "192.0.2.2", 53);
	struct sockdiag_row row =
		row_of(AF_INET, "192.0.2.3", 9, "192.0.2.4", 99);

	(void)state;
	row.wqueue = 1;
	assert_true(sockdiag_row_fits(&row, &q));
	row.local_port = 8;
	assert_false(sockdiag_row_fits(&row, &q));
	/* Not so with TCP: bytes not yet acknowledged tell nothing. */
	row.local_port = 9;
	q.proto = IPPROTO_TCP;
	assert_false(sockdiag_row_fits(&row, &q));
	/* Nor can an IPv4 socket send IPv6. */
	q = query(IPPROTO_UDP, "::1", 9, "::1", 53);
	assert_false(sockdiag_row_fits(&row, &q));
}

static void test_fits_tcp(void **state)
{
	struct sockdiag_query q =
		query(IPPROTO_TCP, "192.0.2.1", 9, "192.0.2.2", 80);
	struct sockdiag_row row =
		row_of(AF_INET6, "192.0.2.1", 9, "192.0.2.2", 80);
	struct sockdiag_row any = row_of(AF_INET, "0.0.0.0", 9, "0.0.0.0", 0);
	const struct sockdiag_row others[] = {
		row_of(AF_INET, "192.0.2.3", 9, "192.0.2.2", 80),
		row_of(AF_INET, "192.0.2.1", 8, "192.0.2.2", 80),
		row_of(AF_INET, "192.0.2.1", 9, "192.0.2.3", 80),
		row_of(AF_INET, "192.0.2.1", 9, "192.0.2.2", 81),
		row_of(AF_INET, "0.0.0.0", 9, "192.0.2.2", 80),
	};

	(void)state;
	assert_true(sockdiag_row_fits(&row, &q));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(sockdiag_row_fits(&others[i], &q));
	row.state = TCP_LISTEN;
	assert_false(sockdiag_row_fits(&row, &q));
	assert_false(sockdiag_row_fits(&any, &q));
	q.proto = 253;
	assert_false(sockdiag_row_fits(&row, &q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_exact),
		cmocka_unit_test(test_parse_ipv6),
		cmocka_unit_test(test_parse_short),
		cmocka_unit_test(test_parse_wrong_kind),
		cmocka_unit_test(test_parse_attrs),
		cmocka_unit_test(test_parse_more_attrs),
		cmocka_unit_test(test_parse_bad_attrs),
		cmocka_unit_test(test_fits_udp),
		cmocka_unit_test(test_fits_device),
		cmocka_unit_test(test_fits_in_flight),
		cmocka_unit_test(test_fits_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
