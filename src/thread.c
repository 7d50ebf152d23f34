/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thread: which thread of a process sits in connect(2) on a socket, and their
 * children. */
#include "thread.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "procfs.h"
#include "util.h"

/* A process with more threads than this is not searched to its end: the sweep
 * then speaks of a holder, not of a sender. */
#define THREADS_MAX 4096
/* Threads whose children are listed, and room for the list of one's. */
#define FORKERS_MAX	  512
#define CHILDREN_TEXT_MAX 16384

/* Does that thread's descriptor lead to the socket? Through the thread's own
 * table, which need not be its process's. */
static bool is_socket_fd(int dirfd, const char *thread, uint64_t fd,
			 uint64_t inode)
{
	char name[64], link[64];
	ssize_t n;

	snprintf(name, sizeof(name), "%sfd/%" PRIu64, thread, fd);
	n = procfs_readlink(dirfd, name, link, sizeof(link));
	return n > 0 && procfs_parse_socket_link(link, (size_t)n) == inode;
}

static ssize_t read_call(int dirfd, const char *thread, char *call)
{
	char name[48];
	ssize_t n;

	snprintf(name, sizeof(name), "%ssyscall", thread);
	n = procfs_read(dirfd, name, call, THREAD_CALL_MAX, NULL);
	return n == -EPERM ? -EACCES : n;
}

/*
 * Calls that send a SYN and wait for its answer.  Any other send that is
 * blocked waits for room behind packets that were sent before, maybe by
 * somebody else: that proves nothing about a packet that is held.
 */
static bool is_connecting(long nr, const uint64_t args[6])
{
	if (nr == SYS_sendto)
		return (args[3] & MSG_FASTOPEN) != 0;
	if (nr == SYS_sendmsg)
		return (args[2] & MSG_FASTOPEN) != 0;
	return nr == SYS_connect;
}

/* thread is "" or "task/TID/".  1: in connect(2) on that socket, with found's
 * fd and call; 0: not; -EAGAIN: it runs. */
static int look_at(int dirfd, const char *thread, uint64_t inode,
		   struct thread_connect *found)
{
	uint64_t args[6];
	long nr;
	ssize_t n = read_call(dirfd, thread, found->call);
	int err;

	if (n < 0)
		return (int)n;
	err = procfs_parse_syscall(found->call, (size_t)n, &nr, args);
	if (err < 0)
		return err == -EAGAIN ? err : 0;
	found->fd = (int)(args[0] & INT32_MAX);
	return is_connecting(nr, args) &&
	       is_socket_fd(dirfd, thread, (uint64_t)found->fd, inode);
}

/* /proc lists a group's leader first (first_tid in fs/proc/base.c). */
static int look_at_all(int dirfd, uint64_t inode, uint64_t until_us,
		       struct thread_connect *found)
{
	DIR *dir = procfs_opendir(dirfd, "task");
	char thread[32];
	uint64_t tid;
	int result = 0;

	if (dir == NULL)
		return errno == ENOENT ? -ESRCH : -errno;
	found->tgid = 0;
	for (int i = 0; i < THREADS_MAX && result != 1; i++) {
		int r;

		if (procfs_next_number(dir, &tid) != 1 ||
		    (i > 0 && util_now_us() >= until_us))
			break;
		if (found->tgid == 0)
			found->tgid = (pid_t)tid;
		snprintf(thread, sizeof(thread), "task/%" PRIu64 "/", tid);
		r = look_at(dirfd, thread, inode, found);
		if (r == 1)
			found->tid = (pid_t)tid;
		if (r == 1 || r == -EAGAIN || r == -EACCES)
			result = r;
	}
	closedir(dir);
	return result;
}

/* Most have one thread, and nothing to list: the directory of threads has a
 * link for each of them (proc_task_getattr in fs/proc/base.c). */
static int look_once(int dirfd, pid_t pid, uint64_t inode, uint64_t until_us,
		     struct thread_connect *found)
{
	struct stat st;

	if (fstatat(dirfd, "task", &st, 0) < 0)
		return -ESRCH;
	if (st.st_nlink != 3)
		return look_at_all(dirfd, inode, until_us, found);
	found->tid = found->tgid = pid;
	return look_at(dirfd, "", inode, found);
}

int thread_find_connect(int dirfd, pid_t pid, uint64_t inode, uint64_t until_us,
			struct thread_connect *found)
{
	for (;;) {
		int r = look_once(dirfd, pid, inode, until_us, found);

		if (r != -EAGAIN)
			return r;
		if (util_now_us() >= until_us)
			return 0;
		sched_yield();
	}
}

int thread_is_in_call(int dirfd, pid_t pid, pid_t tid, const char *call)
{
	char now[THREAD_CALL_MAX], thread[32] = "";

	if (tid != pid)
		snprintf(thread, sizeof(thread), "task/%d/", tid);
	return read_call(dirfd, thread, now) > 0 && strcmp(now, call) == 0;
}

/* ---------------------------------------------------------------- children */

struct children {
	int (*each)(pid_t child, void *data);
	void *data;
};

/* "12 13 " */
static int give_children(const char *text, const struct children *c)
{
	int result = 0;
	char *end;

	for (; result == 0; text = end) {
		unsigned long pid = strtoul(text, &end, 10);

		if (end == text)
			break;
		result = c->each((pid_t)pid, c->data);
	}
	return result;
}

/* They are listed by which thread made them.  One that is gone has none. */
static int list_of(int dirfd, pid_t tid, const struct children *c)
{
	char name[48], text[CHILDREN_TEXT_MAX];
	bool truncated;
	ssize_t n;

	snprintf(name, sizeof(name), "task/%d/children", tid);
	n = procfs_read(dirfd, name, text, sizeof(text), &truncated);
	if (n == -ESRCH)
		return 0;
	if (n < 0)
		return (int)n;
	return truncated ? -E2BIG : give_children(text, c);
}

static int list_of_all(int dirfd, const struct children *c)
{
	DIR *dir = procfs_opendir(dirfd, "task");
	int result = 0;
	uint64_t tid;

	if (dir == NULL)
		return errno == ENOENT ? -ESRCH : -errno;
	for (int i = 0; result == 0 && procfs_next_number(dir, &tid) == 1; i++)
		result = i < FORKERS_MAX ? list_of(dirfd, (pid_t)tid, c)
					 : -E2BIG;
	closedir(dir);
	return result;
}

int thread_each_child(int dirfd, pid_t pid,
		      int (*each)(pid_t child, void *data), void *data)
{
	const struct children c = {each, data};
	struct stat st;

	if (fstatat(dirfd, "task", &st, 0) < 0)
		return -ESRCH;
	return st.st_nlink != 3 ? list_of_all(dirfd, &c)
				: list_of(dirfd, pid, &c);
}
