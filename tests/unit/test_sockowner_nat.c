/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockowner_nat: whose is a packet whose destination may be another than
 * its socket's? */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "ipaddr.h"
#include "sock.h"
#include "sockowner.h"

#define PORT 4000

static struct sockowner *so;

static int set_up(void **state)
{
	(void)state;
	need(enter_netns(), "no permission for a network namespace");
	return sockowner_open(&so, "/proc");
}

static int tear_down(void **state)
{
	(void)state;
	sockowner_close(so);
	so = NULL;
	return 0;
}

static void set_address(struct sockaddr_storage *ss, const char *text,
			uint16_t port)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	ipaddr_to_sockaddr(&a, port, 0, ss);
}

/* A packet from our port to there, behind NAT. */
static struct sockowner_query ask_for(const char *remote, uint16_t port,
				      bool connecting)
{
	struct sockowner_query q = {
		.protocol = IPPROTO_TCP, .nat = true, .connecting = connecting};

	set_address(&q.local, "127.0.0.1", PORT);
	set_address(&q.remote, remote, port);
	return q;
}

static int bound_socket(void)
{
	int fd = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	assert_int_equal(try_bind(fd, AF_INET, "127.0.0.1", PORT), 0);
	return fd;
}

/* Answers no further SYN. */
static int full_listener(const char *at, uint16_t port, int *filler)
{
	int fd = listen_on(AF_INET, at, port, false);

	assert_int_equal(listen(fd, 0), 0);
	*filler = open_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(try_connect(*filler, AF_INET, at, port), 0);
	return fd;
}

static void get(const struct sockowner_query *q, struct sockowner_answer *a)
{
	assert_int_equal(sockowner_get(so, q, 20000000, a), 1);
	sockowner_release(a);
}

static void expect_remote(const struct sockowner_answer *a, const char *text,
			  uint16_t port)
{
	struct sockaddr_storage ss;

	set_address(&ss, text, port);
	assert_true(a->rewritten);
	assert_memory_equal(&a->remote, &ss, sizeof(struct sockaddr_in));
}

/* One that connects without waiting: it may be it, but does not show it. */
static void test_attempt(void **state)
{
	struct sockowner_query q = ask_for("127.0.0.9", 99, true);
	int filler, lfd = full_listener("127.0.0.2", 80, &filler);
	int fd = bound_socket();
	struct sockowner_answer a;

	(void)state;
	assert_int_equal(try_connect(fd, AF_INET, "127.0.0.2", 80),
			 -EINPROGRESS);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_REWRITTEN);
	assert_int_equal(a.socket.state, TCP_SYN_SENT);
	expect_remote(&a, "127.0.0.2", 80);
	assert_int_equal(sockowner_still(so, &q, &a.socket, NULL), 1);
	/* Without NAT it is none of its. */
	q.nat = false;
	get(&q, &a);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
	close(fd);
	close(filler);
	close(lfd);
}

static void test_two_attempts(void **state)
{
	struct sockowner_query q = ask_for("127.0.0.2", 80, true);
	int fillers[2], fds[2], lfds[2];
	struct sockowner_answer a;

	(void)state;
	lfds[0] = full_listener("127.0.0.2", 80, &fillers[0]);
	lfds[1] = full_listener("127.0.0.3", 80, &fillers[1]);
	fds[0] = bound_socket();
	fds[1] = bound_socket();
	assert_int_equal(try_connect(fds[0], AF_INET, "127.0.0.2", 80),
			 -EINPROGRESS);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	assert_false(a.rewritten);
	/* The other's may have become this one's address. */
	assert_int_equal(try_connect(fds[1], AF_INET, "127.0.0.3", 80),
			 -EINPROGRESS);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_TWINS);
	assert_int_equal(a.ntwins_total, 2);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(fillers[i]);
		close(lfds[i]);
	}
}

static void test_connection(void **state)
{
	int lfd = listen_on(AF_INET, "127.0.0.2", 80, false);
	struct sockowner_query q = ask_for("127.0.0.9", 99, false);
	struct sockowner_answer a;
	int fd = bound_socket();

	(void)state;
	assert_int_equal(try_connect(fd, AF_INET, "127.0.0.2", 80),
			 -EINPROGRESS);
	/* An empty segment is in no send queue. */
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_REWRITTEN);
	q.payload = 100;
	get(&q, &a);
	assert_int_equal(a.reason, SOCKOWNER_REASON_REWRITTEN);
	/* Of just these addresses, and alone. */
	q = ask_for("127.0.0.2", 80, false);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	assert_false(a.rewritten);
	/* No attempt. */
	q = ask_for("127.0.0.9", 99, true);
	get(&q, &a);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
	close(fd);
	close(lfd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_attempt),
		TEST(test_two_attempts),
		TEST(test_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
