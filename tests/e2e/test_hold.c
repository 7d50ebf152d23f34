/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hold: its limit, whatever happens, and what many packets do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

#define UDP_TARGET ADDR_RESOLVER ":53"
#define TCP_TARGET ADDR_RESOLVER ":80"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53, .reply = true);
static const struct send_arg tcp = SEND_TCP(ADDR_RESOLVER, 80);

/* A counter of the namespace's TCP; 0 where the kernel has none such. */
static unsigned long tcp_counter(const char *name)
{
	char names[8192] = "", values[8192] = "", *n, *v, *nn, *vv;
	FILE *f = fopen("/proc/thread-self/net/netstat", "re");
	unsigned long value = 0;

	assert_non_null(f);
	assert_non_null(fgets(names, sizeof(names), f));
	assert_non_null(fgets(values, sizeof(values), f));
	fclose(f);
	n = strtok_r(names, " \n", &nn);
	v = strtok_r(values, " \n", &vv);
	for (; n && v;
	     n = strtok_r(NULL, " \n", &nn), v = strtok_r(NULL, " \n", &vv))
		if (!strcmp(n, name))
			value = strtoul(v, NULL, 10);
	return value;
}

/* The SYN was queued again, or the kernel saw that its first is still here. */
static bool was_retransmitted(void *data)
{
	(void)data;
	return queue_last_id() > 1 ||
	       tcp_counter("TCPSpuriousRtxHostQueues") > 0;
}

static void retransmits_join(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;
	json_t *e;

	(void)state;
	gate_open(&g);
	t = trap_start("-t", "-c", TCP_TARGET, "-s", "25000", "-e", g.command,
		       "--exec-time", "60000", NULL);
	server_tcp(ADDR_RESOLVER, 80);
	s = sender_start(send_one, &tcp);
	gate_wait(&g);
	wait_for(was_retransmitted, NULL);
	assert_false(gate_came(&g, 50));
	assert_false(sender_has_report(s, 0));
	gate_release(&g);
	assert_int_equal(sender_report(s).err, 0);
	e = trap_event(t);
	expect_sender(e, s->pid, s->pid, "proved");
	assert_true(event_int(e, "ptrap.held_us") >= 900000);
	trap_expect_end(t);
	gate_close(&g);
}

/* A resolver's habit: A and AAAA from one socket, and A again. */
static void ask_thrice(struct stage *st, const void *arg)
{
	struct send_arg a = udp;
	int fd = open_socket(&a);
	struct report r = {0};

	(void)arg;
	a.ask = "first.test";
	r.err = send_datagram(fd, &a);
	stage_report(st, &r);
	stage_wait(st);
	a.ask = "second.test";
	r.err |= send_datagram(fd, &a);
	a.ask = "first.test";
	r.err |= send_datagram(fd, &a);
	stage_report(st, &r);
	stage_wait(st);
}

static bool three_came(void *data)
{
	(void)data;
	return queue_last_id() == 3;
}

static void questions_join_while_held(void **state)
{
	struct trap_run *t;
	struct sender *s;
	struct gate g;
	json_t *e, *list;

	(void)state;
	gate_open(&g);
	server_udp(ADDR_RESOLVER, 53);
	t = trap_start("-u", UDP_TARGET, "-s", "25000", "-e", g.command, NULL);
	sender_run(ask_thrice, NULL, &s);
	gate_wait(&g);
	sender_go(s);
	assert_int_equal(sender_report(s).err, 0);
	wait_for(three_came, NULL);
	assert_false(gate_came(&g, 50));
	gate_release(&g);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, seen_or("holder"));
	list = event_get(e, "ptrap.questions");
	assert_int_equal(json_array_size(list), 2);
	expect_text(json_array_get(list, 0), "name", "first.test");
	expect_text(json_array_get(list, 1), "name", "second.test");
	trap_expect_end(t);
	gate_close(&g);
}

/* Lets the loop's thread run to its next system call that opens something, as
 * one does that looks somebody up, and keeps it there. */
static void stall_at_open(pid_t pid)
{
	struct __ptrace_syscall_info info;
	int status;

	for (;;) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, __WALL), pid);
		assert_true(WIFSTOPPED(status));
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY &&
		    (info.entry.nr == SYS_openat ||
		     info.entry.nr == SYS_readlinkat))
			return;
	}
}

static void seize(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD),
			 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
}

/* One thread stands still, as at a file system that has stopped answering. */
static void guardian_keeps_the_limit(void **state)
{
	/* By default the witness needs nothing of /proc before the verdict. */
	struct trap_run *t = trap_start("-s", "1000", "-u", UDP_TARGET, "-t",
					TCP_TARGET, "--hold-all", NULL);
	struct sender *s, *other;
	struct report r;
	json_t *e;

	(void)state;
	server_udp(ADDR_RESOLVER, 53);
	server_tcp(ADDR_RESOLVER, 80);
	seize(t->pid);
	s = sender_start(send_one, &udp);
	stall_at_open(t->pid);
	other = sender_start(send_one, &tcp);
	assert_true(sender_report(s).n > 0);
	r = sender_report(other);
	assert_int_equal(r.err, 0);
	assert_true(r.end_ns - r.start_ns < 2500000000LL * e2e_slow());
	assert_int_equal(ptrace(PTRACE_DETACH, t->pid, NULL, NULL), 0);
	/* It was the guardian; and the loop goes on as if nothing had been. */
	e = trap_event(t);
	expect_text(e, "network.transport", "udp");
	assert_true(json_is_true(event_get(e, "ptrap.expired")));
	s = sender_start(send_one, &tcp);
	assert_int_equal(sender_report(s).err, 0);
	do {
		e = trap_event(t);
	} while (event_int(e, "process.pid") != s->pid);
	assert_int_equal(trap_stop(t, SIGTERM), 0);
}

/* One socket, n datagrams of 1,000 bytes, nobody answers. */
/* n below zero: with a send buffer that holds them all. */
static void flood(struct stage *st, const void *arg)
{
	int n = abs(*(const int *)arg);
	struct report r = {.start_ns = now_ns()};
	struct sockaddr_storage ss;
	socklen_t len = make_address(ADDR_RESOLVER, 53, &ss);
	int fd = open_socket(&udp), big = 256 << 20;
	char buf[1000] = "";

	if (*(const int *)arg < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	for (int i = 0; i < n; i++)
		r.n += sendto(fd, buf, sizeof(buf), 0, (void *)&ss, len) > 0;
	r.end_ns = now_ns();
	stage_report(st, &r);
	stage_wait(st);
}

struct received {
	struct sender *server;
	long long n;
};

static bool has_received(void *data)
{
	struct received *r = data;

	sender_go(r->server);
	return sender_report(r->server).n >= r->n;
}

/* kB, from /proc/PID/status; 0. */
static unsigned long status_kb(pid_t pid, const char *key)
{
	unsigned long kb = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = strtoul(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

static void expect_small(pid_t pid)
{
	/* A sanitizer's shadow takes terabytes; no figure then. */
	if (status_kb(pid, "VmPeak:") > 1UL << 30)
		return;
	assert_in_range(status_kb(pid, "VmHWM:"), 1, 16384);
}

static struct sender *counting_server(void)
{
	return server_start(
		&(struct server_arg){SOCK_DGRAM, ADDR_RESOLVER, 53, true});
}

static void one_way_flood(void **state)
{
	int n = e2e_slow() > 1 ? 2500 : 25000;
	struct received got = {counting_server(), n};
	struct trap_run *t =
		trap_start("-u", UDP_TARGET, "-t", TCP_TARGET, NULL);
	struct sender *s, *other;
	struct report r;
	json_t *e;
	int events = 0;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	s = sender_start(flood, &n);
	expect_sender(trap_event(t), s->pid, 0, seen_or("holder"));
	/* Another flow meanwhile. */
	r = sender_run(send_one, &tcp, &other);
	assert_int_equal(r.err, 0);
	assert_true(r.end_ns - r.start_ns < 400000000LL * e2e_slow());
	assert_int_equal(sender_report(s).n, n);
	wait_for(has_received, &got);
	expect_small(t->pid);
	trap_stop(t, SIGTERM);
	for (e = trap_next_event(t, 0); e; e = trap_next_event(t, 0)) {
		if (event_int(e, "process.pid") != other->pid)
			expect_not_wrong(e, s->pid);
		events++;
	}
	assert_in_range(events, 1, 10);
}

/* More than the queue takes, and nobody reads: all pass, and it is said. */
static void full_queue_fails_open(void **state)
{
	int n = 12000, hard = -n;
	struct received got = {counting_server(), n};
	struct trap_run *t = trap_start("-s", "25000", "-u", UDP_TARGET, NULL);
	struct sender *s;
	json_t *e;

	(void)state;
	trap_freeze(t);
	s = sender_start(flood, &hard);
	assert_int_equal(sender_report(s).n, n);
	assert_true(queue_waiting() > 0);
	trap_thaw(t);
	wait_for(has_received, &got);
	/* Thousands of packets at once cannot all be weighed, nor has the
	 * witness room for them. */
	e = trap_event(t);
	expect_grade(e, e2e_has_witness() ? "proved|holder|unknown"
					  : "holder|unknown");
	expect_not_wrong(e, s->pid);
	trap_stop(t, SIGTERM);
	assert_non_null(strstr(t->err_text.mem, "unseen"));
}

static void many_new_connections(void **state)
{
	struct many_arg m = {tcp, 300};
	struct trap_run *t = trap_start("-c", "-t", TCP_TARGET, NULL);
	struct sender *s;

	(void)state;
	server_tcp(ADDR_RESOLVER, 80);
	assert_int_equal(sender_run(send_many, &m, &s).n, m.n);
	for (int i = 0; i < m.n; i++)
		expect_sender(trap_event(t), s->pid, s->pid, "proved");
	expect_small(t->pid);
	trap_expect_end(t);
}

/* A process with many descriptors, so that a sweep takes its time. */
static void crowd(struct stage *st, const void *arg)
{
	const int *n = arg;

	for (int i = 0; i < 900; i++)
		if (dup(0) < 0)
			break;
	for (int i = 0; i < *n; i++)
		if (!fork())
			pause();
	stage_ready(st, 0);
	stage_wait(st);
}

static void many_flows_in_a_crowd(void **state)
{
	int n = 10;
	struct many_arg m = {udp, 30};
	struct sender *s[4];
	struct trap_run *t;

	(void)state;
	sender_run(crowd, &n, NULL);
	t = trap_start("-s", "25000", "-u", UDP_TARGET, NULL);
	server_udp(ADDR_RESOLVER, 53);
	for (int i = 0; i < 4; i++)
		s[i] = sender_start(send_many, &m);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sender_report(s[i]).n, m.n);
	for (int i = 0; i < 4 * m.n; i++) {
		json_t *e = trap_event(t);
		int k = 0;

		expect_grade(e, seen_or("holder"));
		while (k < 4 && s[k]->pid != event_int(e, "process.pid"))
			k++;
		assert_true(k < 4);
	}
	trap_expect_end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(retransmits_join),
		e2e_test(questions_join_while_held),
		e2e_test(guardian_keeps_the_limit),
		e2e_test(one_way_flood),
		e2e_test(full_queue_fails_open),
		e2e_test(many_new_connections),
		e2e_test(many_flows_in_a_crowd),
	};

	return e2e_main("hold", tests, sizeof(tests) / sizeof(tests[0]));
}
