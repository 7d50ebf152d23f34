/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_stages: what is measured adds up, and without a place for it nothing is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "stages.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void work(void)
{
	uint64_t end = now_ns() + 20000;

	while (now_ns() < end)
		;
}

static void test_nothing(void **state)
{
	(void)state;
	assert_null(stages_at(NULL, STAGES_PARSE));
	assert_int_equal(stage_start(NULL), 0);
	assert_int_equal(stage_end(NULL, 0), 0);
}

static void test_sums(void **state)
{
	struct stages all = {0};
	struct stage *s = stages_at(&all, STAGES_PARSE);
	uint64_t begin = now_ns(), start;

	(void)state;
	for (int i = 0; i < 10; i++) {
		start = stage_start(s);
		work();
		assert_true(stage_end(s, start) >= start + 20000);
	}
	assert_int_equal(s->count, 10);
	assert_true(s->total_ns >= 200000);
	assert_true(s->total_ns <= now_ns() - begin);
	assert_true(s->max_ns >= s->total_ns / 10);
	assert_true(s->max_ns <= s->total_ns);
	assert_int_equal(all.list[STAGES_RECEIVE].count, 0);
}

/* The next stage starts where one ends: nothing lies between them. */
static void test_one_after_the_other(void **state)
{
	struct stage a = {0}, b = {0};
	uint64_t begin, end;

	(void)state;
	begin = stage_start(&a);
	work();
	end = stage_end(&b, stage_end(&a, begin));
	assert_int_equal(a.total_ns + b.total_ns, end - begin);
}

/* Of a start that was put off by what is counted elsewhere. */
static void test_never_negative(void **state)
{
	struct stage s = {0};

	(void)state;
	stage_end(&s, UINT64_MAX);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.total_ns, 0);
}

static void test_names(void **state)
{
	(void)state;
	for (enum stages_index i = 0; i < STAGES_MAX; i++)
		for (enum stages_index k = 0; k <= i; k++)
			assert_int_equal(
				strcmp(stages_name(i), stages_name(k)) == 0,
				i == k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_never_negative),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
