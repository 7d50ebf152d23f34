/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_table: which record is whose packet's, and what must not be believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "witness_table.h"

#define MS_NS 1000000ULL

/* 10.0.0.1:4000 > 10.0.0.2:53, four bytes of payload. */
static const uint8_t datagram[32] = {
	0x45, 0, 0, 32, 0,    1,    0, 0,  64, 17, 0, 0, 10,  0,   0,	1,
	10,   0, 0, 2,	0x0f, 0xa0, 0, 53, 0,  12, 0, 0, 'a', 'b', 'c', 'd'};

static struct witness_table *table;

static int setup(void **state)
{
	(void)state;
	return witness_table_open(&table);
}

static int teardown(void **state)
{
	(void)state;
	witness_table_close(table);
	return 0;
}

static void add_record(const struct witness_record *record,
		       const uint8_t *bytes)
{
	struct witness_record r = *record;

	memcpy(r.head, bytes, 32);
	witness_table_add(table, &r);
}

static struct witness_record sender(uint32_t pid, uint64_t time_ns)
{
	return (struct witness_record){
		.type = WITNESS_PACKET,
		.class = WITNESS_SENDER,
		.time_ns = time_ns,
		.inode = pid,
		.pid = pid,
		.image.tgid = pid,
		.sock_uid = 1000,
		.has_sock_uid = 1,
		.len = 32,
		.head_len = 32,
	};
}

static void add(uint32_t pid, uint64_t time_ns, const uint8_t *bytes)
{
	const struct witness_record r = sender(pid, time_ns);

	add_record(&r, bytes);
}

/* The pid of the record, 0: none. */
static uint32_t find(uint64_t at_ns, const uint8_t *bytes, uint32_t uid,
		     uint64_t lost_ns)
{
	struct witness_record r;
	struct packet p;

	packet_parse(&p, bytes, 32, 32);
	return witness_table_find(table, &p, at_ns / 1000, true, uid, lost_ns,
				  &r)
		       ? r.pid
		       : 0;
}

static void test_is_found_once(void **state)
{
	(void)state;
	add(7, MS_NS, datagram);
	assert_int_equal(find(2 * MS_NS, datagram, 1000, 0), 7);
	assert_int_equal(find(2 * MS_NS, datagram, 1000, 0), 0);
}

static void test_other_bytes_are_another_packet(void **state)
{
	uint8_t other[32];

	(void)state;
	add(7, MS_NS, datagram);
	for (size_t i = 0; i < sizeof(other); i++) {
		/* Version and lengths make it no packet; service, hop limit
		 * and checksums may change on the way. */
		if (i < 4 || i == 6 || i == 8 || i == 10 || i == 11 ||
		    i == 26 || i == 27)
			continue;
		memcpy(other, datagram, sizeof(other));
		other[i] ^= 1;
		if (i != 7) /* an offset of a fragment ends the parsing */
			assert_int_equal(find(2 * MS_NS, other, 1000, 0), 0);
	}
	memcpy(other, datagram, sizeof(other));
	other[1] = 8;
	other[8] = 63;
	other[10] = other[26] = 0xaa;
	assert_int_equal(find(2 * MS_NS, other, 1000, 0), 7);
}

/* Enough of them that some share a place in the table. */
static void test_other_addresses_are_another_packet(void **state)
{
	enum { ROUNDS = 20, MANY = 2000 };
	uint8_t other[32];

	memcpy(other, datagram, sizeof(other));
	other[19] = 3; /* the last of its address */
	for (unsigned i = 1; i <= ROUNDS * MANY; i++) {
		memcpy(other + 16, &i, 3);
		add(1, 10 * MS_NS, other);
		assert_int_equal(find(20 * MS_NS, datagram, 1000, 0), 0);
		if (i % MANY == 0) {
			teardown(state);
			setup(state);
		}
	}
}

static void test_other_user_is_another_sender(void **state)
{
	(void)state;
	add(7, MS_NS, datagram);
	assert_int_equal(find(2 * MS_NS, datagram, 1001, 0), 0);
	assert_int_equal(find(2 * MS_NS, datagram, 1000, 0), 7);
}

static void test_later_record_is_not_its_own(void **state)
{
	(void)state;
	add(7, 3 * MS_NS, datagram);
	assert_int_equal(find(2 * MS_NS, datagram, 1000, 0), 0);
}

/* Behind another queue: first in its send, then as its reader gave it back. */
static void test_seen_again_is_the_same(void **state)
{
	struct witness_record r = sender(0, 2 * MS_NS);

	(void)state;
	r.class = WITNESS_OTHER;
	r.again = 1;
	add(7, MS_NS, datagram);
	add_record(&r, datagram);
	assert_int_equal(find(3 * MS_NS, datagram, 1000, 0), 7);
}

static void test_seen_again_from_another_socket(void **state)
{
	struct witness_record r = sender(0, 2 * MS_NS);

	(void)state;
	r.class = WITNESS_OTHER;
	r.again = 1;
	r.sk = 0x1000;
	add(7, MS_NS, datagram);
	add_record(&r, datagram);
	assert_int_equal(find(3 * MS_NS, datagram, 1000, 0), 0);
}

static void test_seen_again_in_anothers_place(void **state)
{
	struct witness_record r = sender(7, MS_NS);

	(void)state;
	r.cookie = 1;
	add_record(&r, datagram);
	r = sender(0, 2 * MS_NS);
	r.class = WITNESS_OTHER;
	r.again = 1;
	r.cookie = 2;
	add_record(&r, datagram);
	assert_int_equal(find(3 * MS_NS, datagram, 1000, 0), 0);
}

static void test_seen_again_before_another_sends(void **state)
{
	struct witness_record r = sender(0, MS_NS);

	(void)state;
	r.class = WITNESS_OTHER;
	r.again = 1;
	add_record(&r, datagram);
	add(7, 2 * MS_NS, datagram);
	assert_int_equal(find(3 * MS_NS, datagram, 1000, 0), 0);
}

/* Order proves nothing: the first one's packet may never have come. */
static void test_two_senders_far_apart(void **state)
{
	(void)state;
	add(7, MS_NS, datagram);
	add(8, 50 * MS_NS, datagram);
	assert_int_equal(find(60 * MS_NS, datagram, 1000, 0), 0);
	assert_int_equal(witness_table_doubted(table), 1);
}

/* A record from before the queue was last empty comes too late. */
static void test_late_record(void **state)
{
	(void)state;
	witness_table_forget(table, 100 * 1000);
	add(7, 50 * MS_NS, datagram);
	assert_int_equal(find(120 * MS_NS, datagram, 1000, 0), 0);
	add(8, 110 * MS_NS, datagram);
	assert_int_equal(find(120 * MS_NS, datagram, 1000, 0), 8);
}

static void test_two_senders_too_close(void **state)
{
	(void)state;
	add(7, MS_NS, datagram);
	add(8, 2 * MS_NS, datagram);
	assert_int_equal(find(60 * MS_NS, datagram, 1000, 0), 0);
	assert_int_equal(witness_table_doubted(table), 1);
}

static void test_one_sender_twice(void **state)
{
	(void)state;
	add(7, MS_NS, datagram);
	add(7, MS_NS + 1, datagram);
	assert_int_equal(find(60 * MS_NS, datagram, 1000, 0), 7);
	assert_int_equal(find(60 * MS_NS, datagram, 1000, 0), 7);
}

static void test_forgotten(void **state)
{
	(void)state;
	add(7, MS_NS, datagram);
	add(8, 50 * MS_NS, datagram);
	witness_table_forget(table, 60000);
	assert_int_equal(find(70 * MS_NS, datagram, 1000, 0), 8);
}

/* A lost record may have been this packet's. */
static void test_loss_is_doubt(void **state)
{
	(void)state;
	witness_table_forget(table, 30000);
	add(7, 40 * MS_NS, datagram);
	assert_int_equal(find(60 * MS_NS, datagram, 1000, 39 * MS_NS), 0);
	assert_int_equal(find(60 * MS_NS, datagram, 1000, MS_NS), 7);
}

static void test_full(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WITNESS_TABLE_MAX + 1; i++)
		add(7, MS_NS + i, datagram);
	assert_int_equal(witness_table_lost(table), 1);
	assert_int_equal(find(60 * MS_NS, datagram, 1000, 0), 0);
}

struct fact {
	struct witness_facts f;
	char strings[16];
};

static void test_facts(void **state)
{
	struct fact a = {.f = {.type = WITNESS_FACTS,
			       .exe_len = 8,
			       .cwd_len = 2,
			       .args_len = 6},
			 .strings = "cat\0bin\0/\0cat\0-v"};
	const struct witness_facts *f;
	struct witness_image im = {0};
	char buf[64];

	(void)state;
	a.f.image.tgid = 5;
	assert_int_equal(witness_table_add_facts(table, &a, 10), -74);
	assert_int_equal(witness_table_add_facts(table, &a, sizeof(a) - 1),
			 -74);
	assert_int_equal(witness_table_add_facts(table, &a, sizeof(a)), 0);
	assert_null(witness_table_facts(table, &im));
	im.tgid = 5;
	f = witness_table_facts(table, &im);
	assert_non_null(f);
	assert_string_equal(witness_facts_exe(f, buf, sizeof(buf)), "/bin/cat");
	assert_memory_equal(witness_facts_args(f), "cat\0-v", 6);
	a.f.nparents = WITNESS_PARENTS_MAX + 1;
	assert_int_equal(witness_table_add_facts(table, &a, sizeof(a)), -74);
	a.f.nparents = 0;
	a.f.cwd_len = UINT32_MAX;
	assert_int_equal(witness_table_add_facts(table, &a, sizeof(a)), -74);
}

static void test_path(void **state)
{
	char buf[9];

	(void)state;
	assert_string_equal(
		witness_path_format("cat\0bin", 8, false, buf, sizeof(buf)),
		"/bin/cat");
	assert_null(witness_path_format("cat\0bin", 8, false, buf, 8));
	assert_null(witness_path_format("cat\0bin", 8, true, buf, sizeof(buf)));
	assert_null(witness_path_format("cat", 3, false, buf, sizeof(buf)));
	assert_null(witness_path_format("", 0, false, buf, sizeof(buf)));
	assert_string_equal(
		witness_path_format("cat", 4, true, buf, sizeof(buf)),
		".../cat");
}

/* Two namespaces send the same bytes: only the namespace tells whose. */
static void test_two_namespaces(void **state)
{
	struct witness_record r = sender(1, 5 * MS_NS), got;
	struct packet p;

	(void)state;
	packet_parse(&p, datagram, sizeof(datagram), sizeof(datagram));
	for (int i = 0; i < 2; i++) {
		for (uint32_t ns = 1; ns <= 2; ns++) {
			r = sender(ns, (5 + ns) * MS_NS);
			r.net_ns = ns;
			add_record(&r, datagram);
		}
		assert_false(
			witness_table_find_in(table, 0, &p, 10000, 0, &got));
		assert_false(
			witness_table_find_in(table, 3, &p, 10000, 0, &got));
		assert_true(
			witness_table_find_in(table, 2, &p, 10000, 0, &got));
		assert_int_equal(got.pid, 2);
		/* With the other one alone nobody is in doubt. */
		assert_true(
			witness_table_find_in(table, 0, &p, 10000, 0, &got));
		assert_int_equal(got.pid, 1);
	}
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_is_found_once),
		TEST(test_other_bytes_are_another_packet),
		TEST(test_other_addresses_are_another_packet),
		TEST(test_other_user_is_another_sender),
		TEST(test_later_record_is_not_its_own),
		TEST(test_seen_again_is_the_same),
		TEST(test_seen_again_from_another_socket),
		TEST(test_seen_again_in_anothers_place),
		TEST(test_seen_again_before_another_sends),
		TEST(test_two_senders_far_apart),
		TEST(test_two_senders_too_close),
		TEST(test_late_record),
		TEST(test_two_senders_too_close),
		TEST(test_one_sender_twice),
		TEST(test_forgotten),
		TEST(test_loss_is_doubt),
		TEST(test_full),
		TEST(test_two_namespaces),
		TEST(test_facts),
		TEST(test_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
