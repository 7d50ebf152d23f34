/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reader: the process that reads the queue: accept-only, or ptrap-ng. */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */

#include <errno.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "nfqueue.h"
#include "ruleset.h"
#include "target.h"
#include "util.h"

#define START_US (10 * UTIL_SEC)
#define STOP_US	 (5 * UTIL_SEC)
#define STEP_NS	 2000000L

static volatile sig_atomic_t stopped;

static void on_term(int sig)
{
	(void)sig;
	stopped = 1;
}

/* SIGTERM comes only while ppoll() waits. */
static void accept_loop(struct nfqueue *q)
{
	alignas(16) static char buf[NFQUEUE_BUF_SIZE];
	struct pollfd pfd = {.fd = nfqueue_fd(q), .events = POLLIN};
	struct nfqueue_packet pkt;
	enum nfqueue_message m;
	sigset_t none;
	int error;

	sigemptyset(&none);
	while (!stopped) {
		if (ppoll(&pfd, 1, NULL, &none) < 0)
			continue;
		do {
			m = nfqueue_receive(q, buf, sizeof(buf), &pkt, &error);
			if (m == NFQUEUE_PACKET)
				nfqueue_verdict(q, pkt.id, NF_ACCEPT);
		} while (m != NFQUEUE_NONE);
	}
}

static int accept_open(uint16_t port, struct nfqueue **q, struct ruleset **rs)
{
	struct nfqueue_config qcfg = {.pick = true, .fail_open = true};
	static struct target target;
	struct target_error terr;
	struct ruleset_error rerr;
	char text[32];
	int err;

	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	err = target_parse(text, IPPROTO_TCP, &target, &terr);
	if (err)
		return err;
	err = nfqueue_open(q, &qcfg);
	if (err)
		return err;
	return ruleset_install(rs,
			       &(struct ruleset_config){
				       .targets = &target,
				       .ntargets = 1,
				       .queue_num = nfqueue_num(*q),
				       .new_only = true,
				       .bypass = true,
			       },
			       &rerr);
}

/* Returns the exit status. */
static int accept_main(uint16_t port)
{
	struct sigaction sa = {.sa_handler = on_term};
	struct nfqueue *q = NULL;
	struct ruleset *rs = NULL;
	sigset_t term;
	int err;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &sa, NULL);
	err = accept_open(port, &q, &rs);
	if (err)
		fprintf(stderr, "accept-only reader: %s\n", strerror(-err));
	else
		accept_loop(q);
	ruleset_close(rs);
	nfqueue_close(q);
	return err ? 1 : 0;
}

static void ptrap_exec(const char *ptrap, uint16_t port)
{
	char text[32];

	snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	execl(ptrap, ptrap, "-q", "-t", "-c", text, "-o", "json:/dev/null",
	      (char *)NULL);
	fprintf(stderr, "%s: %s\n", ptrap, strerror(errno));
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
}

/* The rules of a namespace that is ours alone: some, or none. */
static int wait_rules(pid_t pid, bool some, uint64_t within_us)
{
	uint64_t end = util_now_us() + within_us;

	while (util_now_us() < end) {
		int n = bench_count_rules();

		if (n < 0)
			return n;
		if ((n > 0) == some)
			return 0;
		if (some && waitpid(pid, NULL, WNOHANG) == pid)
			return -ECHILD;
		nap();
	}
	return -ETIMEDOUT;
}

pid_t bench_start(enum bench_mode mode, const char *ptrap, uint16_t port)
{
	pid_t parent = getpid();
	pid_t pid;
	int err;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		if (mode == BENCH_ACCEPT)
			_exit(accept_main(port));
		ptrap_exec(ptrap, port);
		_exit(127);
	}
	err = wait_rules(pid, true, START_US);
	if (!err)
		return pid;
	fprintf(stderr, "the queue's reader did not come up: %s\n",
		err == -ECHILD ? "it ended" : strerror(-err));
	if (err != -ECHILD)
		bench_stop(pid);
	return err;
}

int bench_stop(pid_t pid)
{
	uint64_t end = util_now_us() + STOP_US;
	pid_t ended = 0;

	kill(pid, SIGTERM);
	while (!ended && util_now_us() < end) {
		ended = waitpid(pid, NULL, WNOHANG);
		if (!ended)
			nap();
	}
	if (ended != pid) {
		fprintf(stderr, "the queue's reader ignores SIGTERM\n");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return wait_rules(pid, false, STOP_US);
}

long bench_read_status(pid_t pid, const char *field)
{
	size_t len = strlen(field);
	char path[32], line[128];
	long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!value && fgets(line, sizeof(line), f))
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	fclose(f);
	return value;
}
