/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_sender.bpf: in the kernel: who it is that runs; for both programs. */
#ifndef WITNESS_SENDER_BPF_H
#define WITNESS_SENDER_BPF_H

/* A file of its own for each program, and BPF links only what takes no kernel
 * structure: so the code stands here. */

#include "witness_kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "witness_record.h"

#define PF_KTHREAD	 0x00200000
#define PFA_NO_NEW_PRIVS 1 /* bit 0 of atomic_flags */

#define NAMESPACES_MAX 32 /* MAX_PID_NS_LEVEL */
#define STEPS_MAX      64 /* names and mount points of a path */

/* Changes nothing, but the verifier sees it (the compiler, which knows better,
 * would leave it out).  max is a power of two. */
#define KEEP_BELOW(var, max) asm volatile("%0 &= %1" : "+r"(var) : "i"((max)-1))

char witness_licence[] SEC("license") = "GPL";

const volatile uint32_t our_pid_ns, our_net_ns;
const volatile uint64_t ring_size;

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

/* A path on its way up. */
struct walk {
	struct dentry *dentry;
	struct mount *mnt;
	uint32_t from, len; /* in strings */
	uint32_t partial;
};

/* What need not be on the stack: that has 512 bytes for all that call each
 * other, which count in steps of 32 each (Linux 6.1). */
struct scratch {
	uint32_t busy;
	struct walk walk;
	struct witness_facts facts;
	char strings[4 * WITNESS_PATH_MAX + 2 * WITNESS_ARGS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* --------------------------------------------------------- who it is */

/* The number in our pid namespace, 0 outside of it; *own: in its own.  No
 * inline function: its stack is free again when the next one is called. */
static __noinline uint32_t pid_of(const struct task_struct *task, uint32_t *own)
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

static struct scratch *get_scratch(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

/* One name, or from a mounted root to where it is mounted.  1: the end. */
static long step_up(uint32_t i __attribute__((unused)),
		    void *data __attribute__((unused)))
{
	struct scratch *s = get_scratch();
	struct mount *mnt, *parent;
	struct dentry *dentry, *up;
	struct walk *w;
	uint32_t at;
	long n;

	if (!s)
		return 1;
	w = &s->walk;
	dentry = w->dentry;
	mnt = w->mnt;
	up = BPF_CORE_READ(dentry, d_parent);
	at = w->from + w->len;
	if (!up)
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
static __always_inline uint32_t read_path(struct walk *w, uint32_t from,
					  const struct path *path,
					  uint32_t *partial)
{
	char *vfs = (char *)BPF_CORE_READ(path, mnt);

	w->dentry = BPF_CORE_READ(path, dentry);
	w->mnt = (struct mount *)(vfs -
				  bpf_core_field_offset(struct mount, mnt));
	w->from = from;
	w->len = 0;
	w->partial = 1;
	bpf_loop(STEPS_MAX, step_up, NULL, 0);
	*partial = w->partial;
	return w->len;
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

/* A second sender on this processor (we may be preempted) goes without, and is
 * counted as one that found no room. */
static __noinline void tell_facts(const struct task_struct *task,
				  const struct witness_image *im)
{
	struct scratch *s = get_scratch();
	uint32_t len;
	struct witness_facts *f;

	if (!s || __sync_val_compare_and_swap(&s->busy, 0, 1)) {
		__sync_fetch_and_add(&shared.lost.facts, 1);
		return;
	}
	f = &s->facts;
	f->type = WITNESS_FACTS;
	f->image = *im;
	read_state(task, f);
	f->ns_pid = pid_ns_of(task);
	pid_of(BPF_CORE_READ(task, group_leader), &f->nspid);
	read_parents(task, f);
	f->exe_len = read_path(&s->walk, 0,
			       &BPF_CORE_READ(task, mm, exe_file)->f_path,
			       &f->exe_partial);
	len = f->exe_len;
	f->cwd_len = read_path(&s->walk, len, &BPF_CORE_READ(task, fs)->pwd,
			       &f->cwd_partial);
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

/* ---------------------------------------------------------------- telling */

/* The reader comes with the queue's packets; only where none of these do, and
 * the ring fills up, has it to be called. */
static __always_inline uint64_t wakeup(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > ring_size / 2
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

static __always_inline void tell(struct witness_record *r)
{
	/* Before: who reads the ring knows from it what is still to come. */
	__sync_fetch_and_add(&shared.begun, 1);
	if (bpf_ringbuf_output(&ring, r, sizeof(*r), wakeup()) == 0)
		return;
	shared.lost.last_ns = r->time_ns;
	__sync_fetch_and_add(&shared.lost.packets, 1);
}

#endif
