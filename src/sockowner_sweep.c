/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_sweep: who has these sockets open, by the best way there is. */
#include "sockowner_sweep.h"

#include <errno.h>
#include <unistd.h>

#include "procfs.h"

int sockowner_sweep_open(struct sockowner_sweep *s, int rootfd)
{
	*s = (struct sockowner_sweep){.rootfd = rootfd};
	return fdscan_open(&s->scan, rootfd);
}

void sockowner_sweep_close(struct sockowner_sweep *s)
{
	fdscan_close(s->scan);
	fditer_close(s->iter);
	s->scan = NULL;
	s->iter = NULL;
}

int sockowner_sweep_use_iter(struct sockowner_sweep *s, int link_fd)
{
	if (s->iter == NULL && procfs_is_own(s->rootfd))
		return fditer_open(&s->iter, link_fd, s->rootfd);
	close(link_fd);
	return s->iter != NULL ? -EALREADY : -EXDEV;
}

/* It has failed once: it will not be asked again. */
static int lose_iter(struct sockowner_sweep *s)
{
	fditer_close(s->iter);
	s->iter = NULL;
	return -EAGAIN;
}

int sockowner_sweep_start(struct sockowner_sweep *s)
{
	s->by_iter = s->iter != NULL;
	if (!s->by_iter)
		return fdscan_start(s->scan);
	return fditer_start(s->iter) < 0 ? lose_iter(s) : 0;
}

int sockowner_sweep_step(struct sockowner_sweep *s, const uint64_t *inodes,
			 size_t n, uint64_t until_us, fdscan_cb cb, void *data)
{
	int rc;

	if (!s->by_iter)
		return fdscan_step(s->scan, inodes, n, until_us, cb, data);
	rc = fditer_step(s->iter, inodes, n, until_us, cb, data);
	return rc < 0 ? lose_iter(s) : rc;
}

unsigned sockowner_sweep_denied(const struct sockowner_sweep *s)
{
	return s->by_iter ? 0 : fdscan_denied(s->scan);
}

bool sockowner_sweep_settled(const struct sockowner_sweep *s)
{
	return s->by_iter ? fditer_settled(s->iter) : fdscan_settled(s->scan);
}

static void list_one(uint64_t inode, pid_t pid, void *data)
{
	sockowner_index_add(data, inode, pid);
}

void sockowner_sweep_list(struct sockowner_sweep *s, uint64_t until_us,
			  struct sockowner_index *ix)
{
	sockowner_index_clear(ix);
	if (s->iter == NULL)
		fdscan_list(s->scan, until_us, list_one, ix);
	else if (fditer_list(s->iter, until_us, list_one, ix) < 0)
		lose_iter(s);
	sockowner_index_sort(ix);
}
