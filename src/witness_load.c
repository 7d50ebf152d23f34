/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_load: the program brought into the kernel, by a child that goes
 * again. */
#include "witness_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "witness.skel.h"
#pragma GCC diagnostic pop

#define LOAD_SECONDS 3

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

/* What the child says: 0 and descriptors, or an error. */
struct message {
	int err;
	unsigned n;
};

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

/* In the child, which is about to end: nothing is freed. */
static int load(const struct witness_config *cfg, int fds[WITNESS_FDS],
		unsigned *n)
{
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

/* ----------------------------------------------------------------- the child
 */

union control {
	struct cmsghdr align;
	char mem[CMSG_SPACE(WITNESS_FDS * sizeof(int))];
};

static int send_fds(int to, struct message m, const int fds[WITNESS_FDS])
{
	union control c = {0};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (m.err == 0) {
		msg.msg_control = c.mem;
		msg.msg_controllen = CMSG_SPACE(m.n * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(m.n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, m.n * sizeof(int));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive_fds(int from, int fds[WITNESS_FDS])
{
	union control c = {0};
	struct message m = {0};
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = c.mem,
			     .msg_controllen = sizeof(c.mem)};
	struct cmsghdr *cmsg;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != sizeof(m))
		return -EIO;
	if (m.err != 0)
		return m.err;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg == NULL || cmsg->cmsg_len != CMSG_LEN(m.n * sizeof(int)))
		return -EIO;
	memcpy(fds, CMSG_DATA(cmsg), m.n * sizeof(int));
	return 0;
}

static void run_child(int to, const struct witness_config *cfg)
{
	int fds[WITNESS_FDS];
	struct message m = {0};

	libbpf_set_print(say_nothing);
	m.err = load(cfg, fds, &m.n);
	_exit(send_fds(to, m, fds) < 0);
}

/* The start must not hang on it, whatever the kernel is at. */
static void limit_time(int fd)
{
	struct timeval tv = {.tv_sec = LOAD_SECONDS};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* It has done its work, or never will; one that the kernel does not let go is
 * not waited for. */
static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	for (int i = 0; i < 1000 && waitpid(pid, NULL, WNOHANG) == 0; i++)
		poll(NULL, 0, 1);
}

static int load_once(const struct witness_config *cfg, int fds[WITNESS_FDS])
{
	int pair[2], err;
	pid_t pid;

	for (unsigned i = 0; i < WITNESS_FDS; i++)
		fds[i] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run_child(pair[1], cfg);
	err = pid < 0 ? -errno : 0;
	close(pair[1]);
	limit_time(pair[0]);
	if (err == 0)
		err = receive_fds(pair[0], fds);
	close(pair[0]);
	if (pid > 0)
		end_child(pid);
	return err;
}

int witness_load(const struct witness_config *cfg, int fds[WITNESS_FDS])
{
	int err = load_once(cfg, fds);

	return err == -EIO ? load_once(cfg, fds) : err;
}
