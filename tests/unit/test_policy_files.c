/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy_files: what a path means before and after a file is replaced. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy_files.h"
#include "policy_parse.h"
#include "util.h"

/* sha256sum of "one" */
#define DIGEST_ONE \
	"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"

static char dir[64], old_cwd[4096];
static struct policy_notes notes;

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/ptrap-files-XXXXXX");
	return !mkdtemp(dir) || !getcwd(old_cwd, sizeof(old_cwd)) || chdir(dir);
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"a", "b", "new", "spare", "script"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	rmdir("sub");
	return chdir(old_cwd) || rmdir(dir);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static uint64_t ino(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_ino;
}

static uint64_t dev(void)
{
	struct stat st;

	assert_int_equal(stat(".", &st), 0);
	return st.st_dev;
}

/* rest stands behind "accept exe DIR/name". */
static struct policy *policy_of(const char *name, const char *rest)
{
	struct policy *p = NULL;
	char text[512];

	snprintf(text, sizeof(text), "accept exe %s/%s %s", dir, name, rest);
	assert_int_equal(policy_parse(text, strlen(text), &p, &notes), 0);
	return p;
}

static struct policy_files *files_of(const struct policy *p,
				     const struct policy_files *old)
{
	struct policy_files *files = NULL;

	assert_int_equal(policy_files_open(p, old, &files), 0);
	assert_int_equal(files->n, p->nfiles);
	return files;
}

/* 'n' now, 'p' in the past, '-' neither */
static char when(const struct policy_files *files, uint64_t inode)
{
	bool past;

	if (!policy_files_find(files, 0, dev(), inode, &past))
		return '-';
	return past ? 'p' : 'n';
}

static void test_found(void **state)
{
	struct policy *p = policy_of("a", "");
	struct policy_files *files;

	(void)state;
	put("a", "one");
	put("b", "two");
	files = files_of(p, NULL);
	assert_int_equal(files->list[0].error, 0);
	assert_int_equal(when(files, ino("a")), 'n');
	assert_int_equal(when(files, ino("b")), '-');
	policy_files_close(files);
	policy_close(p);
}

static void test_link_is_its_file(void **state)
{
	struct policy *p = policy_of("b", "");
	struct policy_files *files;
	char real[128];

	(void)state;
	put("a", "one");
	assert_int_equal(symlink("a", "b"), 0);
	files = files_of(p, NULL);
	assert_int_equal(when(files, ino("a")), 'n');
	snprintf(real, sizeof(real), "%s/a", dir);
	assert_true(policy_files_is_stale(files, real, dev(), 1));
	assert_true(policy_files_is_stale(files, p->files[0], dev(), 1));
	assert_false(policy_files_is_stale(files, real, dev(), ino("a")));
	assert_false(policy_files_is_stale(files, "/x", dev(), 1));
	policy_files_close(files);
	policy_close(p);
}

static void test_replaced(void **state)
{
	struct policy *p = policy_of("a", "");
	struct policy_files *first, *second, *third;
	uint64_t one, two;

	(void)state;
	put("a", "one");
	one = ino("a");
	first = files_of(p, NULL);
	put("new", "two");
	two = ino("new");
	assert_int_equal(rename("new", "a"), 0);
	second = files_of(p, first);
	policy_files_close(first);
	assert_int_equal(when(second, one), 'p');
	assert_int_equal(when(second, two), 'n');
	/* gone */
	unlink("a");
	third = files_of(p, second);
	policy_files_close(second);
	assert_int_equal(third->list[0].error, -ENOENT);
	assert_int_equal(when(third, one), 'p');
	assert_int_equal(when(third, two), 'p');
	policy_files_close(third);
	policy_close(p);
}

/* A new policy has the old one's past for the paths that both name. */
static void test_past_of_another_policy(void **state)
{
	struct policy *p = policy_of("a", ""), *q = policy_of("a", "uid 5");
	struct policy_files *first, *second;
	uint64_t one;

	(void)state;
	put("a", "one");
	one = ino("a");
	first = files_of(p, NULL);
	put("new", "two");
	assert_int_equal(rename("new", "a"), 0);
	second = files_of(q, first);
	policy_files_close(first);
	policy_close(p);
	assert_int_equal(when(second, one), 'p');
	policy_files_close(second);
	second = files_of(q, NULL);
	assert_int_equal(when(second, one), '-');
	policy_files_close(second);
	policy_close(q);
}

/* The number of a deleted file goes to the next one that is made, on many file
 * systems: here never to anybody else's. */
static void test_inode_is_not_given_away(void **state)
{
	struct policy *p = policy_of("a", "");
	struct policy_files *first, *second;
	uint64_t one;

	(void)state;
	put("a", "one");
	one = ino("a");
	first = files_of(p, NULL);
	unlink("a");
	for (int i = 0; i < 64; i++) {
		put("b", "evil");
		assert_int_equal(when(first, ino("b")), '-');
		unlink("b");
	}
	second = files_of(p, first);
	policy_files_close(first);
	for (int i = 0; i < 64; i++) {
		put("b", "evil");
		assert_int_not_equal(ino("b"), one);
		unlink("b");
	}
	policy_files_close(second);
	policy_close(p);
}

static void test_past_is_short(void **state)
{
	struct policy *p = policy_of("a", "");
	struct policy_files *files = NULL;

	(void)state;
	for (int i = 0; i < 2 * POLICY_PAST_MAX; i++) {
		struct policy_files *next;

		put("new", "x");
		assert_int_equal(rename("new", "a"), 0);
		next = files_of(p, files);
		policy_files_close(files);
		files = next;
	}
	assert_int_equal(files->list[0].npast, POLICY_PAST_MAX);
	assert_int_equal(when(files, ino("a")), 'n');
	policy_files_close(files);
	policy_close(p);
}

static void test_digest(void **state)
{
	struct policy *p = policy_of("a", "sha256 " DIGEST_ONE);
	struct policy_files *first, *second;
	const uint8_t *want = p->rules[0].sha256;

	(void)state;
	put("a", "one");
	first = files_of(p, NULL);
	assert_false(first->list[0].now.has_digest);
	policy_files_hash(first);
	assert_true(first->list[0].now.has_digest);
	assert_memory_equal(first->list[0].now.digest, want, POLICY_DIGEST_LEN);
	/* it is taken over, */
	second = files_of(p, first);
	assert_true(second->list[0].now.has_digest);
	policy_files_close(first);
	/* but not when the file was written to: same inode, same size */
	put("a", "two");
	first = files_of(p, second);
	policy_files_close(second);
	assert_false(first->list[0].now.has_digest);
	policy_files_hash(first);
	assert_memory_not_equal(first->list[0].now.digest, want,
				POLICY_DIGEST_LEN);
	policy_files_close(first);
	policy_close(p);
}

static void test_digest_only_where_asked(void **state)
{
	struct policy *p = policy_of("a", "");
	struct policy_files *files;

	(void)state;
	put("a", "one");
	files = files_of(p, NULL);
	policy_files_hash(files);
	assert_false(files->list[0].now.has_digest);
	policy_files_close(files);
	policy_close(p);
}

static void warns(const char *name, const char *begin)
{
	struct policy *p = policy_of(name, "");
	struct policy_files *files = files_of(p, NULL);

	memset(&notes, 0, sizeof(notes));
	policy_files_warn(files, &notes);
	assert_int_equal(notes.nwarnings, begin != NULL);
	if (begin) {
		assert_int_equal(notes.list[0].line, 1);
		assert_memory_equal(notes.list[0].text, begin, strlen(begin));
	}
	policy_files_close(files);
	policy_close(p);
}

/* This very process runs what its executable's path means. */
static void test_own_process(void **state)
{
	char exe[4096] = "", text[4200];
	struct policy_files *files;
	struct policy *p = NULL;
	struct stat st;
	bool past;

	(void)state;
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	snprintf(text, sizeof(text), "accept exe \"%s\"", exe);
	assert_int_equal(policy_parse(text, strlen(text), &p, &notes), 0);
	files = files_of(p, NULL);
	assert_non_null(
		policy_files_find(files, 0, st.st_dev, st.st_ino, &past));
	assert_false(past);
	assert_int_equal(policy_files_same(files, st.st_dev, st.st_ino), 0);
	policy_files_close(files);
	policy_close(p);
}

/* In a mount namespace of its own: puts another file at the path, and says what
 * that is.  With a user namespace any user can. */
static int fake_path(int fd)
{
	struct stat st = {0};

	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", dir, "tmpfs", 0, NULL) || chdir(dir))
		return 77;
	if (creat("a", 0755) < 0 || stat("a", &st))
		return 1;
	return write(fd, &st, sizeof(st)) != sizeof(st);
}

static void test_faked_path(void **state)
{
	struct policy *p = policy_of("a", "");
	struct policy_files *files;
	struct stat st = {0};
	int fds[2], status;
	bool past;
	pid_t pid;

	(void)state;
	put("a", "one");
	files = files_of(p, NULL);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid)
		_exit(fake_path(fds[1]));
	assert_true(pid > 0);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77) {
		printf("# skip: no mount namespace for us\n");
	} else {
		assert_int_equal(read(fds[0], &st, sizeof(st)), sizeof(st));
		assert_null(policy_files_find(files, 0, st.st_dev, st.st_ino,
					      &past));
		/* the text alone would have taken it for that file */
		assert_true(policy_files_is_stale(files, p->files[0], st.st_dev,
						  st.st_ino));
	}
	close(fds[0]);
	policy_files_close(files);
	policy_close(p);
	if (WEXITSTATUS(status) == 77)
		skip();
}

static void test_one_file_two_paths(void **state)
{
	struct policy_files *files;
	struct policy *p = NULL;
	char text[512];

	(void)state;
	put("a", "one");
	assert_int_equal(link("a", "b"), 0);
	snprintf(text, sizeof(text),
		 "accept exe %s/new\naccept exe %s/b\ndrop exe %s/a", dir, dir,
		 dir);
	assert_int_equal(policy_parse(text, strlen(text), &p, &notes), 0);
	files = files_of(p, NULL);
	assert_int_equal(files->marks[0].same, POLICY_NONE);
	assert_int_equal(files->marks[1].same, 1);
	assert_int_equal(files->marks[2].same, 1);
	assert_int_equal(policy_files_same(files, dev(), ino("a")), 1);
	assert_int_equal(policy_files_same(files, dev(), 1), POLICY_NONE);
	assert_int_equal(policy_files_same(files, 0, 0), POLICY_NONE);
	policy_files_close(files);
	policy_close(p);
}

static void test_warnings(void **state)
{
	(void)state;
	put("a", "one");
	put("b", "#");
	put("script", "#!/bin/sh\n");
	assert_int_equal(mkdir("sub", 0700), 0);
	warns("a", NULL);
	warns("b", NULL);
	warns("new", "there is no such file");
	warns("a/b", "there is no such file");
	warns("sub", "is a directory");
	warns("script", "is a script");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_link_is_its_file, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_replaced, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_past_of_another_policy,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_inode_is_not_given_away,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_past_is_short, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_digest, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_digest_only_where_asked,
						make_dir, remove_dir),
		cmocka_unit_test(test_own_process),
		cmocka_unit_test_setup_teardown(test_faked_path, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_one_file_two_paths,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_warnings, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
