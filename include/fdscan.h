/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fdscan: which processes have these sockets open, through /proc/PID/fd. */
#ifndef FDSCAN_H
#define FDSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a complete sweep sees: every process that was there when it started and
 * still is when it ends, every descriptor table in it (threads may have tables
 * of their own, and outlive the leader's), and the processes born meanwhile,
 * found by listing /proc again until nobody new shows up.
 *
 * What it cannot see: processes outside of rootfd's pid namespace, or hidden
 * by its hidepid option; a socket in flight in an SCM_RIGHTS message; an io_uring
 * that is in nobody's table itself (a registered ring, or one that is mapped
 * only); a descriptor that moves, while its table is read, to a number that was
 * passed already (or to a process that was).
 */

/* A process found with a wanted socket open. */
struct fdscan_hit {
	uint64_t inode;		/* 0: not known, see unnamed */
	pid_t pid;
	pid_t tid;		/* in whose table: /proc/PID/task/TID/fd/FD; the
				 * pid but for threads with a table of their own */
	int fd;
	bool ring;		/* fd is an io_uring's that the socket is
				 * registered with */
	unsigned unnamed;	/* inode 0: kinds of sockets that its io_uring fd
				 * may have (uring.h) */
	int dirfd;		/* its /proc/PID: the callback's to keep, or close
				 * (fditer only: -errno, it cannot be had) */
};

/*
 * Called once for each (process, inode), and for each io_uring that does not tell
 * what it has; takes over hit->dirfd.  Must not
 * change the array of inodes.  While the directory is kept open, "once" is
 * certain; else a kernel short of memory may forget, and a sweep repeat it.
 */
typedef void (*fdscan_cb)(const struct fdscan_hit *hit, void *data);

struct fdscan;

/* rootfd (borrowed) is an open /proc. */
int fdscan_open(struct fdscan **fs, int rootfd);
void fdscan_close(struct fdscan *fs);

/*
 * Looks for inodes[n] (sorted ascending) in one process; may be called while a
 * sweep is under way.  Returns the number of hits (each inode at most once),
 * -ESRCH gone, -EACCES not ours to see.  Gives up with -E2BIG when there are
 * more than max_items descriptors and threads (0: no limit), after the hits
 * among those that were looked at.
 */
int fdscan_pid(struct fdscan *fs, pid_t pid, const uint64_t *inodes, size_t n,
	       unsigned max_items, fdscan_cb cb, void *data);

/*
 * A complete sweep in slices.  start: from the first process on, for whatever
 * inodes are wanted then.  step: goes on until until_us (util_now_us) has
 * passed, with at least some progress, and stops inside of a process with many
 * descriptors too; returns 1 when the sweep is complete, 0 when there is more,
 * -errno (-EMFILE, -ENOMEM, ...: the sweep is lost, start again).  The set of
 * inodes may change between two steps: what is added late has seen only a
 * part, the caller starts again for it.
 */
int fdscan_start(struct fdscan *fs);
int fdscan_step(struct fdscan *fs, const uint64_t *inodes, size_t n,
		uint64_t until_us, fdscan_cb cb, void *data);

/* One listing of /proc: each open socket that is found until until_us, and who
 * has it.  Ends a sweep that is under way.  1: all, 0: not all, -errno. */
typedef void (*fdscan_list_cb)(uint64_t inode, pid_t pid, void *data);
int fdscan_list(struct fdscan *fs, uint64_t until_us, fdscan_list_cb cb,
		void *data);

/* Of the sweep that has just ended: processes whose fds could not be read for
 * want of permission.  Above 0 no count of holders is certain. */
unsigned fdscan_denied(const struct fdscan *fs);

/* Of the same: false if new processes kept showing up at every new listing, so
 * that some born since the start may not have been looked at.  None of those
 * has sent what was there before the sweep; but a socket may be theirs alone by
 * now, so that "nobody has it" is not certain. */
bool fdscan_settled(const struct fdscan *fs);

#endif
