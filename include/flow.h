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

/* What is kept of who has the socket: of 65,536 flows, so no more than that. */
struct flow_holder {
	uint64_t starttime;
	struct sockowner_image image;
	pid_t pid, fd_tid;
	int fd;
	bool ring, has_image;
};

struct flow {
	struct tuple tuple;
	uint64_t cookie;		/* 0: no socket was found, or it has none */
	uint64_t inode;			/* the socket's; 0: as above */
	uint64_t last_us;
	uint64_t *questions;		/* hashes of DNS questions told; NULL: none */
	struct flow_holder holder;
	uid_t uid;
	uint32_t prev, next, chain;	/* the table's */
	uint32_t tcp_seq;		/* where has_syn: its number */
	uint16_t catch;			/* trap's: index + 1 while one is open */
	uint8_t nquestions;
	uint8_t grade;			/* enum sockowner_grade, of the last event */
	bool has_event;			/* false: there was none yet */
	bool has_uid;			/* the packet's, at that event */
	bool has_holder;
	bool has_syn;			/* the last packet named opened it */
	bool doubted;			/* packets that somebody else may have sent
					 * were told, too */
};

struct flow_table;

int flow_open(struct flow_table **ft);	/* -errno */
void flow_close(struct flow_table *ft);

/* The flow, moved to the front; one silent for FLOW_SILENCE_US is forgotten
 * first (unless a catch is open).  NULL: not known. */
struct flow *flow_find(struct flow_table *ft, const struct tuple *t,
		       uint64_t now_us);

/* Makes one (zeroed but for tuple, last_us); there is always room. */
struct flow *flow_add(struct flow_table *ft, const struct tuple *t,
		      uint64_t now_us);

void flow_remove(struct flow_table *ft, struct flow *f);
size_t flow_count(const struct flow_table *ft);

/* Notes a question's hash; false: it was told before. */
bool flow_note_question(struct flow *f, uint64_t hash);

/* NULL: there is none.  What proved it by a system call (not has_image) is not
 * kept: nobody is that holder any more. */
void flow_set_holder(struct flow *f, const struct sockowner_holder *h);
void flow_get_holder(const struct flow *f, struct sockowner_holder *h);

#endif
