/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockowner_raw: which ping and raw sockets may have sent it, from tables
 * of the test's own. */
#include "tree.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sockowner_raw.h"

/* What raw_diag says here: an error, or so many rows. */
static int diag_says;
static struct sockdiag_row diag_rows[4];

int sockdiag_find_raw(struct sockdiag *sd, uint8_t family,
		      struct sockdiag_row *rows, size_t max)
{
	(void)sd, (void)family;
	for (int i = 0; i < diag_says && (size_t)i < max; i++)
		rows[i] = diag_rows[i];
	return diag_says;
}

bool sockdiag_is_connected(int proto)
{
	return proto == IPPROTO_TCP;
}

static void add_line(char *text, size_t size, unsigned port, unsigned wqueue,
		     unsigned inode)
{
	size_t n = strlen(text);

	snprintf(text + n, size - n,
		 "%5u: 00000000:%04X 00000000:0000 07 %08X:00000000 "
		 "00:00000000 00000000     0        0 %u 2 0 0\n",
		 port, port, wqueue, inode);
}

/* Rows for a packet of that protocol (and id); their inodes into found. */
static int find(const struct sockowner_query *q, uint16_t id, const char *raw,
		const char *icmp, size_t max, uint64_t found[8])
{
	struct sockdiag_query d = {.proto = (uint8_t)q->protocol,
				   .local_port = id};
	struct sockdiag_row rows[8];
	struct sockraw sr;
	struct tree t;
	int n;

	d.local.family = AF_INET;
	tree_open(&t);
	if (raw)
		tree_text(&t, "net/raw", raw);
	if (icmp)
		tree_text(&t, "net/icmp", icmp);
	sockraw_open(&sr, t.fd);
	n = sockowner_raw_find(&sr, NULL, q, &d, rows, max);
	sockraw_close(&sr);
	tree_close(&t);
	for (int i = 0; i < n && i < 8; i++)
		found[i] = rows[i].inode;
	return n;
}

static void test_sends(void **state)
{
	struct sockowner_query q = {.protocol = IPPROTO_UDP};

	(void)state;
	assert_false(sockowner_raw_sends(&q));
	q.protocol = IPPROTO_TCP;
	assert_false(sockowner_raw_sends(&q));
	q.fragment = true;
	assert_true(sockowner_raw_sends(&q));
	q = (struct sockowner_query){.protocol = 253};
	assert_true(sockowner_raw_sends(&q));
	q.protocol = IPPROTO_ICMP;
	assert_true(sockowner_raw_sends(&q));
}

static void test_raw_table(void **state)
{
	struct sockowner_query q = {.protocol = 253};
	char raw[2048] = "  sl  local_address\n";
	uint64_t found[8];

	(void)state;
	diag_says = -EOPNOTSUPP;
	assert_int_equal(find(&q, 0, NULL, NULL, 8, found), -EOPNOTSUPP);
	assert_int_equal(find(&q, 0, "nonsense\n", NULL, 8, found), -EBADMSG);
	assert_int_equal(find(&q, 0, raw, NULL, 8, found), 0);
	/* No sign, no suspicion; with one anybody that may write headers. */
	add_line(raw, sizeof(raw), 253, 0, 1);
	add_line(raw, sizeof(raw), 253, 600, 2);
	add_line(raw, sizeof(raw), 255, 600, 3);
	add_line(raw, sizeof(raw), 255, 0, 4);
	add_line(raw, sizeof(raw), 1, 600, 5);
	assert_int_equal(find(&q, 0, raw, NULL, 8, found), 3);
	assert_int_equal(found[0], 2);
	assert_int_equal(found[1], 3);
	assert_int_equal(found[2], 5);
	/* More than fit: what was left out may be the one. */
	assert_int_equal(find(&q, 0, raw, NULL, 4, found), 5);
}

static void test_raw_diag(void **state)
{
	struct sockowner_query q = {.protocol = 253};
	uint64_t found[8];

	(void)state;
	diag_says = 4;
	for (int i = 0; i < 4; i++)
		diag_rows[i] = (struct sockdiag_row){
			.raw = true,
			.local_port = i < 2 ? 253 : 1,
			.payload_only = i != 3,
			.wqueue = i == 0 ? 0 : 600,
			.inode = (uint64_t)i + 10,
		};
	assert_int_equal(find(&q, 0, NULL, NULL, 8, found), 2);
	assert_int_equal(found[0], 11);
	assert_int_equal(found[1], 13);
	diag_says = -EPERM;
	assert_int_equal(find(&q, 0, NULL, NULL, 8, found), -EPERM);
}

static void test_ping(void **state)
{
	struct sockowner_query q = {.protocol = IPPROTO_ICMP};
	char raw[1024] = "", icmp[1024] = "";
	uint64_t found[8];

	(void)state;
	diag_says = -EOPNOTSUPP;
	add_line(raw, sizeof(raw), 1, 600, 1);
	add_line(icmp, sizeof(icmp), 77, 600, 2);
	add_line(icmp, sizeof(icmp), 78, 600, 3);
	assert_int_equal(find(&q, 77, raw, NULL, 8, found), 1);
	assert_int_equal(find(&q, 77, raw, icmp, 8, found), 2);
	assert_int_equal(found[0], 1);
	assert_int_equal(found[1], 2);
	assert_int_equal(find(&q, 79, raw, icmp, 8, found), 1);
	assert_true(find(&q, 77, raw, icmp, 2, found) > 2);
	assert_int_equal(find(&q, 77, raw, "nonsense\n", 8, found), -EBADMSG);
	/* None of theirs is in fragments here, nor ICMPv6 over IPv4. */
	q.fragment = true;
	assert_int_equal(find(&q, 77, raw, icmp, 8, found), 1);
	q = (struct sockowner_query){.protocol = IPPROTO_ICMPV6};
	assert_int_equal(find(&q, 77, "", icmp, 8, found), 0);
}

static void test_told_apart(void **state)
{
	struct sockowner_query q = {.protocol = 253, .held_others = true};
	struct sockdiag_row row = {.raw = true, .local_port = 253};

	(void)state;
	assert_true(sockowner_raw_is_told_apart(&q, &row));
	row.local_port = IPPROTO_RAW;
	assert_false(sockowner_raw_is_told_apart(&q, &row));
	q.held_others = false;
	assert_true(sockowner_raw_is_told_apart(&q, &row));
	q.held_others = true;
	row.raw = false;
	assert_true(sockowner_raw_is_told_apart(&q, &row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sends),
		cmocka_unit_test(test_raw_table),
		cmocka_unit_test(test_raw_diag),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_told_apart),
	};

	return cmocka_run_group_tests_name("sockowner_raw", tests, NULL, NULL);
}
