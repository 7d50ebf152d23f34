/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_kernel: the kernel's structures, as far as the witness reads them. */
#ifndef WITNESS_KERNEL_H
#define WITNESS_KERNEL_H

/*
 * Only the names count: where each member is in the running kernel is filled in
 * when the program is loaded.  So it can be built on a machine whose kernel has
 * no BTF.
 */

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;

#define bool	   _Bool
#define true	   1
#define false	   0

/* The names that libbpf's own headers use. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

typedef struct {
	uint32_t val;
} kuid_t;
typedef struct {
	uint32_t val;
} kgid_t;
typedef struct {
	uint64_t val;
} kernel_cap_t;
typedef struct {
	__s64 counter;
} atomic64_t;
typedef struct {
	int owned;
} socket_lock_t;

struct ns_common {
	unsigned int inum;
};

struct user_namespace {
	struct ns_common ns;
};

struct pid_namespace {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct super_block {
	uint32_t s_dev;
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned short i_mode;
	unsigned int i_nlink;
};

struct qstr {
	uint32_t len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

struct file {
	struct inode *f_inode;
	const struct cred *f_cred;
	struct path f_path;
};

struct mm_struct {
	unsigned long start_stack;
	unsigned long arg_start;
	unsigned long arg_end;
	struct file *exe_file;
};

struct fs_struct {
	struct path pwd;
};

struct kernfs_node {
	uint64_t id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	int index;
	struct tty_driver *driver;
};

struct signal_struct {
	struct tty_struct *tty;
};

struct seccomp {
	int mode;
};

struct task_struct {
	void *stack;
	unsigned int flags;
	struct mm_struct *mm;
	unsigned long atomic_flags;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	uint64_t start_boottime;
	uint64_t self_exec_id;
	const struct cred *real_cred;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid;
	unsigned int sessionid;
	struct seccomp seccomp;
	struct css_set *cgroups;
};

struct socket {
	struct file *file;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	uint32_t words[4];
};

struct sock_common {
	unsigned char skc_state;
	atomic64_t skc_cookie;
	possible_net_t skc_net;
	uint16_t skc_family;
	uint16_t skc_num;
	__be16 skc_dport;
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	socket_lock_t sk_lock;
	uint16_t sk_protocol;
	uint16_t sk_type;
	uint8_t sk_shutdown;
	uint8_t sk_kern_sock : 1;
};

struct udp_sock {
	uint8_t encap_type;
};

struct tcp_sock {
	uint8_t is_mptcp;
	uint8_t fastopen_connect : 1;
};

struct sk_buff {
	unsigned long _nfct;
	struct sock *sk;
	unsigned int len;
	unsigned int data_len;
	unsigned char *data;
};

union nf_inet_addr {
	uint32_t all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	uint16_t l3num;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
		uint8_t protonum;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
};

struct nf_hook_state {
	uint8_t hook;
	struct sock *sk;
	struct net *net;
};

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

#pragma clang attribute pop

#endif
