/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hook: commands that behave, and those that do not. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hook.h"
#include "util.h"

#define PATIENCE_US (20 * UTIL_SEC)

static const char json[] = "{\"event\":{\"sequence\":17}}\n";

static struct event ev;
static struct hook_pool *pool;
static struct hook *handle; /* the ended one whose output is looked at */
static struct event_hook result;

static void open_pool(const char *command, uint64_t time_us)
{
	struct hook_config cfg = {.command = command, .time_us = time_us};

	assert_int_equal(hook_open(&pool, &cfg), 0);
	assert_true(hook_fd(pool) >= 0);
}

static int start(uint64_t token)
{
	struct hook *h = NULL;
	int err = hook_start(pool, &ev, json, sizeof(json) - 1, token, &h);

	assert_true(err || h);
	return err;
}

/* Waits as the program's loop does; returns how often it woke. */
static unsigned wait_end(uint64_t *token)
{
	uint64_t begin = util_now_us();
	unsigned wakes = 0;

	while (!hook_next(pool, token, &result, &handle)) {
		struct pollfd pfd = {.fd = hook_fd(pool), .events = POLLIN};
		uint64_t now = util_now_us(), until = hook_deadline(pool);
		int ms = until <= now ? 0 : (int)((until - now) / UTIL_MS) + 1;

		assert_true(now - begin < PATIENCE_US);
		poll(&pfd, 1, until == UINT64_MAX ? 1000 : ms);
		hook_work(pool, util_now_us());
		wakes++;
	}
	assert_true(result.ran);
	assert_true(result.ended);
	assert_null(result.skipped);
	return wakes;
}

/* One command from start to end, at most time_us. */
static void run_for(const char *command, uint64_t time_us)
{
	uint64_t token = 0;

	open_pool(command, time_us);
	assert_int_equal(start(4242), 0);
	assert_int_equal(hook_running(pool), 1);
	wait_end(&token);
	assert_int_equal(token, 4242);
	assert_int_equal(hook_running(pool), 0);
}

static void run(const char *command)
{
	run_for(command, PATIENCE_US);
	assert_false(result.killed);
}

static void assert_output(const char *expected)
{
	char text[HOOK_OUTPUT_MAX + 1];

	memcpy(text, result.output, result.output_len);
	text[result.output_len] = '\0';
	assert_string_equal(text, expected);
	assert_false(result.output_truncated);
}

static pid_t output_pid(void)
{
	char text[32] = "";
	size_t len = result.output_len < sizeof(text) - 1 ? result.output_len
							  : sizeof(text) - 1;

	memcpy(text, result.output, len);
	return (pid_t)atoi(text);
}

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

/* Until commands have left nobody: a death that only the deadline finds. */
static void wait_no_descendants(void)
{
	uint64_t begin = util_now_us();

	while (hook_any_descendants(pool)) {
		uint64_t now = util_now_us(), until = hook_deadline(pool);

		assert_true(now - begin < PATIENCE_US);
		assert_true(until != UINT64_MAX);
		poll(NULL, 0,
		     until > now ? (int)((until - now) / UTIL_MS) + 1 : 0);
		hook_work(pool, util_now_us());
	}
}

static struct ipaddr ipv4(uint8_t last)
{
	return ipaddr_from_bytes(AF_INET, (uint8_t[]){192, 0, 2, last});
}

static int setup(void **state)
{
	(void)state;
	memset(&ev, 0, sizeof(ev));
	ev.tuple = (struct tuple){
		.saddr = ipv4(7),
		.daddr = ipv4(1),
		.sport = 40112,
		.dport = 53,
		.family = AF_INET,
		.proto = IPPROTO_UDP,
	};
	ev.packet.tuple = ev.tuple;
	ev.packet.has_ports = true;
	ev.grade = SOCKOWNER_HOLDER;
	ev.alive = true;
	ev.has_process = true;
	ev.process = (struct process){
		.pid = 4711,
		.tid = 4712,
		.comm = "curl",
		.exe = "/usr/bin/curl",
		.has_owner = true,
		.uid = 1001, /* a setuid program */
		.euid = 1000,
	};
	return 0;
}

/* Whatever a test did: nobody is left, and no descriptor. */
static int teardown(void **state)
{
	(void)state;
	hook_free(pool, handle);
	handle = NULL;
	hook_close(pool);
	pool = NULL;
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
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
	uint64_t token;
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
	/* The first one's time is over, the second one's is not. */
	hook_work(pool, util_now_us() + 30 * UTIL_SEC - 100 * UTIL_MS);
	poll(&(struct pollfd){.fd = hook_fd(pool), .events = POLLIN}, 1, 100);
	hook_work(pool, util_now_us());
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
		TEST(test_time_limit),
		TEST(test_time_limit_stopped),
		TEST(test_time_without_end),
		TEST(test_deadline),
		TEST(test_daemon_does_not_delay),
		TEST(test_background_writer),
		TEST(test_hook_max),
		TEST(test_all_end_at_once),
		TEST(test_no_process),
		TEST(test_spawn_fails),
		TEST(test_no_descriptors),
		TEST(test_no_leaks),
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
