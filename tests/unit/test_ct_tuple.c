/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ct_tuple: a connection's addresses out of netlink's attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "ct_tuple.h"

static struct tuple make_tuple(const char *src, uint16_t sport, const char *dst,
			       uint16_t dport, uint8_t proto)
{
	struct tuple t = {.sport = sport, .dport = dport, .proto = proto};

	assert_int_equal(ipaddr_parse(src, strlen(src), &t.saddr), 0);
	assert_int_equal(ipaddr_parse(dst, strlen(dst), &t.daddr), 0);
	t.family = t.saddr.family;
	return t;
}

/* As ctnetlink_dump_tuples makes it. */
static const struct nlattr *put_tuple(char *buf, const struct tuple *t)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	bool v6 = t->family == AF_INET6;
	size_t len = ipaddr_len(&t->saddr);
	struct nlattr *whole, *part;

	whole = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, len,
		     t->saddr.bytes);
	mnl_attr_put(nlh, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, len,
		     t->daddr.bytes);
	mnl_attr_nest_end(nlh, part);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, t->proto);
	if (t->proto == IPPROTO_ICMP) {
		mnl_attr_put_u16(nlh, CTA_PROTO_ICMP_ID, htons(t->sport));
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMP_TYPE, 8);
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMP_CODE, 0);
	} else {
		mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(t->sport));
		mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(t->dport));
	}
	mnl_attr_nest_end(nlh, part);
	mnl_attr_nest_end(nlh, whole);
	return whole;
}

static void expect_back(const struct tuple *t)
{
	char buf[512] __attribute__((aligned(8)));
	struct tuple got;

	assert_true(ct_tuple_parse(put_tuple(buf, t), &got));
	assert_memory_equal(&got, t, sizeof(got));
}

static void test_parse(void **state)
{
	struct tuple t =
		make_tuple("10.0.0.1", 4000, "10.0.0.2", 53, IPPROTO_UDP);

	(void)state;
	expect_back(&t);
	t = make_tuple("fd00::1", 65535, "2001:db8::2", 1, IPPROTO_TCP);
	expect_back(&t);
	t = make_tuple("10.0.0.1", 77, "10.0.0.2", 77, IPPROTO_ICMP);
	expect_back(&t);
}

/* Cut short anywhere in a buffer of just that size: it is not read beyond its
 * end, and never gives half of it for the whole. */
static void test_parse_short(void **state)
{
	struct tuple t = make_tuple("10.0.0.1", 4000, "10.0.0.2", 53,
				    IPPROTO_UDP),
		     got;
	char buf[512] __attribute__((aligned(8)));
	const struct nlattr *whole = put_tuple(buf, &t);

	(void)state;
	for (uint16_t len = sizeof(*whole); len < whole->nla_len; len++) {
		struct nlattr *cut = malloc(len);

		assert_non_null(cut);
		memcpy(cut, whole, len);
		cut->nla_len = len;
		if (ct_tuple_parse(cut, &got))
			assert_int_equal(got.proto, IPPROTO_UDP);
		free(cut);
	}
}

static void test_is_rewritten(void **state)
{
	struct tuple own = make_tuple("10.0.0.1", 4000, "10.0.0.2", 53,
				      IPPROTO_UDP),
		     seen = own;

	(void)state;
	assert_false(ct_tuple_is_rewritten(&seen, &own));
	seen.dport = 5353;
	assert_true(ct_tuple_is_rewritten(&seen, &own));
	seen.daddr.bytes[0] = 11;
	assert_true(ct_tuple_is_rewritten(&seen, &own));
	/* Another one's. */
	seen.sport++;
	assert_false(ct_tuple_is_rewritten(&seen, &own));
	seen.sport--;
	seen.saddr.bytes[3]++;
	assert_false(ct_tuple_is_rewritten(&seen, &own));
	seen.saddr.bytes[3]--;
	seen.proto = IPPROTO_TCP;
	assert_false(ct_tuple_is_rewritten(&seen, &own));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_short),
		cmocka_unit_test(test_is_rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
