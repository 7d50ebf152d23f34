/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_grading_owner: the library through its public header: what is asked
 * beside the way of one packet. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "ipaddr.h"
#include "scenes.h"
#include "util.h"
#include "world.h"

#define WAITS_MAX 512

static struct sockowner *so;

/* The packet's question. */
static struct sockowner_query query(int protocol)
{
	struct sockowner_query q = {.protocol = protocol,
				    .held = {.packets = 1, .bytes = 33},
				    .has_uid = true,
				    .uid = WORLD_UID};
	struct ipaddr local, remote;

	ipaddr_parse("10.0.0.1", 8, &local);
	ipaddr_parse("10.0.0.2", 8, &remote);
	ipaddr_to_sockaddr(&local, 1000, 0, &q.local);
	ipaddr_to_sockaddr(&remote, 2000, 0, &q.remote);
	return q;
}

static void open_in(void (*begins)(void))
{
	begins();
	assert_int_equal(sockowner_open(&so, "/proc"), 0);
	world_listen();
}

static int tear_down(void **state)
{
	(void)state;
	world.listening = false;
	sockowner_close(so);
	so = NULL;
	return 0;
}

static void happens(size_t i, enum call call, int nth, enum deed deed,
		    enum who who)
{
	world.script[i] = (struct happening){
		.call = call, .nth = nth, .deed = deed, .who = who};
}

static void get(const struct sockowner_query *q, struct sockowner_answer *a)
{
	assert_int_equal(sockowner_get(so, q, UTIL_SEC, a), 1);
}

/* ------------------------------------------------------------- further packets
 */

static int still(void (*begins)(void), int protocol, enum deed deed,
		 enum who who)
{
	struct sockowner_query q = query(protocol);
	struct sockowner_answer a;
	int r;

	open_in(begins);
	get(&q, &a);
	assert_int_equal(a.nholders, 1);
	assert_int_equal(sockowner_still(so, &q, &a.socket, &a.holders[0]), 1);
	world_do(deed, who);
	r = sockowner_still(so, &q, &a.socket, &a.holders[0]);
	sockowner_release(&a);
	tear_down(NULL);
	return r;
}

static void test_still(void **state)
{
	static const enum deed changes[] = {
		EXITS, EXECS,	 CLOSES,   MOVES,	 PID_REUSED, HIDES,
		GOES,  ORPHANED, REPLACED, REINCARNATED, TIME_WAITS, REFUSED,
	};
	static const enum deed others[] = {NOTHING, BORN, GETS_IT, RAW_BESIDE,
					   CONNECTS};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		assert_int_equal(
			still(datagram, IPPROTO_UDP, changes[i], SENDER), 0);
		assert_int_equal(still(data, IPPROTO_TCP, changes[i], SENDER),
				 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(still(datagram, IPPROTO_UDP, others[i], OTHER),
				 1);
		assert_int_equal(still(data, IPPROTO_TCP, others[i], OTHER), 1);
	}
	assert_int_equal(still(datagram, IPPROTO_UDP, EMPTIED, NOBODY), 0);
	assert_int_equal(still(data, IPPROTO_TCP, EMPTIED, NOBODY), 1);
}

/* Same pid, same program, at the same addresses, with the same socket. */
static void test_still_in_the_next_life(void **state)
{
	struct sockowner_query q = query(IPPROTO_UDP);
	struct sockowner_answer a;

	(void)state;
	open_in(datagram);
	get(&q, &a);
	world_process(SENDER)->starttime++;
	assert_int_equal(sockowner_still(so, &q, &a.socket, &a.holders[0]), 0);
	assert_int_equal(sockowner_still(so, &q, &a.socket, NULL), 1);
	sockowner_release(&a);
}

static void test_recheck(void **state)
{
	static const enum deed changes[] = {GOES,	  ORPHANED,   REPLACED,
					    REINCARNATED, TIME_WAITS, TORN,
					    DOUBLED_FULL, EMPTIED,    REFUSED};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct sockowner_query q = query(IPPROTO_UDP);
		struct sockowner_answer a;

		open_in(datagram);
		get(&q, &a);
		assert_int_equal(sockowner_recheck(so, &q, &a.socket), 1);
		world_do(changes[i], NOBODY);
		assert_int_equal(sockowner_recheck(so, &q, &a.socket), 0);
		sockowner_release(&a);
		tear_down(NULL);
	}
}

static void test_serves(void **state)
{
	struct sockowner_query q = query(IPPROTO_TCP);

	(void)state;
	open_in(listened);
	assert_int_equal(sockowner_serves(so, &q), 1);
	tear_down(NULL);
	/* A connection is not a listener. */
	open_in(data);
	assert_int_equal(sockowner_serves(so, &q), 0);
}

/* ------------------------------------------------------------ many that wait
 */

static void test_all_places_taken(void **state)
{
	struct sockowner_query q = query(IPPROTO_UDP);
	struct sockowner_answer a;
	uint64_t token, seen = 0;

	(void)state;
	open_in(datagram);
	for (uint64_t i = 0; i < WAITS_MAX; i++)
		assert_int_equal(sockowner_ask(so, &q, i, &a), 0);
	assert_int_equal(sockowner_ask(so, &q, WAITS_MAX, &a), -EBUSY);
	/* What was not taken leaves nothing behind. */
	assert_false(sockowner_cancel(so, WAITS_MAX, &a));
	while (sockowner_step(so, 1000))
		;
	while (sockowner_next(so, &token, &a)) {
		seen++;
		assert_int_equal(a.grade, SOCKOWNER_HOLDER);
		assert_int_equal(a.holders[0].pid, world_pid(SENDER));
		sockowner_release(&a);
	}
	assert_int_equal(seen, WAITS_MAX);
	assert_int_equal(sockowner_ask(so, &q, 1, &a), 0);
}

/* Who asks while a sweep is under way has the next one: of this one he would
 * have seen a half. */
static void test_asked_during_a_sweep(void **state)
{
	struct sockowner_query q = query(IPPROTO_UDP);
	struct sockowner_answer a, late;
	uint64_t token;

	(void)state;
	open_in(datagram);
	assert_int_equal(sockowner_ask(so, &q, 1, &a), 0);
	assert_true(sockowner_step(so, 1000)); /* SENDER is looked at */
	assert_int_equal(sockowner_ask(so, &q, 2, &late), 0);
	while (!sockowner_next(so, &token, &a))
		sockowner_step(so, 1000);
	assert_int_equal(token, 1);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	sockowner_release(&a);
	while (!sockowner_next(so, &token, &late))
		sockowner_step(so, 1000);
	assert_int_equal(token, 2);
	assert_int_equal(late.grade, SOCKOWNER_HOLDER);
	assert_int_equal(late.holders[0].pid, world_pid(SENDER));
	sockowner_release(&late);
}

/* A sweep that is given up leaves the others theirs. */
static void test_cancelled(void **state)
{
	struct sockowner_query q = query(IPPROTO_UDP);
	struct sockowner_answer a;
	uint64_t token;

	(void)state;
	open_in(datagram);
	assert_int_equal(sockowner_ask(so, &q, 1, &a), 0);
	assert_int_equal(sockowner_ask(so, &q, 2, &a), 0);
	assert_true(sockowner_step(so, 1000));
	assert_true(sockowner_cancel(so, 1, &a));
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_TIME);
	sockowner_release(&a);
	while (!sockowner_next(so, &token, &a))
		sockowner_step(so, 1000);
	assert_int_equal(token, 2);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	sockowner_release(&a);
}

static void test_time_spent(void **state)
{
	struct sockowner_query q = query(IPPROTO_UDP);
	struct sockowner_answer a;

	(void)state;
	open_in(datagram);
	happens(0, SWEPT, 1, TIME_PASSES, NOBODY);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_TIME);
	sockowner_release(&a);
}

/* ----------------------------------------------------------- who is asked
 * first
 */

/* A candidate's proof was of one socket: the next one is looked at again. */
static void test_known_candidate(void **state)
{
	struct sockowner_query q = query(IPPROTO_TCP);
	struct sockowner_answer a;

	(void)state;
	q.connecting = true;
	open_in(waiting);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_PROVED);
	sockowner_release(&a);
	world_do(RETURNS, SENDER);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	sockowner_release(&a);
	world_do(PID_REUSED, SENDER);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_UNKNOWN);
	assert_int_equal(a.reason, SOCKOWNER_REASON_NO_SOCKET);
}

/* Waiting in connect(2) proves something of a SYN only. */
static void test_connect_of_no_syn(void **state)
{
	struct sockowner_query q = query(IPPROTO_TCP);
	struct sockowner_answer a;

	(void)state;
	open_in(waiting);
	get(&q, &a);
	assert_int_equal(a.grade, SOCKOWNER_HOLDER);
	sockowner_release(&a);
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_still),
		TEST(test_still_in_the_next_life),
		TEST(test_recheck),
		TEST(test_serves),
		TEST(test_all_places_taken),
		TEST(test_asked_during_a_sweep),
		TEST(test_cancelled),
		TEST(test_time_spent),
		TEST(test_known_candidate),
		TEST(test_connect_of_no_syn),
	};

	world_keep_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
