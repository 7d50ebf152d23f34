/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix_sender: the generator: sends one packet as a case has it, and tells
 * the truth about it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "matrix.h"
#include "sender.h"

#define AFTER	    "--after" /* what it has become by exec */
#define SHARED_PORT 7777
#define LOOPBACK    "127.0.0.1" /* SCTP: both ends are of one scope */
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static struct stage st = {3, 4};
static char **words; /* argv */
static enum matrix_case which;
static enum matrix_proto proto;
static int family;
static const char *addr; /* to send to */
static pid_t opener, left;

/* ------------------------------------------------------------ what it says */

static void say(enum truth_what what, int err, int fd)
{
	struct truth t = {.what = what, .err = err};

	matrix_tell_truth(&t, fd);
	t.opener = opener;
	t.left = left;
	if (write(st.out, &t, sizeof(t)) != sizeof(t))
		_exit(98);
}

static void say_kernel_sends(void)
{
	struct truth t = {.what = TRUTH_SENDING};

	if (write(st.out, &t, sizeof(t)) != sizeof(t))
		_exit(98);
}

/* It is over, with errno. */
static void give_up(void)
{
	say(TRUTH_DONE, errno ? errno : EPROTO, -1);
	_exit(1);
}

static void check(int err)
{
	if (!err)
		return;
	errno = err;
	give_up();
}

/* -------------------------------------------------------------- the pieces */

static const char *wildcard(void)
{
	return family == AF_INET6 ? "::" : "0.0.0.0";
}

static const char *client(void)
{
	if (which == MATRIX_MAPPED)
		return "::ffff:" ADDR_CLIENT;
	if (proto == MATRIX_SCTP && family == AF_INET)
		return LOOPBACK;
	return family == AF_INET6 ? ADDR6_CLIENT : ADDR_CLIENT;
}

static const char *server(void)
{
	if (proto == MATRIX_SCTP && family == AF_INET)
		return LOOPBACK;
	return family == AF_INET6 ? ADDR6 : ADDR_RESOLVER;
}

static int open_one(void)
{
	int fd = matrix_socket(proto, family);

	if (fd < 0)
		give_up();
	opener = getpid();
	/* Else it offers all the addresses there are, and the other end tries
	 * them, other cells' too. */
	if (proto == MATRIX_SCTP && which != MATRIX_ACCEPTED)
		check(matrix_bind(fd, client(), 0));
	return fd;
}

/* Waits in a blocking connect(2); else what becomes of the packet is not its
 * business any more. */
static void send_now(int fd)
{
	say(TRUTH_SENDING, 0, fd);
	if (!matrix_blocks(which, proto)) {
		if (matrix_protos[proto].stream)
			fcntl(fd, F_SETFL, O_NONBLOCK);
		check(matrix_send(proto, fd, addr));
		return;
	}
	matrix_send(proto, fd, addr);
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		give_up();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void wait_child(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		give_up();
}

/* Set up; then waits for the word. */
static void be_ready(int err)
{
	say(TRUTH_READY, err, -1);
	if (err || !stage_wait(&st))
		_exit(0);
}

static void stay(void)
{
	say(TRUTH_DONE, 0, -1);
	stage_wait(&st);
}

static void write_byte(int fd)
{
	if (write(fd, "", 1) != 1)
		give_up();
}

static void read_byte(int fd)
{
	char c;

	if (read(fd, &c, 1) != 1)
		give_up();
}

/* ------------------------------------------------------------- the stories */

static void plain(void)
{
	int fd;

	be_ready(0);
	fd = open_one();
	if (which == MATRIX_DEVICE &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2))
		give_up();
	left = getpid();
	send_now(fd);
	stay();
}

/* Streams: data on a connection that was there before. */
static void connected(void)
{
	int fd = open_one();
	struct sockaddr_storage ss;
	socklen_t len = make_address(addr, MATRIX_PORT, &ss);

	if (connect(fd, (void *)&ss, len))
		be_ready(errno);
	be_ready(0);
	left = getpid();
	say(TRUTH_SENDING, 0, fd);
	check(matrix_send(proto, fd, NULL));
	stay();
}

static int open_on_shared_port(void)
{
	int fd = open_one(), one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		give_up();
	check(matrix_bind(fd, client(), SHARED_PORT));
	return fd;
}

/* Two others have sockets of their own on the same port. */
static void reuseport(void)
{
	int ready[2], fd;

	be_ready(0);
	if (pipe(ready))
		give_up();
	for (int i = 0; i < 2; i++)
		if (!start_child()) {
			open_on_shared_port();
			write_byte(ready[1]);
			pause();
		}
	read_byte(ready[0]);
	read_byte(ready[0]);
	fd = open_on_shared_port();
	left = getpid();
	send_now(fd);
	stay();
}

static void forked(void)
{
	int fd;

	be_ready(0);
	fd = open_one();
	left = getpid();
	if (!start_child()) {
		send_now(fd);
		say(TRUTH_DONE, 0, -1);
		pause();
	}
	stage_wait(&st);
}

static void child_gone(void)
{
	pid_t child;
	int fd;

	be_ready(0);
	fd = open_one();
	left = getpid();
	child = start_child();
	if (!child) {
		send_now(fd);
		_exit(0);
	}
	wait_child(child);
	stay();
}

static void passed(void)
{
	int pair[2], fd;
	pid_t child;

	be_ready(0);
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
	left = getpid();
	send_now(fd);
	stay();
}

static void in_flight(void)
{
	int pair[2], fd;

	be_ready(0);
	fd = open_one();
	send_now(fd);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || fd_send(pair[0], fd))
		give_up();
	close(fd);
	stay();
}

static void by_io_uring(void)
{
	int fd;

	be_ready(0);
	fd = open_one();
	left = getpid();
	say(TRUTH_SENDING, 0, fd);
	check(matrix_send_uring(proto, fd, addr));
	stay();
}

static void *idle(void *data)
{
	pause();
	return data;
}

static void *send_and_tell(void *data)
{
	send_now(*(int *)data);
	say(TRUTH_DONE, 0, -1);
	return NULL;
}

static void threads(void)
{
	pthread_t thread;
	int fd;

	be_ready(0);
	fd = open_one();
	left = getpid();
	if (pthread_create(&thread, NULL, idle, NULL) ||
	    pthread_create(&thread, NULL, send_and_tell, &fd))
		give_up();
	pthread_create(&thread, NULL, idle, NULL);
	stage_wait(&st);
}

static int listen_at(const char *where, uint16_t port)
{
	int fd = open_one(), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	check(matrix_bind(fd, where, port));
	if (listen(fd, 4))
		give_up();
	return fd;
}

/* From the address that is to be sent to. */
static void be_client(uint16_t port)
{
	int fd = open_one(), one = 1;
	struct sockaddr_storage ss;
	socklen_t len = make_address(server(), port, &ss);

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
	check(matrix_bind(fd, addr, 0));
	if (connect(fd, (void *)&ss, len))
		give_up();
	pause();
}

static void accepted(void)
{
	int at = listen_at(server(), 0), fd;
	uint16_t port = local_port(at);

	if (!start_child()) {
		close(at);
		be_client(port);
	}
	fd = accept(at, NULL, NULL);
	if (fd < 0)
		give_up();
	close(at);
	be_ready(0);
	left = getpid();
	say(TRUTH_SENDING, 0, fd);
	check(matrix_send(proto, fd, NULL));
	stay();
}

/* Closes second: the other end has nothing but TIME_WAIT to answer with. */
static void close_second(int at, const int *up, const int *down)
{
	char c;
	int fd;

	write_byte(up[1]);
	fd = accept(at, NULL, NULL);
	if (read(fd, &c, 1))
		give_up();
	write_byte(up[1]);
	read_byte(down[0]);
	close(fd);
	write_byte(up[1]);
	pause();
}

static void time_wait(void)
{
	struct sockaddr_storage ss;
	socklen_t len = make_address(addr, MATRIX_PORT + 1, &ss);
	int up[2], down[2], fd;

	if (pipe(up) || pipe(down))
		give_up();
	if (!start_child())
		close_second(listen_at(wildcard(), MATRIX_PORT + 1), up, down);
	read_byte(up[0]);
	fd = open_one();
	if (connect(fd, (void *)&ss, len))
		give_up();
	close(fd);
	read_byte(up[0]);
	be_ready(0);
	say_kernel_sends();
	write_byte(down[1]);
	read_byte(up[0]);
	stay();
}

static void dead(void)
{
	be_ready(0);
	send_now(open_one());
	_exit(0);
}

static void execed(void)
{
	be_ready(0);
	left = getpid();
	send_now(open_one());
	execl("/proc/self/exe", AFTER, words[1], NULL);
	give_up();
}

static void (*const stories[MATRIX_CASES])(void) = {
	[MATRIX_PLAIN] = plain,
	[MATRIX_CONNECTED] = connected,
	[MATRIX_MAPPED] = plain,
	[MATRIX_DEVICE] = plain,
	[MATRIX_REUSEPORT] = reuseport,
	[MATRIX_FORKED] = forked,
	[MATRIX_PASSED] = passed,
	[MATRIX_IN_FLIGHT] = in_flight,
	[MATRIX_IO_URING] = by_io_uring,
	[MATRIX_THREADS] = threads,
	[MATRIX_ACCEPTED] = accepted,
	[MATRIX_TIME_WAIT] = time_wait,
	[MATRIX_DEAD] = dead,
	[MATRIX_CHILD_GONE] = child_gone,
	[MATRIX_EXECED] = execed,
	[MATRIX_NAT_FRONT] = plain,
	[MATRIX_NAT_FRONT_CONNECTED] = connected,
	[MATRIX_NAT_BACK] = plain,
	[MATRIX_NAT_BACK_CONNECTED] = connected,
	[MATRIX_FORWARDED] = plain,
	[MATRIX_FORWARDED_CONNECTED] = connected,
};

static int find(const char *word, const char *(*name)(int), int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(word, name(i)))
			return i;
	_exit(2);
}

static const char *case_name(int i)
{
	return matrix_cases[i].name;
}

static const char *proto_name(int i)
{
	return matrix_protos[i].name;
}

int main(int argc, char **argv)
{
	words = argv;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!strcmp(argv[0], AFTER)) {
		stay();
		return 0;
	}
	if (argc != MATRIX_ARGS)
		return 2;
	which = (enum matrix_case)find(argv[1], case_name, MATRIX_CASES);
	proto = (enum matrix_proto)find(argv[2], proto_name, MATRIX_PROTOS);
	family = *argv[3] == '6' ? AF_INET6 : AF_INET;
	addr = argv[4];
	stories[which]();
	return 0;
}
