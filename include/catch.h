/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catch: a packet that is held, with all that is learnt of it until its event is told. */
#ifndef CATCH_H
#define CATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "hook.h"
#include "inbox.h"
#include "output_queue.h"
#include "process_parents.h"
#include "sockowner.h"
#include "users.h"
#include "witness_record.h"

#define CATCH_MAX 256
/* The packet and those that join it: more than a default send buffer holds small
 * datagrams, so that a flooding sender comes to rest while it is looked for. */
#define CATCH_IDS_MAX 512

enum catch_state {
	CATCH_FREE,
	CATCH_OWNER,		/* waits for its owner */
	CATCH_ORIGIN,		/* waits for a newer list of namespaces */
	CATCH_HOOK,		/* held while the command runs */
	CATCH_TOLD,		/* told and released; its command still runs */
	CATCH_ABOUT,		/* released; whose flow it is about is looked up */
};

struct catch {
	enum catch_state state;
	uint32_t index, generation;
	uint32_t ids[CATCH_IDS_MAX];
	unsigned nids;
	struct tuple key;	/* of its flow: as the packet came to be known */
	bool unsure;		/* its destination may be rewritten already */
	uint64_t received_us, deadline_us;
	uint64_t list;		/* of namespaces that it waits for */
	uint32_t indev;		/* the device it came by; 0: none */
	uint32_t tcp_seq;
	bool quiet;		/* no command for this one */
	bool late;		/* no time for one */
	bool rival;		/* another socket's packet has the same tuple */
	bool hurried;		/* there was no time to look for one */
	enum sockowner_reason doubt;	/* why who has its addresses need not have
					 * sent it; NONE: nobody else can have */
	struct sockowner_held held;	/* the packets in ids */
	struct sockowner_query query;
	struct sockowner_answer answer;
	uint64_t seen_inode;	/* of the socket that was seen to send, but not by
				 * whom; 0: not seen, or in no file */
	bool has_record;	/* the answer is the witness's */
	bool by_socket;		/* who saw the socket connected, not the packet */
	struct witness_record record;
	struct hook *hook;
	struct output_job job;	/* while the event is written */
	struct catch *next;	/* of the spare ones */
	struct event event;
};

struct catch_pool;

int catch_open(struct catch_pool **p);	/* -errno */
void catch_close(struct catch_pool *p);

/* An empty one, or NULL: CATCH_MAX are open. */
struct catch *catch_get(struct catch_pool *p);
void catch_put(struct catch_pool *p, struct catch *c);

/* Takes it out of the pool, which knows it no more: its event lives on until
 * catch_reclaim. */
void catch_detach(struct catch_pool *p, struct catch *c);
void catch_reclaim(struct catch_pool *p, struct catch *c);

/* A token names a catch across queues; a stale one gives NULL. */
uint64_t catch_token(const struct catch *c);
struct catch *catch_find(const struct catch_pool *p, uint64_t token);

/* By number, 0 .. CATCH_MAX - 1; NULL where none is open. */
struct catch *catch_at(const struct catch_pool *p, uint32_t index);
unsigned catch_count(const struct catch_pool *p);

/* The packet's side of the event, and the question for its owner.  any_port: DNS
 * is expected at any, as below. */
void catch_set_packet(struct catch *c, const struct inbox_item *item,
		      bool any_port);

/* The question alone. */
void catch_make_query(const struct inbox_item *item, struct sockowner_query *q);

/* Adds the packet's DNS questions to the event, as far as there is room.  False:
 * it has none, or only those that are there already. */
bool catch_add_questions(struct catch *c, const struct packet *p,
			 bool any_port);

/* From the answer to the event's grade: what only the packet tells comes in
 * here (kernel's own packets, the uid, rivals).  uids: packets of open user
 * sockets carry one, so that one without is the kernel's.  witnessed: the
 * kernel's own datagrams have records. */
void catch_set_grade(struct catch *c, bool uids, bool witnessed);

/* A process for a list, if it is the holder still. */
bool catch_read_holder(const struct sockowner_holder *h, struct strpool *pool,
		       struct event_process *ep);

/* Is there one process, and only one, to speak of? */
bool catch_names_one(const struct catch *c);

/* Before the verdict: the process or the holders, as far as they prove something
 * or die; for the kernel's own packets nobody.  A process that is not the one of
 * the answer any more weakens the grade. */
void catch_read_process(struct catch *c, const struct users *users);

/* After it (before it for a command or --hold-all): the rest, and the ancestors.
 * Once for an event; without a process it does nothing. */
void catch_read_rest(struct catch *c, struct process_parents *parents,
		     int proc_rootfd);

#endif
