/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook: the user's command (-e), run on an event while its packet is held. */
#include "hook.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook_spawn.h"
#include "util.h"

#define CLOSE_US   (100 * UTIL_MS)
#define ADOPTED_US UTIL_SEC

enum hook_state { HOOK_FREE, HOOK_RUNNING, HOOK_ENDED, HOOK_TAKEN };

struct hook {
	enum hook_state state;
	pid_t pid;
	int pidfd, outfd; /* -1: closed */
	uint64_t token;
	uint64_t start_us, deadline_us, duration_us;
	int status; /* as wait gives it */
	bool killed, truncated;
	char *out; /* stays with the slot */
	size_t len;
};

struct hook_pool {
	struct hook slots[HOOK_MAX];
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

/* Takes every dead child, also those that commands left to us.  An adopted one
 * has no pidfd that tells of its end: as long as there may be any, look again.
 */
static void reap(struct hook_pool *p, uint64_t now_us)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct hook *h = find_running(p, pid);

		if (h)
			end(p, h, status, now_us);
	}
	p->reap_us = pid == 0 ? now_us + ADOPTED_US : UINT64_MAX;
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
	siginfo_t si;

	(void)p;
	return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void kill_running(struct hook_pool *p)
{
	uint64_t now_us = util_now_us(), until_us = now_us + CLOSE_US;
	struct epoll_event ev;

	for (size_t i = 0; i < HOOK_MAX; i++)
		if (p->slots[i].state == HOOK_RUNNING)
			kill_group(&p->slots[i]);
	while (hook_running(p) > 0 && now_us < until_us) {
		int ms = (int)((until_us - now_us) / UTIL_MS) + 1;

		epoll_wait(p->epfd, &ev, 1, ms);
		now_us = util_now_us();
		hook_work(p, now_us);
	}
	reap(p, now_us);
}

void hook_close(struct hook_pool *p)
{
	if (!p)
		return;
	kill_running(p);
	for (size_t i = 0; i < HOOK_MAX; i++) {
		close_fd(&p->slots[i].outfd);
		close_fd(&p->slots[i].pidfd);
		free(p->slots[i].out);
	}
	close_fd(&p->epfd);
	hook_spawn_fini(&p->spawn);
	free(p);
}
