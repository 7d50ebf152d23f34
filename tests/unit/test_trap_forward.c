/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_trap_forward: whose record a forwarded packet's is, and what it means
 * when there is none. */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */

#include <errno.h>
#include <linux/netfilter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "log.h"
#include "trap_count.h"
#include "trap_forward.h"

#define OWNER	 101 /* namespaces */
#define TWIN	 102
#define STRANGER 103

/* Attached for so long that all that comes was sent later. */
#define WATCHED_US  1000000
#define RECEIVED_US 2000000

static struct trap t;
static struct catch c;
static struct inbox_item item;

/* ---------------------------------------------------------- what it stands on
 */

static struct netns_origin origin; /* as found anew */
static bool watches_all;
static struct witness_record kept; /* net_ns 0: none */
static int asked;		   /* what sockowner_ask returns */
static int concluded;		   /* what trap_conclude was given; 2: not */
static uint64_t refreshed, listed;

void netns_find_origin(struct netns *n, const struct ipaddr *saddr,
		       uint32_t indev, struct netns_origin *o)
{
	(void)n, (void)saddr, (void)indev;
	*o = origin;
}

bool netns_watches_all(const struct netns *n, uint64_t since_us)
{
	(void)n;
	return watches_all && since_us >= WATCHED_US;
}

uint64_t netns_refresh(struct netns *n)
{
	(void)n;
	return refreshed;
}

uint64_t netns_listed(const struct netns *n)
{
	(void)n;
	return listed;
}

void netns_step(struct netns *n, uint64_t until_us)
{
	(void)n, (void)until_us;
}

bool netns_is_blind(const struct netns *n)
{
	(void)n;
	return false;
}

bool witness_find_forwarded(struct witness *w, const struct packet *p,
			    uint64_t received_us, uint32_t net_ns,
			    struct witness_record *r)
{
	(void)w, (void)p, (void)received_us;
	*r = kept;
	return kept.net_ns != 0 && (net_ns == 0 || net_ns == kept.net_ns);
}

int sockowner_ask(struct sockowner *so, const struct sockowner_query *q,
		  uint64_t token, struct sockowner_answer *answer)
{
	(void)so, (void)q, (void)token, (void)answer;
	return asked;
}

int sockowner_find(struct sockowner *so, const struct sockowner_query *q,
		   struct sockowner_answer *answer)
{
	(void)so, (void)q;
	memset(answer, 0, sizeof(*answer));
	return 1;
}

uint64_t catch_token(const struct catch *found)
{
	return found->index;
}

struct catch *catch_at(const struct catch_pool *p, uint32_t index)
{
	(void)p;
	return index == 0 ? &c : NULL;
}

void trap_conclude(struct trap *of, struct catch *found, int r)
{
	(void)of, (void)found;
	concluded = r;
}

void log_warnx(const char *fmt, ...)
{
	(void)fmt;
}

/* ------------------------------------------------------------------ a packet
 */

static void add(uint32_t inode)
{
	struct netns_origin *o = &origin;

	o->list[o->n].id = inode - 100;
	o->list[o->n++].inode = inode;
}

/* From OWNER's address by a device that others have, too; seen there. */
static void reset(void)
{
	memset(&t, 0, sizeof(t));
	memset(&c, 0, sizeof(c));
	memset(&item, 0, sizeof(item));
	t.cfg.netns = (void *)&t;
	item.queued.hook = NF_INET_FORWARD;
	item.received_us = RECEIVED_US;
	origin = (struct netns_origin){.sure = true,
				       .watched = true,
				       .watched_us = WATCHED_US,
				       .shared = true};
	add(OWNER);
	watches_all = true;
	kept = (struct witness_record){.class = WITNESS_SENDER,
				       .pid = 4711,
				       .net_ns = OWNER,
				       .time_ns = RECEIVED_US * 1000ULL};
	asked = 0;
	concluded = 2;
	refreshed = listed = 0;
}

static bool finds(void)
{
	struct witness_record r;

	trap_forward_find_origin(&t, &item);
	return trap_forward_find_record(&t, &item, &r);
}

static enum sockowner_reason doubt(void)
{
	trap_forward_find_origin(&t, &item);
	return trap_forward_doubt(&t, item.received_us);
}

/* The owner's own record is the packet's. */
static void test_owners(void **state)
{
	(void)state;
	reset();
	assert_true(finds());
	origin.shared = false;
	assert_true(finds());
	/* One of several that have the address. */
	reset();
	add(TWIN);
	kept.net_ns = TWIN;
	assert_true(finds());
	/* Of what is not forwarded nothing is asked. */
	item.queued.hook = NF_INET_LOCAL_OUT;
	assert_false(finds());
}

/* Somebody may have sent the like who is not seen. */
static void test_not_watched(void **state)
{
	(void)state;
	reset();
	origin.watched = false;
	assert_false(finds());
	assert_int_equal(doubt(), SOCKOWNER_REASON_ORPHANED);
	reset();
	origin.sure = false;
	assert_false(finds());
	/* One of the twins was not watched yet. */
	reset();
	add(TWIN);
	origin.watched_us = RECEIVED_US + 1;
	assert_false(finds());
}

/* Another namespace has sent it, with an address that is not its own. */
static void test_forger(void **state)
{
	(void)state;
	reset();
	kept.net_ns = STRANGER;
	assert_true(finds());
	/* By a device that only the owner's packets come by it is not his. */
	origin.shared = false;
	assert_false(finds());
	/* An address that nobody has. */
	reset();
	kept.net_ns = STRANGER;
	origin.n = 0;
	assert_true(finds());
	origin.shared = false;
	assert_false(finds());
	/* Others may have sent the like, and nobody has seen them. */
	reset();
	kept.net_ns = STRANGER;
	watches_all = false;
	assert_false(finds());
	reset();
	kept.net_ns = STRANGER;
	kept.time_ns = (WATCHED_US - 1) * 1000ULL;
	assert_false(finds());
	/* What does not say who it was must not lead to the owner. */
	reset();
	kept.net_ns = STRANGER;
	kept.class = WITNESS_OTHER;
	assert_false(finds());
	reset();
	kept.net_ns = STRANGER;
	kept.pid = 0;
	assert_false(finds());
}

/* No record. */
static void test_doubt(void **state)
{
	(void)state;
	reset();
	assert_int_equal(doubt(), SOCKOWNER_REASON_NO_WITNESS);
	origin.shared = false;
	assert_int_equal(doubt(), SOCKOWNER_REASON_NO_WITNESS);
	/* It may have been sent before the witness came. */
	origin.watched_us = RECEIVED_US - 1000;
	assert_int_equal(doubt(), SOCKOWNER_REASON_NONE);
	origin.shared = true;
	assert_int_equal(doubt(), SOCKOWNER_REASON_ORPHANED);
	/* Not watched at all. */
	reset();
	origin.watched = origin.shared = false;
	assert_int_equal(doubt(), SOCKOWNER_REASON_NONE);
	/* From here. */
	reset();
	item.queued.hook = NF_INET_LOCAL_OUT;
	assert_int_equal(doubt(), SOCKOWNER_REASON_NONE);
}

static bool is_apart(void)
{
	trap_forward_find_origin(&t, &item);
	return trap_forward_is_apart(&t, &c, &item);
}

/* Two packets with one tuple. */
static void test_apart(void **state)
{
	(void)state;
	reset();
	origin.shared = false;
	c.query.orphaned = true;
	c.query.net = OWNER - 100;
	assert_false(is_apart());
	c.query.net = TWIN - 100;
	assert_true(is_apart());
	c.query.net = 0;
	assert_true(is_apart());
	/* One is seen, the other is not. */
	c.query.net = OWNER - 100;
	c.doubt = SOCKOWNER_REASON_NO_WITNESS;
	assert_true(is_apart());
	t.doubt = c.doubt;
	assert_false(is_apart());
	/* One is from here. */
	reset();
	item.queued.hook = NF_INET_LOCAL_OUT;
	assert_false(is_apart());
	c.query.orphaned = true;
	assert_true(is_apart());
}

/* What is told of a known flow's packets that are in doubt. */
static void test_silent(void **state)
{
	struct flow f = {0};
	struct packet p = {.tuple = {.proto = IPPROTO_UDP}};

	(void)state;
	reset();
	assert_false(trap_forward_is_silent(&t, &f, &p));
	f.doubted = true;
	assert_true(trap_forward_is_silent(&t, &f, &p));
	f.doubted = false;
	p.tuple.proto = IPPROTO_TCP;
	assert_true(trap_forward_is_silent(&t, &f, &p));
	t.cfg.answers = true;
	assert_false(trap_forward_is_silent(&t, &f, &p));
	t.cfg.answers = false;
	p.has_ports = true;
	p.tcp_flags = PACKET_TCP_SYN;
	assert_false(trap_forward_is_silent(&t, &f, &p));
}

/* A list was waited for. */
static void test_resumed(void **state)
{
	(void)state;
	reset();
	origin.n = 0;
	refreshed = 1;
	trap_forward_find_origin(&t, &item);
	c.query.orphaned = true;
	c.state = CATCH_OWNER;
	assert_int_equal(trap_forward_ask(&t, &c), 0);
	assert_int_equal(c.state, CATCH_ORIGIN);
	trap_forward_turn(&t, 0);
	assert_int_equal(concluded, 2);
	add(OWNER);
	listed = 1;
	asked = -EBUSY;
	trap_forward_turn(&t, 0);
	assert_int_equal(concluded, -EBUSY);
	assert_int_equal(c.doubt, SOCKOWNER_REASON_ORPHANED);
	assert_int_equal(c.query.net, OWNER - 100);
	assert_int_equal(c.state, CATCH_OWNER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_not_watched),
		cmocka_unit_test(test_forger),
		cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
