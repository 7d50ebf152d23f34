/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink: a ring of records that a thread of its own writes to a descriptor. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util.h"

#define STACK_SIZE (64 * 1024)
/* How long a file system that took half a record has until the next try. */
#define RETRY_MS 200
/* Records written with one system call. */
#define BATCH 64
/* Who has written looks again after that long before it sleeps until it is
 * woken: of records that come fast, each would wake it for itself alone. */
#define REST_MS 2

struct sink {
	pthread_mutex_t
		lock; /* guards all below but fd, tty and the eventfds */
	pthread_cond_t drained;
	pthread_t thread;
	int fd, wake_fd, closed_fd;
	bool tty;
	bool asleep;	/* the thread waits for wake_fd */
	bool worked;	/* it has written since it last rested */
	bool stop;	/* drain and end */
	bool done;	/* the thread has ended, but for its return */
	bool abandoned; /* the thread owns the sink and frees it */
	struct sink_stats stats;
	size_t head, used; /* bytes: records not written yet, each with its */
	size_t records;	   /* length before it; how many */
	char ring[SINK_SIZE];
};

/* --------------------------------------------------------------- the ring */

static void ring_put(struct sink *s, const void *bytes, size_t len)
{
	size_t tail = (s->head + s->used) % SINK_SIZE;
	size_t first = len < SINK_SIZE - tail ? len : SINK_SIZE - tail;

	memcpy(s->ring + tail, bytes, first);
	memcpy(s->ring, (const char *)bytes + first, len - first);
	s->used += len;
}

static size_t ring_len_at(const struct sink *s, size_t at)
{
	char bytes[sizeof(uint32_t)];
	uint32_t len;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = s->ring[(at + i) % SINK_SIZE];
	memcpy(&len, bytes, sizeof(len));
	return len;
}

static size_t ring_record_len(const struct sink *s)
{
	return ring_len_at(s, s->head);
}

static void ring_drop_record(struct sink *s)
{
	size_t len = sizeof(uint32_t) + ring_record_len(s);

	s->used -= len;
	s->records--;
	/* From the start again: memory that is warm, and no more of it. */
	s->head = s->used == 0 ? 0 : (s->head + len) % SINK_SIZE;
}

static void ring_drop_all(struct sink *s)
{
	s->stats.lost += s->records;
	s->head = s->used = s->records = 0;
}

/* ------------------------------------------------------------- the thread */

static bool means_closed(const struct sink *s, int err)
{
	/* A terminal that was hung up answers EIO for ever. */
	return err == EPIPE || err == ECONNRESET || (s->tty && err == EIO);
}

/* The lock is held. */
static void set_closed(struct sink *s, int err)
{
	uint64_t one = 1;

	s->stats.error = err;
	ring_drop_all(s);
	if (s->stats.closed)
		return;
	s->stats.closed = true;
	if (write(s->closed_fd, &one, sizeof(one)) < 0)
		s->stats.error = errno;
}

static void drain_wake_fd(struct sink *s)
{
	uint64_t count;

	while (read(s->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* Sees too when the reader goes away.  The lock is held, and given up
 * meanwhile. */
static void wait_to_be_woken(struct sink *s, int timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = s->wake_fd, .events = POLLIN},
		{.fd = s->stats.closed ? -1 : s->fd, .events = 0},
	};
	bool gone;

	pthread_mutex_unlock(&s->lock);
	if (poll(fds, ARRAY_SIZE(fds), timeout_ms) < 0)
		fds[0].revents = fds[1].revents = 0;
	if (fds[0].revents != 0)
		drain_wake_fd(s);
	gone = (fds[1].revents & (POLLERR | POLLHUP)) != 0;
	pthread_mutex_lock(&s->lock);
	if (gone)
		set_closed(s, EPIPE);
}

/* For a record or the end. */
static void wait_for_work(struct sink *s)
{
	pthread_cond_broadcast(&s->drained);
	s->asleep = !s->worked;
	wait_to_be_woken(s, s->worked ? REST_MS : -1);
	s->asleep = s->worked = false;
}

/* Once: 0 and *off moves on, or -errno.  The bytes are the thread's alone until
 * it drops the record, so that no lock is needed. */
static int write_some(const struct sink *s, size_t start, size_t len,
		      size_t *off)
{
	char *ring = (char *)s->ring; /* writev takes no const */
	size_t at = (start + *off) % SINK_SIZE, left = len - *off;
	size_t first = left < SINK_SIZE - at ? left : SINK_SIZE - at;
	struct iovec iov[] = {
		{.iov_base = ring + at, .iov_len = first},
		{.iov_base = ring, .iov_len = left - first},
	};
	ssize_t n = writev(s->fd, iov, left > first ? 2 : 1);

	if (n < 0)
		return -errno;
	*off += (size_t)n;
	return n == 0 ? -ENOSPC : 0;
}

/* The thread is to end, or even to leave all as it is. */
static bool is_over(struct sink *s, bool abandoned)
{
	bool over;

	pthread_mutex_lock(&s->lock);
	over = abandoned ? s->abandoned : s->stop;
	pthread_mutex_unlock(&s->lock);
	return over;
}

/* After an error; false: this record is not to be.  Half a record must not
 * stand there with another behind it: that one has time until the end. */
static bool wait_to_retry(struct sink *s, int err, size_t off)
{
	struct pollfd fds[] = {
		{.fd = s->wake_fd, .events = POLLIN},
		{.fd = err == -EAGAIN ? s->fd : -1, .events = POLLOUT},
	};

	if (err == -EINTR)
		return true;
	if (err != -EAGAIN &&
	    (off == 0 || means_closed(s, -err) || is_over(s, false)))
		return false;
	poll(fds, ARRAY_SIZE(fds), err == -EAGAIN ? -1 : RETRY_MS);
	drain_wake_fd(s);
	return true; /* at the end, too, a last time */
}

/* Where the first records are, BATCH of them at most. */
static int gather(struct sink *s, struct iovec iov[2 * BATCH])
{
	size_t at = s->head;
	int n = 0;

	for (size_t i = 0; i < s->records && i < BATCH; i++) {
		size_t len = ring_len_at(s, at);
		size_t start = (at + sizeof(uint32_t)) % SINK_SIZE;
		size_t first =
			len < SINK_SIZE - start ? len : SINK_SIZE - start;

		iov[n++] = (struct iovec){s->ring + start, first};
		if (len > first)
			iov[n++] = (struct iovec){s->ring, len - first};
		at = (start + len) % SINK_SIZE;
	}
	return n;
}

/* Those that wait, at once.  Returns how much of the first one that is left has
 * been written: 0 after an error, too, which it will meet itself.  The lock is
 * held, and given up meanwhile. */
static size_t write_batch(struct sink *s)
{
	struct iovec iov[2 * BATCH];
	int n = gather(s, iov);
	ssize_t written;
	size_t left;

	pthread_mutex_unlock(&s->lock);
	written = writev(s->fd, iov, n);
	pthread_mutex_lock(&s->lock);
	left = written > 0 && !s->abandoned ? (size_t)written : 0;
	while (left > 0 && left >= ring_record_len(s)) {
		left -= ring_record_len(s);
		ring_drop_record(s);
		s->stats.written++;
	}
	return left;
}

/* The rest of the first record; the lock is held, and given up meanwhile. */
static void write_record(struct sink *s, size_t off)
{
	size_t start = (s->head + sizeof(uint32_t)) % SINK_SIZE;
	size_t len = ring_record_len(s);
	int err = 0;

	pthread_mutex_unlock(&s->lock);
	while (off < len && !is_over(s, true)) {
		err = write_some(s, start, len, &off);
		if (err < 0 && !wait_to_retry(s, err, off))
			break;
	}
	pthread_mutex_lock(&s->lock);
	if (s->abandoned)
		return;
	if (off == len) {
		s->stats.written++;
	} else if (means_closed(s, -err)) {
		set_closed(s, -err);
		return;
	} else {
		s->stats.error = -err;
		s->stats.lost++;
	}
	ring_drop_record(s);
}

static void free_sink(struct sink *s)
{
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->drained);
	if (s->fd >= 0)
		close(s->fd);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->closed_fd >= 0)
		close(s->closed_fd);
	free(s);
}

static void *run(void *data)
{
	struct sink *s = data;
	bool abandoned;

	pthread_mutex_lock(&s->lock);
	while (!s->abandoned && !(s->stop && s->records == 0)) {
		size_t off = 0;

		if (s->records == 0) {
			wait_for_work(s);
			continue;
		}
		s->worked = true;
		if (s->records > 1)
			off = write_batch(s);
		if (s->records > 0 && !s->abandoned)
			write_record(s, off);
	}
	s->done = true;
	abandoned = s->abandoned;
	pthread_cond_broadcast(&s->drained);
	pthread_mutex_unlock(&s->lock);
	if (abandoned)
		free_sink(s);
	return NULL;
}

/* ---------------------------------------------------------- open and close */

/* Signals are the main thread's; a blocked SIGPIPE and SIGTTOU also leave
 * their errors to write(2). */
static int start_thread(struct sink *s)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int err;

	err = pthread_attr_init(&attr);
	if (err != 0)
		return -err;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&s->thread, &attr, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err == 0)
		pthread_setname_np(s->thread, "ptrap-sink");
	return -err;
}

static int init_sink(struct sink *s, int fd)
{
	pthread_condattr_t attr;

	s->fd = fd;
	s->tty = isatty(fd) == 1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->drained, &attr);
	pthread_condattr_destroy(&attr);
	s->closed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->closed_fd < 0 || s->wake_fd < 0 ? -errno : 0;
}

int sink_open(struct sink **s, int fd)
{
	int err;

	*s = calloc(1, sizeof(**s));
	if (*s == NULL) {
		close(fd);
		return -ENOMEM;
	}
	err = init_sink(*s, fd);
	if (err == 0)
		err = start_thread(*s);
	if (err < 0) {
		free_sink(*s);
		*s = NULL;
	}
	return err;
}

static struct timespec deadline_after(uint64_t timeout_us)
{
	uint64_t us = util_now_us() + timeout_us;

	return (struct timespec){
		.tv_sec = (time_t)(us / UTIL_SEC),
		.tv_nsec = (long)(us % UTIL_SEC) * 1000,
	};
}

static void wake(struct sink *s)
{
	uint64_t one = 1;

	/* Only a counter that is full can refuse, and then it is readable. */
	while (write(s->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* ------------------------------------------------------------------- use */

static int put_record(struct sink *s, const void *bytes, size_t len)
{
	uint32_t prefix = (uint32_t)len;

	if (s->stats.closed)
		return -EPIPE;
	if (len > SINK_SIZE || sizeof(prefix) + len > SINK_SIZE - s->used)
		return -ENOBUFS;
	ring_put(s, &prefix, sizeof(prefix));
	ring_put(s, bytes, len);
	s->records++;
	return 0;
}

int sink_write(struct sink *s, const void *bytes, size_t len)
{
	int err;

	if (len == 0)
		return 0;
	pthread_mutex_lock(&s->lock);
	err = put_record(s, bytes, len);
	if (err < 0)
		s->stats.lost++;
	else if (s->asleep)
		wake(s);
	pthread_mutex_unlock(&s->lock);
	return err;
}

int sink_closed_fd(const struct sink *s)
{
	return s->closed_fd;
}

bool sink_is_tty(const struct sink *s)
{
	return s->tty;
}

void sink_read_stats(struct sink *s, struct sink_stats *st)
{
	pthread_mutex_lock(&s->lock);
	*st = s->stats;
	pthread_mutex_unlock(&s->lock);
}

void sink_flush(struct sink *s, uint64_t timeout_us)
{
	struct timespec until = deadline_after(timeout_us);

	pthread_mutex_lock(&s->lock);
	while (s->records != 0 &&
	       pthread_cond_timedwait(&s->drained, &s->lock, &until) == 0)
		;
	pthread_mutex_unlock(&s->lock);
}

void sink_close(struct sink *s, uint64_t timeout_us, struct sink_stats *st)
{
	struct timespec until = deadline_after(timeout_us);
	bool done;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	wake(s);
	while (!s->done &&
	       pthread_cond_timedwait(&s->drained, &s->lock, &until) == 0)
		;
	done = s->done;
	s->abandoned = !done;
	s->stats.lost += s->records;
	if (st != NULL)
		*st = s->stats;
	if (!done) {
		/* It frees the sink, maybe as soon as the lock is free. */
		pthread_detach(s->thread);
		wake(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (done) {
		pthread_join(s->thread, NULL);
		free_sink(s);
	}
}

/* -------------------------------------------------------------- by a path */

/* A descriptor of ours must not be taken for one that was inherited: what came
 * through exec has no CLOEXEC, and all of ours have. */
static int dup_inherited(int fd)
{
	int flags = fcntl(fd, F_GETFD), mode = fcntl(fd, F_GETFL);

	if (flags < 0 || mode < 0)
		return -errno;
	if (fd > STDERR_FILENO && (flags & FD_CLOEXEC) != 0)
		return -EBADF;
	if ((mode & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return fd < 0 ? -errno : fd;
}

/* The names that mean an open descriptor: opening them again fails for sockets
 * and forgets the position in a file.  False: another name. */
static bool names_descriptor(const char *path, int *fd)
{
	static const char dir[] = "/dev/fd/";
	const char *number = path + sizeof(dir) - 1;
	uint64_t value;

	if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
		*fd = STDOUT_FILENO;
	else if (strcmp(path, "/dev/stderr") == 0)
		*fd = STDERR_FILENO;
	else if (strncmp(path, dir, sizeof(dir) - 1) == 0 &&
		 util_parse_uint(number, strlen(number), INT32_MAX, &value) ==
			 0)
		*fd = (int)value;
	else
		return false;
	return true;
}

static int open_parent(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	size_t len;
	int fd;

	*base = slash == NULL ? path : slash + 1;
	len = slash == NULL ? 0 : (size_t)(slash - path) + 1;
	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	if (**base == '\0')
		return *path == '\0' ? -ENOENT : -EISDIR;
	memcpy(dir, path, len);
	dir[len] = '\0';
	fd = open(len == 0 ? "." : dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* In a directory where others may put things, another's file or another name
 * of one (a hard link) may have been put there for us. */
static int check_planted(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) && st.st_nlink > 1)
		return -EACCES;
	return st.st_uid == geteuid() || st.st_uid == 0 ? 0 : -EACCES;
}

/* O_NONBLOCK: a FIFO without reader shall answer, not wait. */
static int open_in(int dirfd, const char *base)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY |
		    O_NONBLOCK;
	struct stat st;
	bool shared;
	int fd, err;

	if (fstat(dirfd, &st) < 0)
		return -errno;
	shared = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
	fd = openat(dirfd, base, flags | (shared ? O_NOFOLLOW : 0), 0600);
	if (fd < 0)
		return -errno;
	err = shared ? check_planted(fd) : 0;
	if (err == 0 && fcntl(fd, F_SETFL, O_APPEND) < 0)
		err = -errno;
	if (err < 0)
		close(fd);
	return err < 0 ? err : fd;
}

static int open_path(const char *path)
{
	const char *base;
	int dirfd, fd;

	if (names_descriptor(path, &fd))
		return dup_inherited(fd);
	dirfd = open_parent(path, &base);
	if (dirfd < 0)
		return dirfd;
	fd = open_in(dirfd, base);
	close(dirfd);
	return fd;
}

int sink_open_file(struct sink **s, const char *path)
{
	int fd = open_path(path);

	*s = NULL;
	return fd < 0 ? fd : sink_open(s, fd);
}
