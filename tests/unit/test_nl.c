/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_nl: real netlink sockets in a private network namespace. */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "nl.h"

#define BATCH_TABLES 600 /* their acks do not fit the default buffer */
#define SOCKETS	     500 /* their dump does not fit one datagram */

static bool have_netns;

struct seen {
	unsigned count;
	uint32_t seq;
	int first_byte;
	int ret;
};

static int seen_cb(const struct nlmsghdr *nlh, void *data)
{
	struct seen *s = data;

	s->count++;
	s->seq = nlh->nlmsg_seq;
	s->first_byte = *(const uint8_t *)mnl_nlmsg_get_payload(nlh);
	return s->ret;
}

static void need(bool has, const char *what)
{
	if (has)
		return;
	printf("# skip: %s\n", what);
	skip();
}

static void need_netns(void)
{
	need(have_netns, "no permission for a network namespace");
}

static struct nl *open_nl(int bus)
{
	struct nl *nl = NULL;
	int err = nl_open(&nl, bus);

	need(err != -EPROTONOSUPPORT, "the kernel has no such netlink bus");
	assert_int_equal(err, 0);
	assert_non_null(nl);
	return nl;
}

struct link_request {
	struct nlmsghdr nlh;
	struct ifinfomsg ifi;
};

static struct link_request link_request(struct nl *nl, uint16_t type,
					uint16_t flags, int ifindex)
{
	return (struct link_request){
		.nlh = {.nlmsg_len = sizeof(struct link_request),
			.nlmsg_type = type,
			.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
			.nlmsg_seq = nl_next_seq(nl)},
		.ifi = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex},
	};
}

static void test_open(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE), *other = open_nl(NETLINK_ROUTE);
	int fd = mnl_socket_get_fd(nl_socket(nl));
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	(void)state;
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_not_equal(nl_portid(nl), 0);
	assert_int_not_equal(nl_portid(nl), nl_portid(other));
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len), 0);
	assert_in_range(tv.tv_sec, 1, 10);
	nl_close(nl);
	nl_close(other);
	nl_close(NULL);
}

static void test_open_bad_bus(void **state)
{
	struct nl *nl = NULL;

	(void)state;
	assert_int_equal(nl_open(&nl, 4711), -EPROTONOSUPPORT);
	assert_null(nl);
}

static void test_one_answer(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	struct link_request r = link_request(nl, RTM_GETLINK, 0, 1);
	struct seen s = {0};

	(void)state;
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), 0);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.seq, r.nlh.nlmsg_seq);
	s.ret = -ECANCELED;
	r = link_request(nl, RTM_GETLINK, 0, 1);
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), -ECANCELED);
	nl_close(nl);
}

static void test_kernel_error(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	struct link_request r = link_request(nl, RTM_GETLINK, 0, 4711);
	struct seen s = {0};

	(void)state;
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), -ENODEV);
	assert_int_equal(s.count, 0);
	nl_close(nl);
}

static void test_ack(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	struct link_request r;
	struct seen s = {0};

	(void)state;
	need_netns();
	r = link_request(nl, RTM_NEWLINK, NLM_F_ACK, 1);
	r.ifi.ifi_flags = r.ifi.ifi_change = IFF_UP;
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), 0);
	r = link_request(nl, RTM_NEWLINK, NLM_F_ACK, 4711);
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), -ENODEV);
	assert_int_equal(s.count, 0);
	/* The answer comes first, the ack ends it. */
	r = link_request(nl, RTM_GETLINK, NLM_F_ACK, 1);
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), 0);
	assert_int_equal(s.count, 1);
	nl_close(nl);
}

static int udp_dump(struct nl *nl, struct seen *s)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 req;
	} r = {
		.nlh = {.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = nl_next_seq(nl)},
		.req = {.sdiag_family = AF_INET,
			.sdiag_protocol = IPPROTO_UDP,
			.idiag_states = ~0U},
	};

	*s = (struct seen){.ret = s->ret};
	return nl_request(nl, &r.nlh, seen_cb, s);
}

static void test_dump(void **state)
{
	struct nl *nl = open_nl(NETLINK_SOCK_DIAG);
	struct sockaddr_in any = {.sin_family = AF_INET};
	static int fds[SOCKETS];
	struct seen s = {0};

	(void)state;
	need_netns();
	need(udp_dump(nl, &s) != -ENOENT, "the kernel has no udp_diag");
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0);
		assert_int_equal(
			bind(fds[i], (struct sockaddr *)&any, sizeof(any)), 0);
	}
	assert_int_equal(udp_dump(nl, &s), 0);
	assert_int_equal(s.count, SOCKETS);
	/* A callback that gives up must not leave the socket busy. */
	s.ret = -ECANCELED;
	assert_int_equal(udp_dump(nl, &s), -ECANCELED);
	assert_int_equal(s.count, 1);
	s.ret = 0;
	assert_int_equal(udp_dump(nl, &s), 0);
	assert_int_equal(s.count, SOCKETS);
	for (int i = 0; i < SOCKETS; i++)
		close(fds[i]);
	assert_int_equal(udp_dump(nl, &s), 0);
	assert_int_equal(s.count, 0);
	nl_close(nl);
}

/* What the kernel says when the table changed under a dump; net/netlink. */
static bool tear;

ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = __real_recvmsg(fd, msg, flags);
	struct nlmsghdr *nlh = msg->msg_iov->iov_base;

	if (tear && n > 0)
		nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	tear = false;
	return n;
}

static void test_torn_dump(void **state)
{
	struct nl *nl = open_nl(NETLINK_SOCK_DIAG);
	struct seen s = {0};

	(void)state;
	need_netns();
	need(udp_dump(nl, &s) != -ENOENT, "the kernel has no udp_diag");
	tear = true;
	assert_int_equal(udp_dump(nl, &s), -EAGAIN);
	assert_int_equal(udp_dump(nl, &s), 0);
	nl_close(nl);
}

/* inet_diag tells of a missing protocol in the dump's last message. */
static void test_dump_error(void **state)
{
	struct nl *nl = open_nl(NETLINK_SOCK_DIAG);
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 req;
	} r = {
		.nlh = {.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = nl_next_seq(nl)},
		.req = {.sdiag_family = AF_INET, .sdiag_protocol = 254},
	};

	(void)state;
	assert_int_equal(nl_request(nl, &r.nlh, NULL, NULL), -ENOENT);
	nl_close(nl);
}

static void test_stale_answer(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	struct link_request old = link_request(nl, RTM_GETLINK, 0, 1);
	struct link_request gone = link_request(nl, RTM_GETLINK, 0, 4711);
	struct link_request r;
	struct seen s = {0};

	(void)state;
	assert_true(mnl_socket_sendto(nl_socket(nl), &old, sizeof(old)) > 0);
	assert_true(mnl_socket_sendto(nl_socket(nl), &gone, sizeof(gone)) > 0);
	r = link_request(nl, RTM_GETLINK, 0, 1);
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), 0);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.seq, r.nlh.nlmsg_seq);
	nl_close(nl);
}

/* Sends what would be an answer, were it the kernel's. */
static int forge(const struct nl *nl, int bus, const void *msg, size_t len)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK,
				 .nl_pid = nl_portid(nl)};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	ssize_t n;

	assert_true(fd >= 0);
	n = sendto(fd, msg, len, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return n == (ssize_t)len ? 0 : -errno;
}

static void test_forged_answer(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	struct link_request r = link_request(nl, RTM_GETLINK, 0, 1);
	struct link_request forged = r;
	struct seen s = {0};

	(void)state;
	need_netns();
	forged.nlh.nlmsg_type = RTM_NEWLINK;
	forged.nlh.nlmsg_flags = 0;
	forged.nlh.nlmsg_pid = nl_portid(nl);
	forged.ifi.ifi_family = 0xee;
	assert_int_equal(forge(nl, NETLINK_ROUTE, &forged, sizeof(forged)), 0);
	assert_int_equal(nl_request(nl, &r.nlh, seen_cb, &s), 0);
	assert_int_equal(s.count, 1);
	assert_int_not_equal(s.first_byte, 0xee);
	nl_close(nl);
}

static void shorten_timeout(struct nl *nl)
{
	struct timeval tv = {.tv_usec = 50000};

	assert_int_equal(setsockopt(mnl_socket_get_fd(nl_socket(nl)),
				    SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)),
			 0);
}

static void test_no_answer(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	struct nlmsghdr noop = {.nlmsg_len = sizeof(noop),
				.nlmsg_type = NLMSG_NOOP,
				.nlmsg_flags = NLM_F_REQUEST,
				.nlmsg_seq = nl_next_seq(nl)};

	(void)state;
	shorten_timeout(nl);
	assert_int_equal(nl_request(nl, &noop, NULL, NULL), -ETIMEDOUT);
	nl_close(nl);
}

/* Forged datagrams without end, each within the receive timeout. */
static void test_forged_flood(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	struct nlmsghdr noop = {.nlmsg_len = sizeof(noop),
				.nlmsg_type = NLMSG_NOOP,
				.nlmsg_flags = NLM_F_REQUEST,
				.nlmsg_seq = nl_next_seq(nl)};
	pid_t pid;

	(void)state;
	need_netns();
	pid = fork();
	if (pid == 0)
		for (;;)
			forge(nl, NETLINK_ROUTE, &noop, sizeof(noop));
	assert_true(pid > 0);
	alarm(30);
	assert_int_equal(nl_request(nl, &noop, NULL, NULL), -ETIMEDOUT);
	alarm(0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	nl_close(nl);
}

/* An error without NETLINK_CAP_ACK quotes the request, more than we take. */
static void test_truncated(void **state)
{
	struct nl *nl = open_nl(NETLINK_ROUTE);
	static struct {
		struct link_request r;
		char rest[NL_BUF_SIZE];
	} big;
	int off = 0;

	(void)state;
	big.r = link_request(nl, RTM_NEWLINK, NLM_F_ACK, 4711);
	big.r.nlh.nlmsg_len = sizeof(big);
	assert_int_equal(mnl_socket_setsockopt(nl_socket(nl), NETLINK_CAP_ACK,
					       &off, sizeof(off)),
			 0);
	assert_int_equal(nl_request(nl, &big.r.nlh, NULL, NULL), -EMSGSIZE);
	nl_close(nl);
}

static size_t put_nfnl(char *at, uint16_t type, uint16_t flags, uint32_t seq,
		       uint8_t family, uint16_t res_id, const char *table)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg =
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = seq;
	nfg->nfgen_family = family;
	nfg->res_id = htons(res_id);
	if (table)
		mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	return nlh->nlmsg_len;
}

struct batch {
	char buf[BATCH_TABLES * 64 + 256];
	size_t len;
	uint32_t begin_seq, first_seq;
	unsigned count;
};

static struct batch batch;

static void batch_begin(struct nl *nl)
{
	batch.begin_seq = nl_next_seq(nl);
	batch.count = 0;
	batch.len =
		put_nfnl(batch.buf, NFNL_MSG_BATCH_BEGIN, 0, batch.begin_seq,
			 AF_UNSPEC, NFNL_SUBSYS_NFTABLES, NULL);
}

static void batch_add(struct nl *nl, uint16_t msg, const char *table)
{
	uint32_t seq = nl_next_seq(nl);

	if (!batch.count++)
		batch.first_seq = seq;
	batch.len += put_nfnl(batch.buf + batch.len,
			      (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | msg),
			      NLM_F_ACK, seq, NFPROTO_INET, 0, table);
}

static int batch_send(struct nl *nl, uint32_t *failed)
{
	batch.len += put_nfnl(batch.buf + batch.len, NFNL_MSG_BATCH_END, 0,
			      nl_next_seq(nl), AF_UNSPEC, NFNL_SUBSYS_NFTABLES,
			      NULL);
	return nl_batch(nl, batch.buf, batch.len, batch.first_seq, batch.count,
			failed);
}

static struct nl *open_nft(void)
{
	struct nl *nl = open_nl(NETLINK_NETFILTER);
	uint32_t failed = 0;
	int err;

	need_netns();
	batch_begin(nl);
	batch_add(nl, NFT_MSG_NEWTABLE, "first");
	err = batch_send(nl, &failed);
	if (err == -EOPNOTSUPP) {
		assert_int_equal(failed, batch.begin_seq);
		nl_close(nl);
		need(false, "the kernel has no nf_tables");
	}
	assert_int_equal(err, 0);
	assert_int_equal(failed, 0);
	return nl;
}

static void test_batch(void **state)
{
	struct nl *nl = open_nft();
	uint32_t failed = 0;
	char name[16];

	(void)state;
	batch_begin(nl);
	for (int i = 0; i < BATCH_TABLES; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		batch_add(nl, NFT_MSG_NEWTABLE, name);
	}
	assert_int_equal(batch_send(nl, &failed), 0);
	assert_int_equal(failed, 0);
	nl_close(nl);
}

static void test_batch_error(void **state)
{
	struct nl *nl = open_nft();
	struct seen s = {0};
	uint32_t failed = 0;
	char get[64];

	(void)state;
	batch_begin(nl);
	batch_add(nl, NFT_MSG_NEWTABLE, "a");
	batch_add(nl, NFT_MSG_DELTABLE, "none");
	batch_add(nl, NFT_MSG_DELTABLE, "none either");
	batch_add(nl, NFT_MSG_NEWTABLE, "b");
	assert_int_equal(batch_send(nl, &failed), -ENOENT);
	assert_int_equal(failed, batch.first_seq + 1);
	/* No ack of it is left to confuse the next one, and nothing was done.
	 */
	put_nfnl(get, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0,
		 nl_next_seq(nl), NFPROTO_INET, 0, "a");
	assert_int_equal(nl_request(nl, (struct nlmsghdr *)get, seen_cb, &s),
			 -ENOENT);
	put_nfnl(get, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0,
		 nl_next_seq(nl), NFPROTO_INET, 0, "first");
	assert_int_equal(nl_request(nl, (struct nlmsghdr *)get, seen_cb, &s),
			 0);
	assert_int_equal(s.count, 1);
	nl_close(nl);
}

static void test_batch_forged_ack(void **state)
{
	struct nl *nl = open_nft();
	uint32_t failed = 0;
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr err;
	} forged = {
		.nlh = {.nlmsg_len = sizeof(forged),
			.nlmsg_type = NLMSG_ERROR,
			.nlmsg_pid = nl_portid(nl)},
		.err = {.error = 0},
	};

	(void)state;
	batch_begin(nl);
	batch_add(nl, NFT_MSG_DELTABLE, "none");
	forged.nlh.nlmsg_seq = batch.first_seq;
	assert_int_equal(forge(nl, NETLINK_NETFILTER, &forged, sizeof(forged)),
			 0);
	assert_int_equal(batch_send(nl, &failed), -ENOENT);
	assert_int_equal(failed, batch.first_seq);
	nl_close(nl);
}

static int batch_as_nobody(void)
{
	struct nl *nl = NULL;
	uint32_t failed = 0;

	if (setresuid(65534, 65534, 65534) < 0 ||
	    nl_open(&nl, NETLINK_NETFILTER))
		return 10;
	batch_begin(nl);
	batch_add(nl, NFT_MSG_NEWTABLE, "x");
	batch_add(nl, NFT_MSG_NEWTABLE, "y");
	if (batch_send(nl, &failed) != -EPERM)
		return 11;
	return failed == batch.begin_seq ? 0 : 12;
}

static void test_batch_refused(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	nl_close(open_nft());
	pid = fork();
	if (pid == 0)
		_exit(batch_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_batch_short(void **state)
{
	struct nl *nl = open_nl(NETLINK_NETFILTER);

	(void)state;
	assert_int_equal(nl_batch(nl, "", 1, 1, 1, NULL), -EINVAL);
	nl_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_open_bad_bus),
		cmocka_unit_test(test_one_answer),
		cmocka_unit_test(test_kernel_error),
		cmocka_unit_test(test_ack),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_dump_error),
		cmocka_unit_test(test_torn_dump),
		cmocka_unit_test(test_stale_answer),
		cmocka_unit_test(test_forged_answer),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_forged_flood),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_error),
		cmocka_unit_test(test_batch_forged_ack),
		cmocka_unit_test(test_batch_refused),
		cmocka_unit_test(test_batch_short),
	};

	have_netns = unshare(CLONE_NEWNET) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
