/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strbuf: text built in memory that the caller brings, never overrun. */
#ifndef STRBUF_H
#define STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * mem always holds a terminated string of len bytes (size > 0).  What does not
 * fit is left out, with all that comes after it, and `truncated` stays set:
 * check it once, at the end.  No UTF-8 character and no escape is cut in two.
 */
struct strbuf {
	char *mem;
	size_t size;
	size_t len;
	bool truncated;
};

void strbuf_init(struct strbuf *sb, char *mem, size_t size);
void strbuf_add(struct strbuf *sb, const void *bytes, size_t len);
void strbuf_puts(struct strbuf *sb, const char *text);
void strbuf_printf(struct strbuf *sb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *sb, const char *fmt, va_list ap);

/*
 * Adds len bytes of somebody else's text so that they cannot act on a terminal
 * or look like another line: control characters (C0, DEL, C1), the backslash,
 * Unicode's bidirectional and invisible format characters, line and paragraph
 * separators, noncharacters and every byte that is not valid UTF-8 come out as
 * \n, \t, \r, \\, \xHH or \u{HHHH}.  All else is copied as it is, so what was
 * put in can be told from what comes out.
 */
void strbuf_add_escaped(struct strbuf *sb, const void *bytes, size_t len);

/* The same, but line feeds and tabs stay: for a command's captured output. */
void strbuf_add_escaped_lines(struct strbuf *sb, const void *bytes,
			      size_t len);

/* The length of the longest prefix of bytes that is valid UTF-8. */
size_t strbuf_utf8_span(const void *bytes, size_t len);

#endif
