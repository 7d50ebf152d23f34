/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stages: where the time goes, counted; two looks at the clock each. */
#ifndef STAGES_H
#define STAGES_H

#include <stdint.h>

/* One thread adds to it. */
struct stage {
	uint64_t count, total_ns, max_ns;
};

/* In a packet's order; no two of them at once, but for OUTPUT, which another
 * thread may be at meanwhile. */
enum stages_index {
	STAGES_RECEIVE,		/* asking the queue for a packet, also in vain */
	STAGES_PARSE,
	STAGES_WITNESS,		/* reading what it has seen, finding the record */
	STAGES_SOCK_DIAG,	/* looking sockets up */
	STAGES_HOLDERS,		/* who has one open: candidates, slices of sweeps */
	STAGES_PROCESS,		/* who that is, as far as it is read while the
				 * packet is held */
	STAGES_VERDICT,
	STAGES_FACTS,		/* what else is told of it, and its ancestors */
	STAGES_OUTPUT,		/* formatting an event, for each output */
	STAGES_MAX,
};

struct stages {
	struct stage list[STAGES_MAX];
};

/* "receive", "parse", ... */
const char *stages_name(enum stages_index i);

/* NULL stays NULL. */
struct stage *stages_at(struct stages *s, enum stages_index i);

/* With NULL nothing is measured, and no clock looked at.  Nanoseconds. */
uint64_t stage_start(const struct stage *s);
/* Returns the present, at which the next one may start. */
uint64_t stage_end(struct stage *s, uint64_t start_ns);

#endif
