/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink: a file descriptor written by a thread of its own, so that no slow one delays a packet. */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_SIZE (4 << 20)		/* bytes that wait for a slow reader; what
					 * never waited takes no memory */

struct sink;

struct sink_stats {
	uint64_t written, lost;		/* records */
	int error;			/* the last errno, 0 none */
	bool closed;			/* EPIPE: nobody reads any more */
};

/*
 * Takes over fd, blocking or not, and closes it also when it fails.  Opened with
 * a path through sink_open_file: append, mode 0600, CLOEXEC, NOCTTY; a FIFO
 * without reader is refused (-ENXIO); in a directory that others may write to, a
 * symbolic link (-ELOOP) and another user's or a hard-linked file (-EACCES) too.
 * "-", /dev/stdout, /dev/stderr and /dev/fd/N are duplicates of descriptors that
 * were there at exec.
 */
int sink_open(struct sink **s, int fd);
int sink_open_file(struct sink **s, const char *path);

/*
 * One record, whole or not at all; never blocks.  -ENOBUFS: the reader is too
 * slow; -EPIPE: it is gone; both are counted as lost.  A full disk loses the
 * record, too; one that was written in part is finished as soon as that works,
 * so that no half line has another behind it.
 */
int sink_write(struct sink *s, const void *bytes, size_t len);

/* Becomes readable (an eventfd) when the reader has gone away, also while there
 * is nothing to write. */
int sink_closed_fd(const struct sink *s);
bool sink_is_tty(const struct sink *s);
void sink_read_stats(struct sink *s, struct sink_stats *st);

/* Waits at most timeout_us until all is written. */
void sink_flush(struct sink *s, uint64_t timeout_us);

/* Flushes for at most timeout_us, counts the rest as lost (final stats into st,
 * may be NULL) and frees; a thread stuck in write(2) is left to the process's
 * end.  NULL is fine. */
void sink_close(struct sink *s, uint64_t timeout_us, struct sink_stats *st);

#endif
