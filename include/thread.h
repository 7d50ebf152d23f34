/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread: which thread of a process sits in connect(2) on a socket. */
#ifndef THREAD_H
#define THREAD_H

#include <stdint.h>
#include <sys/types.h>

#include "procfs.h"

struct thread_connect {
	pid_t tid;
	pid_t tgid;		/* the process; the number asked may be a thread's */
	int fd;
};

/*
 * The thread of the process (dirfd: open /proc/PID, st: its stat line) that is
 * blocked in connect(2) on a descriptor of that socket.  While a SYN is held,
 * that is its sender: the call that sent it waits there for the answer.  A
 * thread that has just sent it still runs for some microseconds and shows no
 * system call: such ones are looked at again until until_us (util_now_us).
 * 1: *found; 0: none; -ESRCH: process gone, -EACCES: not ours to see.
 */
int thread_find_connect(int dirfd, const struct procfs_stat *st, uint64_t inode,
			uint64_t until_us, struct thread_connect *found);

#endif
