/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_process_parents: what is kept of a real parent, and when it is not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_parents.h"

#define NOW 1000000

static struct process_parents *parents;
static int proc = -1;
static char mem[32768];
static struct strpool pool;
static int commands[2], answers[2]; /* to and from the child */
static pid_t child;

/* 'n' calls itself otherwise, 'e' becomes another program. */
static void child_main(void)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "before");
	while (write(answers[1], "", 1) == 1 && read(commands[0], &c, 1) == 1) {
		if (c == 'e')
			execl("/bin/cat", "cat", "/dev/fd/0", (char *)NULL);
		prctl(PR_SET_NAME, "after");
	}
	_exit(0);
}

static void await_child(void)
{
	char answer;

	assert_int_equal(read(answers[0], &answer, 1), 1);
}

static int start(void **state)
{
	(void)state;
	proc = procfs_open_root("/proc");
	strpool_init(&pool, mem, sizeof(mem));
	if (proc < 0 || process_parents_open(&parents) < 0 ||
	    pipe(commands) < 0 || pipe(answers) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		dup2(commands[0], STDIN_FILENO);
		child_main();
	}
	await_child();
	return child < 0 ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(commands[i]);
		close(answers[i]);
	}
	process_parents_close(parents);
	close(proc);
	return 0;
}

static const struct process_parent *find(uint64_t now)
{
	return process_parents_find(parents, now, proc, child);
}

static void test_kept(void **state)
{
	const struct process_parent *p = find(NOW);

	(void)state;
	assert_non_null(p);
	assert_int_equal(p->pid, child);
	assert_int_equal(p->lineage.list[0].pid, child);
	assert_int_equal(p->lineage.list[1].pid, getpid());
	assert_non_null(p->lineage.parent_exe);
	assert_true(p->lineage.complete);
	assert_string_equal(p->lineage.list[0].comm, "before");
	assert_int_equal(write(commands[1], "n", 1), 1);
	await_child();
	p = find(NOW + PROCESS_PARENTS_US);
	assert_string_equal(p->lineage.list[0].comm, "before");
	p = find(NOW + PROCESS_PARENTS_US + 1);
	assert_string_equal(p->lineage.list[0].comm, "after");
}

static void test_exec(void **state)
{
	const struct process_parent *p = find(NOW);

	(void)state;
	assert_string_equal(p->lineage.list[0].comm, "before");
	assert_int_equal(write(commands[1], "e", 1), 1);
	do
		p = find(NOW + 1);
	while (p == NULL || strcmp(p->lineage.list[0].comm, "before") == 0 ||
	       p->lineage.parent_args_len == 0);
	assert_string_equal(p->lineage.list[0].comm, "cat");
	assert_memory_equal(p->lineage.parent_args, "cat\0/dev/fd/0", 14);
}

static void test_dead(void **state)
{
	(void)state;
	assert_non_null(find(NOW));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_null(find(NOW));
}

/* The child's own, read that way and the other. */
static void read_both(const struct process *p, struct process_lineage *l,
		      struct process_lineage *plain)
{
	int dirfd = procfs_open_pid(proc, child);

	process_parents_read_lineage(parents, NOW, proc, dirfd, p, &pool, l);
	process_read_lineage(proc, p, &pool, plain);
	close(dirfd);
}

static void test_lineage(void **state)
{
	struct process_lineage l, plain;
	struct process p = {.pid = child};
	struct procfs_stat st;
	int dirfd = procfs_open_pid(proc, child);

	(void)state;
	assert_int_equal(procfs_read_stat(dirfd, &st), 0);
	close(dirfd);
	p.starttime = st.starttime;
	p.ppid = st.ppid;
	for (int i = 0; i < 2; i++) {
		read_both(&p, &l, &plain);
		assert_true(l.n > 0 && l.n == plain.n);
		assert_int_equal(l.list[0].pid, getpid());
		assert_int_equal(l.complete, plain.complete);
		assert_string_equal(l.parent_exe, plain.parent_exe);
		assert_memory_equal(l.parent_args, plain.parent_args,
				    plain.parent_args_len);
	}
}

/* Somebody who is there, and older; but the child does not name it. */
static void test_not_its_parent(void **state)
{
	struct process_lineage l, plain;
	struct process p = {.pid = child, .ppid = 1};
	struct procfs_stat st;
	int dirfd = procfs_open_pid(proc, child);

	(void)state;
	assert_int_equal(procfs_read_stat(dirfd, &st), 0);
	close(dirfd);
	p.starttime = st.starttime;
	if (st.ppid == 1)
		skip();
	read_both(&p, &l, &plain);
	assert_int_equal(l.n, 0);
	assert_string_equal(l.reason, plain.reason);
	/* Or it is younger. */
	p.ppid = st.ppid;
	p.starttime = 0;
	read_both(&p, &l, &plain);
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, start, stop),
		cmocka_unit_test_setup_teardown(test_exec, start, stop),
		cmocka_unit_test_setup_teardown(test_dead, start, stop),
		cmocka_unit_test_setup_teardown(test_lineage, start, stop),
		cmocka_unit_test_setup_teardown(test_not_its_parent, start,
						stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
