/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_holder: a process with a socket open, kept so that it stays that
 * one. */
#include "sockowner_holder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "procfs.h"
#include "thread.h"

static int read_holder(const struct fdscan_hit *hit, struct sockowner_holder *h)
{
	struct procfs_stat st;
	struct procfs_image im;
	int err = procfs_read_stat(hit->dirfd, &st);

	if (err == 0)
		err = procfs_read_image(hit->dirfd, &im);
	if (err < 0)
		return err;
	*h = (struct sockowner_holder){
		.pid = hit->pid,
		.fd = hit->fd,
		.starttime = st.starttime,
		.image = {im.exe_dev, im.exe_ino, im.arg_start, im.startstack},
		.dirfd = fcntl(hit->dirfd, F_DUPFD_CLOEXEC, 3),
	};
	return h->dirfd < 0 ? -errno : 0;
}

/* A process that goes while we look stays counted: it was a holder. */
void sockowner_holder_add(struct sockowner_answer *a,
			  const struct fdscan_hit *hit)
{
	a->nholders_total++;
	if (a->nholders < SOCKOWNER_HOLDERS_MAX &&
	    read_holder(hit, &a->holders[a->nholders]) == 0)
		a->nholders++;
}

static bool is_same_image(const struct sockowner_image *a,
			  const struct procfs_image *b)
{
	return a->exe_dev == b->exe_dev && a->exe_ino == b->exe_ino &&
	       a->arg_start == b->arg_start && a->startstack == b->startstack;
}

static bool has_socket_at(int dirfd, int fd, uint64_t inode)
{
	char name[32], link[64];
	ssize_t n;

	snprintf(name, sizeof(name), "fd/%d", fd);
	n = procfs_readlink(dirfd, name, link, sizeof(link));
	return n > 0 && procfs_parse_socket_link(link, (size_t)n) == inode;
}

/* Still the same program, with the socket still open? */
bool sockowner_holder_is_unchanged(const struct sockowner_holder *h, int dirfd,
				   uint64_t inode)
{
	struct procfs_image im;

	return procfs_read_image(dirfd, &im) == 0 &&
	       is_same_image(&h->image, &im) &&
	       has_socket_at(dirfd, h->fd, inode);
}

/* Which holder has a thread in connect(2), as its index; -1: none, or several
 * (a process that joins the wait of another's connect looks just like it). */
static int find_connecting(struct sockowner_answer *a, uint64_t until_us)
{
	int sender = -1, n = 0;

	for (size_t i = 0; i < a->nholders; i++) {
		struct sockowner_holder *h = &a->holders[i];

		h->tid = thread_find_connect(h->dirfd, a->socket.inode,
					     until_us);
		if (h->tid <= 0) {
			h->tid = 0;
			continue;
		}
		sender = (int)i;
		n++;
	}
	return n == 1 ? sender : -1;
}

bool sockowner_holder_prove(struct sockowner_answer *a, uint64_t until_us)
{
	struct sockowner_holder first;
	int i;

	if (a->socket.state != TCP_SYN_SENT)
		return false;
	i = find_connecting(a, until_us);
	if (i < 0 ||
	    !sockowner_holder_is_unchanged(&a->holders[i], a->holders[i].dirfd,
					   a->socket.inode))
		return false;
	first = a->holders[0];
	a->holders[0] = a->holders[i];
	a->holders[i] = first;
	a->grade = SOCKOWNER_PROVED;
	a->reason = SOCKOWNER_REASON_NONE;
	a->method = SOCKOWNER_METHOD_CONNECT;
	return true;
}
