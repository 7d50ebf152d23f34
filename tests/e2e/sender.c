/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sender: children of the test that serve, send, and tell what they did. */
#include <arpa/inet.h>
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
#include "sender.h"

#define SENDERS_MAX 128

static struct sender senders[SENDERS_MAX];
static size_t nsenders;

void sender_forget_all(void)
{
	for (struct sender *s = senders; s < senders + nsenders; s++) {
		if (s->in >= 0)
			close(s->in);
		if (s->out >= 0)
			close(s->out);
	}
	nsenders = 0;
}

/* 3 and 4 are its stage; no end of anybody else's pipe stays open in it. */
static void child_run(sender_fn fn, const void *arg, int in, int out)
{
	struct stage st = {3, 4};

	in = fcntl(in, F_DUPFD, 100);
	out = fcntl(out, F_DUPFD, 100);
	if (dup2(in, st.in) != 3 || dup2(out, st.out) != 4)
		_exit(99);
	close_range(5, ~0U, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn(&st, arg);
	_exit(0);
}

struct sender *sender_start(sender_fn fn, const void *arg)
{
	struct sender *s = &senders[nsenders];
	int in[2], out[2];

	assert_true(nsenders < SENDERS_MAX);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (!s->pid)
		child_run(fn, arg, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	s->in = out[0];
	s->out = in[1];
	nsenders++;
	return s;
}

bool sender_has_report(struct sender *s, int ms)
{
	struct pollfd p = {s->in, POLLIN, 0};

	return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

struct report sender_report(struct sender *s)
{
	struct report r = {0};

	if (!sender_has_report(s, WAIT_MS))
		fail_msg("sender %d does not report", s->pid);
	assert_int_equal(read(s->in, &r, sizeof(r)), sizeof(r));
	return r;
}

void sender_go(struct sender *s)
{
	assert_int_equal(write(s->out, "", 1), 1);
}

void sender_end(struct sender *s)
{
	if (s->out >= 0)
		close(s->out);
	s->out = -1;
	waitpid(s->pid, NULL, 0);
}

struct report sender_run(sender_fn fn, const void *arg, struct sender **s)
{
	struct sender *started = sender_start(fn, arg);

	if (s)
		*s = started;
	return sender_report(started);
}

void stage_report(struct stage *st, struct report *r)
{
	r->pid = getpid();
	r->tid = gettid();
	if (write(st->out, r, sizeof(*r)) != sizeof(*r))
		_exit(98);
}

void stage_ready(struct stage *st, int who)
{
	struct report r = {.who = who};

	stage_report(st, &r);
}

bool stage_wait(struct stage *st)
{
	char c;

	return read(st->in, &c, 1) == 1;
}

/* Pieces. */

socklen_t make_address(const char *addr, uint16_t port,
		       struct sockaddr_storage *ss)
{
	struct sockaddr_in *v4 = (void *)ss;
	struct sockaddr_in6 *v6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, addr, &v6->sin6_addr) != 1)
		abort();
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

uint16_t local_port(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	getsockname(fd, (void *)&ss, &len);
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

int open_socket(const struct send_arg *a)
{
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->to, a->port, &ss);
	const char *any = ss.ss_family == AF_INET ? "0.0.0.0" : "::";
	int one = 1;
	int fd = socket(ss.ss_family, a->type, 0);

	if (fd < 0)
		_exit(97);
	if (a->reuseport)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (a->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, a->device,
				    (socklen_t)strlen(a->device)))
		_exit(96);
	if (!a->from && !a->sport)
		return fd;
	len = make_address(a->from ? a->from : any, a->sport, &ss);
	if (bind(fd, (void *)&ss, len))
		_exit(95);
	return fd;
}

size_t dns_question(const char *name, uint8_t buf[512])
{
	static const uint8_t head[12] = {0x12, 0x34, 1, 0, 0, 1};
	static const uint8_t type_a[4] = {0, 1, 0, 1};
	size_t at = sizeof(head);

	memcpy(buf, head, sizeof(head));
	while (*name && at < 400) {
		size_t n = strcspn(name, ".");

		buf[at++] = (uint8_t)n;
		memcpy(buf + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	buf[at++] = 0;
	memcpy(buf + at, type_a, sizeof(type_a));
	return at + sizeof(type_a);
}

int send_datagram(int fd, const struct send_arg *a)
{
	uint8_t buf[512] = "x";
	size_t len = a->ask ? dns_question(a->ask, buf) : 1;
	struct sockaddr_storage ss;
	socklen_t slen = make_address(a->to, a->port, &ss);
	ssize_t n;

	if (a->connected)
		n = send(fd, buf, len, 0);
	else
		n = sendto(fd, buf, len, 0, (void *)&ss, slen);
	return n < 0 ? errno : 0;
}

int fd_send(int via, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(char[]){"f"}, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(via, &msg, 0) == 1 ? 0 : -1;
}

int fd_receive(int via)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(via, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* Servers. */

static void serve_udp(struct stage *st, int fd, bool quiet)
{
	struct report r = {0};
	struct pollfd p[2] = {{fd, POLLIN, 0}, {st->in, POLLIN, 0}};

	while (poll(p, 2, -1) > 0) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		uint8_t buf[2048];
		ssize_t n;

		if (!p[0].revents && p[1].revents) {
			if (!stage_wait(st))
				return;
			stage_report(st, &r);
		}
		if (!p[0].revents)
			continue;
		n = recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &len);
		r.n += n >= 0;
		if (n > 2)
			buf[2] |= 0x80;
		if (n >= 0 && !quiet)
			sendto(fd, buf, (size_t)n, 0, (void *)&from, len);
	}
}

static void serve_tcp(struct stage *st, int fd)
{
	struct pollfd p[2] = {{fd, POLLIN, 0}, {st->in, POLLIN, 0}};

	while (poll(p, 2, -1) > 0) {
		int c;

		if (p[1].revents && !stage_wait(st))
			return;
		if (!p[0].revents)
			continue;
		c = accept(fd, NULL, NULL);
		if (c >= 0)
			close(c);
	}
}

static void serve(struct stage *st, const void *arg)
{
	const struct server_arg *a = arg;
	int one = 1, fd, big = 256 << 20;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->addr, a->port, &ss);

	fd = socket(ss.ss_family, a->type, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	if (bind(fd, (void *)&ss, len))
		_exit(94);
	if (a->type == SOCK_STREAM && listen(fd, 4096))
		_exit(93);
	stage_ready(st, 0);
	if (a->type == SOCK_STREAM)
		serve_tcp(st, fd);
	else
		serve_udp(st, fd, a->quiet);
}

struct sender *server_start(const struct server_arg *a)
{
	struct sender *s;

	sender_run(serve, a, &s);
	return s;
}

struct sender *server_udp(const char *addr, uint16_t port)
{
	return server_start(&(struct server_arg){SOCK_DGRAM, addr, port, 0});
}

struct sender *server_tcp(const char *addr, uint16_t port)
{
	return server_start(&(struct server_arg){SOCK_STREAM, addr, port, 0});
}

static void serve_no_more(struct stage *st, const void *arg)
{
	const struct server_arg *a = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->addr, a->port, &ss);
	int fd = socket(ss.ss_family, a->type, 0), one = 1;
	int first = socket(ss.ss_family, a->type, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)&ss, len) || listen(fd, 0) ||
	    connect(first, (void *)&ss, len))
		_exit(94);
	stage_ready(st, 0);
	stage_wait(st);
}

struct sender *server_busy(const char *addr, uint16_t port)
{
	const struct server_arg a = {SOCK_STREAM, addr, port, 0};
	struct sender *s;

	sender_run(serve_no_more, &a, &s);
	return s;
}
