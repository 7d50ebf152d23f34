// SPDX-License-Identifier: GPL-2.0-or-later
/* witness.bpf: in the kernel, at the moment of sending: who sends this packet?
 */
#include "witness_kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "witness_record.h"

#define NF_ACCEPT	  1
#define NF_INET_LOCAL_OUT 3
#define NF_VERDICT_QBITS  16

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

#define PF_KTHREAD	 0x00200000
#define PFA_NO_NEW_PRIVS 1 /* bit 0 of atomic_flags */

#define NAMESPACES_MAX 32 /* MAX_PID_NS_LEVEL */
#define STEPS_MAX      64 /* names and mount points of a path */

/* Changes nothing, but the verifier sees it (the compiler, which knows better,
 * would leave it out).  max is a power of two. */
#define KEEP_BELOW(var, max) asm volatile("%0 &= %1" : "+r"(var) : "i"((max)-1))

char witness_licence[] SEC("license") = "GPL";

const volatile struct witness_filter filters[WITNESS_FILTERS_MAX];
const volatile uint32_t nfilters; /* 0: all packets */
const volatile bool syn_only;	  /* of TCP, what opens a connection */
const volatile uint32_t our_pid_ns, our_net_ns;
const volatile uint64_t ring_size, stack_size;

struct witness_shared shared = {.queue = WITNESS_NO_QUEUE};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

/* Images whose facts are told; the value is what else makes them old. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct witness_image);
	__type(value, uint32_t);
} told SEC(".maps");

struct scratch {
	uint32_t busy;
	struct witness_facts facts;
	char strings[4 * WITNESS_PATH_MAX + 2 * WITNESS_ARGS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct scratch);
} scratches SEC(".maps");

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

static __always_inline uint32_t class_of(const struct sight *s,
					 const struct flow *f,
					 const struct task_struct *task)
{
	struct sock *sk = s->skb->sk;

	if (!sk)
		return WITNESS_KERNEL;
	if (!is_full(sk))
		return WITNESS_OTHER;
	/* A subflow of MPTCP is the kernel's, but a user's file is on it. */
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock))
		return BPF_CORE_READ(sk, sk_socket, file) ? WITNESS_OTHER
							  : WITNESS_KERNEL;
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

/* The number in our pid namespace, 0 outside of it; *own: in its own. */
static __always_inline uint32_t pid_of(const struct task_struct *task,
				       uint32_t *own)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	uint32_t level = BPF_CORE_READ(pid, level), nr = 0;
	const char *at = (const char *)&pid->numbers[0];

	for (uint32_t i = 0; i < NAMESPACES_MAX && i <= level; i++) {
		const struct upid *u =
			(const void *)(at +
				       i * bpf_core_type_size(struct upid));

		if (own)
			*own = (uint32_t)BPF_CORE_READ(u, nr);
		if (BPF_CORE_READ(u, ns, ns.inum) == our_pid_ns) {
			nr = (uint32_t)BPF_CORE_READ(u, nr);
			if (!own)
				break;
		}
	}
	return nr;
}

static __always_inline void read_image(const struct task_struct *task,
				       struct witness_image *im)
{
	const struct mm_struct *mm = BPF_CORE_READ(task, mm);
	const struct inode *exe = BPF_CORE_READ(mm, exe_file, f_inode);

	im->tgid = (uint32_t)BPF_CORE_READ(task, tgid);
	im->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	im->exec_id = BPF_CORE_READ(task, self_exec_id);
	im->arg_start = BPF_CORE_READ(mm, arg_start);
	im->start_stack = BPF_CORE_READ(mm, start_stack);
	im->exe_ino = BPF_CORE_READ(exe, i_ino);
	im->exe_dev = BPF_CORE_READ(exe, i_sb, s_dev);
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

static __always_inline void read_sender(const struct task_struct *task,
					struct witness_record *r)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	r->pid = pid_of(BPF_CORE_READ(task, group_leader), 0);
	r->tid = pid_of(task, 0);
	r->uid = BPF_CORE_READ(cred, uid.val);
	r->gid = BPF_CORE_READ(cred, gid.val);
	r->euid = BPF_CORE_READ(cred, euid.val);
	r->egid = BPF_CORE_READ(cred, egid.val);
	r->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel(r->comm, sizeof(r->comm),
			      &task->group_leader->comm);
}

/* -------------------------------------------------------------- the facts */

/* A path on its way up. */
struct walk {
	struct dentry *dentry;
	struct mount *mnt;
	uint32_t from, len; /* in strings */
	uint32_t partial;
};

static struct scratch *get_scratch(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

/* One name, or from a mounted root to where it is mounted.  1: the end. */
static long step_up(uint32_t i __attribute__((unused)), void *data)
{
	struct scratch *s = get_scratch();
	struct walk *w = data;
	struct dentry *dentry = w->dentry;
	struct mount *mnt = w->mnt, *parent;
	struct dentry *up = BPF_CORE_READ(dentry, d_parent);
	uint32_t at = w->from + w->len;
	long n;

	if (!s || !up)
		return 1;
	if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
		parent = BPF_CORE_READ(mnt, mnt_parent);
		if (parent == mnt) {
			w->partial = 0;
			return 1;
		}
		w->dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
		w->mnt = parent;
		return 0;
	}
	if (w->len >= WITNESS_PATH_MAX)
		return 1;
	KEEP_BELOW(at, 4 * WITNESS_PATH_MAX);
	n = bpf_probe_read_kernel_str(s->strings + at, WITNESS_NAME_MAX,
				      BPF_CORE_READ(dentry, d_name.name));
	if (n <= 0)
		return 1;
	w->len += (uint32_t)n;
	w->dentry = up;
	/* Below nothing at all: a memfd. */
	if (dentry == up)
		w->partial = 0;
	return dentry == up;
}

/* The names from the last to the first, each with its NUL; past mount points
 * to the namespace's root.  *partial: it has more than fits. */
static __always_inline uint32_t read_path(uint32_t from,
					  const struct path *path,
					  uint32_t *partial)
{
	char *vfs = (char *)BPF_CORE_READ(path, mnt);
	struct walk w = {
		.dentry = BPF_CORE_READ(path, dentry),
		.mnt = (struct mount *)(vfs - bpf_core_field_offset(
						      struct mount, mnt)),
		.from = from,
		.partial = 1,
	};

	bpf_loop(STEPS_MAX, step_up, &w, 0);
	*partial = w.partial;
	return w.len;
}

static __always_inline void read_parents(const struct task_struct *task,
					 struct witness_facts *f)
{
	const struct task_struct *t = BPF_CORE_READ(task, group_leader);

	f->nparents = 0;
	f->parents_end = 0;
	for (int i = 0; i < WITNESS_PARENTS_MAX; i++) {
		struct witness_parent *p = &f->parents[i];
		const struct task_struct *up = BPF_CORE_READ(t, real_parent);

		up = BPF_CORE_READ(up, group_leader);
		p->pid = up && up != t ? pid_of(up, 0) : 0;
		if (!p->pid) {
			f->parents_end = 1;
			break;
		}
		p->start_ns = BPF_CORE_READ(up, start_boottime);
		bpf_probe_read_kernel(p->comm, sizeof(p->comm), &up->comm);
		f->nparents++;
		t = up;
	}
}

static __always_inline void read_state(const struct task_struct *task,
				       struct witness_facts *f)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	const struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	const struct mm_struct *mm = BPF_CORE_READ(task, mm);

	f->loginuid = f->sessionid = ~0U;
	if (bpf_core_field_exists(task->loginuid)) {
		f->loginuid = BPF_CORE_READ(task, loginuid.val);
		f->sessionid = BPF_CORE_READ(task, sessionid);
	}
	/* Two halves before Linux 6.3, the lower one first. */
	BPF_CORE_READ_INTO(&f->cap_eff, cred, cap_effective);
	f->ns_user = BPF_CORE_READ(cred, user_ns, ns.inum);
	f->ns_mnt = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	f->ns_net = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	f->seccomp = 0;
	if (bpf_core_field_exists(task->seccomp.mode))
		f->seccomp = (uint32_t)BPF_CORE_READ(task, seccomp.mode);
	f->no_new_privs = BPF_CORE_READ(task, atomic_flags) & PFA_NO_NEW_PRIVS;
	f->tty_major = f->tty_minor = 0;
	if (tty) {
		f->tty_major = (uint32_t)BPF_CORE_READ(tty, driver, major);
		f->tty_minor =
			(uint32_t)(BPF_CORE_READ(tty, driver, minor_start) +
				   BPF_CORE_READ(tty, index));
	}
	f->exe_nlink = BPF_CORE_READ(mm, exe_file, f_inode, i_nlink);
}

static __always_inline uint32_t pid_ns_of(const struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	uint32_t level = BPF_CORE_READ(pid, level);
	const char *at = (const char *)&pid->numbers[0];
	const struct upid *u =
		(const void *)(at + level * bpf_core_type_size(struct upid));

	return BPF_CORE_READ(u, ns, ns.inum);
}

static __always_inline uint32_t read_args(const struct task_struct *task,
					  char *to, uint32_t *truncated)
{
	const struct mm_struct *mm = BPF_CORE_READ(task, mm);
	uint64_t start = BPF_CORE_READ(mm, arg_start);
	uint64_t end = BPF_CORE_READ(mm, arg_end), len;

	len = end > start ? end - start : 0;
	*truncated = len > WITNESS_ARGS_MAX;
	if (*truncated)
		len = WITNESS_ARGS_MAX;
	KEEP_BELOW(len, 2 * WITNESS_ARGS_MAX);
	if (bpf_probe_read_user(to, (uint32_t)len, (const void *)start) < 0)
		len = 0;
	return (uint32_t)len;
}

/* A second sender on this processor (we may be preempted) goes without. */
static __noinline void tell_facts(const struct task_struct *task,
				  const struct witness_image *im)
{
	struct scratch *s = get_scratch();
	uint32_t len;
	struct witness_facts *f;

	if (!s || __sync_val_compare_and_swap(&s->busy, 0, 1))
		return;
	f = &s->facts;
	f->type = WITNESS_FACTS;
	f->image = *im;
	read_state(task, f);
	f->ns_pid = pid_ns_of(task);
	pid_of(BPF_CORE_READ(task, group_leader), &f->nspid);
	read_parents(task, f);
	f->exe_len = read_path(0, &BPF_CORE_READ(task, mm, exe_file)->f_path,
			       &f->exe_partial);
	len = f->exe_len;
	f->cwd_len =
		read_path(len, &BPF_CORE_READ(task, fs)->pwd, &f->cwd_partial);
	len += f->cwd_len;
	KEEP_BELOW(len, 4 * WITNESS_PATH_MAX);
	f->args_len = read_args(task, s->strings + len, &f->args_truncated);
	len += f->args_len;
	KEEP_BELOW(len, 4 * WITNESS_PATH_MAX + 2 * WITNESS_ARGS_MAX);
	if (bpf_ringbuf_output(&ring, f, sizeof(*f) + len, BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&shared.lost.facts, 1);
	else {
		uint32_t parent = f->parents[0].pid;

		bpf_map_update_elem(&told, im, &parent, BPF_ANY);
	}
	s->busy = 0;
}

static __always_inline void look_at_image(const struct task_struct *task,
					  const struct witness_image *im)
{
	const uint32_t *parent = bpf_map_lookup_elem(&told, im);
	const struct task_struct *up = BPF_CORE_READ(task, group_leader);

	up = BPF_CORE_READ(up, real_parent, group_leader);
	if (!parent || *parent != pid_of(up, 0))
		tell_facts(task, im);
}

/* ----------------------------------------------------------- the programs */

/* The reader comes with the queue's packets; only where none of these do, and
 * the ring fills up, has it to be called. */
static __always_inline uint64_t wakeup(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > ring_size / 2
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

static __always_inline void tell_packet(struct witness_record *r)
{
	if (bpf_ringbuf_output(&ring, r, sizeof(*r), wakeup()) == 0)
		return;
	shared.lost.last_ns = r->time_ns;
	__sync_fetch_and_add(&shared.lost.packets, 1);
}

/* Where a packet is seen. */
enum place {
	AT_HOOK,	/* every packet, chosen by a rule or not */
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
	r.class = class_of(s, &f, task);
	if (place == AT_OTHER_QUEUE && r.class != WITNESS_SENDER)
		return;
	r.again = place == AT_OUR_QUEUE && r.class == WITNESS_OTHER;
	r.time_ns = bpf_ktime_get_ns();
	r.len = skb->len;
	r.head_len = n;
	read_socket(skb->sk, &r);
	if (r.class == WITNESS_SENDER) {
		read_image(task, &r.image);
		read_sender(task, &r);
		look_at_image(task, &r.image);
	}
	tell_packet(&r);
}

/* At the hook itself: every packet, before our rules have chosen. */
SEC("netfilter")
int witness_hook(struct bpf_nf_ctx *ctx)
{
	struct sight s = {ctx->skb, ctx->state, &ctx->state};

	look(&s, AT_HOOK);
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
