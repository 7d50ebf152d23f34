/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_load: the program brought into the kernel, by a child that goes
 * again. */
#include "witness_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf_child.h"
#include "proto.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "witness.skel.h"
#pragma GCC diagnostic pop

#define RING_BYTES  (1U << 20)
#define STACK_BYTES 16384

/* Newer than some distributions' headers, and than their libbpf. */
#define PROG_TYPE_NETFILTER   32
#define ATTACH_TYPE_NETFILTER 45

/* Just before our chain at -150; each instance has a place of its own, and all
 * of them come after connection tracking at -200. */
#define PRIORITY_LAST  (-151)
#define PRIORITY_FIRST (-199)

/* bpf_attr's link_create as of Linux 6.4. */
struct link_create_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	struct {
		uint32_t pf, hooknum;
		int32_t priority;
		uint32_t flags;
	} netfilter;
};

static void set_any_net(struct witness_filter *f)
{
	f->any_address = 1;
}

static void set_net(struct witness_filter *f, const struct ipnet *net)
{
	f->ipv6 = net->addr.family == AF_INET6;
	ipnet_mask(net, (uint8_t *)f->mask);
	memcpy(f->addr, net->addr.bytes, sizeof(f->addr));
}

/* False: they are too many, all packets have to be looked at. */
static bool add_target(struct witness_filter *list, uint32_t *n,
		       const struct target *t)
{
	size_t nets = t->nnets > 0 ? t->nnets : 1;

	if (nets > WITNESS_FILTERS_MAX - *n)
		return false;
	for (size_t i = 0; i < nets; i++) {
		struct witness_filter *f = &list[(*n)++];

		f->any_proto = t->proto == PROTO_ANY;
		f->proto = f->any_proto ? 0 : (uint8_t)t->proto;
		f->port_low = t->port_low;
		f->port_high = t->port_high;
		if (t->nnets == 0)
			set_any_net(f);
		else
			set_net(f, &t->nets[i]);
	}
	return true;
}

/* The kernel's THREAD_SIZE: 16 KiB, or one page where these are bigger.  Where
 * it is more (KASAN), some senders are not believed. */
static uint64_t stack_size(void)
{
	long page = sysconf(_SC_PAGESIZE);

	return page > STACK_BYTES ? (uint64_t)page : STACK_BYTES;
}

static int configure(struct witness_bpf *skel, const struct witness_config *cfg)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0)
		return -errno;
	skel->rodata->our_pid_ns = (uint32_t)st.st_ino;
	skel->rodata->syn_only = cfg->new_only;
	skel->rodata->ring_size = RING_BYTES;
	skel->rodata->stack_size = stack_size();
	for (size_t i = 0; i < cfg->ntargets; i++)
		if (!add_target(skel->rodata->filters, &skel->rodata->nfilters,
				&cfg->targets[i])) {
			skel->rodata->nfilters = 0;
			break;
		}
	bpf_program__set_type(skel->progs.witness, PROG_TYPE_NETFILTER);
	bpf_program__set_expected_attach_type(skel->progs.witness,
					      ATTACH_TYPE_NETFILTER);
	return bpf_map__set_max_entries(skel->maps.ring, RING_BYTES);
}

static int attach_at(const struct bpf_program *prog, uint32_t pf, int priority)
{
	struct link_create_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(prog),
		.attach_type = ATTACH_TYPE_NETFILTER,
		.netfilter = {.pf = pf,
			      .hooknum = NF_INET_LOCAL_OUT,
			      .priority = priority},
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

static int attach(const struct bpf_program *prog, uint32_t pf)
{
	int fd = -EBUSY;

	for (int at = PRIORITY_LAST; at >= PRIORITY_FIRST && fd == -EBUSY; at--)
		fd = attach_at(prog, pf, at);
	return fd;
}

/* In the child, which is about to end: nothing is freed. */
static int load(const void *arg, int *fds, size_t *n)
{
	const struct witness_config *cfg = arg;
	struct witness_bpf *skel = witness_bpf__open();
	int err;

	if (skel == NULL)
		return -errno;
	err = configure(skel, cfg);
	if (err == 0)
		err = witness_bpf__load(skel);
	if (err < 0)
		return err;
	fds[WITNESS_FD_RING] = bpf_map__fd(skel->maps.ring);
	fds[WITNESS_FD_TOLD] = bpf_map__fd(skel->maps.told);
	fds[WITNESS_FD_LOST] = bpf_map__fd(skel->maps.bss);
	err = attach(skel->progs.witness, NFPROTO_IPV4);
	if (err < 0)
		return err;
	fds[WITNESS_FD_IPV4] = err;
	err = attach(skel->progs.witness, NFPROTO_IPV6);
	/* A kernel without IPv6 sends none. */
	*n = err == -EAFNOSUPPORT ? WITNESS_FD_IPV6 : WITNESS_FDS;
	if (err < 0 && err != -EAFNOSUPPORT)
		return err;
	fds[WITNESS_FD_IPV6] = err;
	return 0;
}

int witness_load(const struct witness_config *cfg, int fds[WITNESS_FDS])
{
	return bpf_child_run(load, cfg, fds, WITNESS_FDS);
}
