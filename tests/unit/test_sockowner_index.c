/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockowner_index: what was put in is found, and no more than fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sockowner_index.h"

static struct sockowner_index ix;

static int tear_down(void **state)
{
	(void)state;
	sockowner_index_clear(&ix);
	return 0;
}

static void nothing_in_it(void **state)
{
	pid_t pid;

	(void)state;
	sockowner_index_sort(&ix);
	assert_int_equal(sockowner_index_find(&ix, 1, &pid, 1), 0);
	sockowner_index_clear(&ix);
}

static void finds_each_holder_once(void **state)
{
	static const struct {
		uint64_t inode;
		pid_t pid;
	} list[] = {{7, 3}, {5, 1}, {7, 2}, {7, 3}, {9, 4}, {7, 3}, {5, 1}};
	pid_t pids[4];

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		sockowner_index_add(&ix, list[i].inode, list[i].pid);
	sockowner_index_sort(&ix);
	assert_int_equal(ix.n, 4);
	assert_int_equal(sockowner_index_find(&ix, 7, pids, 4), 2);
	assert_int_equal(pids[0], 2);
	assert_int_equal(pids[1], 3);
	assert_int_equal(sockowner_index_find(&ix, 7, pids, 1), 1);
	assert_int_equal(sockowner_index_find(&ix, 5, pids, 4), 1);
	assert_int_equal(sockowner_index_find(&ix, 9, pids, 4), 1);
	assert_int_equal(sockowner_index_find(&ix, 4, pids, 4), 0);
	assert_int_equal(sockowner_index_find(&ix, 6, pids, 4), 0);
	assert_int_equal(sockowner_index_find(&ix, 10, pids, 4), 0);
	assert_int_equal(sockowner_index_find(&ix, 0, pids, 4), 0);
}

/* The kernel counts sockets in 32 bits; another number is none. */
static void not_a_sockets_number(void **state)
{
	pid_t pid;

	(void)state;
	sockowner_index_add(&ix, UINT32_MAX, 1);
	sockowner_index_add(&ix, (1ULL << 32) + 5, 2);
	sockowner_index_sort(&ix);
	assert_int_equal(ix.n, 1);
	assert_int_equal(sockowner_index_find(&ix, 5, &pid, 1), 0);
	assert_int_equal(sockowner_index_find(&ix, (1ULL << 32) + 5, &pid, 1),
			 0);
	assert_int_equal(sockowner_index_find(&ix, UINT32_MAX, &pid, 1), 1);
}

static void is_full_at_its_end(void **state)
{
	pid_t pid;

	(void)state;
	for (unsigned i = 0; i <= SOCKOWNER_INDEX_MAX; i++)
		sockowner_index_add(&ix, SOCKOWNER_INDEX_MAX + 1 - i, (pid_t)i);
	sockowner_index_sort(&ix);
	assert_int_equal(ix.n, SOCKOWNER_INDEX_MAX);
	assert_int_equal(ix.size, SOCKOWNER_INDEX_MAX);
	assert_int_equal(sockowner_index_find(&ix, 1, &pid, 1), 0);
	assert_int_equal(sockowner_index_find(&ix, 2, &pid, 1), 1);
	assert_int_equal(pid, SOCKOWNER_INDEX_MAX - 1);
	assert_int_equal(
		sockowner_index_find(&ix, SOCKOWNER_INDEX_MAX + 1, &pid, 1), 1);
	assert_int_equal(pid, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_in_it),
		TEST(finds_each_holder_once),
		TEST(not_a_sockets_number),
		TEST(is_full_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
