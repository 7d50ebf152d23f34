/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a socket open that is older than ptrap-ng: without the witness, by
 * the kernel's iterator and through /proc. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "sender.h"

static const struct send_arg udp = SEND_UDP(ADDR_RESOLVER, 53);
static const struct send_arg tcp = SEND_TCP(ADDR_RESOLVER, 80);

static bool has_iterator(void)
{
	static int has = -1;
	struct text out = {0};

	if (has < 0) {
		run_command(&out, getenv("PTRAP"), "--check", NULL);
		has = text_find_line(&out, "yes  socket iterator") != NULL;
		text_free(&out);
	}
	return has;
}

#define NEEDS_ITERATOR()                            \
	do {                                        \
		if (!has_iterator())                \
			SKIP("no socket iterator"); \
	} while (0)

static struct trap_run *start(const char *how, const char *proto,
			      const char *target)
{
	return trap_start("--no-witness", "--sweep", how, proto, target, NULL);
}

/* Opens a socket, and sends from it when told to. */
static void open_then_send(struct stage *st, const void *arg)
{
	const struct send_arg *a = arg;
	struct sockaddr_storage ss;
	socklen_t len = make_address(a->to, a->port, &ss);
	struct report r = {0};
	int fd = open_socket(a);

	stage_ready(st, 1);
	stage_wait(st);
	if (a->type == SOCK_DGRAM)
		r.err = send_datagram(fd, a);
	else if (connect(fd, (void *)&ss, len))
		r.err = errno;
	stage_report(st, &r);
	stage_wait(st);
}

static void old_udp_socket(const char *how)
{
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	sender_run(open_then_send, &udp, &s);
	t = start(how, "-u", ADDR_RESOLVER ":53");
	sender_go(s);
	e = trap_event(t);
	expect_sender(e, s->pid, 0, "holder");
	expect_text(e, "ptrap.method", "sweep");
	trap_expect_end(t);
}

static void old_udp_socket_by_bpf(void **state)
{
	(void)state;
	NEEDS_ITERATOR();
	old_udp_socket("bpf");
}

static void old_udp_socket_by_proc(void **state)
{
	(void)state;
	old_udp_socket("proc");
}

static void old_tcp_socket(const char *how)
{
	struct sender *s;
	struct trap_run *t;

	server_tcp(ADDR_RESOLVER, 80);
	sender_run(open_then_send, &tcp, &s);
	t = start(how, "-t", ADDR_RESOLVER ":80");
	sender_go(s);
	expect_sender(trap_event(t), s->pid, s->pid, "proved");
	trap_expect_end(t);
}

static void old_tcp_socket_by_bpf(void **state)
{
	(void)state;
	NEEDS_ITERATOR();
	old_tcp_socket("bpf");
}

static void old_tcp_socket_by_proc(void **state)
{
	(void)state;
	old_tcp_socket("proc");
}

/* Three have it; the one in the middle sends. */
static void shared_sender(struct stage *st, const void *arg)
{
	struct report r = {.pid = getpid()};
	int fd = open_socket(&udp);

	(void)arg;
	r.n = fork();
	if (r.n == 0) {
		if (fork() == 0)
			pause();
		stage_ready(st, 1);
		stage_wait(st);
		send_datagram(fd, &udp);
		pause();
	}
	pause();
}

static void old_shared_socket(const char *how)
{
	struct report r;
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	r = sender_run(shared_sender, NULL, &s);
	t = start(how, "-u", ADDR_RESOLVER ":53");
	sender_go(s);
	e = trap_event(t);
	expect_grade(e, "shared");
	expect_nobody(e);
	assert_int_equal(json_array_size(event_get(e, "ptrap.holders")), 3);
	assert_true(event_lists_pid(e, "ptrap.holders", s->pid));
	assert_true(event_lists_pid(e, "ptrap.holders", r.pid));
	trap_expect_end(t);
}

static void old_shared_socket_by_bpf(void **state)
{
	(void)state;
	NEEDS_ITERATOR();
	old_shared_socket("bpf");
}

static void old_shared_socket_by_proc(void **state)
{
	(void)state;
	old_shared_socket("proc");
}

/* A socket that is in the table of one thread only. */
static void *thread_sends(void *stage)
{
	struct report r = {0};
	int fd;

	if (unshare(CLONE_FILES))
		_exit(92);
	fd = open_socket(&udp);
	stage_ready(stage, 1);
	stage_wait(stage);
	r.err = send_datagram(fd, &udp);
	stage_report(stage, &r);
	stage_wait(stage);
	return NULL;
}

static void thread_with_a_table(struct stage *st, const void *arg)
{
	pthread_t thread;

	(void)arg;
	if (!pthread_create(&thread, NULL, thread_sends, st))
		pthread_join(thread, NULL);
}

static void socket_of_one_thread(void **state)
{
	struct sender *s;
	struct trap_run *t;

	(void)state;
	NEEDS_ITERATOR();
	sender_run(thread_with_a_table, NULL, &s);
	t = start("bpf", "-u", ADDR_RESOLVER ":53");
	sender_go(s);
	expect_sender(trap_event(t), s->pid, 0, "holder");
	trap_expect_end(t);
}

/* Without CAP_SYS_PTRACE all processes that have it are closed to ptrap-ng. */

static void drop_ptrace(void *data)
{
	(void)data;
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0))
		_exit(93);
}

static struct trap_run *start_without_ptrace(const char *how)
{
	const struct trap_how h = {.out_fd = -1, .before_exec = drop_ptrace};
	struct trap_run *t =
		trap_spawn(&h, "--no-witness", "--sweep", how, "-s", "10000",
			   "-o", "json", "-u", ADDR_RESOLVER ":53", NULL);

	assert_true(trap_ready(t));
	return t;
}

static void become_open(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps))
		_exit(94);
	caps[0].permitted &= ~(1U << CAP_SYS_PTRACE);
	caps[0].effective = caps[0].permitted;
	caps[0].inheritable = 0;
	if (syscall(SYS_capset, &head, caps))
		_exit(95);
}

/* Open to ptrap-ng, with a child that is not, or without one. */
static void open_sender(struct stage *st, const void *arg)
{
	const bool *has_closed_child = arg;
	struct report r = {0};
	int fd = open_socket(&udp);

	if (*has_closed_child && fork() == 0)
		pause();
	become_open();
	stage_ready(st, 1);
	stage_wait(st);
	r.err = send_datagram(fd, &udp);
	stage_report(st, &r);
	stage_wait(st);
}

static void closed_holder_is_not_named(void **state)
{
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		if (i == 0 && !has_iterator())
			continue;
		sender_run(open_then_send, &udp, &s);
		t = start_without_ptrace(i == 0 ? "bpf" : "proc");
		sender_go(s);
		e = trap_event(t);
		expect_grade(e, "unknown");
		expect_text(e, "ptrap.reason", "not permitted");
		expect_nobody(e);
		trap_expect_end(t);
		sender_end(s);
	}
}

static void closed_holder_is_counted(void **state)
{
	const bool yes = true;
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	(void)state;
	NEEDS_ITERATOR();
	sender_run(open_sender, &yes, &s);
	t = start_without_ptrace("bpf");
	sender_go(s);
	e = trap_event(t);
	expect_grade(e, "shared");
	expect_nobody(e);
	assert_int_equal(json_array_size(event_get(e, "ptrap.holders")), 1);
	assert_true(event_lists_pid(e, "ptrap.holders", s->pid));
	expect_int(e, "ptrap.holders_total", 2);
	trap_expect_end(t);
}

/* Who else there may be, the iterator knows and /proc does not. */
static void open_holder_among_closed(void **state)
{
	const bool no = false;
	struct sender *s;
	struct trap_run *t;

	(void)state;
	NEEDS_ITERATOR();
	sender_run(open_sender, &no, &s);
	t = start_without_ptrace("bpf");
	sender_go(s);
	expect_sender(trap_event(t), s->pid, 0, "holder");
	trap_expect_end(t);
	sender_end(s);
	sender_run(open_sender, &no, &s);
	t = start_without_ptrace("proc");
	sender_go(s);
	expect_nobody(trap_event(t));
	trap_expect_end(t);
}

/* The id of the iterator's link, in a process that has it; 0. */
static unsigned link_of(pid_t pid)
{
	unsigned id = 0, found = 0, flags = 0;
	char path[64], line[128];

	for (int fd = 0; fd < 64 && !found; fd++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			sscanf(line, "flags: %o", &flags);
			sscanf(line, "link_id: %u", &id);
			if (strstr(line, "target_name:") &&
			    strstr(line, "task_file"))
				found = id;
		}
		if (f)
			fclose(f);
	}
	assert_true(!found || (flags & O_CLOEXEC));
	return found;
}

static bool is_link_gone(void *data)
{
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.link_id = *(unsigned *)data;
	fd = syscall(SYS_bpf, BPF_LINK_GET_FD_BY_ID, &attr, sizeof(attr));
	if (fd >= 0)
		close((int)fd);
	return fd < 0 && errno == ENOENT;
}

static void iterator_goes_with_us(void **state)
{
	static const int signals[] = {SIGTERM, SIGKILL};

	(void)state;
	NEEDS_ITERATOR();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct trap_run *t = start("bpf", "-u", ADDR_RESOLVER ":53");
		unsigned id = link_of(t->pid);

		assert_true(id > 0);
		assert_false(is_link_gone(&id));
		trap_stop(t, signals[i]);
		wait_for(is_link_gone, &id);
	}
}

static void no_witness_means_no_bpf(void **state)
{
	struct trap_run *t = trap_start("--no-witness", "-u", ":53", NULL);

	(void)state;
	assert_int_equal(link_of(t->pid), 0);
	trap_stop(t, SIGTERM);
	t = start("proc", "-u", ":53");
	assert_int_equal(link_of(t->pid), 0);
	trap_stop(t, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		e2e_test(old_udp_socket_by_bpf),
		e2e_test(old_udp_socket_by_proc),
		e2e_test(old_tcp_socket_by_bpf),
		e2e_test(old_tcp_socket_by_proc),
		e2e_test(old_shared_socket_by_bpf),
		e2e_test(old_shared_socket_by_proc),
		e2e_test(socket_of_one_thread),
		e2e_test(closed_holder_is_not_named),
		e2e_test(closed_holder_is_counted),
		e2e_test(open_holder_among_closed),
		e2e_test(iterator_goes_with_us),
		e2e_test(no_witness_means_no_bpf),
	};

	return e2e_main("sweep", tests, sizeof(tests) / sizeof(tests[0]));
}
