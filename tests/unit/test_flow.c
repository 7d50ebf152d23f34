/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_flow: flows are found, forgotten after silence, and never too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow.h"

#define SECOND 1000000ULL

static struct flow_table *ft;

static struct tuple make_tuple(uint32_t n)
{
	struct tuple t = {.family = AF_INET, .proto = IPPROTO_UDP};

	t.saddr.family = t.daddr.family = AF_INET;
	memcpy(t.saddr.bytes, &n, sizeof(n));
	t.sport = 1000;
	t.dport = 53;
	return t;
}

static int set_up(void **state)
{
	(void)state;
	return flow_open(&ft);
}

static int tear_down(void **state)
{
	(void)state;
	flow_close(ft);
	return 0;
}

static void test_found_again(void **state)
{
	struct tuple a = make_tuple(1), b = make_tuple(2);
	struct flow *f;

	(void)state;
	assert_null(flow_find(ft, &a, SECOND));
	f = flow_add(ft, &a, SECOND);
	assert_non_null(f);
	assert_false(f->has_event || f->has_holder);
	assert_ptr_equal(flow_find(ft, &a, 2 * SECOND), f);
	assert_null(flow_find(ft, &b, 2 * SECOND));
	b = a;
	b.proto = IPPROTO_TCP;
	assert_null(flow_find(ft, &b, 2 * SECOND));
}

static void test_silence(void **state)
{
	struct tuple a = make_tuple(1);

	(void)state;
	flow_add(ft, &a, SECOND);
	assert_non_null(flow_find(ft, &a, SECOND + FLOW_SILENCE_US));
	/* That look was a sign of life. */
	assert_non_null(flow_find(ft, &a, SECOND + 2 * FLOW_SILENCE_US));
	assert_null(flow_find(ft, &a, SECOND + 3 * FLOW_SILENCE_US + 1));
	assert_int_equal(flow_count(ft), 0);
}

static void test_open_catch_keeps(void **state)
{
	struct tuple a = make_tuple(1);
	struct flow *f;

	(void)state;
	f = flow_add(ft, &a, SECOND);
	f->catch = 1;
	assert_non_null(flow_find(ft, &a, 1000 * SECOND));
}

static void test_stale_make_room(void **state)
{
	struct tuple t;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		t = make_tuple(i);
		flow_add(ft, &t, SECOND);
	}
	for (uint32_t i = 100; i < 160; i++) {
		t = make_tuple(i);
		flow_add(ft, &t, 100 * SECOND);
	}
	assert_int_equal(flow_count(ft), 60);
}

static void test_full_table(void **state)
{
	struct tuple first = make_tuple(0), t;

	(void)state;
	for (uint32_t i = 0; i < FLOW_MAX + 10; i++) {
		t = make_tuple(i);
		assert_non_null(flow_add(ft, &t, SECOND + i));
	}
	assert_true(flow_count(ft) <= FLOW_MAX);
	assert_null(flow_find(ft, &first, SECOND + FLOW_MAX));
	assert_non_null(flow_find(ft, &t, SECOND + FLOW_MAX));
}

static void test_remove(void **state)
{
	struct tuple a = make_tuple(1), b = make_tuple(2);
	struct flow *f;

	(void)state;
	f = flow_add(ft, &a, SECOND);
	flow_add(ft, &b, SECOND);
	flow_remove(ft, f);
	assert_null(flow_find(ft, &a, SECOND));
	assert_non_null(flow_find(ft, &b, SECOND));
}

/* A flow whose place another one had had before. */
static void test_place_anew(void **state)
{
	struct tuple a = make_tuple(1), b = make_tuple(2);
	struct flow *f, *g;

	(void)state;
	f = flow_add(ft, &a, SECOND);
	f->has_event = true;
	f->cookie = 7;
	assert_true(flow_note_question(f, 1));
	flow_remove(ft, f);
	g = flow_add(ft, &b, SECOND);
	assert_ptr_equal(g, f);
	assert_false(g->has_event);
	assert_int_equal(g->cookie, 0);
	assert_true(flow_note_question(g, 1));
	assert_null(flow_find(ft, &a, SECOND));
	assert_ptr_equal(flow_find(ft, &b, SECOND), g);
}

static void test_questions(void **state)
{
	struct flow f = {0};

	(void)state;
	for (uint64_t i = 1; i <= FLOW_QUESTIONS_MAX; i++) {
		assert_true(flow_note_question(&f, i));
		for (uint64_t k = 1; k <= i; k++)
			assert_false(flow_note_question(&f, k));
	}
	assert_true(flow_note_question(&f, 100));
	assert_true(flow_note_question(&f, 1)); /* the oldest made room */
	assert_false(flow_note_question(&f, 100));
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(flow_note_question(&f, 1000 + i));
	assert_false(flow_note_question(&f, 1999));
	free(f.questions);
}

static void test_holder(void **state)
{
	const struct sockowner_holder h = {
		.pid = 7,
		.fd = 3,
		.ring = true,
		.fd_tid = 8,
		.has_image = true,
		.starttime = 9,
		.image = {1, 2, 3, 4},
		.dirfd = 5,
	};
	struct sockowner_holder kept = {0};
	struct flow f = {0};

	(void)state;
	flow_set_holder(&f, &h);
	assert_true(f.has_holder);
	flow_get_holder(&f, &kept);
	assert_int_equal(kept.pid, h.pid);
	assert_int_equal(kept.fd, h.fd);
	assert_int_equal(kept.fd_tid, h.fd_tid);
	assert_true(kept.ring && kept.has_image);
	assert_int_equal(kept.starttime, h.starttime);
	assert_memory_equal(&kept.image, &h.image, sizeof(h.image));
	assert_int_equal(kept.dirfd, -1); /* the answer's, not ours */
	flow_set_holder(&f, NULL);
	assert_false(f.has_holder);
}

/* As many as there can be have a part in 24 MiB of memory. */
static void test_size(void **state)
{
	(void)state;
	assert_true(sizeof(struct flow) * FLOW_MAX <= 10 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_silence, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_open_catch_keeps, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_stale_make_room, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_full_table, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_remove, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_place_anew, set_up,
						tear_down),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_holder),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
