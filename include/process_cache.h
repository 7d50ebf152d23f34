/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process_cache: what was just read of a process, for the next packet of the same one. */
#ifndef PROCESS_CACHE_H
#define PROCESS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "process.h"

/*
 * A process that connects a thousand times a second need not be read a thousand
 * times.  Never who it is, which each packet proves on its own: only what is read
 * after the verdict (process_read_rest, process_read_lineage), and that may be
 * PROCESS_CACHE_US old: its folder, rights or cgroup may have changed since.
 */
#define PROCESS_CACHE_US  200000
#define PROCESS_CACHE_MAX 64	/* processes; each keeps one descriptor */

struct process_cache;

int process_cache_open(struct process_cache **pc);	/* -errno */
void process_cache_close(struct process_cache *pc);

/*
 * *p is who it is: pid, start time, image, owner.  True: that very program image
 * was read less than PROCESS_CACHE_US ago, lives (its stat line, through a
 * descriptor that is the process's own, says so now), and has the owner and the
 * parent that it had; then the members under has_rest are filled, exe and *l, with
 * their strings in the pool.  False: nothing is changed.
 */
bool process_cache_get(struct process_cache *pc, uint64_t now_us,
		       struct strpool *pool, struct process *p,
		       struct process_lineage *l);

/* Both were read just now, and rootfd is /proc.  What is not that process any
 * more, or has no room, is not kept. */
void process_cache_put(struct process_cache *pc, uint64_t now_us, int rootfd,
		       const struct process *p, const struct process_lineage *l);

#endif
