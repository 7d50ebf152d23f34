/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fdscan: which processes have these sockets open, through /proc/PID/fd. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdscan.h"
#include "procfs.h"
#include "uring.h"
#include "util.h"

#define DENTS_SIZE   16384
#define DIR_FLAGS    (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define SLICE_ITEMS  128 /* between two looks at the clock */
#define LISTINGS_MAX 6
#define LINK_SIZE    32 /* "socket:[18446744073709551615]" is 29 */

/* A directory's numeric names, read with getdents64 into a buffer that is used
 * again and again: no allocation for each of thousands of directories. */
struct dents {
	int fd;
	size_t pos, len;
	alignas(struct dirent64) char buf[DENTS_SIZE];
};

struct entry {
	const char *name;
	int num;
	uint64_t ino;
};

struct wanted {
	const uint64_t *inodes;
	size_t n;
	fdscan_cb cb;
	void *data;
	fdscan_list_cb list; /* not NULL: all sockets, to it */
};

/* One process being read: its leader's table, then those of its threads that
 * are not the same. */
struct walk {
	pid_t pid;
	pid_t tid; /* whose table is read, or was last */
	bool kcmp;
	struct dents fds;   /* of the table; fd -1 between two */
	struct dents tasks; /* fd -1 until the leader's table is done */
	uint64_t *found;    /* inodes reported for this process */
	size_t nfound, size;
	size_t missing;	 /* wanted ones not found in it yet */
	unsigned nitems; /* descriptors and threads looked at */
};

/* A process that the sweep has looked at.  The directory's inode number is new
 * when the pid is used again. */
struct seen {
	pid_t pid;
	uint64_t ino;
};

struct fdscan {
	int rootfd;
	struct dents pids;
	struct walk sweep, single;
	struct seen *seen; /* sorted by pid */
	size_t nseen, size;
	size_t fresh;	   /* not seen before, in this listing */
	unsigned listings; /* ended ones */
	unsigned denied;
	bool done, settled;
	int error; /* that ended the sweep */
};

static bool is_gone(int rc)
{
	return rc == -ENOENT || rc == -ESRCH;
}

static bool is_denied(int rc)
{
	return rc == -EACCES || rc == -EPERM;
}

static void dents_set(struct dents *d, int fd)
{
	d->fd = fd;
	d->pos = d->len = 0;
}

static void dents_close(struct dents *d)
{
	if (d->fd >= 0)
		close(d->fd);
	dents_set(d, -1);
}

/* 1 and the next numeric name, 0 at the end, -errno. */
static int dents_next(struct dents *d, struct entry *e)
{
	for (;;) {
		const struct dirent64 *ent;
		uint64_t num;

		if (d->pos >= d->len) {
			ssize_t n = getdents64(d->fd, d->buf, sizeof(d->buf));

			if (n <= 0)
				return n < 0 ? -errno : 0;
			d->pos = 0;
			d->len = (size_t)n;
		}
		ent = (const void *)(d->buf + d->pos);
		d->pos += ent->d_reclen;
		if (util_parse_uint(ent->d_name, strlen(ent->d_name), INT_MAX,
				    &num))
			continue;
		e->name = ent->d_name;
		e->num = (int)num;
		e->ino = ent->d_ino;
		return 1;
	}
}

/* "NUM/fd" below dirfd. */
static int open_table(int dirfd, int num)
{
	char path[24];
	int fd;

	snprintf(path, sizeof(path), "%d/fd", num);
	fd = openat(dirfd, path, DIR_FLAGS);
	return fd < 0 ? -errno : fd;
}

static void walk_init(struct walk *w, bool kcmp)
{
	dents_set(&w->fds, -1);
	dents_set(&w->tasks, -1);
	w->kcmp = kcmp;
}

static void walk_close(struct walk *w)
{
	dents_close(&w->fds);
	dents_close(&w->tasks);
}

static bool walk_active(const struct walk *w)
{
	return w->fds.fd >= 0 || w->tasks.fd >= 0;
}

static int walk_open(struct walk *w, int rootfd, pid_t pid)
{
	int fd = open_table(rootfd, pid);

	if (fd < 0)
		return fd;
	dents_set(&w->fds, fd);
	w->pid = w->tid = pid;
	w->nfound = 0;
	w->nitems = 0;
	return 0;
}

static bool walk_has_found(const struct walk *w, uint64_t inode)
{
	for (size_t i = 0; i < w->nfound; i++)
		if (w->found[i] == inode)
			return true;
	return false;
}

/* Before a slice: the wanted set may have changed since the last one. */
static int walk_prepare(struct walk *w, const struct wanted *want)
{
	size_t size = w->nfound + want->n;

	if (size > w->size) {
		uint64_t *found = reallocarray(w->found, size, sizeof(*found));

		if (!found)
			return -ENOMEM;
		w->found = found;
		w->size = size;
	}
	w->missing = want->list != NULL;
	for (size_t i = 0; i < want->n; i++)
		w->missing += !walk_has_found(w, want->inodes[i]);
	return 0;
}

static bool is_wanted(const struct wanted *want, uint64_t inode)
{
	size_t low = 0, high = want->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (want->inodes[mid] == inode)
			return true;
		if (want->inodes[mid] < inode)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* The way up from the table that was read leads to the same process, whoever
 * has its number by now. */
static int walk_report(struct walk *w, const struct wanted *want,
		       struct fdscan_hit *hit)
{
	hit->pid = w->pid;
	hit->tid = w->tid;
	hit->dirfd = w->tasks.fd < 0 ? openat(w->fds.fd, "..", DIR_FLAGS)
				     : openat(w->tasks.fd, "..", DIR_FLAGS);
	if (hit->dirfd < 0)
		return -errno;
	if (hit->inode != 0) {
		w->found[w->nfound++] = hit->inode;
		w->missing--;
	}
	want->cb(hit, want->data);
	return 1;
}

/* A ring that is read. */
struct ring {
	struct walk *w;
	const struct wanted *want;
	int fd, rc;
};

static void walk_ring_socket(uint64_t inode, void *data)
{
	struct fdscan_hit hit = {.inode = inode, .ring = true};
	struct ring *ring = data;

	if (ring->rc < 0 || !is_wanted(ring->want, inode) ||
	    walk_has_found(ring->w, inode))
		return;
	hit.fd = ring->fd;
	ring->rc = walk_report(ring->w, ring->want, &hit);
}

static int walk_ring(struct walk *w, const struct wanted *want, int fd)
{
	struct fdscan_hit hit = {.ring = true, .fd = fd};
	struct ring ring = {w, want, fd, 1};
	char name[32];
	int rc;

	if (want->list)
		return 1;
	snprintf(name, sizeof(name), "../fdinfo/%d", fd);
	rc = uring_list(w->fds.fd, name, walk_ring_socket, &ring, &hit.unnamed);
	if (is_gone(rc))
		return 1;
	if (ring.rc < 0 || !hit.unnamed)
		return ring.rc;
	return walk_report(w, want, &hit);
}

static int walk_fd(struct walk *w, const struct wanted *want,
		   const struct entry *e)
{
	char link[LINK_SIZE];
	/* dents_next has named it.
	 * NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
	ssize_t len = readlinkat(w->fds.fd, e->name, link, sizeof(link));
	struct fdscan_hit hit = {.fd = e->num};
	uint64_t inode;

	w->nitems++;
	if (len < 0)
		return is_gone(-errno) ? 1 : -errno;
	if (uring_is_link(link, (size_t)len))
		return walk_ring(w, want, e->num);
	inode = procfs_parse_socket_link(link, (size_t)len);
	if (inode && want->list) {
		want->list(inode, w->pid, want->data);
		return 1;
	}
	if (!inode || !is_wanted(want, inode) || walk_has_found(w, inode))
		return 1;
	hit.inode = inode;
	return walk_report(w, want, &hit);
}

/* /proc/PID/task counts its threads among its links, so one call answers for
 * all the processes that have just one.  Wrong only towards more work. */
static bool is_single_threaded(int table)
{
	struct stat st;

	return fstatat(table, "../task", &st, 0) == 0 && st.st_nlink == 3;
}

/* 1 if there are threads to look at, 0 if this was all, -errno. */
static int walk_table_end(struct walk *w)
{
	int fd, rc = 1;

	if (w->tasks.fd < 0 && is_single_threaded(w->fds.fd)) {
		rc = 0;
	} else if (w->tasks.fd < 0) {
		fd = openat(w->fds.fd, "../task", DIR_FLAGS);
		if (fd < 0)
			rc = is_gone(-errno) ? 0 : -errno;
		else
			dents_set(&w->tasks, fd);
	}
	dents_close(&w->fds);
	return rc;
}

static bool same_table(const struct walk *w, pid_t a, pid_t b)
{
	return w->kcmp && syscall(SYS_kcmp, a, b, KCMP_FILES, 0UL, 0UL) == 0;
}

/* A thread with a table of its own has it read; one that shares the leader's,
 * or that of the thread before, has not. */
static int walk_thread(struct walk *w, pid_t tid)
{
	int fd;

	w->nitems++;
	if (tid == w->pid || same_table(w, tid, w->pid) ||
	    (w->tid != w->pid && same_table(w, tid, w->tid)))
		return 1;
	fd = open_table(w->tasks.fd, tid);
	if (fd < 0)
		return is_gone(fd) ? 1 : fd;
	dents_set(&w->fds, fd);
	w->tid = tid;
	return 1;
}

/* One descriptor or one thread further: 1 went on, 0 that was all, -errno. */
static int walk_next(struct walk *w, const struct wanted *want)
{
	struct entry e = {0};
	int rc;

	if (w->fds.fd >= 0) {
		rc = dents_next(&w->fds, &e);
		if (rc > 0)
			return walk_fd(w, want, &e);
		return rc == 0 || is_gone(rc) ? walk_table_end(w) : rc;
	}
	rc = dents_next(&w->tasks, &e);
	if (rc > 0)
		return walk_thread(w, e.num);
	return is_gone(rc) ? 0 : rc;
}

int fdscan_pid(struct fdscan *fs, pid_t pid, const uint64_t *inodes, size_t n,
	       unsigned max_items, fdscan_cb cb, void *data)
{
	struct wanted want = {inodes, n, cb, data, NULL};
	struct walk *w = &fs->single;
	int rc = walk_open(w, fs->rootfd, pid);

	if (rc == 0)
		rc = walk_prepare(w, &want);
	while (rc >= 0 && w->missing) {
		/* The one too many is looked at as well: it may be the end. */
		rc = max_items && w->nitems > max_items ? -E2BIG
							: walk_next(w, &want);
		if (rc == 0)
			break;
	}
	walk_close(w);
	if (is_gone(rc))
		return -ESRCH;
	if (is_denied(rc))
		return -EACCES;
	return rc < 0 ? rc : (int)w->nfound;
}

/* Where pid is, or belongs, among those seen. */
static size_t seen_find(const struct fdscan *fs, pid_t pid)
{
	size_t low = 0, high = fs->nseen;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (fs->seen[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* 1: a process not seen before, noted now; 0: seen; -ENOMEM.  /proc is listed
 * in the order of pids, so that nearly all go to the end. */
static int seen_add(struct fdscan *fs, pid_t pid, uint64_t ino)
{
	size_t i = seen_find(fs, pid);

	if (i < fs->nseen && fs->seen[i].pid == pid) {
		if (fs->seen[i].ino == ino)
			return 0;
		fs->seen[i].ino = ino;
		return 1;
	}
	if (fs->nseen == fs->size) {
		size_t size = fs->size ? fs->size * 2 : 1024;
		struct seen *p = reallocarray(fs->seen, size, sizeof(*p));

		if (!p)
			return -ENOMEM;
		fs->seen = p;
		fs->size = size;
	}
	memmove(&fs->seen[i + 1], &fs->seen[i],
		(fs->nseen - i) * sizeof(*fs->seen));
	fs->seen[i] = (struct seen){pid, ino};
	fs->nseen++;
	return 1;
}

static int pids_rewind(struct fdscan *fs)
{
	fs->pids.pos = fs->pids.len = 0;
	fs->fresh = 0;
	return lseek(fs->pids.fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* A listing came to its end.  A process born behind the cursor is missed, so
 * only a listing that shows nobody new is the last.  1 go on, 0 done. */
static int sweep_listed(struct fdscan *fs)
{
	int rc;

	fs->settled = fs->fresh == 0;
	fs->done = fs->settled || ++fs->listings >= LISTINGS_MAX;
	if (fs->done)
		return 0;
	rc = pids_rewind(fs);
	return rc ? rc : 1;
}

/* The next entry of the listing; opens it if it is new.  1 go on, 0 done. */
static int sweep_pid(struct fdscan *fs)
{
	struct entry e = {0};
	int rc = dents_next(&fs->pids, &e);

	if (rc <= 0)
		return rc ? rc : sweep_listed(fs);
	rc = seen_add(fs, e.num, e.ino);
	if (rc <= 0)
		return rc ? rc : 1;
	fs->fresh++;
	rc = walk_open(&fs->sweep, fs->rootfd, e.num);
	if (is_denied(rc))
		fs->denied++;
	else if (rc && !is_gone(rc))
		return rc;
	return 1;
}

/* Some way further in the process that is open.  1 go on, -errno. */
static int sweep_walk(struct fdscan *fs, const struct wanted *want)
{
	struct walk *w = &fs->sweep;
	int rc = walk_prepare(w, want);

	if (rc == 0)
		rc = 1;
	for (int i = 0; rc > 0 && w->missing && i < SLICE_ITEMS; i++)
		rc = walk_next(w, want);
	if (rc <= 0 || !w->missing)
		walk_close(w);
	if (is_denied(rc))
		fs->denied++;
	return rc >= 0 || is_denied(rc) || is_gone(rc) ? 1 : rc;
}

int fdscan_start(struct fdscan *fs)
{
	walk_close(&fs->sweep);
	fs->nseen = 0;
	fs->listings = 0;
	fs->denied = 0;
	fs->done = fs->settled = false;
	fs->error = pids_rewind(fs);
	return fs->error;
}

static int step(struct fdscan *fs, const struct wanted *want, uint64_t until_us)
{
	int rc;

	if (fs->error)
		return fs->error;
	if (fs->done)
		return 1;
	do {
		rc = walk_active(&fs->sweep) ? sweep_walk(fs, want)
					     : sweep_pid(fs);
		if (rc == 0)
			return 1;
	} while (rc > 0 && util_now_us() < until_us);
	fs->error = rc < 0 ? rc : 0;
	return fs->error;
}

int fdscan_step(struct fdscan *fs, const uint64_t *inodes, size_t n,
		uint64_t until_us, fdscan_cb cb, void *data)
{
	struct wanted want = {inodes, n, cb, data, NULL};

	return step(fs, &want, until_us);
}

int fdscan_list(struct fdscan *fs, uint64_t until_us, fdscan_list_cb cb,
		void *data)
{
	struct wanted want = {.data = data, .list = cb};
	int rc = fdscan_start(fs);

	/* One listing will do: whoever is born now has no old sockets. */
	fs->listings = LISTINGS_MAX - 1;
	if (rc == 0)
		rc = step(fs, &want, until_us);
	fs->done = true;
	walk_close(&fs->sweep);
	return rc;
}

unsigned fdscan_denied(const struct fdscan *fs)
{
	return fs->denied;
}

bool fdscan_settled(const struct fdscan *fs)
{
	return fs->settled;
}

int fdscan_open(struct fdscan **fsp, int rootfd)
{
	struct fdscan *fs = calloc(1, sizeof(*fs));
	bool kcmp;

	*fsp = NULL;
	if (!fs)
		return -ENOMEM;
	/* kcmp(2) takes our pid namespace's numbers. */
	kcmp = procfs_is_own(rootfd);
	fs->rootfd = rootfd;
	walk_init(&fs->sweep, kcmp);
	walk_init(&fs->single, kcmp);
	/* A cursor of our own: rootfd's may be shared. */
	dents_set(&fs->pids, openat(rootfd, ".", DIR_FLAGS));
	if (fs->pids.fd < 0) {
		int err = -errno;

		free(fs);
		return err;
	}
	*fsp = fs;
	return 0;
}

void fdscan_close(struct fdscan *fs)
{
	if (!fs)
		return;
	walk_close(&fs->sweep);
	walk_close(&fs->single);
	dents_close(&fs->pids);
	free(fs->sweep.found);
	free(fs->single.found);
	free(fs->seen);
	free(fs);
}
