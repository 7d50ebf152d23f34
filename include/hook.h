/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook: the user's command (-e), run on an event while its packet is held. */
#ifndef HOOK_H
#define HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "event.h"

#define HOOK_MAX	64 /* side by side */
#define HOOK_OUTPUT_MAX 65536

struct hook_pool;
struct hook; /* one running command */

struct hook_config {
	const char *command; /* -e; copied */
	uint64_t time_us;    /* --exec-time: then its group is killed */
};

/* Makes the calling process a subreaper, SIGCHLD default, and all children it
 * has or gets the pool's to reap.  The environment for commands is ours as it
 * is now.  -errno. */
int hook_open(struct hook_pool **p, const struct hook_config *cfg);

/* Kills what still runs, reaps it (waits a tenth of a second at most), frees.
 * What commands that have ended left in the background lives on.  NULL is
 * fine. */
void hook_close(struct hook_pool *p);

/*
 * Starts `/bin/sh -c 'CMD "$@"' sh PID` in a process group of its own, with
 * PTRAP_* in its environment (empty: not known), the JSON line on standard
 * input (a memfd, so that nothing blocks), standard output and error into a
 * pipe, no other descriptor, default signals.  token comes back with its end;
 * *h stays valid until hook_free.  -EBUSY: HOOK_MAX run.  -EINVAL: the event
 * names no process.  Any other -errno: it could not be started, nothing is left
 * of it.
 */
int hook_start(struct hook_pool *p, const struct event *e, const char *json,
	       size_t json_len, uint64_t token, struct hook **h);

/* One descriptor for the caller's poll: an epoll set of pipes and pidfds. */
int hook_fd(const struct hook_pool *p);

/* Reads output, reaps, kills what ran too long.  Call it when hook_fd is
 * readable and at hook_deadline (UINT64_MAX: none).  Never blocks. */
void hook_work(struct hook_pool *p, uint64_t now_us);
uint64_t hook_deadline(const struct hook_pool *p);

/* The next command that has ended: result's output is valid until
 * hook_free(h).  False: none. */
bool hook_next(struct hook_pool *p, uint64_t *token, struct event_hook *result,
	       struct hook **h);
/* Only what hook_next gave; NULL is fine. */
void hook_free(struct hook_pool *p, struct hook *h);

/* How many run, and whether descendants may be left of earlier ones. */
size_t hook_running(const struct hook_pool *p);
bool hook_any_descendants(struct hook_pool *p);

#endif
