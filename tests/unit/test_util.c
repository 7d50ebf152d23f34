/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_util: numbers in text, the clock and the hash. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util.h"

static int parse(const char *text, uint64_t max, uint64_t *value)
{
	*value = 4711;
	return util_parse_uint(text, strlen(text), max, value);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, value;
	} good[] = {
		{"0", 0, 0},
		{"00", 9, 0},
		{"65535", 65535, 65535},
		{"007", 255, 7},
		{"18446744073709551615", UINT64_MAX, UINT64_MAX},
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(parse(good[i].text, good[i].max, &value), 0);
		assert_true(value == good[i].value);
	}
}

static void test_not_numbers(void **state)
{
	static const char *const bad[] = {
		"",   " 1", "1 ", "+1", "-1",  "0x1",
		"1.", "a",  "/",  ":",	"1\n", "99999999999999999999999x"};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i], 10, &value), -EINVAL);
		assert_int_equal(value, 4711);
	}
}

static void test_too_large(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
	} large[] = {
		{"1", 0},
		{"65536", 65535},
		{"18446744073709551616", UINT64_MAX},
		{"18446744073709551625", UINT64_MAX},
		/* wraps to a small number */
		{"184467440737095516160", UINT64_MAX},
		{"36893488147419103233", 65535},
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
		assert_int_equal(parse(large[i].text, large[i].max, &value),
				 -ERANGE);
		assert_int_equal(value, 4711);
	}
}

static void test_exact_length(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(util_parse_uint("12345", 3, 1000, &value), 0);
	assert_int_equal(value, 123);
	assert_int_equal(util_parse_uint("1\0002", 3, 1000, &value), -EINVAL);
}

static void test_clock(void **state)
{
	uint64_t before = util_now_us();

	(void)state;
	assert_true(before > 0);
	assert_true(util_now_us() >= before);
	assert_true(util_now_us() - before < 60 * UTIL_SEC);
}

static void test_hash(void **state)
{
	unsigned char bytes[24] = {0}, copy[25] = {0};
	uint64_t seen[ARRAY_SIZE(bytes) * 8 + 1];
	size_t n = 0;

	(void)state;
	/* The same bytes at another address have the same hash. */
	assert_true(util_hash(bytes, sizeof(bytes)) ==
		    util_hash(copy + 1, sizeof(bytes)));
	/* Every bit counts, the last ones too. */
	seen[n++] = util_hash(bytes, sizeof(bytes));
	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		seen[n] = util_hash(bytes, sizeof(bytes));
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		for (size_t i = 0; i < n; i++)
			assert_true(seen[i] != seen[n]);
		n++;
	}
	/* Zeros of another length are other bytes. */
	for (size_t len = 0; len < 24; len++)
		assert_true(util_hash(bytes, len) != util_hash(bytes, len + 1));
}

static void test_hash_spreads(void **state)
{
	unsigned counts[64] = {0};

	(void)state;
	for (uint32_t port = 0; port < 64000; port++)
		counts[util_hash(&port, sizeof(port)) % ARRAY_SIZE(counts)]++;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		assert_in_range(counts[i], 750, 1250); /* 8 sigma */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_not_numbers),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_exact_length),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_hash_spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
