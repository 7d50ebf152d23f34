/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockowner_family: may a process have its socket from its parent, or a child from it? */
#ifndef SOCKOWNER_FAMILY_H
#define SOCKOWNER_FAMILY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fdscan.h"

/*
 * Who shares a socket by fork can wait in connect(2) for what the other one sent.
 * Has the parent or a child of the process (dirfd: open /proc/PID) that socket open,
 * at whatever number?  True, too, where they are more than can be looked at in a
 * moment: then only a sweep tells.
 */
bool sockowner_family_may_have(struct fdscan *scan, int dirfd, pid_t pid,
			       uint64_t inode);

#endif
