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
#define HOOK_GROUPS_MAX 64 /* left in the background, of ended commands */

struct hook_pool;
struct hook; /* one running command */

struct hook_config {
	const char *command; /* -e; copied */
	uint64_t time_us;    /* --exec-time: then its group is killed */
};

/*
 * A command has ended when the process that was started has, and its result is
 * there at once.  What that left behind in its process group is killed when the
 * command's time is over, or at once if HOOK_GROUPS_MAX younger groups are left
 * behind.  Who went to another group or session before that lives on until
 * hook_close, and so does a member whose living parent went there.
 */

/* Makes the calling process a subreaper, SIGCHLD default, and all children it
 * has or gets the pool's to reap.  The environment for commands is ours as it
 * is now.  -errno. */
int hook_open(struct hook_pool **p, const struct hook_config *cfg);

/*
 * Kills what still runs, with its group, and the groups left behind; then every
 * child we have, and those that this makes ours, until there is none; reaps
 * them (all within a tenth of a second), frees.  The second part only if we had
 * no child at hook_open, whose descendants could not be told from the commands'
 * own, and if the kernel has CONFIG_PROC_CHILDREN: else who left its group
 * lives on.  NULL is fine.
 */
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

/* Reads output, reaps, kills what runs too long, left behind or not.  Call it
 * when hook_fd is readable and at hook_deadline (UINT64_MAX: none).  Never
 * blocks. */
void hook_work(struct hook_pool *p, uint64_t now_us);
uint64_t hook_deadline(const struct hook_pool *p);

/* The next command that has ended: result's output is valid until
 * hook_free(h).  False: none. */
bool hook_next(struct hook_pool *p, uint64_t *token, struct event_hook *result,
	       struct hook **h);
/* Only what hook_next gave; NULL is fine. */
void hook_free(struct hook_pool *p, struct hook *h);

/* How many run (without what ended ones left), and whether any descendant may
 * be there. */
size_t hook_running(const struct hook_pool *p);
bool hook_any_descendants(struct hook_pool *p);

#endif
