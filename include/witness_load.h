/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness_load: the program brought into the kernel, by a child that goes again. */
#ifndef WITNESS_LOAD_H
#define WITNESS_LOAD_H

#include "witness.h"
#include "witness_parts.h"

/* Loading reads all types of the kernel, ten megabytes that nobody needs
 * afterwards: a child does it.  *kind: which one it was.  Errors as
 * witness_open's; -1 for links that this kind does not need. */
int witness_load(const struct witness_config *cfg, enum witness_kind *kind,
		 int fds[WITNESS_FDS]);

#endif
