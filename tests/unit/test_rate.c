/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rate: N a minute for one process, not for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rate.h"

#define SECOND 1000000ULL

static void test_cap(void **state)
{
	struct rate *r;
	uint64_t n;

	(void)state;
	assert_int_equal(rate_open(&r, 2), 0);
	assert_true(rate_allow(r, 10, 1, SECOND, NULL));
	assert_true(rate_allow(r, 10, 1, SECOND, &n));
	assert_int_equal(n, 0);
	assert_false(rate_allow(r, 10, 1, 2 * SECOND, NULL));
	assert_false(rate_allow(r, 10, 1, 60 * SECOND, NULL));
	/* Another process, and the same pid used again, have their own. */
	assert_true(rate_allow(r, 11, 1, 2 * SECOND, NULL));
	assert_true(rate_allow(r, 10, 2, 2 * SECOND, NULL));
	/* A minute after the first one. */
	assert_true(rate_allow(r, 10, 1, 61 * SECOND, &n));
	assert_int_equal(n, 2);
	assert_true(rate_allow(r, 10, 1, 61 * SECOND, &n));
	assert_int_equal(n, 0);
	assert_false(rate_allow(r, 10, 1, 61 * SECOND, &n));
	rate_close(r);
}

static void test_no_cap(void **state)
{
	struct rate *r;

	(void)state;
	assert_int_equal(rate_open(&r, 0), 0);
	for (int i = 0; i < 1000; i++)
		assert_true(rate_allow(r, 10, 1, SECOND, NULL));
	rate_close(r);
}

/* More processes than there is room for: each is still told at least once. */
static void test_many(void **state)
{
	struct rate *r;

	(void)state;
	assert_int_equal(rate_open(&r, 1), 0);
	for (uint32_t pid = 1; pid < 100000; pid++)
		assert_true(rate_allow(r, (pid_t)pid, 7, SECOND + pid, NULL));
	rate_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_no_cap),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
