/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ruleset_nat: the chain behind local DNAT. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset_kit.h"
#include "util.h"

/* What nft lists as it was written; ports of several protocols it lists of
 * connections in a form of its own. */
static const struct {
	const char *text;
	int proto;
} listed[] = {
	{"192.168.1.1:53", IPPROTO_UDP},
	{"10.0.0.0/8:443", IPPROTO_TCP},
	{"10.0.0.0/12:443-445", IPPROTO_TCP},
	{"10.1.2.0/24", PROTO_ANY},
	{"0.0.0.0/0", PROTO_ANY},
	{"::/0", PROTO_ANY},
	{"[2001:db8::1]:80", IPPROTO_TCP},
	{"fe80::/10", IPPROTO_UDP},
	{"any", PROTO_ANY},
	{"any", IPPROTO_ICMP},
	{":53-54", IPPROTO_DCCP},
};

static void test_nft_lists_what_is_printed(void **state)
{
	struct target targets[ARRAY_SIZE(listed)];
	struct ruleset_config cfg = {
		.targets = targets,
		.ntargets = ARRAY_SIZE(targets),
		.queue_num = KIT_QUEUE,
		.nat = true,
		.ssh = {.saddr = kit_parse("10.0.0.1", PROTO_ANY).nets[0].addr,
			.daddr = kit_parse("10.0.0.2", PROTO_ANY).nets[0].addr,
			.sport = 22,
			.dport = 50000},
	};

	(void)state;
	kit_need_nft();
	for (size_t i = 0; i < ARRAY_SIZE(listed); i++)
		targets[i] = kit_parse(listed[i].text, listed[i].proto);
	for (unsigned bits = 0; bits < 16; bits++) {
		cfg.new_only = bits & 1;
		cfg.bypass = bits & 2;
		cfg.input = cfg.forward = bits & 4;
		cfg.exempt_ssh = bits & 8;
		kit_check_listing(&cfg);
	}
}

static void test_example_is_what_is_printed(void **state)
{
	struct target targets[] = {
		kit_parse("192.168.1.1:53", IPPROTO_UDP),
		kit_parse("10.0.0.0/8:443", IPPROTO_TCP),
	};
	struct ruleset_config cfg = {.targets = targets,
				     .ntargets = ARRAY_SIZE(targets),
				     .queue_num = KIT_QUEUE,
				     .bypass = true,
				     .nat = true};
	char text[4096];

	(void)state;
	kit_read_nft_file("nat.nft", text, sizeof(text));
	assert_string_equal(text, kit_print(&cfg, RULESET_QUEUE_NATIVE, true));
	kit_need_nft();
	kit_check_listing(&cfg);
}

static void test_sets_are_accepted(void **state)
{
	struct target t = kit_make_host(3, 3);
	struct ruleset_config cfg = {.targets = &t,
				     .ntargets = 1,
				     .queue_num = KIT_QUEUE,
				     .nat = true};

	(void)state;
	ruleset_close(kit_install(&cfg));
	cfg.new_only = true;
	ruleset_close(kit_install(&cfg));
}

static void add_nat(void)
{
	FILE *nft = popen("nft -f - 2>/dev/null", "we");

	assert_non_null(nft);
	fputs("table ip a {\n"
	      " chain out {\n"
	      "  type nat hook output priority -100;\n"
	      "  ip daddr 127.0.0.5 udp dport 53 dnat to 127.0.0.6:5353\n"
	      " }\n"
	      "}\n",
	      nft);
	kit_need(pclose(nft) == 0, "no NAT");
}

/* Whichever destination is a target's, the packet counts once. */
static void test_counts_once(void **state)
{
	struct target targets[] = {
		kit_parse("127.0.0.5:53", IPPROTO_UDP),
		kit_parse("127.0.0.6:5353", IPPROTO_UDP),
	};
	struct ruleset_config cfg = {.targets = targets,
				     .ntargets = ARRAY_SIZE(targets),
				     .queue_num = KIT_QUEUE,
				     .bypass = true,
				     .nat = true};
	uint64_t total, counts[2];
	struct ruleset *rs;

	(void)state;
	kit_need_nft();
	rs = kit_install(&cfg);
	add_nat();
	assert_int_equal(kit_send_udp("127.0.0.5", 53), 0);
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 0);
	/* Directly there. */
	assert_int_equal(kit_send_udp("127.0.0.6", 5353), 0);
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(total, 2);
	assert_int_equal(counts[1], 1);
	ruleset_close(rs);
}

static void test_counts_behind_nat(void **state)
{
	struct target t = kit_parse("127.0.0.6:5353", IPPROTO_UDP);
	struct ruleset_config cfg = {.targets = &t,
				     .ntargets = 1,
				     .queue_num = KIT_QUEUE,
				     .bypass = true,
				     .nat = true};
	struct ruleset *rs;
	int fd;

	(void)state;
	kit_need_nft();
	rs = kit_install(&cfg);
	add_nat();
	assert_int_equal(kit_send_udp("127.0.0.5", 53), 0);
	assert_int_equal(kit_send_udp("127.0.0.5", 54), 0);
	assert_int_equal(kit_count(rs), 1);
	ruleset_close(rs);
	/* Nor without asking for it. */
	cfg.nat = false;
	rs = kit_install(&cfg);
	fd = kit_open_socket("127.0.0.6", 5353, SOCK_DGRAM);
	assert_int_equal(kit_send_udp("127.0.0.5", 53), 0);
	assert_int_equal(kit_count(rs), 0);
	close(fd);
	ruleset_close(rs);
}

#define TEST(function) cmocka_unit_test_setup(function, kit_enter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nft_lists_what_is_printed),
		TEST(test_example_is_what_is_printed),
		TEST(test_sets_are_accepted),
		TEST(test_counts_once),
		TEST(test_counts_behind_nat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
