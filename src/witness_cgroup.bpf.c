// SPDX-License-Identifier: GPL-2.0-or-later
/* witness_cgroup.bpf: in the kernel, as sockets are opened, connected and
 * closed: by whom? */
#include "witness_sender.bpf.h"

#define ALLOW 1

#define AF_INET	 2
#define AF_INET6 10

#define PROTOCOLS   256
#define IPPROTO_TCP 6

/* include/uapi/linux/bpf.h: these are what the programs are given; the kernel
 * puts the places of their members in. */
struct bpf_sock {
	uint32_t bound_dev_if, family, type, protocol;
};

struct bpf_sock_addr {
	uint32_t user_family, user_ip4, user_ip6[4], user_port;
	uint32_t family, type, protocol;
};

/* What is behind them in truth. */
#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)
struct bpf_sock_addr_kern {
	struct sock *sk;
};
#pragma clang attribute pop

const volatile uint8_t wanted[PROTOCOLS];

const volatile bool all_nets;

static __always_inline uint32_t net_ns_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline bool is_ours(const struct sock *sk)
{
	uint32_t proto = BPF_CORE_READ(sk, sk_protocol);

	return proto < PROTOCOLS && wanted[proto] &&
	       (all_nets || net_ns_of(sk) == our_net_ns);
}

/* The kernel's own, which some system call happens to open or connect (a mount,
 * a path of MPTCP that is added).  Of MPTCP's first a user's file is known. */
static __always_inline bool is_kernels(const struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock) &&
	       !BPF_CORE_READ(sk, sk_socket, file);
}

static __always_inline void read_doer(const struct sock *sk,
				      struct witness_record *r)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	r->class = WITNESS_OTHER;
	if (is_kernels(sk) || (task->flags & PF_KTHREAD) || !task->mm)
		return;
	r->class = WITNESS_SENDER;
	read_image(task, &r->image);
	read_sender(task, r);
	look_at_image(task, &r->image);
}

static __always_inline void read_ends(const struct sock *sk,
				      struct witness_ends *e)
{
	const struct sock_common *c = &sk->__sk_common;

	e->family = BPF_CORE_READ(c, skc_family);
	e->sport = BPF_CORE_READ(c, skc_num);
	e->dport = __builtin_bswap16(BPF_CORE_READ(c, skc_dport));
	if (e->family == AF_INET) {
		BPF_CORE_READ_INTO(e->saddr, c, skc_rcv_saddr);
		BPF_CORE_READ_INTO(e->daddr, c, skc_daddr);
		return;
	}
	BPF_CORE_READ_INTO(&e->saddr, c, skc_v6_rcv_saddr);
	BPF_CORE_READ_INTO(&e->daddr, c, skc_v6_daddr);
}

SEC("cgroup/sock_create")
int witness_create(struct bpf_sock *ctx)
{
	const struct sock *sk = (const void *)ctx;
	struct witness_record r = {.type = WITNESS_CREATED};

	if (!is_ours(sk))
		return ALLOW;
	r.time_ns = bpf_ktime_get_ns();
	r.cookie = bpf_get_socket_cookie(ctx);
	r.ends.proto = (uint8_t)ctx->protocol;
	r.net_ns = net_ns_of(sk);
	read_doer(sk, &r);
	tell(&r);
	return ALLOW;
}

/* The last who has it closes it: who that is tells nothing. */
SEC("cgroup/sock_release")
int witness_release(struct bpf_sock *ctx)
{
	const struct sock *sk = (const void *)ctx;
	struct witness_record r = {.type = WITNESS_CLOSED};

	if (!is_ours(sk))
		return ALLOW;
	r.time_ns = bpf_ktime_get_ns();
	r.cookie = bpf_get_socket_cookie(ctx);
	r.ends.proto = (uint8_t)ctx->protocol;
	r.net_ns = net_ns_of(sk);
	read_ends(sk, &r.ends);
	tell(&r);
	return ALLOW;
}

static __always_inline void start_connect(struct bpf_sock_addr *ctx,
					  struct witness_record *r)
{
	r->type = WITNESS_CONNECTED;
	r->time_ns = bpf_ktime_get_ns();
	r->cookie = bpf_get_socket_cookie(ctx);
	r->ends.proto = (uint8_t)ctx->protocol;
	r->ends.dport = __builtin_bswap16((uint16_t)ctx->user_port);
}

static __always_inline const struct sock *sock_of(struct bpf_sock_addr *ctx)
{
	const struct bpf_sock_addr_kern *kern = (const void *)ctx;

	return BPF_CORE_READ(kern, sk);
}

/* Its SYN goes with the first data, and that may be another process's. */
static __always_inline bool is_deferred(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
	       BPF_CORE_READ_BITFIELD_PROBED(tp, fastopen_connect);
}

static __always_inline void read_connector(const struct sock *sk,
					   struct witness_record *r)
{
	r->net_ns = net_ns_of(sk);
	read_doer(sk, r);
	if (is_deferred(sk))
		r->class = WITNESS_OTHER;
}

SEC("cgroup/connect4")
int witness_connect4(struct bpf_sock_addr *ctx)
{
	const struct sock *sk = sock_of(ctx);
	struct witness_record r = {};

	if (!is_ours(sk))
		return ALLOW;
	start_connect(ctx, &r);
	r.ends.family = AF_INET;
	r.ends.daddr[0] = ctx->user_ip4;
	read_connector(sk, &r);
	tell(&r);
	return ALLOW;
}

SEC("cgroup/connect6")
int witness_connect6(struct bpf_sock_addr *ctx)
{
	const struct sock *sk = sock_of(ctx);
	struct witness_record r = {};

	if (!is_ours(sk))
		return ALLOW;
	start_connect(ctx, &r);
	r.ends.family = AF_INET6;
	r.ends.daddr[0] = ctx->user_ip6[0];
	r.ends.daddr[1] = ctx->user_ip6[1];
	r.ends.daddr[2] = ctx->user_ip6[2];
	r.ends.daddr[3] = ctx->user_ip6[3];
	read_connector(sk, &r);
	tell(&r);
	return ALLOW;
}
