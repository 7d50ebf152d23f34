/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process_cache: what was just read of a process, for the next packet of the
 * same one. */
#include "process_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 8192 /* of all strings of a process */

struct entry {
	uint64_t read_us; /* 0: empty */
	int stat_fd;	  /* the process's own: of no other with its pid */
	struct process p;
	struct process_lineage lineage;
	struct strpool pool;
	char mem[TEXT_MAX];
};

struct process_cache {
	struct entry *entries[PROCESS_CACHE_MAX]; /* by pid; made when needed */
};

int process_cache_open(struct process_cache **pc)
{
	*pc = calloc(1, sizeof(**pc));
	return *pc == NULL ? -ENOMEM : 0;
}

static void forget(struct entry *e)
{
	if (e->read_us != 0)
		close(e->stat_fd);
	e->read_us = 0;
}

void process_cache_close(struct process_cache *pc)
{
	if (pc == NULL)
		return;
	for (size_t i = 0; i < PROCESS_CACHE_MAX; i++) {
		if (pc->entries[i] != NULL)
			forget(pc->entries[i]);
		free(pc->entries[i]);
	}
	free(pc);
}

static struct entry **place_of(struct process_cache *pc, pid_t pid)
{
	return &pc->entries[(unsigned)pid % PROCESS_CACHE_MAX];
}

static const char *copy(struct strpool *pool, const char *text)
{
	return text != NULL ? strpool_add_text(pool, text) : NULL;
}

static void copy_lineage(struct strpool *pool,
			 const struct process_lineage *from,
			 struct process_lineage *to)
{
	to->n = from->n;
	memcpy(to->list, from->list, from->n * sizeof(from->list[0]));
	to->complete = from->complete;
	to->reason = from->reason;
	to->parent_exe = copy(pool, from->parent_exe);
	to->parent_args = from->parent_args;
	to->parent_args_len = from->parent_args_len;
	if (from->parent_args != NULL)
		to->parent_args = strpool_add(pool, from->parent_args,
					      from->parent_args_len);
	if (to->parent_args == NULL)
		to->parent_args_len = 0;
}

/* What process_read_rest fills. */
static void copy_rest(struct strpool *pool, const struct process *from,
		      struct process *to)
{
	to->has_rest = from->has_rest;
	to->cgroup = copy(pool, from->cgroup);
	to->foreign_mntns = from->foreign_mntns;
	to->has_creds = from->has_creds;
	to->uid = from->uid;
	to->gid = from->gid;
	to->nspid = from->nspid;
	to->cap_eff = from->cap_eff;
	to->no_new_privs = from->no_new_privs;
	to->seccomp = from->seccomp;
	to->cwd = copy(pool, from->cwd);
	to->script = copy(pool, from->script);
	to->script_open = from->script_open;
	to->unit = copy(pool, from->unit);
	to->container = copy(pool, from->container);
	to->label = copy(pool, from->label);
	to->tty = copy(pool, from->tty);
	to->loginuid = from->loginuid;
	to->sessionid = from->sessionid;
	to->ns_mnt = from->ns_mnt;
	to->ns_pid = from->ns_pid;
	to->ns_net = from->ns_net;
	to->ns_user = from->ns_user;
}

/* The kernel may tell the witness another device and inode than us (overlay and
 * its like): then the path has to be the same. */
static bool is_exe(const struct process *a, const struct process *b)
{
	if (a->image.exe_dev == b->image.exe_dev)
		return a->image.exe_ino == b->image.exe_ino;
	return a->exe != NULL && b->exe != NULL && strcmp(a->exe, b->exe) == 0;
}

static bool is_same_args(const struct process *a, const struct process *b)
{
	return a->args_len == b->args_len &&
	       (a->args_len == 0 || memcmp(a->args, b->args, a->args_len) == 0);
}

/* The script is told from the arguments. */
static bool is_entry_of(const struct entry *e, const struct process *p)
{
	const struct process *kept = &e->p;

	return kept->pid == p->pid && kept->starttime == p->starttime &&
	       kept->image.arg_start == p->image.arg_start &&
	       kept->image.startstack == p->image.startstack &&
	       is_exe(kept, p) && is_same_args(kept, p) && p->has_owner &&
	       kept->has_owner && kept->euid == p->euid &&
	       kept->egid == p->egid;
}

/* Alive, the same image, and the same parent. */
static bool is_as_before(const struct entry *e)
{
	struct procfs_stat st;
	char text[1024];
	ssize_t n = pread(e->stat_fd, text, sizeof(text), 0);

	return n > 0 && procfs_parse_stat(text, (size_t)n, &st) == 0 &&
	       st.starttime == e->p.starttime && st.ppid == e->p.ppid &&
	       st.arg_start == e->p.image.arg_start &&
	       st.startstack == e->p.image.startstack;
}

static void copy_all(struct strpool *pool, const struct process *from,
		     const struct process_lineage *above, struct process *p,
		     struct process_lineage *l)
{
	p->exe = copy(pool, from->exe);
	p->exe_kind = from->exe_kind;
	copy_rest(pool, from, p);
	copy_lineage(pool, above, l);
}

bool process_cache_get(struct process_cache *pc, uint64_t now_us,
		       struct strpool *pool, struct process *p,
		       struct process_lineage *l)
{
	const struct strpool before = *pool;
	struct entry *e = *place_of(pc, p->pid);
	struct process_lineage lineage;
	struct process known = *p;

	if (e == NULL || e->read_us == 0 || !is_entry_of(e, p))
		return false;
	if (now_us > e->read_us + PROCESS_CACHE_US || !is_as_before(e)) {
		forget(e);
		return false;
	}
	copy_all(pool, &e->p, &e->lineage, &known, &lineage);
	/* What does not fit any more is better read as far as it does. */
	if (pool->overflow) {
		*pool = before;
		return false;
	}
	*p = known;
	*l = lineage;
	return true;
}

static struct entry *make_room(struct process_cache *pc, pid_t pid)
{
	struct entry **place = place_of(pc, pid);

	if (*place == NULL)
		*place = calloc(1, sizeof(**place));
	else
		forget(*place);
	return *place;
}

static int open_stat(int rootfd, pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "%d/stat", pid);
	return openat(rootfd, name, O_RDONLY | O_CLOEXEC);
}

void process_cache_put(struct process_cache *pc, uint64_t now_us, int rootfd,
		       const struct process *p, const struct process_lineage *l)
{
	struct entry *e = make_room(pc, p->pid);

	if (e == NULL)
		return;
	strpool_init(&e->pool, e->mem, sizeof(e->mem));
	e->p = *p;
	e->p.args = NULL;
	if (p->args != NULL)
		e->p.args = strpool_add(&e->pool, p->args, p->args_len);
	copy_all(&e->pool, p, l, &e->p, &e->lineage);
	if (e->pool.overflow)
		return;
	e->stat_fd = open_stat(rootfd, p->pid);
	if (e->stat_fd >= 0 && is_as_before(e))
		e->read_us = now_us;
	else if (e->stat_fd >= 0)
		close(e->stat_fd);
}
