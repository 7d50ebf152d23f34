/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock: real sockets for tests, in a network namespace of their own. */
#ifndef SOCK_H
#define SOCK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#define SOCK_LO 1 /* ifindex of lo in every namespace */

/* Skips the test that runs, with the reason, where has is false. */
void need(bool has, const char *what);

/* A new network namespace with lo up; false: no permission. */
bool enter_netns(void);

/* These fail the test where they cannot do what they say. */
int open_socket(int family, int type, int proto);
void set_option(int fd, int level, int name, int value);
uint16_t port_of(int fd);
uint64_t cookie_of(int fd);

/* 0 or -errno. */
int try_bind(int fd, int family, const char *text, uint16_t port);
int try_connect(int fd, int family, const char *text, uint16_t port);

/* Bound; reuse: with SO_REUSEPORT. */
int listen_on(int family, const char *text, uint16_t port, bool reuse);
int udp_socket(int family, const char *local, uint16_t port, bool reuse);

/* A TCP connection and the listener behind it. */
struct pair {
	int listener, client, server;
};

struct pair tcp_pair(int server_family, const char *listen_at,
		     int client_family, const char *connect_to);
void pair_close(const struct pair *p);

#endif
