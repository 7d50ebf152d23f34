/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process_parents: who is above a process, for the next child of the same
 * parent. */
#include "process_parents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 8192 /* of its exe and arguments */

struct entry {
	uint64_t read_us; /* 0: empty */
	int stat_fd;	  /* its own: of no other with its pid */
	struct procfs_stat st;
	struct process_parent parent;
	struct strpool pool;
	char mem[TEXT_MAX];
};

struct process_parents {
	struct entry *entries[PROCESS_PARENTS_MAX]; /* by pid; made when needed
						     */
};

int process_parents_open(struct process_parents **pp)
{
	*pp = calloc(1, sizeof(**pp));
	return *pp == NULL ? -ENOMEM : 0;
}

static void forget(struct entry *e)
{
	if (e->read_us != 0)
		close(e->stat_fd);
	e->read_us = 0;
}

void process_parents_close(struct process_parents *pp)
{
	if (pp == NULL)
		return;
	for (size_t i = 0; i < PROCESS_PARENTS_MAX; i++) {
		if (pp->entries[i] != NULL)
			forget(pp->entries[i]);
		free(pp->entries[i]);
	}
	free(pp);
}

static struct entry *entry_of(struct process_parents *pp, pid_t pid)
{
	struct entry **e = &pp->entries[(unsigned)pid % PROCESS_PARENTS_MAX];

	if (*e == NULL)
		*e = calloc(1, sizeof(**e));
	return *e;
}

/* Alive, the same program, and below the same parent. */
static bool is_as_before(const struct entry *e)
{
	struct procfs_stat st;
	char text[1024];
	ssize_t n = pread(e->stat_fd, text, sizeof(text), 0);

	return n > 0 && procfs_parse_stat(text, (size_t)n, &st) == 0 &&
	       st.starttime == e->st.starttime && st.ppid == e->st.ppid &&
	       st.arg_start == e->st.arg_start &&
	       st.startstack == e->st.startstack;
}

static bool is_mid_exec(const struct entry *e, int dirfd)
{
	struct procfs_image im;

	return procfs_stat_exe(dirfd, &im) == 0 &&
	       procfs_is_mid_exec(&e->st, &im);
}

static int read_entry(struct entry *e, int rootfd, int dirfd)
{
	int err;

	strpool_init(&e->pool, e->mem, sizeof(e->mem));
	err = process_read_lineage_from(rootfd, dirfd, &e->pool, &e->st,
					&e->parent.lineage);
	if (err < 0)
		return err;
	if (e->pool.overflow)
		return -ENAMETOOLONG;
	if (is_mid_exec(e, dirfd))
		return -EAGAIN;
	e->parent.pid = e->st.pid;
	e->parent.starttime = e->st.starttime;
	e->stat_fd = openat(dirfd, "stat", O_RDONLY | O_CLOEXEC);
	if (e->stat_fd < 0)
		return -errno;
	if (is_as_before(e))
		return 0;
	close(e->stat_fd);
	return -EAGAIN;
}

const struct process_parent *process_parents_find(struct process_parents *pp,
						  uint64_t now_us, int rootfd,
						  pid_t pid)
{
	struct entry *e = entry_of(pp, pid);
	int dirfd;

	if (e == NULL)
		return NULL;
	if (e->read_us != 0 && e->parent.pid == pid &&
	    now_us <= e->read_us + PROCESS_PARENTS_US && is_as_before(e))
		return &e->parent;
	forget(e);
	dirfd = procfs_open_pid(rootfd, pid);
	if (dirfd < 0)
		return NULL;
	if (read_entry(e, rootfd, dirfd) == 0)
		e->read_us = now_us;
	close(dirfd);
	return e->read_us != 0 ? &e->parent : NULL;
}

void process_parents_copy(const struct process_lineage *from,
			  struct strpool *pool, struct process_lineage *to)
{
	*to = (struct process_lineage){
		.n = from->n,
		.complete = from->complete,
		.reason = from->reason,
	};
	memcpy(to->list, from->list, from->n * sizeof(from->list[0]));
	if (from->parent_exe != NULL)
		to->parent_exe = strpool_add_text(pool, from->parent_exe);
	if (from->parent_args != NULL)
		to->parent_args = strpool_add(pool, from->parent_args,
					      from->parent_args_len);
	if (to->parent_args != NULL)
		to->parent_args_len = from->parent_args_len;
}

/* As process_read_lineage has it: older than the child, which names it still,
 * or is gone. */
static bool is_parent(const struct process_parent *parent, int dirfd,
		      const struct process *p)
{
	struct procfs_stat now;
	int err;

	if (parent->starttime > p->starttime)
		return false;
	err = procfs_read_stat(dirfd, &now);
	return err == -ESRCH || (err == 0 && now.ppid == parent->pid);
}

void process_parents_read_lineage(struct process_parents *pp, uint64_t now_us,
				  int rootfd, int dirfd,
				  const struct process *p, struct strpool *pool,
				  struct process_lineage *l)
{
	const struct process_parent *parent = NULL;

	if (p->ppid != 0)
		parent = process_parents_find(pp, now_us, rootfd, p->ppid);
	/* What has no room, or is not so, it has the reasons for. */
	if (parent != NULL && is_parent(parent, dirfd, p))
		process_parents_copy(&parent->lineage, pool, l);
	else
		process_read_lineage(rootfd, p, pool, l);
}
