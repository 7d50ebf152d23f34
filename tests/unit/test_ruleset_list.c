/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ruleset_list: nft lists what is printed, and nft/ holds what it lists.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset_kit.h"
#include "util.h"

#define TARGETS 200

static char text[16384];

static const struct {
	const char *text;
	int proto;
} many[] = {
	{"192.168.1.1:53", IPPROTO_UDP},
	{"10.0.0.0/8:443", IPPROTO_TCP},
	{"10.0.0.0/12:443-445", IPPROTO_TCP},
	{"10.1.2.0/24", PROTO_ANY},
	{"172.16.0.0/16:80", PROTO_ANY},
	{"10.1.2.128/25", IPPROTO_UDPLITE},
	{"0.0.0.0/0", PROTO_ANY},
	{"0.0.0.0/1:1-9", IPPROTO_UDP},
	{"::/0", PROTO_ANY},
	{"[2001:db8::1]:80", IPPROTO_TCP},
	{"2001:db8::/32", IPPROTO_TCP},
	{"fe80::/10", IPPROTO_UDP},
	{"fe80::1:0:0/97", IPPROTO_ICMPV6},
	{"2001:db8::/120", PROTO_ANY},
	{"any", PROTO_ANY},
	{"any", IPPROTO_TCP},
	{"any", IPPROTO_ICMP},
	{"any", IPPROTO_ICMPV6},
	{"any", 0},
	{"any", 4},
	{"any", 253},
	{"any", 255},
	{":65535", IPPROTO_UDP},
	{":1-65535", IPPROTO_SCTP},
	{":53", PROTO_ANY},
	{":53-54", IPPROTO_DCCP},
	{":53-54", IPPROTO_UDPLITE},
};

static void test_nft_lists_what_is_printed(void **state)
{
	struct target targets[ARRAY_SIZE(many)];
	struct ruleset_config cfg = {
		.targets = targets,
		.ntargets = ARRAY_SIZE(targets),
		.queue_num = KIT_QUEUE,
		.ssh = {.saddr = kit_parse("10.0.0.1", PROTO_ANY).nets[0].addr,
			.daddr = kit_parse("10.0.0.2", PROTO_ANY).nets[0].addr,
			.sport = 22,
			.dport = 50000},
	};

	(void)state;
	kit_need_nft();
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		targets[i] = kit_parse(many[i].text, many[i].proto);
	for (unsigned bits = 0; bits < 32; bits++) {
		cfg.new_only = bits & 1;
		cfg.bypass = bits & 2;
		cfg.input = bits & 4;
		cfg.forward = bits & 8;
		cfg.exempt_ssh = bits & 16;
		kit_check_listing(&cfg);
	}
}

static void test_nft_lists_sets_as_printed(void **state)
{
	static const struct {
		size_t n4, n6;
	} sizes[] = {{2, 0}, {0, 2}, {1, 1}, {64, 0}, {0, 64}, {32, 32}};
	struct target t;
	struct ruleset_config cfg = {
		.targets = &t, .ntargets = 1, .queue_num = KIT_QUEUE};

	(void)state;
	kit_need_nft();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		t = kit_make_host(sizes[i].n4, sizes[i].n6);
		cfg.new_only = i & 1;
		kit_check_listing(&cfg);
	}
}

static void test_two_hundred_targets(void **state)
{
	struct target *targets = calloc(TARGETS, sizeof(*targets));
	struct ruleset_config cfg = {.targets = targets,
				     .ntargets = TARGETS,
				     .queue_num = KIT_QUEUE,
				     .new_only = true,
				     .input = true,
				     .bypass = true};
	uint64_t total, counts[TARGETS];
	struct ruleset *rs;

	(void)state;
	assert_non_null(targets);
	for (size_t i = 0; i < TARGETS; i++)
		targets[i] = kit_make_host(32, 32);
	targets[TARGETS - 1] = kit_parse(":65535", IPPROTO_UDP);
	rs = kit_install(&cfg);
	assert_int_equal(kit_send_udp("127.0.0.1", 65535), 0);
	assert_int_equal(ruleset_read_counters(rs, &total, counts), 0);
	assert_int_equal(total, 2); /* output, then input */
	assert_int_equal(counts[TARGETS - 1], 2);
	ruleset_close(rs);
	assert_false(kit_has_table(KIT_NAME));
	free(targets);
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
				     .bypass = true};

	(void)state;
	kit_read_nft_file("example.nft", text, sizeof(text));
	assert_string_equal(text, kit_print(&cfg, RULESET_QUEUE_NATIVE, true));
	kit_need_nft();
	kit_check_listing(&cfg);
}

/* Without the native queue the kernel cannot check it: the rest, then. */
static void test_template_is_accepted(void **state)
{
	struct target any = kit_parse("any", PROTO_ANY);
	struct ruleset_config cfg = {
		.targets = &any, .ntargets = 1, .queue_num = KIT_QUEUE};
	struct ruleset *rs;
	FILE *nft;

	(void)state;
	kit_need_nft();
	rs = kit_install(&cfg);
	kit_read_nft_file("queue.nft", text, sizeof(text));
	if (ruleset_queue_kind(rs) == RULESET_QUEUE_XT)
		kit_replace(text, "queue flags bypass to 7", "accept");
	nft = popen("nft -c -f -", "we");
	assert_non_null(nft);
	fputs(text, nft);
	assert_int_equal(pclose(nft), 0);
	ruleset_close(rs);
}

static void test_print_says_when_it_does_not_fit(void **state)
{
	char small[64];
	struct strbuf out;

	(void)state;
	strbuf_init(&out, small, sizeof(small));
	ruleset_print(&kit_config, RULESET_QUEUE_NATIVE, true, &out);
	assert_true(out.truncated);
}

#define TEST(function) cmocka_unit_test_setup(function, kit_enter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nft_lists_what_is_printed),
		TEST(test_nft_lists_sets_as_printed),
		TEST(test_two_hundred_targets),
		TEST(test_example_is_what_is_printed),
		TEST(test_template_is_accepted),
		TEST(test_print_says_when_it_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
