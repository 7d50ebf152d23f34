/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rule: targets become the right rules, in nft's own words. */
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto.h"
#include "rule.h"
#include "util.h"

static struct target parse(const char *text, int proto)
{
	struct target_error err;
	struct target t;

	if (target_parse(text, proto, &t, &err))
		fail_msg("%s: %s", text, err.msg);
	return t;
}

static struct ipnet net(const char *text)
{
	struct target t = parse(text, PROTO_ANY);

	assert_int_equal(t.nnets, 1);
	return t.nets[0];
}

static void assert_rules(const struct target *t, bool new_only,
			 const char *const expected[])
{
	struct rule rules[RULE_PER_TARGET_MAX];
	size_t n = rule_expand(t, 7, new_only, rules);

	for (size_t i = 0; i < n; i++) {
		char mem[8192];
		struct strbuf out;

		strbuf_init(&out, mem, sizeof(mem));
		rule_format(&rules[i], &out);
		assert_non_null(expected[i]);
		assert_string_equal(mem, expected[i]);
		assert_int_equal(rules[i].target, 7);
		assert_false(rules[i].exempt);
	}
	assert_true(n == RULE_PER_TARGET_MAX || !expected[n]);
}

static void test_every_form_of_target(void **state)
{
	static const struct {
		const char *text;
		int proto;
		const char *rules[RULE_PER_TARGET_MAX];
	} cases[] = {
		{"192.168.1.1:53",
		 IPPROTO_UDP,
		 {"ip daddr 192.168.1.1 udp dport 53"}},
		{"10.0.0.0/8:443",
		 IPPROTO_TCP,
		 {"ip daddr 10.0.0.0/8 tcp dport 443"}},
		{"10.0.0.1:1-65535",
		 IPPROTO_SCTP,
		 {"ip daddr 10.0.0.1 sctp dport 1-65535"}},
		{"[2001:db8::1]:80",
		 IPPROTO_TCP,
		 {"ip6 daddr 2001:db8::1 tcp dport 80"}},
		{"0.0.0.0/0", PROTO_ANY, {"ip daddr 0.0.0.0/0"}},
		{"::/0", IPPROTO_UDP, {"ip6 daddr ::/0 meta l4proto udp"}},
		{"10.1.0.0/17",
		 IPPROTO_ICMP,
		 {"ip daddr 10.1.0.0/17 meta l4proto icmp"}},
		{"any", IPPROTO_ICMPV6, {"meta l4proto ipv6-icmp"}},
		{"any", 253, {"meta l4proto 253"}},
		{"any", PROTO_ANY, {""}},
		{":65535", IPPROTO_DCCP, {"dccp dport 65535"}},
		{":53",
		 PROTO_ANY,
		 {"meta l4proto { tcp, udp, dccp, sctp, udplite } "
		  "th dport 53"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct target t = parse(cases[i].text, cases[i].proto);

		assert_rules(&t, false, cases[i].rules);
	}
}

static void test_new_only_needs_conntrack_for_tcp_never(void **state)
{
	static const struct {
		const char *text;
		int proto;
		const char *rules[RULE_PER_TARGET_MAX];
	} cases[] = {
		{"10.0.0.1:80",
		 IPPROTO_TCP,
		 {"ip daddr 10.0.0.1 tcp dport 80 tcp flags syn / syn,ack"}},
		{"10.0.0.1",
		 IPPROTO_TCP,
		 {"ip daddr 10.0.0.1 tcp flags syn / syn,ack"}},
		{":53", IPPROTO_UDP, {"udp dport 53 ct state new"}},
		{"any", 253, {"meta l4proto 253 ct state new"}},
		{"any",
		 PROTO_ANY,
		 {"tcp flags syn / syn,ack",
		  "meta l4proto != tcp ct state new"}},
		{"::1",
		 PROTO_ANY,
		 {"ip6 daddr ::1 tcp flags syn / syn,ack",
		  "ip6 daddr ::1 meta l4proto != tcp ct state new"}},
		{":53",
		 PROTO_ANY,
		 {"tcp dport 53 tcp flags syn / syn,ack",
		  "meta l4proto { udp, dccp, sctp, udplite } th dport 53 "
		  "ct state new"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct target t = parse(cases[i].text, cases[i].proto);

		assert_rules(&t, true, cases[i].rules);
	}
}

/* The addresses of a name come in any order, of both families, some twice. */
static struct target make_host(void)
{
	struct target t = parse(":53", PROTO_ANY);

	t.nets[t.nnets++] = net("10.0.0.2");
	t.nets[t.nnets++] = net("2001:db8::2");
	t.nets[t.nnets++] = net("9.255.0.1");
	t.nets[t.nnets++] = net("10.0.0.2");
	return t;
}

static void test_host_makes_a_rule_for_each_family(void **state)
{
	static const char *const udp[RULE_PER_TARGET_MAX] = {
		"ip daddr { 9.255.0.1, 10.0.0.2 } udp dport 53",
		"ip6 daddr 2001:db8::2 udp dport 53", NULL};
	static const char *const new_only[RULE_PER_TARGET_MAX] = {
		"ip daddr { 9.255.0.1, 10.0.0.2 } tcp dport 53 "
		"tcp flags syn / syn,ack",
		"ip daddr { 9.255.0.1, 10.0.0.2 } "
		"meta l4proto { udp, dccp, sctp, udplite } th dport 53 "
		"ct state new",
		"ip6 daddr 2001:db8::2 tcp dport 53 tcp flags syn / syn,ack",
		"ip6 daddr 2001:db8::2 "
		"meta l4proto { udp, dccp, sctp, udplite } th dport 53 "
		"ct state new"};
	struct target t = make_host();

	(void)state;
	assert_rules(&t, true, new_only);
	t.proto = IPPROTO_UDP;
	assert_rules(&t, false, udp);
}

static void test_the_same_address_twice_is_one(void **state)
{
	static const char *const rules[RULE_PER_TARGET_MAX] = {
		"ip daddr 10.0.0.2", NULL};
	struct target t = parse("any", PROTO_ANY);

	(void)state;
	t.nets[t.nnets++] = net("10.0.0.2");
	t.nets[t.nnets++] = net("10.0.0.2");
	assert_rules(&t, false, rules);
}

/* A rule that matched more than was asked for would hold strangers' packets. */
static void test_what_no_rule_can_express(void **state)
{
	static const char *const none[RULE_PER_TARGET_MAX] = {NULL};
	struct target t = parse("any", PROTO_ANY);

	(void)state;
	strcpy(t.host, "unresolved.example");
	assert_rules(&t, false, none);

	t = parse("any", PROTO_ANY);
	t.nets[t.nnets++] = net("10.0.0.0/8");
	t.nets[t.nnets++] = net("10.1.2.3");
	assert_rules(&t, false, none);

	t = parse(":53", PROTO_ANY);
	t.proto = IPPROTO_ICMP;
	assert_rules(&t, false, none);
}

static void test_as_many_addresses_as_a_target_holds(void **state)
{
	struct rule rules[RULE_PER_TARGET_MAX];
	struct target t = parse(":53", PROTO_ANY);
	struct ipnet wide = net("ff02::1");
	char mem[8192], last[64];
	struct strbuf out;

	(void)state;
	for (; t.nnets < TARGET_NETS_MAX; t.nnets++) {
		memset(wide.addr.bytes, 0xee, sizeof(wide.addr.bytes));
		wide.addr.bytes[15] = (uint8_t)(0xff - t.nnets);
		t.nets[t.nnets] = wide;
	}
	assert_int_equal(rule_expand(&t, 0, false, rules), 1);
	assert_int_equal(rules[0].nnets, TARGET_NETS_MAX);
	strbuf_init(&out, mem, sizeof(mem));
	rule_format(&rules[0], &out);
	assert_false(out.truncated);
	snprintf(last, sizeof(last), "%s",
		 mem + out.len - strlen("th dport 53"));
	assert_string_equal(last, "th dport 53");
}

/* nft, too, takes the names of protocols from there. */
static void test_numbers_have_the_systems_names(void **state)
{
	static const char *const rules[RULE_PER_TARGET_MAX] = {
		"meta l4proto ipencap", NULL};
	const struct protoent *entry = getprotobynumber(4);
	struct target t = parse("any", 4);

	(void)state;
	if (!entry || strcmp(entry->p_name, "ipencap")) {
		printf("# skip: no ipencap in /etc/protocols\n");
		skip();
	}
	assert_rules(&t, false, rules);
}

static void test_protocols_with_ports_are_protos(void **state)
{
	struct rule r = {.proto = PROTO_ANY, .port_low = 1, .port_high = 1};
	uint8_t protos[RULE_PROTOS_MAX];
	size_t n = rule_protos(&r, protos), known = 0;

	(void)state;
	for (int proto = 0; proto < 256; proto++)
		if (proto_has_ports(proto))
			assert_int_equal(protos[known++], proto);
	assert_int_equal(n, known);
}

static void test_ssh_session_in_both_directions(void **state)
{
	struct tuple t = {.saddr = net("10.0.0.1").addr,
			  .daddr = net("10.0.0.2").addr,
			  .sport = 22,
			  .dport = 40000,
			  .family = AF_INET,
			  .proto = IPPROTO_TCP};
	char mem[256];
	struct strbuf out;
	struct rule r;

	(void)state;
	rule_exempt(&r, &t, false);
	strbuf_init(&out, mem, sizeof(mem));
	rule_format(&r, &out);
	assert_string_equal(mem, "ip saddr 10.0.0.1 ip daddr 10.0.0.2 "
				 "tcp sport 22 tcp dport 40000");
	assert_true(r.exempt);
	rule_exempt(&r, &t, true);
	strbuf_init(&out, mem, sizeof(mem));
	rule_format(&r, &out);
	assert_string_equal(mem, "ip saddr 10.0.0.2 ip daddr 10.0.0.1 "
				 "tcp sport 40000 tcp dport 22");
}

static void expect_words(const struct rule *r, const char *words)
{
	char mem[512];
	struct strbuf out;

	strbuf_init(&out, mem, sizeof(mem));
	rule_format(r, &out);
	assert_string_equal(mem, words);
}

static void test_behind_nat(void **state)
{
	struct target t = parse("10.0.0.0/8:53-54", PROTO_ANY);
	struct rule rules[RULE_PER_TARGET_MAX], r;

	(void)state;
	assert_int_equal(rule_expand(&t, 3, false, rules), 1);
	r = rules[0];
	rule_behind_nat(&r);
	expect_words(&r, "ct status dnat ip daddr 10.0.0.0/8 "
			 "meta l4proto { tcp, udp, dccp, sctp, udplite } "
			 "th dport 53-54");
	assert_false(r.exempt);
	r = rules[0];
	rule_seen_before_nat(&r);
	expect_words(&r, "ct original ip daddr 10.0.0.0/8 "
			 "meta l4proto { tcp, udp, dccp, sctp, udplite } "
			 "ct original proto-dst 53-54");
	assert_true(r.exempt);
	assert_int_equal(r.target, 3);
	rule_return(&r, RULE_CT_REPLY);
	expect_words(&r, "ct direction reply");
	assert_true(r.exempt);
	rule_return(&r, RULE_CT_NO_DNAT);
	expect_words(&r, "ct status ! dnat");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_form_of_target),
		cmocka_unit_test(test_new_only_needs_conntrack_for_tcp_never),
		cmocka_unit_test(test_host_makes_a_rule_for_each_family),
		cmocka_unit_test(test_the_same_address_twice_is_one),
		cmocka_unit_test(test_what_no_rule_can_express),
		cmocka_unit_test(test_as_many_addresses_as_a_target_holds),
		cmocka_unit_test(test_numbers_have_the_systems_names),
		cmocka_unit_test(test_protocols_with_ports_are_protos),
		cmocka_unit_test(test_ssh_session_in_both_directions),
		cmocka_unit_test(test_behind_nat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
