/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict: the packets that are held, and the one place that decides them. */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "nfqueue.h"
#include "stages.h"

/*
 * Every id that is held is registered here and leaves by exactly one verdict:
 * from the loop, or from the guardian, a thread that touches nothing but this
 * table and the queue's socket and accepts what is held past the limit, whatever
 * the loop does.  When the loop itself has not shown up for that long, the
 * guardian accepts all that the queue holds, received or not.
 */
struct verdict;

struct verdict_stats {
	uint64_t given;			/* by the loop */
	uint64_t expired;		/* by the guardian */
	uint64_t swept;			/* times the guardian emptied the queue */
	uint64_t overflow;		/* accepted at once: table full */
};

/* hold_us: the limit.  Starts the guardian.  -errno. */
int verdict_open(struct verdict **v, struct nfqueue *q, uint64_t hold_us);

/* Accepts what is held and ends the guardian.  NULL is fine. */
void verdict_close(struct verdict *v);

/* Registers an id; the clock of its hold begins at now_us.  -ENOSPC: the table
 * is full and the packet has been accepted. */
int verdict_hold(struct verdict *v, uint32_t id, uint64_t now_us);

/* The verdict of a registered id, once: afterwards the table has forgotten it.
 * 0: given now, or by the guardian as soon as the socket takes it (*held_us is 0
 * then).  -EALREADY: the guardian was faster (*held_us is its time).  -ENOENT:
 * not registered.  held_us may be NULL. */
int verdict_give(struct verdict *v, uint32_t id, uint32_t nf_verdict,
		 uint64_t *held_us);

/* For packets that need no hold: accepted without the table unless the socket is
 * full, and while nothing is held several of them at once: with the next
 * verdict_flush, verdict_hold or verdict_idle at the latest. */
void verdict_pass(struct verdict *v, uint32_t id);
/* Those that have been passed are on their way. */
void verdict_flush(struct verdict *v);

/* Is the id still undecided? */
bool verdict_is_held(struct verdict *v, uint32_t id);

/* The loop's sign of life; call it in every turn. */
void verdict_touch(struct verdict *v, uint64_t now_us);
/* The loop is about to wait in poll, and is not stuck: silence is no alarm. */
void verdict_idle(struct verdict *v);

/* Accepts all that is held. */
void verdict_give_all(struct verdict *v);

/* Counts the loop's verdicts there from now on: before the first packet. */
void verdict_measure(struct verdict *v, struct stage *stage);

void verdict_read_stats(struct verdict *v, struct verdict_stats *st);

#endif
