/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink: a file descriptor written by a thread of its own, so that no slow one delays a packet. */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_SIZE (1 << 20)		/* bytes that wait for a slow reader */

struct sink;

struct sink_stats {
	uint64_t written, lost;		/* records */
	int error;			/* the last errno, 0 none */
	bool closed;			/* EPIPE: nobody reads any more */
};

/*
 * Takes over fd (blocking).  Opened with a path through sink_open_file: append,
 * mode 0600, CLOEXEC, NOCTTY; a symbolic link in a directory that others may
 * write to is refused (-ELOOP), a FIFO without reader too (-ENXIO).  path "-"
 * is standard output.
 */
int sink_open(struct sink **s, int fd);
int sink_open_file(struct sink **s, const char *path);

/* One record, all or nothing; never blocks.  -ENOBUFS: lost and counted. */
int sink_write(struct sink *s, const void *bytes, size_t len);

/* Becomes readable (an eventfd) when the reader has gone away. */
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
