/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_hook: the netfilter program at the output hook of a network
 * namespace. */
#include "witness_hook.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Just before our chain at -150; each instance has a place of its own, and all
 * of them come after connection tracking at -200. */
#define PRIORITY_LAST  (-151)
#define PRIORITY_FIRST (-199)

/* The same before our chain at -50, behind local DNAT at -100. */
#define NAT_PRIORITY_LAST  (-51)
#define NAT_PRIORITY_FIRST (-99)

/* bpf_attr's link_create as of Linux 6.4. */
struct link_create_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	struct {
		uint32_t pf, hooknum;
		int32_t priority;
		uint32_t flags;
	} netfilter;
};

static int attach_at(int prog_fd, uint32_t pf, int priority)
{
	struct link_create_attr attr = {
		.prog_fd = (uint32_t)prog_fd,
		.attach_type = WITNESS_HOOK_ATTACH_TYPE,
		.netfilter = {.pf = pf,
			      .hooknum = NF_INET_LOCAL_OUT,
			      .priority = priority},
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

static int attach_hook(int prog_fd, uint32_t pf, bool behind_dnat)
{
	int last = behind_dnat ? NAT_PRIORITY_LAST : PRIORITY_LAST;
	int first = behind_dnat ? NAT_PRIORITY_FIRST : PRIORITY_FIRST;
	int fd = -EBUSY;

	for (int at = last; at >= first && fd == -EBUSY; at--)
		fd = attach_at(prog_fd, pf, at);
	return fd;
}

int witness_hook_attach(int prog_fd, bool behind_dnat,
			int links[WITNESS_HOOK_LINKS])
{
	int fd = attach_hook(prog_fd, NFPROTO_IPV4, behind_dnat);

	if (fd < 0)
		return fd;
	links[0] = fd;
	fd = attach_hook(prog_fd, NFPROTO_IPV6, behind_dnat);
	/* A kernel without IPv6 sends none. */
	if (fd < 0)
		return fd == -EAFNOSUPPORT ? 1 : fd;
	links[1] = fd;
	return 2;
}
