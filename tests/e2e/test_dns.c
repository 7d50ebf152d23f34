/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS: who asks for which name, over UDP and TCP. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define MESSAGE_MAX 512
#define CLIENTS_MAX 8

/* Sends back what has come, as it came; closes what has come to its end. */
static void echo(int *fd)
{
	char buf[2048];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n > 0 && send(*fd, buf, (size_t)n, MSG_NOSIGNAL) == n)
		return;
	close(*fd);
	*fd = -1;
}

/* A server of DNS over TCP for a few clients. */
static void serve_stream(struct stage *st, const void *arg)
{
	const struct server_arg *a = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->addr, a->port, &ss);
	struct pollfd p[CLIENTS_MAX + 1] = {
		{socket(ss.ss_family, SOCK_STREAM, 0), POLLIN, 0}};
	nfds_t n = 1;

	if (bind(p[0].fd, (void *)&ss, len) || listen(p[0].fd, 64))
		_exit(94);
	stage_ready(st, 0);
	while (poll(p, n, -1) > 0) {
		for (nfds_t i = 1; i < n; i++)
			if (p[i].revents)
				echo(&p[i].fd);
		if (p[0].revents && n <= CLIENTS_MAX)
			p[n++] = (struct pollfd){accept(p[0].fd, NULL, NULL),
						 POLLIN, 0};
	}
}

static void server_stream(const char *addr, uint16_t port)
{
	static struct server_arg a;

	a = (struct server_arg){SOCK_STREAM, addr, port, 0};
	sender_run(serve_stream, &a, NULL);
}

/* What a client asks, one string a message: names with blanks between them. */
struct ask_arg {
	int type;
	const char *to;
	uint16_t port;
	const char *const *messages; /* up to a NULL */
	bool split;		     /* tcp: each length in a segment alone */
};

/* Each name's question, behind its length where it is for TCP. */
static size_t make_message(const struct ask_arg *a, const char *names,
			   uint8_t buf[MESSAGE_MAX])
{
	char mem[256], *save = NULL;
	size_t len = 0;

	strncpy(mem, names, sizeof(mem) - 1);
	for (char *p = strtok_r(mem, " ", &save); p;
	     p = strtok_r(NULL, " ", &save)) {
		uint8_t one[MESSAGE_MAX];
		size_t n = dns_question(p, one);

		if (a->type == SOCK_STREAM) {
			buf[len++] = (uint8_t)(n >> 8);
			buf[len++] = (uint8_t)n;
		}
		memcpy(buf + len, one, n);
		len += n;
	}
	return len;
}

static bool exchange(int fd, const uint8_t *msg, size_t len)
{
	struct pollfd p = {fd, POLLIN, 0};
	uint8_t buf[2048];

	return send(fd, msg, len, MSG_NOSIGNAL) == (ssize_t)len &&
	       poll(&p, 1, WAIT_MS) == 1 && recv(fd, buf, sizeof(buf), 0) > 0;
}

/* One socket; after each answered message a report (r.n: 1), then it waits to
 * be let go on. */
static void ask_all(struct stage *st, const void *arg)
{
	const struct ask_arg *a = arg;
	struct send_arg how = {.type = a->type, .to = a->to, .port = a->port};
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->to, a->port, &ss);
	int fd = open_socket(&how);
	uint8_t msg[MESSAGE_MAX];

	if (connect(fd, (void *)&ss, len))
		_exit(90);
	for (size_t i = 0; a->messages[i]; i++) {
		struct report r = {.sport = local_port(fd)};
		size_t n = make_message(a, a->messages[i], msg);
		size_t head = a->split ? 2 : 0;

		r.n = (!head || exchange(fd, msg, head)) &&
		      exchange(fd, msg + head, n - head);
		stage_report(st, &r);
		stage_wait(st);
	}
}

#define ASK(kind, addr, number, ...)         \
	(&(struct ask_arg){.type = (kind),   \
			   .to = (addr),     \
			   .port = (number), \
			   .messages =       \
				   (const char *const[]){__VA_ARGS__, NULL}})

static struct sender *start_asking(const struct ask_arg *a)
{
	struct sender *s;

	assert_int_equal(sender_run(ask_all, a, &s).n, 1);
	return s;
}

static void ask_next(struct sender *s)
{
	sender_go(s);
	assert_int_equal(sender_report(s).n, 1);
}

static void expect_question(const json_t *e, const char *name)
{
	expect_text(e, "dns.question.name", name);
	expect_text(e, "dns.question.type", "A");
}

static void expect_no_command(const json_t *e)
{
	assert_true(json_is_null(event_get(e, "ptrap.hook")));
}

/* The SYN has the flow's event; each further question one without a command. */
static void tcp_question_is_an_event(void **state)
{
	struct trap_run *t =
		trap_start("-t", ADDR_RESOLVER ":53", "-e", "echo ran", NULL);
	struct sender *s;
	json_t *e, *q;

	(void)state;
	server_stream(ADDR_RESOLVER, 53);
	s = start_asking(ASK(SOCK_STREAM, ADDR_RESOLVER, 53, "one.test",
			     "one.test", "ONE.test two.test"));
	e = trap_event(t);
	expect_sender(e, s->pid, s->pid, "proved");
	assert_null(event_get(e, "dns"));
	expect_int(e, "ptrap.hook.status", 0);
	e = trap_event(t);
	expect_question(e, "one.test");
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_no_command(e);
	ask_next(s); /* the same once more: no event */
	ask_next(s);
	e = trap_event(t);
	expect_question(e, "ONE.test");
	q = json_array_get(event_get(e, "ptrap.questions"), 1);
	expect_text(q, "name", "two.test");
	expect_no_command(e);
	trap_expect_end(t);
}

static void new_sees_no_tcp_question(void **state)
{
	struct trap_run *t = trap_start("-c", "-t", ADDR_RESOLVER ":53", NULL);
	struct sender *s;

	(void)state;
	server_stream(ADDR_RESOLVER, 53);
	s = start_asking(ASK(SOCK_STREAM, ADDR_RESOLVER, 53, "one.test"));
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	assert_int_equal(queue_last_id(), 1);
	trap_expect_end(t);
}

/* While a command holds the question that fits, the others have their answers:
 * they are not held, not looked up, and never told. */
static void other_names_pass_at_once(void **state)
{
	struct ask_arg *evil =
		ASK(SOCK_DGRAM, ADDR_RESOLVER, 53, "evil.example");
	struct trap_run *t;
	struct sender *s;
	struct gate g;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	gate_open(&g);
	t = trap_start("-u", ADDR_RESOLVER ":53", "--name", "evil.example",
		       "-s", "60000", "-e", g.command, NULL);
	s = sender_start(ask_all, evil);
	assert_int_equal(gate_wait(&g), s->pid);
	start_asking(ASK(SOCK_DGRAM, ADDR_RESOLVER, 53, "good.example",
			 "evil.example.org"));
	start_asking(ASK(SOCK_DGRAM, ADDR_RESOLVER, 53, "notevil.example"));
	assert_false(sender_has_report(s, 0));
	gate_release(&g);
	assert_int_equal(sender_report(s).n, 1);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_question(e, "evil.example");
	expect_int(e, "ptrap.hook.status", 0);
	gate_close(&g);
	trap_expect_end(t);
	assert_non_null(strstr(t->err_text.mem, "2 not asking for a --name"));
}

/* Without a target: port 53, UDP and TCP; subdomains, and whatever case. */
static void name_alone_is_enough(void **state)
{
	struct trap_run *t = trap_start("--name", "evil.example", "--name",
					"*.bad.example", NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	server_stream(ADDR_OTHER, 53);
	s = start_asking(
		ASK(SOCK_DGRAM, ADDR_RESOLVER, 53, "wWw.eViL.ExamplE"));
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_question(e, "wWw.eViL.ExamplE");
	start_asking(ASK(SOCK_DGRAM, ADDR_RESOLVER, 53, "bad.example"));
	start_asking(ASK(SOCK_STREAM, ADDR_OTHER, 53, "bad.example"));
	s = start_asking(ASK(SOCK_STREAM, ADDR_OTHER, 53, "x.bad.example"));
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_question(e, "x.bad.example");
	trap_expect_end(t);
}

/* The SYN asks for nothing; the segment that does makes the event, and one
 * command. */
static void name_over_tcp(void **state)
{
	struct trap_run *t = trap_start("-t", ADDR_RESOLVER ":53", "--name",
					"evil.example", "-e", "echo", NULL);
	char pid[16];
	struct sender *s;
	json_t *e;

	(void)state;
	server_stream(ADDR_RESOLVER, 53);
	s = start_asking(ASK(SOCK_STREAM, ADDR_RESOLVER, 53, "good.example",
			     "good.example evil.example", "evil.example",
			     "a.evil.example"));
	ask_next(s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_question(e, "good.example"); /* what else is in the segment */
	snprintf(pid, sizeof(pid), "%d\n", s->pid);
	expect_text(e, "ptrap.hook.output", pid);
	ask_next(s); /* asked before */
	ask_next(s);
	e = trap_event(t);
	expect_question(e, "a.evil.example");
	expect_no_command(e);
	trap_expect_end(t);
}

/* A length that travels alone: what is left is no message that we can read. */
static void split_question_is_not_read(void **state)
{
	struct trap_run *t = trap_start("--name", "evil.example", NULL);
	struct ask_arg *a = ASK(SOCK_STREAM, ADDR_RESOLVER, 53, "evil.example",
				"evil.example");
	struct sender *s;

	(void)state;
	server_stream(ADDR_RESOLVER, 53);
	a->split = true;
	start_asking(a);
	a->split = false;
	s = start_asking(a);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	trap_expect_end(t);
}

/* What goes to a target is read as DNS, whatever its port. */
static void name_at_another_port(void **state)
{
	struct trap_run *t =
		trap_start("-1", ":5335", "--name", "evil.example", NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	server_udp(ADDR_RESOLVER, 5335);
	start_asking(ASK(SOCK_DGRAM, ADDR_RESOLVER, 53, "evil.example"));
	start_asking(ASK(SOCK_DGRAM, ADDR_RESOLVER, 5335, "good.example"));
	s = start_asking(ASK(SOCK_DGRAM, ADDR_RESOLVER, 5335, "evil.example"));
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_question(e, "evil.example");
	expect_int(e, "event.sequence", 1);
	assert_int_equal(trap_wait(t), 0);
}

/* A stub: what it is asked at one address it asks at another, from a socket of
 * its own, and gives the answer back. */
static void serve_stub(struct stage *st, const void *arg)
{
	struct send_arg up = SEND_UDP(ADDR_RESOLVER, 53);
	struct sockaddr_storage ss, from;
	socklen_t len = make_address(arg, 53, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), to = open_socket(&up);
	uint8_t buf[MESSAGE_MAX];
	ssize_t n;

	if (bind(fd, (void *)&ss, len))
		_exit(94);
	len = make_address(up.to, up.port, &ss);
	if (connect(to, (void *)&ss, len))
		_exit(90);
	stage_ready(st, 0);
	while (len = sizeof(from), (n = recvfrom(fd, buf, sizeof(buf), 0,
						 (void *)&from, &len)) > 0) {
		send(to, buf, (size_t)n, 0);
		n = recv(to, buf, sizeof(buf), 0);
		if (n > 0)
			sendto(fd, buf, (size_t)n, 0, (void *)&from, len);
	}
}

/* At the upstream's address the stub is found, and says so; at the stub's own
 * the asker, who is none. */
static void stub_and_its_asker(void **state)
{
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER ":53", NULL);
	struct sender *stub, *asker, *direct;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	sender_run(serve_stub, "127.0.0.53", &stub);
	start_asking(ASK(SOCK_DGRAM, "127.0.0.53", 53, "one.test"));
	e = trap_event(t);
	expect_sender(e, stub->pid, 0, seen_or("holder"));
	expect_text(e, "ptrap.dns_stub.address", "127.0.0.53");
	expect_int(e, "ptrap.dns_stub.port", 53);
	assert_non_null(strstr(event_text(e, "ptrap.dns_stub.hint"),
			       "-u 127.0.0.53:53"));
	direct = start_asking(ASK(SOCK_DGRAM, ADDR_RESOLVER, 53, "two.test"));
	e = trap_event(t);
	expect_sender(e, direct->pid, 0, seen_or("holder"));
	assert_null(event_get(e, "ptrap.dns_stub"));
	trap_expect_end(t);

	t = trap_start("-u", "127.0.0.53:53", "--name", "three.test", NULL);
	asker = start_asking(ASK(SOCK_DGRAM, "127.0.0.53", 53, "three.test"));
	e = trap_event(t);
	expect_sender(e, asker->pid, 0, seen_or("holder"));
	assert_null(event_get(e, "ptrap.dns_stub"));
	trap_expect_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(tcp_question_is_an_event),
		e2e_test(new_sees_no_tcp_question),
		e2e_test(other_names_pass_at_once),
		e2e_test(name_alone_is_enough),
		e2e_test(name_over_tcp),
		e2e_test(split_question_is_not_read),
		e2e_test(name_at_another_port),
		e2e_test(stub_and_its_asker),
	};

	return e2e_main("dns", tests, sizeof(tests) / sizeof(tests[0]));
}
