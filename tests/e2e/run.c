/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run: ptrap-ng as a child: its lines, its events, its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "run.h"

#define ARGS_MAX 64
#define RUNS_MAX 32

static struct trap_run runs[RUNS_MAX];
static size_t nruns;
static json_t *events; /* kept until the test's end */

bool text_read(struct text *t, int *fd)
{
	ssize_t n;

	if (t->size - t->len < 65536) {
		t->size = t->size * 2 + 131072;
		t->mem = realloc(t->mem, t->size);
		assert_non_null(t->mem);
	}
	n = read(*fd, t->mem + t->len, t->size - t->len - 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		n = 0;
	else if (n <= 0) {
		close(*fd);
		*fd = -1;
		n = 0;
	}
	t->len += (size_t)n;
	t->mem[t->len] = '\0';
	return *fd >= 0;
}

void text_free(struct text *t)
{
	free(t->mem);
	*t = (struct text){0};
}

const char *text_find_line(const struct text *t, const char *prefix)
{
	const char *p = t->mem;

	while (p && *p) {
		if (!strncmp(p, prefix, strlen(prefix)))
			return p;
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return NULL;
}

unsigned text_count_lines(const struct text *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += t->mem[i] == '\n';
	return n;
}

static size_t collect(const char *argv[ARGS_MAX], size_t n, va_list ap)
{
	const char *arg;

	while ((arg = va_arg(ap, const char *))) {
		assert_true(n < ARGS_MAX - 1);
		argv[n++] = arg;
	}
	argv[n] = NULL;
	return n;
}

int run_command(struct text *out, const char *argv0, ...)
{
	const char *argv[ARGS_MAX] = {argv0};
	struct text none = {0}, *to = out ? out : &none;
	int fds[2], status;
	va_list ap;
	pid_t pid;

	va_start(ap, argv0);
	collect(argv, 1, ap);
	va_end(ap);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execvp(argv0, (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	while (text_read(to, &fds[0]))
		;
	text_free(&none);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ptrap-ng. */

void trap_forget_all(void)
{
	for (struct trap_run *t = runs; t < runs + nruns; t++) {
		if (t->out >= 0)
			close(t->out);
		if (t->err >= 0)
			close(t->err);
		if (t->pidfd >= 0)
			close(t->pidfd);
		text_free(&t->out_text);
		text_free(&t->err_text);
	}
	nruns = 0;
	json_decref(events);
	events = NULL;
}

/* By descriptor, so that a child without rights finds the program, too. */
static void child_run(int exe, const struct trap_how *how, int out, int err,
		      const char *argv[])
{
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(err, 2);
	if (how && how->before_exec)
		how->before_exec(how->data);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	syscall(SYS_execveat, exe, "", argv, environ, AT_EMPTY_PATH);
	dprintf(2, "exec: %s\n", strerror(errno));
	_exit(126);
}

static struct trap_run *spawn(const struct trap_how *how, const char *argv[])
{
	const char *args[ARGS_MAX + 2] = {argv[0], "--witness",
					  getenv("E2E_WITNESS")};
	int exe = open(getenv("PTRAP"), O_PATH | O_CLOEXEC);
	int out[2] = {-1, how ? how->out_fd : -1}, err[2];
	struct trap_run *t = &runs[nruns];

	assert_true(exe >= 0 && nruns < RUNS_MAX);
	if (out[1] < 0)
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	*t = (struct trap_run){.out = out[0], .err = err[0], .pidfd = -1};
	nruns++;
	if (args[2]) {
		memcpy(args + 3, argv + 1, (ARGS_MAX - 1) * sizeof(argv[0]));
		argv = args;
	}
	t->pid = fork();
	if (!t->pid)
		child_run(exe, how, out[1], err[1], argv);
	close(exe);
	if (out[0] >= 0)
		close(out[1]);
	close(err[1]);
	assert_true(t->pid > 0);
	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	assert_true(t->pidfd >= 0);
	fcntl(t->err, F_SETFL, O_NONBLOCK);
	if (t->out >= 0)
		fcntl(t->out, F_SETFL, O_NONBLOCK);
	return t;
}

struct trap_run *trap_spawn(const struct trap_how *how, ...)
{
	const char *argv[ARGS_MAX] = {"ptrap-ng"};
	va_list ap;

	va_start(ap, how);
	collect(argv, 1, ap);
	va_end(ap);
	return spawn(how, argv);
}

struct trap_run *trap_start(const char *arg, ...)
{
	const char *argv[ARGS_MAX] = {"ptrap-ng", "-o", "json"};
	struct trap_run *t;
	size_t n = 3;
	va_list ap;

	/* The default may be too short for an emulated kernel; a test that is
	 * about the limit says its own after this one. */
	if (e2e_slow() > 1) {
		argv[n++] = "-s";
		argv[n++] = "10000";
	}
	argv[n++] = arg;
	va_start(ap, arg);
	collect(argv, n, ap);
	va_end(ap);
	t = spawn(NULL, argv);
	if (!trap_ready(t)) {
		trap_wait(t);
		print_error("# ptrap-ng ended (%d): %s\n", t->status,
			    t->err_text.mem);
		fail();
	}
	return t;
}

/* One turn of poll; false: nothing came within ms, or it is over. */
static bool pump_once(struct trap_run *t, int ms)
{
	struct pollfd p[3] = {{t->out, POLLIN, 0},
			      {t->err, POLLIN, 0},
			      {t->exited ? -1 : t->pidfd, POLLIN, 0}};
	int status;

	if (p[0].fd < 0 && p[1].fd < 0 && p[2].fd < 0)
		return false;
	if (poll(p, 3, ms < 0 ? 0 : ms) <= 0)
		return false;
	if (p[0].revents)
		text_read(&t->out_text, &t->out);
	if (p[1].revents)
		text_read(&t->err_text, &t->err);
	if (p[2].revents && waitpid(t->pid, &status, WNOHANG) == t->pid) {
		t->exited = true;
		t->exit_ns = now_ns();
		t->status = WIFEXITED(status) ? WEXITSTATUS(status)
					      : 128 + WTERMSIG(status);
	}
	return true;
}

static int ms_until(int64_t end)
{
	return (int)((end - now_ns()) / 1000000);
}

bool trap_pump(struct trap_run *t, int ms)
{
	int64_t end = now_ns() + ms * 1000000LL;

	while (now_ns() < end && pump_once(t, ms_until(end)))
		;
	return !t->exited;
}

bool trap_ready(struct trap_run *t)
{
	int64_t end = now_ns() + WAIT_MS * 1000000LL;

	while (!text_find_line(&t->err_text, "ptrap-ng: watching")) {
		if (t->exited || t->err < 0)
			return false;
		if (!pump_once(t, ms_until(end)))
			fail_msg("not ready in time: %s",
				 t->err_text.mem ? t->err_text.mem : "");
	}
	return true;
}

char *trap_next_line(struct trap_run *t, int ms)
{
	int64_t end = now_ns() + ms * 1000000LL;

	for (;;) {
		char *line = NULL, *nl = NULL;

		if (t->out_text.mem) {
			line = t->out_text.mem + t->out_pos;
			nl = strchr(line, '\n');
		}
		if (nl) {
			*nl = '\0';
			t->out_pos = (size_t)(nl + 1 - t->out_text.mem);
			return line;
		}
		if (t->out < 0 || !pump_once(t, ms_until(end)))
			return NULL;
	}
}

json_t *trap_next_event(struct trap_run *t, int ms)
{
	char *line = trap_next_line(t, ms);
	json_error_t error;
	json_t *e;

	if (!line)
		return NULL;
	e = json_loads(line, JSON_REJECT_DUPLICATES, &error);
	if (!e)
		fail_msg("not JSON (%s): %s", error.text, line);
	if (!events)
		events = json_array();
	json_array_append_new(events, e);
	return e;
}

json_t *trap_event(struct trap_run *t)
{
	json_t *e = trap_next_event(t, WAIT_MS);

	if (!e)
		fail_msg("no event; standard error: %s",
			 t->err_text.mem ? t->err_text.mem : "");
	return e;
}

int trap_wait(struct trap_run *t)
{
	int64_t end = now_ns() + WAIT_MS * 1000000LL;

	while (!t->exited)
		if (!pump_once(t, ms_until(end)))
			fail_msg("does not end: %s",
				 t->err_text.mem ? t->err_text.mem : "");
	/* What it wrote last; but no waiting for others that have the pipes. */
	while (pump_once(t, 0))
		;
	return t->status;
}

int trap_stop(struct trap_run *t, int sig)
{
	if (t->stopped)
		trap_thaw(t);
	kill(t->pid, sig);
	return trap_wait(t);
}

void trap_expect_end(struct trap_run *t)
{
	char *line;
	int status = trap_stop(t, SIGTERM);

	line = trap_next_line(t, 0);
	if (line)
		fail_msg("one line too many: %s", line);
	if (status != 0 && status != 1)
		fail_msg("exit status %d: %s", status, t->err_text.mem);
}

void trap_freeze(struct trap_run *t)
{
	int status;

	kill(t->pid, SIGSTOP);
	assert_int_equal(waitpid(t->pid, &status, WUNTRACED), t->pid);
	assert_true(WIFSTOPPED(status));
	t->stopped = true;
}

void trap_thaw(struct trap_run *t)
{
	t->stopped = false;
	kill(t->pid, SIGCONT);
}

static bool waits(void *n)
{
	return queue_waiting() >= *(unsigned *)n;
}

void trap_thaw_with(struct trap_run *t, unsigned packets)
{
	wait_for(waits, &packets);
	trap_thaw(t);
}
