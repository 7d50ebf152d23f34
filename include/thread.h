/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread: which thread of a process sits in connect(2) on a socket, and their children. */
#ifndef THREAD_H
#define THREAD_H

#include <stdint.h>
#include <sys/types.h>

#define THREAD_CALL_MAX 160

struct thread_connect {
	pid_t tid;
	pid_t tgid;		/* the process; the number asked may be a thread's */
	int fd;
	char call[THREAD_CALL_MAX];	/* its line in syscall: number, arguments,
					 * stack and instruction pointer */
};

/*
 * The thread of the process (dirfd: open /proc/PID, pid: its number) that is
 * blocked in connect(2) on a descriptor of that socket, or in a sendto(2) that
 * connects (TCP Fast Open).  While a SYN is held,
 * that is its sender: the call that sent it waits there for the answer.  A
 * thread that has just sent it still runs for some microseconds and shows no
 * system call: such ones are looked at again until until_us (util_now_us).
 * 1: *found, the first one; 0: none, or none among the first 4096 threads;
 * -ESRCH: process gone, -EACCES: not ours to see.
 */
int thread_find_connect(int dirfd, pid_t pid, uint64_t inode, uint64_t until_us,
			struct thread_connect *found);

/*
 * Is that thread still in the very same call?  Then nothing has run there since,
 * and the program is the same: an exec has a stack of its own.
 */
int thread_is_in_call(int dirfd, pid_t pid, pid_t tid, const char *call);

/*
 * The children of the process, those of all its threads; -E2BIG: more of them, or of
 * threads, than are listed; -ENOENT: the kernel lists none (CONFIG_PROC_CHILDREN);
 * -ESRCH: process gone.  Ends early with what `each` returns, if not 0.
 */
int thread_each_child(int dirfd, pid_t pid, int (*each)(pid_t child, void *data),
		      void *data);

#endif
