/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_family: may a process have its socket from its parent, or a child
 * from it? */
#include "sockowner_family.h"

#include <errno.h>
#include <unistd.h>

#include "procfs.h"
#include "thread.h"

/* Descriptors and threads of one relative (pid 1 may have hundreds), and
 * children. */
#define ITEMS_MAX    2048
#define CHILDREN_MAX 256

struct search {
	struct fdscan *scan;
	uint64_t inode;
	int left; /* children */
};

static void drop(const struct fdscan_hit *hit, void *data)
{
	(void)data;
	if (hit->dirfd >= 0)
		close(hit->dirfd);
}

/* Who is closed to us is to a sweep as well: README tells of that. */
static bool may_have(const struct search *s, pid_t pid)
{
	int r = fdscan_pid(s->scan, pid, &s->inode, 1, ITEMS_MAX, drop, NULL);

	return r != 0 && r != -ESRCH && r != -EACCES;
}

static int look_at_child(pid_t child, void *data)
{
	struct search *s = data;

	return s->left-- <= 0 ? -E2BIG : may_have(s, child);
}

bool sockowner_family_may_have(struct fdscan *scan, int dirfd, pid_t pid,
			       uint64_t inode)
{
	struct search s = {scan, inode, CHILDREN_MAX};
	struct procfs_stat st;

	if (procfs_read_stat(dirfd, &st) < 0)
		return true;
	return (st.ppid > 0 && may_have(&s, st.ppid)) ||
	       thread_each_child(dirfd, pid, look_at_child, &s) != 0;
}
