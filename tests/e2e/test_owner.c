/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owners that live, in all the ways of having a socket. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53);
static const struct send_arg tcp = SEND_TCP(ADDR_RESOLVER, 80);

static void setuid_after_socket(void **state)
{
	struct send_arg a = udp;
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER ":53", NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	a.uid = 65534;
	sender_run(send_one, &a, &s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_text(e, "user.id", "65534");
	expect_int(e, "ptrap.packet_uid", 0);
	trap_expect_end(t);
}

static void bound_to_a_device(void **state)
{
	struct send_arg u = udp, c = tcp;
	struct trap_run *t = trap_start("-u", ":53", "-t", ":80", NULL);
	struct sender *s;

	(void)state;
	u.device = c.device = "lo";
	sender_run(send_one, &u, &s);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	server_tcp(ADDR_RESOLVER, 80);
	sender_run(send_one, &c, &s);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	trap_expect_end(t);
}

/* Parent and child have the socket; one sends, and the child waits in recv. */
static void twins_udp(struct stage *st, const void *arg)
{
	const bool *child_sends = arg;
	int fd = open_socket(&udp), ready[2];
	struct report r = {0};
	char c;

	if (pipe(ready))
		_exit(89);
	r.n = fork();
	if (!r.n) {
		close(ready[0]);
		if (*child_sends)
			send_datagram(fd, &udp);
		close(ready[1]);
		recv(fd, &c, 1, 0);
		pause();
	}
	close(ready[1]);
	if (read(ready[0], &c, 1))
		_exit(88);
	if (!*child_sends)
		send_datagram(fd, &udp);
	stage_report(st, &r);
	stage_wait(st);
}

static void fork_twins_are_shared(void **state)
{
	struct trap_run *t;
	struct report r;
	struct sender *s;
	json_t *e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		bool child_sends = i == 1;

		t = trap_start("-u", ADDR_RESOLVER ":53", "-e", "echo ran",
			       NULL);
		r = sender_run(twins_udp, &child_sends, &s);
		e = trap_event(t);
		if (e2e_has_witness()) {
			expect_sender(e, child_sends ? (pid_t)r.n : s->pid, 0,
				      "proved");
			assert_true(*event_text(e, "ptrap.hook.output"));
			trap_expect_end(t);
			continue;
		}
		expect_grade(e, "shared");
		expect_nobody(e);
		assert_true(event_lists_pid(e, "ptrap.holders", s->pid));
		assert_true(event_lists_pid(e, "ptrap.holders", (pid_t)r.n));
		assert_true(*event_text(e, "ptrap.hook.skipped"));
		assert_string_equal(event_text(e, "ptrap.hook.output"), "");
		trap_expect_end(t);
	}
}

/* The parent opens, the child sits in connect. */
static void twins_tcp(struct stage *st, const void *arg)
{
	int fd = open_socket(&tcp);
	struct sockaddr_storage ss;
	socklen_t len = make_address(tcp.to, tcp.port, &ss);
	struct report r = {0};

	(void)arg;
	r.n = fork();
	if (!r.n) {
		r.err = connect(fd, (void *)&ss, len) ? errno : 0;
		stage_report(st, &r);
		pause();
	}
	stage_wait(st);
}

/* The parent has the socket, too, and might be the one that sent the SYN. */
static void connecting_child_shares(void **state)
{
	struct trap_run *t = trap_start("-t", ADDR_RESOLVER ":80", NULL);
	struct report r;
	json_t *e;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	r = sender_run(twins_tcp, NULL, NULL);
	assert_int_equal(r.err, 0);
	e = trap_event(t);
	expect_grade(e, "proved|shared");
	expect_not_wrong(e, r.pid);
	trap_expect_end(t);
}

/* Connects twice, and is looked at first from then on: it is known, and none of
 * those born last.  Then its child connects, on a socket of both, and it joins
 * that. */
static void join_child(struct stage *st, const void *arg)
{
	const bool *moves = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(tcp.to, tcp.port, &ss);
	struct report r = {0};
	int fd;

	for (int i = 0; i < 2; i++) {
		for (int k = 0; i == 1 && k < 10; k++)
			if (!fork())
				_exit(0);
		fd = open_socket(&tcp);
		r.err |= connect(fd, (void *)&ss, len) ? errno : 0;
		stage_report(st, &r);
		stage_wait(st);
	}
	fd = open_socket(&tcp);
	r.n = fork();
	if (!r.n) {
		connect(fd, (void *)&ss, len);
		pause();
	}
	if (*moves) {
		int other = dup(fd);

		close(fd);
		fd = other;
	}
	stage_report(st, &r);
	stage_wait(st);
	connect(fd, (void *)&ss, len);
	pause();
}

/* Waits in connect(2), and has sent its SYN. */
static bool is_connecting(void *pid)
{
	char path[64], call[8] = "";
	FILE *f;
	int nr = -1;

	snprintf(path, sizeof(path), "/proc/%d/syscall", *(pid_t *)pid);
	f = fopen(path, "re");
	if (f && fgets(call, sizeof(call), f))
		nr = atoi(call);
	if (f)
		fclose(f);
	return nr == SYS_connect && call[0] != 'r';
}

static void join_with(bool moves)
{
	struct trap_run *t =
		trap_start("-s", "25000", "-t", ADDR_RESOLVER ":80", NULL);
	struct sender *s;
	struct report r;
	pid_t child;
	json_t *e;

	server_tcp(ADDR_RESOLVER, 80);
	s = sender_start(join_child, &moves);
	for (int i = 0; i < 2; i++) {
		r = sender_report(s);
		assert_int_equal(r.err, 0);
		expect_sender(trap_event(t), s->pid, s->pid, "proved");
		if (i == 1)
			trap_freeze(t);
		sender_go(s);
	}
	r = sender_report(s);
	child = (pid_t)r.n;
	wait_for(is_connecting, &child);
	sender_go(s);
	wait_for(is_connecting, &s->pid);
	trap_thaw(t);
	e = trap_event(t);
	if (e2e_has_witness() || e2e_sees_connects())
		expect_sender(e, child, 0, "proved");
	else
		expect_grade(e, "shared");
	kill(child, SIGKILL);
	trap_expect_end(t);
}

static void parent_joins_connect(void **state)
{
	(void)state;
	join_with(false);
}

/* The same, and has it at another number. */
static void parent_joins_by_copy(void **state)
{
	(void)state;
	join_with(true);
}

/* Connects by sending, and waits for the answer as in connect. */
static void open_fast(struct stage *st, const void *arg)
{
	int fd = open_socket(&tcp);
	struct sockaddr_storage ss;
	socklen_t len = make_address(tcp.to, tcp.port, &ss);
	struct iovec iov = {(char[]){"x"}, 1};
	struct msghdr msg = {.msg_name = &ss,
			     .msg_namelen = len,
			     .msg_iov = &iov,
			     .msg_iovlen = 1};
	const bool *by_message = arg;
	struct report r = {0};
	ssize_t n;

	if (*by_message)
		n = sendmsg(fd, &msg, MSG_FASTOPEN);
	else
		n = sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&ss, len);
	if (n < 0)
		r.err = errno;
	stage_report(st, &r);
	stage_wait(st);
}

static void blocked_in_a_send_that_connects(void **state)
{
	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	for (int i = 0; i < 2; i++) {
		struct trap_run *t =
			trap_start("-c", "-t", ADDR_RESOLVER ":80", NULL);
		struct sender *s;

		if (sender_run(open_fast, &(bool){i == 1}, &s).err)
			SKIP("no TCP fast open");
		expect_sender(trap_event(t), s->pid, s->pid, "proved");
		trap_expect_end(t);
	}
}

/* A plain send on a socket that connects waits, too, and has sent no SYN. */
static void join_by_send(struct stage *st, const void *arg)
{
	int fd = open_socket(&tcp), flags;
	struct sockaddr_storage ss;
	socklen_t len = make_address(tcp.to, tcp.port, &ss);
	struct report r = {0};

	(void)arg;
	flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	connect(fd, (void *)&ss, len);
	fcntl(fd, F_SETFL, flags);
	r.n = fork();
	if (!r.n) {
		send(fd, "x", 1, 0);
		pause();
	}
	stage_report(st, &r);
	/* The child alone has it. */
}

static void send_does_not_prove_a_syn(void **state)
{
	struct trap_run *t = trap_start("-s", "25000", "-c", "-t",
					ADDR_RESOLVER ":80", NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	trap_freeze(t);
	server_tcp(ADDR_RESOLVER, 80);
	sender_run(join_by_send, NULL, &s);
	sender_end(s);
	trap_thaw(t);
	e = trap_event(t);
	if (e2e_sees_connects() || e2e_has_witness())
		expect_sender(e, s->pid, 0, "proved");
	else
		expect_grade(e, "holder");
	trap_expect_end(t);
}

/* A socket opened by one and sent to another, who has it alone then. */
static void pass_socket(struct stage *st, const void *arg)
{
	int pair[2], fd, status;
	struct report r = {0};

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		_exit(89);
	if (!fork()) {
		fd = fd_receive(pair[1]);
		r.err = send_datagram(fd, &udp);
		stage_report(st, &r);
		pause();
	}
	if (!fork()) {
		fd = open_socket(&udp);
		_exit(fd_send(pair[0], fd) ? 1 : 0);
	}
	wait(&status);
	stage_wait(st);
}

static void passed_socket(void **state)
{
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER ":53", NULL);
	struct report r;

	(void)state;
	r = sender_run(pass_socket, NULL, NULL);
	/* Opener and sender may both have it for a moment. */
	expect_none_wrong(t, r.pid);
}

/* A server's children wait in accept on one socket; one of them answers. */
static void prefork_server(struct stage *st, const void *arg)
{
	struct send_arg a = tcp;
	struct report r = {0};
	int fd, c;

	(void)arg;
	a.from = ADDR_RESOLVER;
	a.sport = 80;
	fd = open_socket(&a);
	listen(fd, 16);
	for (int i = 0; i < 4; i++)
		if (!fork())
			goto serve;
	stage_ready(st, 1);
	stage_wait(st);
	return;
serve:
	c = accept(fd, NULL, NULL);
	r.err = send(c, "hello", 5, 0) == 5 ? 0 : errno;
	stage_report(st, &r);
	pause();
}

static void prefork_server_answers(void **state)
{
	struct send_arg a = tcp;
	struct sender *server;
	struct trap_run *t;
	struct report r;
	json_t *e;

	(void)state;
	sender_run(prefork_server, NULL, &server);
	t = trap_start("-v", "-t", ADDR_CLIENT, NULL);
	a.from = ADDR_CLIENT;
	assert_int_equal(sender_run(send_one, &a, NULL).err, 0);
	r = sender_report(server);
	assert_int_equal(r.err, 0);
	e = trap_event(t);
	expect_not_wrong(e, r.pid);
	trap_stop(t, SIGTERM);
	while ((e = trap_next_event(t, 0)))
		expect_not_wrong(e, r.pid);
}

/* A closed port answers with a RST: the kernel sent that. */
static void reset_is_the_kernels(void **state)
{
	struct trap_run *t = trap_start("-v", "-t", ADDR_CLIENT, NULL);
	struct send_arg a = tcp;
	json_t *e;

	(void)state;
	a.port = 9;
	a.from = ADDR_CLIENT;
	assert_int_equal(sender_run(send_one, &a, NULL).err, ECONNREFUSED);
	e = trap_event(t);
	expect_grade(e, "kernel");
	expect_nobody(e);
	trap_expect_end(t);
}

/* The asker of a TCP question that is gone when its packet is looked at. */
static void gone_at_once(void **state)
{
	struct trap_run *t = trap_start("any", NULL);
	struct send_arg a;
	json_t *e;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	for (int i = 0; i < 20; i++) {
		struct sender *s;

		a = i % 2 ? udp : tcp;
		a.nonblock = a.vanish = true;
		a.from = ADDR_CLIENT;
		a.sport = (uint16_t)(20000 + i);
		s = sender_start(send_one, &a);
		sender_end(s);
		do {
			e = trap_event(t);
			if (event_int(e, "source.port") == a.sport)
				expect_not_wrong(e, s->pid);
		} while (event_int(e, "source.port") != a.sport);
	}
	trap_stop(t, SIGTERM);
}

static void shell_writes_to_dev_udp(void **state)
{
	struct trap_run *t;

	(void)state;
	if (run_command(NULL, "bash", "-c", ":", NULL))
		SKIP("no bash");
	t = trap_start("-u", ADDR_RESOLVER ":53", NULL);
	run_command(NULL, "bash", "-c", "echo x >/dev/udp/" ADDR_RESOLVER "/53",
		    NULL);
	/* It was bash, or nobody can tell; never we, who started it. */
	for (json_t *e = trap_event(t); e; e = trap_next_event(t, 0)) {
		const char *name = event_text(e, "process.name");

		assert_true(!*name || !strcmp(name, "bash"));
	}
	trap_expect_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(setuid_after_socket),
		e2e_test(bound_to_a_device),
		e2e_test(fork_twins_are_shared),
		e2e_test(connecting_child_shares),
		e2e_test(parent_joins_connect),
		e2e_test(parent_joins_by_copy),
		e2e_test(blocked_in_a_send_that_connects),
		e2e_test(send_does_not_prove_a_syn),
		e2e_test(passed_socket),
		e2e_test(prefork_server_answers),
		e2e_test(reset_is_the_kernels),
		e2e_test(gone_at_once),
		e2e_test(shell_writes_to_dev_udp),
	};

	return e2e_main("owner", tests, sizeof(tests) / sizeof(tests[0]));
}
