/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_output: FORMAT[:FILE], colour, and what becomes of the records. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "output.h"
#include "sample.h"
#include "util.h"

#define LONG_US (20 * UTIL_SEC)

static struct event e;
static char dir[64], spec[128], content[65536];

static int set_up(void **state)
{
	(void)state;
	sample_event(&e);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	strcpy(dir, "/tmp/test_output.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static const char *spec_of(const char *format, const char *name)
{
	snprintf(spec, sizeof(spec), "%s:%s/%s", format, dir, name);
	return spec;
}

static const char *read_fd(int fd)
{
	ssize_t n = read(fd, content, sizeof(content) - 1);

	assert_true(n >= 0);
	content[n] = '\0';
	return content;
}

static const char *read_back(void)
{
	int fd = open(strchr(spec, ':') + 1, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	read_fd(fd);
	close(fd);
	return content;
}

static void test_find_format(void **state)
{
	(void)state;
	assert_ptr_equal(output_find_format("text", 4), &output_text);
	assert_ptr_equal(output_find_format("json:x", 4), &output_json);
	assert_null(output_find_format("text", 3));
	assert_null(output_find_format("texts", 5));
	assert_null(output_find_format("", 0));
}

static void test_wrong_specs(void **state)
{
	struct output *o;

	(void)state;
	assert_int_equal(output_open(&o, "xml", false), -EINVAL);
	assert_int_equal(output_open(&o, "", false), -EINVAL);
	assert_int_equal(output_open(&o, ":x", false), -EINVAL);
	assert_int_equal(output_open(&o, "text:", false), -ENOENT);
	assert_int_equal(output_open(&o, spec_of("json", "no/file"), false),
			 -ENOENT);
	assert_null(o);
}

static void test_files(void **state)
{
	struct sink_stats st;
	struct output *o;
	json_t *root;

	(void)state;
	assert_int_equal(output_open(&o, spec_of("text", "a:b"), true), 0);
	assert_int_equal(output_write(o, &e), 0);
	assert_int_equal(output_write(o, &e), 0);
	output_close(o, LONG_US, &st);
	assert_int_equal(st.written, 2);
	assert_int_equal(st.lost, 0);
	assert_non_null(strstr(read_back(), "curl[4711]"));
	assert_non_null(strstr(content, "cwd /home/apollo"));
	assert_null(strchr(content, '\033'));

	assert_int_equal(output_open(&o, spec_of("json", "c"), false), 0);
	assert_int_equal(output_write(o, &e), 0);
	output_close(o, LONG_US, NULL);
	root = json_loads(read_back(), 0, NULL);
	assert_non_null(root);
	assert_non_null(json_object_get(json_object_get(root, "host"), "name"));
	json_decref(root);
	output_close(NULL, 0, NULL);
}

/* Writes the event to a terminal; what arrives there. */
static const char *through_terminal(const char *format)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct output *o;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		print_message("# skip: no pseudo terminals here\n");
		skip();
	}
	snprintf(spec, sizeof(spec), "%s:%s", format, ptsname(master));
	assert_int_equal(output_open(&o, spec, false), 0);
	assert_int_equal(output_write(o, &e), 0);
	output_close(o, LONG_US, NULL);
	read_fd(master);
	close(master);
	return content;
}

static void test_colour(void **state)
{
	(void)state;
	assert_non_null(strstr(through_terminal("text"), "\033[1mcurl"));
	assert_null(strchr(through_terminal("json"), '\033'));
	setenv("NO_COLOR", "", 1);
	assert_non_null(strchr(through_terminal("text"), '\033'));
	setenv("NO_COLOR", "1", 1);
	assert_null(strchr(through_terminal("text"), '\033'));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_null(strchr(through_terminal("text"), '\033'));
}

static void test_reader_gone(void **state)
{
	struct sink_stats st;
	struct pollfd p;
	struct output *o;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	snprintf(spec, sizeof(spec), "text:/dev/fd/%d", fds[1]);
	assert_int_equal(output_open(&o, spec, false), 0);
	close(fds[1]);
	close(fds[0]);
	p = (struct pollfd){.fd = output_closed_fd(o), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(output_write(o, &e), -EPIPE);
	output_close(o, LONG_US, &st);
	assert_int_equal(st.lost, 1);
}

/* What no format can write is lost and counted, too. */
static void test_too_large(void **state)
{
	static char huge[OUTPUT_RECORD_MAX];
	struct sink_stats st;
	struct output *o;

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	e.process.exe = huge;
	assert_int_equal(output_open(&o, spec_of("json", "x"), false), 0);
	assert_int_equal(output_write(o, &e), -EMSGSIZE);
	output_close(o, LONG_US, &st);
	assert_int_equal(st.lost, 1);
	assert_string_equal(read_back(), "");
}

static void test_json_line(void **state)
{
	char mem[8192];
	struct strbuf sb;
	json_t *root;

	(void)state;
	strbuf_init(&sb, mem, sizeof(mem));
	assert_int_equal(output_json_line(&e, &sb), 0);
	assert_int_equal(mem[sb.len - 1], '\n');
	root = json_loads(mem, 0, NULL);
	assert_non_null(json_object_get(root, "process"));
	json_decref(root);
	strbuf_init(&sb, mem, 100);
	assert_int_equal(output_json_line(&e, &sb), -EMSGSIZE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_find_format), TEST(test_wrong_specs),
		TEST(test_files),	TEST(test_colour),
		TEST(test_reader_gone), TEST(test_too_large),
		TEST(test_json_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
