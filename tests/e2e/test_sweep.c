/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a socket open that is older than ptrap-ng: without the witness, by
 * the kernel's iterator and through /proc. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* --------------------------------------------------- registered with a ring */

struct ring {
	int fd;
	struct io_uring_params p;
	char *sq;
	struct io_uring_sqe *sqes;
};

/* One that has the socket; dies where there is none. */
static void ring_open(struct ring *r, int socket)
{
	memset(r, 0, sizeof(*r));
	r->fd = (int)syscall(SYS_io_uring_setup, 4, &r->p);
	if (r->fd < 0 || syscall(SYS_io_uring_register, r->fd,
				 IORING_REGISTER_FILES, &socket, 1))
		_exit(96);
	r->sq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		     IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	if (r->sq == MAP_FAILED || r->sqes == MAP_FAILED)
		_exit(97);
}

/* By the registered socket number 0; errno. */
static int ring_send(struct ring *r, const struct send_arg *a)
{
	struct sockaddr_storage ss;
	struct iovec iov = {(char[]){"x"}, 1};
	struct msghdr msg = {.msg_name = &ss,
			     .msg_namelen = make_address(a->to, a->port, &ss),
			     .msg_iov = &iov,
			     .msg_iovlen = 1};
	unsigned *tail = (void *)(r->sq + r->p.sq_off.tail);
	unsigned *array = (void *)(r->sq + r->p.sq_off.array);

	r->sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_SENDMSG,
		.flags = IOSQE_FIXED_FILE,
		.addr = (uintptr_t)&msg,
	};
	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS,
		       NULL, 0) == 1
		       ? 0
		       : errno;
}

static bool has_rings(void)
{
	struct io_uring_params p = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &p);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Does the kernel say which sockets they have?  It says what it calls a pipe,
 * too. */
static bool rings_tell(void)
{
	struct io_uring_params p = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 1, &p), ends[2];
	char path[64];
	bool tell;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(syscall(SYS_io_uring_register, fd,
				 IORING_REGISTER_FILES, ends, 1),
			 0);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", getpid(), fd);
	tell = !run_command(NULL, "grep", "-q", "pipe:", path, NULL);
	close(ends[0]);
	close(ends[1]);
	close(fd);
	return tell;
}

/* The ring alone has it, or a child has it, too. */
static void ring_sender(struct stage *st, const void *arg)
{
	const bool *has_child = arg;
	int fd = open_socket(&udp), held[2];
	struct report r = {0};
	struct ring ring;
	char c;

	if (*has_child) {
		if (pipe(held))
			_exit(98);
		r.n = fork();
		if (!r.n) {
			/* The test's end is the parent's: it has no ring. */
			close(held[1]);
			_exit(read(held[0], &c, 1) < 0);
		}
		close(held[0]);
	}
	ring_open(&ring, fd);
	close(fd);
	stage_report(st, &r);
	stage_wait(st);
	r.err = ring_send(&ring, &udp);
	stage_report(st, &r);
	stage_wait(st);
}

static void only_in_a_ring(const char *how)
{
	const bool no = false;
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	sender_run(ring_sender, &no, &s);
	t = start(how, "-u", ADDR_RESOLVER ":53");
	sender_go(s);
	e = trap_event(t);
	if (rings_tell()) {
		expect_sender(e, s->pid, 0, "holder");
	} else {
		expect_grade(e, "unknown");
		expect_text(e, "ptrap.reason", "an io_uring may have it");
	}
	assert_int_equal(sender_report(s).err, 0);
	trap_expect_end(t);
}

static void in_a_ring_by_bpf(void **state)
{
	(void)state;
	NEEDS_ITERATOR();
	if (!has_rings())
		SKIP("no io_uring");
	only_in_a_ring("bpf");
}

static void in_a_ring_by_proc(void **state)
{
	(void)state;
	if (!has_rings())
		SKIP("no io_uring");
	only_in_a_ring("proc");
}

/* Who has a descriptor of it is not the only one that may have sent. */
static void in_a_ring_and_held(const char *how)
{
	const bool yes = true;
	struct report r;
	struct sender *s;
	struct trap_run *t;
	json_t *e;

	r = sender_run(ring_sender, &yes, &s);
	t = start(how, "-u", ADDR_RESOLVER ":53");
	sender_go(s);
	e = trap_event(t);
	expect_nobody(e);
	assert_true(event_lists_pid(e, "ptrap.holders", (pid_t)r.n));
	if (rings_tell()) {
		expect_grade(e, "shared");
		assert_true(event_lists_pid(e, "ptrap.holders", s->pid));
	} else {
		expect_grade(e, "unknown");
		expect_text(e, "ptrap.reason", "an io_uring may have it");
	}
	trap_expect_end(t);
}

static void in_a_ring_and_held_by_bpf(void **state)
{
	(void)state;
	NEEDS_ITERATOR();
	if (!has_rings())
		SKIP("no io_uring");
	in_a_ring_and_held("bpf");
}

static void in_a_ring_and_held_by_proc(void **state)
{
	(void)state;
	if (!has_rings())
		SKIP("no io_uring");
	in_a_ring_and_held("proc");
}

/* A ring with a socket of another kind, or none, changes nothing. */
static void other_ring(struct stage *st, const void *arg)
{
	struct ring ring;

	(void)arg;
	ring_open(&ring, open_socket(&tcp));
	stage_ready(st, 1);
	stage_wait(st);
}

static void rings_of_others(void **state)
{
	struct sender *s;

	(void)state;
	if (!has_rings())
		SKIP("no io_uring");
	sender_run(other_ring, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		struct trap_run *t;

		if (i == 0 && !has_iterator())
			continue;
		sender_run(open_then_send, &udp, &s);
		t = start(i == 0 ? "bpf" : "proc", "-u", ADDR_RESOLVER ":53");
		sender_go(s);
		expect_sender(trap_event(t), s->pid, 0, "holder");
		trap_expect_end(t);
	}
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
		e2e_test(in_a_ring_by_bpf),
		e2e_test(in_a_ring_by_proc),
		e2e_test(in_a_ring_and_held_by_bpf),
		e2e_test(in_a_ring_and_held_by_proc),
		e2e_test(rings_of_others),
		e2e_test(socket_of_one_thread),
		e2e_test(closed_holder_is_not_named),
		e2e_test(closed_holder_is_counted),
		e2e_test(open_holder_among_closed),
		e2e_test(iterator_goes_with_us),
		e2e_test(no_witness_means_no_bpf),
	};

	return e2e_main("sweep", tests, sizeof(tests) / sizeof(tests[0]));
}
