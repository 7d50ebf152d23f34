/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_holder: a process with a socket open, kept so that it stays that
 * one. */
#include "sockowner_holder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "sockowner_family.h"
#include "thread.h"
#include "uring.h"
#include "util.h"

/* For looking at the threads of all holders together. */
#define THREADS_US 10000

static void fill_holder(struct sockowner_holder *h,
			const struct fdscan_hit *hit,
			const struct procfs_stat *st,
			const struct procfs_image *im)
{
	*h = (struct sockowner_holder){
		.pid = hit->pid,
		.fd = hit->fd,
		.ring = hit->ring,
		.fd_tid = hit->tid,
		.has_image = true,
		.starttime = st->starttime,
		.image = {im->exe_dev, im->exe_ino, st->arg_start,
			  st->startstack},
		.dirfd = -1,
	};
}

static int read_holder(const struct fdscan_hit *hit, struct sockowner_holder *h)
{
	struct procfs_stat st;
	struct procfs_image im;
	int err = procfs_read_identity(hit->dirfd, &st, &im);

	if (err < 0)
		return err;
	if (procfs_is_mid_exec(&st, &im))
		return -EAGAIN;
	fill_holder(h, hit, &st, &im);
	h->dirfd = fcntl(hit->dirfd, F_DUPFD_CLOEXEC, 3);
	return h->dirfd < 0 ? -errno : 0;
}

void sockowner_holder_add(struct sockowner_answer *a,
			  const struct fdscan_hit *hit)
{
	if (hit->inode == 0) {
		if (a->ring_pid == 0 || a->ring_pid == hit->pid)
			a->ring_pid = hit->pid != 0 ? hit->pid : -1;
		else
			a->ring_pid = -1;
		return;
	}
	a->nholders_total++;
	if (hit->dirfd == -EACCES)
		a->nclosed++;
	if (hit->dirfd >= 0 && a->nholders < SOCKOWNER_HOLDERS_MAX &&
	    read_holder(hit, &a->holders[a->nholders]) == 0)
		a->nholders++;
}

static bool is_same_image(const struct sockowner_image *a,
			  const struct procfs_image *b)
{
	return a->exe_dev == b->exe_dev && a->exe_ino == b->exe_ino &&
	       a->arg_start == b->arg_start && a->startstack == b->startstack;
}

struct ring_search {
	uint64_t inode;
	bool found;
};

static void match_socket(uint64_t inode, void *data)
{
	struct ring_search *s = data;

	s->found |= inode == s->inode;
}

static bool has_socket_in_ring(int dirfd, const struct sockowner_holder *h,
			       uint64_t inode)
{
	struct ring_search s = {.inode = inode};
	unsigned unnamed;
	char name[64];

	if (h->fd_tid == h->pid)
		snprintf(name, sizeof(name), "fdinfo/%d", h->fd);
	else
		snprintf(name, sizeof(name), "task/%d/fdinfo/%d", h->fd_tid,
			 h->fd);
	uring_list(dirfd, name, match_socket, &s, &unnamed);
	return s.found;
}

static bool has_socket_at(int dirfd, const struct sockowner_holder *h,
			  uint64_t inode)
{
	char name[64], link[64];
	ssize_t n;

	if (h->ring)
		return has_socket_in_ring(dirfd, h, inode);
	if (h->fd_tid == h->pid)
		snprintf(name, sizeof(name), "fd/%d", h->fd);
	else
		snprintf(name, sizeof(name), "task/%d/fd/%d", h->fd_tid, h->fd);
	n = procfs_readlink(dirfd, name, link, sizeof(link));
	return n > 0 && procfs_parse_socket_link(link, (size_t)n) == inode;
}

/* Still the same program, with the socket still open? */
bool sockowner_holder_is_unchanged(const struct sockowner_holder *h, int dirfd,
				   uint64_t inode)
{
	struct procfs_image im;
	struct procfs_stat st;

	if (!h->has_image)
		return thread_is_in_call(dirfd, h->pid, h->tid, h->call);
	return procfs_read_identity(dirfd, &st, &im) == 0 &&
	       st.starttime == h->starttime && is_same_image(&h->image, &im) &&
	       has_socket_at(dirfd, h, inode);
}

/* Which holder has a thread in connect(2), as its index; -1: none, or several
 * (a process that joins the wait of another's connect looks just like it). */
static int find_connecting(struct sockowner_answer *a)
{
	uint64_t until = util_now_us() + THREADS_US;
	int sender = -1, n = 0;

	for (size_t i = 0; i < a->nholders; i++) {
		struct sockowner_holder *h = &a->holders[i];
		struct thread_connect found;

		h->tid = 0;
		if (thread_find_connect(h->dirfd, h->pid, a->socket.inode,
					until, &found) != 1)
			continue;
		h->tid = found.tid;
		sender = (int)i;
		n++;
	}
	return n == 1 ? sender : -1;
}

static void set_proved(struct sockowner_answer *a)
{
	a->grade = SOCKOWNER_PROVED;
	a->reason = SOCKOWNER_REASON_NONE;
	a->method = SOCKOWNER_METHOD_CONNECT;
}

bool sockowner_holder_prove(struct sockowner_answer *a)
{
	struct sockowner_holder first;
	int i;

	if (a->socket.state != TCP_SYN_SENT)
		return false;
	i = find_connecting(a);
	if (i < 0 ||
	    !sockowner_holder_is_unchanged(&a->holders[i], a->holders[i].dirfd,
					   a->socket.inode))
		return false;
	first = a->holders[0];
	a->holders[0] = a->holders[i];
	a->holders[i] = first;
	set_proved(a);
	return true;
}

/* What program it is can wait: while the thread is in that call, it is one. */
static void fill_connecting(struct sockowner_holder *h,
			    const struct thread_connect *found)
{
	*h = (struct sockowner_holder){
		.pid = found->tgid,
		.tid = found->tid,
		.fd = found->fd,
		.fd_tid = found->tid,
		.dirfd = -1,
	};
	memcpy(h->call, found->call, sizeof(h->call));
}

int sockowner_holder_try(struct sockowner_answer *a, struct fdscan *scan,
			 int rootfd, pid_t pid, uint64_t until_us)
{
	struct thread_connect found;
	int dirfd = procfs_open_pid(rootfd, pid), r;

	if (dirfd < 0)
		return dirfd;
	r = thread_find_connect(dirfd, pid, a->socket.inode, until_us, &found);
	if (r == 1 && found.tgid != pid) {
		/* That was a thread's number: its process is asked again. */
		close(dirfd);
		return sockowner_holder_try(a, scan, rootfd, found.tgid,
					    until_us);
	}
	if (r == 1 &&
	    sockowner_family_may_have(scan, dirfd, pid, a->socket.inode))
		r = 0;
	if (r != 1) {
		close(dirfd);
		return r;
	}
	fill_connecting(&a->holders[0], &found);
	a->holders[0].dirfd = dirfd;
	a->nholders = a->nholders_total = 1;
	set_proved(a);
	return 1;
}
