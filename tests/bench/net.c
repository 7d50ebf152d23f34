/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net: the network namespace of the benchmark, its listener and its rules. */
#include <netinet/in.h> /* before linux/netfilter.h, which has its own */

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "nl.h"

int bench_netns(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int err = 0;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		err = -errno;
	close(fd);
	return err;
}

int bench_listen(uint16_t *port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*port = ntohs(addr.sin_port);
	return fd;
}

static int count_cb(const struct nlmsghdr *nlh, void *data)
{
	int *count = data;

	(void)nlh;
	(*count)++;
	return 0;
}

int bench_count_rules(void)
{
	struct {
		struct nlmsghdr nlh;
		struct nfgenmsg nfg;
	} r = {
		.nlh = {.nlmsg_len = sizeof(r),
			.nlmsg_type =
				NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.nfg = {.nfgen_family = NFPROTO_UNSPEC,
			.version = NFNETLINK_V0},
	};
	struct nl *nl;
	int err = nl_open(&nl, NETLINK_NETFILTER);
	int count;

	if (err)
		return err;
	/* The ruleset changes while it comes up: EAGAIN. */
	do {
		count = 0;
		r.nlh.nlmsg_seq = nl_next_seq(nl);
		err = nl_request(nl, &r.nlh, count_cb, &count);
	} while (err == -EAGAIN);
	nl_close(nl);
	return err ? err : count;
}
