/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_cgroup: the programs that see sockets opened, connected and closed. */
#ifndef WITNESS_CGROUP_H
#define WITNESS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "witness.h"

/* A bpf_child_load; cfg is a struct witness_config.  -ENODEV: no cgroup v2;
 * -EBUSY: a program is at its root that wants no other beside it. */
int witness_cgroup_load(const void *cfg, int *fds, size_t *n);

/* Are all processes below the cgroup v2 root that is mounted here?  In a
 * container there are others. */
bool witness_cgroup_is_whole(void);

#endif
