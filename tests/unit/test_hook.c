/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hook: how a command starts, what it is given, what is kept of what it
 * writes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook_kit.h"

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_exit_status(void **state)
{
	(void)state;
	run("exit 7; :");
	assert_int_equal(result.status, 7);
	assert_int_equal(result.output_len, 0);
	assert_non_null(result.output);
	assert_true(result.duration_us > 0);
	assert_true(result.duration_us < PATIENCE_US);
	assert_int_equal(hook_deadline(pool), UINT64_MAX);
	assert_false(hook_any_descendants(pool));
}

static void test_no_such_command(void **state)
{
	(void)state;
	run("/nonexistent/command 2>/dev/null");
	assert_int_equal(result.status, 127);
}

static void test_signal_status(void **state)
{
	(void)state;
	run("kill -TERM $$; :");
	assert_int_equal(result.status, 128 + SIGTERM);
}

static void test_pid_is_last_argument(void **state)
{
	(void)state;
	run("printf '[%s]' -p a");
	assert_output("[-p][a][4711]");
}

static void test_output_order(void **state)
{
	(void)state;
	run("echo a; echo b >&2; echo c; echo d >&2; :");
	assert_output("a\nb\nc\nd\n");
}

static void test_stdin_is_json(void **state)
{
	(void)state;
	run("cat; cat; echo end; :");
	assert_output("{\"event\":{\"sequence\":17}}\nend\n");
}

static void test_stdin_is_sealed(void **state)
{
	(void)state;
	run("{ echo x >&0; } 2>/dev/null && echo wrote; cat; :");
	assert_output(json);
}

/* More than a pipe holds: nobody has to feed it. */
static void test_stdin_is_long(void **state)
{
	static char big[300000];
	uint64_t token;
	struct hook *h;

	(void)state;
	memset(big, 'x', sizeof(big));
	open_pool("wc -c; :", PATIENCE_US);
	assert_int_equal(hook_start(pool, &ev, big, sizeof(big), 1, &h), 0);
	wait_end(&token);
	assert_int_equal(output_pid(), 300000);
}

static void test_stdin_is_empty(void **state)
{
	uint64_t token;
	struct hook *h;

	(void)state;
	open_pool("wc -c; :", PATIENCE_US);
	assert_int_equal(hook_start(pool, &ev, "", 0, 1, &h), 0);
	wait_end(&token);
	assert_output("0\n");
}

static void test_environment(void **state)
{
	(void)state;
	setenv("PTRAP_PID", "1", 1);
	setenv("PTRAP_EVIL", "1", 1);
	setenv("HOOK_TEST_OTHER", "kept", 1);
	run("env | grep -E '^(PTRAP_|HOOK_TEST)' | LC_ALL=C sort; :");
	unsetenv("PTRAP_PID");
	unsetenv("PTRAP_EVIL");
	unsetenv("HOOK_TEST_OTHER");
	assert_output("HOOK_TEST_OTHER=kept\n"
		      "PTRAP_ALIVE=1\n"
		      "PTRAP_COMM=curl\n"
		      "PTRAP_DPORT=53\n"
		      "PTRAP_DST=192.0.2.1\n"
		      "PTRAP_EXE=/usr/bin/curl\n"
		      "PTRAP_GRADE=holder\n"
		      "PTRAP_PID=4711\n"
		      "PTRAP_PROTO=udp\n"
		      "PTRAP_SPORT=40112\n"
		      "PTRAP_SRC=192.0.2.7\n"
		      "PTRAP_TID=4712\n"
		      "PTRAP_UID=1000\n");
}

/* What is not known is empty, never invented and never an earlier event's. */
static void test_environment_unknown(void **state)
{
	uint64_t token;

	(void)state;
	open_pool("env | grep ^PTRAP_ | LC_ALL=C sort; :", PATIENCE_US);
	assert_int_equal(start(1), 0);
	wait_end(&token);
	hook_free(pool, handle);
	ev.process.tid = 0;
	ev.process.exe = NULL;
	ev.process.has_owner = false;
	ev.alive = false;
	ev.grade = SOCKOWNER_PROVED;
	ev.tuple.proto = IPPROTO_ICMPV6;
	ev.tuple.saddr =
		ipaddr_from_bytes(AF_INET6, (uint8_t[16]){0x20, 1, [15] = 7});
	assert_int_equal(start(2), 0);
	wait_end(&token);
	assert_output("PTRAP_ALIVE=0\n"
		      "PTRAP_COMM=curl\n"
		      "PTRAP_DPORT=\n"
		      "PTRAP_DST=192.0.2.1\n"
		      "PTRAP_EXE=\n"
		      "PTRAP_GRADE=proved\n"
		      "PTRAP_PID=4711\n"
		      "PTRAP_PROTO=icmp6\n"
		      "PTRAP_SPORT=\n"
		      "PTRAP_SRC=2001::7\n"
		      "PTRAP_TID=\n"
		      "PTRAP_UID=\n");
}

/* The longest path that the kernel gives, and one that no kernel gives. */
static void test_environment_long(void **state)
{
	static char path[8192];
	uint64_t token;

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[4095] = '\0';
	ev.process.exe = path;
	open_pool("echo ${#PTRAP_EXE} $PTRAP_ALIVE; :", PATIENCE_US);
	assert_int_equal(start(1), 0);
	wait_end(&token);
	assert_output("4095 1\n");
	hook_free(pool, handle);
	path[4095] = 'p';
	assert_int_equal(start(2), 0);
	wait_end(&token);
	assert_output("0 1\n");
}

static void test_names_are_no_shell_text(void **state)
{
	char file[] = "/tmp/hookXXXXXX", exe[64];
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	unlink(file);
	snprintf(ev.process.comm, sizeof(ev.process.comm), "$(touch %s)", file);
	snprintf(exe, sizeof(exe), "';touch %s;`touch %s`\n\"", file, file);
	ev.process.exe = exe;
	run("printf '%s|%s|%s' \"$PTRAP_COMM\" \"$PTRAP_EXE\"");
	assert_int_equal(access(file, F_OK), -1);
	assert_memory_equal(result.output, "$(touch ", 8);
	assert_non_null(
		memmem(result.output, result.output_len, exe, strlen(exe)));
}

static void test_descriptors(void **state)
{
	int low = open("/dev/null", O_RDONLY);
	int high = fcntl(low, F_DUPFD, 200);

	(void)state;
	assert_true(low > 2 && high >= 200);
	/* ls has its directory at 3: the lowest one free. */
	run("ls /proc/self/fd; readlink /proc/self/fd/0; "
	    "[ /proc/self/fd/1 -ef /proc/self/fd/2 ] && echo same; :");
	close(low);
	close(high);
	assert_output("0\n1\n2\n3\n/memfd:ptrap-event (deleted)\nsame\n");
}

static int count_in_child(void)
{
	static char out[64];
	struct hook_config cfg = {.command = "cat; echo e >&2; :",
				  .time_us = PATIENCE_US};
	struct pollfd pfd;
	uint64_t token;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (hook_open(&pool, &cfg) || hook_start(pool, &ev, "x", 1, 1, &handle))
		return 10;
	pfd = (struct pollfd){.fd = hook_fd(pool), .events = POLLIN};
	while (!hook_next(pool, &token, &result, &handle)) {
		if (poll(&pfd, 1, 10000) != 1)
			return 11;
		hook_work(pool, util_now_us());
	}
	memcpy(out, result.output,
	       result.output_len < 60 ? result.output_len : 60);
	return strcmp(out, "xe\n") == 0 ? result.status : 12;
}

/* Started without standard descriptors, ours get their numbers. */
static void test_no_standard_descriptors(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(count_in_child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_process_group(void **state)
{
	(void)state;
	run("read a b c d e f </proc/$$/stat; [ $a = $e ] && echo own; :");
	assert_output("own\n");
}

static void test_signals_are_default(void **state)
{
	unsigned long long blocked = ~0ULL, ignored = ~0ULL;
	char text[128] = "";
	sigset_t all, old;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGRTMAX, SIG_IGN);
	run("grep -E '^Sig(Blk|Ign)' /proc/self/status; :");
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGRTMAX, SIG_DFL);
	assert_true(result.output_len < sizeof(text));
	memcpy(text, result.output, result.output_len);
	assert_int_equal(
		sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored),
		2);
	assert_int_equal(blocked, 0);
	/* 32 and 33 are the C library's own. */
	assert_int_equal(ignored & ~0x180000000ULL, 0);
}

/* A parent that ignores SIGCHLD must not cost us the status. */
static void test_sigchld_ignored(void **state)
{
	(void)state;
	signal(SIGCHLD, SIG_IGN);
	run("exit 3; :");
	assert_int_equal(result.status, 3);
}

static void test_output_exact(void **state)
{
	(void)state;
	run("head -c 65536 /dev/zero; :");
	assert_int_equal(result.output_len, HOOK_OUTPUT_MAX);
	assert_false(result.output_truncated);
}

static void test_output_one_more(void **state)
{
	(void)state;
	run("head -c 65536 /dev/zero; printf x; :");
	assert_int_equal(result.output_len, HOOK_OUTPUT_MAX);
	assert_true(result.output_truncated);
}

static void test_output_huge(void **state)
{
	(void)state;
	run("printf begin; head -c 50000000 /dev/zero; exit 4; :");
	assert_int_equal(result.output_len, HOOK_OUTPUT_MAX);
	assert_true(result.output_truncated);
	assert_memory_equal(result.output, "begin", 5);
	assert_int_equal(result.status, 4);
}

/* Its end of output is not its end, and nothing to wake for all the time. */
static void test_output_closed(void **state)
{
	uint64_t token;
	unsigned wakes;

	(void)state;
	open_pool("echo a; exec >&- 2>&-; sleep 0.3; exit 5; :", PATIENCE_US);
	assert_int_equal(start(1), 0);
	wakes = wait_end(&token);
	assert_int_equal(result.status, 5);
	assert_output("a\n");
	assert_in_range(wakes, 1, 10);
}

static bool is_all(const struct event_hook *r, char c)
{
	for (size_t i = 0; i < r->output_len; i++)
		if (r->output[i] != c && r->output[i] != '\n')
			return false;
	return true;
}

static void test_outputs_never_mix(void **state)
{
	uint64_t token;
	unsigned seen = 0;

	(void)state;
	open_pool("i=0; while [ $i -lt 3000 ]; do echo $PTRAP_COMM; "
		  "i=$((i + 1)); done; :",
		  PATIENCE_US);
	for (unsigned i = 0; i < 4; i++) {
		ev.process.comm[0] = (char)('a' + i);
		ev.process.comm[1] = '\0';
		assert_int_equal(start(i), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		wait_end(&token);
		assert_int_equal(result.output_len, 6000);
		assert_true(is_all(&result, (char)('a' + token)));
		seen |= 1U << token;
		hook_free(pool, handle);
		handle = NULL;
	}
	assert_int_equal(seen, 15);
}

/* A slot that is used again shows nothing of its last command. */
static void test_slot_again(void **state)
{
	uint64_t token;

	(void)state;
	open_pool("[ $PTRAP_PID = 4711 ] && head -c 70000 /dev/zero; :",
		  PATIENCE_US);
	assert_int_equal(start(1), 0);
	wait_end(&token);
	assert_true(result.output_truncated);
	hook_free(pool, handle);
	ev.process.pid = 4713;
	assert_int_equal(start(2), 0);
	wait_end(&token);
	assert_int_equal(token, 2);
	assert_output("");
}

static void test_no_process(void **state)
{
	(void)state;
	open_pool("echo", PATIENCE_US);
	ev.has_process = false;
	assert_int_equal(start(1), -EINVAL);
	ev.has_process = true;
	ev.process.pid = 0;
	assert_int_equal(start(1), -EINVAL);
	ev.process.pid = -1;
	assert_int_equal(start(1), -EINVAL);
	assert_int_equal(hook_running(pool), 0);
}

/* Beyond what execve takes as one argument. */
static void test_spawn_fails(void **state)
{
	static char command[200000];
	size_t fds;

	(void)state;
	memset(command, ':', sizeof(command) - 1);
	open_pool(command, PATIENCE_US);
	fds = count_fds();
	for (int i = 0; i < HOOK_MAX + 1; i++)
		assert_int_equal(start(1), -E2BIG);
	assert_int_equal(hook_running(pool), 0);
	assert_int_equal(hook_deadline(pool), UINT64_MAX);
	assert_false(hook_any_descendants(pool));
	assert_int_equal(count_fds(), fds);
}

/* Out of descriptors at each step of the way; then it works again. */
static void test_no_descriptors(void **state)
{
	struct rlimit old, few;
	bool started = false;
	uint64_t token;
	size_t fds;

	(void)state;
	open_pool("exit 3; :", PATIENCE_US);
	fds = count_fds();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	for (rlim_t n = 4; !started; n++) {
		int err;

		few.rlim_cur = n;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		err = start(1);
		setrlimit(RLIMIT_NOFILE, &old);
		started = !err;
		assert_true(started || err == -EMFILE);
		if (!started)
			assert_int_equal(count_fds(), fds);
		assert_true(n < 64);
	}
	wait_end(&token);
	assert_int_equal(result.status, 3);
	assert_int_equal(count_fds(), fds);
	wait_no_descendants();
}

static void test_no_leaks(void **state)
{
	uint64_t token;
	size_t fds;

	(void)state;
	open_pool("echo", PATIENCE_US);
	fds = count_fds();
	for (unsigned i = 0; i < 2 * HOOK_MAX; i++) {
		assert_int_equal(start(i), 0);
		wait_end(&token);
		assert_int_equal(token, i);
		assert_output("4711\n");
		hook_free(pool, handle);
		handle = NULL;
	}
	assert_int_equal(count_fds(), fds);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_exit_status),
		TEST(test_no_such_command),
		TEST(test_signal_status),
		TEST(test_pid_is_last_argument),
		TEST(test_output_order),
		TEST(test_stdin_is_json),
		TEST(test_stdin_is_sealed),
		TEST(test_stdin_is_long),
		TEST(test_stdin_is_empty),
		TEST(test_environment),
		TEST(test_environment_unknown),
		TEST(test_environment_long),
		TEST(test_names_are_no_shell_text),
		TEST(test_descriptors),
		TEST(test_no_standard_descriptors),
		TEST(test_process_group),
		TEST(test_signals_are_default),
		TEST(test_sigchld_ignored),
		TEST(test_output_exact),
		TEST(test_output_one_more),
		TEST(test_output_huge),
		TEST(test_output_closed),
		TEST(test_outputs_never_mix),
		TEST(test_slot_again),
		TEST(test_no_process),
		TEST(test_spawn_fails),
		TEST(test_no_descriptors),
		TEST(test_no_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
