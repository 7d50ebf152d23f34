/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_strpool: strings side by side, none past the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "strpool.h"

static void test_add(void **state)
{
	const char *a, *b, *c;
	struct strpool pool;
	char mem[32];

	(void)state;
	strpool_init(&pool, mem, sizeof(mem));
	a = strpool_add_text(&pool, "curl");
	b = strpool_add(&pool, "a\0b", 3);
	c = strpool_add_text(&pool, "");
	assert_string_equal(a, "curl");
	assert_memory_equal(b, "a\0b", 4);
	assert_string_equal(c, "");
	assert_ptr_equal(b, a + 5);
	assert_ptr_equal(c, b + 4);
	assert_false(pool.overflow);
}

static void test_exact_and_full(void **state)
{
	struct strpool pool;
	char mem[8] = "#######";

	(void)state;
	strpool_init(&pool, mem, 6);
	assert_null(strpool_add(&pool, "123456", 6));
	assert_true(pool.overflow);
	assert_int_equal(pool.used, 0);
	/* A shorter one still has its place, the mark stays. */
	assert_string_equal(strpool_add(&pool, "12345", 5), "12345");
	assert_true(pool.overflow);
	assert_int_equal(mem[6], '#');
	assert_null(strpool_add(&pool, "", 0));
	assert_null(strpool_add_text(&pool, ""));
	assert_null(strpool_add(&pool, "x", SIZE_MAX));
	assert_string_equal(mem, "12345");
}

static void test_reset(void **state)
{
	struct strpool pool;
	char mem[4];

	(void)state;
	strpool_init(&pool, mem, sizeof(mem));
	assert_null(strpool_add_text(&pool, "long"));
	strpool_reset(&pool);
	assert_false(pool.overflow);
	assert_ptr_equal(strpool_add_text(&pool, "new"), mem);
}

static void test_no_memory(void **state)
{
	struct strpool pool;
	size_t room = 1;

	(void)state;
	strpool_init(&pool, NULL, 0);
	strpool_room(&pool, &room);
	assert_int_equal(room, 0);
	assert_null(strpool_commit(&pool, 0));
	assert_true(pool.overflow);
}

static void test_read_into(void **state)
{
	struct strpool pool;
	char mem[8], *at;
	size_t room;

	(void)state;
	strpool_init(&pool, mem, sizeof(mem));
	strpool_add_text(&pool, "ab");
	at = strpool_room(&pool, &room);
	assert_int_equal(room, 4);
	memcpy(at, "wxyz", 4);
	assert_null(strpool_commit(&pool, 5)); /* more than there was room */
	assert_string_equal(strpool_commit(&pool, 3), "wxy");
	strpool_room(&pool, &room);
	assert_int_equal(room, 0);
	assert_non_null(strpool_commit(&pool, 0)); /* one byte: an empty one */
	strpool_room(&pool, &room);
	assert_int_equal(room, 0);
	assert_null(strpool_commit(&pool, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_exact_and_full),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_read_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
