/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A policy: read, and told what is wrong with it. */
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define NOBODY 65534

static const char *write_policy(const char *text, mode_t mode, uid_t uid)
{
	const char *path = test_path("policy");
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
	assert_int_equal(chown(path, uid, 0), 0);
	return path;
}

static void become_nobody(void *data)
{
	(void)data;
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		_exit(99);
}

/* What it says on standard output or error is text, with the file's path for
 * each %. */
static void expect_said(const struct text *is, const char *text)
{
	const char *path = test_path("policy");
	char want[4096];
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		if (*c == '%')
			n += (size_t)snprintf(want + n, sizeof(want) - n, "%s",
					      path);
		else
			want[n++] = *c;
	}
	want[n] = '\0';
	assert_string_equal(is->mem ? is->mem : "", want);
}

static void expect_checked(bool nobody, int status, const char *out,
			   const char *err)
{
	struct trap_how how = {-1, nobody ? become_nobody : NULL, NULL};
	struct trap_run *t = trap_spawn(&how, "--check", "--enforce",
					test_path("policy"), NULL);

	assert_int_equal(trap_wait(t), status);
	expect_said(&t->out_text, out);
	expect_said(&t->err_text, err);
	assert_true(nothing_left(NULL));
}

static void good_policies(void **state)
{
	(void)state;
	write_policy("# who may\n"
		     "default reject log\n"
		     "accept exe /usr/bin/env port 80\n"
		     "accept kernel\n",
		     0600, 0);
	expect_checked(false, 0,
		       "%: 2 rules, 1 path, default reject; 0 warnings\n", "");
	write_policy("", 0600, 0);
	expect_checked(false, 0,
		       "%: 0 rules, 0 paths, default drop; 0 warnings\n", "");
}

/* They keep no policy from being used. */
static void warnings(void **state)
{
	(void)state;
	write_policy("default accept\n"
		     "drop exe /no/such/file\n"
		     "\n"
		     "  accept exe /usr/bin/python3 port 80\n"
		     "accept unknown\n",
		     0644, 0);
	expect_checked(
		false, 0, "%: 3 rules, 2 paths, default accept; 3 warnings\n",
		"ptrap-ng: %:4:10: warning: runs whatever it is given; name a "
		"script, if it has one: /usr/bin/python3\n"
		"ptrap-ng: %:5:1: warning: whoever is not known may send "
		"anywhere\n"
		"ptrap-ng: %:2:1: warning: there is no such file, now: "
		"/no/such/file\n");
}

static void bad_policies(void **state)
{
	(void)state;
	write_policy("accept exee /usr/bin/env\n"
		     "default drop\n"
		     "drop port 99999\n",
		     0600, 0);
	expect_checked(false, 2, "",
		       "ptrap-ng: %:1:8: not a word of a policy: exee\n"
		       "ptrap-ng: %:3:11: port above 65535: 99999\n");
	write_policy("accept kernel\n", 0602, 0);
	expect_checked(false, 2, "", "ptrap-ng: %: anybody may write it\n");
	unlink(test_path("policy"));
	expect_checked(false, 2, "",
		       "ptrap-ng: %: No such file or directory\n");
}

/* More than a person reads at once. */
static void many_mistakes(void **state)
{
	char text[50 * 5 + 1] = "";

	(void)state;
	for (int i = 0; i < 50; i++)
		memcpy(text + 5 * (size_t)i, "drip\n", 6);
	write_policy(text, 0600, 0);
	struct trap_run *t = trap_spawn(NULL, "--check", "--enforce",
					test_path("policy"), NULL);

	assert_int_equal(trap_wait(t), 2);
	assert_int_equal(text_count_lines(&t->err_text), 20);
}

/* Whoever writes a policy may check it: nothing is asked of the kernel. */
static void another_user(void **state)
{
	static const char good[] = "accept uid 1000\n";

	(void)state;
	assert_int_equal(chmod(test_dir(), 0711), 0);
	write_policy(good, 0600, NOBODY);
	expect_checked(true, 0,
		       "%: 1 rule, 0 paths, default drop; 0 warnings\n", "");
	write_policy(good, 0644, 0);
	expect_checked(true, 0,
		       "%: 1 rule, 0 paths, default drop; 0 warnings\n", "");
	write_policy("accept uid me\n", 0600, NOBODY);
	expect_checked(
		true, 2, "",
		"ptrap-ng: %:1:12: a number is wanted, not a name: me\n");
	write_policy(good, 0600, 0);
	expect_checked(true, 2, "", "ptrap-ng: %: Permission denied\n");
	write_policy(good, 0644, 1234);
	expect_checked(true, 2, "", "ptrap-ng: %: belongs to another user\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(good_policies), e2e_test(warnings),
		e2e_test(bad_policies),	 e2e_test(many_mistakes),
		e2e_test(another_user),
	};

	return e2e_main("policy", tests, sizeof(tests) / sizeof(tests[0]));
}
