/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hunt: who sent it, told right, while the packet is held. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

/* The kernel's word on a living process: what the event must say. */
static void expect_identity(const json_t *e, pid_t pid)
{
	char path[64], exe[512] = "", args[1024] = "";
	json_t *argv = event_get(e, "process.args");
	const char *name;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	assert_true(n > 0);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, args, sizeof(args) - 1);
	close(fd);
	assert_true(n > 0);
	name = strrchr(exe, '/') + 1;
	expect_text(e, "process.executable", exe);
	assert_int_equal(strncmp(event_text(e, "process.name"), name,
				 strlen(event_text(e, "process.name"))),
			 0);
	assert_string_equal(json_string_value(json_array_get(argv, 0)), args);
	expect_text(e, "user.id", "0");
	expect_int(e, "process.parent.pid", getpid());
	assert_true(event_lists_pid(e, "ptrap.ancestors", getpid()));
	assert_true(event_lists_pid(e, "ptrap.ancestors", 1));
	assert_true(json_is_true(event_get(e, "ptrap.alive")));
}

static void expect_flow(const json_t *e, const char *transport,
			const char *family, const char *dst, uint16_t port,
			uint16_t sport)
{
	expect_text(e, "network.transport", transport);
	expect_text(e, "network.type", family);
	expect_text(e, "network.direction", "egress");
	expect_text(e, "destination.ip", dst);
	expect_int(e, "destination.port", port);
	expect_int(e, "source.port", sport);
	expect_text(e, "event.action", "released");
	assert_int_equal(
		strncmp(event_text(e, "network.community_id"), "1:", 2), 0);
}

static void tcp_blocking_connect_is_proved(void **state)
{
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 80);
	struct trap_run *t = trap_start("-t", ADDR_RESOLVER ":80", NULL);
	struct report r;
	struct sender *s;
	json_t *e;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	r = sender_run(send_one, &a, &s);
	assert_int_equal(r.err, 0);
	e = trap_event(t);
	expect_sender(e, s->pid, s->pid, "proved");
	expect_text(e, "ptrap.method",
		    e2e_sees_connects() ? "witness" : "connect");
	expect_flow(e, "tcp", "ipv4", ADDR_RESOLVER, 80, r.sport);
	expect_identity(e, s->pid);
	expect_int(e, "event.sequence", 1);
	trap_expect_end(t);
}

static void tcp_nonblocking_connect_is_holder(void **state)
{
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 80, .nonblock = true);
	struct trap_run *t = trap_start("-t", ADDR_RESOLVER ":80", NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	assert_int_equal(sender_run(send_one, &a, &s).err, 0);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, e2e_sees_connects() ? "proved" : "holder");
	expect_text(e, "ptrap.method",
		    e2e_sees_connects() ? "witness" : "sweep");
	expect_identity(e, s->pid);
	trap_expect_end(t);
}

static void udp_case(struct send_arg *a, const char *target)
{
	struct trap_run *t = trap_start("-u", target, NULL);
	struct report r;
	struct sender *s;
	json_t *e;

	a->reply = true;
	server_udp(strncmp(a->to, "::ffff:", 7) ? a->to : a->to + 7, a->port);
	r = sender_run(send_one, a, &s);
	assert_int_equal(r.err, 0);
	assert_true(r.n > 0);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_flow(e, "udp", strncmp(target, "[", 1) ? "ipv4" : "ipv6",
		    strncmp(a->to, "::ffff:", 7) ? a->to : a->to + 7, a->port,
		    r.sport);
	expect_identity(e, s->pid);
	trap_expect_end(t);
}

static void udp_unconnected(void **state)
{
	(void)state;
	udp_case(&(struct send_arg)SEND_UDP(ADDR_RESOLVER, 53),
		 ADDR_RESOLVER ":53");
}

static void udp_connected(void **state)
{
	(void)state;
	udp_case(&(struct send_arg)SEND_UDP(ADDR_RESOLVER, 53,
					    .connected = true),
		 ADDR_RESOLVER ":53");
}

static void udp_bound(void **state)
{
	(void)state;
	udp_case(&(struct send_arg)SEND_UDP(ADDR_RESOLVER, 53,
					    .from = ADDR_CLIENT, .sport = 4444),
		 ADDR_RESOLVER ":53");
}

static void udp_v4_mapped(void **state)
{
	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	udp_case(&(struct send_arg)SEND_UDP("::ffff:" ADDR_RESOLVER, 53),
		 ADDR_RESOLVER ":53");
}

static void udp_v6(void **state)
{
	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	udp_case(&(struct send_arg)SEND_UDP(ADDR6, 53), "[" ADDR6 "]:53");
	udp_case(&(struct send_arg)SEND_UDP(ADDR6, 54, .connected = true),
		 "[" ADDR6 "]:54");
}

static void tcp_v6_and_mapped(void **state)
{
	struct send_arg mapped = SEND_TCP("::ffff:" ADDR_RESOLVER, 80);
	struct send_arg six = SEND_TCP(ADDR6, 80);
	struct trap_run *t;
	struct sender *s;

	(void)state;
	if (!e2e_has_ipv6())
		SKIP("no IPv6");
	t = trap_start("-t", ADDR_RESOLVER ":80", "[" ADDR6 "]:80", NULL);
	server_tcp(ADDR_RESOLVER, 80);
	server_tcp(ADDR6, 80);
	sender_run(send_one, &mapped, &s);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	sender_run(send_one, &six, &s);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	trap_expect_end(t);
}

static void thread_is_named(void **state)
{
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 80, .thread = true);
	struct trap_run *t = trap_start("-t", ADDR_RESOLVER ":80", NULL);
	struct report r;
	struct sender *s;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	r = sender_run(send_one, &a, &s);
	assert_int_not_equal(r.tid, s->pid);
	expect_sender(trap_event(t), s->pid, r.tid, "proved");
	trap_expect_end(t);
}

static void dns_question_is_told_once(void **state)
{
	struct send_arg a = SEND_UDP(ADDR_RESOLVER, 53,
				     .ask = "www.example.org", .reply = true);
	struct trap_run *t = trap_start("-u", ADDR_RESOLVER ":53", NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	sender_run(send_one, &a, &s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	expect_text(e, "dns.question.name", "www.example.org");
	expect_text(e, "dns.question.type", "A");
	sender_go(s);
	assert_true(sender_report(s).n > 0);
	trap_expect_end(t);
}

static const char *const names[] = {"first.test", "second.test"};

/* One socket, two questions. */
static void ask_two(struct stage *st, const void *arg)
{
	struct send_arg a = SEND_UDP(ADDR_RESOLVER, 53, .connected = true);
	struct sockaddr_storage ss;
	socklen_t len = make_address(a.to, a.port, &ss);
	int fd = open_socket(&a);
	struct report r = {0};
	char buf[512];

	(void)arg;
	if (connect(fd, (void *)&ss, len))
		_exit(90);
	for (int i = 0; i < 2; i++) {
		a.ask = names[i];
		r.err = send_datagram(fd, &a);
		r.n = recv(fd, buf, sizeof(buf), 0);
		stage_report(st, &r);
		stage_wait(st);
	}
}

static void second_question_has_no_command(void **state)
{
	struct trap_run *t =
		trap_start("-u", ADDR_RESOLVER ":53", "-e", "echo ran", NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	sender_run(ask_two, NULL, &s);
	e = trap_event(t);
	expect_text(e, "dns.question.name", names[0]);
	expect_int(e, "ptrap.hook.status", 0);
	sender_go(s);
	sender_report(s);
	e = trap_event(t);
	expect_text(e, "dns.question.name", names[1]);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	assert_true(event_int(e, "ptrap.hook.status") == -1);
	assert_null(strstr(event_text(e, "ptrap.hook.output"), "ran"));
	trap_expect_end(t);
}

static void new_takes_only_the_syn(void **state)
{
	struct send_arg a = SEND_TCP(ADDR_RESOLVER, 80);
	struct trap_run *t = trap_start("-t", "-c", ADDR_RESOLVER, NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	assert_int_equal(sender_run(send_one, &a, &s).err, 0);
	e = trap_event(t);
	expect_sender(e, s->pid, s->pid, "proved");
	sender_go(s);
	sender_report(s);
	assert_int_equal(queue_last_id(), 1);
	trap_expect_end(t);
}

static void once_ends_after_the_first(void **state)
{
	struct send_arg a = SEND_UDP(ADDR_RESOLVER, 53, .reply = true);
	struct trap_run *t = trap_start("-1", "-u", ADDR_RESOLVER ":53", NULL);
	struct sender *s;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	assert_true(sender_run(send_one, &a, &s).n > 0);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	assert_int_equal(trap_wait(t), 0);
	assert_null(trap_next_line(t, 0));
	assert_true(nothing_left(NULL));
}

static void count_ends_after_so_many(void **state)
{
	struct send_arg a = SEND_UDP(ADDR_RESOLVER, 53, .reply = true);
	struct trap_run *t =
		trap_start("-C", "3", "-u", ADDR_RESOLVER ":53", NULL);
	struct sender *s;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	for (int i = 1; i <= 3; i++) {
		json_t *e;

		sender_run(send_one, &a, &s);
		e = trap_event(t);
		expect_sender(e, s->pid, 0, seen_or("holder"));
		expect_int(e, "event.sequence", i);
	}
	assert_int_equal(trap_wait(t), 0);
}

static void nothing_caught_is_status_1(void **state)
{
	struct trap_run *t = trap_start("--for", "1", "-u", "any", NULL);

	(void)state;
	assert_int_equal(trap_wait(t), 1);
	assert_null(trap_next_line(t, 0));
	assert_true(nothing_left(NULL));
}

static void many_targets(void **state)
{
	static const struct {
		int type;
		const char *to;
		uint16_t port;
		bool caught;
	} cases[] = {
		{SOCK_DGRAM, ADDR_RESOLVER, 53, true},
		{SOCK_DGRAM, ADDR_RESOLVER, 54, false},
		{SOCK_DGRAM, ADDR_OTHER, 8443, false},
		{SOCK_STREAM, ADDR_OTHER, 8443, true},
		{SOCK_STREAM, ADDR_OTHER, 8442, true},
		{SOCK_STREAM, ADDR_OTHER, 8444, false},
		{SOCK_STREAM, ADDR_RESOLVER, 8443, false},
		{SOCK_DGRAM, ADDR_CLIENT, 53, true},
	};
	struct trap_run *t =
		trap_start("-u", ":53", "-t", "10.0.0.0/8:8442-8443", NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct send_arg a = {cases[i].type, cases[i].to, cases[i].port,
				     .reply = cases[i].type == SOCK_DGRAM};
		struct sender *s;
		json_t *e;

		server_start(&(struct server_arg){a.type, a.to, a.port, 0});
		assert_int_equal(sender_run(send_one, &a, &s).err, 0);
		if (!cases[i].caught)
			continue;
		e = trap_event(t);
		expect_sender(e, s->pid, 0,
			      a.reply ? seen_or("holder") : "proved");
		expect_text(e, "destination.ip", a.to);
		expect_int(e, "destination.port", a.port);
	}
	trap_expect_end(t);
}

static void any_and_host_name(void **state)
{
	struct send_arg a = SEND_TCP("127.0.0.1", 80);
	struct trap_run *t = trap_start("any", NULL);
	struct sender *s;

	(void)state;
	server_tcp("127.0.0.1", 80);
	sender_run(send_one, &a, &s);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	trap_stop(t, SIGTERM);
	t = trap_start("-t", "localhost:80", NULL);
	sender_run(send_one, &a, &s);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	trap_expect_end(t);
}

/* ptrap -u -i 192.168.1.1 -p 53 -e "..." and ptrap -t -c -i 192.168.1.1 ... */
static void old_spelling(void **state)
{
	struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53, .reply = true);
	struct send_arg tcp = SEND_TCP(ADDR_RESOLVER, 80);
	struct trap_run *t = trap_start("-u", "-i", ADDR_RESOLVER, "-p", "53",
					"-e", "echo pid", NULL);
	char expected[32];
	struct sender *s;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	server_tcp(ADDR_RESOLVER, 80);
	sender_run(send_one, &udp, &s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	snprintf(expected, sizeof(expected), "pid %d\n", s->pid);
	expect_text(e, "ptrap.hook.output", expected);
	trap_expect_end(t);
	t = trap_start("-t", "-c", ADDR_RESOLVER, "-e", "ps -o comm=", NULL);
	sender_run(send_one, &tcp, &s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, "proved");
	assert_int_equal(strncmp(event_text(e, "ptrap.hook.output"),
				 event_text(e, "process.name"), 4),
			 0);
	trap_expect_end(t);
}

/* A client that lives for milliseconds, and has its own name and arguments. */
static void short_lived_client(void **state)
{
	struct trap_run *t;
	struct text out = {0};
	json_t *e, *args;

	(void)state;
	if (run_command(NULL, "dig", "-v", NULL))
		SKIP("no dig");
	t = trap_start("-u", ADDR_RESOLVER ":53", "-e",
		       "f() { tr '\\0' ' ' </proc/$1/cmdline; }; f", NULL);
	server_udp(ADDR_RESOLVER, 53);
	run_command(&out, "dig", "+tries=1", "+time=20", "@" ADDR_RESOLVER,
		    "example.org", NULL);
	assert_non_null(strstr(out.mem, "status: NOERROR"));
	text_free(&out);
	e = trap_event(t);
	expect_grade(e, seen_or("holder"));
	expect_text(e, "process.name", "dig");
	expect_text(e, "dns.question.name", "example.org");
	args = event_get(e, "process.args");
	assert_string_equal(json_string_value(json_array_get(args, 4)),
			    "example.org");
	expect_int(e, "process.parent.pid", getpid());
	assert_non_null(strstr(event_text(e, "ptrap.hook.output"),
			       "@" ADDR_RESOLVER " example.org"));
	trap_expect_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(tcp_blocking_connect_is_proved),
		e2e_test(tcp_nonblocking_connect_is_holder),
		e2e_test(udp_unconnected),
		e2e_test(udp_connected),
		e2e_test(udp_bound),
		e2e_test(udp_v4_mapped),
		e2e_test(udp_v6),
		e2e_test(tcp_v6_and_mapped),
		e2e_test(thread_is_named),
		e2e_test(dns_question_is_told_once),
		e2e_test(second_question_has_no_command),
		e2e_test(new_takes_only_the_syn),
		e2e_test(once_ends_after_the_first),
		e2e_test(count_ends_after_so_many),
		e2e_test(nothing_caught_is_status_1),
		e2e_test(many_targets),
		e2e_test(any_and_host_name),
		e2e_test(old_spelling),
		e2e_test(short_lived_client),
	};

	return e2e_main("hunt", tests, sizeof(tests) / sizeof(tests[0]));
}
