/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread: which thread of a process sits in connect(2) on a socket. */
#include "thread.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "procfs.h"
#include "util.h"

/* A process with more threads than this is not searched to its end: the sweep
 * then speaks of a holder, not of a sender. */
#define THREADS_MAX 4096

/* Does that thread's descriptor lead to the socket? Through the thread's own
 * table, which need not be its process's. */
static bool is_socket_fd(int dirfd, uint64_t tid, uint64_t fd, uint64_t inode)
{
	char name[64], link[64];
	ssize_t n;

	snprintf(name, sizeof(name), "task/%" PRIu64 "/fd/%" PRIu64, tid, fd);
	n = procfs_readlink(dirfd, name, link, sizeof(link));
	return n > 0 && procfs_parse_socket_link(link, (size_t)n) == inode;
}

/* 1: in connect(2) on that socket; 0: not; -EAGAIN: it runs. */
static int look_at(int dirfd, uint64_t tid, uint64_t inode)
{
	char name[48], text[256];
	uint64_t args[6];
	long nr;
	ssize_t n;
	int err;

	snprintf(name, sizeof(name), "task/%" PRIu64 "/syscall", tid);
	n = procfs_read(dirfd, name, text, sizeof(text), NULL);
	if (n < 0)
		return (int)n;
	err = procfs_parse_syscall(text, (size_t)n, &nr, args);
	if (err < 0)
		return err == -EAGAIN ? err : 0;
	return nr == SYS_connect &&
	       is_socket_fd(dirfd, tid, args[0] & UINT32_MAX, inode);
}

/* One look at all threads; *running: some could not be judged. */
static pid_t look_at_all(int dirfd, uint64_t inode, bool *running)
{
	DIR *dir = procfs_opendir(dirfd, "task");
	uint64_t tid;
	pid_t found = 0;

	*running = false;
	if (dir == NULL)
		return errno == ENOENT ? -ESRCH : -errno;
	for (int i = 0; i < THREADS_MAX && found == 0; i++) {
		int r;

		if (procfs_next_number(dir, &tid) != 1)
			break;
		r = look_at(dirfd, tid, inode);
		if (r == 1)
			found = (pid_t)tid;
		else if (r == -EAGAIN)
			*running = true;
		else if (r == -EACCES || r == -EPERM)
			found = -EACCES;
	}
	closedir(dir);
	return found;
}

pid_t thread_find_connect(int dirfd, uint64_t inode, uint64_t until_us)
{
	bool running;
	pid_t tid;

	for (;;) {
		tid = look_at_all(dirfd, inode, &running);
		if (tid != 0 || !running || util_now_us() >= until_us)
			return tid;
		sched_yield();
	}
}
