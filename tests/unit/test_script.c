/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_script: the script that is open, in a /proc of the test's own. */
#include "tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"
#include "script.h"

#define DASH "/usr/bin/dash"
#define BASH "/usr/bin/bash"

static struct tree tree;
static int dir;
static char script[128];

static void link_below(const char *name, const char *file)
{
	char target[128];

	snprintf(target, sizeof(target), "%s/%s", tree.path, file);
	tree_link(&tree, name, target);
}

static int set_up(void **state)
{
	(void)state;
	tree_open(&tree);
	tree_text(&tree, "home/a.sh", "read x\n");
	tree_text(&tree, "home/log", "");
	snprintf(script, sizeof(script), "%s/home/a.sh", tree.path);
	link_below("5/cwd", "home");
	tree_link(&tree, "5/root", "/");
	link_below("5/fd/3", "home/log");
	dir = procfs_open_pid(tree.fd, 5);
	return dir < 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(dir);
	tree_close(&tree);
	return 0;
}

static bool finds(const char *exe, const char *arg)
{
	char path[256];
	bool found = script_find_open(dir, exe, arg, path, sizeof(path));

	if (found)
		assert_string_equal(path, script);
	return found;
}

static void by_its_name(void **state)
{
	(void)state;
	assert_false(finds(DASH, "a.sh"));
	link_below("5/fd/11", "home/a.sh");
	if (!finds(DASH, "a.sh")) {
		print_message("# skip: no openat2 with RESOLVE_CACHED\n");
		skip();
	}
	assert_true(finds(DASH, "../home/a.sh"));
	assert_true(finds(DASH, script));
	/* By the file, not by what it is called. */
	link_below("home/b.sh", "home/a.sh");
	tree_text(&tree, "other/a.sh", "");
	assert_true(finds(DASH, "b.sh"));
	assert_false(finds(DASH, "../other/a.sh"));
	assert_false(finds(DASH, "nothing"));
	assert_false(finds(DASH, "."));
	assert_false(finds(DASH, ""));
	assert_false(finds(DASH, NULL));
}

static void as_bash_has_it(void **state)
{
	static const struct {
		const char *flags;
		bool found;
	} cases[] = {
		{"pos:\t7\nflags:\t02100000\nmnt_id:\t1\n", true},
		{"pos:\t7\nflags:\t0100000\n", false},	/* inherited */
		{"pos:\t7\nflags:\t02100002\n", false}, /* to write */
		{"pos:\t7\n", false},
	};

	(void)state;
	link_below("5/fd/255", "home/a.sh");
	assert_false(finds(BASH, NULL));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tree_text(&tree, "5/fdinfo/255", cases[i].flags);
		assert_int_equal(finds(BASH, NULL), cases[i].found);
		assert_int_equal(finds(BASH, "/trusted"), cases[i].found);
		assert_false(finds(DASH, NULL));
	}
}

/* A terminal is no script. */
static void not_a_file(void **state)
{
	(void)state;
	tree_link(&tree, "5/fd/255", "/dev/null");
	tree_text(&tree, "5/fdinfo/255", "flags:\t02100000\n");
	assert_false(finds(BASH, NULL));
	assert_false(finds(BASH, "/dev/null"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_its_name),
		TEST(as_bash_has_it),
		TEST(not_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
