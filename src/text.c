/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text: words for people: names that end where they seem to, times, colours. */
#include "text.h"

#include <inttypes.h>
#include <string.h>

#include "util.h"

#define OUTPUT_INDENT "    "

/* ------------------------------------------------------------------ words */

/* Not ASCII is not plain: there are blanks and look-alikes among it. */
static bool is_plain(const char *bytes, size_t len, const char *special)
{
	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];

		if (c < '!' || c > '~' || c == '"' || c == '\'' ||
		    strchr(special, c) != NULL)
			return false;
	}
	return len > 0;
}

void text_add_word(struct strbuf *sb, const char *bytes, size_t len,
		   const char *special)
{
	const char *quote;

	if (is_plain(bytes, len, special)) {
		strbuf_add_escaped(sb, bytes, len);
		return;
	}
	strbuf_puts(sb, "\"");
	while ((quote = memchr(bytes, '"', len)) != NULL) {
		size_t n = (size_t)(quote - bytes);

		strbuf_add_escaped(sb, bytes, n);
		strbuf_puts(sb, "\\\"");
		bytes += n + 1;
		len -= n + 1;
	}
	strbuf_add_escaped(sb, bytes, len);
	strbuf_puts(sb, "\"");
}

void text_add_process(struct strbuf *sb, const char *comm, pid_t pid, pid_t tid)
{
	text_add_word(sb, comm, strlen(comm), TEXT_NAME_SPECIAL);
	if (tid != 0 && tid != pid)
		strbuf_printf(sb, "[%d/%d]", (int)pid, (int)tid);
	else
		strbuf_printf(sb, "[%d]", (int)pid);
}

void text_add_duration(struct strbuf *sb, uint64_t us)
{
	uint64_t tenths = us / (UTIL_SEC / 10), ms = us / UTIL_MS;

	if (ms < 10)
		strbuf_printf(sb, "%" PRIu64 " us", us);
	else if (ms < 10000)
		strbuf_printf(sb, "%" PRIu64 " ms", ms);
	else if (tenths % 10 == 0)
		strbuf_printf(sb, "%" PRIu64 " s", tenths / 10);
	else
		strbuf_printf(sb, "%" PRIu64 ".%" PRIu64 " s", tenths / 10,
			      tenths % 10);
}

/* ---------------------------------------------------------------- output */

/* The length of a setting of colour or character set at p: ESC [ ... m, ESC ( B
 * or shift-in, as terminfo's bold and sgr0 are.  0: it is none. */
static size_t mark_len(const char *p, size_t len)
{
	size_t n = 2;

	if (len >= 1 && p[0] == '\017')
		return 1;
	if (len < 3 || p[0] != '\033')
		return 0;
	if (p[1] == '(')
		return p[2] == 'B' ? 3 : 0;
	if (p[1] != '[')
		return 0;
	while (n < len && ((p[n] >= '0' && p[n] <= '9') || p[n] == ';'))
		n++;
	return n < len && p[n] == 'm' ? n + 1 : 0;
}

/* Of all settings only bold and its end are let through. */
static void add_mark(struct strbuf *sb, const char *p, size_t len, bool *bold)
{
	bool begins = len == 4 && memcmp(p, "\033[1m", 4) == 0;
	bool ends = len == 3 || (len == 4 && p[2] == '0');

	if (begins && !*bold) {
		strbuf_puts(sb, "\033[1m");
		*bold = true;
	} else if (ends && *bold) {
		strbuf_puts(sb, "\033[0m");
		*bold = false;
	}
}

/* Where the next setting begins, or len. */
static size_t find_mark(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && mark_len(p + n, len - n) == 0)
		n++;
	return n;
}

static void add_line(struct strbuf *sb, const char *line, size_t len,
		     bool colour)
{
	bool bold = false;

	if (len > 0)
		strbuf_puts(sb, OUTPUT_INDENT);
	while (len > 0) {
		size_t text = find_mark(line, len);
		size_t mark = mark_len(line + text, len - text);

		strbuf_add_escaped_lines(sb, line, text);
		if (colour)
			add_mark(sb, line + text, mark, &bold);
		line += text + mark;
		len -= text + mark;
	}
	if (bold)
		strbuf_puts(sb, "\033[0m");
	strbuf_puts(sb, "\n");
}

void text_add_output(struct strbuf *sb, const char *bytes, size_t len,
		     bool colour)
{
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t line = end == NULL ? len : (size_t)(end - bytes);
		size_t used = end == NULL ? line : line + 1;

		add_line(sb, bytes, line, colour);
		bytes += used;
		len -= used;
	}
}
