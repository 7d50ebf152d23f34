/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap: one packet end to end: received, its owner asked for, told, released. */
#ifndef TRAP_H
#define TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conntrack.h"
#include "dns_pattern.h"
#include "dns_stub.h"
#include "hook.h"
#include "link.h"
#include "netns.h"
#include "nfqueue.h"
#include "output.h"
#include "sockowner.h"
#include "stages.h"
#include "stats.h"
#include "target.h"
#include "users.h"
#include "verdict.h"
#include "witness.h"

/* What trap works with; opened and closed by main, borrowed here. */
struct trap_config {
	struct nfqueue *queue;
	struct verdict *verdict;
	struct sockowner *sockowner;
	struct witness *witness;	/* NULL: there is none */
	struct hook_pool *hook;		/* NULL without -e */
	struct dns_stub *stubs;		/* NULL: nobody is told to be one */
	struct netns *netns;		/* NULL: other namespaces are not known */
	struct link_table *links;	/* NULL: no interface names */
	struct conntrack *conntrack;	/* NULL: nobody tells what NAT does */
	bool nat;			/* destinations may be rewritten before packets
					 * come to the queue */
	const struct users *users;
	struct output **outputs;
	size_t noutputs;
	struct stages *stages;		/* NULL: where the time goes is not told */
	const struct target *targets;	/* what to look at, when the rules are not
					 * ours (--queue); 0: everything */
	size_t ntargets;
	const struct dns_pattern *names;	/* DNS questions for these only; */
	size_t nnames;			/* 0: all packets */
	int proc_rootfd;
	uint64_t hold_us;
	unsigned rate;			/* events a minute of a process; 0: no cap */
	uint64_t count;			/* events to tell; 0: no end */
	bool new_only, packets, hold_all;
	bool answers;			/* tell SYN-ACKs, too */
};

struct trap;

int trap_open(struct trap **t, const struct trap_config *cfg);	/* -errno */
void trap_close(struct trap *t);

/*
 * One turn: reads what the queue has, sweeps for a while if packets wait for
 * that, judges what is answered, looks after commands and deadlines.  Never
 * waits.
 */
void trap_turn(struct trap *t);

/* When the next turn is due without any descriptor being readable (util_now_us):
 * 0 at once, UINT64_MAX never. */
uint64_t trap_deadline(const struct trap *t);

/* All that was asked for has been told, and its commands have ended. */
bool trap_is_over(const struct trap *t);

/* Accepts all that is held and tells what is open as far as it is known. */
void trap_end(struct trap *t);

/* The end of the end: accepts what still comes, telling nothing. */
void trap_drain(struct trap *t);

/* `ruled` packets were counted by the rules before the queue was last drained:
 * more than were received have passed unseen, and an event says so. */
void trap_note_ruled(struct trap *t, uint64_t ruled);

/* All that the queue had at the last turn has been worked on. */
bool trap_is_drained(const struct trap *t);

/* Tells where the time has gone, the last event of all; nothing without stages. */
void trap_tell_stages(struct trap *t);

struct stats *trap_stats(struct trap *t);
const struct stats_tables *trap_tables(const struct trap *t);

#endif
