/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockdiag: sockets of which the test knows the inode, looked up. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sock.h"

#include "sockdiag.h"
#include "util.h"

#define LO	 SOCK_LO
#define TWINS	 4
#define ROWS_MAX 16

static bool have_netns;
static struct sockdiag *diag;

static struct ipaddr addr(const char *text)
{
	struct ipaddr a = {0};

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct sockdiag_query query(uint8_t proto, const char *local,
				   uint16_t lport, const char *remote,
				   uint16_t rport)
{
	return (struct sockdiag_query){.proto = proto,
				       .local = addr(local),
				       .local_port = lport,
				       .remote = addr(remote),
				       .remote_port = rport};
}

static struct ipaddr name_of(int fd, bool peer, uint16_t *port)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct ipaddr a;

	assert_int_equal((peer ? getpeername
			       : getsockname)(fd, (struct sockaddr *)&ss, &len),
			 0);
	assert_int_equal(ipaddr_from_sockaddr((struct sockaddr *)&ss, &a, port),
			 0);
	return ipaddr_unmap(&a);
}

/* The packets that this connected socket sends. */
static struct sockdiag_query query_of(int fd, uint8_t proto)
{
	struct sockdiag_query q = {.proto = proto};

	q.local = name_of(fd, false, &q.local_port);
	q.remote = name_of(fd, true, &q.remote_port);
	return q;
}

static void assert_row_is(const struct sockdiag_row *row, int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(row->inode == st.st_ino);
	assert_true(row->cookie == cookie_of(fd));
	assert_int_equal(row->uid, getuid());
}

static void assert_found(const struct sockdiag_query *q, int fd,
			 struct sockdiag_row *row)
{
	assert_int_equal(sockdiag_get(diag, q, row), 0);
	assert_row_is(row, fd);
}

static void assert_none(const struct sockdiag_query *q)
{
	struct sockdiag_row row;

	assert_int_equal(sockdiag_get(diag, q, &row), -ENOENT);
}

static void need_net(void)
{
	need(have_netns, "no permission for a network namespace");
	if (diag)
		return;
	assert_int_equal(sockdiag_open(&diag), 0);
}

static void need_ipv6(void)
{
	int fd;
	bool has;

	need_net();
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	has = fd >= 0 && try_bind(fd, AF_INET6, "::1", 0) == 0;
	if (fd >= 0)
		close(fd);
	need(has, "no IPv6");
}

static void check_pair(const struct pair *p, uint8_t family, uint8_t state_row)
{
	struct sockdiag_query client = query_of(p->client, IPPROTO_TCP);
	struct sockdiag_query server = query_of(p->server, IPPROTO_TCP);
	struct sockdiag_row row;

	assert_found(&client, p->client, &row);
	assert_int_equal(row.ifindex, 0);
	assert_int_equal(row.family, family);
	assert_int_equal(row.state, state_row);
	assert_true(ipaddr_equal(&row.local, &client.local));
	assert_true(ipaddr_equal(&row.remote, &client.remote));
	assert_int_equal(row.local_port, client.local_port);
	assert_int_equal(row.remote_port, client.remote_port);
	assert_found(&server, p->server, &row);
	/* The packet's device does not hide a socket that is bound to none. */
	client.ifindex = LO;
	assert_found(&client, p->client, &row);
	assert_int_equal(sockdiag_find_all(diag, &client, &row, 1), 1);
	assert_row_is(&row, p->client);
	pair_close(p);
}

static void test_tcp(void **state)
{
	struct pair p;

	(void)state;
	need_net();
	p = tcp_pair(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1");
	check_pair(&p, AF_INET, TCP_ESTABLISHED);
}

static void test_tcp6(void **state)
{
	struct pair p;

	(void)state;
	need_ipv6();
	p = tcp_pair(AF_INET6, "::1", AF_INET6, "::1");
	check_pair(&p, AF_INET6, TCP_ESTABLISHED);
}

static void test_tcp_mapped(void **state)
{
	struct pair p;

	(void)state;
	need_ipv6();
	p = tcp_pair(AF_INET, "127.0.0.1", AF_INET6, "::ffff:127.0.0.1");
	check_pair(&p, AF_INET6, TCP_ESTABLISHED);
	/* The accepted side of a server of both families. */
	p = tcp_pair(AF_INET6, "::", AF_INET, "127.0.0.1");
	check_pair(&p, AF_INET, TCP_ESTABLISHED);
}

/* The cgroup that new sockets get, 0: not known. */
static uint64_t own_cgroup(void)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512], path[600];
	struct stat st = {0};

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s", line + 3);
		if (stat(path, &st) < 0)
			st.st_ino = 0;
	}
	if (f)
		fclose(f);
	return st.st_ino;
}

static void test_tcp_cgroup(void **state)
{
	uint64_t cgroup = own_cgroup();
	struct sockdiag_query q;
	struct sockdiag_row row;
	struct pair p;

	(void)state;
	need_net();
	need(cgroup, "no cgroup v2 to be in");
	p = tcp_pair(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1");
	q = query_of(p.client, IPPROTO_TCP);
	assert_found(&q, p.client, &row);
	pair_close(&p);
	need(row.cgroup_id, "the kernel does not tell a socket's cgroup");
	assert_true(row.cgroup_id == cgroup);
}

static void test_tcp_listener_refused(void **state)
{
	struct sockdiag_query q;
	struct sockdiag_row row;
	int fd;

	(void)state;
	need_net();
	fd = listen_on(AF_INET, "127.0.0.1", 0, false);
	q = query(IPPROTO_TCP, "127.0.0.1", port_of(fd), "127.0.0.1", 1);
	assert_none(&q);
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), 0);
	assert_row_is(&row, fd);
	assert_int_equal(row.state, TCP_LISTEN);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 0);
	close(fd);
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), -ENOENT);
}

static void test_tcp_wrong_tuple(void **state)
{
	struct sockdiag_query q;
	struct pair p;

	(void)state;
	need_net();
	p = tcp_pair(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1");
	q = query_of(p.client, IPPROTO_TCP);
	q.remote = addr("127.0.0.2");
	assert_none(&q);
	q = query_of(p.client, IPPROTO_TCP);
	q.local = addr("127.0.0.2");
	assert_none(&q);
	q = query_of(p.client, IPPROTO_TCP);
	q.proto = IPPROTO_UDP;
	assert_none(&q);
	pair_close(&p);
}

/* The other end of lo may run a little later, on ksoftirqd. */
static void await_state(const struct sockdiag_query *q, uint8_t tcp_state,
			struct sockdiag_row *row)
{
	uint64_t end = util_now_us() + 5 * UTIL_SEC;

	while (sockdiag_get(diag, q, row) || row->state != tcp_state)
		assert_true(util_now_us() < end);
}

static void test_tcp_connecting(void **state)
{
	static struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog prog = {.len = 1, .filter = drop};
	struct sockdiag_query q;
	struct sockdiag_row row;
	int server, client;

	(void)state;
	need_net();
	server = listen_on(AF_INET, "127.0.0.1", 0, false);
	client = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	/* A client that is deaf to the SYN-ACK: half open on both sides. */
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
				    sizeof(prog)),
			 0);
	assert_int_equal(
		try_connect(client, AF_INET, "127.0.0.1", port_of(server)),
		-EINPROGRESS);
	q = query(IPPROTO_TCP, "127.0.0.1", port_of(client), "127.0.0.1",
		  port_of(server));
	assert_found(&q, client, &row);
	assert_int_equal(row.state, TCP_SYN_SENT);
	q = query(IPPROTO_TCP, "127.0.0.1", port_of(server), "127.0.0.1",
		  port_of(client));
	await_state(&q, TCP_SYN_RECV, &row);
	assert_true(row.inode == 0);
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), 0);
	assert_row_is(&row, server);
	close(client);
	close(server);
}

static void test_tcp_time_wait(void **state)
{
	struct sockdiag_query q;
	struct sockdiag_row row;
	uint64_t cookie;
	struct pair p;

	(void)state;
	need_net();
	p = tcp_pair(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1");
	q = query_of(p.client, IPPROTO_TCP);
	cookie = cookie_of(p.client);
	pair_close(&p);
	await_state(&q, TCP_TIME_WAIT, &row);
	assert_true(row.inode == 0);
	assert_true(row.cookie == cookie);
}

static void test_tcp_listener_behind(void **state)
{
	struct sockdiag_query q;
	struct sockdiag_row row;
	struct pair p;
	int twin;

	(void)state;
	need_net();
	p = tcp_pair(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1");
	q = query_of(p.server, IPPROTO_TCP);
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), 0);
	assert_row_is(&row, p.listener);
	pair_close(&p);
	/* Which of two took a connection that stands cannot be told. */
	p.listener = listen_on(AF_INET, "127.0.0.1", 0, true);
	twin = listen_on(AF_INET, "127.0.0.1", port_of(p.listener), true);
	p.client = open_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(try_connect(p.client, AF_INET, "127.0.0.1",
				     port_of(p.listener)),
			 0);
	q = query(IPPROTO_TCP, "127.0.0.1", port_of(p.listener), "127.0.0.1",
		  port_of(p.client));
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), -ENOTUNIQ);
	q.remote_port = 1;
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), 0);
	close(p.client);
	close(p.listener);
	close(twin);
}

static void test_bound_to_device(void **state)
{
	static const int kinds[][2] = {{SOCK_STREAM, IPPROTO_TCP},
				       {SOCK_DGRAM, IPPROTO_UDP}};
	struct sockdiag_query q;
	struct sockdiag_row row;
	int server;

	(void)state;
	need_net();
	server = listen_on(AF_INET, "127.0.0.1", 0, false);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = open_socket(AF_INET, kinds[i][0], 0);

		assert_int_equal(
			setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3),
			0);
		assert_int_equal(
			try_connect(fd, AF_INET, "127.0.0.1", port_of(server)),
			0);
		q = query_of(fd, (uint8_t)kinds[i][1]);
		assert_none(&q);
		q.ifindex = LO;
		assert_found(&q, fd, &row);
		assert_int_equal(row.ifindex, LO);
		assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 1);
		q.ifindex = LO + 100;
		assert_none(&q);
		assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 0);
		close(fd);
	}
	close(server);
}

static void add_link_local(void)
{
	struct {
		struct in6_addr addr;
		uint32_t prefixlen;
		int ifindex;
	} req = {.prefixlen = 64, .ifindex = LO}; /* struct in6_ifreq */
	uint64_t end = util_now_us() + 5 * UTIL_SEC;
	int fd = open_socket(AF_INET6, SOCK_DGRAM, 0);

	inet_pton(AF_INET6, "fe80::1", &req.addr);
	assert_true(ioctl(fd, SIOCSIFADDR, &req) == 0 || errno == EEXIST);
	/* The kernel makes it usable a little later, on a worker of its own. */
	while (try_bind(fd, AF_INET6, "fe80::1", 0) == -EADDRNOTAVAIL)
		assert_true(util_now_us() < end);
	close(fd);
}

static void test_link_local(void **state)
{
	struct sockdiag_query q;
	struct sockdiag_row row;
	struct pair p;

	(void)state;
	need_ipv6();
	add_link_local();
	p = tcp_pair(AF_INET6, "fe80::1", AF_INET6, "fe80::1");
	q = query_of(p.client, IPPROTO_TCP);
	assert_none(&q);
	q.ifindex = LO;
	assert_found(&q, p.client, &row);
	pair_close(&p);
}

static void check_udp_connected(int family, const char *to, int row_family)
{
	int fd = open_socket(family, SOCK_DGRAM, 0);
	struct sockdiag_query q, back;
	struct sockdiag_row row;

	assert_int_equal(try_connect(fd, family, to, 53), 0);
	q = query_of(fd, IPPROTO_UDP);
	assert_found(&q, fd, &row);
	assert_int_equal(row.family, row_family);
	assert_int_equal(row.remote_port, 53);
	assert_true(ipaddr_equal(&row.local, &q.local));
	assert_true(ipaddr_equal(&row.remote, &q.remote));
	back = query(IPPROTO_UDP, "127.0.0.1", 53, "127.0.0.1", q.local_port);
	assert_none(&back);
	q.remote_port = 54;
	assert_none(&q);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 0);
	q.remote_port = 53;
	close(fd);
	assert_none(&q);
}

static void test_udp_connected(void **state)
{
	(void)state;
	need_net();
	check_udp_connected(AF_INET, "127.0.0.1", AF_INET);
}

static void test_udp_connected6(void **state)
{
	(void)state;
	need_ipv6();
	check_udp_connected(AF_INET6, "::1", AF_INET6);
	check_udp_connected(AF_INET6, "::ffff:127.0.0.1", AF_INET6);
}

static void test_udp_unconnected(void **state)
{
	struct sockdiag_query q;
	struct sockdiag_row row;
	int fd;

	(void)state;
	need_net();
	fd = udp_socket(AF_INET, "127.0.0.1", 0, false);
	q = query(IPPROTO_UDP, "127.0.0.1", port_of(fd), "127.0.0.9", 53);
	assert_found(&q, fd, &row);
	assert_int_equal(row.state, TCP_CLOSE);
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), 0);
	assert_row_is(&row, fd);
	q.local = addr("127.0.0.2");
	assert_none(&q);
	close(fd);
	fd = udp_socket(AF_INET, "0.0.0.0", q.local_port, false);
	assert_found(&q, fd, &row);
	close(fd);
	assert_none(&q);
}

static void test_udp_wildcard6(void **state)
{
	struct sockdiag_query q, q6;
	struct sockdiag_row row;
	int fd;

	(void)state;
	need_ipv6();
	fd = udp_socket(AF_INET6, "::", 0, false);
	q = query(IPPROTO_UDP, "127.0.0.1", port_of(fd), "127.0.0.9", 53);
	q6 = query(IPPROTO_UDP, "::1", port_of(fd), "::1", 53);
	assert_found(&q, fd, &row);
	assert_int_equal(row.family, AF_INET6);
	assert_false(row.v6only);
	assert_found(&q6, fd, &row);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 1);
	assert_row_is(&row, fd);
	close(fd);
	fd = open_socket(AF_INET6, SOCK_DGRAM, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	assert_int_equal(try_bind(fd, AF_INET6, "::", q.local_port), 0);
	assert_none(&q);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 0);
	assert_found(&q6, fd, &row);
	assert_true(row.v6only);
	close(fd);
}

static bool is_listed(const struct sockdiag_row *rows, int n, int fd)
{
	for (int i = 0; i < n; i++)
		if (rows[i].cookie == cookie_of(fd))
			return true;
	return false;
}

static void test_udp_twins(void **state)
{
	struct sockdiag_row rows[ROWS_MAX];
	struct sockdiag_query q;
	int fds[TWINS], elsewhere, other;
	uint16_t port;

	(void)state;
	need_net();
	fds[0] = udp_socket(AF_INET, "127.0.0.1", 0, true);
	port = port_of(fds[0]);
	for (int i = 1; i < TWINS; i++)
		fds[i] = udp_socket(AF_INET, "127.0.0.1", port, true);
	other = udp_socket(AF_INET, "127.0.0.1", 0, true);
	elsewhere = udp_socket(AF_INET, "127.0.0.1", port, true);
	assert_int_equal(try_connect(elsewhere, AF_INET, "127.0.0.1", 99), 0);
	q = query(IPPROTO_UDP, "127.0.0.1", port, "127.0.0.1", 53);
	assert_int_equal(sockdiag_find_all(diag, &q, rows, ROWS_MAX), TWINS);
	for (int i = 0; i < TWINS; i++)
		assert_true(is_listed(rows, TWINS, fds[i]));
	/* More than there is room for: all counted, none written beyond. */
	memset(rows, 0, sizeof(rows));
	assert_int_equal(sockdiag_find_all(diag, &q, rows, 2), TWINS);
	assert_true(rows[1].inode != 0);
	assert_true(rows[2].inode == 0);
	assert_int_equal(sockdiag_find_all(diag, &q, NULL, 0), TWINS);
	for (int i = 0; i < TWINS; i++)
		close(fds[i]);
	assert_int_equal(sockdiag_find_all(diag, &q, rows, ROWS_MAX), 0);
	close(other);
	close(elsewhere);
}

static void test_udp_twins_of_both_families(void **state)
{
	struct sockdiag_row rows[ROWS_MAX];
	struct sockdiag_query q;
	int v4, v6;

	(void)state;
	need_ipv6();
	v6 = udp_socket(AF_INET6, "::", 0, true);
	v4 = udp_socket(AF_INET, "0.0.0.0", port_of(v6), true);
	q = query(IPPROTO_UDP, "127.0.0.1", port_of(v6), "127.0.0.1", 53);
	assert_int_equal(sockdiag_find_all(diag, &q, rows, ROWS_MAX), 2);
	assert_true(is_listed(rows, 2, v4));
	assert_true(is_listed(rows, 2, v6));
	q = query(IPPROTO_UDP, "::1", port_of(v6), "::1", 53);
	assert_int_equal(sockdiag_find_all(diag, &q, rows, ROWS_MAX), 1);
	assert_true(is_listed(rows, 1, v6));
	close(v4);
	close(v6);
}

/* ---- other protocols, bad questions ---- */

static int other_socket(int type, int proto)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, proto);

	need(fd >= 0, "the kernel has no such protocol");
	assert_int_equal(try_bind(fd, AF_INET, "127.0.0.1", 0), 0);
	return fd;
}

static void test_udplite(void **state)
{
	struct sockdiag_query q;
	struct sockdiag_row row;
	int fd, err;

	(void)state;
	need_net();
	fd = other_socket(SOCK_DGRAM, IPPROTO_UDPLITE);
	q = query(IPPROTO_UDPLITE, "127.0.0.1", port_of(fd), "127.0.0.1", 53);
	err = sockdiag_get(diag, &q, &row);
	need(err != -EOPNOTSUPP, "the kernel cannot look up UDP-Lite");
	assert_int_equal(err, 0);
	assert_row_is(&row, fd);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 1);
	q.proto = IPPROTO_UDP;
	assert_none(&q);
	close(fd);
}

static void test_sctp(void **state)
{
	struct sockdiag_query q;
	struct sockdiag_row row;
	int server, client, err;

	(void)state;
	need_net();
	server = other_socket(SOCK_STREAM, IPPROTO_SCTP);
	client = other_socket(SOCK_STREAM, IPPROTO_SCTP);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(
		try_connect(client, AF_INET, "127.0.0.1", port_of(server)), 0);
	q = query(IPPROTO_SCTP, "127.0.0.1", port_of(client), "127.0.0.1",
		  port_of(server));
	err = sockdiag_get(diag, &q, &row);
	need(err != -EOPNOTSUPP, "the kernel cannot look up SCTP");
	assert_int_equal(err, 0);
	assert_row_is(&row, client);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), 1);
	assert_row_is(&row, client);
	q.remote_port = 1;
	assert_none(&q);
	close(client);
	close(server);
}

static void test_no_such_protocol(void **state)
{
	struct sockdiag_query q =
		query(IPPROTO_SCTP, "127.0.0.1", 9, "127.0.0.1", 9);
	struct sockdiag_row row;
	int fd;

	(void)state;
	need_net();
	for (int i = 0; i < 2; i++) {
		q.proto = i ? 253 : IPPROTO_ICMP;
		assert_int_equal(sockdiag_get(diag, &q, &row), -EOPNOTSUPP);
		assert_int_equal(sockdiag_get_listener(diag, &q, &row),
				 -EOPNOTSUPP);
		assert_int_equal(sockdiag_find_all(diag, &q, &row, 1),
				 -EOPNOTSUPP);
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
	if (fd >= 0)
		close(fd);
	need(fd < 0, "the kernel knows all protocols that the module does");
	q.proto = IPPROTO_SCTP;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sockdiag_get(diag, &q, &row), -EOPNOTSUPP);
		assert_int_equal(sockdiag_find_all(diag, &q, &row, 1),
				 -EOPNOTSUPP);
	}
}

static void test_bad_query(void **state)
{
	struct sockdiag_query q = query(IPPROTO_UDP, "127.0.0.1", 9, "::1", 9);
	struct sockdiag_row row;

	(void)state;
	need_net();
	assert_int_equal(sockdiag_get(diag, &q, &row), -EINVAL);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), -EINVAL);
	q.local.family = q.remote.family = AF_UNSPEC;
	assert_int_equal(sockdiag_get(diag, &q, &row), -EAFNOSUPPORT);
	assert_int_equal(sockdiag_get_listener(diag, &q, &row), -EAFNOSUPPORT);
	assert_int_equal(sockdiag_find_all(diag, &q, &row, 1), -EAFNOSUPPORT);
}

static void test_close(void **state)
{
	(void)state;
	sockdiag_close(NULL);
	sockdiag_close(diag);
	diag = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_tcp_mapped),
		cmocka_unit_test(test_tcp_cgroup),
		cmocka_unit_test(test_tcp_listener_refused),
		cmocka_unit_test(test_tcp_wrong_tuple),
		cmocka_unit_test(test_tcp_connecting),
		cmocka_unit_test(test_tcp_time_wait),
		cmocka_unit_test(test_tcp_listener_behind),
		cmocka_unit_test(test_bound_to_device),
		cmocka_unit_test(test_link_local),
		cmocka_unit_test(test_udp_connected),
		cmocka_unit_test(test_udp_connected6),
		cmocka_unit_test(test_udp_unconnected),
		cmocka_unit_test(test_udp_wildcard6),
		cmocka_unit_test(test_udp_twins),
		cmocka_unit_test(test_udp_twins_of_both_families),
		cmocka_unit_test(test_udplite),
		cmocka_unit_test(test_sctp),
		cmocka_unit_test(test_no_such_protocol),
		cmocka_unit_test(test_bad_query),
		cmocka_unit_test(test_close),
	};

	have_netns = enter_netns();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
