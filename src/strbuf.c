/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strbuf: text built in memory that the caller brings, never overrun. */
#include "strbuf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * What a terminal obeys or does not show: controls, separators of lines, and
 * all that Unicode calls Bidi_Control, Default_Ignorable_Code_Point or an
 * annotation mark.  Sorted.
 */
static const struct range {
	uint32_t low, high;
} hidden[] = {
	{0x0000, 0x001f},   {0x007f, 0x009f},	{0x00ad, 0x00ad},
	{0x034f, 0x034f},   {0x061c, 0x061c},	{0x115f, 0x1160},
	{0x17b4, 0x17b5},   {0x180b, 0x180f},	{0x200b, 0x200f},
	{0x2028, 0x202e},   {0x2060, 0x206f},	{0x3164, 0x3164},
	{0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},	{0xfeff, 0xfeff},
	{0xffa0, 0xffa0},   {0xfff0, 0xfffb},	{0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

void strbuf_init(struct strbuf *sb, char *mem, size_t size)
{
	*sb = (struct strbuf){.mem = mem, .size = size};
	mem[0] = '\0';
}

/* Length of the sequence that this lead byte announces; 0: it leads none. */
static size_t utf8_announced(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The code point that p begins with and its length in bytes, or 0 where p is
 * not valid UTF-8 (overlong, surrogate, above U+10FFFF, cut short). */
static size_t utf8_decode(const uint8_t *p, size_t len, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = len ? utf8_announced(p[0]) : 0;
	uint32_t c;

	if (!n || n > len)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return n;
}

/* How much of len bytes is left when a character cut off at the end goes. */
static size_t whole_characters(const char *text, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		uint8_t byte = (uint8_t)text[len - back];

		if ((byte & 0xc0) == 0x80)
			continue;
		return utf8_announced(byte) > back ? len - back : len;
	}
	return len;
}

static size_t room(const struct strbuf *sb)
{
	/* A hole in the middle would join what does not belong together. */
	return sb->truncated ? 0 : sb->size - sb->len - 1;
}

void strbuf_add(struct strbuf *sb, const void *bytes, size_t len)
{
	size_t n = len;

	if (n > room(sb)) {
		n = whole_characters(bytes, room(sb));
		sb->truncated = true;
	}
	if (n)
		memcpy(sb->mem + sb->len, bytes, n);
	sb->len += n;
	sb->mem[sb->len] = '\0';
}

void strbuf_puts(struct strbuf *sb, const char *text)
{
	strbuf_add(sb, text, strlen(text));
}

void strbuf_vprintf(struct strbuf *sb, const char *fmt, va_list ap)
{
	char *end = sb->mem + sb->len;
	int n;

	if (sb->truncated)
		return;
	/* clang-tidy 14 does not see strbuf_printf()'s va_start:
	 * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	n = vsnprintf(end, room(sb) + 1, fmt, ap);
	if (n < 0) {
		sb->truncated = true;
	} else if ((size_t)n > room(sb)) {
		sb->len += whole_characters(end, room(sb));
		sb->truncated = true;
	} else {
		sb->len += (size_t)n;
	}
	sb->mem[sb->len] = '\0';
}

void strbuf_printf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(sb, fmt, ap);
	va_end(ap);
}

static bool is_hidden(uint32_t code)
{
	size_t low = 0, high = sizeof(hidden) / sizeof(hidden[0]);

	if ((code & 0xfffe) == 0xfffe)
		return true; /* a noncharacter, in every plane */
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (code > hidden[mid].high)
			low = mid + 1;
		else if (code < hidden[mid].low)
			high = mid;
		else
			return true;
	}
	return false;
}

static const char *short_escape(uint32_t code)
{
	switch (code) {
	case '\n':
		return "\\n";
	case '\t':
		return "\\t";
	case '\r':
		return "\\r";
	case '\\':
		return "\\\\";
	}
	return NULL;
}

/* One character or bad byte: all of it or nothing. */
static void add_unit(struct strbuf *sb, const void *unit, size_t len)
{
	if (len > room(sb))
		sb->truncated = true;
	else
		strbuf_add(sb, unit, len);
}

static void add_escape(struct strbuf *sb, uint32_t code, bool byte)
{
	const char *two = byte ? NULL : short_escape(code);
	char text[16];
	int n;

	if (two) {
		add_unit(sb, two, 2);
		return;
	}
	n = snprintf(text, sizeof(text),
		     byte || code < 0x80 ? "\\x%02x" : "\\u{%04x}",
		     (unsigned)code);
	add_unit(sb, text, (size_t)n);
}

static void escape(struct strbuf *sb, const uint8_t *p, size_t len,
		   const char *keep)
{
	uint32_t code;
	size_t n;

	for (; len && !sb->truncated; p += n, len -= n) {
		n = utf8_decode(p, len, &code);
		if (!n) {
			n = 1;
			add_escape(sb, p[0], true);
		} else if (code && code < 0x80 && strchr(keep, (int)code)) {
			add_unit(sb, p, 1);
		} else if (code == '\\' || is_hidden(code)) {
			add_escape(sb, code, false);
		} else {
			add_unit(sb, p, n);
		}
	}
}

void strbuf_add_escaped(struct strbuf *sb, const void *bytes, size_t len)
{
	escape(sb, bytes, len, "");
}

void strbuf_add_escaped_lines(struct strbuf *sb, const void *bytes, size_t len)
{
	escape(sb, bytes, len, "\n\t");
}

size_t strbuf_utf8_span(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t span = 0, n;
	uint32_t code;

	while ((n = utf8_decode(p + span, len - span, &code)))
		span += n;
	return span;
}
