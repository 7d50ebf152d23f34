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
#include <sys/socket.h>
#include <unistd.h>

#include "bpf_child.h"
#include "proto.h"
#include "util.h"
#include "witness_cgroup.h"
#include "witness_hook.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "witness.skel.h"
#pragma GCC diagnostic pop

#define STACK_BYTES 16384

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

static void set_netfilter(struct bpf_program *prog)
{
	bpf_program__set_type(prog, WITNESS_HOOK_PROG_TYPE);
	bpf_program__set_expected_attach_type(prog, WITNESS_HOOK_ATTACH_TYPE);
}

static int configure(struct witness_bpf *skel, const struct witness_config *cfg)
{
	uint32_t pid_ns, net_ns;
	int err = witness_read_namespaces(&pid_ns, &net_ns);

	if (err < 0)
		return err;
	skel->rodata->our_pid_ns = pid_ns;
	skel->rodata->our_net_ns = net_ns;
	skel->rodata->syn_only = cfg->new_only;
	skel->rodata->ring_size = witness_ring_bytes(cfg->ring_kib);
	skel->rodata->stack_size = stack_size();
	for (size_t i = 0; i < cfg->ntargets; i++)
		if (!add_target(skel->rodata->filters, &skel->rodata->nfilters,
				&cfg->targets[i])) {
			skel->rodata->nfilters = 0;
			break;
		}
	set_netfilter(skel->progs.witness_hook);
	set_netfilter(skel->progs.witness_nat_hook);
	return bpf_map__set_max_entries(skel->maps.ring,
					witness_ring_bytes(cfg->ring_kib));
}

/* ------------------------------------------------------------- the netfilter
 * program */

/* The smallest one: is there such a thing?  Reading all types to learn that
 * there is not would take long. */
static bool has_netfilter(void)
{
	const struct bpf_insn accept[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = NF_ACCEPT},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts),
		.expected_attach_type = WITNESS_HOOK_ATTACH_TYPE,
	};
	int fd = bpf_prog_load(WITNESS_HOOK_PROG_TYPE, "witness_probe", "GPL",
			       accept, ARRAY_SIZE(accept), &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* nat_fd: the program for behind local DNAT; below 0: none. */
static int attach_netfilter(int prog_fd, int nat_fd,
			    int links[WITNESS_LINKS_MAX])
{
	int n = witness_hook_attach(prog_fd, false, links), more;

	if (n < 0 || nat_fd < 0)
		return n;
	more = witness_hook_attach(nat_fd, true, links + n);
	return more < 0 ? more : n + more;
}

/* --------------------------------------------------- the function's entry */

static int attach_tracing(int prog_fd, int links[WITNESS_LINKS_MAX])
{
	int fd = bpf_link_create(prog_fd, 0, BPF_TRACE_FENTRY, NULL);

	if (fd < 0)
		return -errno;
	links[0] = fd;
	return 1;
}

/* ------------------------------------------------------------------ a kind */

static struct bpf_program *choose(struct witness_bpf *skel,
				  enum witness_kind kind, bool nat)
{
	bpf_program__set_autoload(skel->progs.witness_hook,
				  kind == WITNESS_NETFILTER);
	bpf_program__set_autoload(skel->progs.witness_nat_hook,
				  kind == WITNESS_NETFILTER && nat);
	bpf_program__set_autoload(skel->progs.witness_queue,
				  kind == WITNESS_TRACING);
	return kind == WITNESS_NETFILTER ? skel->progs.witness_hook
					 : skel->progs.witness_queue;
}

static int attach(enum witness_kind kind, int prog_fd, int nat_fd,
		  int links[WITNESS_LINKS_MAX])
{
	return kind == WITNESS_NETFILTER
		       ? attach_netfilter(prog_fd, nat_fd, links)
		       : attach_tracing(prog_fd, links);
}

static int load(const void *data, int *fds, size_t *n)
{
	static struct witness_bpf *skel; /* it goes with this process */
	const struct witness_config *cfg = data;
	struct bpf_program *prog;
	int err;

	skel = witness_bpf__open();
	if (skel == NULL)
		return -errno;
	prog = choose(skel, cfg->kind, cfg->nat);
	err = configure(skel, cfg);
	if (err == 0)
		err = witness_bpf__load(skel);
	if (err < 0)
		return err;
	fds[WITNESS_FD_RING] = bpf_map__fd(skel->maps.ring);
	fds[WITNESS_FD_TOLD] = bpf_map__fd(skel->maps.told);
	fds[WITNESS_FD_SHARED] = bpf_map__fd(skel->maps.data);
	fds[WITNESS_FD_PROG] = bpf_program__fd(prog);
	/* One that was not loaded has none. */
	err = attach(cfg->kind, bpf_program__fd(prog),
		     bpf_program__fd(skel->progs.witness_nat_hook),
		     &fds[WITNESS_FD_LINKS]);
	if (err < 0)
		return err;
	*n = WITNESS_FD_LINKS + (size_t)err;
	return 0;
}

static int load_kind(const struct witness_config *cfg, int fds[WITNESS_FDS])
{
	switch (cfg->kind) {
	case WITNESS_NETFILTER:
	case WITNESS_TRACING:
		return bpf_child_run(load, cfg, fds, WITNESS_FDS);
	case WITNESS_CGROUP:
		return bpf_child_run(witness_cgroup_load, cfg, fds,
				     WITNESS_FDS);
	case WITNESS_AUTO:
		break;
	}
	return -EINVAL;
}

int witness_load(const struct witness_config *cfg, enum witness_kind *kind,
		 int fds[WITNESS_FDS])
{
	struct witness_config one = *cfg;
	int err = 0, r;

	if (cfg->kind != WITNESS_AUTO) {
		*kind = cfg->kind;
		return load_kind(cfg, fds);
	}
	one.kind = has_netfilter() ? WITNESS_NETFILTER : WITNESS_TRACING;
	for (; one.kind <= WITNESS_CGROUP; one.kind++) {
		r = load_kind(&one, fds);
		*kind = one.kind;
		/* Too slow for one is too slow for all. */
		if (r == 0 || r == -EIO)
			return r;
		err = err != 0 ? err : r;
	}
	return err;
}
