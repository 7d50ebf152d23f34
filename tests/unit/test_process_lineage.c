/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_process_lineage: ancestors, and those who only pretend to be. */
#include "tree.h"

#include <string.h>
#include <unistd.h>

#include "process.h"

static char pool_mem[32768];
static struct strpool pool;

static int reset(void **state)
{
	(void)state;
	strpool_init(&pool, pool_mem, sizeof(pool_mem));
	return 0;
}

static void lineage_of(struct tree *t, pid_t pid, pid_t ppid, uint64_t start,
		       struct process_lineage *l)
{
	const struct process p = {.pid = pid, .ppid = ppid, .starttime = start};

	assert_int_equal(process_read_lineage(t->fd, &p, &pool, l), 0);
}

static void lineage_of_a_tree(void **state)
{
	struct process_lineage l;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_stat(&t, 1, "init", 0, 0);
	tree_stat(&t, 30, ") S 77 (", 1, 50);
	tree_stat(&t, 20, "\n[1]", 30, 50);
	tree_stat(&t, 9, "x", 20, 60);
	tree_text(&t, "20/bash", "");
	tree_link(&t, "20/exe", "bash");
	tree_file(&t, "20/cmdline", "bash\0-l\0", 8);
	lineage_of(&t, 9, 20, 60, &l);
	assert_int_equal(l.n, 3);
	assert_true(l.complete);
	assert_null(l.reason);
	assert_int_equal(l.list[0].pid, 20);
	assert_string_equal(l.list[0].comm, "\n[1]");
	assert_int_equal(l.list[1].pid, 30);
	assert_string_equal(l.list[1].comm, ") S 77 (");
	assert_int_equal(l.list[2].pid, 1);
	assert_string_equal(l.parent_exe, "bash");
	assert_int_equal(l.parent_args_len, 7);
	assert_memory_equal(l.parent_args, "bash\0-l", 8);
	/* The child has ended: the order of births still holds. */
	lineage_of(&t, 8, 20, 60, &l);
	assert_int_equal(l.n, 3);
	assert_true(process_descends(t.fd, 9, 9));
	assert_true(process_descends(t.fd, 9, 1));
	assert_true(process_descends(t.fd, 9, 30));
	assert_false(process_descends(t.fd, 20, 9));
	assert_false(process_descends(t.fd, 8, 1));
	assert_false(process_descends(t.fd, 9, 77));
	tree_close(&t);
}

static void lineage_without_an_end(void **state)
{
	struct process_lineage l;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_stat(&t, 9, "x", 20, 60);
	/* Gone. */
	lineage_of(&t, 9, 20, 60, &l);
	assert_int_equal(l.n, 0);
	assert_false(l.complete);
	assert_string_equal(l.reason, "an ancestor has ended");
	/* Younger than its child: somebody else with that number. */
	tree_stat(&t, 20, "thief", 1, 61);
	tree_stat(&t, 1, "init", 0, 0);
	lineage_of(&t, 9, 20, 60, &l);
	assert_int_equal(l.n, 0);
	assert_false(l.complete);
	assert_string_equal(l.reason, "a parent changed meanwhile");
	assert_null(l.parent_exe);
	assert_false(process_descends(t.fd, 9, 20));
	assert_false(process_descends(t.fd, 9, 1));
	/* The child has another parent by now. */
	tree_stat(&t, 20, "thief", 1, 50);
	tree_stat(&t, 9, "x", 1, 60);
	lineage_of(&t, 9, 20, 60, &l);
	assert_int_equal(l.n, 0);
	assert_string_equal(l.reason, "a parent changed meanwhile");
	/* Two that call each other parent. */
	tree_stat(&t, 9, "x", 20, 60);
	tree_stat(&t, 20, "y", 9, 60);
	lineage_of(&t, 9, 20, 60, &l);
	assert_int_equal(l.n, PROCESS_ANCESTORS_MAX);
	assert_false(l.complete);
	assert_string_equal(l.reason, "too many ancestors");
	assert_false(process_descends(t.fd, 9, 1));
	/* Not a stat line. */
	tree_text(&t, "20/stat", "20 (y");
	lineage_of(&t, 9, 20, 60, &l);
	assert_string_equal(l.reason, "an ancestor cannot be read");
	tree_close(&t);
}

static void lineage_of_exact_length(void **state)
{
	struct process_lineage l;
	struct tree t;

	(void)state;
	tree_open(&t);
	for (pid_t pid = 1; pid <= PROCESS_ANCESTORS_MAX + 1; pid++)
		tree_stat(&t, pid, "x", pid - 1, (uint64_t)pid);
	lineage_of(&t, 1000, PROCESS_ANCESTORS_MAX, 1000, &l);
	assert_int_equal(l.n, PROCESS_ANCESTORS_MAX);
	assert_true(l.complete);
	lineage_of(&t, 1000, PROCESS_ANCESTORS_MAX + 1, 1000, &l);
	assert_int_equal(l.n, PROCESS_ANCESTORS_MAX);
	assert_false(l.complete);
	assert_string_equal(l.reason, "too many ancestors");
	tree_close(&t);
}

static void lineage_of_self(void **state)
{
	int proc = procfs_open_root("/proc"), dir;
	struct process_lineage l;
	struct process p;

	(void)state;
	dir = procfs_open_pid(proc, getpid());
	assert_int_equal(process_read(dir, getpid(), 0, &pool, &p), 0);
	assert_int_equal(process_read_lineage(proc, &p, &pool, &l), 0);
	assert_true(l.n > 0);
	assert_int_equal(l.list[0].pid, getppid());
	assert_true(l.complete);
	assert_true(process_descends(proc, getpid(), getppid()));
	assert_false(process_descends(proc, getppid(), getpid()));
	close(dir);
	close(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lineage_of_a_tree, reset),
		cmocka_unit_test_setup(lineage_without_an_end, reset),
		cmocka_unit_test_setup(lineage_of_exact_length, reset),
		cmocka_unit_test_setup(lineage_of_self, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
