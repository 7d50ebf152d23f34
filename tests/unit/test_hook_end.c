/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hook_end: how commands end, or are ended, and all that they leave. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook_kit.h"

static void test_time_limit(void **state)
{
	(void)state;
	run_for("trap '' TERM; echo a; sleep 60 & wait; sleep 60; :",
		100 * UTIL_MS);
	assert_true(result.killed);
	assert_int_equal(result.status, 128 + SIGKILL);
	assert_true(result.duration_us >= 100 * UTIL_MS);
	assert_true(result.duration_us < 5 * UTIL_SEC);
	assert_output("a\n");
	/* The whole group, not only the shell. */
	wait_no_descendants();
}

static void test_time_limit_stopped(void **state)
{
	(void)state;
	run_for("kill -STOP $$; :", 50 * UTIL_MS);
	assert_true(result.killed);
	assert_int_equal(result.status, 128 + SIGKILL);
}

static void test_time_without_end(void **state)
{
	(void)state;
	run_for("exit 6; :", UINT64_MAX);
	assert_false(result.killed);
	assert_int_equal(result.status, 6);
}

/* The deadline is the nearest one, and only of what still runs. */
static void test_deadline(void **state)
{
	uint64_t before, token;

	(void)state;
	open_pool("exec sleep 60; :", 200 * UTIL_MS);
	assert_int_equal(hook_deadline(pool), UINT64_MAX);
	before = util_now_us();
	assert_int_equal(start(1), 0);
	assert_in_range(hook_deadline(pool), before + 200 * UTIL_MS,
			util_now_us() + 200 * UTIL_MS);
	hook_work(pool, before + 100 * UTIL_MS);
	assert_int_equal(hook_running(pool), 1);
	wait_end(&token);
	assert_true(result.killed);
}

static void test_daemon_does_not_delay(void **state)
{
	pid_t daemon;

	(void)state;
	run("(setsid sleep 60 & echo $!); echo done; :");
	daemon = output_pid();
	assert_true(daemon > 1);
	assert_true(result.duration_us < 10 * UTIL_SEC);
	assert_non_null(
		memmem(result.output, result.output_len, "\ndone\n", 6));
	/* It is ours now, alive, and taken when it ends. */
	hook_work(pool, util_now_us());
	assert_true(hook_any_descendants(pool));
	assert_int_equal(hook_running(pool), 0);
	assert_int_equal(kill(daemon, SIGKILL), 0);
	wait_no_descendants();
	assert_int_equal(kill(daemon, 0), -1);
}

/* One that writes for ever gets SIGPIPE once the command is over. */
static void test_background_writer(void **state)
{
	(void)state;
	run("yes & exit 3; :");
	assert_int_equal(result.status, 3);
	assert_true(result.output_len <= HOOK_OUTPUT_MAX);
	wait_no_descendants();
}

static void test_hook_max(void **state)
{
	uint64_t token, seen = 0;

	(void)state;
	open_pool("exec sleep 60; :", 500 * UTIL_MS);
	for (unsigned i = 0; i < HOOK_MAX; i++)
		assert_int_equal(start(i), 0);
	assert_int_equal(hook_running(pool), HOOK_MAX);
	assert_int_equal(start(HOOK_MAX), -EBUSY);
	for (unsigned i = 0; i < HOOK_MAX; i++) {
		wait_end(&token);
		assert_true(result.killed);
		assert_true(token < HOOK_MAX);
		assert_false(seen >> token & 1);
		seen |= 1ULL << token;
		/* A result that is not freed keeps its place. */
		if (i == 0)
			assert_int_equal(start(HOOK_MAX), -EBUSY);
		hook_free(pool, handle);
		handle = NULL;
	}
	assert_int_equal(start(1), 0);
	wait_end(&token);
}

/* Many end between two looks, more than one look at the descriptors shows:
 * what each wrote last is still there. */
static void test_all_end_at_once(void **state)
{
	uint64_t token;

	(void)state;
	open_pool("echo", PATIENCE_US);
	for (unsigned i = 0; i < HOOK_MAX; i++)
		assert_int_equal(start(i), 0);
	for (unsigned i = 0; i < HOOK_MAX; i++) {
		wait_end(&token);
		assert_output("4711\n");
		hook_free(pool, handle);
		handle = NULL;
	}
}

static void test_close_kills(void **state)
{
	uint64_t begin;

	(void)state;
	open_pool("trap '' TERM INT HUP; sleep 60; sleep 60; :", PATIENCE_US);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(start(i), 0);
	begin = util_now_us();
	hook_close(pool);
	pool = NULL;
	assert_true(util_now_us() - begin < UTIL_SEC);
	/* The shells are reaped; their children, just killed, may be dying. */
	while (waitpid(-1, NULL, 0) > 0)
		assert_true(util_now_us() - begin < PATIENCE_US);
	assert_true(util_now_us() - begin < 5 * UTIL_SEC);
}

static bool is_alive(pid_t pid)
{
	siginfo_t si = {0};

	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) ==
		       0 &&
	       si.si_pid == 0;
}

/* Until it is killed and reaped, as the program's loop would do it. */
static void wait_gone(pid_t pid)
{
	uint64_t begin = util_now_us();

	while (kill(pid, 0) == 0) {
		struct pollfd pfd = {.fd = hook_fd(pool), .events = POLLIN};

		assert_true(util_now_us() - begin < PATIENCE_US);
		poll(&pfd, 1, 10);
		hook_work(pool, util_now_us());
	}
	assert_int_equal(errno, ESRCH);
}

/* The result comes at once, the end of what was left at the command's. */
static void test_background_until_deadline(void **state)
{
	uint64_t before = util_now_us(), deadline;
	pid_t left;

	(void)state;
	run_for("sleep 60 & echo $!; exit 3; :", 900 * UTIL_MS);
	deadline = hook_deadline(pool);
	assert_in_range(deadline, before + 900 * UTIL_MS,
			before + 1100 * UTIL_MS);
	assert_false(result.killed);
	assert_int_equal(result.status, 3);
	assert_true(result.duration_us < 900 * UTIL_MS);
	assert_int_equal(hook_running(pool), 0);
	left = output_pid();
	hook_work(pool, deadline - 1);
	assert_int_equal(hook_deadline(pool), deadline);
	assert_true(is_alive(left));
	assert_true(hook_any_descendants(pool));
	hook_work(pool, deadline);
	assert_true(hook_deadline(pool) > deadline);
	wait_no_descendants();
	assert_int_equal(kill(left, 0), -1);
	assert_true(util_now_us() - before < PATIENCE_US);
	assert_int_equal(hook_deadline(pool), UINT64_MAX);
}

/* A member's own child, and one that no signal but SIGKILL ends. */
static void test_background_tree(void **state)
{
	(void)state;
	run_for("(trap '' TERM HUP INT; sleep 60 & sleep 60; :) & :",
		400 * UTIL_MS);
	assert_false(result.killed);
	wait_no_descendants();
}

/* The dead are reaped before the deadline, and the group forgotten. */
static void test_background_ends(void **state)
{
	(void)state;
	run("sleep 0.1 & exit 3; :");
	assert_true(hook_any_descendants(pool));
	wait_no_descendants();
	assert_int_equal(hook_deadline(pool), UINT64_MAX);
}

/* A command waits for what another one left: only the latter is killed. */
static void test_background_of_another(void **state)
{
	uint64_t token, over;
	pid_t left;

	(void)state;
	run_for("case $PTRAP_COMM in curl) sleep 60 & echo $!;; "
		"*) while kill -0 $PTRAP_COMM; do sleep 0.05; done; exit 5;; "
		"esac 2>/dev/null; :",
		30 * UTIL_SEC);
	over = util_now_us() + 30 * UTIL_SEC;
	left = output_pid();
	assert_true(left > 1);
	hook_free(pool, handle);
	handle = NULL;
	snprintf(ev.process.comm, sizeof(ev.process.comm), "%d", left);
	assert_int_equal(start(2), 0);
	/* Then it is now again, for the loop to wait no longer. */
	hook_work(pool, over);
	hook_work(pool, util_now_us());
	wait_end(&token);
	assert_int_equal(token, 2);
	assert_false(result.killed);
	assert_int_equal(result.status, 5);
	assert_int_equal(kill(left, 0), -1);
}

static void test_background_overflow(void **state)
{
	pid_t left[HOOK_GROUPS_MAX + 1];
	uint64_t token;

	(void)state;
	open_pool("sleep 60 & echo $!; :", 3 * PATIENCE_US);
	for (unsigned i = 0; i < HOOK_GROUPS_MAX + 1; i++) {
		if (i == HOOK_GROUPS_MAX)
			assert_true(is_alive(left[0]));
		assert_int_equal(start(i), 0);
		wait_end(&token);
		left[i] = output_pid();
		hook_free(pool, handle);
		handle = NULL;
	}
	wait_gone(left[0]);
	for (unsigned i = 1; i < HOOK_GROUPS_MAX + 1; i++)
		assert_true(is_alive(left[i]));
}

static int reuse_in_namespace(void)
{
	FILE *last = fopen("/proc/sys/kernel/ns_last_pid", "w");
	struct pollfd pfd = {.events = POLLIN};
	uint64_t token, now, until;
	pid_t left;

	open_pool("case $PTRAP_COMM in "
		  "curl) (sleep 0.3; exec setsid sleep 60) & echo $!;; "
		  "*) sleep 60;; esac; :",
		  30 * UTIL_SEC);
	/* Numbers far from those that come by themselves. */
	if (!last || fprintf(last, "999") < 0 || fflush(last) || start(1))
		return 77;
	wait_end(&token);
	left = output_pid();
	while (getsid(left) != left)
		poll(NULL, 0, 5);
	hook_free(pool, handle);
	handle = NULL;
	strcpy(ev.process.comm, "other");
	rewind(last);
	if (fprintf(last, "999") < 0 || fflush(last) || start(2))
		return 77;
	fclose(last);
	if (kill(1000, 0) < 0)
		return 2;
	/* The first one's time is over, the second one's is not; its death
	 * would show in less. */
	now = util_now_us();
	hook_work(pool, now + 30 * UTIL_SEC - 100 * UTIL_MS);
	for (until = now + 200 * UTIL_MS; now < until; now = util_now_us()) {
		pfd.fd = hook_fd(pool);
		poll(&pfd, 1, 100);
		hook_work(pool, now);
	}
	if (hook_running(pool) != 1)
		return 3;
	hook_close(pool);
	return 0;
}

/* All of a group moved on, and its number is a new command's. */
static void test_group_number_again(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(77);
		pid = fork();
		if (pid == 0)
			_exit(reuse_in_namespace());
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("# skip: no pid namespace with ns_last_pid\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_close_kills_background(void **state)
{
	uint64_t begin;
	pid_t left;

	(void)state;
	run("(trap '' TERM HUP; sleep 60; :) & echo $!; :");
	left = output_pid();
	assert_true(is_alive(left));
	hook_free(pool, handle);
	handle = NULL;
	begin = util_now_us();
	hook_close(pool);
	pool = NULL;
	assert_true(util_now_us() - begin < UTIL_SEC);
	assert_int_equal(kill(left, 0), -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Sessions below sessions, of a command that has ended and one that runs. */
static void test_close_kills_sessions(void **state)
{
	uint64_t token;

	(void)state;
	if (access("/proc/thread-self/children", F_OK) < 0) {
		print_message("# skip: no CONFIG_PROC_CHILDREN\n");
		skip();
	}
	open_pool("{ setsid sh -c 'setsid sleep 60 & echo up; sleep 60; :' & }"
		  " | head -n 1; [ $PTRAP_COMM = curl ] || sleep 60; :",
		  PATIENCE_US);
	assert_int_equal(start(1), 0);
	wait_end(&token);
	assert_output("up\n");
	hook_free(pool, handle);
	handle = NULL;
	strcpy(ev.process.comm, "other");
	assert_int_equal(start(2), 0);
	hook_close(pool);
	pool = NULL;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* A child from before the pool is nobody's to kill. */
static void test_close_spares_others(void **state)
{
	pid_t other = fork(), left;
	int status = 0;

	(void)state;
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	run("sleep 60 & echo $!; :");
	left = output_pid();
	hook_free(pool, handle);
	handle = NULL;
	hook_close(pool);
	pool = NULL;
	assert_int_equal(waitpid(left, &status, 0), left);
	assert_true(WIFSIGNALED(status));
	assert_true(is_alive(other));
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
}

static void test_close_nothing(void **state)
{
	(void)state;
	hook_close(NULL);
	hook_free(NULL, NULL);
	open_pool("echo", PATIENCE_US);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_time_limit),
		TEST(test_time_limit_stopped),
		TEST(test_time_without_end),
		TEST(test_deadline),
		TEST(test_daemon_does_not_delay),
		TEST(test_background_writer),
		TEST(test_hook_max),
		TEST(test_all_end_at_once),
		TEST(test_close_kills),
		TEST(test_background_until_deadline),
		TEST(test_background_tree),
		TEST(test_background_ends),
		TEST(test_background_of_another),
		TEST(test_background_overflow),
		TEST(test_group_number_again),
		TEST(test_close_kills_background),
		TEST(test_close_kills_sessions),
		TEST(test_close_spares_others),
		TEST(test_close_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
