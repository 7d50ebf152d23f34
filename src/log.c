/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log: lines for the person, straight to standard error or through a sink. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sink.h"
#include "strbuf.h"

#define PREFIX	     "ptrap-ng: "
#define LOG_LINE_MAX 2048
#define LOG_TEXT_MAX (16 * 1024) /* log_plain's: some lines at once */

static enum log_level log_level = LOG_NORMAL;
static struct sink *log_sink;

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_set_sink(struct sink *s)
{
	log_sink = s;
}

static void write_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

/* Before the sink is there nothing is held yet, and a line may wait. */
static void write_out(const char *bytes, size_t len)
{
	if (log_sink != NULL)
		sink_write(log_sink, bytes, len);
	else
		write_all(bytes, len);
}

/* Ends the text with a line feed, for which a byte of its memory was kept. */
static void end_line(struct strbuf *sb)
{
	sb->size++;
	sb->truncated = false;
	if (sb->len == 0 || sb->mem[sb->len - 1] != '\n')
		strbuf_puts(sb, "\n");
}

/* err 0: no reason to add.  Whatever a name in the text holds, it stays one
 * line. */
__attribute__((format(printf, 2, 0))) static void
write_line(int err, const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX + sizeof(PREFIX)];
	struct strbuf raw, out;

	strbuf_init(&raw, text, sizeof(text));
	strbuf_vprintf(&raw, fmt, ap);
	if (err != 0)
		strbuf_printf(&raw, ": %s", strerror(err < 0 ? -err : err));
	strbuf_init(&out, line, sizeof(line) - 1);
	strbuf_puts(&out, PREFIX);
	strbuf_add_escaped(&out, raw.mem, raw.len);
	end_line(&out);
	write_out(out.mem, out.len);
}

#define WRITE_LINE(err, fmt)               \
	do {                               \
		va_list ap_;               \
		va_start(ap_, fmt);        \
		write_line(err, fmt, ap_); \
		va_end(ap_);               \
	} while (0)

void log_error(const char *fmt, ...)
{
	WRITE_LINE(0, fmt);
}

void log_warn(int err, const char *fmt, ...)
{
	if (log_level > LOG_QUIET)
		WRITE_LINE(err, fmt);
}

void log_warnx(const char *fmt, ...)
{
	if (log_level > LOG_QUIET)
		WRITE_LINE(0, fmt);
}

void log_info(const char *fmt, ...)
{
	if (log_level > LOG_QUIET)
		WRITE_LINE(0, fmt);
}

void log_debug(const char *fmt, ...)
{
	if (log_level >= LOG_VERBOSE)
		WRITE_LINE(0, fmt);
}

void log_plain(const char *fmt, ...)
{
	char text[LOG_TEXT_MAX];
	struct strbuf out;
	va_list ap;

	if (log_level <= LOG_QUIET)
		return;
	strbuf_init(&out, text, sizeof(text) - 1);
	va_start(ap, fmt);
	strbuf_vprintf(&out, fmt, ap);
	va_end(ap);
	end_line(&out);
	write_out(out.mem, out.len);
}
