/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock: the sockets of tests. */
#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

void need(bool has, const char *what)
{
	if (has)
		return;
	printf("# skip: %s\n", what);
	skip();
}

int open_socket(int family, int type, int proto)
{
	int fd = socket(family, type | SOCK_CLOEXEC, proto);

	assert_true(fd >= 0);
	return fd;
}

static struct sockaddr_storage sockaddr_of(int family, const char *text,
					   uint16_t port, socklen_t *len)
{
	struct sockaddr_storage ss = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

	if (family == AF_INET) {
		in->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
		*len = sizeof(*in);
	} else {
		in6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
			in6->sin6_scope_id = SOCK_LO;
		*len = sizeof(*in6);
	}
	return ss;
}

int try_bind(int fd, int family, const char *text, uint16_t port)
{
	socklen_t len;
	struct sockaddr_storage ss = sockaddr_of(family, text, port, &len);

	return bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

int try_connect(int fd, int family, const char *text, uint16_t port)
{
	socklen_t len;
	struct sockaddr_storage ss = sockaddr_of(family, text, port, &len);

	return connect(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

void set_option(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

bool enter_netns(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	bool up;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
	if (fd >= 0)
		close(fd);
	return up;
}

uint16_t port_of(int fd)
{
	struct sockaddr_in6 sin6 = {0};
	socklen_t len = sizeof(sin6);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin6, &len), 0);
	/* In the same place as struct sockaddr_in's. */
	return ntohs(sin6.sin6_port);
}

uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len),
			 0);
	return cookie;
}

int listen_on(int family, const char *text, uint16_t port, bool reuse)
{
	int fd = open_socket(family, SOCK_STREAM, 0);

	set_option(fd, SOL_SOCKET, SO_REUSEPORT, reuse);
	assert_int_equal(try_bind(fd, family, text, port), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

struct pair tcp_pair(int server_family, const char *listen_at,
		     int client_family, const char *connect_to)
{
	struct pair p = {.listener =
				 listen_on(server_family, listen_at, 0, false)};

	p.client = open_socket(client_family, SOCK_STREAM, 0);
	assert_int_equal(try_connect(p.client, client_family, connect_to,
				     port_of(p.listener)),
			 0);
	p.server = accept4(p.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p.server >= 0);
	return p;
}

void pair_close(const struct pair *p)
{
	close(p->client);
	close(p->server);
	close(p->listener);
}

int udp_socket(int family, const char *local, uint16_t port, bool reuse)
{
	int fd = open_socket(family, SOCK_DGRAM, 0);

	set_option(fd, SOL_SOCKET, SO_REUSEPORT, reuse);
	assert_int_equal(try_bind(fd, family, local, port), 0);
	return fd;
}
