/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a datagram takes in its socket's send queue, against what the kernel
 * charges. */
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sockowner_room.h"

#define LOOPBACK 1
#define MTU_MIN	 1280

static struct sockaddr_storage localhost(int family)
{
	struct sockaddr_storage ss = {.ss_family = (sa_family_t)family};

	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&ss;

		in->sin_port = htons(9);
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

		in6->sin6_port = htons(9);
		in6->sin6_addr = in6addr_loopback;
	}
	return ss;
}

static uint32_t charged(int family, uint32_t payload)
{
	static const char zeros[MTU_MIN];
	struct sockaddr_storage to = localhost(family);
	uint32_t mem[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(mem);
	int fd = socket(family, SOCK_DGRAM, 0);

	if (connect(fd, (void *)&to, sizeof(to)) == 0 &&
	    send(fd, zeros, payload, MSG_MORE) == (ssize_t)payload)
		getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len);
	close(fd);
	return mem[SK_MEMINFO_WMEM_ALLOC];
}

static void expect_exact(int family, uint32_t headers)
{
	const struct sockaddr_storage to = localhost(family);
	struct sockowner_rooms r;

	sockowner_rooms_open(&r);
	assert_int_not_equal(r.small, 0);
	for (uint32_t n = 1; n + headers <= MTU_MIN; n++) {
		uint32_t is = charged(family, n);

		assert_int_not_equal(is, 0);
		assert_int_equal(sockowner_room(&r, n + headers, &to, LOOPBACK),
				 is);
	}
}

static void exact_where_the_device_is_known(void **state)
{
	(void)state;
	expect_exact(AF_INET, 20 + 8);
}

static void exact_for_ipv6(void **state)
{
	(void)state;
	if (charged(AF_INET6, 1) == 0) {
		print_message("# skip: no IPv6 here\n");
		skip();
	}
	expect_exact(AF_INET6, 40 + 8);
}

/* Never less than it is. */
static void most_where_it_is_not(void **state)
{
	const struct sockaddr_storage to = localhost(AF_INET);
	struct sockowner_rooms r, none = {0};

	(void)state;
	sockowner_rooms_open(&r);
	for (uint32_t n = 1; n + 28 <= MTU_MIN; n++) {
		uint32_t is = charged(AF_INET, n);

		assert_true(sockowner_room(&r, n + 28, &to, 0) >= is);
		assert_true(sockowner_room(&none, n + 28, &to, LOOPBACK) >= is);
		/* A device that is not there measures nothing. */
		assert_true(sockowner_room(&r, n + 28, &to, 1 << 30) >= is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_where_the_device_is_known),
		cmocka_unit_test(exact_for_ipv6),
		cmocka_unit_test(most_where_it_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
