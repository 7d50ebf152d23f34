/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mixed_worker: one of those that send: a child for each packet, on a pid that
 * was another's a moment ago. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "mixed.h"
#include "sender.h"

#define BATCH	   16
#define QUEUE_FULL 300
#define PID_FIRST  1000
#define PORT_FIRST 9000

/* Descriptors that outlive an exec: a byte for each packet sent; the end of
 * those that stay; the log. */
enum { FD_DONE = 10, FD_DONE_READ, FD_HOLD, FD_LOG };

/* ------------------------------------------------------------------ the plan
 */

static uint32_t mix(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352dU;
	x = (x ^ x >> 15) * 0x846ca68bU;
	return x ^ x >> 16;
}

static enum matrix_proto choose_proto(const struct mixed *m, unsigned r)
{
	if (r < 5)
		return MATRIX_TCP;
	if (r == 5 && m->udplite)
		return MATRIX_UDPLITE;
	if (r == 6 && m->icmp)
		return MATRIX_ICMP;
	return r == 7 ? MATRIX_RAW : MATRIX_UDP;
}

struct mixed_plan mixed_plan_of(const struct mixed *m, unsigned number)
{
	uint32_t h = mix(number + 1);
	struct mixed_plan p = {
		/* Every third one is gone at once. */
		.deed = h % 3 == 0 ? MIXED_DEAD
				   : (enum mixed_deed)(h / 3 % MIXED_DEEDS),
		.proto = choose_proto(m, h >> 8 & 15),
		.ipv6 = m->ipv6 && (h >> 12 & 1),
	};
	bool ports = p.proto != MATRIX_ICMP && p.proto != MATRIX_RAW;

	if (ports && (h >> 13 & 3))
		p.port = (uint16_t)(PORT_FIRST + (h >> 16) % MIXED_PORTS);
	if (p.deed == MIXED_MAPPED && (!ports || !m->ipv6))
		p.deed = MIXED_STAYS;
	if (p.deed == MIXED_MAPPED)
		p.ipv6 = true;
	p.asks = p.proto == MATRIX_UDP && !p.ipv6 && (h >> 20 & 1) &&
		 p.deed != MIXED_IO_URING;
	return p;
}

/* -------------------------------------------------------------- the packet */

static struct mixed *mixed;
static struct mixed_plan plan;
static unsigned number;
static pid_t opener;
static char target[64];

static void set_target(void)
{
	if (plan.asks)
		strcpy(target, ADDR_RESOLVER);
	else if (plan.ipv6 && plan.deed != MIXED_MAPPED)
		snprintf(target, sizeof(target), "fd01::%x", number + 1);
	else
		snprintf(target, sizeof(target), "%s127.77.%u.%u",
			 plan.deed == MIXED_MAPPED ? "::ffff:" : "",
			 number / 250, number % 250 + 1);
}

static void begin(struct mixed *m, unsigned which)
{
	struct mixed_truth *t = &m->log[which];

	mixed = m;
	number = which;
	plan = mixed_plan_of(m, which);
	set_target();
	snprintf(t->name, sizeof(t->name), "m%u", which);
	prctl(PR_SET_NAME, t->name);
}

static void give_up(void)
{
	mixed->log[number].err = errno ? errno : EPROTO;
	_exit(1);
}

static const char *source(void)
{
	if (plan.deed == MIXED_MAPPED)
		return "::ffff:" ADDR_CLIENT;
	return plan.ipv6 ? ADDR6_CLIENT : ADDR_CLIENT;
}

static int open_one(void)
{
	int fd = matrix_socket(plan.proto, plan.ipv6 ? AF_INET6 : AF_INET);
	int one = 1;

	if (fd < 0)
		give_up();
	opener = getpid();
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (plan.deed == MIXED_DEVICE &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2))
		give_up();
	errno = 0;
	if (plan.port && (errno = matrix_bind(fd, source(), plan.port)))
		give_up();
	return fd;
}

static void tell(int fd, pid_t left)
{
	struct mixed_truth *t = &mixed->log[number];
	struct stat st;

	t->pid = getpid();
	t->tid = gettid();
	t->opener = opener;
	t->left = left;
	t->inode = fstat(fd, &st) ? 0 : st.st_ino;
}

static int ask(int fd)
{
	struct send_arg a = SEND_UDP(ADDR_RESOLVER, 53);
	char name[32];

	snprintf(name, sizeof(name), "q%u.test", number);
	a.ask = name;
	return send_datagram(fd, &a);
}

/* Waits for its connection where it is one that may. */
static void send_it(int fd, pid_t left)
{
	bool stream = matrix_protos[plan.proto].stream;
	struct sockaddr_storage ss;
	socklen_t len = make_address(target, MATRIX_PORT, &ss);

	if (plan.deed == MIXED_CONNECTED && !stream && !plan.asks &&
	    connect(fd, (void *)&ss, len))
		give_up();
	if (stream && plan.deed != MIXED_STAYS && plan.deed != MIXED_FORKED &&
	    plan.deed != MIXED_THREAD && plan.deed != MIXED_PASSED)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	tell(fd, left);
	if (plan.deed == MIXED_IO_URING)
		errno = matrix_send_uring(plan.proto, fd, target);
	else if (plan.asks)
		errno = ask(fd);
	else if (plan.deed == MIXED_CONNECTED && !stream)
		errno = matrix_send(plan.proto, fd, NULL);
	else
		errno = matrix_send(plan.proto, fd, target);
	if (errno)
		give_up();
}

/* ---------------------------------------------------------------- processes */

/* On that pid, if it is free. */
static pid_t clone_on(pid_t pid)
{
	struct clone_args a = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	if (!mixed->forced)
		return fork();
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

/* A child of a child, on the pid after its parent's. */
static pid_t start_child(void)
{
	pid_t pid = clone_on(getpid() + 1);

	if (pid < 0)
		give_up();
	return pid;
}

static void wait_child(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		give_up();
}

static void say_done(void)
{
	if (write(FD_DONE, "", 1) != 1)
		give_up();
}

static void just_wait(void)
{
	char c;

	_exit(read(FD_HOLD, &c, 1) == 0 ? 0 : 1);
}

static void stay(void)
{
	say_done();
	just_wait();
}

/* Until the other ends of a pipe are closed. */
static void wait_closed(const int ends[2])
{
	char c;

	close(ends[1]);
	if (read(ends[0], &c, 1) != 0)
		give_up();
}

/* Of two that live the one that sent ends last: at no time is the other one
 * left with the socket alone. */
static void fork_and_send(void)
{
	int fd = open_one(), parent[2];
	pid_t left = getpid(), child;

	if (pipe(parent))
		give_up();
	child = start_child();
	if (!child) {
		send_it(fd, left);
		if (plan.deed == MIXED_CHILD_GONE)
			_exit(0);
		say_done();
		wait_closed(parent);
		_exit(0);
	}
	if (plan.deed == MIXED_FORKED)
		just_wait();
	wait_child(child);
	stay();
}

static void take_and_send(void)
{
	int pair[2], fd;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		give_up();
	child = start_child();
	if (!child)
		_exit(fd_send(pair[0], open_one()) ? 1 : 0);
	wait_child(child);
	fd = fd_receive(pair[1]);
	if (fd < 0)
		give_up();
	opener = child;
	send_it(fd, getpid());
	stay();
}

static void send_and_pass(void)
{
	int pair[2], fd = open_one();

	send_it(fd, 0);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || fd_send(pair[0], fd))
		give_up();
	close(fd);
	stay();
}

static void *thread_sends(void *data)
{
	send_it(*(int *)data, getpid());
	return NULL;
}

static void send_by_thread(void)
{
	int fd = open_one();
	pthread_t t;

	if (pthread_create(&t, NULL, thread_sends, &fd) ||
	    pthread_join(t, NULL))
		give_up();
	stay();
}

static void become(const char *what)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	execl("/proc/self/exe", mixed->log[number].name, what, text, NULL);
	give_up();
}

static void send_and_stay(void)
{
	int fd = open_one();

	send_it(fd, getpid());
	if (plan.deed == MIXED_CLOSED)
		close(fd);
	stay();
}

static void act(void)
{
	switch (plan.deed) {
	case MIXED_STAYS:
	case MIXED_CONNECTED:
	case MIXED_MAPPED:
	case MIXED_DEVICE:
	case MIXED_CLOSED:
	case MIXED_IO_URING:
		send_and_stay();
		break;
	case MIXED_FORKED:
	case MIXED_CHILD_GONE:
		fork_and_send();
		break;
	case MIXED_PASSED:
		take_and_send();
		break;
	case MIXED_IN_FLIGHT:
		send_and_pass();
		break;
	case MIXED_THREAD:
		send_by_thread();
		break;
	case MIXED_DEAD:
		send_it(open_one(), 0);
		_exit(0);
	case MIXED_EXEC_BEFORE:
		become(MIXED_HELPER);
		break;
	case MIXED_EXEC_AFTER:
		send_it(open_one(), getpid());
		become(MIXED_AFTER);
		break;
	case MIXED_DEEDS:
		break;
	}
}

int mixed_help(char **argv)
{
	struct stat st;
	struct mixed *m;
	unsigned which = (unsigned)strtoul(argv[2], NULL, 10);

	if (!strcmp(argv[1], MIXED_AFTER))
		stay();
	if (fstat(FD_LOG, &st))
		return 1;
	m = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 FD_LOG, 0);
	if (m == MAP_FAILED)
		return 1;
	begin(m, which);
	send_it(open_one(), 0);
	return 0;
}

/* --------------------------------------------------------------- the worker */

static bool is_gone_at_once(const struct mixed_plan *p)
{
	return p->deed == MIXED_DEAD || p->deed == MIXED_EXEC_BEFORE;
}

/* On the first of the worker's pids that is free. */
static pid_t start_one(const struct mixed_worker *w)
{
	pid_t first = PID_FIRST + (pid_t)w->number * 2 * MIXED_PIDS;

	for (int i = 0; i < MIXED_PIDS; i++) {
		pid_t pid = clone_on(first + 2 * i);

		if (pid >= 0 || errno != EEXIST)
			return pid;
	}
	return -1;
}

static int send_one_of(const struct mixed_worker *w, unsigned which, int hold)
{
	struct mixed_plan p = mixed_plan_of(w->m, which);
	struct pollfd done = {FD_DONE_READ, POLLIN, 0};
	pid_t pid = start_one(w);
	int status;
	char c;

	if (pid < 0)
		return -1;
	if (!pid) {
		close(hold);
		begin(w->m, which);
		act();
		_exit(1);
	}
	if (is_gone_at_once(&p))
		return waitpid(pid, &status, 0) == pid && !status ? 0 : -1;
	return poll(&done, 1, WAIT_MS) == 1 && read(done.fd, &c, 1) == 1 ? 0
									 : -1;
}

static int send_batch(const struct mixed_worker *w, unsigned *next)
{
	int hold[2], err = 0;

	if (pipe(hold) || dup2(hold[0], FD_HOLD) < 0)
		return -1;
	close(hold[0]);
	for (int i = 0; i < BATCH && *next < w->m->n && !err; i++) {
		err = send_one_of(w, *next, hold[1]);
		*next += MIXED_WORKERS;
	}
	close(hold[1]);
	while (wait(NULL) > 0)
		;
	return err;
}

/* Reports at its end: n, how many it has sent. */
void mixed_work(struct stage *st, const void *arg)
{
	const struct mixed_worker *w = arg;
	unsigned next = w->number;
	struct report r = {0};
	int done[2], log = open(w->log, O_RDWR);

	mixed = w->m;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (log < 0 || dup2(log, FD_LOG) < 0 || pipe(done) ||
	    dup2(done[1], FD_DONE) < 0 || dup2(done[0], FD_DONE_READ) < 0)
		_exit(90);
	while (next < w->m->n && !r.err) {
		r.err = send_batch(w, &next);
		while (queue_waiting() > QUEUE_FULL)
			poll(NULL, 0, 2);
	}
	r.n = next;
	stage_report(st, &r);
	stage_wait(st);
}
