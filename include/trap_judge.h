/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap_judge: what becomes of a catch: told or not, its command, its verdict. */
#ifndef TRAP_JUDGE_H
#define TRAP_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "catch.h"
#include "flow.h"
#include "inbox.h"
#include "process_parents.h"
#include "rate.h"
#include "trap.h"

/* The inside of trap, for its two halves only: trap.c takes packets in,
 * trap_judge.c lets them go. */
struct trap {
	struct trap_config cfg;
	pid_t pid;			/* our own */
	uint64_t opened_us;
	struct catch_pool *catches;
	struct flow_table *flows;
	struct rate *rate;
	struct inbox *inbox;
	bool sweeping;
	bool has_record;	      /* of the packet that is worked on */
	struct witness_record record;
	struct netns_origin origin;   /* its own, if it is forwarded, */
	enum sockowner_reason doubt;  /* and why that says nothing */
	uint64_t listed;	      /* the list of namespaces known of */
	bool told_blind;
	uint64_t swept;		/* the guardian's sweeps known of */
	bool stale;		/* messages of before it are still read, */
	bool has_stale_id;
	uint32_t stale_id;	/* up to this one */
	uint64_t sequence; /* of the last event begun */
	struct stats stats;
	struct stats_tables *tables;
	struct process_parents *parents;
	struct output_queue *told;	/* events on their way to the outputs */
	uint64_t told_unseen;
	uint64_t yielded_us;	/* when the processor was last left to others */
	struct event loss;	      /* the event of packets unseen; of stages */
	char json[OUTPUT_RECORD_MAX]; /* a command's standard input */
};

/* To all outputs, behind those on their way. */
void trap_tell(struct trap *t, const struct event *e);

/* Waits until all that was told is with the outputs. */
void trap_flush(struct trap *t);

/* As many events as were asked for have been begun. */
bool trap_is_count_reached(const struct trap *t);

/* The flow that the catch is of, as far as it is still known, or NULL. */
struct flow *trap_flow_of(struct trap *t, const struct catch *c);

/* The catch's DNS questions are told ones from now on. */
void trap_note_questions(struct trap *t, const struct catch *c);

/* The answer is there, as good as it will be: told, or begun with a command. */
void trap_judge(struct trap *t, struct catch *c);

/* No more time: what is known by now is the event. */
void trap_cut_short(struct trap *t, struct catch *c);

/* The answer is there to whose the flow is that the packet is about. */
void trap_end_about(struct trap *t, struct catch *c);

/* A command has ended: in time, or after its event was told. */
void trap_end_hook(struct trap *t, struct catch *c,
		   const struct event_hook *result);

/* The verdict for the packet and all that joined it. */
void trap_release(struct trap *t, struct catch *c);

void trap_close_catch(struct trap *t, struct catch *c);

#endif
