/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness: who sent this very packet, seen from within the kernel as it was
 * sent. */
#include "witness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto.h"
#include "util.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "witness.skel.h"
#pragma GCC diagnostic pop
#include "witness_table.h"

#define RING_BYTES  (2U << 20)
#define STACK_BYTES 16384

/* Newer than some distributions' headers, and than their libbpf. */
#define PROG_TYPE_NETFILTER   32
#define ATTACH_TYPE_NETFILTER 45

/* Just before our chain at -150; each instance has a place of its own, and all
 * of them come after connection tracking at -200. */
#define PRIORITY_LAST  (-151)
#define PRIORITY_FIRST (-199)

/* A record is written before its packet is queued, but stands behind one that
 * another processor is writing just now. */
#define PATIENCE_US 3

struct witness {
	struct witness_bpf *skel;
	struct ring_buffer *ring;
	struct witness_table *table;
	int links[2];
	struct witness_stats stats;
};

/* bpf_attr's link_create as of Linux 6.4. */
struct link_create_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	struct {
		uint32_t pf, hooknum;
		int32_t priority;
		uint32_t flags;
	} netfilter;
};

bool witness_is_built_in(void)
{
	return true;
}

const char *witness_reason(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "CAP_BPF and CAP_PERFMON are needed";
	case EINVAL:
	case ESRCH:
	case ENOENT:
		return "this kernel is older than 6.4, or has no BTF";
	case EBUSY:
		return "too many programs at that hook";
	}
	return strerror(-err);
}

/* ------------------------------------------------------------------ loading */

/* The caller says what went wrong, in one line. */
static int say_nothing(enum libbpf_print_level level, const char *fmt,
		       va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

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

static int load(struct witness *w, const struct witness_config *cfg)
{
	int err;

	w->skel = witness_bpf__open();
	if (w->skel == NULL)
		return -errno;
	err = configure(w->skel, cfg);
	if (err == 0)
		err = witness_bpf__load(w->skel);
	if (err < 0)
		return err;
	w->links[0] = err = attach(w->skel->progs.witness, NFPROTO_IPV4);
	if (err < 0)
		return err;
	w->links[1] = err = attach(w->skel->progs.witness, NFPROTO_IPV6);
	/* A kernel without IPv6 sends none. */
	return err == -EAFNOSUPPORT || err > 0 ? 0 : err;
}

/* ------------------------------------------------------------------- reading
 */

static void make_room(struct witness *w)
{
	struct witness_image im;
	int fd = bpf_map__fd(w->skel->maps.told);

	/* Told again when it sends again. */
	while (witness_table_evict(w->table, &im))
		bpf_map_delete_elem(fd, &im);
}

static int take_record(void *data, void *mem, size_t len)
{
	struct witness *w = data;
	struct witness_record r;
	uint32_t type = 0;

	if (len >= sizeof(type))
		memcpy(&type, mem, sizeof(type));
	if (type == WITNESS_FACTS) {
		if (witness_table_add_facts(w->table, mem, len) == 0)
			make_room(w);
	} else if (type == WITNESS_PACKET && len >= sizeof(r)) {
		memcpy(&r, mem, sizeof(r));
		witness_table_add(w->table, &r);
		w->stats.packets++;
	}
	return 0;
}

void witness_read(struct witness *w)
{
	ring_buffer__consume(w->ring);
}

int witness_open(struct witness **out, const struct witness_config *cfg)
{
	struct witness *w = calloc(1, sizeof(*w));
	int err;

	if (w == NULL)
		return -ENOMEM;
	w->links[0] = w->links[1] = -1;
	libbpf_set_print(say_nothing);
	err = witness_table_open(&w->table, !cfg->new_only);
	if (err == 0)
		err = load(w, cfg);
	if (err == 0) {
		w->ring = ring_buffer__new(bpf_map__fd(w->skel->maps.ring),
					   take_record, w, NULL);
		if (w->ring == NULL)
			err = -errno;
	}
	if (err < 0) {
		witness_close(w);
		return err;
	}
	*out = w;
	/* What loading took (the kernel's types, megabytes) is free again. */
	malloc_trim(0);
	return 0;
}

void witness_close(struct witness *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(w->links); i++)
		if (w->links[i] >= 0)
			close(w->links[i]);
	ring_buffer__free(w->ring);
	witness_bpf__destroy(w->skel);
	witness_table_close(w->table);
	free(w);
}

int witness_fd(const struct witness *w)
{
	return ring_buffer__epoll_fd(w->ring);
}

bool witness_find(struct witness *w, const struct packet *p,
		  uint64_t received_us, bool has_uid, uint32_t uid,
		  struct witness_record *r)
{
	const volatile struct witness_lost *lost = &w->skel->bss->lost;
	uint64_t until = 0;

	do {
		witness_read(w);
		if (witness_table_find(w->table, p, received_us, has_uid, uid,
				       lost->last_ns, r))
			return true;
		if (until == 0)
			until = util_now_us() + PATIENCE_US;
	} while (util_now_us() < until);
	return false;
}

void witness_forget(struct witness *w, uint64_t drained_us)
{
	witness_table_forget(w->table, drained_us);
}

const struct witness_facts *witness_facts(const struct witness *w,
					  const struct witness_image *im)
{
	return witness_table_facts(w->table, im);
}

const struct witness_stats *witness_stats(struct witness *w)
{
	const volatile struct witness_lost *lost = &w->skel->bss->lost;

	w->stats.lost = lost->packets + witness_table_lost(w->table);
	w->stats.doubted = witness_table_doubted(w->table);
	return &w->stats;
}
