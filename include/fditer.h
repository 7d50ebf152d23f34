/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fditer: which processes have these sockets open, through the kernel's own iterator. */
#ifndef FDITER_H
#define FDITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fdscan.h"
#include "fditer_record.h"

/*
 * What fdscan does by reading /proc, a BPF iterator over all open files does in
 * the kernel, some 25 times as fast; and it asks nobody's permission.  As
 * of Linux 6.18 and back to 5.8 (kernel/bpf/task_iter.c):
 *
 *  - it walks the pids of the pid namespace of whoever opened it, upwards
 *    (task_seq_get_next, init_seq_pidns): processes outside of that are not
 *    seen, as in /proc;
 *  - a thread that has its leader's table is left out, any other is shown,
 *    also where the leader has ended and has no table any more (there each of
 *    the threads shows the same one);
 *  - no security module and no hidepid stands in its way.  Who is closed to
 *    /proc is counted here, though there is nothing to tell about it;
 *  - a read goes on where the last one ended, by pid and descriptor, and ends
 *    when there is as much to give as was asked for (bpf_seq_read in
 *    kernel/bpf/bpf_iter.c): so one sweep is many short calls;
 *  - a process born with a number that was passed already is missed.  So a
 *    sweep goes round again, until a round in which no pid was given out, or
 *    after which there is no holder more.
 *
 * What cannot be seen is otherwise the same as fdscan's: sockets in flight, rings
 * without a descriptor, descriptors that move.  Who has the right to choose pids
 * (clone3's set_tid) can be born unnoticed.
 */

struct fditer;

/*
 * link_fd (fditer_load's) is taken over, also on an error; rootfd (borrowed) is
 * an open /proc of our own pid namespace.  -errno.
 */
int fditer_open(struct fditer **it, int link_fd, int rootfd);
void fditer_close(struct fditer *it);	/* NULL is fine */

/*
 * As fdscan's.  A hit's descriptor was looked at through /proc, and there was
 * the socket; else, hit->dirfd is the error: -EACCES closed to us, -ESRCH the
 * process is gone, or has closed it, or moved it to another number.  pid is 0
 * if it went while the iterator saw it.
 */
int fditer_start(struct fditer *it);
int fditer_step(struct fditer *it, const uint64_t *inodes, size_t n,
		uint64_t until_us, fdscan_cb cb, void *data);

/* As fdscan's. */
bool fditer_settled(const struct fditer *it);

/* One round over all open sockets: who has them, once for each descriptor.  1:
 * complete, 0: until_us has passed, -errno.  Ends a sweep that is under way. */
typedef void (*fditer_list_cb)(uint64_t inode, pid_t pid, void *data);
int fditer_list(struct fditer *it, uint64_t until_us, fditer_list_cb cb,
		void *data);

/* The records in what was read; -EBADMSG, after those that are whole: the last
 * is not. */
typedef void (*fditer_record_cb)(const struct fditer_record *r, void *data);
int fditer_parse(const void *buf, size_t len, fditer_record_cb cb, void *data);

#endif
