/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockowner: the library alone, through its public header, on real
 * sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sockowner.h"

#define SECOND 1000000ULL

static struct sockowner *so;
static bool have_netns;

static int set_up(void **state)
{
	(void)state;
	if (!have_netns) {
		printf("# skip: no permission for a network namespace\n");
		skip();
	}
	return sockowner_open(&so, "/proc");
}

static int tear_down(void **state)
{
	(void)state;
	sockowner_close(so);
	so = NULL;
	return 0;
}

static void lo_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
}

static int make_socket(int type, uint16_t port, struct sockaddr_in *at)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_port = htons(port)};
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

static struct sockowner_query ask_for(int proto, const struct sockaddr_in *l,
				      const struct sockaddr_in *r)
{
	struct sockowner_query q = {.protocol = proto};

	memcpy(&q.local, l, sizeof(*l));
	memcpy(&q.remote, r, sizeof(*r));
	return q;
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void get(const struct sockowner_query *q, struct sockowner_answer *a)
{
	assert_int_equal(sockowner_get(so, q, 20 * SECOND, a), 1);
}

/* A child that does nothing until it is told to, with all our descriptors. */
static pid_t idle_child(int *stop)
{
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) < 0);
	}
	close(fds[0]);
	*stop = fds[1];
	return pid;
}

static void end_child(pid_t pid, int stop)
{
	close(stop);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_udp_holder(void **state)
{
	struct sockaddr_in local, remote;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local);
	struct sockowner_query q;

	(void)state;
	close(make_socket(SOCK_DGRAM, 0, &remote));
	q = ask_for(IPPROTO_UDP, &local, &remote);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	assert_int_not_equal(a.reason, SOCKOWNER_REASON_NONE);
	assert_int_equal(a.socket.inode, inode_of(fd));
	assert_int_equal(a.nholders, 1);
	assert_int_equal(a.holders[0].pid, getpid());
	assert_int_equal(a.holders[0].fd, fd);
	assert_true(fcntl(a.holders[0].dirfd, F_GETFD) & FD_CLOEXEC);
	sockowner_release(&a);
	close(fd);
}

/* Nothing unless asked for; then each look-up and each slice. */
static void test_stages(void **state)
{
	struct sockaddr_in local, remote;
	struct sockowner_stages before, st;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local);
	struct sockowner_query q;

	(void)state;
	close(make_socket(SOCK_DGRAM, 0, &remote));
	q = ask_for(IPPROTO_UDP, &local, &remote);
	get(&q, &a);
	sockowner_release(&a);
	sockowner_read_stages(so, &before);
	assert_int_equal(before.socket.count + before.holders.count, 0);
	sockowner_measure(so);
	get(&q, &a);
	sockowner_release(&a);
	sockowner_read_stages(so, &st);
	/* Once for the question, once more before it is answered. */
	assert_true(st.socket.count >= 2);
	assert_true(st.holders.count >= 1);
	assert_true(st.socket.total_ns > 0 && st.holders.total_ns > 0);
	assert_true(st.socket.total_ns + st.holders.total_ns <=
		    (a.resolve_us + 1000) * 1000);
	close(fd);
}

/* The packet is said to be held, and no socket has anything in its queue. */
static void test_udp_not_queued(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local);
	struct sockowner_query q = ask_for(IPPROTO_UDP, &local, &local);

	(void)state;
	q.held.packets = 1;
	q.held.bytes = 30;
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NOT_QUEUED);
	assert_int_equal(a.nholders, 0);
	close(fd);
}

/* Its packets are charged to others, and nobody has it open. */
static void test_udp_kernels(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(4789)};
	struct sockowner_query q;
	struct sockowner_answer a;

	(void)state;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (system("ip link add e2e0 type vxlan id 7 dstport 4789 dev lo "
		   "2>/dev/null && ip link set e2e0 up") != 0) {
		printf("# skip: no vxlan\n");
		skip();
	}
	q = ask_for(IPPROTO_UDP, &at, &at);
	q.held.packets = 1;
	get(&q, &a);
	/* A process that is closed to us may have it. */
	assert_int_equal(a.grade,
			 a.ndenied > 0 ? SOCKOWNER_UNKNOWN : SOCKOWNER_KERNEL);
	assert_int_equal(a.idle, a.ndenied == 0);
	assert_false(a.has_socket);
	assert_int_equal(a.nholders, 0);
	sockowner_release(&a);
	assert_int_equal(system("ip link del e2e0"), 0);
}

static void test_udp_other_uid(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local);
	struct sockowner_query q = ask_for(IPPROTO_UDP, &local, &local);

	(void)state;
	q.has_uid = true;
	q.uid = getuid() + 1;
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_OTHER_UID);
	close(fd);
}

static void test_shared(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local), stop;
	struct sockowner_query q = ask_for(IPPROTO_UDP, &local, &local);
	pid_t pid = idle_child(&stop);

	(void)state;
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_SHARED);
	assert_int_equal(a.nholders, 2);
	assert_true(a.holders[0].pid == pid || a.holders[1].pid == pid);
	sockowner_release(&a);
	end_child(pid, stop);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	sockowner_release(&a);
	close(fd);
}

static void test_twins(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	int one = 1, fds[2];
	struct sockowner_query q;
	socklen_t len = sizeof(local);

	(void)state;
	local = (struct sockaddr_in){.sin_family = AF_INET};
	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		assert_int_equal(
			bind(fds[i], (struct sockaddr *)&local, sizeof(local)),
			0);
		getsockname(fds[i], (struct sockaddr *)&local, &len);
	}
	q = ask_for(IPPROTO_UDP, &local, &local);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_TWINS);
	assert_int_equal(a.ntwins, 2);
	assert_int_equal(a.nholders, 0);
	assert_int_not_equal(a.twins[0].cookie, a.twins[1].cookie);
	close(fds[0]);
	close(fds[1]);
}

static void test_no_socket(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	struct sockowner_query q;

	(void)state;
	close(make_socket(SOCK_DGRAM, 0, &local));
	q = ask_for(IPPROTO_UDP, &local, &local);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
	q.protocol = IPPROTO_TCP;
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
}

/* A listener on the port is not the owner of a packet from that port. */
static void test_listener(void **state)
{
	struct sockaddr_in local, remote;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_STREAM, 0, &local);
	struct sockowner_query q;

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	close(make_socket(SOCK_STREAM, 0, &remote));
	q = ask_for(IPPROTO_TCP, &local, &remote);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
	q.listener = true;
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	assert_true(a.socket.listening);
	assert_int_equal(a.holders[0].pid, getpid());
	sockowner_release(&a);
	close(fd);
}

/* Several that share the port: the kernel has not chosen yet. */
static void test_listeners(void **state)
{
	struct sockaddr_in local, remote;
	struct sockowner_answer a;
	struct sockowner_query q;
	int one = 1, fds[2];

	(void)state;
	close(make_socket(SOCK_STREAM, 0, &local));
	close(make_socket(SOCK_STREAM, 0, &remote));
	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		assert_int_equal(
			bind(fds[i], (struct sockaddr *)&local, sizeof(local)),
			0);
		assert_int_equal(listen(fds[i], 1), 0);
	}
	q = ask_for(IPPROTO_TCP, &local, &remote);
	q.listener = true;
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_TWINS);
	assert_int_equal(a.ntwins, 2);
	close(fds[0]);
	close(fds[1]);
}

/* A socket of another namespace, of whose packets nothing is in its queue. */
static void test_other_namespace(void **state)
{
	const int none[4] = {-1, -1, -1, -1};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct sockaddr_in local, remote;
	struct sockowner_answer a;
	struct sockowner_query q;
	int fd, diag;

	(void)state;
	if (!have_netns)
		skip();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	lo_up();
	fd = make_socket(SOCK_DGRAM, 0, &local);
	close(make_socket(SOCK_DGRAM, 0, &remote));
	diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	q = ask_for(IPPROTO_UDP, &local, &remote);
	q.held.packets = 1;
	q.held.bytes = 30;
	q.orphaned = true;
	get(&q, &a);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
	assert_int_equal(sockowner_add_net(so, 7, diag, none), 0);
	q.net = 7;
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_ORPHANED);
	assert_int_equal(a.socket.inode, inode_of(fd));
	assert_int_equal(a.nholders, 1);
	assert_int_equal(a.holders[0].pid, getpid());
	assert_int_equal(sockowner_still(so, &q, &a.socket, NULL), 1);
	sockowner_release(&a);
	sockowner_remove_net(so, 7);
	get(&q, &a);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
	close(fd);
	close(home);
}

/* With a listener whose queue is full, a connect(2) stays where it is: its SYN
 * is dropped and sent again. */
static int full_listener(struct sockaddr_in *at, int *filler)
{
	int fd = make_socket(SOCK_STREAM, 0, at);

	assert_int_equal(listen(fd, 0), 0);
	*filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*filler, (struct sockaddr *)at, sizeof(*at)),
			 0);
	return fd;
}

static bool is_asleep(pid_t pid)
{
	char path[32], text[512] = "";
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	end = fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	fclose(f);
	return end && end[1] == ' ' && end[2] == 'S';
}

/* A child that has come to rest in connect(2) on fd, or behind it if that does
 * not wait; the socket may be everybody's. */
static pid_t connecting_child(int fd, const struct sockaddr_in *to, int flags)
{
	pid_t pid = fork();
	char c;
	int fds[2];

	for (int i = 0; pid != 0 && i < 10000; i++) {
		if (is_asleep(pid))
			return pid;
		poll(NULL, 0, 1);
	}
	if (pid != 0)
		fail_msg("the child does not come to rest");
	fcntl(fd, F_SETFL, flags);
	connect(fd, (const struct sockaddr *)to, sizeof(*to));
	if (pipe(fds) == 0 && read(fds[0], &c, 1) < 0)
		_exit(1);
	_exit(0);
}

/* Among those born last, who are looked at before all others?  If it still is,
 * it was before; where others start many programs it may not be. */
static bool is_newest(pid_t pid)
{
	FILE *f = fopen("/proc/loadavg", "re");
	int newest = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*s %*s %*s %*s %d", &newest), 1);
	fclose(f);
	return newest - pid < 8;
}

static void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Asks until the child has got as far as its SYN. */
static void get_syn(const struct sockowner_query *q, struct sockowner_answer *a)
{
	for (int i = 0; i < 2000; i++) {
		get(q, a);
		if (a->has_socket && a->socket.state == 2 /* TCP_SYN_SENT */)
			return;
		sockowner_release(a);
		sched_yield();
	}
	fail_msg("no SYN");
}

/* By its cookie, or without one by its inode. */
static void expect_identity(const struct sockowner_query *q,
			    const struct sockowner_socket *socket)
{
	struct sockowner_socket other = *socket;

	other.cookie++;
	assert_int_equal(sockowner_still(so, q, &other, NULL), 0);
	other.cookie = 0;
	assert_int_equal(sockowner_still(so, q, &other, NULL), 1);
	other.inode++;
	assert_int_equal(sockowner_still(so, q, &other, NULL), 0);
}

static void test_connect(void **state)
{
	struct sockaddr_in to, local;
	struct sockowner_answer a;
	struct sockowner_query q;
	int filler, lfd = full_listener(&to, &filler);
	int fd = make_socket(SOCK_STREAM, 0, &local);
	pid_t pid = connecting_child(fd, &to, 0);

	(void)state;
	close(fd);
	q = ask_for(IPPROTO_TCP, &local, &to);
	q.connecting = true;
	get_syn(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_PROVED);
	assert_int_equal(a.method, SOCKOWNER_METHOD_CONNECT);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NONE);
	assert_int_equal(a.holders[0].pid, pid);
	assert_int_equal(a.holders[0].tid, pid);
	assert_int_equal(sockowner_still(so, &q, &a.socket, &a.holders[0]), 1);
	expect_identity(&q, &a.socket);
	/* The search before a sweep has little time, on a busy machine too
	 * little. */
	for (int i = 0; i < 1000 && is_newest(pid) && a.holders[0].has_image;
	     i++) {
		sockowner_release(&a);
		get_syn(&q, &a);
		assert_int_equal(a.grade, SOCKOWNER_PROVED);
	}
	if (is_newest(pid))
		assert_false(a.holders[0].has_image);
	if (!a.holders[0].has_image) {
		a.holders[0].call[0] ^= 1;
		assert_int_equal(
			sockowner_still(so, &q, &a.socket, &a.holders[0]), 0);
	}
	sockowner_release(&a);
	kill_child(pid);
	close(filler);
	close(lfd);
}

/* An old socket, and more processes born since than are tried as the newest:
 * without the survey, a sweep. */
static void test_connect_old(void **state)
{
	enum { N = 12 };
	struct sockaddr_in to, local;
	struct sockowner_answer a;
	struct sockowner_query q;
	int filler, lfd = full_listener(&to, &filler), stops[N];
	int fd = make_socket(SOCK_STREAM, 0, &local);
	pid_t pid = connecting_child(fd, &to, 0), idle[N];

	(void)state;
	close(fd);
	for (int i = 0; i < N; i++)
		idle[i] = idle_child(&stops[i]);
	q = ask_for(IPPROTO_TCP, &local, &to);
	get_syn(&q, &a);
	sockowner_release(&a);
	/* A new one does not know it. */
	sockowner_close(so);
	assert_int_equal(sockowner_open(&so, "/proc"), 0);
	q.connecting = true;
	assert_int_equal(sockowner_ask(so, &q, 1, &a), 0);
	assert_true(sockowner_cancel(so, 1, &a));
	sockowner_release(&a);
	sockowner_survey(so, SECOND);
	assert_int_equal(sockowner_ask(so, &q, 1, &a), 1);
	assert_int_equal(a.grade, SOCKOWNER_PROVED);
	assert_int_equal(a.holders[0].pid, pid);
	sockowner_release(&a);
	/* Each has the ends of those before. */
	for (int i = N - 1; i >= 0; i--)
		end_child(idle[i], stops[i]);
	kill_child(pid);
	close(filler);
	close(lfd);
}

/* What is no iterator is not asked again, and no sweep is lost by it. */
static void test_iterator_that_fails(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local);
	struct sockowner_query q = ask_for(IPPROTO_UDP, &local, &local);
	struct sockowner *tree;

	(void)state;
	assert_int_equal(sockowner_use_iterator(
				 so, open("/dev/null", O_RDONLY | O_CLOEXEC)),
			 0);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	assert_int_equal(a.holders[0].pid, getpid());
	assert_int_equal(a.nholders_total, 1);
	sockowner_release(&a);
	close(fd);
	/* Another /proc's pids are not the kernel's. */
	assert_int_equal(sockowner_open(&tree, "/sys"), 0);
	assert_int_equal(sockowner_use_iterator(
				 tree, open("/dev/null", O_RDONLY | O_CLOEXEC)),
			 -EXDEV);
	sockowner_close(tree);
}

/* The same socket is open here, too, and the parent may have sent the SYN for
 * which its child waits. */
static void test_connect_shared(void **state)
{
	struct sockaddr_in to, local;
	struct sockowner_answer a;
	struct sockowner_query q;
	int filler, lfd = full_listener(&to, &filler);
	int fd = make_socket(SOCK_STREAM, 0, &local);
	pid_t pid = connecting_child(fd, &to, 0);

	(void)state;
	q = ask_for(IPPROTO_TCP, &local, &to);
	q.connecting = true;
	get_syn(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_SHARED);
	assert_int_equal(a.nholders_total, 2);
	sockowner_release(&a);
	kill_child(pid);
	close(fd);
	close(filler);
	close(lfd);
}

/* Nobody waits in connect(2): no proof, only a holder. */
static void test_connect_nonblocking(void **state)
{
	struct sockaddr_in to, local;
	struct sockowner_answer a;
	struct sockowner_query q;
	int filler, lfd = full_listener(&to, &filler);
	int fd = make_socket(SOCK_STREAM, 0, &local);
	pid_t pid = connecting_child(fd, &to, O_NONBLOCK);

	(void)state;
	close(fd);
	q = ask_for(IPPROTO_TCP, &local, &to);
	q.connecting = true;
	get_syn(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	assert_int_equal(a.holders[0].pid, pid);
	assert_int_equal(a.holders[0].tid, 0);
	sockowner_release(&a);
	kill_child(pid);
	close(filler);
	close(lfd);
}

/* Many questions, one sweep: the answers come with their tokens. */
static void test_many_waiting(void **state)
{
	enum { N = 50 };
	struct sockaddr_in local[N];
	struct sockowner_answer a;
	bool seen[N] = {false};
	int fds[N];
	uint64_t token;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		struct sockowner_query q;

		fds[i] = make_socket(SOCK_DGRAM, 0, &local[i]);
		q = ask_for(IPPROTO_UDP, &local[i], &local[i]);
		assert_int_equal(sockowner_ask(so, &q, i, &a), 0);
		assert_int_equal(a.socket.inode, inode_of(fds[i]));
	}
	while (sockowner_step(so, 100))
		;
	for (unsigned i = 0; i < N; i++) {
		assert_true(sockowner_next(so, &token, &a));
		assert_true(token < N && !seen[token]);
		seen[token] = true;
		assert_int_equal(a.grade, SOCKOWNER_HOLDER);
		assert_int_equal(a.holders[0].fd, fds[token]);
		sockowner_release(&a);
	}
	assert_false(sockowner_next(so, &token, &a));
	for (unsigned i = 0; i < N; i++)
		close(fds[i]);
}

static void test_cancel(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local);
	struct sockowner_query q = ask_for(IPPROTO_UDP, &local, &local);
	uint64_t token;

	(void)state;
	assert_int_equal(sockowner_ask(so, &q, 5, &a), 0);
	assert_false(sockowner_cancel(so, 6, &a));
	assert_true(sockowner_cancel(so, 5, &a));
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_TIME);
	assert_false(sockowner_step(so, 100));
	assert_false(sockowner_next(so, &token, &a));
	close(fd);
}

/* The socket goes while its holder is looked for. */
static void test_closed_meanwhile(void **state)
{
	struct sockaddr_in local;
	struct sockowner_answer a;
	int fd = make_socket(SOCK_DGRAM, 0, &local);
	struct sockowner_query q = ask_for(IPPROTO_UDP, &local, &local);
	uint64_t token;

	(void)state;
	assert_int_equal(sockowner_ask(so, &q, 5, &a), 0);
	close(fd);
	/* Another one on the same port is another socket. */
	fd = make_socket(SOCK_DGRAM, ntohs(local.sin_port), &local);
	while (sockowner_step(so, 100))
		;
	assert_true(sockowner_next(so, &token, &a));
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_CHANGED);
	sockowner_release(&a);
	close(fd);
}

static void test_nonsense(void **state)
{
	struct sockowner_query q = {.protocol = IPPROTO_TCP};
	struct sockowner_answer a;

	(void)state;
	assert_int_equal(sockowner_ask(so, &q, 1, &a), -EAFNOSUPPORT);
	q.local.ss_family = AF_INET;
	q.remote.ss_family = AF_INET6;
	assert_int_equal(sockowner_ask(so, &q, 1, &a), -EINVAL);
	q.remote.ss_family = AF_INET;
	q.protocol = 256;
	assert_int_equal(sockowner_ask(so, &q, 1, &a), -EINVAL);
	q.protocol = 253;
	assert_int_equal(sockowner_ask(so, &q, 1, &a), 1);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
	q.listener = true;
	assert_int_equal(sockowner_ask(so, &q, 1, &a), 1);
	assert_int_equal(a.reason, SOCKOWNER_REASON_PROTOCOL);
}

static void test_words(void **state)
{
	(void)state;
	for (unsigned g = SOCKOWNER_PROVED; g <= SOCKOWNER_UNKNOWN; g++)
		assert_non_null(sockowner_grade_name((enum sockowner_grade)g));
	assert_null(sockowner_reason_text(SOCKOWNER_REASON_NONE));
	for (unsigned r = SOCKOWNER_REASON_NONE + 1;
	     r <= SOCKOWNER_REASON_SYSTEM; r++)
		assert_non_null(
			sockowner_reason_text((enum sockowner_reason)r));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_udp_holder),
		TEST(test_stages),
		TEST(test_udp_not_queued),
		TEST(test_udp_kernels),
		TEST(test_udp_other_uid),
		TEST(test_shared),
		TEST(test_twins),
		TEST(test_no_socket),
		TEST(test_listener),
		TEST(test_listeners),
		TEST(test_other_namespace),
		TEST(test_connect),
		TEST(test_connect_old),
		TEST(test_iterator_that_fails),
		TEST(test_connect_shared),
		TEST(test_connect_nonblocking),
		TEST(test_many_waiting),
		TEST(test_cancel),
		TEST(test_closed_meanwhile),
		TEST(test_nonsense),
		cmocka_unit_test(test_words),
	};

	have_netns = unshare(CLONE_NEWNET) == 0;
	if (have_netns)
		lo_up();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
