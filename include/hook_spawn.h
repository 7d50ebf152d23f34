/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook_spawn: one command started on an event, with all that it may see. */
#ifndef HOOK_SPAWN_H
#define HOOK_SPAWN_H

#include <spawn.h>
#include <stddef.h>
#include <sys/types.h>

#include "event.h"

/* What all commands have in common. */
struct hook_spawn {
	char *script; /* CMD "$@" */
	posix_spawnattr_t attr;
	char **envp; /* ours, then room for PTRAP_* */
	size_t nenv; /* ours */
};

/* Takes a copy of command and of where our environment's strings are.
 * -errno: nothing to undo. */
int hook_spawn_init(struct hook_spawn *s, const char *command);
void hook_spawn_fini(struct hook_spawn *s);

/* Starts it; *outfd is the end of its output pipe that does not block.
 * -errno: nothing is left. */
int hook_spawn_start(const struct hook_spawn *s, const struct event *e,
		     const char *json, size_t json_len, pid_t *pid, int *outfd);

#endif
