/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_text: words that cannot pretend, durations, a command's output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"

static char mem[4096];
static struct strbuf sb;

static const char *word(const char *bytes, size_t len, const char *special)
{
	strbuf_init(&sb, mem, sizeof(mem));
	text_add_word(&sb, bytes, len, special);
	return sb.mem;
}

#define WORD(text) word(text, sizeof(text) - 1, TEXT_NAME_SPECIAL)

static void test_word(void **state)
{
	(void)state;
	assert_string_equal(WORD("curl"), "curl");
	assert_string_equal(WORD("kworker/0:1-ev"), "kworker/0:1-ev");
	assert_string_equal(WORD(""), "\"\"");
	assert_string_equal(WORD("Web Content"), "\"Web Content\"");
	assert_string_equal(WORD("init[1]"), "\"init[1]\"");
	assert_string_equal(WORD("a\"b\""), "\"a\\\"b\\\"\"");
	assert_string_equal(WORD("it's"), "\"it's\"");
	assert_string_equal(WORD("a\\b"), "a\\\\b");
	assert_string_equal(WORD("a\nb"), "\"a\\nb\"");
	assert_string_equal(WORD("\033[31m"), "\"\\x1b[31m\"");
	assert_string_equal(WORD("a\0b"), "\"a\\x00b\"");
	assert_string_equal(WORD("\xff"), "\"\\xff\"");
	assert_string_equal(WORD("na\xc3\xafve"), "\"na\xc3\xafve\"");
	assert_string_equal(WORD("a\xc2\xa0z"), "\"a\xc2\xa0z\"");
	assert_string_equal(WORD("\xe2\x80\xae"), "\"\\u{202e}\"");
	assert_string_equal(word("f(a[1],b)", 9, ""), "f(a[1],b)");
	assert_string_equal(word("curlX", 4, ""), "curl");
}

static const char *process(const char *comm, pid_t pid, pid_t tid)
{
	strbuf_init(&sb, mem, sizeof(mem));
	text_add_process(&sb, comm, pid, tid);
	return sb.mem;
}

static void test_process(void **state)
{
	(void)state;
	assert_string_equal(process("curl", 1, 1), "curl[1]");
	assert_string_equal(process("curl", 1, 0), "curl[1]");
	assert_string_equal(process("curl", 1, 2), "curl[1/2]");
	assert_string_equal(process("sh[9] ", 1, 1), "\"sh[9] \"[1]");
}

static const char *duration(uint64_t us)
{
	strbuf_init(&sb, mem, sizeof(mem));
	text_add_duration(&sb, us);
	return sb.mem;
}

static void test_duration(void **state)
{
	(void)state;
	assert_string_equal(duration(0), "0 us");
	assert_string_equal(duration(61), "61 us");
	assert_string_equal(duration(9999), "9999 us");
	assert_string_equal(duration(10000), "10 ms");
	assert_string_equal(duration(500123), "500 ms");
	assert_string_equal(duration(9999999), "9999 ms");
	assert_string_equal(duration(10000000), "10 s");
	assert_string_equal(duration(10099999), "10 s");
	assert_string_equal(duration(12345678), "12.3 s");
	assert_string_equal(duration(UINT64_MAX), "18446744073709.5 s");
}

static const char *output(const char *bytes, size_t len, bool colour)
{
	strbuf_init(&sb, mem, sizeof(mem));
	text_add_output(&sb, bytes, len, colour);
	return sb.mem;
}

#define PLAIN(text)  output(text, sizeof(text) - 1, false)
#define COLOUR(text) output(text, sizeof(text) - 1, true)

static void test_output_lines(void **state)
{
	(void)state;
	assert_string_equal(PLAIN(""), "");
	assert_string_equal(PLAIN("a"), "    a\n");
	assert_string_equal(PLAIN("a\nb\n"), "    a\n    b\n");
	assert_string_equal(PLAIN("\n\na\n"), "\n\n    a\n");
	assert_string_equal(PLAIN("a\tb\r\n"), "    a\tb\\r\n");
	assert_string_equal(PLAIN("a\0b\n"), "    a\\x00b\n");
	assert_string_equal(PLAIN("a\x85\n\xc2\x85"),
			    "    a\\x85\n    \\u{0085}\n");
	assert_string_equal(PLAIN("a\xe2\x80\xa8z"), "    a\\u{2028}z\n");
}

/* pstree -H marks with bold; what acts on a terminal otherwise does not. */
static void test_output_marks(void **state)
{
	(void)state;
	assert_string_equal(PLAIN("a-\033[1mb\033(B\033[m-c"), "    a-b-c\n");
	assert_string_equal(PLAIN("\033[1mb\033[m\017"), "    b\n");
	assert_string_equal(PLAIN("\033[38;5;9mred"), "    red\n");
	assert_string_equal(COLOUR("a-\033[1mb\033(B\033[m-c"),
			    "    a-\033[1mb\033[0m-c\n");
	assert_string_equal(COLOUR("\033[1mb\033[0mc"),
			    "    \033[1mb\033[0mc\n");
	/* Never past its line. */
	assert_string_equal(COLOUR("\033[1mb\nc"),
			    "    \033[1mb\033[0m\n    c\n");
	assert_string_equal(COLOUR("\033[8mhidden"), "    hidden\n");
	assert_string_equal(COLOUR("\033[31;1mred"), "    red\n");
	assert_string_equal(COLOUR("\033[2Jx"), "    \\x1b[2Jx\n");
	assert_string_equal(COLOUR("\033[1;1Hx"), "    \\x1b[1;1Hx\n");
	assert_string_equal(COLOUR("\033]0;t\007"), "    \\x1b]0;t\\x07\n");
	assert_string_equal(COLOUR("\033(0"), "    \\x1b(0\n");
	assert_string_equal(COLOUR("\033"), "    \\x1b\n");
	assert_string_equal(COLOUR("\033["), "    \\x1b[\n");
	assert_string_equal(COLOUR("\033[1"), "    \\x1b[1\n");
	assert_string_equal(COLOUR("\033[\nm"), "    \\x1b[\n    m\n");
	/* What a setting parts must not be joined into a character. */
	assert_string_equal(PLAIN("\xe2\033[m\x80\xae"),
			    "    \\xe2\\x80\\xae\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_output_lines),
		cmocka_unit_test(test_output_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
