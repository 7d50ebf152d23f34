/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_word: a line of a policy taken apart into words, and words written. */
#include "policy_word.h"

#include <errno.h>
#include <string.h>

#include "text.h"

#define CODEPOINT_MAX 0x10ffffU

static int fail(struct policy_mistake *bad, size_t pos, size_t len,
		const char *why)
{
	*bad = (struct policy_mistake){.pos = pos, .len = len, .why = why};
	return -EINVAL;
}

/* The byte there; a NUL, which no line has, behind the end. */
static char peek(const struct policy_line *line, size_t pos)
{
	if (pos < line->len)
		return line->text[pos];
	return '\0';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to max digits at pos; returns how many there are. */
static size_t parse_hex(const struct policy_line *line, size_t pos, size_t max,
			unsigned *value)
{
	size_t n = 0;

	for (*value = 0; n < max && pos + n < line->len; n++) {
		int digit = hex_value(line->text[pos + n]);

		if (digit < 0)
			break;
		*value = *value << 4 | (unsigned)digit;
	}
	return n;
}

/* Returns the length. */
static size_t put_utf8(unsigned c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* What an escape stands for. */
struct escape {
	char bytes[4];
	size_t len;
};

/* \xHH; pos is that of the backslash. */
static int parse_byte(struct policy_line *line, struct escape *e,
		      struct policy_mistake *bad)
{
	size_t pos = line->pos;
	unsigned value;

	if (parse_hex(line, pos + 2, 2, &value) != 2)
		return fail(bad, pos, 2, "two hexadecimal digits must follow");
	if (!value)
		return fail(bad, pos, 4, "no word has a NUL in it");
	e->bytes[0] = (char)value;
	e->len = 1;
	line->pos += 4;
	return 0;
}

/* \u{HHHH} */
static int parse_character(struct policy_line *line, struct escape *e,
			   struct policy_mistake *bad)
{
	size_t pos = line->pos, digits = 0;
	unsigned value = 0;

	if (pos + 2 < line->len && line->text[pos + 2] == '{')
		digits = parse_hex(line, pos + 3, 6, &value);
	if (!digits || pos + 3 + digits >= line->len ||
	    line->text[pos + 3 + digits] != '}')
		return fail(bad, pos, 2,
			    "{, up to six hexadecimal digits and "
			    "} must follow");
	if (!value)
		return fail(bad, pos, digits + 4, "no word has a NUL in it");
	if (value > CODEPOINT_MAX || (value >= 0xd800 && value < 0xe000))
		return fail(bad, pos, digits + 4, "there is no such character");
	e->len = put_utf8(value, e->bytes);
	line->pos += digits + 4;
	return 0;
}

static int parse_escape(struct policy_line *line, struct escape *e,
			struct policy_mistake *bad)
{
	static const char letters[] = "\\\"ntr", bytes[] = "\\\"\n\t\r";
	size_t pos = line->pos;
	char c = peek(line, pos + 1);
	const char *letter = c ? strchr(letters, c) : NULL;

	if (c == 'x')
		return parse_byte(line, e, bad);
	if (c == 'u')
		return parse_character(line, e, bad);
	if (!letter)
		return fail(bad, pos, c ? 2 : 1,
			    "not an escape: \\\\ \\\" \\n \\t \\r \\xHH "
			    "\\u{HHHH} are");
	e->bytes[0] = bytes[letter - letters];
	e->len = 1;
	line->pos += 2;
	return 0;
}

/* Is there more of the word?  Quotes that are wrong are found here. */
static int at_end(const struct policy_line *line, bool quoted,
		  struct policy_mistake *bad)
{
	char c = peek(line, line->pos);

	if (quoted)
		return c == '"';
	if (c == '"')
		return fail(bad, line->pos, 1,
			    "a quote in the middle of a word");
	if (c == '\'')
		return fail(bad, line->pos, 1, "only double quotes quote");
	return is_blank(c) || line->pos == line->len;
}

/* The word's bytes into the room at out, which they cannot exceed. */
static int decode(struct policy_line *line, bool quoted, char *out, size_t *len,
		  bool *escaped, struct policy_mistake *bad)
{
	size_t begin = line->pos;
	struct escape e;
	int rc;

	while (!(rc = at_end(line, quoted, bad))) {
		if (line->pos == line->len)
			return fail(bad, begin - 1, line->len - begin + 1,
				    "the closing quote is missing");
		e.bytes[0] = line->text[line->pos];
		e.len = 1;
		if (e.bytes[0] != '\\')
			line->pos++;
		else if (parse_escape(line, &e, bad))
			return -EINVAL;
		else
			*escaped = true;
		memcpy(out + *len, e.bytes, e.len);
		*len += e.len;
	}
	return rc < 0 ? rc : 0;
}

static void skip_blanks(struct policy_line *line)
{
	while (line->pos < line->len && is_blank(line->text[line->pos]))
		line->pos++;
}

int policy_word_next(struct policy_line *line, struct strpool *pool,
		     struct policy_word *w, struct policy_mistake *bad)
{
	bool quoted, escaped = false;
	size_t room, len = 0;
	char *out = strpool_room(pool, &room);

	skip_blanks(line);
	if (line->pos == line->len || line->text[line->pos] == '#')
		return 0;
	w->pos = line->pos;
	if (!out || room < line->len - line->pos)
		return fail(bad, w->pos, 0, "no room for the word");
	quoted = line->text[line->pos] == '"';
	line->pos += quoted;
	if (decode(line, quoted, out, &len, &escaped, bad))
		return -EINVAL;
	line->pos += quoted;
	if (quoted && line->pos < line->len && !is_blank(line->text[line->pos]))
		return fail(bad, line->pos, 1,
			    "a blank must follow the closing quote");
	w->len = line->pos - w->pos;
	w->plain = !quoted && !escaped;
	w->text = strpool_commit(pool, len);
	return 1;
}

/* The length of the UTF-8 character that this byte begins, if it does. */
static size_t character_len(unsigned char lead)
{
	return lead < 0xc2   ? 1
	       : lead < 0xe0 ? 2
	       : lead < 0xf0 ? 3
	       : lead < 0xf5 ? 4
			     : 1;
}

/* What an event would have to escape cannot be told by looking at it. */
static bool is_seen(const char *bytes, size_t len)
{
	struct strbuf sb;
	char mem[32];

	strbuf_init(&sb, mem, sizeof(mem));
	strbuf_add_escaped(&sb, bytes, len);
	return sb.len == len && !memcmp(mem, bytes, len);
}

int policy_word_check_line(const char *text, size_t len,
			   struct policy_mistake *bad)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)text[i];

		n = character_len(c);
		if (n > len - i)
			n = 1;
		if (c == '\r')
			return fail(bad, i, 1,
				    "carriage return: a line ends with a line "
				    "feed alone");
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return fail(bad, i, 1, "control character");
		if (c >= 0x80 && !is_seen(text + i, n))
			return fail(bad, i, n,
				    "cannot be seen as what it is; write the "
				    "escape");
	}
	return 0;
}

void policy_word_format(struct strbuf *sb, const char *text)
{
	text_add_word(sb, text, strlen(text), "#");
}
