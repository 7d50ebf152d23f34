/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_output_queue: events in order, written while the giver goes on. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "output_queue.h"

#define JOBS 1000

static struct event events[JOBS];
static struct output_job jobs[JOBS];
static const struct event *written[JOBS];
static unsigned nwritten;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

/* What the queue's thread calls; closed as long as the gate is held. */
int output_write(struct output *o, const struct event *e)
{
	(void)o;
	pthread_mutex_lock(&gate);
	written[nwritten++] = e;
	pthread_mutex_unlock(&gate);
	return 0;
}

static struct output_queue *open_queue(void)
{
	static struct output *one[1];
	struct output_queue *q;

	nwritten = 0;
	assert_int_equal(output_queue_open(&q, one, 1), 0);
	return q;
}

static void put(struct output_queue *q, unsigned i)
{
	jobs[i].event = &events[i];
	output_queue_put(q, &jobs[i]);
}

/* While the thread may write. */
static unsigned count_written(void)
{
	unsigned n;

	pthread_mutex_lock(&gate);
	n = nwritten;
	pthread_mutex_unlock(&gate);
	return n;
}

static unsigned take_all(struct output_queue *q)
{
	struct output_job *job = output_queue_take_done(q);
	unsigned n = 0;

	for (; job != NULL; job = job->next)
		n++;
	return n;
}

static void test_order(void **state)
{
	struct output_queue *q = open_queue();
	unsigned back = 0;

	(void)state;
	for (unsigned i = 0; i < JOBS; i++) {
		put(q, i);
		back += take_all(q);
	}
	output_queue_flush(q);
	back += take_all(q);
	assert_int_equal(back, JOBS);
	assert_int_equal(nwritten, JOBS);
	for (unsigned i = 0; i < JOBS; i++)
		assert_ptr_equal(written[i], &events[i]);
	output_queue_close(q);
}

/* Nobody waits for the one that is being written, until there are too many. */
static void test_gives_go_on(void **state)
{
	struct output_queue *q = open_queue();

	(void)state;
	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < OUTPUT_QUEUE_MAX; i++)
		put(q, i);
	assert_int_equal(nwritten, 0);
	assert_null(output_queue_take_done(q));
	pthread_mutex_unlock(&gate);
	put(q, OUTPUT_QUEUE_MAX);
	assert_true(count_written() > 0);
	output_queue_flush(q);
	assert_int_equal(take_all(q), OUTPUT_QUEUE_MAX + 1);
	output_queue_close(q);
}

static void test_close_writes_all(void **state)
{
	struct output_queue *q = open_queue();

	(void)state;
	for (unsigned i = 0; i < OUTPUT_QUEUE_MAX; i++)
		put(q, i);
	output_queue_close(q);
	assert_int_equal(nwritten, OUTPUT_QUEUE_MAX);
	output_queue_close(NULL);
}

static void test_empty(void **state)
{
	struct output_queue *q = open_queue();

	(void)state;
	output_queue_flush(q);
	assert_null(output_queue_take_done(q));
	output_queue_close(q);
	assert_int_equal(nwritten, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_gives_go_on),
		cmocka_unit_test(test_close_writes_all),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
