/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_nfqueue: messages of every length and kind, and the kernel's own queues.
 */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "nfqueue.h"

static bool have_netns;

static void need_netns(void)
{
	if (have_netns)
		return;
	printf("# skip: no permission for a network namespace\n");
	skip();
}

static void put_original(struct nlmsghdr *nlh)
{
	struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG), *part;

	part = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put_u32(nlh, CTA_IP_V4_SRC, htonl(0x0a000001));
	mnl_attr_put_u32(nlh, CTA_IP_V4_DST, htonl(0x0a000002));
	mnl_attr_nest_end(nlh, part);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(4000));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(53));
	mnl_attr_nest_end(nlh, part);
	mnl_attr_nest_end(nlh, tuple);
}

/* A message as nfqnl_build_packet_message makes it. */
static struct nlmsghdr *make_message(char *buf, bool with_header)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfqnl_msg_packet_hdr h = {.packet_id = htonl(77),
					 .hw_protocol = htons(ETH_P_IP),
					 .hook = NF_INET_LOCAL_OUT};
	struct nlattr *ct;
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_INET;
	nfg->res_id = htons(7);
	if (with_header)
		mnl_attr_put(nlh, NFQA_PACKET_HDR, sizeof(h), &h);
	mnl_attr_put_u32(nlh, NFQA_MARK, htonl(5));
	mnl_attr_put_u32(nlh, NFQA_IFINDEX_OUTDEV, htonl(3));
	mnl_attr_put_u32(nlh, NFQA_UID, htonl(1000));
	mnl_attr_put_u32(nlh, NFQA_GID, htonl(100));
	mnl_attr_put_u32(nlh, NFQA_CAP_LEN, htonl(9000));
	ct = mnl_attr_nest_start(nlh, NFQA_CT);
	mnl_attr_put_u32(nlh, CTA_ID, htonl(99));
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(0x188));
	put_original(nlh);
	mnl_attr_nest_end(nlh, ct);
	mnl_attr_put_u32(nlh, NFQA_CT_INFO, htonl(2));
	mnl_attr_put(nlh, NFQA_PAYLOAD, 5, "12345");
	return nlh;
}

static void test_parse(void **state)
{
	char buf[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = make_message(buf, true);
	struct nfqueue_packet p;

	(void)state;
	assert_int_equal(nfqueue_parse(buf, nlh->nlmsg_len, &p), 0);
	assert_int_equal(p.id, 77);
	assert_int_equal(p.hook, NF_INET_LOCAL_OUT);
	assert_int_equal(p.hw_protocol, ETH_P_IP);
	assert_int_equal(p.mark, 5);
	assert_int_equal(p.outdev, 3);
	assert_int_equal(p.indev, 0);
	assert_true(p.has_uid && p.has_gid && p.has_ct);
	assert_int_equal(p.uid, 1000);
	assert_int_equal(p.gid, 100);
	assert_int_equal(p.ct_id, 99);
	assert_int_equal(p.ct_status, 0x188);
	assert_int_equal(p.ct_info, 2);
	assert_true(p.has_ct_tuple);
	assert_int_equal(p.ct_tuple.proto, IPPROTO_UDP);
	assert_int_equal(p.ct_tuple.sport, 4000);
	assert_int_equal(p.ct_tuple.dport, 53);
	assert_int_equal(p.ct_tuple.daddr.bytes[3], 2);
	assert_int_equal(p.payload_len, 5);
	assert_memory_equal(p.payload, "12345", 5);
	assert_int_equal(p.len, 9000);
}

/* Cut anywhere, in a buffer of just that size so that a sanitizer sees every
 * byte read too far: refused, or less known; never more. */
static void test_parse_short(void **state)
{
	char buf[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = make_message(buf, true);
	uint32_t len = nlh->nlmsg_len;
	struct nfqueue_packet p;

	(void)state;
	for (uint32_t n = 0; n < len; n++) {
		char *cut = malloc(n + 1);

		memcpy(cut, buf, n);
		/* A lie about the length, then the truth. */
		assert_int_equal(nfqueue_parse(cut, n, &p), -EBADMSG);
		if (n >= sizeof(*nlh)) {
			memcpy(cut, &n, sizeof(n));
			if (nfqueue_parse(cut, n, &p) == 0)
				assert_true(p.payload_len == 0 || n >= len - 3);
		}
		free(cut);
	}
}

static void test_parse_no_header(void **state)
{
	char buf[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = make_message(buf, false);
	struct nfqueue_packet p;

	(void)state;
	assert_int_equal(nfqueue_parse(buf, nlh->nlmsg_len, &p), -EBADMSG);
}

static void test_parse_wrong_type(void **state)
{
	char buf[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = make_message(buf, true);
	struct nfqueue_packet p;

	(void)state;
	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT;
	assert_int_equal(nfqueue_parse(buf, nlh->nlmsg_len, &p), -EBADMSG);
	nlh->nlmsg_type = NFNL_SUBSYS_ULOG << 8;
	assert_int_equal(nfqueue_parse(buf, nlh->nlmsg_len, &p), -EBADMSG);
}

static void test_parse_short_attributes(void **state)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfqueue_packet p;

	(void)state;
	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
	mnl_attr_put_u16(nlh, NFQA_PACKET_HDR, 1);
	assert_int_equal(nfqueue_parse(buf, nlh->nlmsg_len, &p), -EBADMSG);
}

static void test_open_picks(void **state)
{
	struct nfqueue_config cfg = {.pick = true, .fail_open = true};
	struct nfqueue *a, *b;

	(void)state;
	need_netns();
	assert_int_equal(nfqueue_open(&a, &cfg), 0);
	assert_int_equal(nfqueue_open(&b, &cfg), 0);
	assert_true(nfqueue_num(a) > 32768 && nfqueue_num(b) > 32768);
	assert_int_not_equal(nfqueue_num(a), nfqueue_num(b));
	assert_true(nfqueue_features(a)->fail_open);
	assert_true(nfqueue_features(a)->uid_gid);
	assert_true(fcntl(nfqueue_fd(a), F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(nfqueue_fd(a), F_GETFL) & O_NONBLOCK);
	nfqueue_close(b);
	nfqueue_close(a);
}

static void test_open_taken(void **state)
{
	struct nfqueue_config cfg = {.num = 9};
	struct nfqueue *a, *b;

	(void)state;
	need_netns();
	assert_int_equal(nfqueue_open(&a, &cfg), 0);
	assert_int_equal(nfqueue_open(&b, &cfg), -EBUSY);
	nfqueue_close(a);
	assert_int_equal(nfqueue_open(&b, &cfg), 0);
	nfqueue_close(b);
}

static void test_open_no_permission(void **state)
{
	struct nfqueue_config cfg = {.num = 9};
	struct nfqueue *q;
	int status;
	pid_t pid;

	(void)state;
	need_netns();
	pid = fork();
	if (pid == 0)
		_exit(setuid(65534) == 0 && nfqueue_open(&q, &cfg) == -EPERM
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Another process of the namespace may write to our port: not believed. */
static void test_forged(void **state)
{
	struct nfqueue_config cfg = {.num = 7};
	char buf[NFQUEUE_BUF_SIZE] __attribute__((aligned(8)));
	struct sockaddr_nl to = {.nl_family = AF_NETLINK}, own;
	socklen_t len = sizeof(own);
	struct nfqueue_packet p;
	struct nfqueue *q;
	struct nlmsghdr *nlh;
	int fd, error;

	(void)state;
	need_netns();
	assert_int_equal(nfqueue_open(&q, &cfg), 0);
	getsockname(nfqueue_fd(q), (struct sockaddr *)&own, &len);
	to.nl_pid = own.nl_pid;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	nlh = make_message(buf, true);
	assert_int_equal(sendto(fd, buf, nlh->nlmsg_len, 0,
				(struct sockaddr *)&to, sizeof(to)),
			 nlh->nlmsg_len);
	assert_int_equal(nfqueue_receive(q, buf, sizeof(buf), &p, &error),
			 NFQUEUE_IGNORED);
	assert_int_equal(nfqueue_receive(q, buf, sizeof(buf), &p, &error),
			 NFQUEUE_NONE);
	close(fd);
	nfqueue_close(q);
}

/* A verdict for a packet that is not there: the error names it. */
static void test_verdict_gone(void **state)
{
	struct nfqueue_config cfg = {.num = 7};
	char buf[NFQUEUE_BUF_SIZE] __attribute__((aligned(8)));
	struct nfqueue_packet p;
	struct nfqueue *q;
	int error = 0;

	(void)state;
	need_netns();
	assert_int_equal(nfqueue_open(&q, &cfg), 0);
	assert_int_equal(nfqueue_verdict(q, 4711, NF_ACCEPT), 0);
	assert_int_equal(nfqueue_receive(q, buf, sizeof(buf), &p, &error),
			 NFQUEUE_ERROR);
	assert_int_equal(p.id, 4711);
	assert_int_equal(error, -ENOENT);
	nfqueue_close(q);
}

static void test_drops(void **state)
{
	struct nfqueue_config cfg = {.num = 7};
	uint64_t a = 1, b = 1;
	struct nfqueue *q;

	(void)state;
	need_netns();
	assert_int_equal(nfqueue_open(&q, &cfg), 0);
	assert_int_equal(nfqueue_read_drops(q, &a, &b), 0);
	assert_int_equal(a + b, 0);
	nfqueue_close(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_short),
		cmocka_unit_test(test_parse_no_header),
		cmocka_unit_test(test_parse_wrong_type),
		cmocka_unit_test(test_parse_short_attributes),
		cmocka_unit_test(test_open_picks),
		cmocka_unit_test(test_open_taken),
		cmocka_unit_test(test_open_no_permission),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_verdict_gone),
		cmocka_unit_test(test_drops),
	};

	have_netns = unshare(CLONE_NEWNET) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
