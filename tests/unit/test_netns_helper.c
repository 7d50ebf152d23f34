/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns_helper, netns_route: another network namespace, asked from this one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sock.h"

#include "netns_helper.h"
#include "netns_route.h"
#include "sockdiag.h"

static int other = -1; /* the namespace */
static int other_udp;  /* a socket in it, at 127.0.0.1:5000 */
static struct netns_helper *helper;

/* What the kernel says of a device, where a test has it from elsewhere. */
static const struct nlmsghdr *said;

int __real_nl_request(struct nl *nl, const struct nlmsghdr *nlh, nl_cb cb,
		      void *data);
int __wrap_nl_request(struct nl *nl, const struct nlmsghdr *nlh, nl_cb cb,
		      void *data);
int __wrap_nl_request(struct nl *nl, const struct nlmsghdr *nlh, nl_cb cb,
		      void *data)
{
	return said != NULL ? cb(said, data)
			    : __real_nl_request(nl, nlh, cb, data);
}

/* The helper has the one; then the other is made, and left again. */
static int open_both(void **state)
{
	int home;

	(void)state;
	if (!enter_netns())
		return 0;
	assert_int_equal(netns_helper_open(&helper), 0);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(enter_netns());
	other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	other_udp = udp_socket(AF_INET, "127.0.0.1", 5000, false);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	return 0;
}

static int close_both(void **state)
{
	(void)state;
	netns_helper_close(helper);
	return 0;
}

static void close_sockets(const struct netns_sockets *s)
{
	for (int i = 0; i < NETNS_HELPER_TABLES; i++)
		if (s->tables[i] >= 0)
			close(s->tables[i]);
}

static struct ipaddr address(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	return a;
}

static void test_sockets_are_there(void **state)
{
	struct sockdiag_query q = {.proto = IPPROTO_UDP, .local_port = 5000};
	struct sockdiag_row row;
	struct netns_sockets s;
	struct sockdiag *sd;
	struct nl *nl;

	(void)state;
	need(other >= 0, "no network namespace");
	q.local = q.remote = address("127.0.0.1");
	assert_int_equal(netns_helper_enter(helper, other, &s), 0);
	assert_int_equal(sockdiag_open_fd(&sd, s.diag), 0);
	assert_int_equal(sockdiag_find_all(sd, &q, &row, 1), 1);
	assert_int_equal(row.cookie, cookie_of(other_udp));
	sockdiag_close(sd);
	assert_int_equal(nl_open_fd(&nl, s.route), 0);
	assert_int_equal(netns_route_is_local(nl, &q.local), 1);
	nl_close(nl);
	close_sockets(&s);
	/* Here it is not. */
	assert_int_equal(sockdiag_open(&sd), 0);
	assert_int_equal(sockdiag_find_all(sd, &q, &row, 1), 0);
	sockdiag_close(sd);
}

static void test_addresses(void **state)
{
	struct ipaddr lo = address("127.0.0.1"), far = address("192.0.2.1");
	struct ipaddr lo6 = address("::1"), far6 = address("2001:db8::1");
	struct nl *nl;

	(void)state;
	need(other >= 0, "no network namespace");
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE), 0);
	assert_int_equal(netns_route_is_local(nl, &lo), 1);
	assert_int_equal(netns_route_is_local(nl, &lo6), 1);
	assert_int_equal(netns_route_is_local(nl, &far), 0);
	assert_int_equal(netns_route_is_local(nl, &far6), 0);
	nl_close(nl);
}

static void test_links(void **state)
{
	struct netns_link link;
	struct nl *nl;
	int32_t nsid;

	(void)state;
	need(other >= 0, "no network namespace");
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE), 0);
	assert_int_equal(netns_route_read_link(nl, SOCK_LO, &link), 0);
	assert_int_equal(link.kind, NETNS_LINK_OTHER);
	assert_int_equal(netns_route_read_link(nl, 4711, &link), -ENODEV);
	assert_int_equal(netns_route_read_id(nl, other, &nsid), -ENOENT);
	assert_int_equal(netns_route_watch_links(nl), 0);
	netns_route_drain(nl);
	nl_close(nl);
}

/* A device as the kernel describes it: kind NULL, a real one. */
static struct netns_link describe(unsigned flags, const char *kind, int nsid)
{
	union {
		struct nlmsghdr nlh;
		char mem[256];
	} m;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(&m);
	struct ifinfomsg *ifi;
	struct nlattr *info;
	struct netns_link link;
	struct nl *nl;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_flags = flags;
	mnl_attr_put_u32(nlh, IFLA_LINK, 3);
	if (nsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_LINK_NETNSID, (uint32_t)nsid);
	if (kind != NULL) {
		info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
		mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
		mnl_attr_nest_end(nlh, info);
	}
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE), 0);
	said = nlh;
	assert_int_equal(netns_route_read_link(nl, 7, &link), 0);
	said = NULL;
	nl_close(nl);
	return link;
}

static void test_link_kinds(void **state)
{
	struct netns_link link = describe(0, "veth", 5);

	(void)state;
	assert_int_equal(link.kind, NETNS_LINK_PEER);
	assert_int_equal(link.nsid, 5);
	assert_int_equal(link.peer, 3);
	assert_int_equal(describe(0, "netkit", 5).kind, NETNS_LINK_PEER);
	/* The other end is here, too. */
	assert_int_equal(describe(0, "veth", -1).kind, NETNS_LINK_OTHER);
	/* Others may send by these. */
	assert_int_equal(describe(0, "bridge", -1).kind, NETNS_LINK_OTHER);
	assert_int_equal(describe(0, "macvlan", 5).kind, NETNS_LINK_OTHER);
	/* A network card has no kind. */
	assert_int_equal(describe(0, NULL, -1).kind, NETNS_LINK_OUTSIDE);
	assert_int_equal(describe(IFF_LOOPBACK, NULL, -1).kind,
			 NETNS_LINK_OTHER);
}

static void test_forwards6(void **state)
{
	const char *path = "/proc/sys/net/ipv6/conf/all/forwarding";
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct nl *nl;

	(void)state;
	need(other >= 0, "no network namespace");
	need(fd >= 0, "no IPv6, or /proc/sys may not be written");
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE), 0);
	assert_int_equal(netns_route_forwards6(nl), 0);
	assert_int_equal(write(fd, "1", 1), 1);
	assert_int_equal(netns_route_forwards6(nl), 1);
	assert_int_equal(write(fd, "0", 1), 1);
	close(fd);
	nl_close(nl);
}

static void test_errors(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct netns_sockets s;
	int links[NETNS_HELPER_LINKS];

	(void)state;
	need(other >= 0, "no network namespace");
	assert_int_equal(netns_helper_enter(helper, null, &s), -EINVAL);
	assert_true(netns_helper_attach(helper, other, null, links) < 0);
	assert_int_equal(links[0], -1);
	/* It is as good as before. */
	assert_int_equal(netns_helper_enter(helper, other, &s), 0);
	close(s.diag);
	close(s.route);
	close_sockets(&s);
	close(null);
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* One that stands still is waited for once, and ended then. */
static void test_stopped(void **state)
{
	unsigned before = count_fds();
	struct netns_helper *h;
	int links[NETNS_HELPER_LINKS], status;
	struct netns_sockets s;

	(void)state;
	need(other >= 0, "no network namespace");
	assert_int_equal(netns_helper_open(&h), 0);
	assert_false(netns_helper_is_lost(h));
	assert_int_equal(kill(netns_helper_pid(h), SIGSTOP), 0);
	assert_int_equal(waitpid(netns_helper_pid(h), &status, WUNTRACED),
			 netns_helper_pid(h));
	assert_true(WIFSTOPPED(status));
	assert_int_equal(netns_helper_enter(h, other, &s), -EPIPE);
	assert_true(netns_helper_is_lost(h));
	assert_int_equal(netns_helper_enter(h, other, &s), -EPIPE);
	assert_int_equal(netns_helper_attach(h, other, other, links), -EPIPE);
	assert_int_equal(links[0], -1);
	assert_int_equal(waitpid(netns_helper_pid(h), &status, 0),
			 netns_helper_pid(h));
	assert_int_equal(netns_helper_enter(h, other, &s), -EPIPE);
	netns_helper_close(h);
	assert_int_equal(count_fds(), before);
}

/* The last one: it is killed. */
static void test_gone(void **state)
{
	struct netns_sockets s;

	(void)state;
	need(other >= 0, "no network namespace");
	kill(netns_helper_pid(helper), SIGKILL);
	waitpid(netns_helper_pid(helper), NULL, 0);
	assert_int_equal(netns_helper_enter(helper, other, &s), -EPIPE);
	assert_int_equal(netns_helper_enter(helper, other, &s), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sockets_are_there),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_link_kinds),
		cmocka_unit_test(test_forwards6),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, open_both, close_both);
}
