/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_sweep: who has these sockets open, by the best way there is. */
#ifndef SOCKOWNER_SWEEP_H
#define SOCKOWNER_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fdscan.h"
#include "fditer.h"
#include "sockowner_index.h"

struct sockowner_sweep {
	int rootfd;			/* borrowed */
	struct fdscan *scan;
	struct fditer *iter;		/* NULL: there is none, or it failed */
	bool by_iter;			/* the present or last sweep */
};

/* rootfd is /proc.  -errno. */
int sockowner_sweep_open(struct sockowner_sweep *s, int rootfd);
void sockowner_sweep_close(struct sockowner_sweep *s);

/* From now on by the iterator of that link, which is taken over in any case.
 * -EXDEV: rootfd's pids are not ours; -errno. */
int sockowner_sweep_use_iter(struct sockowner_sweep *s, int link_fd);

/* As fdscan_start and fdscan_step; hits as fditer_step's.  -EAGAIN: the iterator
 * has failed; what it found is to be forgotten, and the sweep begun again. */
int sockowner_sweep_start(struct sockowner_sweep *s);
int sockowner_sweep_step(struct sockowner_sweep *s, const uint64_t *inodes,
			 size_t n, uint64_t until_us, fdscan_cb cb, void *data);

/* Of the sweep that has just ended: processes that it could not look at. */
unsigned sockowner_sweep_denied(const struct sockowner_sweep *s);

/* Of the same: was everybody looked at who was born meanwhile?  See
 * fdscan_settled. */
bool sockowner_sweep_settled(const struct sockowner_sweep *s);

/* Who has which socket open now, until until_us; what is not known then is not
 * in the index. */
void sockowner_sweep_list(struct sockowner_sweep *s, uint64_t until_us,
			  struct sockowner_index *ix);

#endif
