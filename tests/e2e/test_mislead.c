/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What misleads: each race is won by the other side, with ptrap-ng frozen until
 * it is over. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define PORT 5555

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53);
static const struct send_arg bound =
	SEND_UDP(ADDR_RESOLVER, 53, .from = ADDR_CLIENT, .sport = PORT);

/* Frozen, with time enough for everything before the hold limit. */
static struct trap_run *start_frozen(const char *proto, const char *target)
{
	struct trap_run *t = trap_start("-s", "25000", proto, target, NULL);

	trap_freeze(t);
	return t;
}

/* The parent opens, the child sends and is gone. */
static void child_sends(struct stage *st, const void *arg)
{
	int fd = open_socket(&udp), status;
	struct report r = {0};

	(void)arg;
	r.n = fork();
	if (!r.n)
		_exit(send_datagram(fd, &udp));
	wait(&status);
	r.err = status;
	stage_report(st, &r);
	stage_wait(st);
}

static void child_sent_and_is_gone(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct report r;

	(void)state;
	r = sender_run(child_sends, NULL, NULL);
	assert_int_equal(r.err, 0);
	trap_thaw_with(t, 1);
	/* The parent alone has it now; that it sent must not be claimed. */
	if (e2e_has_witness())
		expect_sender(trap_event(t), (pid_t)r.n, 0, "proved");
	else
		expect_grade(trap_event(t), "holder|creator|unknown|shared");
	trap_expect_end(t);
}

/* The parent opens and connects, the child sends and lives, as the parent. */
static void connect_then_child(struct stage *st, const void *arg)
{
	struct send_arg a = udp;
	int fd = open_socket(&a);
	struct sockaddr_storage ss;
	socklen_t len = make_address(a.to, a.port, &ss);
	struct report r = {0};

	(void)arg;
	a.connected = true;
	if (connect(fd, (void *)&ss, len))
		_exit(89);
	if (!fork()) {
		r.err = send_datagram(fd, &a);
		stage_report(st, &r);
		pause();
	}
	stage_wait(st);
}

static void parent_connects_child_sends(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct report r;
	json_t *e;

	(void)state;
	r = sender_run(connect_then_child, NULL, NULL);
	assert_int_equal(r.err, 0);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen_or(e, r.pid, "shared");
	if (!e2e_has_witness())
		expect_nobody(e);
	trap_expect_end(t);
}

/* Whatever the grade is, it must not be a wrong one. */
static void expect_seen(const json_t *e, const struct sender *s)
{
	expect_not_wrong(e, s->pid);
	if (e2e_has_witness())
		expect_sender(e, s->pid, 0, "proved");
}

/* From e on: whatever speaks of A's question must not name B, nor the other way
 * round. */
static void expect_by_question(struct trap_run *t, json_t *e,
			       const struct sender *a, const struct sender *b)
{
	for (; e; e = trap_next_event(t, 200)) {
		char *all = json_dumps(e, 0);
		bool of_a = strstr(all, "a.test"), of_b = strstr(all, "b.test");

		free(all);
		assert_true(of_a || of_b);
		if (of_a)
			expect_seen(e, a);
		if (of_b)
			expect_seen(e, b);
	}
}

/* A sends and dies; B takes its port and sends, too. */
static void port_taken_over(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct send_arg a = bound, b = bound;
	struct sender *sa, *sb;

	(void)state;
	a.ask = "a.test";
	a.vanish = true;
	b.ask = "b.test";
	sa = sender_start(send_one, &a);
	sender_end(sa);
	assert_int_equal(sender_run(send_one, &b, &sb).err, 0);
	trap_thaw_with(t, 2);
	expect_by_question(t, trap_event(t), sa, sb);
	trap_stop(t, SIGTERM);
}

/* B takes the port and sends elsewhere: what is in its send queue is another
 * flow's, and both packets are held. */
static void port_taken_over_elsewhere(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53-54");
	struct send_arg a = bound, b = bound;
	struct sender *sa, *sb;

	(void)state;
	a.ask = "a.test";
	a.vanish = true;
	b.port = 54;
	b.ask = "b.test";
	sa = sender_start(send_one, &a);
	sender_end(sa);
	assert_int_equal(sender_run(send_one, &b, &sb).err, 0);
	trap_thaw_with(t, 2);
	for (json_t *e = trap_event(t); e; e = trap_next_event(t, 200)) {
		bool of_a = event_int(e, "destination.port") == 53;

		expect_seen(e, of_a ? sa : sb);
	}
	trap_stop(t, SIGTERM);
}

/* Sends so many datagrams of that size, with nothing asked. */
struct volley {
	struct send_arg a;
	unsigned n;
	size_t size;
};

static void send_volley(struct stage *st, const void *arg)
{
	const struct volley *v = arg;
	int fd = open_socket(&v->a);
	struct sockaddr_storage ss;
	socklen_t len = make_address(v->a.to, v->a.port, &ss);
	char buf[2000] = "";
	struct report r = {0};

	for (unsigned i = 0; i < v->n; i++)
		if (sendto(fd, buf, v->size, 0, (void *)&ss, len) < 0)
			r.err = errno;
	if (v->a.vanish)
		_exit(0);
	stage_report(st, &r);
	stage_wait(st);
}

/* B's datagrams are charged more than they are long: that must not make up for
 * A's. */
static void port_taken_over_with(unsigned n, size_t size)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53-54");
	struct volley a = {bound, 1, 1}, b = {bound, n, size};
	struct sender *sa, *sb;

	a.a.vanish = true;
	b.a.port = 54;
	sa = sender_start(send_volley, &a);
	sender_end(sa);
	assert_int_equal(sender_run(send_volley, &b, &sb).err, 0);
	trap_thaw_with(t, n + 1);
	for (json_t *e = trap_event(t); e; e = trap_next_event(t, 200)) {
		bool of_a = event_int(e, "destination.port") == 53;

		expect_seen(e, of_a ? sa : sb);
	}
	trap_stop(t, SIGTERM);
	sender_end(sb);
}

static void port_taken_over_by_many(void **state)
{
	(void)state;
	for (unsigned n = 2; n < 40; n = n * 2 + 1)
		port_taken_over_with(n, 1);
}

static void port_taken_over_by_large(void **state)
{
	(void)state;
	port_taken_over_with(1, 700);
	port_taken_over_with(2, 700);
	port_taken_over_with(1, 1400);
	port_taken_over_with(5, 1400);
}

/* As many of one socket are named all the same. */
static void many_of_one(void **state)
{
	static const size_t sizes[] = {1, 40, 100, 300, 340, 1200, 1400};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
		struct volley v = {bound, 20, sizes[i]};
		struct sender *s;

		assert_int_equal(sender_run(send_volley, &v, &s).err, 0);
		trap_thaw_with(t, v.n);
		expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
		trap_expect_end(t);
		sender_end(s);
	}
}

/* The same, and B is silent. */
static void port_taken_over_silently(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct send_arg a = bound;
	struct sender *sa;
	json_t *e;

	(void)state;
	a.vanish = true;
	sa = sender_start(send_one, &a);
	sender_end(sa);
	a.vanish = false;
	a.port = 54; /* binds, and sends elsewhere */
	sender_run(send_one, &a, NULL);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen(e, sa);
	trap_expect_end(t);
}

/* The same, and B's socket is in a message that nobody reads: that looks like
 * one of the kernel's own. */
static void put_in_flight(struct stage *st, const void *arg)
{
	int fd = open_socket(arg), pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || fd_send(pair[0], fd))
		_exit(89);
	close(fd);
	stage_ready(st, 0);
	stage_wait(st);
}

static void port_taken_over_in_flight(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct send_arg a = bound;
	struct sender *sa;
	json_t *e;

	(void)state;
	a.vanish = true;
	sa = sender_start(send_one, &a);
	sender_end(sa);
	sender_run(put_in_flight, &bound, NULL);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen_or(e, sa->pid, "creator|uid-only|unknown");
	trap_expect_end(t);
}

static void reuseport_one_sent(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct send_arg a = bound;
	struct sender *s[4];
	json_t *e;

	(void)state;
	a.reuseport = true;
	for (int i = 0; i < 4; i++) {
		a.port = i == 2 ? 53 : 54;
		sender_run(send_one, &a, &s[i]);
	}
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen_or(e, s[2]->pid, "holder|twins");
	trap_expect_end(t);
}

static void reuseport_both_sent(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct send_arg a = bound, b;
	struct sender *sa, *sb;

	(void)state;
	a.reuseport = true;
	a.ask = "a.test";
	b = a;
	b.ask = "b.test";
	sender_run(send_one, &a, &sa);
	sender_run(send_one, &b, &sb);
	trap_thaw_with(t, 2);
	expect_by_question(t, trap_event(t), sa, sb);
	trap_stop(t, SIGTERM);
}

/* Two connections with one tuple, since one is bound to a device: the one that
 * stands is not the sender of the other one's SYN. */
static void device_bound_has_the_tuple(void **state)
{
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 80, .from = ADDR_CLIENT,
				     .sport = PORT, .reuseport = true);
	struct send_arg b = a;
	struct sender *sa, *sb;
	struct trap_run *t;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	b.device = "lo";
	assert_int_equal(sender_run(send_one, &b, &sb).err, 0);
	t = start_frozen("-t", ADDR_RESOLVER ":80");
	a.nonblock = a.vanish = true;
	sa = sender_start(send_one, &a);
	sender_end(sa);
	trap_thaw_with(t, 1);
	expect_none_wrong(t, sa->pid);
}

static void send_and_exec(struct stage *st, const void *arg)
{
	int fd = open_socket(&udp);
	struct report r = {0};

	(void)arg;
	r.err = send_datagram(fd, &udp);
	stage_report(st, &r);
	dup2(st->in, 0);
	dup2(st->out, 1);
	execlp("cat", "cat", NULL);
}

static bool is_cat(void *data)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", *(pid_t *)data);
	return !run_command(NULL, "grep", "-qx", "cat", path, NULL);
}

static void sent_then_exec(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct sender *s;
	json_t *e;

	(void)state;
	sender_run(send_and_exec, NULL, &s);
	wait_for(is_cat, &s->pid);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen_or(e, s->pid, "holder|creator|uid-only|unknown");
	/* It is the program that sent, not the one it has become. */
	if (e2e_has_witness())
		expect_text(e, "process.name", "test_mislead");
	trap_expect_end(t);
}

/* Sent, then put into a message that nobody reads. */
static void in_flight(struct stage *st, const void *arg)
{
	int fd = open_socket(&udp), pair[2];
	struct report r = {0};

	(void)arg;
	r.err = send_datagram(fd, &udp);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || fd_send(pair[0], fd))
		_exit(89);
	close(fd);
	stage_report(st, &r);
	stage_wait(st);
}

static void socket_in_flight(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct sender *s;
	json_t *e;

	(void)state;
	sender_run(in_flight, NULL, &s);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen_or(e, s->pid,
		       e2e_sees_connects() ? "creator|unknown" : "unknown");
	if (!e2e_has_witness()) {
		expect_text(e, "ptrap.reason", "no holder");
		expect_nobody(e);
	}
	trap_expect_end(t);
}

/* And a child has it: it may not be the one that sent, and the grade says no
 * more than that it has it. */
static void in_flight_and_held(struct stage *st, const void *arg)
{
	int fd = open_socket(&udp), pair[2];
	struct report r = {0};

	(void)arg;
	r.err = send_datagram(fd, &udp);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || fd_send(pair[0], fd))
		_exit(89);
	r.n = fork();
	if (!r.n) {
		close(pair[0]);
		close(pair[1]);
		pause();
	}
	close(fd);
	stage_report(st, &r);
	stage_wait(st);
}

static void socket_in_flight_and_held(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct report r;
	json_t *e;

	(void)state;
	r = sender_run(in_flight_and_held, NULL, NULL);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	if (e2e_has_witness()) {
		expect_sender(e, r.pid, 0, "proved");
	} else {
		expect_sender(e, (pid_t)r.n, 0, "holder");
		expect_text(e, "ptrap.reason", "the send itself was not seen");
		assert_int_equal(json_array_size(event_get(e, "ptrap.holders")),
				 1);
	}
	trap_expect_end(t);
}

static void close_after_send(struct stage *st, const void *arg)
{
	int fd = open_socket(&udp);
	struct report r = {0};

	(void)arg;
	r.err = send_datagram(fd, &udp);
	close(fd);
	stage_report(st, &r);
	stage_wait(st);
}

static void closed_after_send(void **state)
{
	struct trap_run *t = start_frozen("-u", ADDR_RESOLVER ":53");
	struct sender *s;
	json_t *e;

	(void)state;
	sender_run(close_after_send, NULL, &s);
	trap_thaw_with(t, 1);
	e = trap_event(t);
	expect_seen_or(e, s->pid,
		       e2e_sees_connects() ? "creator" : "uid-only|unknown");
	if (e2e_sees_connects() && !e2e_has_witness())
		expect_int(e, "ptrap.creator.pid", s->pid);
	expect_int(e, "ptrap.packet_uid", 0);
	if (!e2e_has_witness())
		expect_nobody(e);
	trap_expect_end(t);
}

/* A listens; its child accepts, and on a word closes so that a RST goes out:
 * an exact look-up of that would fall back to the listener. */
static void resetting_server(struct stage *st, const void *arg)
{
	struct send_arg a =
		SEND_TCP(ADDR_RESOLVER, 80, .from = ADDR_RESOLVER, .sport = 80);
	struct linger rst = {1, 0};
	int fd = open_socket(&a), c;

	(void)arg;
	listen(fd, 4);
	stage_ready(st, 0);
	if (fork()) {
		wait(NULL);
		pause();
	}
	c = accept(fd, NULL, NULL);
	close(fd);
	setsockopt(c, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst));
	stage_ready(st, 1);
	stage_wait(st);
	close(c);
	stage_ready(st, 2);
	pause();
}

static void listener_is_not_named_for_a_reset(void **state)
{
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 80, .from = ADDR_CLIENT);
	struct sender *server;
	struct trap_run *t;
	struct report r;

	(void)state;
	sender_run(resetting_server, NULL, &server);
	sender_run(send_one, &a, NULL);
	r = sender_report(server);
	t = trap_start("-s", "25000", "-v", "-t", ADDR_CLIENT, NULL);
	trap_freeze(t);
	sender_go(server);
	sender_report(server);
	trap_thaw_with(t, 1);
	expect_none_wrong(t, r.pid);
}

/* Its connection is closed by the other side first or last, as it says. */
static void closing_peer(struct stage *st, const void *arg)
{
	const bool *serves = arg;
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 80);
	struct sockaddr_storage ss;
	socklen_t len = make_address(a.to, a.port, &ss);
	int fd;

	if (*serves) {
		a.from = ADDR_RESOLVER;
		a.sport = 80;
	}
	fd = open_socket(&a);
	if (*serves) {
		listen(fd, 4);
		stage_ready(st, 0);
		fd = accept(fd, NULL, NULL);
	} else if (connect(fd, (void *)&ss, len)) {
		_exit(89);
	}
	stage_ready(st, 1);
	stage_wait(st);
	close(fd);
	stage_ready(st, 2);
	stage_wait(st);
}

static bool in_time_wait(void *data)
{
	struct text out = {0};
	bool yes;

	(void)data;
	run_command(&out, "ss", "-Htan", "state", "time-wait", NULL);
	yes = out.len > 0;
	text_free(&out);
	return yes;
}

static void time_wait_is_nobodys(void **state)
{
	struct sender *server, *client;
	struct trap_run *t;

	(void)state;
	if (run_command(NULL, "ss", "-V", NULL))
		SKIP("no ss");
	sender_run(closing_peer, &(bool){true}, &server);
	sender_run(closing_peer, &(bool){false}, &client);
	sender_report(server);
	t = trap_start("-v", "-t", ADDR_RESOLVER ":80", NULL);
	sender_go(client);
	sender_report(client);
	sender_go(server);
	sender_report(server);
	wait_for(in_time_wait, NULL);
	expect_none_wrong(t, client->pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(child_sent_and_is_gone),
		e2e_test(parent_connects_child_sends),
		e2e_test(port_taken_over),
		e2e_test(port_taken_over_elsewhere),
		e2e_test(port_taken_over_by_many),
		e2e_test(port_taken_over_by_large),
		e2e_test(many_of_one),
		e2e_test(port_taken_over_silently),
		e2e_test(port_taken_over_in_flight),
		e2e_test(reuseport_one_sent),
		e2e_test(reuseport_both_sent),
		e2e_test(device_bound_has_the_tuple),
		e2e_test(sent_then_exec),
		e2e_test(socket_in_flight),
		e2e_test(socket_in_flight_and_held),
		e2e_test(closed_after_send),
		e2e_test(listener_is_not_named_for_a_reset),
		e2e_test(time_wait_is_nobodys),
	};

	return e2e_main("mislead", tests, sizeof(tests) / sizeof(tests[0]));
}
