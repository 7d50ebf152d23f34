/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ruleset: the table comes and goes, on this kernel and on lesser ones. */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ruleset_kit.h"
#include "util.h"

#define NOBODY 65534

static void test_stop_keeps_the_chains_and_the_counts(void **state)
{
	struct ruleset *rs = kit_install(&kit_config);
	struct ruleset_config empty = kit_config;

	(void)state;
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(ruleset_stop(rs), 0);
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(kit_count(rs), 1);
	assert_int_equal(ruleset_stop(rs), 0);
	assert_int_equal(kit_count(rs), 1);
	assert_true(kit_has_table(KIT_NAME));
	empty.ntargets = 0;
	if (kit_has_nft())
		kit_assert_listed(rs, &empty);
	ruleset_close(rs);
	assert_false(kit_has_table(KIT_NAME));
	ruleset_close(NULL);
}

static void test_instances_side_by_side(void **state)
{
	struct ruleset_config second = kit_config;
	struct ruleset *a = kit_install(&kit_config), *b;

	(void)state;
	second.queue_num = KIT_QUEUE + 1;
	b = kit_install(&second);
	assert_string_equal(ruleset_name(a), KIT_NAME);
	assert_string_not_equal(ruleset_name(b), KIT_NAME);
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(kit_count(a), 1);
	assert_int_equal(kit_count(b), 1);
	ruleset_close(a);
	assert_false(kit_has_table(KIT_NAME));
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(kit_count(b), 2);
	ruleset_close(b);
}

/* A table of our name is never touched, whoever's it is. */
static void test_a_table_of_that_name(void **state)
{
	struct ruleset *rs = kit_install(&kit_config);

	(void)state;
	kit_assert_refused(&kit_config, -EEXIST, "table");
	assert_int_equal(kit_count(rs), 0);
	ruleset_close(rs);

	kit_need_nft();
	assert_int_equal(system("nft add table inet " KIT_NAME), 0);
	kit_assert_refused(&kit_config, -EEXIST, "table");
	assert_true(kit_has_table(KIT_NAME));
}

static void test_without_permission(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	ruleset_close(kit_install(&kit_config));
	pid = fork();
	if (pid == 0) {
		struct ruleset_error error = {0};
		struct ruleset *rs = NULL;

		if (setresgid(NOBODY, NOBODY, NOBODY) ||
		    setresuid(NOBODY, NOBODY, NOBODY))
			_exit(1);
		_exit(ruleset_install(&rs, &kit_config, &error) == -EPERM &&
				      !rs && error.what
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(kit_has_table(KIT_NAME));
}

static void test_killed(void **state)
{
	struct ruleset *rs = kit_install(&kit_config);
	bool owner = ruleset_has_owner(rs);
	uint64_t end;
	int fds[2];
	char byte;
	pid_t pid;

	(void)state;
	ruleset_close(rs);
	kit_need(owner, "no table owner (Linux 5.12)");
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct ruleset_error error;

		if (ruleset_install(&rs, &kit_config, &error) ||
		    write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	assert_true(kit_has_table(KIT_NAME));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	end = util_now_us() + UTIL_SEC;
	while (kit_has_table(KIT_NAME) && util_now_us() < end)
		sched_yield();
	assert_false(kit_has_table(KIT_NAME));
}

static void test_others_cannot_remove_it(void **state)
{
	struct ruleset *rs = kit_install(&kit_config);

	(void)state;
	kit_need_nft();
	kit_need(ruleset_has_owner(rs), "no table owner (Linux 5.12)");
	assert_int_equal(system("nft flush ruleset"), 0);
	assert_int_not_equal(
		system("nft delete table inet " KIT_NAME " 2>/dev/null"), 0);
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(kit_count(rs), 1);
	ruleset_close(rs);
	assert_false(kit_has_table(KIT_NAME));
}

static void test_unresolved_name_does_not_reach_the_kernel(void **state)
{
	struct target t = kit_parse("any", IPPROTO_UDP);
	struct ruleset_config cfg = {
		.targets = &t, .ntargets = 1, .queue_num = KIT_QUEUE};
	struct ruleset_error error = {0};
	struct ruleset *rs = NULL;

	(void)state;
	kit_kernel.again = 1; /* would be used up */
	strcpy(t.host, "unresolved.example");
	kit_assert_refused(&cfg, -EINVAL, "rule for udp unresolved.example");
	memset(t.host, 'x', sizeof(t.host) - 1);
	assert_int_equal(ruleset_install(&rs, &cfg, &error), -EINVAL);
	assert_true(strlen(error.what) < sizeof(error.buf));
	assert_int_equal(kit_kernel.again, 1);
}

/* ------------------------------------------------------------ older kernels */

static void test_kernel_without_owner(void **state)
{
	struct ruleset *rs;
	uint64_t total;

	(void)state;
	kit_kernel.no_owner = true;
	rs = kit_install(&kit_config);
	assert_false(ruleset_has_owner(rs));
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(kit_count(rs), 1);
	if (kit_has_nft()) {
		ruleset_close(rs);
		kit_check_listing(&kit_config);
		rs = kit_install(&kit_config);
		assert_int_equal(system("nft flush ruleset"), 0);
		assert_int_equal(ruleset_read_counters(rs, &total, NULL),
				 -ENOENT);
		assert_int_equal(ruleset_stop(rs), 0);
	}
	ruleset_close(rs);
	assert_false(kit_has_table(KIT_NAME));
}

static void test_kernel_without_native_queue(void **state)
{
	struct ruleset *rs;

	(void)state;
	kit_kernel.no_native = true;
	rs = kit_install(&kit_config);
	assert_int_equal(ruleset_queue_kind(rs), RULESET_QUEUE_XT);
	assert_int_equal(kit_send_udp("127.0.0.1", 53), 0);
	assert_int_equal(kit_count(rs), 1);
	if (kit_has_nft()) {
		ruleset_close(rs);
		kit_check_listing(&kit_config);
		rs = kit_install(&kit_config);
	}
	ruleset_close(rs);
}

static void test_kernel_without_any_queue(void **state)
{
	(void)state;
	kit_need_netns();
	kit_kernel.no_native = kit_kernel.no_xt = true;
	kit_assert_refused(&kit_config, -EOPNOTSUPP,
			   "rule for udp 127.0.0.1:53");
	assert_false(kit_has_table(KIT_NAME));
}

static void test_kernel_that_asks_again(void **state)
{
	(void)state;
	kit_kernel.again = 3;
	ruleset_close(kit_install(&kit_config));
	kit_kernel.again = 1000;
	kit_assert_refused(&kit_config, -EAGAIN, "table");
	assert_true(kit_kernel.again > 900);
	kit_kernel.again = 0;
	assert_false(kit_has_table(KIT_NAME));
}

/* Nothing may stay after an error, not even where its cause is not known. */
static void test_kernel_whose_answer_is_lost(void **state)
{
	(void)state;
	kit_need_netns();
	ruleset_close(kit_install(&kit_config));
	kit_kernel.no_answer = true;
	kit_assert_refused(&kit_config, -ETIMEDOUT, "table");
	assert_false(kit_has_table(KIT_NAME));
	kit_kernel.no_owner = true;
	kit_assert_refused(&kit_config, -ETIMEDOUT, "table");
	assert_false(kit_has_table(KIT_NAME));
}

#define TEST(function) cmocka_unit_test_setup(function, kit_enter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stop_keeps_the_chains_and_the_counts),
		TEST(test_instances_side_by_side),
		TEST(test_a_table_of_that_name),
		TEST(test_without_permission),
		TEST(test_killed),
		TEST(test_others_cannot_remove_it),
		TEST(test_unresolved_name_does_not_reach_the_kernel),
		TEST(test_kernel_without_owner),
		TEST(test_kernel_without_native_queue),
		TEST(test_kernel_without_any_queue),
		TEST(test_kernel_that_asks_again),
		TEST(test_kernel_whose_answer_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
