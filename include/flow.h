/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow: the flows that have had their event, so that a flow has one, and no more. */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "sockowner.h"

#define FLOW_MAX 65536			/* then the least recent one goes */
#define FLOW_SILENCE_US (30 * 1000000ULL)
#define FLOW_QUESTIONS_MAX 8

struct flow {
	struct tuple tuple;
	uint64_t cookie;		/* 0: no socket was found, or it has none */
	uint64_t inode;			/* the socket's; 0: as above */
	enum sockowner_grade grade;	/* of the last event */
	bool has_uid;			/* the packet's, at that event */
	uid_t uid;
	bool has_syn;			/* the last packet named opened it, */
	uint32_t tcp_seq;		/* with that number */
	bool has_holder;
	struct sockowner_holder holder;	/* dirfd is not kept: -1 */
	bool doubted;			/* packets that somebody else may have sent
					 * were told, too */
	uint64_t last_us;
	uint64_t packets;		/* 0: no event yet */
	uint64_t questions[FLOW_QUESTIONS_MAX];	/* hashes of DNS questions told */
	unsigned nquestions;
	uint32_t catch;			/* trap's: index + 1 while one is open */
	struct flow *lru_prev, *lru_next, *chain;
};

struct flow_table;

int flow_open(struct flow_table **ft);	/* -errno */
void flow_close(struct flow_table *ft);

/* The flow, moved to the front; one silent for FLOW_SILENCE_US is forgotten
 * first (unless a catch is open).  NULL: not known. */
struct flow *flow_find(struct flow_table *ft, const struct tuple *t,
		       uint64_t now_us);

/* Makes one (zeroed but for tuple, last_us).  NULL: no memory, and then the
 * packet simply has no flow. */
struct flow *flow_add(struct flow_table *ft, const struct tuple *t,
		      uint64_t now_us);

void flow_remove(struct flow_table *ft, struct flow *f);
size_t flow_count(const struct flow_table *ft);

/* Notes a question's hash; false: it was told before. */
bool flow_note_question(struct flow *f, uint64_t hash);

#endif
