/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output_queue: events that a thread of its own formats, so that the loop goes on to the next packet. */
#ifndef OUTPUT_QUEUE_H
#define OUTPUT_QUEUE_H

#include <stddef.h>

#include "event.h"
#include "output.h"

/* Events that wait; the next one waits for room.  Formatting waits for nobody,
 * since sinks never do: not for long. */
#define OUTPUT_QUEUE_MAX 64

/* In the memory of who gives it, with the event, which nobody touches until the
 * job comes back. */
struct output_job {
	const struct event *event;
	struct output_job *next;
};

struct output_queue;

/* outputs (borrowed) are written by the thread from now on; by others only after
 * output_queue_flush.  -errno. */
int output_queue_open(struct output_queue **q, struct output **outputs,
		      size_t noutputs);

/* Finishes what waits and ends the thread; jobs not taken back are the caller's
 * again.  NULL is fine. */
void output_queue_close(struct output_queue *q);

/* In the order given. */
void output_queue_put(struct output_queue *q, struct output_job *job);

/* Those that are done, a list; NULL: none. */
struct output_job *output_queue_take_done(struct output_queue *q);

/* Waits until all is formatted. */
void output_queue_flush(struct output_queue *q);

#endif
