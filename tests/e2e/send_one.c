/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send_one: the common sender; and the command that holds as long as wanted. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

struct job {
	struct stage *st;
	const struct send_arg *a;
	int fd;
};

static int connect_tcp(const struct job *j)
{
	struct sockaddr_storage ss;
	socklen_t len = make_address(j->a->to, j->a->port, &ss);

	if (j->a->nonblock)
		fcntl(j->fd, F_SETFL, O_NONBLOCK);
	return connect(j->fd, (void *)&ss, len) ? errno : 0;
}

static int finish_connect(const struct job *j)
{
	struct pollfd p = {j->fd, POLLOUT, 0};
	socklen_t len = sizeof(int);
	int err = 0;

	if (poll(&p, 1, WAIT_MS) != 1)
		return ETIMEDOUT;
	getsockopt(j->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

static long long wait_reply(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	char buf[2048];

	if (poll(&p, 1, WAIT_MS) != 1)
		return -1;
	return recv(fd, buf, sizeof(buf), 0);
}

static void send_first(struct job *j)
{
	struct report r = {.start_ns = now_ns()};

	if (j->a->type == SOCK_STREAM)
		r.err = connect_tcp(j);
	else
		r.err = send_datagram(j->fd, j->a);
	if (j->a->vanish)
		_exit(0);
	if (r.err == EINPROGRESS)
		r.err = finish_connect(j);
	r.end_ns = now_ns();
	if (j->a->reply)
		r.n = wait_reply(j->fd);
	r.sport = local_port(j->fd);
	stage_report(j->st, &r);
}

static void send_again(struct job *j)
{
	struct report r = {.start_ns = now_ns()};
	char buf[100] = "";

	if (j->a->type == SOCK_STREAM)
		r.err = send(j->fd, buf, sizeof(buf), MSG_NOSIGNAL) < 0 ? errno
									: 0;
	else
		r.err = send_datagram(j->fd, j->a);
	r.end_ns = now_ns();
	if (j->a->reply)
		r.n = wait_reply(j->fd);
	stage_report(j->st, &r);
}

static void *work(void *data)
{
	struct job *j = data;

	send_first(j);
	while (stage_wait(j->st))
		send_again(j);
	return NULL;
}

void enter_user_ns(pid_t of)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", of);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* As its root, or the exec takes all capabilities away. */
	if (fd < 0 || setns(fd, CLONE_NEWUSER) || setuid(0))
		_exit(92);
	close(fd);
	/* Else its /proc belongs to the outer namespace. */
	prctl(PR_SET_DUMPABLE, 1);
}

void send_one(struct stage *st, const void *arg)
{
	const struct send_arg *a = arg;
	struct job j = {.st = st, .a = a};
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->to, a->port, &ss);
	pthread_t thread;

	if (a->user_ns_of)
		enter_user_ns(a->user_ns_of);
	j.fd = open_socket(a);
	if (a->uid && (setgid(a->uid) || setuid(a->uid)))
		_exit(91);
	if (a->connected && connect(j.fd, (void *)&ss, len))
		_exit(90);
	if (!a->thread)
		work(&j);
	else if (!pthread_create(&thread, NULL, work, &j))
		pthread_join(thread, NULL);
}

void send_many(struct stage *st, const void *arg)
{
	const struct many_arg *m = arg;

	do {
		struct report r = {.start_ns = now_ns()};

		for (int i = 0; i < m->n; i++) {
			struct job j = {st, &m->a, open_socket(&m->a)};

			if (m->a.type == SOCK_STREAM)
				r.n += !connect_tcp(&j);
			else if (!send_datagram(j.fd, &m->a))
				r.n += wait_reply(j.fd) > 0;
			close(j.fd);
		}
		r.end_ns = now_ns();
		stage_report(st, &r);
	} while (stage_wait(st));
}

/* The gate. */

void gate_open(struct gate *g)
{
	const char *ready = test_path("ready"), *go = test_path("go");

	assert_int_equal(mkfifo(ready, 0666), 0);
	assert_int_equal(mkfifo(go, 0666), 0);
	g->ready = open(ready, O_RDWR | O_CLOEXEC);
	g->go = open(go, O_RDWR | O_CLOEXEC);
	assert_true(g->ready >= 0 && g->go >= 0);
	snprintf(g->command, sizeof(g->command),
		 "f() { echo $1 >%s; read x <%s; echo went $1; }; f", ready,
		 go);
}

bool gate_came(struct gate *g, int ms)
{
	struct pollfd p = {g->ready, POLLIN, 0};

	return poll(&p, 1, ms) == 1;
}

pid_t gate_wait(struct gate *g)
{
	char buf[16] = "";
	size_t n = 0;

	while (n < sizeof(buf) - 1) {
		if (!gate_came(g, WAIT_MS))
			fail_msg("the command was not run");
		assert_int_equal(read(g->ready, buf + n, 1), 1);
		if (buf[n++] == '\n')
			break;
	}
	return atoi(buf);
}

void gate_release(struct gate *g)
{
	assert_int_equal(write(g->go, "\n", 1), 1);
}

void gate_close(struct gate *g)
{
	close(g->ready);
	close(g->go);
}

int send_raw_packet(const void *packet, size_t len, const char *to)
{
	struct sockaddr_storage ss;
	socklen_t tolen = make_address(to, 0, &ss);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	int err =
		sendto(fd, packet, len, 0, (void *)&ss, tolen) < 0 ? errno : 0;

	close(fd);
	return err;
}

void begin_connect(struct stage *st, const void *arg)
{
	const struct send_arg *a = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->to, a->port, &ss);
	int fd = open_socket(a);
	struct report r = {0};

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (void *)&ss, len) && errno != EINPROGRESS)
		r.err = errno;
	stage_report(st, &r);
	stage_wait(st);
}
