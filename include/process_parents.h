/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process_parents: who is above a process, for the next child of the same parent. */
#ifndef PROCESS_PARENTS_H
#define PROCESS_PARENTS_H

#include <stdint.h>
#include <sys/types.h>

#include "process.h"

/*
 * Who starts one process after the other is not looked up with all its ancestors
 * for each.  That it is still the same parent, of the same program and below the
 * same parent itself, is asked each time; what is read of it beyond that, and of
 * those above it, may be PROCESS_PARENTS_US old.
 */
#define PROCESS_PARENTS_US  200000
#define PROCESS_PARENTS_MAX 16	/* parents; each keeps one descriptor */

struct process_parents;

struct process_parent {
	pid_t pid;
	uint64_t starttime;		/* clock ticks after boot */
	struct process_lineage lineage;	/* it is the first one in it */
};

int process_parents_open(struct process_parents **pp);	/* -errno */
void process_parents_close(struct process_parents *pp);

/* Who has that pid now; borrowed until the next call.  NULL: nobody, or it cannot
 * be kept.  rootfd is /proc. */
const struct process_parent *process_parents_find(struct process_parents *pp,
						  uint64_t now_us, int rootfd,
						  pid_t pid);

/* As process_read_lineage; dirfd is the process's own. */
void process_parents_read_lineage(struct process_parents *pp, uint64_t now_us,
				  int rootfd, int dirfd,
				  const struct process *p, struct strpool *pool,
				  struct process_lineage *l);

/* The list, and the first one's exe and arguments with their copies in pool. */
void process_parents_copy(const struct process_lineage *from,
			  struct strpool *pool, struct process_lineage *to);

#endif
