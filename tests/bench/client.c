/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client: who connects once and times it: a new process, or this one. */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define STACK_SIZE  65536
#define CONNECT_SEC 5

struct client {
	struct sockaddr_in to;
	int64_t result;
};

uint64_t bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A new process runs it on memory that it shares with the old one. */
static int client_main(void *arg)
{
	/* A reset at the end: TIME_WAIT would eat the ports up. */
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	const struct timeval timeout = {.tv_sec = CONNECT_SEC};
	struct client *c = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t start;

	if (fd < 0) {
		c->result = -errno;
		return 0;
	}
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	start = bench_now_ns();
	if (connect(fd, (struct sockaddr *)&c->to, sizeof(c->to)) < 0)
		c->result = -errno;
	else
		c->result = (int64_t)(bench_now_ns() - start);
	close(fd);
	return 0;
}

void bench_accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}

/* As vfork(2) does: no page is copied while connect() is timed. */
static void run_new(struct client *c)
{
	static alignas(16) char stack[STACK_SIZE];
	pid_t pid = clone(client_main, stack + sizeof(stack),
			  CLONE_VM | CLONE_VFORK | SIGCHLD, c);

	if (pid < 0) {
		c->result = -errno;
		return;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int64_t bench_connect(int listener, uint16_t port, bool new_process)
{
	struct client c = {
		.to = {.sin_family = AF_INET,
		       .sin_port = htons(port),
		       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		.result = -ECHILD,
	};

	if (new_process)
		run_new(&c);
	else
		client_main(&c);
	bench_accept_all(listener);
	return c.result;
}
