/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log: lines for the person, on standard error. */
#ifndef LOG_H
#define LOG_H

struct sink;

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

void log_set_level(enum log_level level);

/* From now on through the sink, so that a blocked terminal delays no packet;
 * NULL: straight again. Borrowed. */
void log_set_sink(struct sink *s);

/* "ptrap-ng: ...", one line each, cut off at 2 KiB: errors always, warnings and
 * information not when quiet, debug when verbose.  warn adds strerror(err),
 * given as errno or -errno; all escape control characters. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* As they are, line feeds too, without the program's name: the summary.  The
 * caller has escaped what is not its own.  Not when quiet; 16 KiB at most. */
void log_plain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
