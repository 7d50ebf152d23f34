/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_process_cache: what is kept of a real process, and when it is not. */
#include <errno.h>
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

#include "process_cache.h"

#define NOW 1000000

static struct process_cache *cache;
static int proc = -1;
static char mem[2][32768];
static struct strpool pool[2];
static int commands[2], answers[2]; /* to and from the child */
static pid_t child;

/* 'c' changes its folder, 'e' becomes another program. */
static void child_main(void)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(commands[0], &c, 1) == 1) {
		if (c == 'e')
			execl("/bin/cat", "cat", "/dev/fd/0", (char *)NULL);
		if (c == 'c' && chdir("/usr") < 0)
			_exit(1);
		if (write(answers[1], &c, 1) != 1)
			break;
	}
	_exit(0);
}

static int start(void **state)
{
	(void)state;
	proc = procfs_open_root("/proc");
	for (int i = 0; i < 2; i++)
		strpool_init(&pool[i], mem[i], sizeof(mem[i]));
	if (proc < 0 || process_cache_open(&cache) < 0 || pipe(commands) < 0 ||
	    pipe(answers) < 0 || chdir("/") < 0)
		return -1;
	child = fork();
	if (child == 0) {
		dup2(commands[0], STDIN_FILENO);
		child_main();
	}
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
	process_cache_close(cache);
	close(proc);
	return 0;
}

static void tell_child(char c)
{
	char answer = 0;

	assert_int_equal(write(commands[1], &c, 1), 1);
	if (c == 'c')
		assert_int_equal(read(answers[0], &answer, 1), 1);
}

static void read_child(struct process *p, struct process_lineage *l)
{
	int dirfd = procfs_open_pid(proc, child);

	assert_true(dirfd >= 0);
	assert_int_equal(process_read(dirfd, child, 0, &pool[0], p), 0);
	assert_int_equal(process_read_rest(proc, dirfd, &pool[0], p), 0);
	process_read_lineage(proc, p, &pool[0], l);
	close(dirfd);
}

/* Reads it, and keeps that. */
static void keep_child(struct process *p, struct process_lineage *l)
{
	read_child(p, l);
	process_cache_put(cache, NOW, proc, p, l);
}

/* Who it is, and nothing else. */
static bool get(const struct process *who, uint64_t now, struct process *p,
		struct process_lineage *l)
{
	process_init(p, who->pid, 0);
	p->starttime = who->starttime;
	p->image = who->image;
	p->ppid = who->ppid;
	p->exe = who->exe;
	p->args = who->args;
	p->args_len = who->args_len;
	p->has_owner = true;
	p->euid = who->euid;
	p->egid = who->egid;
	return process_cache_get(cache, now, &pool[1], p, l);
}

static void test_hit(void **state)
{
	struct process_lineage l, l2;
	struct process p, p2;

	(void)state;
	keep_child(&p, &l);
	assert_true(get(&p, NOW + 1, &p2, &l2));
	assert_true(p2.has_rest && p2.has_creds);
	assert_string_equal(p2.cwd, "/");
	assert_ptr_not_equal(p2.cwd, p.cwd);
	assert_string_equal(p2.exe, p.exe);
	assert_int_equal(p2.ns_net, p.ns_net);
	assert_int_equal(p2.cap_eff, p.cap_eff);
	assert_true(l2.n > 0 && l2.n == l.n);
	assert_int_equal(l2.list[0].pid, getpid());
	assert_string_equal(l2.parent_exe, l.parent_exe);
	assert_memory_equal(l2.parent_args, l.parent_args, l.parent_args_len);
}

static void test_too_old(void **state)
{
	struct process_lineage l, l2;
	struct process p, p2;

	(void)state;
	keep_child(&p, &l);
	tell_child('c');
	assert_true(get(&p, NOW + PROCESS_CACHE_US, &p2, &l2));
	assert_string_equal(p2.cwd, "/");
	assert_false(get(&p, NOW + PROCESS_CACHE_US + 1, &p2, &l2));
	assert_false(p2.has_rest);
}

static void test_dead(void **state)
{
	struct process_lineage l, l2;
	struct process p, p2;

	(void)state;
	keep_child(&p, &l);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(get(&p, NOW, &p2, &l2));
}

/* As soon as it is that, and not on its way. */
static void read_cat(struct process *p)
{
	int dirfd = procfs_open_pid(proc, child), err;

	assert_true(dirfd >= 0);
	do
		err = process_read(dirfd, child, 0, &pool[0], p);
	while (err == -EAGAIN || (err == 0 && strcmp(p->comm, "cat") != 0));
	assert_int_equal(err, 0);
	close(dirfd);
}

/* The packet of the program before, and that of the one after: neither is
 * served with what was read of the other. */
static void test_exec(void **state)
{
	struct process_lineage l, l2;
	struct process before, p2, after;

	(void)state;
	keep_child(&before, &l);
	tell_child('e');
	read_cat(&after);
	assert_false(get(&after, NOW, &p2, &l2));
	assert_false(get(&before, NOW, &p2, &l2));
}

static void test_others(void **state)
{
	struct process_lineage l, l2;
	struct process p, p2, other;

	(void)state;
	keep_child(&p, &l);
	other = p;
	other.euid++;
	assert_false(get(&other, NOW, &p2, &l2));
	other = p;
	other.starttime++;
	assert_false(get(&other, NOW, &p2, &l2));
	other = p;
	other.image.exe_ino++;
	assert_false(get(&other, NOW, &p2, &l2));
	other = p;
	other.args_len--;
	assert_false(get(&other, NOW, &p2, &l2));
	assert_true(get(&p, NOW, &p2, &l2));
}

/* Another parent than was kept: what was kept of those above is no more true.
 */
static void test_reparented(void **state)
{
	struct process_lineage l, l2;
	struct process p, p2;

	(void)state;
	read_child(&p, &l);
	p.ppid++;
	process_cache_put(cache, NOW, proc, &p, &l);
	assert_false(get(&p, NOW, &p2, &l2));
}

static void test_no_room(void **state)
{
	struct process_lineage l, l2;
	struct process p, p2;
	char little[4];

	(void)state;
	keep_child(&p, &l);
	strpool_init(&pool[1], little, sizeof(little));
	assert_false(get(&p, NOW, &p2, &l2));
	assert_false(p2.has_rest);
	assert_int_equal(pool[1].used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hit, start, stop),
		cmocka_unit_test_setup_teardown(test_too_old, start, stop),
		cmocka_unit_test_setup_teardown(test_dead, start, stop),
		cmocka_unit_test_setup_teardown(test_exec, start, stop),
		cmocka_unit_test_setup_teardown(test_others, start, stop),
		cmocka_unit_test_setup_teardown(test_reparented, start, stop),
		cmocka_unit_test_setup_teardown(test_no_room, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
