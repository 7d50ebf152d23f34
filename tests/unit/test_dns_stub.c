/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dns_stub: sockets on port 53 in a network namespace of the test's own.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns_stub.h"
#include "procfs.h"

static struct dns_stub *s;
static int rootfd;
static int fds[8];
static size_t nfds;
static const char *skipped;

static bool raise_loopback(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;

	close(fd);
	return up;
}

static int set_up(void **state)
{
	(void)state;
	rootfd = procfs_open_root("/proc");
	assert_true(rootfd >= 0);
	assert_int_equal(dns_stub_open(&s, rootfd), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	while (nfds > 0)
		close(fds[--nfds]);
	dns_stub_close(s);
	close(rootfd);
	return 0;
}

#define SKIP_WITHOUT_NETNS()                                    \
	do {                                                    \
		if (skipped) {                                  \
			print_message("# skip: %s\n", skipped); \
			skip();                                 \
		}                                               \
	} while (0)

static int bind_to(int type, const char *text, uint16_t port)
{
	struct sockaddr_storage ss;
	struct ipaddr a;
	socklen_t len;
	int fd;

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	len = ipaddr_to_sockaddr(&a, port, 0, &ss);
	fd = socket(a.family, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&ss, len), 0);
	fds[nfds++] = fd;
	return fd;
}

static uint64_t start_of(pid_t pid)
{
	int dirfd = procfs_open_pid(rootfd, pid);
	struct procfs_stat st;

	assert_int_equal(procfs_read_stat(dirfd, &st), 0);
	close(dirfd);
	return st.starttime;
}

static const char *find(pid_t pid, uint64_t starttime)
{
	static char text[IPADDR_TEXT_MAX];
	struct ipaddr a;

	return dns_stub_find(s, pid, starttime, &a) ? ipaddr_format(&a, text)
						    : "none";
}

static const char *find_self(void)
{
	return find(getpid(), start_of(getpid()));
}

static void test_none(void **state)
{
	struct sockaddr_storage ss;
	struct ipaddr a;
	socklen_t len;
	int fd;

	(void)state;
	SKIP_WITHOUT_NETNS();
	bind_to(SOCK_DGRAM, "127.0.0.1", 54);
	bind_to(SOCK_STREAM, "127.0.0.1", 53);
	fd = bind_to(SOCK_DGRAM, "127.0.0.2", 53);
	ipaddr_parse("127.0.0.3", 9, &a);
	len = ipaddr_to_sockaddr(&a, 53, 0, &ss);
	assert_int_equal(connect(fd, (void *)&ss, len), 0);
	assert_string_equal(find_self(), "none");
}

static void test_address(void **state)
{
	(void)state;
	SKIP_WITHOUT_NETNS();
	bind_to(SOCK_DGRAM, "127.0.0.54", 53);
	bind_to(SOCK_DGRAM, "127.0.0.53", 53);
	assert_string_equal(find_self(), "127.0.0.53");
}

/* Where there is no address to bind to, it is at each of them. */
static void test_any(void **state)
{
	(void)state;
	SKIP_WITHOUT_NETNS();
	bind_to(SOCK_DGRAM, "0.0.0.0", 53);
	assert_string_equal(find_self(), "127.0.0.1");
}

static void test_ipv6(void **state)
{
	(void)state;
	SKIP_WITHOUT_NETNS();
	if (access("/proc/net/if_inet6", R_OK) < 0)
		skip();
	bind_to(SOCK_DGRAM, "::1", 53);
	assert_string_equal(find_self(), "::1");
}

/* The sockets are listed once a second, whoever is asked about. */
static void test_kept(void **state)
{
	(void)state;
	SKIP_WITHOUT_NETNS();
	assert_string_equal(find_self(), "none");
	bind_to(SOCK_DGRAM, "127.0.0.1", 53);
	assert_string_equal(find_self(), "none");
	assert_string_equal(find(1, start_of(1)), "none");
	assert_string_equal(find_self(), "none");
}

/* A start time that is another one's is another process. */
static void test_start_time(void **state)
{
	(void)state;
	SKIP_WITHOUT_NETNS();
	bind_to(SOCK_DGRAM, "127.0.0.1", 53);
	assert_string_equal(find(getpid(), start_of(getpid()) + 1), "none");
	assert_string_equal(find_self(), "127.0.0.1");
}

/* Another process's socket is none of ours, and the dead have none. */
static void test_other_process(void **state)
{
	int up[2], down[2];
	pid_t pid;
	char c;

	(void)state;
	SKIP_WITHOUT_NETNS();
	assert_int_equal(pipe(up) | pipe(down), 0);
	pid = fork();
	if (pid == 0) {
		bind_to(SOCK_DGRAM, "127.0.0.1", 53);
		close(down[1]);
		_exit(write(up[1], "", 1) != 1 || read(down[0], &c, 1) < 0);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_string_equal(find_self(), "none");
	assert_string_equal(find(pid, start_of(pid)), "127.0.0.1");
	close(down[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_string_equal(find(pid, 1), "none");
	close(up[0]);
	close(up[1]);
	close(down[0]);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_none),	  TEST(test_address),
		TEST(test_any),		  TEST(test_ipv6),
		TEST(test_kept),	  TEST(test_start_time),
		TEST(test_other_process),
	};

	if (unshare(CLONE_NEWNET) < 0 || !raise_loopback())
		skipped = "no network namespace of one's own";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
