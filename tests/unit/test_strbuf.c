/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_strbuf: no byte past the end, no text that acts on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "strbuf.h"

#define ESCAPED(in) escaped(in, sizeof(in) - 1)
#define SPAN(in)    strbuf_utf8_span(in, sizeof(in) - 1)

static char out[256];

static const char *escaped(const char *in, size_t len)
{
	struct strbuf sb;

	strbuf_init(&sb, out, sizeof(out));
	strbuf_add_escaped(&sb, in, len);
	assert_false(sb.truncated);
	assert_int_equal(strlen(out), sb.len);
	return out;
}

static void test_build(void **state)
{
	char mem[32];
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, mem, sizeof(mem));
	assert_string_equal(mem, "");
	strbuf_puts(&sb, "udp ");
	strbuf_printf(&sb, "%s:%u", "192.168.1.1", 53);
	strbuf_add(&sb, "!!!", 1);
	strbuf_add(&sb, NULL, 0);
	assert_string_equal(mem, "udp 192.168.1.1:53!");
	assert_int_equal(sb.len, strlen(mem));
	assert_false(sb.truncated);
}

/* Each way of adding, with exactly enough room and with one byte less. */
static void add_as(int how, struct strbuf *sb, const char *text)
{
	switch (how) {
	case 0:
		strbuf_puts(sb, text);
		break;
	case 1:
		strbuf_printf(sb, "%s", text);
		break;
	case 2:
		strbuf_add_escaped(sb, text, strlen(text));
		break;
	}
}

static void test_exact_room(void **state)
{
	char mem[8];
	struct strbuf sb;

	(void)state;
	for (int how = 0; how < 3; how++) {
		memset(mem, '#', sizeof(mem));
		strbuf_init(&sb, mem, 6);
		add_as(how, &sb, "12345");
		assert_string_equal(mem, "12345");
		assert_false(sb.truncated);
		add_as(how, &sb, "");
		assert_false(sb.truncated);
		add_as(how, &sb, "6");
		assert_string_equal(mem, "12345");
		assert_true(sb.truncated);
		assert_memory_equal(mem + 6, "##", 2);

		strbuf_init(&sb, mem, 5);
		add_as(how, &sb, "12345");
		assert_string_equal(mem, "1234");
		assert_true(sb.truncated);
		assert_int_equal(mem[6], '#');
	}
}

static void test_size_one(void **state)
{
	char mem[2] = "##";
	struct strbuf sb;

	(void)state;
	for (int how = 0; how < 3; how++) {
		strbuf_init(&sb, mem, 1);
		add_as(how, &sb, "x");
		assert_string_equal(mem, "");
		assert_true(sb.truncated);
		assert_int_equal(mem[1], '#');
	}
}

static void test_nothing_after_a_hole(void **state)
{
	char mem[8];
	struct strbuf sb;

	(void)state;
	for (int how = 0; how < 3; how++) {
		strbuf_init(&sb, mem, sizeof(mem));
		add_as(how, &sb, "1234");
		strbuf_printf(&sb, "%s", "abcdef");
		assert_string_equal(mem, "1234abc");
		sb.len = 4; /* even if somebody makes room again */
		mem[4] = '\0';
		add_as(how, &sb, "x");
		assert_string_equal(mem, "1234");
	}
}

static void test_characters_are_not_cut(void **state)
{
	static const char *const texts[] = {"ab\xc3\xa4", "ab\xe2\x82\xac",
					    "ab\xf0\x9f\x90\xa7"};
	char mem[8];
	struct strbuf sb;

	(void)state;
	for (int how = 0; how < 3; how++)
		for (size_t i = 0; i < 3; i++)
			for (size_t size = 3; size <= strlen(texts[i]);
			     size++) {
				strbuf_init(&sb, mem, size);
				add_as(how, &sb, texts[i]);
				assert_string_equal(mem, "ab");
				assert_true(sb.truncated);
			}
}

static void test_escapes_are_not_cut(void **state)
{
	char mem[16];
	struct strbuf sb;

	(void)state;
	for (size_t size = 3; size < 7; size++) {
		strbuf_init(&sb, mem, size);
		strbuf_add_escaped(&sb, "ab\x1b", 3);
		assert_string_equal(mem, "ab");
		assert_true(sb.truncated);
	}
	strbuf_init(&sb, mem, 7);
	strbuf_add_escaped(&sb, "ab\x1b", 3);
	assert_string_equal(mem, "ab\\x1b");
	assert_false(sb.truncated);
}

static void test_plain_text_stays(void **state)
{
	(void)state;
	assert_string_equal(ESCAPED("/usr/bin/curl -s \"x\" 'y'"),
			    "/usr/bin/curl -s \"x\" 'y'");
	assert_string_equal(ESCAPED("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7"),
			    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7");
	assert_string_equal(ESCAPED("\xee\x80\x80 \xef\xbf\xbd"),
			    "\xee\x80\x80 \xef\xbf\xbd");
	/* the neighbours of what is hidden */
	assert_string_equal(ESCAPED(" ~\xc2\xa0\xc2\xac\xc2\xae"),
			    " ~\xc2\xa0\xc2\xac\xc2\xae");
	assert_string_equal(ESCAPED("\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xa7"
				    "\xe2\x80\xaf\xe2\x81\x9f\xe2\x81\xb0"),
			    "\xe2\x80\x8a\xe2\x80\x90\xe2\x80\xa7"
			    "\xe2\x80\xaf\xe2\x81\x9f\xe2\x81\xb0");
}

static void test_controls(void **state)
{
	(void)state;
	assert_string_equal(ESCAPED("a\nb\tc\rd\\e"), "a\\nb\\tc\\rd\\\\e");
	assert_string_equal(ESCAPED("\x1b[2J\x07\x00\x7f"),
			    "\\x1b[2J\\x07\\x00\\x7f");
	/* C1: as UTF-8 and as the single byte some terminals obey */
	assert_string_equal(ESCAPED("\xc2\x9b"
				    "31m"),
			    "\\u{009b}31m");
	assert_string_equal(ESCAPED("\xc2\x80\xc2\x85"), "\\u{0080}\\u{0085}");
	assert_string_equal(ESCAPED("\x9b"
				    "31m"),
			    "\\x9b31m");
}

/* A name that pretends to be an escape comes out different from one. */
static void test_escapes_cannot_be_forged(void **state)
{
	char real[64];

	(void)state;
	strcpy(real, ESCAPED("\n"));
	assert_string_not_equal(ESCAPED("\\n"), real);
	strcpy(real, ESCAPED("\x1b"));
	assert_string_not_equal(ESCAPED("\\x1b"), real);
	strcpy(real, ESCAPED("\xe2\x80\xae"));
	assert_string_not_equal(ESCAPED("\\u{202e}"), real);
	strcpy(real, ESCAPED("\x80"));
	assert_string_not_equal(ESCAPED("\xc2\x80"), real);
}

static void test_events_cannot_be_forged(void **state)
{
	static const char evil[] =
		"x\n09:41:03.512 udp 10.0.0.1:1 > 10.0.0.2:53  init[1]"
		"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\x0b\x0c\x1b[A\x1b[2K\r";
	const char *text = ESCAPED(evil);

	(void)state;
	for (const char *p = text; *p; p++)
		assert_in_range(*p, ' ', '~');
	assert_null(strpbrk(text, "\n\r\v\f\x1b"));
}

static const struct {
	const char *utf8, *text;
} hidden[] = {
	{"\xc2\xad", "\\u{00ad}"},	    {"\xcd\x8f", "\\u{034f}"},
	{"\xd8\x9c", "\\u{061c}"},	    {"\xe1\x85\x9f", "\\u{115f}"},
	{"\xe1\xa0\x8e", "\\u{180e}"},	    {"\xe2\x80\x8b", "\\u{200b}"},
	{"\xe2\x80\x8f", "\\u{200f}"},	    {"\xe2\x80\xa8", "\\u{2028}"},
	{"\xe2\x80\xa9", "\\u{2029}"},	    {"\xe2\x80\xaa", "\\u{202a}"},
	{"\xe2\x80\xae", "\\u{202e}"},	    {"\xe2\x81\xa0", "\\u{2060}"},
	{"\xe2\x81\xa6", "\\u{2066}"},	    {"\xe2\x81\xa9", "\\u{2069}"},
	{"\xe2\x81\xaf", "\\u{206f}"},	    {"\xe3\x85\xa4", "\\u{3164}"},
	{"\xef\xb8\x8f", "\\u{fe0f}"},	    {"\xef\xbb\xbf", "\\u{feff}"},
	{"\xef\xbe\xa0", "\\u{ffa0}"},	    {"\xef\xbf\xb9", "\\u{fff9}"},
	{"\xef\xb7\x90", "\\u{fdd0}"},	    {"\xef\xbf\xbe", "\\u{fffe}"},
	{"\xef\xbf\xbf", "\\u{ffff}"},	    {"\xf0\x9f\xbf\xbe", "\\u{1fffe}"},
	{"\xf0\x9d\x85\xb3", "\\u{1d173}"}, {"\xf3\xa0\x80\x80", "\\u{e0000}"},
	{"\xf3\xa0\x81\x81", "\\u{e0041}"}, {"\xf3\xa0\x81\xbf", "\\u{e007f}"},
	{"\xf3\xa0\x84\x80", "\\u{e0100}"}, {"\xf4\x8f\xbf\xbf", "\\u{10ffff}"},
};

static void test_hidden(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		assert_string_equal(
			escaped(hidden[i].utf8, strlen(hidden[i].utf8)),
			hidden[i].text);
}

static void test_not_utf8(void **state)
{
	(void)state;
	assert_string_equal(ESCAPED("\xff\xfe\x80"), "\\xff\\xfe\\x80");
	assert_string_equal(ESCAPED("\xc0\xaf"), "\\xc0\\xaf"); /* overlong */
	assert_string_equal(ESCAPED("\xc1\xbf"), "\\xc1\\xbf");
	assert_string_equal(ESCAPED("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");
	assert_string_equal(ESCAPED("\xf0\x82\x82\xac"),
			    "\\xf0\\x82\\x82\\xac");
	assert_string_equal(ESCAPED("\xed\xa0\x80"), /* a surrogate */
			    "\\xed\\xa0\\x80");
	assert_string_equal(ESCAPED("\xed\xbf\xbf"), "\\xed\\xbf\\xbf");
	assert_string_equal(ESCAPED("\xf4\x90\x80\x80"), /* above U+10FFFF */
			    "\\xf4\\x90\\x80\\x80");
	assert_string_equal(ESCAPED("\xf5\x80\x80\x80"),
			    "\\xf5\\x80\\x80\\x80");
	/* cut short at the end, and by a newline that must not be eaten */
	assert_string_equal(ESCAPED("\xe2\x82"), "\\xe2\\x82");
	assert_string_equal(ESCAPED("\xe2\x82\n"), "\\xe2\\x82\\n");
	assert_string_equal(ESCAPED("\xf0\x9f\x90"), "\\xf0\\x9f\\x90");
}

static void test_lines(void **state)
{
	static const char text[] = "a\n\tb\r\x1b[0m\x00\\\xe2\x80\xa8\n";
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, out, sizeof(out));
	strbuf_add_escaped_lines(&sb, text, sizeof(text) - 1);
	assert_string_equal(out, "a\n\tb\\r\\x1b[0m\\x00\\\\\\u{2028}\n");
}

static void test_utf8_span(void **state)
{
	(void)state;
	assert_int_equal(SPAN(""), 0);
	assert_int_equal(SPAN("abc"), 3);
	assert_int_equal(SPAN("a\0b"), 3);
	assert_int_equal(SPAN("\xc3\xa4\xf4\x8f\xbf\xbf"), 6);
	assert_int_equal(SPAN("\xef\xbf\xbf"), 3); /* valid, if no character */
	assert_int_equal(SPAN("ab\xff"
			      "cd"),
			 2);
	assert_int_equal(SPAN("ab\xe2\x82"), 2);
	assert_int_equal(SPAN("\xed\x9f\xbf\xed\xa0\x80"), 3);
	assert_int_equal(SPAN("\xee\x80\x80\xc0\x80"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_exact_room),
		cmocka_unit_test(test_size_one),
		cmocka_unit_test(test_nothing_after_a_hole),
		cmocka_unit_test(test_characters_are_not_cut),
		cmocka_unit_test(test_escapes_are_not_cut),
		cmocka_unit_test(test_plain_text_stays),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_escapes_cannot_be_forged),
		cmocka_unit_test(test_events_cannot_be_forged),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_utf8_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
