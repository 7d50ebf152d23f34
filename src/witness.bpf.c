// SPDX-License-Identifier: GPL-2.0-or-later
/* witness.bpf: in the kernel, at the moment of sending: who sends this packet?
 */
#include "witness_sender.bpf.h"

#define NF_ACCEPT	  1
#define NF_INET_LOCAL_OUT 3
#define NF_VERDICT_QBITS  16

#define AF_INET6	 10
#define AF_INET6_VERSION 6
#define IPV4_MIN	 20
#define IPV6_LEN	 40
#define TCP_FLAGS_AT	 13
#define TCP_SYN		 0x02
#define TCP_ACK		 0x10

#define IPPROTO_TCP  6
#define IPPROTO_UDP  17
#define IPPROTO_DCCP 33
#define IPPROTO_SCTP 132
#define SOCK_RAW     3

#define TCP_TIME_WAIT	 6 /* include/net/tcp_states.h */
#define TCP_LISTEN	 10
#define TCP_NEW_SYN_RECV 12
#define SHUTDOWN_MASK	 3 /* include/net/sock.h */

/* include/linux/netfilter/nf_conntrack_common.h */
#define NFCT_INFO_MASK 7UL
#define IP_CT_IS_REPLY 3
#define IPS_DST_NAT    (1UL << 5)

const volatile struct witness_filter filters[WITNESS_FILTERS_MAX];
const volatile uint32_t nfilters; /* 0: all packets */
const volatile bool syn_only;	  /* of TCP, what opens a connection */
const volatile uint64_t stack_size;

/* A packet on its way out, as the kernel hands it over. */
struct sight {
	struct sk_buff *skb;
	const struct nf_hook_state *state;
	const void *state_at; /* where that pointer is */
};

/* ------------------------------------------------------------- the packet */

struct flow {
	uint32_t daddr[4];
	uint16_t dport; /* host order; 0: not known */
	uint8_t ipv6, proto, tcp_flags;
	bool has_proto; /* no IPv6 extension headers in the way */
};

static __always_inline void read_flow(const uint8_t *b, struct flow *f)
{
	uint32_t at = IPV6_LEN;

	f->ipv6 = b[0] >> 4 == AF_INET6_VERSION;
	if (f->ipv6) {
		__builtin_memcpy(f->daddr, b + 24, 16);
		f->proto = b[6];
	} else {
		__builtin_memcpy(f->daddr, b + 16, 4);
		f->proto = b[9];
		at = (b[0] & 0xf) * 4;
	}
	f->has_proto = !f->ipv6 ||
		       (f->proto != 0 && f->proto != 43 && f->proto != 44 &&
			f->proto != 51 && f->proto != 60);
	at &= 63;
	f->dport = (uint16_t)(b[at + 2] << 8 | b[at + 3]);
	f->tcp_flags = b[at + TCP_FLAGS_AT];
}

static __always_inline bool fits(const struct flow *f, uint32_t i)
{
	const volatile struct witness_filter *t = &filters[i];

	if (!t->any_proto && f->has_proto && t->proto != f->proto)
		return false;
	if ((t->port_low || t->port_high) && f->has_proto &&
	    (f->dport < t->port_low || f->dport > t->port_high))
		return false;
	if (t->any_address)
		return true;
	return t->ipv6 == f->ipv6 && (f->daddr[0] & t->mask[0]) == t->addr[0] &&
	       (f->daddr[1] & t->mask[1]) == t->addr[1] &&
	       (f->daddr[2] & t->mask[2]) == t->addr[2] &&
	       (f->daddr[3] & t->mask[3]) == t->addr[3];
}

static __always_inline bool is_wanted(const struct flow *f)
{
	if (syn_only && f->has_proto && f->proto == IPPROTO_TCP &&
	    (f->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return false;
	if (!nfilters)
		return true;
	for (uint32_t i = 0; i < WITNESS_FILTERS_MAX && i < nfilters; i++)
		if (fits(f, i))
			return true;
	return false;
}

/* ------------------------------------------------------------------ NAT */

static __always_inline void read_original(const struct nf_conn *ct,
					  struct witness_ends *own)
{
	const struct nf_conntrack_tuple *t = &ct->tuplehash[0].tuple;

	own->family = BPF_CORE_READ(t, src.l3num);
	own->proto = BPF_CORE_READ(t, dst.protonum);
	own->sport = __builtin_bswap16(BPF_CORE_READ(t, src.u.all));
	own->dport = __builtin_bswap16(BPF_CORE_READ(t, dst.u.all));
	BPF_CORE_READ_INTO(&own->saddr, t, src.u3.all);
	BPF_CORE_READ_INTO(&own->daddr, t, dst.u3.all);
}

/* Of a connection whose destination is rewritten, as it was sent. */
static __always_inline bool read_own(const struct sk_buff *skb,
				     struct witness_ends *own)
{
	const struct nf_conn *ct;
	unsigned long nfct;

	if (!bpf_core_field_exists(skb->_nfct) ||
	    !bpf_core_type_exists(struct nf_conn))
		return false;
	nfct = BPF_CORE_READ(skb, _nfct);
	ct = (const void *)(nfct & ~NFCT_INFO_MASK);
	if (!ct || (nfct & NFCT_INFO_MASK) >= IP_CT_IS_REPLY ||
	    !(BPF_CORE_READ(ct, status) & IPS_DST_NAT))
		return false;
	read_original(ct, own);
	return true;
}

/* Where it was sent to was a target already: that has its record from there. */
static __always_inline bool was_wanted(const struct witness_ends *own)
{
	struct flow f = {
		.dport = own->dport,
		.ipv6 = own->family == AF_INET6,
		.proto = own->proto,
		.has_proto = true,
		.tcp_flags = TCP_SYN,
	};

	__builtin_memcpy(f.daddr, own->daddr, sizeof(f.daddr));
	return nfilters && is_wanted(&f);
}

/* ---------------------------------------------------------- whose is it? */

/*
 * Is it sent by the one who runs?  The state of a packet on its way is on the
 * stack of who sends it.  It is on another stack while an interrupt is served,
 * and on none when a queue's reader has given a packet back that somebody else
 * had sent.
 */
static __always_inline bool is_own_doing(const struct sight *s,
					 const struct task_struct *task)
{
	uint64_t stack = (uint64_t)BPF_CORE_READ(task, stack), state = 0;

	/* As a number: the verifier subtracts no pointers. */
	bpf_probe_read_kernel(&state, sizeof(state), s->state_at);
	return state > stack && state - stack < stack_size;
}

/* These may send on a socket's behalf at any time; only who has it locked is
 * known to be the one that runs. */
static __always_inline bool needs_lock(uint16_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP;
}

/* A request's or a timewait's structure ends early. */
static __always_inline bool is_full(const struct sock *sk)
{
	uint8_t state = sk->__sk_common.skc_state;

	return state != TCP_NEW_SYN_RECV && state != TCP_TIME_WAIT;
}

/* The kernel itself sends on a user's socket (ESP in UDP, L2TP, OpenVPN). */
static __always_inline bool is_tunnel(const struct sock *sk)
{
	const struct udp_sock *up = (const void *)sk;

	return sk->sk_protocol == IPPROTO_UDP && sk->sk_type != SOCK_RAW &&
	       BPF_CORE_READ(up, encap_type);
}

/* A subflow of MPTCP is the kernel's, but a user's file is on the first one,
 * and the others are made for the same user. */
static __always_inline bool is_users(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	if (BPF_CORE_READ(sk, sk_socket, file))
		return true;
	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type != SOCK_RAW &&
	       bpf_core_field_exists(tp->is_mptcp) &&
	       BPF_CORE_READ_BITFIELD_PROBED(tp, is_mptcp);
}

static __always_inline uint32_t class_of(const struct sight *s,
					 const struct flow *f,
					 const struct task_struct *task)
{
	struct sock *sk = s->skb->sk;

	if (!sk)
		return WITNESS_KERNEL;
	if (!is_full(sk))
		return WITNESS_OTHER;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock))
		return is_users(sk) ? WITNESS_OTHER : WITNESS_KERNEL;
	/* A tunnel's packet still has the sender's socket. */
	if (s->state->sk != sk)
		return WITNESS_OTHER;
	if (f->has_proto && sk->sk_protocol != f->proto &&
	    sk->sk_type != SOCK_RAW)
		return WITNESS_OTHER;
	if (needs_lock(sk->sk_protocol) && sk->sk_type != SOCK_RAW &&
	    (sk->__sk_common.skc_state == TCP_LISTEN || sk->sk_lock.owned != 1))
		return WITNESS_OTHER;
	/* Closed: by the last one who had it, wherever that happens (a
	 * descriptor that was refused, an exec), not by who wrote the data. */
	if (needs_lock(sk->sk_protocol) && sk->sk_type != SOCK_RAW &&
	    sk->sk_shutdown == SHUTDOWN_MASK)
		return WITNESS_OTHER;
	/* On its way out a process has no memory, and closes what is left. */
	if (is_tunnel(sk) || (task->flags & PF_KTHREAD) || !task->mm ||
	    !is_own_doing(s, task))
		return WITNESS_OTHER;
	return WITNESS_SENDER;
}

static __always_inline void read_socket(const struct sock *sk,
					struct witness_record *r)
{
	const struct file *file;

	if (!sk)
		return;
	r->sk = (uint64_t)sk;
	r->cookie = (uint64_t)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (!is_full(sk))
		return;
	file = BPF_CORE_READ(sk, sk_socket, file);
	if (!file)
		return;
	r->inode = BPF_CORE_READ(file, f_inode, i_ino);
	r->sock_uid = BPF_CORE_READ(file, f_cred, fsuid.val);
	r->has_sock_uid = 1;
}

/* ----------------------------------------------------------- the programs */

/* Where a packet is seen. */
enum place {
	AT_HOOK,	/* every packet, chosen by a rule or not */
	AT_NAT_HOOK,	/* the same behind local DNAT */
	AT_OUR_QUEUE,	/* chosen by our rules, in its send or after another
			 * queue's reader has given it back */
	AT_OTHER_QUEUE, /* which may come to ours afterwards */
};

static __always_inline void look(const struct sight *s, enum place place)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct sk_buff *skb = s->skb;
	struct witness_record r = {.type = WITNESS_PACKET};
	uint32_t n = skb->len - skb->data_len;
	struct flow f = {};

	if (n > WITNESS_HEAD_MAX)
		n = WITNESS_HEAD_MAX;
	if (n < IPV4_MIN || bpf_probe_read_kernel(r.head, n, skb->data))
		return;
	read_flow(r.head, &f);
	if (place != AT_OUR_QUEUE && !is_wanted(&f))
		return;
	r.has_own = place == AT_NAT_HOOK && read_own(skb, &r.own);
	if (place == AT_NAT_HOOK && (!r.has_own || was_wanted(&r.own)))
		return;
	r.class = class_of(s, &f, task);
	if (place == AT_OTHER_QUEUE && r.class != WITNESS_SENDER)
		return;
	r.again = place == AT_OUR_QUEUE && r.class == WITNESS_OTHER;
	r.net_ns = s->state->net->ns.inum;
	r.time_ns = bpf_ktime_get_ns();
	r.len = skb->len;
	r.head_len = n;
	read_socket(skb->sk, &r);
	if (r.class == WITNESS_SENDER) {
		read_image(task, &r.image);
		read_sender(task, &r);
		look_at_image(task, &r.image);
	}
	tell(&r);
}

/* At the hook itself: every packet, before our rules have chosen. */
SEC("netfilter")
int witness_hook(struct bpf_nf_ctx *ctx)
{
	struct sight s = {ctx->skb, ctx->state, &ctx->state};

	look(&s, AT_HOOK);
	return NF_ACCEPT;
}

SEC("netfilter")
int witness_nat_hook(struct bpf_nf_ctx *ctx)
{
	struct sight s = {ctx->skb, ctx->state, &ctx->state};

	look(&s, AT_NAT_HOOK);
	return NF_ACCEPT;
}

/*
 * For kernels before 6.4: nf_queue(skb, state, index, verdict) of
 * net/netfilter/ nf_queue.c, which a packet comes to when a rule has chosen it,
 * still in its send.  The verdict has the queue's number in its upper half.
 */
SEC("fentry/nf_queue")
int witness_queue(unsigned long long *ctx)
{
	struct sight s = {(void *)ctx[0], (void *)ctx[1], &ctx[1]};
	bool ours = (uint32_t)ctx[3] >> NF_VERDICT_QBITS == shared.queue;

	if (s.state->hook == NF_INET_LOCAL_OUT &&
	    s.state->net->ns.inum == our_net_ns)
		look(&s, ours ? AT_OUR_QUEUE : AT_OTHER_QUEUE);
	return 0;
}
