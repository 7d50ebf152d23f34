/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_candidates: processes worth a look before a sweep of them all. */
#ifndef SOCKOWNER_CANDIDATES_H
#define SOCKOWNER_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fdscan.h"
#include "sockowner.h"
#include "sockowner_index.h"

#define SOCKOWNER_KNOWN_MAX 8

struct sockowner_candidates {
	int rootfd;			/* borrowed, */
	struct fdscan *scan;		/* as is this */
	int loadavg_fd;
	bool newest_first;
	uint64_t until_us;		/* of the present search */
	pid_t known[SOCKOWNER_KNOWN_MAX];	/* recent owners, 0: none */
	struct sockowner_index old;	/* who had which socket at the start */
};

void sockowner_candidates_open(struct sockowner_candidates *cs, int rootfd,
			       struct fdscan *scan);
void sockowner_candidates_close(struct sockowner_candidates *cs);

/* That process has just been found to own a socket. */
void sockowner_candidates_note(struct sockowner_candidates *cs, pid_t pid);

/* For a SYN: true, one of them sits in connect(2) on a->socket, and the answer is
 * PROVED. */
bool sockowner_candidates_try(struct sockowner_candidates *cs,
			      struct sockowner_answer *a);

#endif
