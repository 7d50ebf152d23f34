// SPDX-License-Identifier: GPL-2.0-or-later
/* fditer.bpf: in the kernel: all open sockets, and who has them open. */
#include "witness_kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "fditer_record.h"

#define SOCKFS_MAGIC	    0x534F434B
#define ANON_INODE_FS_MAGIC 0x09041934

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	uint64_t session_id;
	uint64_t seq_num;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	uint32_t fd __attribute__((aligned(8)));
	struct file *file;
};

#pragma clang attribute pop

char fditer_licence[] SEC("license") = "GPL";

/* A task has a number for each pid namespace from the first one to its own. All
 * that are seen here are in the reader's, or below: its level is that of the
 * number that the reader goes by. */
static __always_inline uint32_t number_of(const struct task_struct *task,
					  uint32_t level)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	const char *at = (const char *)&pid->numbers[0];
	const struct upid *u =
		(const void *)(at + level * bpf_core_type_size(struct upid));

	return pid ? (uint32_t)BPF_CORE_READ(u, nr) : 0;
}

static __always_inline void fill(const struct task_struct *task,
				 struct fditer_record *r)
{
	const struct task_struct *reader = (void *)bpf_get_current_task();
	uint32_t level = BPF_CORE_READ(reader, thread_pid, level);

	r->pid = number_of(task->group_leader, level);
	r->tid = number_of(task, level);
}

/* Such files have no other mark that is the same in all kernels. */
static __always_inline bool is_ring(const struct file *file)
{
	const char ring[] = {'[', 'i', 'o', '_', 'u', 'r',
			     'i', 'n', 'g', ']', 0};
	char name[sizeof(ring)] = {};
	bool same = true;

	if (file->f_inode->i_sb->s_magic != ANON_INODE_FS_MAGIC)
		return false;
	bpf_probe_read_kernel(name, sizeof(name),
			      BPF_CORE_READ(file, f_path.dentry, d_name.name));
#pragma unroll
	for (unsigned i = 0; i < sizeof(ring); i++)
		same &= name[i] == ring[i];
	return same;
}

/* Not a socket's name in a file system, opened with O_PATH: its inode number is
 * of another kind. */
SEC("iter/task_file")
int fditer(struct bpf_iter__task_file *ctx)
{
	const struct task_struct *task = ctx->task;
	const struct file *file = ctx->file;
	struct fditer_record r = {};

	if (!file || !task)
		return 0;
	if (file->f_inode->i_sb->s_magic == SOCKFS_MAGIC) {
		r.inode = file->f_inode->i_ino;
		r.fd = ctx->fd;
		fill(task, &r);
	} else if (is_ring(file)) {
		r.ring = 1;
		r.fd = ctx->fd;
		fill(task, &r);
	} else if (ctx->meta->seq_num % FDITER_QUIET) {
		return 0;
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
