/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_open: a policy from its file, with what is wrong or odd in it said. */
#ifndef POLICY_OPEN_H
#define POLICY_OPEN_H

#include <stddef.h>

#include "policy_files.h"
#include "policy_rule.h"

/*
 * Reads the file and looks up its paths, which may block (policy_files_open says
 * where).  Errors and warnings go to the log, "FILE:LINE:COLUMN: TEXT" each.
 * 0: both are the caller's, and *warnings is how many there were; else -errno,
 * -EINVAL for what is written in it, and a line has said why.
 */
int policy_open(const char *path, struct policy **p, struct policy_files **files,
		size_t *warnings);

/* --check of that file.  One line on standard output where it may be used.
 * Returns the exit status: 0, or 2. */
int policy_check(const char *path);

#endif
