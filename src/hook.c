/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook: the user's command (-e), run on an event while its packet is held. */
#include "hook.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook_spawn.h"
#include "util.h"

#define CLOSE_US      (100 * UTIL_MS)
#define CLOSE_LOOK_MS 2
#define ADOPTED_US    UTIL_SEC

enum hook_state { HOOK_FREE, HOOK_RUNNING, HOOK_ENDED, HOOK_TAKEN };

struct hook {
	enum hook_state state;
	pid_t pid;	  /* 0: reaped, and its group seen to */
	int pidfd, outfd; /* -1: closed */
	uint64_t token;
	uint64_t start_us, deadline_us, duration_us;
	int status; /* as wait gives it */
	bool killed, truncated;
	char *out; /* stays with the slot */
	size_t len;
};

/* What a command that has ended left running, until its time is over. */
struct group {
	pid_t pgid;
	uint64_t deadline_us;
};

struct hook_pool {
	struct hook slots[HOOK_MAX];
	struct group groups[HOOK_GROUPS_MAX]; /* the oldest first */
	size_t ngroups;
	bool sole; /* all children come from commands */
	struct hook_spawn spawn;
	uint64_t time_us;
	uint64_t reap_us; /* look for adopted dead; UINT64_MAX */
	int epfd;
	char scratch[HOOK_OUTPUT_MAX]; /* output beyond the limit */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Whether such a child is ours, alive or not reaped: only then is its number,
 * or its group's, nobody else's. */
static bool has_child(idtype_t type, pid_t id)
{
	siginfo_t si;

	return waitid(type, (id_t)id, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int hook_open(struct hook_pool **pool, const struct hook_config *cfg)
{
	struct hook_pool *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	err = hook_spawn_init(&p->spawn, cfg->command);
	if (err) {
		free(p);
		return err;
	}
	for (size_t i = 0; i < HOOK_MAX; i++)
		p->slots[i].pidfd = p->slots[i].outfd = -1;
	p->time_us = cfg->time_us;
	p->reap_us = UINT64_MAX;
	p->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epfd < 0)
		err = -errno;
	/* Who started us may have it ignored: no child would leave a status. */
	signal(SIGCHLD, SIG_DFL);
	if (!err && prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) < 0)
		err = -errno;
	if (err) {
		hook_close(p);
		return err;
	}
	p->sole = !has_child(P_ALL, 0);
	*pool = p;
	return 0;
}

static struct hook *find_slot(struct hook_pool *p, enum hook_state state)
{
	for (size_t i = 0; i < HOOK_MAX; i++)
		if (p->slots[i].state == state)
			return &p->slots[i];
	return NULL;
}

static int watch(struct hook_pool *p, struct hook *h, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = h};

	return epoll_ctl(p->epfd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

/* Kills the group while its leader is not reaped: until then the number is
 * nobody else's. */
static void kill_group(struct hook *h)
{
	kill(-h->pid, SIGKILL);
	kill(h->pid, SIGKILL); /* if it moved to another group */
}

static void drop_group(struct hook_pool *p, size_t i)
{
	p->ngroups--;
	memmove(&p->groups[i], &p->groups[i + 1],
		(p->ngroups - i) * sizeof(p->groups[0]));
}

/* One kill is enough: a fork that it meets fails. */
static void kill_left(struct hook_pool *p, size_t i)
{
	pid_t pgid = p->groups[i].pgid;

	if (has_child(P_PGID, pgid))
		kill(-pgid, SIGKILL);
	drop_group(p, i);
}

/* After the leader was reaped. */
static void keep_group(struct hook_pool *p, const struct hook *h)
{
	if (!has_child(P_PGID, h->pid))
		return;
	if (p->ngroups == HOOK_GROUPS_MAX)
		kill_left(p, 0);
	p->groups[p->ngroups++] = (struct group){
		.pgid = h->pid,
		.deadline_us = h->deadline_us,
	};
}

/* A new process has this number, so the group that had it is no more: all its
 * members went to other groups. */
static void forget_group(struct hook_pool *p, pid_t pgid)
{
	for (size_t i = p->ngroups; i-- > 0;)
		if (p->groups[i].pgid == pgid)
			drop_group(p, i);
}

static void forget_ended_groups(struct hook_pool *p)
{
	for (size_t i = p->ngroups; i-- > 0;)
		if (!has_child(P_PGID, p->groups[i].pgid))
			drop_group(p, i);
}

/* A free slot with room for output. */
static int get_slot(struct hook_pool *p, struct hook **handle)
{
	struct hook *h = find_slot(p, HOOK_FREE);

	if (!h)
		return -EBUSY;
	if (!h->out)
		h->out = malloc(HOOK_OUTPUT_MAX);
	*handle = h;
	return h->out ? 0 : -ENOMEM;
}

static int start(struct hook_pool *p, struct hook *h, const struct event *e,
		 const char *json, size_t json_len)
{
	int err = hook_spawn_start(&p->spawn, e, json, json_len, &h->pid,
				   &h->outfd);

	if (err)
		return err;
	forget_group(p, h->pid);
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	err = h->pidfd < 0 ? -errno : watch(p, h, h->pidfd);
	if (!err)
		err = watch(p, h, h->outfd);
	if (err) {
		kill_group(h);
		close_fd(&h->outfd);
		close_fd(&h->pidfd);
		p->reap_us = 0; /* soon, like an adopted one */
	}
	return err;
}

int hook_start(struct hook_pool *p, const struct event *e, const char *json,
	       size_t json_len, uint64_t token, struct hook **handle)
{
	struct hook *h;
	int err;

	if (!e->has_process || e->process.pid <= 0)
		return -EINVAL;
	err = get_slot(p, &h);
	if (err)
		return err;
	h->start_us = util_now_us();
	err = start(p, h, e, json, json_len);
	if (err)
		return err;
	h->state = HOOK_RUNNING;
	h->token = token;
	h->deadline_us = h->start_us + p->time_us;
	if (h->deadline_us < h->start_us)
		h->deadline_us = UINT64_MAX;
	h->killed = h->truncated = false;
	h->len = 0;
	*handle = h;
	return 0;
}

int hook_fd(const struct hook_pool *p)
{
	return p->epfd;
}

/* One read: what has room is kept, the rest thrown away.  Returns how much it
 * was, 0 for nothing now or the end. */
static size_t read_output(struct hook_pool *p, struct hook *h)
{
	size_t room = HOOK_OUTPUT_MAX - h->len;
	struct iovec iov[2] = {
		{h->out + h->len, room},
		{p->scratch, sizeof(p->scratch)},
	};
	ssize_t n = readv(h->outfd, iov, 2);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		close_fd(&h->outfd);
		return 0;
	}
	if ((size_t)n > room) {
		h->truncated = true;
		h->len = HOOK_OUTPUT_MAX;
	} else {
		h->len += (size_t)n;
	}
	return (size_t)n;
}

/* What is in the pipe now is the command's.  A child that it left behind may
 * hold the other end for ever: nobody waits for that. */
static void end(struct hook_pool *p, struct hook *h, int status,
		uint64_t now_us)
{
	int left = 0;

	if (h->outfd >= 0 && ioctl(h->outfd, FIONREAD, &left) < 0)
		left = 0;
	while (left > 0 && h->outfd >= 0) {
		size_t n = read_output(p, h);

		left = n > 0 && n < (size_t)left ? left - (int)n : 0;
	}
	close_fd(&h->outfd);
	close_fd(&h->pidfd);
	h->status = status;
	h->duration_us = now_us > h->start_us ? now_us - h->start_us : 0;
	h->state = HOOK_ENDED;
}

static struct hook *find_running(struct hook_pool *p, pid_t pid)
{
	for (size_t i = 0; i < HOOK_MAX; i++)
		if (p->slots[i].state == HOOK_RUNNING && p->slots[i].pid == pid)
			return &p->slots[i];
	return NULL;
}

/* Once every dead child is taken, so that only who lives is kept. */
static void keep_groups(struct hook_pool *p)
{
	forget_ended_groups(p);
	for (size_t i = 0; i < HOOK_MAX; i++) {
		struct hook *h = &p->slots[i];

		if (h->state != HOOK_ENDED || h->pid == 0)
			continue;
		keep_group(p, h);
		h->pid = 0;
	}
}

/* Takes every dead child, also those that commands left to us.  An adopted one
 * has no pidfd that tells of its end: as long as there may be any, look again.
 */
static void reap(struct hook_pool *p, uint64_t now_us)
{
	bool any = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct hook *h = find_running(p, pid);

		if (h)
			end(p, h, status, now_us);
		any = true;
	}
	p->reap_us = pid == 0 ? now_us + ADOPTED_US : UINT64_MAX;
	if (any)
		keep_groups(p);
}

static void kill_late(struct hook_pool *p, uint64_t now_us)
{
	for (size_t i = 0; i < HOOK_MAX; i++) {
		struct hook *h = &p->slots[i];

		if (h->state != HOOK_RUNNING || h->killed ||
		    h->deadline_us > now_us)
			continue;
		h->killed = true;
		kill_group(h);
	}
	for (size_t i = p->ngroups; i-- > 0;)
		if (p->groups[i].deadline_us <= now_us)
			kill_left(p, i);
}

void hook_work(struct hook_pool *p, uint64_t now_us)
{
	struct epoll_event ev[HOOK_MAX];
	int n = epoll_wait(p->epfd, ev, HOOK_MAX, 0);

	for (int i = 0; i < n; i++) {
		struct hook *h = ev[i].data.ptr;

		if (h->outfd >= 0)
			read_output(p, h);
	}
	/* In this order: what has ended in time was not killed. */
	reap(p, now_us);
	kill_late(p, now_us);
}

uint64_t hook_deadline(const struct hook_pool *p)
{
	uint64_t next = p->reap_us;

	for (size_t i = 0; i < HOOK_MAX; i++) {
		const struct hook *h = &p->slots[i];

		if (h->state == HOOK_RUNNING && !h->killed &&
		    h->deadline_us < next)
			next = h->deadline_us;
	}
	for (size_t i = 0; i < p->ngroups; i++)
		if (p->groups[i].deadline_us < next)
			next = p->groups[i].deadline_us;
	return next;
}

bool hook_next(struct hook_pool *p, uint64_t *token, struct event_hook *result,
	       struct hook **handle)
{
	struct hook *h = find_slot(p, HOOK_ENDED);

	if (!h)
		return false;
	h->state = HOOK_TAKEN;
	*token = h->token;
	*result = (struct event_hook){
		.ran = true,
		.ended = true,
		.status = WIFSIGNALED(h->status) ? 128 + WTERMSIG(h->status)
						 : WEXITSTATUS(h->status),
		.killed = h->killed,
		.duration_us = h->duration_us,
		.output = h->out,
		.output_len = h->len,
		.output_truncated = h->truncated,
	};
	*handle = h;
	return true;
}

void hook_free(struct hook_pool *p, struct hook *h)
{
	(void)p;
	if (h && h->state == HOOK_TAKEN)
		h->state = HOOK_FREE;
}

size_t hook_running(const struct hook_pool *p)
{
	size_t n = 0;

	for (size_t i = 0; i < HOOK_MAX; i++)
		n += p->slots[i].state == HOOK_RUNNING;
	return n;
}

bool hook_any_descendants(struct hook_pool *p)
{
	(void)p;
	return has_child(P_ALL, 0);
}

/* The numbers may be of another pid namespace than ours, as /proc is: each is
 * made sure of. */
static size_t kill_listed(const char *path)
{
	FILE *list = fopen(path, "re");
	size_t n = 0;
	pid_t pid;

	if (!list)
		return 0;
	while (fscanf(list, "%d", &pid) == 1) {
		if (!has_child(P_PID, pid))
			continue;
		kill(pid, SIGKILL);
		n++;
	}
	fclose(list);
	return n;
}

/* Whoever is our child, in whatever group; returns how many there are.  Needs
 * CONFIG_PROC_CHILDREN. */
static size_t kill_children(const struct hook_pool *p)
{
	glob_t lists = {0};
	size_t n = 0;

	if (!p->sole || !has_child(P_ALL, 0))
		return 0;
	if (glob("/proc/self/task/*/children", GLOB_NOSORT, NULL, &lists) == 0)
		for (size_t i = 0; i < lists.gl_pathc; i++)
			n += kill_listed(lists.gl_pathv[i]);
	globfree(&lists);
	return n;
}

/* The children of those that are killed become ours: again, until none is. */
static void kill_all(struct hook_pool *p)
{
	uint64_t now_us = util_now_us(), until_us = now_us + CLOSE_US;
	struct epoll_event ev;

	for (size_t i = 0; i < HOOK_MAX; i++)
		if (p->slots[i].state == HOOK_RUNNING)
			kill_group(&p->slots[i]);
	while (p->ngroups > 0)
		kill_left(p, p->ngroups - 1);
	while (kill_children(p) + hook_running(p) > 0 && now_us < until_us) {
		epoll_wait(p->epfd, &ev, 1, CLOSE_LOOK_MS);
		now_us = util_now_us();
		hook_work(p, now_us);
	}
	reap(p, now_us);
}

void hook_close(struct hook_pool *p)
{
	if (!p)
		return;
	kill_all(p);
	for (size_t i = 0; i < HOOK_MAX; i++) {
		close_fd(&p->slots[i].outfd);
		close_fd(&p->slots[i].pidfd);
		free(p->slots[i].out);
	}
	close_fd(&p->epfd);
	hook_spawn_fini(&p->spawn);
	free(p);
}
