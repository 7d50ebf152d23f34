/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_stats: the held times' percentiles, the programs, the summary. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats.h"

static struct event e;
static struct stats s;
static struct stats_tables *t;
static char mem[8192];

static int set_up(void **state)
{
	(void)state;
	event_reset(&e);
	memset(&s, 0, sizeof(s));
	return stats_open(&t);
}

static int tear_down(void **state)
{
	(void)state;
	stats_close(t);
	return 0;
}

static void add(const char *comm, const char *exe, unsigned times)
{
	e.has_process = comm != NULL;
	snprintf(e.process.comm, sizeof(e.process.comm), "%s",
		 comm != NULL ? comm : "");
	e.process.exe = exe;
	while (times-- > 0) {
		stats_add_event(t, &e);
		s.events++;
	}
}

static const char *summary(void)
{
	struct strbuf sb;

	strbuf_init(&sb, mem, sizeof(mem));
	stats_format(&s, t, &sb);
	assert_false(sb.truncated);
	for (const char *p = mem; *p != '\0'; p = strchr(p, '\n') + 1)
		assert_true(strcspn(p, "\n") <= 80);
	return mem;
}

/* ------------------------------------------------------------- held times */

static void add_held(uint64_t us)
{
	e.held_us = us;
	stats_add_event(t, &e);
}

static void test_no_time(void **state)
{
	(void)state;
	assert_int_equal(stats_held_at(t, 500), 0);
	assert_int_equal(stats_held_at(t, 990), 0);
}

/* One value alone is every percentile, within 5 %. */
static void test_one_time(void **state)
{
	(void)state;
	for (uint64_t us = 1; us < 1ULL << 39; us = us * 9 / 8 + 1) {
		uint64_t got;

		stats_close(t);
		assert_int_equal(stats_open(&t), 0);
		add_held(us);
		got = stats_held_at(t, 500);
		assert_true(got * 100 >= us * 95 && got * 100 <= us * 105);
		assert_int_equal(stats_held_at(t, 1), got);
		assert_int_equal(stats_held_at(t, 1000), got);
	}
}

static void test_percentiles(void **state)
{
	uint64_t p50, p99;

	(void)state;
	for (uint64_t us = 1; us <= 10000; us++)
		add_held(us);
	p50 = stats_held_at(t, 500);
	p99 = stats_held_at(t, 990);
	assert_true(p50 >= 4750 && p50 <= 5250);
	assert_true(p99 >= 9405 && p99 <= 10395);
}

/* 99 of 100 are quick: p99 is quick, and what is above it is not. */
static void test_one_slow(void **state)
{
	(void)state;
	for (int i = 0; i < 99; i++)
		add_held(10);
	add_held(500000);
	assert_int_equal(stats_held_at(t, 500), 10);
	assert_int_equal(stats_held_at(t, 990), 10);
	assert_true(stats_held_at(t, 991) > 475000);
}

static void test_extreme_times(void **state)
{
	(void)state;
	add_held(0);
	assert_int_equal(stats_held_at(t, 1000), 0);
	add_held(UINT64_MAX);
	assert_true(stats_held_at(t, 1000) >= 1ULL << 39);
}

static void test_other_kinds(void **state)
{
	(void)state;
	e.kind = EVENT_HOOK;
	add_held(1000);
	e.kind = EVENT_LOSS;
	add_held(1000);
	assert_int_equal(stats_held_at(t, 500), 0);
}

/* ------------------------------------------------------------ the summary */

static void test_nothing(void **state)
{
	(void)state;
	assert_string_equal(summary(), "nothing was caught\n");
}

static void test_one(void **state)
{
	(void)state;
	e.held_us = 9;
	s.packets = 1;
	add("curl", "/usr/bin/curl", 1);
	assert_string_equal(summary(),
			    "1 event, by program:\n"
			    "       1  curl                /usr/bin/curl\n"
			    "packets   1 received\n"
			    "held      9 us (p50), 9 us (p99)\n");
}

static void test_all(void **state)
{
	(void)state;
	s = (struct stats){
		.packets = 1204,
		.repeated = 1150,
		.retransmits = 3,
		.exempt = 44,
		.answers = 5,
		.malformed = 1,
		.rate_limited = 12,
		.crowded = 6,
		.expired = 2,
		.hooks = 18,
		.hooks_skipped = 2,
		.hooks_killed = 1,
		.unseen = 12,
		.gone = 1,
		.queue_dropped = 7,
		.user_dropped = 8,
		.overruns = 9,
		.ignored = 10,
		.netns_closed = 2,
		.netns_unwatched = 3,
		.netns_crowded = 1,
		.output_lost = 3,
		.ruled = 5000,
	};
	e.held_us = 20;
	add("dig", "/usr/bin/dig", 2);
	add("sh", NULL, 3);
	add(NULL, NULL, 6);
	s.by_grade[SOCKOWNER_PROVED] = 4;
	s.by_grade[SOCKOWNER_HOLDER] = 2;
	for (int g = SOCKOWNER_SHARED; g <= SOCKOWNER_UNKNOWN; g++)
		s.by_grade[g] = (uint64_t)g;
	assert_string_equal(
		summary(),
		"11 events, by program:\n"
		"       3  sh\n"
		"       2  dig                 /usr/bin/dig\n"
		"       1  of senders that ended\n"
		"       2  of sockets that several processes share\n"
		"       3  that fit several sockets\n"
		"       4  of senders gone, the socket's opener known\n"
		"       5  of senders gone, only the user known\n"
		"       6  of the kernel itself\n"
		"       7  whose sender was not found\n"
		"packets   1204 received, 1150 of them of flows already told,\n"
		"          3 sent again while held, 44 our own, 5 in answer to "
		"a client,\n"
		"          1 malformed\n"
		"held      20 us (p50), 20 us (p99), 2 to the limit\n"
		"not told  12 over the rate (-n), 6 too many at once\n"
		"lost      12 passed unseen, 7 dropped: queue full, 8 dropped: "
		"buffer full,\n"
		"          1 dropped by the kernel while held, 9 time(s) the "
		"buffer ran over,\n"
		"          10 ignored: not from the kernel\n"
		"netns     2 closed to us, 3 without the witness, 1 time(s) "
		"too many to know\n"
		"commands  18 run, 2 skipped, 1 killed\n"
		"output    3 lost\n");
}

static void test_top(void **state)
{
	char comm[16], last[64];

	(void)state;
	for (unsigned i = 1; i <= 12; i++) {
		snprintf(comm, sizeof(comm), "p%u", i);
		add(comm, "/bin/p", i);
	}
	summary();
	assert_non_null(strstr(mem, "\n      12  p12 "));
	assert_non_null(strstr(mem, "\n       3  p3 "));
	assert_null(strstr(mem, "  p2 "));
	snprintf(last, sizeof(last), "\n       3  of other programs\n");
	assert_non_null(strstr(mem, last));
	assert_true(strstr(mem, "p12 ") < strstr(mem, "p11 "));
}

/* The same name, another file: two programs. */
static void test_same_name(void **state)
{
	(void)state;
	add("curl", "/usr/bin/curl", 2);
	add("curl", "/tmp/curl", 1);
	add("curl", "/usr/bin/curl", 2);
	summary();
	assert_non_null(
		strstr(mem, "       4  curl                /usr/bin/curl\n"));
	assert_non_null(
		strstr(mem, "       1  curl                /tmp/curl\n"));
}

/* More programs than there is room for: none is told wrong, all are counted. */
static void test_many(void **state)
{
	char comm[16];

	(void)state;
	add("big", "/bin/big", 5);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(comm, sizeof(comm), "p%u", i);
		add(comm, "/bin/p", 1);
	}
	add("big", "/bin/big", 5);
	summary();
	assert_non_null(strstr(mem, "      10  big "));
	assert_non_null(strstr(mem, "    2991  of other programs\n"));
}

/* Names are somebody else's: one line each, of 80 columns at most. */
static void test_hostile_names(void **state)
{
	char comm[64], path[4096];
	int lines = 0;

	(void)state;
	memset(path, '\xff', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	memset(comm, '\n', sizeof(comm) - 1);
	comm[sizeof(comm) - 1] = '\0';
	add(comm, path, 1);
	add("\033[2J\r", "/x\n  5  sshd", 1);
	add("Isolated Web Co", "/opt/firefox", 1);
	memset(path, 'y', sizeof(path) - 1);
	add("long", path, 1);
	for (const char *p = summary(); *p != '\0'; p++) {
		assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7f));
		lines += *p == '\n';
	}
	assert_int_equal(lines, 1 + 4 + 1);
	assert_non_null(strstr(mem, "  \"Isolated Web Co\"   /opt/firefox\n"));
	assert_non_null(strstr(mem, "  ...yyy"));
	/* cut where a name begins */
	add("dig", "/opt/a-long-name/another-long-name/yet-another-one/bin/dig",
	    9);
	assert_non_null(
		strstr(summary(),
		       "  .../another-long-name/yet-another-one/bin/dig\n"));
}

static void test_little_room(void **state)
{
	struct strbuf sb;

	(void)state;
	add("curl", "/usr/bin/curl", 1);
	for (size_t size = 1; size < 100; size++) {
		strbuf_init(&sb, mem, size);
		stats_format(&s, t, &sb);
		assert_int_equal(strlen(mem), sb.len);
		assert_true(sb.truncated || size > 80);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_time),	  TEST(test_one_time),
		TEST(test_percentiles),	  TEST(test_one_slow),
		TEST(test_extreme_times), TEST(test_other_kinds),
		TEST(test_nothing),	  TEST(test_one),
		TEST(test_all),		  TEST(test_top),
		TEST(test_same_name),	  TEST(test_many),
		TEST(test_hostile_names), TEST(test_little_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
