/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop: the program's one loop: waits for the queue, signals, commands, readers. */
#ifndef LOOP_H
#define LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "ruleset.h"
#include "trap.h"

struct loop_config {
	struct trap *trap;
	struct nfqueue *queue;
	struct verdict *verdict;
	struct ruleset *ruleset;	/* NULL with --queue */
	struct hook_pool *hook;		/* NULL without -e */
	struct link_table *links;	/* or NULL */
	struct witness *witness;	/* or NULL */
	struct netns *netns;		/* or NULL */
	struct output **outputs;
	size_t noutputs;
	uint64_t until_us;		/* 0: no end */
};

/*
 * Until enough was told, the time is over, SIGTERM, SIGINT or SIGHUP comes
 * (blocked by the caller beforehand), or every output's reader has gone.
 * Returns with every packet decided and no rule left that queues one; -errno.
 */
int loop_run(const struct loop_config *cfg);

#endif
