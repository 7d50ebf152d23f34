/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_nat: who rewrites addresses, and what has become of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conntrack.h"
#include "nat.h"
#include "ruleset_kit.h"

static bool load(const char *rules)
{
	FILE *nft = popen("nft -f - 2>/dev/null", "we");

	assert_non_null(nft);
	fputs(rules, nft);
	return pclose(nft) == 0;
}

static struct nat detect(void)
{
	struct nat nat;

	assert_int_equal(nat_detect(&nat), 0);
	return nat;
}

static void need_nat(const char *rules)
{
	kit_need_netns();
	kit_need_nft();
	kit_need(load(rules), "no NAT");
}

static void test_nothing(void **state)
{
	struct nat nat;

	(void)state;
	kit_need_netns();
	nat = detect();
	assert_false(nat.output || nat.postrouting);
	need_nat("table inet a {\n"
		 " chain out {\n  type filter hook output priority -100;\n }\n"
		 " chain nat {\n }\n"
		 " chain in {\n  type nat hook prerouting priority -100;\n }\n"
		 "}\n");
	nat = detect();
	assert_false(nat.output || nat.postrouting);
}

static void test_each_hook(void **state)
{
	struct nat nat;

	(void)state;
	need_nat("table ip a {\n"
		 " chain c {\n  type nat hook postrouting priority 100;\n }\n"
		 "}\n");
	nat = detect();
	assert_true(!nat.output && nat.postrouting);
	assert_true(load("delete table ip a\n"
			 "table ip6 b {\n"
			 " chain c {\n  type nat hook output priority 0;\n }\n"
			 "}\n"));
	nat = detect();
	assert_true(nat.output && !nat.postrouting);
}

static struct tuple make_tuple(uint16_t sport, const char *dst, uint16_t dport)
{
	struct target s = kit_parse("127.0.0.1", PROTO_ANY);
	struct target d = kit_parse(dst, PROTO_ANY);

	return (struct tuple){.saddr = s.nets[0].addr,
			      .daddr = d.nets[0].addr,
			      .sport = sport,
			      .dport = dport,
			      .family = AF_INET,
			      .proto = IPPROTO_UDP};
}

static const char both[] =
	"table ip a {\n"
	" chain out {\n"
	"  type nat hook output priority -100;\n"
	"  ip daddr 127.0.0.5 udp dport 53 dnat to 127.0.0.6:5353\n"
	" }\n"
	" chain post {\n"
	"  type nat hook postrouting priority 100;\n"
	"  udp sport 4001 snat to 127.0.0.7:4009\n"
	" }\n"
	"}\n";

static void send_from(uint16_t sport, const char *to, uint16_t port)
{
	int fd = kit_open_socket("127.0.0.1", sport, SOCK_DGRAM);
	struct sockaddr_storage ss;
	socklen_t len = kit_address(to, port, &ss);

	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&ss, len), 1);
	close(fd);
}

static void test_what_became_of_it(void **state)
{
	struct tuple own = make_tuple(4000, "127.0.0.5", 53),
		     wire = make_tuple(4000, "127.0.0.6", 5353), got;
	struct conntrack *ct;

	(void)state;
	need_nat(both);
	kit_need(conntrack_open(&ct) == 0, "not built with conntrack");
	assert_int_equal(conntrack_find_wire(ct, &own, &got), -ENOENT);
	send_from(4000, "127.0.0.5", 53);
	assert_int_equal(conntrack_find_wire(ct, &own, &got), 0);
	assert_memory_equal(&got, &wire, sizeof(got));
	assert_int_equal(conntrack_find_own(ct, &wire, &got), 0);
	assert_memory_equal(&got, &own, sizeof(got));
	assert_int_equal(conntrack_find_own(ct, &own, &got), -ENOENT);
	conntrack_close(ct);
}

/* Both ends; right behind DNAT the source is still its own, and no answer comes
 * to that. */
static void test_both_ends(void **state)
{
	struct tuple own = make_tuple(4001, "127.0.0.5", 53),
		     between = make_tuple(4001, "127.0.0.6", 5353),
		     wire = make_tuple(4009, "127.0.0.6", 5353), got;
	struct conntrack *ct;

	(void)state;
	need_nat(both);
	kit_need(conntrack_open(&ct) == 0, "not built with conntrack");
	wire.saddr.bytes[3] = 7;
	send_from(4001, "127.0.0.5", 53);
	assert_int_equal(conntrack_find_wire(ct, &own, &got), 0);
	assert_memory_equal(&got, &wire, sizeof(got));
	assert_int_equal(conntrack_find_own(ct, &wire, &got), 0);
	assert_memory_equal(&got, &own, sizeof(got));
	assert_int_equal(conntrack_find_own(ct, &between, &got), -ENOENT);
	conntrack_close(ct);
}

#define TEST(function) cmocka_unit_test_setup(function, kit_enter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_each_hook),
		TEST(test_what_became_of_it),
		TEST(test_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
