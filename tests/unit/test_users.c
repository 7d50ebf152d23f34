/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_users: a passwd file with all that people do to it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "users.h"

static char dir[] = "/tmp/test_users.XXXXXX";
static char path[sizeof(dir) + 8];

static struct users *open_text(const char *text, size_t len)
{
	FILE *f = fopen(path, "w");
	struct users *u = NULL;

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(users_open(&u, path), 0);
	return u;
}

static void test_find(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/bash\n"
				   "nobody:x:65534:65534::/:/bin/false\n"
				   "apollo:x:1000:1000:,,,:/home/apollo:\n"
				   "top:x:4294967294:1::/:\n"
				   "zeus:x:999:999::/:"; /* no line feed */
	struct users *u = open_text(text, sizeof(text) - 1);

	(void)state;
	assert_string_equal(users_find(u, 0), "root");
	assert_string_equal(users_find(u, 999), "zeus");
	assert_string_equal(users_find(u, 1000), "apollo");
	assert_string_equal(users_find(u, 65534), "nobody");
	assert_string_equal(users_find(u, 4294967294U), "top");
	assert_null(users_find(u, 1));
	assert_null(users_find(u, 1001));
	assert_null(users_find(u, (uid_t)-1));
	users_close(u);
}

/* As getpwuid() has it. */
static void test_first_name_counts(void **state)
{
	static const char text[] = "b:x:5:5:::\nroot:x:0:0:::\ntoor:x:0:0:::\n"
				   "a:x:5:5:::\nx:x:0:0:::\n";
	struct users *u = open_text(text, sizeof(text) - 1);

	(void)state;
	assert_string_equal(users_find(u, 0), "root");
	assert_string_equal(users_find(u, 5), "b");
	users_close(u);
}

static void test_bad_lines(void **state)
{
	static const char text[] = "\n"
				   "# comment:x:1:1:::\n"
				   ":x:2:2:::\n"
				   "short\n"
				   "short:x\n"
				   "short:x:3\n"
				   "empty:x::4:::\n"
				   "minus:x:-5:5:::\n"
				   "blank:x: 6:6:::\n"
				   "large:x:4294967295:7:::\n"
				   "larger:x:4294967304:8:::\n"
				   "+nis:x:9:9:::\n"
				   "-nis:x:10:10:::\n"
				   "hex:x:0xb:11:::\n"
				   "nul:x:1\0002:12:::\n"
				   "good::13:13\n";
	struct users *u = open_text(text, sizeof(text) - 1);

	(void)state;
	assert_string_equal(users_find(u, 13), "good");
	for (uid_t uid = 2; uid < 13; uid++)
		assert_null(users_find(u, uid));
	assert_null(users_find(u, 0));
	assert_null(users_find(u, (uid_t)-1));
	users_close(u);
}

static void test_empty(void **state)
{
	struct users *u = open_text("", 0);

	(void)state;
	assert_null(users_find(u, 0));
	users_close(u);
	users_close(NULL);
}

static void test_many(void **state)
{
	FILE *f = fopen(path, "w");
	struct users *u;
	char name[16];

	(void)state;
	assert_non_null(f);
	for (unsigned i = 0; i < 1000; i++) /* in no order */
		fprintf(f, "u%u:x:%u:1:::\n", i * 7 % 1000, i * 7 % 1000);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(users_open(&u, path), 0);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		assert_string_equal(users_find(u, i), name);
	}
	assert_null(users_find(u, 1000));
	users_close(u);
}

static void test_no_file(void **state)
{
	struct users *u = NULL;

	(void)state;
	assert_int_equal(users_open(&u, "/nonexistent/passwd"), -ENOENT);
	assert_int_equal(users_open(&u, dir), -EISDIR);
	assert_null(u);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/passwd", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_first_name_counts),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
