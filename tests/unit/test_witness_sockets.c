/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The witness's sockets: the right one, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "witness_sockets.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static struct witness_sockets *s;
static struct witness_record got;
static uint64_t now;

static int setup(void **state)
{
	(void)state;
	now = 100;
	return witness_sockets_open(&s);
}

static int teardown(void **state)
{
	(void)state;
	witness_sockets_close(s);
	return 0;
}

static void set_address(uint16_t family, const char *text, uint32_t *words)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	if (family == AF_INET6 && a.family == AF_INET) {
		memset(words, 0, 8);
		words[2] = htonl(0xffff);
		memcpy(&words[3], a.bytes, 4);
	} else {
		memcpy(words, a.bytes, sizeof(a.bytes));
	}
}

static void add(enum witness_type type, uint64_t cookie, uint32_t pid,
		struct witness_ends ends)
{
	struct witness_record r = {.type = type,
				   .class = WITNESS_SENDER,
				   .cookie = cookie,
				   .pid = pid,
				   .time_ns = ++now,
				   .ends = ends};

	witness_sockets_add(s, &r);
}

static void create(uint64_t cookie, uint32_t pid)
{
	add(WITNESS_CREATED, cookie, pid, (struct witness_ends){0});
}

static void connect_to(uint64_t cookie, uint32_t pid, uint16_t family,
		       const char *to, uint16_t port)
{
	struct witness_ends e = {
		.family = family, .proto = IPPROTO_TCP, .dport = port};

	set_address(family, to, e.daddr);
	add(WITNESS_CONNECTED, cookie, pid, e);
}

static void close_at(uint64_t cookie, uint8_t proto, const char *from,
		     uint16_t sport, const char *to, uint16_t dport)
{
	struct witness_ends e = {.family = AF_INET,
				 .proto = proto,
				 .sport = sport,
				 .dport = dport};

	set_address(AF_INET, from, e.saddr);
	set_address(AF_INET, to, e.daddr);
	add(WITNESS_CLOSED, cookie, 0, e);
}

static struct tuple tuple(uint8_t proto, const char *from, uint16_t sport,
			  const char *to, uint16_t dport)
{
	struct tuple t = {.family = AF_INET,
			  .proto = proto,
			  .sport = sport,
			  .dport = dport};

	ipaddr_parse(from, strlen(from), &t.saddr);
	ipaddr_parse(to, strlen(to), &t.daddr);
	return t;
}

static uint32_t creator(uint64_t cookie)
{
	return witness_sockets_creator(s, cookie, &got) ? got.pid : 0;
}

static uint32_t connector(uint64_t cookie, const struct tuple *t,
			  uint64_t lost_ns)
{
	return witness_sockets_connect(s, cookie, t, lost_ns, &got) ? got.pid
								    : 0;
}

static void the_creator_stays(void **state)
{
	(void)state;
	create(1, 7);
	create(2, 8);
	connect_to(1, 9, AF_INET, "10.0.0.1", 80);
	assert_int_equal(creator(1), 7);
	assert_int_equal(creator(2), 8);
	assert_int_equal(creator(3), 0);
	assert_int_equal(creator(0), 0);
}

static void the_last_connect_counts(void **state)
{
	const struct tuple t =
		tuple(IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);

	(void)state;
	create(1, 7);
	assert_int_equal(connector(1, &t, 0), 0);
	connect_to(1, 8, AF_INET, "10.0.0.1", 80);
	assert_int_equal(connector(1, &t, 0), 8);
	connect_to(1, 8, AF_INET, "10.0.0.2", 80);
	assert_int_equal(connector(1, &t, 0), 0);
	connect_to(1, 8, AF_INET, "10.0.0.1", 80);
	assert_int_equal(connector(1, &t, 0), 8);
	/* One that came later may be lost. */
	assert_int_equal(connector(1, &t, now + 1), 0);
	assert_int_equal(connector(1, &t, now - 1), 8);
}

/* The packet of the first one may be held still. */
static void only_one_connects(void **state)
{
	const struct tuple t =
		tuple(IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);

	(void)state;
	connect_to(1, 8, AF_INET, "10.0.0.1", 80);
	connect_to(2, 8, AF_INET, "10.0.0.1", 80);
	connect_to(1, 9, AF_INET, "10.0.0.1", 80);
	assert_int_equal(connector(1, &t, 0), 0);
	assert_int_equal(connector(2, &t, 0), 8);
	connect_to(1, 9, AF_INET, "10.0.0.1", 80);
	assert_int_equal(connector(1, &t, 0), 0);
}

static void connects_to_elsewhere(void **state)
{
	struct tuple t = tuple(IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);

	(void)state;
	connect_to(1, 7, AF_INET, "10.0.0.1", 81);
	assert_int_equal(connector(1, &t, 0), 0);
	connect_to(2, 7, AF_INET6, "10.0.0.1", 80);
	assert_int_equal(connector(2, &t, 0), 7);
	connect_to(3, 7, AF_INET, "0.0.0.0", 80);
	assert_int_equal(connector(3, &t, 0), 7);
	connect_to(4, 7, AF_INET6, "::", 80);
	assert_int_equal(connector(4, &t, 0), 7);
	t.proto = IPPROTO_SCTP;
	assert_int_equal(connector(3, &t, 0), 0);
}

static void only_one_can_have_been_it(void **state)
{
	const struct tuple t =
		tuple(IPPROTO_UDP, "10.0.0.9", 1000, "10.0.0.1", 53);

	(void)state;
	close_at(1, IPPROTO_UDP, "0.0.0.0", 999, "0.0.0.0", 0);
	close_at(2, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 53);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 0), 0);
	close_at(3, IPPROTO_UDP, "10.0.0.8", 1000, "10.0.0.7", 54);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 0), 3);
	assert_int_equal(witness_sockets_closed(s, &t, now + 1, 0), 0);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 50), 0);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 49), 3);
	close_at(4, IPPROTO_UDP, "0.0.0.0", 1000, "0.0.0.0", 0);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 0), 0);
	/* The first of them was closed before, but not long before. */
	assert_int_equal(witness_sockets_closed(s, &t, now, 0), 0);
	now += 2 * WITNESS_SOCKETS_BACK_NS;
	close_at(5, IPPROTO_UDP, "0.0.0.0", 1000, "0.0.0.0", 0);
	assert_int_equal(witness_sockets_closed(s, &t, now, 0), 5);
}

/* A connection of one that is there; of one that is gone, or nobody's. */
static void the_only_one_with_these(void **state)
{
	const struct tuple t =
		tuple(IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);

	(void)state;
	close_at(1, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 81);
	assert_true(witness_sockets_is_alone(s, 2, &t, 50, 0));
	assert_false(witness_sockets_is_alone(s, 2, &t, 50, 50));
	close_at(2, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);
	assert_true(witness_sockets_is_alone(s, 2, &t, 50, 0));
	assert_false(witness_sockets_is_alone(s, 3, &t, 50, 0));
	close_at(3, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);
	assert_false(witness_sockets_is_alone(s, 2, &t, 50, 0));
	assert_false(witness_sockets_is_alone(s, 3, &t, 50, 0));
	now += 2 * WITNESS_SOCKETS_BACK_NS;
	assert_true(witness_sockets_is_alone(s, 4, &t, now, 0));
}

static void disconnected_first(void **state)
{
	const struct tuple t =
		tuple(IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);

	(void)state;
	connect_to(1, 7, AF_INET, "10.0.0.2", 80);
	close_at(1, IPPROTO_TCP, "10.0.0.9", 1000, "0.0.0.0", 0);
	assert_true(witness_sockets_is_alone(s, 4, &t, 50, 0));
	close_at(2, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 0), 2);
	connect_to(3, 7, AF_INET, "10.0.0.1", 80);
	close_at(3, IPPROTO_TCP, "10.0.0.9", 1000, "0.0.0.0", 0);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 0), 0);
	assert_int_equal(witness_sockets_closed(s, &t, now, 0), 0);
	assert_false(witness_sockets_is_alone(s, 4, &t, now, 0));
}

static void a_connection_has_four(void **state)
{
	const struct tuple t =
		tuple(IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);

	(void)state;
	close_at(1, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.2", 80);
	close_at(2, IPPROTO_TCP, "10.0.0.8", 1000, "10.0.0.1", 80);
	close_at(3, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 81);
	close_at(4, IPPROTO_TCP, "10.0.0.9", 1001, "10.0.0.1", 80);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 0), 0);
	close_at(5, IPPROTO_TCP, "10.0.0.9", 1000, "10.0.0.1", 80);
	assert_int_equal(witness_sockets_closed(s, &t, 50, 0), 5);
}

/* What was pushed out may have been another one. */
static void room_for_so_many(void **state)
{
	const struct tuple t =
		tuple(IPPROTO_UDP, "10.0.0.9", 1000, "10.0.0.1", 53);
	uint64_t first;

	(void)state;
	create(1, 7);
	close_at(1, IPPROTO_UDP, "0.0.0.0", 1000, "0.0.0.0", 0);
	first = now;
	close_at(2, IPPROTO_UDP, "0.0.0.0", 1000, "0.0.0.0", 0);
	for (uint64_t i = 0; i < WITNESS_SOCKETS_MAX - 1; i++)
		create(3 + i, 8);
	assert_int_equal(creator(1), 0);
	assert_int_equal(creator(WITNESS_SOCKETS_MAX + 1), 8);
	assert_int_equal(witness_sockets_closed(s, &t, first, 0), 0);
	assert_int_equal(witness_sockets_closed(s, &t, first + 1, 0), 2);
	for (uint64_t i = 0; i < 2 * WITNESS_SOCKETS_MAX; i++)
		close_at(9000 + i, IPPROTO_UDP, "0.0.0.0", (uint16_t)(i % 3),
			 "0.0.0.0", 0);
	assert_int_equal(witness_sockets_closed(s, &t, now, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_creator_stays),     TEST(the_last_connect_counts),
		TEST(connects_to_elsewhere), TEST(only_one_can_have_been_it),
		TEST(a_connection_has_four), TEST(room_for_so_many),
		TEST(only_one_connects),     TEST(the_only_one_with_these),
		TEST(disconnected_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
