/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Incoming packets (--in): who receives them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"
#include "spaces.h"

#define A4 "10.1.0.2"
#define A6 "fd01::2"

static struct space a;

static void open_space(void)
{
	a = (struct space){
		.name = "a", .own4 = A4, .own6 = e2e_has_ipv6() ? A6 : NULL};
	if (!space_open(&a))
		SKIP("no veth, or no ip(8)");
}

/* One socket, where the test says; it accepts what comes, in a child if so
 * asked, and stays. */
struct receiver {
	struct send_arg at; /* from, sport, device, reuseport */
	bool child;
	const char *peer; /* udp: connected to there */
};

static void accept_all(int fd, bool child)
{
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			continue;
		if (!child)
			continue; /* stays open */
		if (!fork()) {
			close(fd);
			for (;;)
				pause();
		}
		close(c);
	}
}

static void receive(struct stage *st, const void *arg)
{
	const struct receiver *r = arg;
	struct sockaddr_storage ss;
	int fd = open_socket(&r->at);
	struct report done = {0};

	if (r->peer &&
	    connect(fd, (void *)&ss, make_address(r->peer, 7000, &ss)))
		done.err = errno;
	if (r->at.type == SOCK_STREAM && listen(fd, 64))
		done.err = errno;
	stage_report(st, &done);
	if (r->at.type == SOCK_STREAM)
		accept_all(fd, r->child);
	stage_wait(st);
}

static struct sender *receiver_start(const struct receiver *r)
{
	struct sender *s;

	assert_int_equal(sender_run(receive, r, &s).err, 0);
	return s;
}

static void expect_receiver(const json_t *e, pid_t pid)
{
	expect_text(e, "network.direction", "ingress");
	expect_sender(e, pid, 0, "holder");
	assert_true(json_is_null(event_get(e, "ptrap.reason")));
}

#define AT(kind, to_addr, from_addr, ...)   \
	{                                   \
		.at = {.type = (kind),      \
		       .to = (to_addr),     \
		       .from = (from_addr), \
		       .sport = 7,          \
		       ##__VA_ARGS__},      \
	}

/* Bound to the address, to any, to any of both families, to a device. */
static void all_ways_to_be_bound(void **state)
{
	static const struct receiver list[] = {
		AT(SOCK_STREAM, A4, ADDR_RESOLVER),
		AT(SOCK_STREAM, A4, "0.0.0.0"),
		AT(SOCK_STREAM, A6, "::"),
		AT(SOCK_STREAM, A4, "0.0.0.0", .device = "va"),
		AT(SOCK_DGRAM, A4, ADDR_RESOLVER),
		AT(SOCK_DGRAM, A4, "0.0.0.0"),
		AT(SOCK_DGRAM, A6, "::"),
		AT(SOCK_DGRAM, A4, "0.0.0.0", .device = "va"),
	};
	struct trap_run *t;

	(void)state;
	open_space();
	t = trap_start("--in", "-c", "-t", ADDR_RESOLVER, "-u", ADDR_RESOLVER,
		       NULL);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		/* The last one's connection still has its port. */
		struct send_arg w = SEND_TCP(ADDR_RESOLVER, (uint16_t)(7 + i));
		struct receiver r = list[i];
		struct sender *s;

		if (!strcmp(r.at.to, A6) && !e2e_has_ipv6())
			continue;
		r.at.sport = w.port;
		w.type = r.at.type;
		s = receiver_start(&r);
		assert_int_equal(space_run(&a, send_one, &w, NULL).err, 0);
		expect_receiver(trap_event(t), s->pid);
		kill(s->pid, SIGKILL);
		sender_end(s);
	}
	trap_expect_end(t);
}

static void ipv6(void **state)
{
	static const struct receiver tcp = AT(SOCK_STREAM, A6, ADDR6);
	static const struct receiver udp = AT(SOCK_DGRAM, A6, "::");
	const struct send_arg w[] = {SEND_TCP(ADDR6, 7), SEND_UDP(ADDR6, 7)};
	struct trap_run *t;
	struct sender *s;

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	open_space();
	t = trap_start("--in", "-t", "[" ADDR6 "]:7", "-u", "[" ADDR6 "]:7",
		       NULL);
	s = receiver_start(&udp);
	space_run(&a, send_one, &w[1], NULL);
	expect_receiver(trap_event(t), s->pid);
	s = receiver_start(&tcp);
	assert_int_equal(space_run(&a, send_one, &w[0], NULL).err, 0);
	expect_receiver(trap_event(t), s->pid);
	trap_stop(t, SIGTERM);
}

/* The listener is not who has the connection. */
static void connection_of_a_child(void **state)
{
	static const struct receiver r = {.at = {.type = SOCK_STREAM,
						 .to = A4,
						 .from = ADDR_RESOLVER,
						 .sport = 7},
					  .child = true};
	const struct send_arg w = SEND_TCP(ADDR_RESOLVER, 7);
	struct trap_run *t;
	struct sender *s, *c;
	json_t *e;

	(void)state;
	open_space();
	s = receiver_start(&r);
	t = trap_start("--in", "-t", ADDR_RESOLVER ":7", NULL);
	assert_int_equal(space_run(&a, send_one, &w, &c).err, 0);
	expect_receiver(trap_event(t), s->pid);
	/* By then it has been accepted, and the parent has let it go. */
	do {
		sender_go(c);
		assert_int_equal(sender_report(c).err, 0);
		e = trap_next_event(t, 1000);
	} while (!e || event_int(e, "process.pid") == s->pid ||
		 strcmp(event_text(e, "ptrap.grade"), "holder") != 0);
	assert_int_equal(event_int(e, "process.parent.pid"), s->pid);
	trap_stop(t, SIGTERM);
}

/* A socket that is connected to the sender goes before one that is not. */
static void connected_datagrams(void **state)
{
	static const struct receiver list[] = {{.at = {.type = SOCK_DGRAM,
						       .to = A4,
						       .from = ADDR_RESOLVER,
						       .sport = 7,
						       .reuseport = true}},
					       {.at = {.type = SOCK_DGRAM,
						       .to = A4,
						       .from = ADDR_RESOLVER,
						       .sport = 7,
						       .reuseport = true},
						.peer = A4}};
	struct send_arg w = SEND_UDP(ADDR_RESOLVER, 7);
	struct sender *open, *connected;
	struct trap_run *t;

	(void)state;
	open_space();
	open = receiver_start(&list[0]);
	connected = receiver_start(&list[1]);
	t = trap_start("--in", "-u", ADDR_RESOLVER ":7", NULL);
	space_run(&a, send_one, &w, NULL);
	expect_receiver(trap_event(t), open->pid);
	w.sport = 7000;
	w.from = A4;
	space_run(&a, send_one, &w, NULL);
	expect_receiver(trap_event(t), connected->pid);
	trap_expect_end(t);
}

/* Which of them will have it the port does not say. */
static void several_at_one_port(void **state)
{
	struct receiver r =
		AT(SOCK_STREAM, A4, ADDR_RESOLVER, .reuseport = true);
	struct trap_run *t;

	(void)state;
	open_space();
	for (int i = 0; i < 4; i++) {
		r.at.type = i < 2 ? SOCK_STREAM : SOCK_DGRAM;
		receiver_start(&r);
	}
	t = trap_start("--in", "-c", "-t", ADDR_RESOLVER ":7", "-u",
		       ADDR_RESOLVER ":7", NULL);
	for (int i = 0; i < 2; i++) {
		struct send_arg w = SEND_TCP(ADDR_RESOLVER, 7);
		json_t *e;

		w.type = i ? SOCK_DGRAM : SOCK_STREAM;
		assert_int_equal(space_run(&a, send_one, &w, NULL).err, 0);
		e = trap_event(t);
		expect_grade(e, "twins");
		expect_nobody(e);
		assert_int_equal(json_array_size(event_get(e, "ptrap.twins")),
				 2);
	}
	trap_expect_end(t);
}

static void nobody_is_there(void **state)
{
	const struct send_arg w = SEND_UDP(ADDR_RESOLVER, 9);
	struct trap_run *t;
	json_t *e;

	(void)state;
	open_space();
	t = trap_start("--in", "-u", ADDR_RESOLVER ":9", NULL);
	space_run(&a, send_one, &w, NULL);
	e = trap_event(t);
	expect_text(e, "network.direction", "ingress");
	expect_grade(e, "unknown");
	expect_nobody(e);
	trap_expect_end(t);
}

/* Each of many datagrams is looked up, and told once. */
static void many_datagrams(void **state)
{
	static const struct receiver r = AT(SOCK_DGRAM, A4, ADDR_RESOLVER);
	const struct send_arg w = SEND_UDP(ADDR_RESOLVER, 7);
	struct trap_run *t;
	struct sender *s, *c;

	(void)state;
	open_space();
	s = receiver_start(&r);
	t = trap_start("--in", "-u", ADDR_RESOLVER ":7", NULL);
	space_run(&a, send_one, &w, &c);
	expect_receiver(trap_event(t), s->pid);
	for (int i = 0; i < 50; i++) {
		sender_go(c);
		assert_int_equal(sender_report(c).err, 0);
	}
	trap_expect_end(t);
	assert_non_null(text_find_line(&t->err_text, "packets   51 received"));
}

/* Nobody may take the one named for the one who sent. */
static void text_says_to(void **state)
{
	static const struct receiver r = AT(SOCK_DGRAM, A4, ADDR_RESOLVER);
	const struct send_arg w = SEND_UDP(ADDR_RESOLVER, 7);
	struct trap_run *t;
	struct sender *s;
	char name[64];
	char *line;

	(void)state;
	open_space();
	s = receiver_start(&r);
	t = trap_spawn(NULL, "--in", "-u", ADDR_RESOLVER ":7", NULL);
	assert_true(trap_ready(t));
	space_run(&a, send_one, &w, NULL);
	line = trap_next_line(t, WAIT_MS);
	snprintf(name, sizeof(name), "  to test_in[%d]", s->pid);
	assert_non_null(line);
	assert_non_null(strstr(line, name));
	line = trap_next_line(t, WAIT_MS);
	assert_non_null(strstr(line, "incoming"));
	trap_stop(t, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(all_ways_to_be_bound),	 e2e_test(ipv6),
		e2e_test(connection_of_a_child), e2e_test(connected_datagrams),
		e2e_test(several_at_one_port),	 e2e_test(nobody_is_there),
		e2e_test(many_datagrams),	 e2e_test(text_says_to),
	};

	return e2e_main("in", tests, sizeof(tests) / sizeof(tests[0]));
}
