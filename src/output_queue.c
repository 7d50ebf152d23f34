/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_queue: events that a thread of its own formats, so that the loop goes
 * on to the next packet. */
#include "output_queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define STACK_SIZE (256 * 1024)

struct output_queue {
	struct output **outputs;
	size_t noutputs;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t more, fewer;
	struct output_job *first, **last; /* to be written */
	struct output_job *done;
	unsigned waiting; /* with the one that is being written */
	bool asleep, stop;
};

static void write_event(struct output_queue *q, const struct event *e)
{
	for (size_t i = 0; i < q->noutputs; i++)
		output_write(q->outputs[i], e);
}

/* The lock is held, and given up meanwhile. */
static void write_first(struct output_queue *q)
{
	struct output_job *job = q->first;

	q->first = job->next;
	if (q->first == NULL)
		q->last = &q->first;
	pthread_mutex_unlock(&q->lock);
	write_event(q, job->event);
	pthread_mutex_lock(&q->lock);
	job->next = q->done;
	q->done = job;
	q->waiting--;
	pthread_cond_signal(&q->fewer);
}

static void *run(void *data)
{
	struct output_queue *q = data;

	pthread_mutex_lock(&q->lock);
	while (q->first != NULL || !q->stop) {
		if (q->first != NULL) {
			write_first(q);
			continue;
		}
		q->asleep = true;
		pthread_cond_wait(&q->more, &q->lock);
		q->asleep = false;
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct output_queue *q)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err != 0)
		return -err;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&q->thread, &attr, run, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err == 0)
		pthread_setname_np(q->thread, "ptrap-output");
	return -err;
}

static void free_queue(struct output_queue *q)
{
	pthread_cond_destroy(&q->fewer);
	pthread_cond_destroy(&q->more);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

int output_queue_open(struct output_queue **out, struct output **outputs,
		      size_t noutputs)
{
	struct output_queue *q = calloc(1, sizeof(*q));
	int err;

	*out = NULL;
	if (q == NULL)
		return -ENOMEM;
	q->outputs = outputs;
	q->noutputs = noutputs;
	q->last = &q->first;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->more, NULL);
	pthread_cond_init(&q->fewer, NULL);
	err = start_thread(q);
	if (err < 0) {
		free_queue(q);
		return err;
	}
	*out = q;
	return 0;
}

void output_queue_close(struct output_queue *q)
{
	if (q == NULL)
		return;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->more);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	free_queue(q);
}

void output_queue_put(struct output_queue *q, struct output_job *job)
{
	bool asleep;

	job->next = NULL;
	pthread_mutex_lock(&q->lock);
	while (q->waiting >= OUTPUT_QUEUE_MAX)
		pthread_cond_wait(&q->fewer, &q->lock);
	*q->last = job;
	q->last = &job->next;
	q->waiting++;
	asleep = q->asleep;
	pthread_mutex_unlock(&q->lock);
	/* It would run into the lock that its waker still holds. */
	if (asleep)
		pthread_cond_signal(&q->more);
}

struct output_job *output_queue_take_done(struct output_queue *q)
{
	struct output_job *done;

	pthread_mutex_lock(&q->lock);
	done = q->done;
	q->done = NULL;
	pthread_mutex_unlock(&q->lock);
	return done;
}

void output_queue_flush(struct output_queue *q)
{
	pthread_mutex_lock(&q->lock);
	while (q->waiting > 0)
		pthread_cond_wait(&q->fewer, &q->lock);
	pthread_mutex_unlock(&q->lock);
}
