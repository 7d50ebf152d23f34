/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fdscan: which processes have these sockets open, through /proc/PID/fd. */
#ifndef FDSCAN_H
#define FDSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process found with a wanted socket open. */
struct fdscan_hit {
	uint64_t inode;
	pid_t pid;
	int fd;
	int dirfd;		/* its /proc/PID: the callback's to keep, or close */
};

/* Called once for each (process, inode); takes over hit->dirfd.  */
typedef void (*fdscan_cb)(const struct fdscan_hit *hit, void *data);

struct fdscan;

/* rootfd (borrowed) is an open /proc. */
int fdscan_open(struct fdscan **fs, int rootfd);
void fdscan_close(struct fdscan *fs);

/* Looks for inodes[n] (sorted ascending) in one process.  Returns the number of
 * hits (each inode at most once), -ESRCH gone, -EACCES not ours to see.  At
 * most max_fds descriptors are looked at (0: all); more gives -E2BIG. */
int fdscan_pid(struct fdscan *fs, pid_t pid, const uint64_t *inodes, size_t n,
	       unsigned max_fds, fdscan_cb cb, void *data);

/*
 * A complete sweep in slices.  start: from the first process on, for whatever
 * inodes are wanted then.  step: goes on until until_us (util_now_us) has passed, at least
 * one process; returns 1 when the sweep is complete, 0 when there is more,
 * -errno.  The set of inodes may grow between two steps: what is added late has
 * seen only a part, the caller starts again for it.
 */
int fdscan_start(struct fdscan *fs);
int fdscan_step(struct fdscan *fs, const uint64_t *inodes, size_t n,
		uint64_t until_us, fdscan_cb cb, void *data);

/* Of the sweep that has just ended: processes whose fds could not be read for
 * want of permission.  Above 0 no count of holders is certain. */
unsigned fdscan_denied(const struct fdscan *fs);

#endif
