/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats: what happened, counted; and the summary at the end. */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

#include "event.h"
#include "strbuf.h"

/* Plain counters, added to by trap. */
struct stats {
	uint64_t packets;		/* ids received */
	uint64_t events;		/* told */
	uint64_t repeated;		/* further packets of flows already told */
	uint64_t retransmits;		/* joined to a held packet */
	uint64_t unmatched;		/* that do not ask for a --name */
	uint64_t exempt;		/* our own, our commands' */
	uint64_t answers;		/* SYN-ACKs and the like, not told */
	uint64_t rate_limited;		/* events not told because of -n */
	uint64_t crowded;		/* not told: too many catches open at once */
	uint64_t malformed;
	uint64_t unwanted;		/* the rules matched what is no target's to us, or
					 * others' rules did (-Q) */
	uint64_t ignored;		/* netlink messages not the kernel's */
	uint64_t overruns;		/* ENOBUFS */
	uint64_t gone;			/* ENOENT: dropped by the kernel while held */
	uint64_t expired;		/* released by the hold limit */
	uint64_t hooks, hooks_skipped, hooks_killed;
	uint64_t by_grade[SOCKOWNER_UNKNOWN + 1];
	uint64_t queue_dropped, user_dropped;	/* the kernel's counters */
	uint64_t ruled;			/* the rules' counters, 0 with --queue */
	uint64_t unseen;		/* ruled minus received */
	uint64_t witness_lost;		/* records that had no room */
	uint64_t witness_facts_lost;	/* processes that were not described */
	uint64_t witness_doubted;	/* packets with several possible ones */
	uint64_t netns_closed;		/* other namespaces that could not be entered, */
	uint64_t netns_unwatched;	/* or have no witness, */
	uint64_t netns_crowded;		/* and how often there were too many */
	uint64_t output_lost;		/* records that no output took */
};

struct stats_tables;	/* held-time histogram, events by process */

int stats_open(struct stats_tables **t);
void stats_close(struct stats_tables *t);

/* Notes the event's held time and its process. */
void stats_add_event(struct stats_tables *t, const struct event *e);

/* Held time in microseconds at a permille (500, 990), within 5 %. */
uint64_t stats_held_at(const struct stats_tables *t, unsigned permille);

/* The summary, a few lines of at most 80 columns: events by program (the ten
 * with most), packets, held p50/p99, drops, commands; nothing that is 0. */
void stats_format(const struct stats *s, const struct stats_tables *t,
		  struct strbuf *out);

#endif
