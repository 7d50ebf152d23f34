/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_verdict: real packets held, given and expired; the guardian at work. */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "nfqueue.h"
#include "proto.h"
#include "ruleset.h"
#include "util.h"
#include "verdict.h"

#define HOLD_US	 (100 * UTIL_MS)
#define LIMIT_MS 10000

static bool have_netns;
static struct nfqueue *q;
static struct ruleset *rs;
static struct verdict *v;
static int out_fd, in_fd;
static struct sockaddr_in to;

static int open_sockets(void)
{
	socklen_t len = sizeof(to);

	in_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	out_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	to = (struct sockaddr_in){.sin_family = AF_INET};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(in_fd, (struct sockaddr *)&to, len) |
	       getsockname(in_fd, (struct sockaddr *)&to, &len);
}

static int set_up(void **state)
{
	struct nfqueue_config qc = {.pick = true, .fail_open = true};
	struct target any = {.proto = IPPROTO_UDP};
	struct ruleset_config rc = {
		.targets = &any, .ntargets = 1, .bypass = true};
	struct ruleset_error why;

	(void)state;
	if (!have_netns) {
		printf("# skip: no permission for a network namespace\n");
		skip();
	}
	if (open_sockets() != 0 || nfqueue_open(&q, &qc) < 0)
		return -1;
	rc.queue_num = nfqueue_num(q);
	if (ruleset_install(&rs, &rc, &why) < 0)
		return -1;
	return verdict_open(&v, q, HOLD_US);
}

static int tear_down(void **state)
{
	(void)state;
	ruleset_close(rs);
	verdict_close(v);
	nfqueue_close(q);
	close(out_fd);
	close(in_fd);
	return 0;
}

static void send_one(char c)
{
	assert_int_equal(
		sendto(out_fd, &c, 1, 0, (struct sockaddr *)&to, sizeof(to)),
		1);
}

static uint32_t receive_id(void)
{
	char buf[NFQUEUE_BUF_SIZE] __attribute__((aligned(8)));
	struct pollfd p = {.fd = nfqueue_fd(q), .events = POLLIN};
	struct nfqueue_packet pkt;
	int error;

	for (;;) {
		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		if (nfqueue_receive(q, buf, sizeof(buf), &pkt, &error) ==
		    NFQUEUE_PACKET)
			return pkt.id;
	}
}

static bool has_arrived(int timeout_ms)
{
	struct pollfd p = {.fd = in_fd, .events = POLLIN};
	char c;

	return poll(&p, 1, timeout_ms) == 1 && recv(in_fd, &c, 1, 0) == 1;
}

static void test_give(void **state)
{
	struct verdict_stats st;
	uint64_t held;
	uint32_t id;

	(void)state;
	send_one('a');
	id = receive_id();
	assert_int_equal(verdict_hold(v, id, util_now_us()), 0);
	assert_true(verdict_is_held(v, id));
	assert_false(has_arrived(0));
	assert_int_equal(verdict_give(v, id, NF_ACCEPT, &held), 0);
	assert_true(held < HOLD_US);
	assert_true(has_arrived(LIMIT_MS));
	assert_false(verdict_is_held(v, id));
	/* One verdict for each id. */
	assert_int_equal(verdict_give(v, id, NF_ACCEPT, NULL), -ENOENT);
	verdict_read_stats(v, &st);
	assert_int_equal(st.given, 1);
	assert_int_equal(st.expired, 0);
}

static void test_drop(void **state)
{
	uint32_t id;

	(void)state;
	send_one('a');
	id = receive_id();
	assert_int_equal(verdict_hold(v, id, util_now_us()), 0);
	assert_int_equal(verdict_give(v, id, NF_DROP, NULL), 0);
	send_one('b');
	verdict_pass(v, receive_id());
	verdict_flush(v);
	assert_true(has_arrived(LIMIT_MS)); /* the second one */
	assert_false(has_arrived(0));
}

static unsigned count_arrived(int timeout_ms)
{
	unsigned n = 0;

	while (has_arrived(n == 0 ? timeout_ms : 0))
		n++;
	return n;
}

/* Several with one verdict, and none of them later than the loop waits. */
static void test_pass_several(void **state)
{
	(void)state;
	for (char c = 'a'; c < 'd'; c++) {
		send_one(c);
		verdict_pass(v, receive_id());
	}
	assert_false(has_arrived(0));
	verdict_flush(v);
	assert_int_equal(count_arrived(LIMIT_MS), 3);
	verdict_flush(v);
	send_one('d');
	verdict_pass(v, receive_id());
	verdict_idle(v);
	assert_true(has_arrived(LIMIT_MS));
	for (int i = 0; i < 100; i++) {
		send_one('e');
		verdict_pass(v, receive_id());
	}
	verdict_flush(v);
	for (int i = 0; i < 100; i++)
		assert_true(has_arrived(LIMIT_MS));
}

/* What is held stays, whatever passes behind and before it. */
static void test_pass_beside_held(void **state)
{
	uint32_t id;

	(void)state;
	send_one('a');
	verdict_pass(v, receive_id());
	send_one('b');
	id = receive_id();
	assert_int_equal(verdict_hold(v, id, util_now_us()), 0);
	assert_int_equal(count_arrived(LIMIT_MS), 1); /* in their order */
	for (int i = 0; i < 2; i++) {
		send_one('c');
		verdict_pass(v, receive_id());
		assert_true(has_arrived(LIMIT_MS));
	}
	assert_true(verdict_is_held(v, id));
	assert_int_equal(verdict_give(v, id, NF_DROP, NULL), 0);
	verdict_flush(v);
	assert_false(has_arrived(0));
}

/* Nobody gives it: the guardian does, at the limit. */
static void test_expire(void **state)
{
	struct verdict_stats st;
	uint64_t begin = util_now_us(), held;
	uint32_t id;

	(void)state;
	send_one('a');
	id = receive_id();
	assert_int_equal(verdict_hold(v, id, begin), 0);
	assert_true(has_arrived(LIMIT_MS));
	assert_true(util_now_us() - begin >= HOLD_US);
	assert_int_equal(verdict_give(v, id, NF_ACCEPT, &held), -EALREADY);
	assert_true(held >= HOLD_US);
	verdict_read_stats(v, &st);
	assert_int_equal(st.expired, 1);
}

/* The loop shows no life and has not even received them. */
static void test_stuck_loop(void **state)
{
	struct verdict_stats st;
	uint32_t id;

	(void)state;
	send_one('a');
	id = receive_id();
	verdict_touch(v, util_now_us());
	assert_int_equal(verdict_hold(v, id, util_now_us()), 0);
	for (int i = 0; i < 5; i++)
		send_one('b');
	for (int i = 0; i < 6; i++)
		assert_true(has_arrived(LIMIT_MS));
	verdict_read_stats(v, &st);
	assert_true(st.swept > 0);
	assert_int_equal(verdict_give(v, id, NF_ACCEPT, NULL), -EALREADY);
	/* What comes while it is still stuck does not wait either. */
	send_one('c');
	assert_true(has_arrived(LIMIT_MS));
}

/* Waiting in poll is not being stuck. */
static void test_idle_loop(void **state)
{
	struct verdict_stats st;
	uint64_t until = util_now_us() + 3 * HOLD_US;
	struct pollfd none = {.fd = -1};

	(void)state;
	verdict_touch(v, util_now_us());
	verdict_idle(v);
	while (util_now_us() < until)
		poll(&none, 1, (int)(HOLD_US / UTIL_MS));
	verdict_read_stats(v, &st);
	assert_int_equal(st.swept, 0);
}

static void test_give_all(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		send_one('a');
	for (int i = 0; i < 10; i++)
		assert_int_equal(verdict_hold(v, receive_id(), util_now_us()),
				 0);
	verdict_give_all(v);
	for (int i = 0; i < 10; i++)
		assert_true(has_arrived(LIMIT_MS));
}

/* More than the table holds: accepted at once, not lost. */
static void test_full_table(void **state)
{
	struct verdict_stats st;
	uint64_t now = util_now_us() + 100 * UTIL_SEC;
	int refused = 0;

	(void)state;
	/* Made-up ids: the kernel's refusals of them are not read here. */
	for (uint32_t id = 1; id <= NFQUEUE_MAXLEN; id++)
		assert_int_equal(verdict_hold(v, id + (1U << 20), now), 0);
	send_one('a');
	if (verdict_hold(v, receive_id(), now) == -ENOSPC)
		refused++;
	assert_int_equal(refused, 1);
	assert_true(has_arrived(LIMIT_MS));
	verdict_read_stats(v, &st);
	assert_int_equal(st.overflow, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	const struct CMUnitTest tests[] = {
		TEST(test_give),
		TEST(test_drop),
		TEST(test_pass_several),
		TEST(test_stuck_loop),
		TEST(test_pass_beside_held),
		TEST(test_stuck_loop),
		TEST(test_expire),
		TEST(test_stuck_loop),
		TEST(test_idle_loop),
		TEST(test_give_all),
		TEST(test_full_table),
	};
	int fd;

	have_netns = unshare(CLONE_NEWNET) == 0;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (have_netns)
		ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
