/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fditer: which processes have these sockets open, through the kernel's own
 * iterator. */
#include "fditer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "procfs.h"
#include "uring.h"
#include "util.h"

/* A read gives at most so many, and so looks at FDITER_QUIET times as many
 * files: 0.3 ms. */
#define RECORDS_MAX 64
#define ROUNDS_MAX  6

/* A holder that was found. */
struct found {
	uint64_t inode;
	pid_t pid;
};

struct fditer {
	int link_fd, rootfd, loadavg_fd;
	int fd;		     /* of the round; -1 between two */
	pid_t newest;	     /* pid given out when it began */
	unsigned rounds;     /* ended ones */
	size_t fresh;	     /* holders that the round has added */
	struct found *found; /* sorted by inode and pid */
	size_t nfound, size;
	bool done, settled;
	int error; /* that ended the sweep */
};

/* What a step works with. */
struct step {
	struct fditer *it;
	const uint64_t *inodes;
	size_t n;
	fdscan_cb cb;
	void *data;
};

int fditer_open(struct fditer **out, int link_fd, int rootfd)
{
	struct fditer *it = calloc(1, sizeof(*it));

	if (it == NULL) {
		close(link_fd);
		return -ENOMEM;
	}
	it->link_fd = link_fd;
	it->rootfd = rootfd;
	it->fd = -1;
	it->loadavg_fd = openat(rootfd, "loadavg", O_RDONLY | O_CLOEXEC);
	if (it->loadavg_fd < 0) {
		int err = -errno;

		fditer_close(it);
		return err;
	}
	*out = it;
	return 0;
}

static void end_round(struct fditer *it)
{
	if (it->fd >= 0)
		close(it->fd);
	it->fd = -1;
}

void fditer_close(struct fditer *it)
{
	if (it == NULL)
		return;
	end_round(it);
	if (it->loadavg_fd >= 0)
		close(it->loadavg_fd);
	close(it->link_fd);
	free(it->found);
	free(it);
}

static int begin_round(struct fditer *it)
{
	union bpf_attr attr;
	long fd;

	end_round(it);
	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = (uint32_t)it->link_fd;
	it->newest = procfs_newest_pid(it->loadavg_fd);
	it->fresh = 0;
	fd = syscall(SYS_bpf, BPF_ITER_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	it->fd = (int)fd; /* close-on-exec: bpf_iter_new_fd sees to it */
	return 0;
}

/* ------------------------------------------------------------------- records
 */

int fditer_parse(const void *buf, size_t len, fditer_record_cb cb, void *data)
{
	const char *at = buf;
	struct fditer_record r;

	for (; len >= sizeof(r); at += sizeof(r), len -= sizeof(r)) {
		memcpy(&r, at, sizeof(r));
		if (r.inode != 0 || r.ring != 0)
			cb(&r, data);
	}
	return len == 0 ? 0 : -EBADMSG;
}

/* 1 there may be more, 0 that was all, -errno. */
static int read_some(struct fditer *it, fditer_record_cb cb, void *data)
{
	struct fditer_record buf[RECORDS_MAX];
	ssize_t n = read(it->fd, buf, sizeof(buf));
	int err;

	if (n < 0)
		/* It has looked at a million files, or was interrupted. */
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	err = fditer_parse(buf, (size_t)n, cb, data);
	return err < 0 ? err : n > 0;
}

/* -------------------------------------------------------------------- holders
 */

static int compare_found(const struct found *a, uint64_t inode, pid_t pid)
{
	if (a->inode != inode)
		return a->inode < inode ? -1 : 1;
	return a->pid < pid ? -1 : a->pid > pid;
}

/* gcc 12's analyzer takes what *it has for lost. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static int grow_found(struct fditer *it)
{
	size_t size = it->size ? it->size * 2 : 64;
	struct found *p = reallocarray(it->found, size, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	it->found = p;
	it->size = size;
	return 0;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* 1: not known before, noted now; 0: known; -ENOMEM. */
static int add_found(struct fditer *it, uint64_t inode, pid_t pid)
{
	size_t low = 0, high = it->nfound;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare_found(&it->found[mid], inode, pid);

		if (c == 0)
			return 0;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (it->nfound == it->size && grow_found(it) < 0)
		return -ENOMEM;
	memmove(&it->found[low + 1], &it->found[low],
		(it->nfound - low) * sizeof(*it->found));
	it->found[low] = (struct found){inode, pid};
	it->nfound++;
	return 1;
}

static bool is_wanted(const struct step *s, uint64_t inode)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->inodes[mid] == inode)
			return true;
		if (s->inodes[mid] < inode)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* Its open /proc/PID, where the descriptor is that socket, or why not. */
static int open_holder(const struct fditer *it, const struct fditer_record *r)
{
	char name[48], link[64];
	ssize_t n;
	int dirfd;

	if (r->pid == 0)
		return -ESRCH;
	dirfd = procfs_open_pid(it->rootfd, (pid_t)r->pid);
	if (dirfd < 0)
		return dirfd;
	if (r->tid == r->pid)
		snprintf(name, sizeof(name), "fd/%u", r->fd);
	else
		snprintf(name, sizeof(name), "task/%u/fd/%u", r->tid, r->fd);
	n = procfs_readlink(dirfd, name, link, sizeof(link));
	if (n > 0 && procfs_parse_socket_link(link, (size_t)n) == r->inode)
		return dirfd;
	close(dirfd);
	return n == -EACCES || n == -EPERM ? -EACCES : -ESRCH;
}

/* New ones are noted; what is not told is a kind of inode. */
static bool is_new(const struct step *s, uint64_t inode, pid_t pid)
{
	int err = add_found(s->it, inode, pid);

	if (err < 0)
		s->it->error = err;
	if (err > 0)
		s->it->fresh++;
	return err > 0;
}

/* dirfd: its own, or the error. */
static void report(const struct step *s, const struct fditer_record *r,
		   uint64_t inode, unsigned unnamed, int dirfd)
{
	const struct fdscan_hit hit = {
		.inode = inode,
		.pid = (pid_t)r->pid,
		.tid = (pid_t)r->tid,
		.fd = (int)r->fd,
		.ring = r->ring != 0,
		.unnamed = unnamed,
		.dirfd = dirfd,
	};

	if (dirfd < 0 && dirfd != -EACCES && dirfd != -ESRCH)
		s->it->error = dirfd;
	else
		s->cb(&hit, s->data);
}

/* A ring that is looked at. */
struct ring {
	const struct step *s;
	const struct fditer_record *r;
	int dirfd;
};

static void take_ring_socket(uint64_t inode, void *data)
{
	const struct ring *ring = data;
	int dirfd;

	if (!is_wanted(ring->s, inode) ||
	    !is_new(ring->s, inode, (pid_t)ring->r->pid))
		return;
	dirfd = fcntl(ring->dirfd, F_DUPFD_CLOEXEC, 3);
	report(ring->s, ring->r, inode, 0, dirfd < 0 ? -errno : dirfd);
}

/* One that is gone by now may have had any socket. */
static void take_ring(const struct step *s, const struct fditer_record *r)
{
	struct ring ring = {s, r, -ESRCH};
	unsigned unnamed = URING_UNKNOWN;
	char name[48];

	if (r->pid != 0)
		ring.dirfd = procfs_open_pid(s->it->rootfd, (pid_t)r->pid);
	if (r->tid == r->pid)
		snprintf(name, sizeof(name), "fdinfo/%u", r->fd);
	else
		snprintf(name, sizeof(name), "task/%u/fdinfo/%u", r->tid,
			 r->fd);
	if (ring.dirfd >= 0)
		uring_list(ring.dirfd, name, take_ring_socket, &ring, &unnamed);
	if (unnamed != 0 && is_new(s, UINT64_MAX - unnamed, (pid_t)r->pid))
		report(s, r, 0, unnamed, -ESRCH);
	if (ring.dirfd >= 0)
		close(ring.dirfd);
}

static void take_record(const struct fditer_record *r, void *data)
{
	const struct step *s = data;

	if (r->ring != 0)
		take_ring(s, r);
	else if (is_wanted(s, r->inode) && is_new(s, r->inode, (pid_t)r->pid))
		report(s, r, r->inode, 0, open_holder(s->it, r));
}

/* -------------------------------------------------------------------- sweeps
 */

int fditer_start(struct fditer *it)
{
	it->nfound = 0;
	it->rounds = 0;
	it->done = it->settled = false;
	it->error = begin_round(it);
	return it->error;
}

/* Was anybody born during the round, who may have been missed? */
static int go_round(struct fditer *it)
{
	bool born = it->newest == 0 ||
		    procfs_newest_pid(it->loadavg_fd) != it->newest;

	end_round(it);
	it->settled = !born || (it->rounds > 0 && it->fresh == 0);
	it->done = it->settled || ++it->rounds >= ROUNDS_MAX;
	return it->done ? 0 : begin_round(it);
}

int fditer_step(struct fditer *it, const uint64_t *inodes, size_t n,
		uint64_t until_us, fdscan_cb cb, void *data)
{
	struct step s = {it, inodes, n, cb, data};

	do {
		int rc;

		if (it->error < 0)
			return it->error;
		if (it->done)
			return 1;
		rc = read_some(it, take_record, &s);
		if (rc == 0)
			rc = go_round(it);
		if (rc < 0)
			it->error = rc;
	} while (it->error == 0 && util_now_us() < until_us);
	return it->error < 0 ? it->error : it->done;
}

bool fditer_settled(const struct fditer *it)
{
	return it->settled;
}

/* What fditer_list works with. */
struct listing {
	fditer_list_cb cb;
	void *data;
};

static void list_record(const struct fditer_record *r, void *data)
{
	const struct listing *l = data;

	if (r->pid != 0 && r->ring == 0)
		l->cb(r->inode, (pid_t)r->pid, l->data);
}

int fditer_list(struct fditer *it, uint64_t until_us, fditer_list_cb cb,
		void *data)
{
	struct listing l = {cb, data};
	int rc = begin_round(it);

	it->done = true;
	if (rc == 0)
		rc = 1;
	while (rc > 0 && util_now_us() < until_us)
		rc = read_some(it, list_record, &l);
	end_round(it);
	return rc < 0 ? rc : rc == 0;
}
