/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A SYN that may go out with the first write is told from one that cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packet.h"

/* An IPv4 SYN with these options and that much data, captured up to cap bytes
 * (0: all). */
static bool is_fast(const char *options, size_t n, size_t data, size_t cap)
{
	uint8_t pkt[128] = {0x45, [8] = 64, [9] = 6, [12] = 10, [16] = 10};
	size_t len = 40 + n + data;
	struct packet p;

	pkt[3] = (uint8_t)len;
	pkt[32] = (uint8_t)((20 + n) / 4 << 4);
	pkt[33] = PACKET_TCP_SYN;
	memcpy(pkt + 40, options, n);
	assert_int_equal(packet_parse(&p, pkt, cap ? cap : len, len), 0);
	return packet_is_fast_open(&p);
}

#define FAST(text, data) is_fast(text, sizeof(text) - 1, data, 0)

static void test_options(void **state)
{
	(void)state;
	assert_false(FAST("", 0));
	assert_false(FAST("\x02\x04\x05\xb4", 0));
	assert_false(FAST("\x01\x01\x01\x00", 0));
	assert_false(FAST("\x02\x04\x05\xb4\x04\x02\x08\x0a"
			  "\1\1\1\1\0\0\0\0\x01\x03\x03\x07",
			  0));
	assert_true(FAST("\x22\x02\x01\x01", 0));
	assert_true(FAST("\x01\x01\x22\x0a\1\2\3\4\5\6\7\10", 0));
	assert_true(FAST("\xfe\x04\xf9\x89", 0));
	/* Behind the end there is nothing. */
	assert_false(FAST("\x00\x22\x02\x00", 0));
}

static void test_data(void **state)
{
	(void)state;
	assert_true(FAST("", 1));
	assert_true(FAST("\x02\x04\x05\xb4", 20));
}

static void test_lies(void **state)
{
	(void)state;
	assert_true(FAST("\x02\x00\x05\xb4", 0));
	assert_true(FAST("\x02\x01\x05\xb4", 0));
	assert_true(FAST("\x01\x01\x01\x02", 0));
	assert_false(FAST("\x02\xff\x05\xb4", 0));
	for (size_t cap = 40; cap < 60; cap++)
		assert_true(is_fast("\x02\x04\x05\xb4\x04\x02\x08\x0a"
				    "\1\1\1\1\0\0\0\0\x01\x03\x03\x07",
				    20, 0, cap));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
