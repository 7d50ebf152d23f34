/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inbox: packets received and not yet worked on, so that one can look ahead. */
#ifndef INBOX_H
#define INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "nfqueue.h"
#include "packet.h"
#include "stages.h"

#define INBOX_MAX 512

struct inbox_item {
	struct nfqueue_packet queued;	/* payload points into the inbox */
	struct packet packet;
	bool malformed;			/* no IP packet: packet holds zeros */
	bool rewritten;			/* NAT has given it another destination: */
	struct tuple seen;		/* what it says itself.  In packet.tuple is
					 * what its socket sent it to */
	bool unsure;			/* nobody tells whether it was */
	uint64_t received_us;
};

/* What came beside packets since the last time; the caller clears it. */
struct inbox_stats {
	uint64_t packets, overruns, ignored, gone, refused;
	int last_error;			/* of the refused ones, -errno */
};

struct inbox;

/* nat: destinations are rewritten before packets come to the queue.  -errno. */
int inbox_open(struct inbox **in, struct nfqueue *q, bool nat);
void inbox_close(struct inbox *in);

/* Reads what the queue has, until `max` packets are here (INBOX_MAX: as far as
 * there is room).  True: the queue is drained, every packet sent before this
 * call is in the inbox or has been worked on. */
bool inbox_fill(struct inbox *in, unsigned max);

/* Nothing is here, and at the last look nothing was in the queue. */
bool inbox_is_drained(const struct inbox *in);

/* The oldest, valid until inbox_pop.  NULL: empty. */
const struct inbox_item *inbox_first(const struct inbox *in);
void inbox_pop(struct inbox *in);

/* The oldest was sent from and to there: it is known now whether it was
 * rewritten. */
void inbox_set_own_tuple(struct inbox *in, const struct tuple *own);

/*
 * Is there another packet (not the first) of the same tuple that is not just a
 * retransmit of p?  Then an earlier socket of that tuple may have sent one of
 * them, and a look-up finds only the later one.
 */
bool inbox_has_rival(const struct inbox *in, const struct packet *p);

/* Each packet here that is no IP packet's ruin, the first one too. */
void inbox_each(const struct inbox *in,
		void (*each)(const struct inbox_item *item, void *data),
		void *data);

struct inbox_stats *inbox_stats(struct inbox *in);

/* From now on counts there, NULL: not. */
void inbox_measure(struct inbox *in, struct stage *receive,
		   struct stage *parse);

#endif
