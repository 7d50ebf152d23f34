/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trap: one packet end to end: received, its owner asked for, told, released. */
#ifndef TRAP_H
#define TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hook.h"
#include "nfqueue.h"
#include "output.h"
#include "ruleset.h"
#include "sockowner.h"
#include "stats.h"
#include "verdict.h"

/* What trap works with; all opened and closed by main, borrowed here. */
struct trap_config {
	struct nfqueue *queue;
	struct verdict *verdict;
	struct ruleset *ruleset;	/* NULL with --queue */
	struct sockowner *sockowner;
	struct hook_pool *hook;		/* NULL without -e */
	struct output **outputs;
	size_t noutputs;
	int proc_rootfd;
	const struct users *users;
	uint64_t hold_us;
	unsigned rate;			/* 0: no cap */
	uint64_t count;			/* events to tell; 0: no end */
	uint64_t until_us;		/* 0: no end */
	bool packets, hold_all, answers;
	bool new_only;
};

struct trap;

int trap_open(struct trap **t, const struct trap_config *cfg);	/* -errno */
void trap_close(struct trap *t);

/* Until enough was caught, the time is over, a signal asks for the end
 * (SIGTERM, SIGINT, SIGHUP, blocked by main) or no output is left.  Returns
 * with every packet decided and the rules stopped.  -errno. */
int trap_run(struct trap *t);

const struct stats *trap_stats(struct trap *t);
const struct stats_tables *trap_tables(const struct trap *t);

#endif
