/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sockraw: lines as the kernel writes them, cut and spoilt ones, and the
 * real tables. */
#include "sock.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "procfs.h"
#include "sockraw.h"

#define HEADING                                                               \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when " \
	"retrnsmt   uid  timeout inode ref pointer drops\n"
/* 192.168.1.1, protocol 253, on a machine whose least byte comes first. */
#define RAW4                                                       \
	"  253: 0101A8C0:00FD 00000000:0000 07 00000300:00000000 " \
	"00:00000000 00000000  1000        0 30041 2 0000000000000000 0"
#define RAW6                                                          \
	"   58: 000000FD000000000000000001000000:003A "               \
	"00000000000000000000000000000000:0000 07 00000001:00000002 " \
	"00:00000000 00000000     0        0 4294967295 2 "           \
	"0000000000000000 7"

static void test_line(void **state)
{
	struct sockdiag_row row;
	char text[IPADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(sockraw_parse(RAW4, strlen(RAW4), AF_INET, &row), 0);
	assert_int_equal(row.family, AF_INET);
	assert_int_equal(row.local_port, 253);
	assert_int_equal(row.remote_port, 0);
	assert_int_equal(row.state, 7);
	assert_int_equal(row.wqueue, 0x300);
	assert_int_equal(row.rqueue, 0);
	assert_int_equal(row.uid, 1000);
	assert_int_equal(row.inode, 30041);
	assert_int_equal(row.cookie, 0);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	assert_string_equal(ipaddr_format(&row.local, text), "192.168.1.1");
#endif
	assert_true(ipaddr_is_any(&row.remote));
	assert_int_equal(sockraw_parse(RAW6, strlen(RAW6), AF_INET6, &row), 0);
	assert_int_equal(row.local_port, IPPROTO_ICMPV6);
	assert_int_equal(row.wqueue, 1);
	assert_int_equal(row.rqueue, 2);
	assert_int_equal(row.inode, 4294967295);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	assert_string_equal(ipaddr_format(&row.local, text), "fd00::1");
#endif
}

/* Up to the blank behind the inode a line says nothing if it is cut. */
static void test_cut_line(void **state)
{
	const size_t needed = strlen(RAW4) - strlen("2 0000000000000000 0");
	struct sockdiag_row row;

	(void)state;
	for (size_t n = 0; n < strlen(RAW4); n++) {
		char *exact = strndup(RAW4, n);
		int err = sockraw_parse(exact, n, AF_INET, &row);

		assert_int_equal(err, n < needed ? -EBADMSG : 0);
		free(exact);
	}
}

static void test_spoilt_line(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"   1",
		"   1:",
		"   x: 0101A8C0:00FD",
		/* a family's address in the other's table */
		RAW6,
		/* small letters, a short number, a number too large */
		"  253: 0101a8c0:00FD 00000000:0000 07 00000300:00000000 "
		"00:00000000 00000000  1000        0 30041 2 0 0",
		"  253: 0101A8C0:FD 00000000:0000 07 00000300:00000000 "
		"00:00000000 00000000  1000        0 30041 2 0 0",
		"  253: 0101A8C0:00FD 00000000:0000 07 00000300:00000000 "
		"00:00000000 00000000  1000        0 99999999999999999999 2",
		"  253: 0101A8C0:00FD 00000000:0000 07 00000300:00000000 "
		"00:00000000 00000000  -1        0 30041 2 0 0",
	};
	struct sockdiag_row row;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(sockraw_parse(lines[i], strlen(lines[i]),
					       AF_INET, &row),
				 -EBADMSG);
	assert_int_equal(sockraw_parse(HEADING, strlen(HEADING), AF_INET, &row),
			 -ENOMSG);
}

static int read_text(const char *text, struct sockdiag_row *rows, size_t max)
{
	struct sockraw sr;
	struct tree t;
	int n;

	tree_open(&t);
	tree_text(&t, "net/raw", text);
	sockraw_open(&sr, t.fd);
	assert_int_equal(sockraw_read(&sr, SOCKRAW_ICMP, rows, max),
			 -EOPNOTSUPP);
	n = sockraw_read(&sr, SOCKRAW_RAW, rows, max);
	sockraw_close(&sr);
	tree_close(&t);
	return n;
}

/* Longer than what is read at once, and more than there is room for. */
static void test_table(void **state)
{
	enum { LINES = 200 };
	struct sockdiag_row rows[150];
	char text[LINES * 200] = HEADING;
	size_t n = strlen(text);

	(void)state;
	assert_int_equal(read_text(HEADING, rows, 150), 0);
	for (int i = 0; i < LINES; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n,
			"%4d: 00000000:00FD 00000000:0000 07 00000000:00000000 "
			"00:00000000 00000000 %5d        0 %d 2 0 0\n",
			i, i, i + 1);
	assert_int_equal(read_text(text, rows, 150), LINES);
	for (unsigned i = 0; i < 150; i++) {
		assert_int_equal(rows[i].uid, i);
		assert_int_equal(rows[i].inode, i + 1);
	}
	text[n - 1] = ' ';
	assert_int_equal(read_text(text, rows, 150), -EBADMSG);
	memset(text + strlen(HEADING), ' ', 8192);
	assert_int_equal(read_text(text, rows, 150), -EBADMSG);
}

/* ------------------------------------------------------------ real sockets */

static uint64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static int find(enum sockraw_table table, int fd, struct sockdiag_row *found)
{
	struct sockdiag_row rows[16];
	struct sockraw sr;
	int proc = procfs_open_root("/proc"), n;

	sockraw_open(&sr, proc);
	n = sockraw_read(&sr, table, rows, 16);
	sockraw_close(&sr);
	close(proc);
	for (int i = 0; i < n; i++)
		if (rows[i].inode == inode_of(fd)) {
			*found = rows[i];
			return n;
		}
	fail_msg("the socket is in no row of %d", n);
	return -1;
}

static void check_raw(int family, enum sockraw_table table, const char *addr)
{
	int fd = open_socket(family, SOCK_RAW, 253);
	int other = open_socket(family, SOCK_RAW, IPPROTO_RAW);
	struct sockdiag_row row;
	char text[IPADDR_TEXT_MAX];

	assert_int_equal(try_bind(fd, family, addr, 0), 0);
	assert_int_equal(find(table, fd, &row), 2);
	assert_int_equal(row.local_port, 253);
	assert_int_equal(row.uid, getuid());
	assert_int_equal(row.wqueue, 0);
	assert_string_equal(ipaddr_format(&row.local, text), addr);
	assert_int_equal(find(table, other, &row), 2);
	assert_int_equal(row.local_port, IPPROTO_RAW);
	close(other);
	close(fd);
}

static void test_real_raw(void **state)
{
	(void)state;
	need(enter_netns(), "network namespaces");
	check_raw(AF_INET, SOCKRAW_RAW, "127.0.0.1");
	check_raw(AF_INET6, SOCKRAW_RAW6, "::1");
}

static void check_ping(int family, int proto, enum sockraw_table table,
		       const char *addr)
{
	int fd = open_socket(family, SOCK_DGRAM, proto);
	struct sockdiag_row row;

	assert_int_equal(try_bind(fd, family, addr, 4711), 0);
	assert_int_equal(find(table, fd, &row), 1);
	assert_int_equal(row.local_port, 4711);
	close(fd);
}

static void test_real_ping(void **state)
{
	FILE *f;

	(void)state;
	need(enter_netns(), "network namespaces");
	f = fopen("/proc/sys/net/ipv4/ping_group_range", "we");
	need(f != NULL, "ping sockets");
	fprintf(f, "0 0\n");
	need(fclose(f) == 0, "leave for ping sockets");
	check_ping(AF_INET, IPPROTO_ICMP, SOCKRAW_ICMP, "127.0.0.1");
	check_ping(AF_INET6, IPPROTO_ICMPV6, SOCKRAW_ICMP6, "::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_cut_line),
		cmocka_unit_test(test_spoilt_line),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_real_raw),
		cmocka_unit_test(test_real_ping),
	};

	return cmocka_run_group_tests_name("sockraw", tests, NULL, NULL);
}
