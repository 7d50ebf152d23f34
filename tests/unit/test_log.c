/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_log: one line each, whatever is in it, straight and through a sink. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "sink.h"
#include "util.h"

static int saved_stderr, reader;
static char got[65536];

/* Standard error goes into a pipe. */
static int set_up(void **state)
{
	int fds[2];

	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	if (saved_stderr < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	reader = fds[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	log_set_level(LOG_NORMAL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
	return 0;
}

static const char *written(void)
{
	ssize_t n = read(reader, got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static void test_lines(void **state)
{
	(void)state;
	log_error("no %s", "way");
	assert_string_equal(written(), "ptrap-ng: no way\n");
	log_warn(ENOENT, "a");
	assert_string_equal(written(),
			    "ptrap-ng: a: No such file or directory\n");
	log_warn(-ENOENT, "a");
	assert_string_equal(written(),
			    "ptrap-ng: a: No such file or directory\n");
	log_warnx("b");
	log_info("c");
	log_plain("d\n  e\n");
	log_plain("f");
	assert_string_equal(written(), "ptrap-ng: b\nptrap-ng: c\nd\n  e\nf\n");
}

static void test_levels(void **state)
{
	(void)state;
	log_debug("hidden");
	assert_string_equal(written(), "");
	log_set_level(LOG_VERBOSE);
	log_debug("shown");
	assert_string_equal(written(), "ptrap-ng: shown\n");
	log_set_level(LOG_QUIET);
	log_debug("x");
	log_info("x");
	log_warnx("x");
	log_warn(EIO, "x");
	log_plain("x");
	assert_string_equal(written(), "");
	log_error("still");
	assert_string_equal(written(), "ptrap-ng: still\n");
}

static void test_escapes(void **state)
{
	(void)state;
	log_warnx("%s", "a\nptrap-ng: forged\033[2J\r\xff\xe2\x80\xae");
	assert_string_equal(written(), "ptrap-ng: a\\nptrap-ng: forged\\x1b[2J"
				       "\\r\\xff\\u{202e}\n");
}

static void test_long(void **state)
{
	static char text[20000];
	size_t len;

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	log_error("%s", text);
	len = strlen(written());
	assert_true(len > 1000 && len <= 2100);
	assert_ptr_equal(strchr(got, '\n'), got + len - 1);
	memset(text, 'x', sizeof(text) - 1);
	log_plain("%s", text);
	len = strlen(written());
	assert_true(len > 16000);
	assert_ptr_equal(strchr(got, '\n'), got + len - 1);
}

static void test_through_sink(void **state)
{
	struct sink_stats st;
	struct sink *s;

	(void)state;
	assert_int_equal(sink_open_file(&s, "/dev/stderr"), 0);
	log_set_sink(s);
	log_error("one");
	log_plain("two\nthree\n");
	sink_close(s, 20 * UTIL_SEC, &st);
	log_set_sink(NULL);
	assert_int_equal(st.written, 2);
	log_error("four");
	assert_string_equal(written(),
			    "ptrap-ng: one\ntwo\nthree\nptrap-ng: four\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines), TEST(test_levels),	   TEST(test_escapes),
		TEST(test_long),  TEST(test_through_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
