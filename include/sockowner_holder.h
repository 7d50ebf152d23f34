/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_holder: a process with a socket open, kept so that it stays that one. */
#ifndef SOCKOWNER_HOLDER_H
#define SOCKOWNER_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fdscan.h"
#include "sockowner.h"

/* Adds the process to the answer's holders, with a descriptor of its own; the
 * hit keeps its one.  One that goes while we look, or is closed to us, is counted,
 * not listed; one with a ring that does not tell is noted as that. */
void sockowner_holder_add(struct sockowner_answer *a,
			  const struct fdscan_hit *hit);

/* Through dirfd, an open /proc/PID: still the same program image, with the same
 * socket at the same descriptor? */
bool sockowner_holder_is_unchanged(const struct sockowner_holder *h, int dirfd,
				   uint64_t inode);

/*
 * For a SYN that is held: one of the holders, and only one, has a thread that
 * sits in connect(2) on that socket.  Then it is put first, with its tid, the
 * answer says PROVED, and true comes back; else the answer is as it was.
 */
bool sockowner_holder_prove(struct sockowner_answer *a);

/*
 * The same for a process that may or may not have the socket, without a search
 * of its descriptors: connect(2) tells which one it is.  pid may be a thread's.
 * Threads that still run are looked at again until until_us.  1: proved, the
 * only holder in the answer, whoever else has the socket or waits in connect(2)
 * on it but for its parent and its children; 0: not; -ENOENT, -ESRCH: no such
 * process.
 */
int sockowner_holder_try(struct sockowner_answer *a, struct fdscan *scan,
			 int rootfd, pid_t pid, uint64_t until_us);

#endif
